//! Field arithmetic as Yul: straight-line code at its addresses, in functions of bounded size.

use super::place::Place;
use crate::{
    field::{
        expression::{Formula, Operation, Store, Word},
        straight_line::StraightLine,
    },
    yul::{Block, Expression, Literal, Name, Statement, add, addmod, mstore, mul, mulmod, sub},
};

/// How the arithmetic appears in the contract.
#[derive(Clone, Debug)]
pub(crate) enum Style {
    Inline {
        before: Part,
        /// Reads the denominators' product.
        denominator: Expression,
        /// The constraints, then the openings.
        after: Box<[Part; 2]>,
    },
    Interpreted {
        /// Address of the denominators' product.
        denominator: usize,
        /// Temporaries that the first program writes.
        first_results: usize,
    },
}

/// A part of the arithmetic that runs in one go.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    name: &'static str,
    /// Declarations of the variables.
    variables: Block,
    /// The variables that each function takes, and its body.
    functions: Vec<(Vec<usize>, Block)>,
    pub(crate) gas: usize,
    pub(crate) bytes: usize,
}

impl Part {
    /// Straight-line code as functions whose names start with `name`; `place` says where a word is.
    pub(crate) fn new(
        name: &'static str,
        code: &StraightLine,
        place: &impl Fn(Word) -> Place,
    ) -> Self {
        let variables =
            code.variables.iter().enumerate().map(|(i, input)| {
                Statement::declare(variable(i), place(Word::Input(*input)).load())
            });
        let functions = code.functions().map(|(variables, statements)| {
            let body = statements.iter().map(|statement| store(statement, place));
            (variables, body.collect())
        });
        Self {
            name,
            variables: variables.collect(),
            functions: functions.collect(),
            gas: code.gas,
            bytes: code.bytes,
        }
    }

    /// The functions, each after an empty line.
    pub(crate) fn declarations(&self) -> Block {
        let mut declarations = Vec::new();
        for (i, (variables, body)) in self.functions.iter().enumerate() {
            let parameters = variables.iter().map(|number| variable(*number));
            declarations.push(Statement::Blank);
            declarations.push(Statement::function(
                self.function(i),
                std::iter::once("r".into()).chain(parameters),
                body.clone(),
            ));
        }
        declarations
    }

    /// Declares the variables and calls the functions.
    pub(crate) fn calls(&self) -> Statement {
        let mut block = self.variables.clone();
        for (i, (variables, _)) in self.functions.iter().enumerate() {
            let arguments = variables
                .iter()
                .map(|number| Expression::Variable(variable(*number)));
            let arguments = std::iter::once("r".into()).chain(arguments);
            block.push(Expression::call(self.function(i), arguments).into());
        }
        Statement::Block(block)
    }

    fn function(&self, index: usize) -> Name {
        format!("{}{index}", self.name).into()
    }
}

fn variable(number: usize) -> Name {
    format!("v{number}").into()
}

fn store(statement: &Store, place: &impl Fn(Word) -> Place) -> Statement {
    let value = expression(&statement.formula, place);
    let (Place::Memory(at) | Place::Calldata(at)) = place(Word::Stored(statement.value));
    mstore(Literal::address(at), value).into()
}

/// A formula as Yul; `place` says where a word is.
pub(crate) fn expression(formula: &Formula, place: &impl Fn(Word) -> Place) -> Expression {
    match formula {
        Formula::Order => "r".into(),
        Formula::Constant(value) => Literal::field(value).into(),
        Formula::Multiple(number) => Literal::decimal(u64::from(*number)).into(),
        Formula::Variable(number) => Expression::Variable(variable(*number)),
        Formula::Load(word) => place(*word).load(),
        Formula::Apply(operation, operands) => {
            let [a, b] = [0, 1].map(|i| expression(&operands[i], place));
            match operation {
                Operation::Add => add(a, b),
                Operation::Sub => sub(a, b),
                Operation::Mul => mul(a, b),
                Operation::AddMod => addmod(a, b, "r"),
                Operation::MulMod => mulmod(a, b, "r"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        field::{
            arithmetic::Arithmetic,
            graph::{Graph, Input, NodeId},
            slots::Slots,
            straight_line::Scheduler,
        },
        yul::print,
    };
    use halo2curves::{
        bn256::Fr,
        ff::{Field, PrimeField},
    };
    use proptest::prelude::*;
    use revm::primitives::U256;
    use std::collections::BTreeMap;

    fn place(slots: &Slots, word: Word) -> Place {
        match word {
            Word::Input(Input::Challenge(i)) => Place::Memory(0x1000 + 32 * i),
            Word::Input(Input::Evaluation(i)) => Place::Calldata(32 * i),
            Word::Input(_) => Place::Memory(0),
            Word::Stored(value) => Place::Memory(0x2000 + 32 * slots.word(value)),
        }
    }

    fn to_word(value: Fr) -> U256 {
        U256::from_le_slice(value.to_repr().as_ref())
    }

    fn order() -> U256 {
        to_word(-Fr::ONE) + U256::from(1)
    }

    fn input(input: Input) -> Fr {
        match input {
            // The largest elements show what overflows.
            Input::Challenge(i) => -Fr::from(i as u64 + 1),
            Input::Evaluation(i) => -Fr::from(i as u64 + 100),
            _ => Fr::ZERO,
        }
    }

    /// Runs printed statements; plain additions, subtractions and products must not leave the word.
    struct Machine {
        memory: BTreeMap<usize, U256>,
        variables: BTreeMap<String, U256>,
    }

    impl Machine {
        fn new() -> Self {
            let challenge = |i| to_word(input(Input::Challenge(i)));
            Self {
                memory: (0..3).map(|i| (0x1000 + 32 * i, challenge(i))).collect(),
                variables: BTreeMap::new(),
            }
        }

        fn run(&mut self, part: &Part) {
            let functions = part.functions.iter().map(|(_, body)| body);
            let text: Vec<String> = std::iter::once(&part.variables)
                .chain(functions)
                .map(|block| print(block, 0))
                .collect();
            for line in text.iter().flat_map(|text| text.lines()) {
                if let Some(rest) = line.strip_prefix("let ") {
                    let (name, text) = rest.split_once(" := ").unwrap();
                    let value = self.evaluate(text);
                    self.variables.insert(name.to_owned(), value);
                } else {
                    let arguments = line.strip_prefix("mstore(").unwrap();
                    let (at, text) = arguments.split_once(", ").unwrap();
                    let at = self.evaluate(at).to::<usize>();
                    let value = self.evaluate(&text[..text.len() - 1]);
                    self.memory.insert(at, value);
                }
            }
        }

        fn evaluate(&self, text: &str) -> U256 {
            let Some((name, rest)) = text.split_once('(') else {
                return match text {
                    "r" => order(),
                    text if text.starts_with('v') => self.variables[text],
                    text => text.parse().unwrap(),
                };
            };
            let mut arguments = Vec::new();
            let (mut depth, mut start) = (0, 0);
            for (i, c) in rest.char_indices() {
                match c {
                    '(' => depth += 1,
                    ',' | ')' if depth == 0 => {
                        arguments.push(self.evaluate(rest[start..i].trim()));
                        start = i + 1;
                    }
                    ')' => depth -= 1,
                    _ => {}
                }
            }
            match (name, arguments.as_slice()) {
                ("add", [a, b]) => a.checked_add(*b).expect("no overflow"),
                ("sub", [a, b]) => a.checked_sub(*b).expect("no underflow"),
                ("mul", [a, b]) => a.checked_mul(*b).expect("no overflow"),
                ("addmod", [a, b, r]) => a.add_mod(*b, *r),
                ("mulmod", [a, b, r]) => a.mul_mod(*b, *r),
                ("mload", [at]) => self.memory[&at.to::<usize>()],
                ("calldataload", [at]) => to_word(input(Input::Evaluation(at.to::<usize>() / 32))),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Small constants of either sign, powers of two and their neighbours up to 64 bits, and full-size ones.
    fn constant_of(number: u64) -> Fr {
        let (kind, rest) = (number % 8, number / 8);
        match kind {
            0 => Fr::from(1 << (rest % 64)),
            1 => -Fr::from(1 << (rest % 64)),
            2 => Fr::from(u64::MAX - rest % 3),
            // Times three, this is 2 beyond 64 bits.
            3 => Fr::from(6_148_914_691_236_517_206),
            4 => Fr::from(rest).invert().unwrap_or(Fr::ONE),
            5 => Fr::from(rest % 8),
            _ => -Fr::from(rest % 4),
        }
    }

    proptest! {
        #[test]
        fn inline_code_computes_the_graph(ops in prop::collection::vec((0u8..6, any::<usize>(), any::<usize>()), 1..80), stores_constants: bool) {
            let mut graph = Graph::default();
            let known: Vec<Input> = (0..3).map(Input::Challenge).chain((0..3).map(Input::Evaluation)).collect();
            let mut nodes: Vec<NodeId> = known.iter().map(|input| graph.input(*input)).collect();
            let mut expected: Vec<Fr> = known.iter().map(|known| input(*known)).collect();
            for (kind, a, number) in ops {
                let (a, b) = (a % nodes.len(), number % nodes.len());
                let (node, value) = match kind {
                    0 | 1 => (graph.add(nodes[a], nodes[b]), expected[a] + expected[b]),
                    2 => (graph.sub(nodes[a], nodes[b]), expected[a] - expected[b]),
                    3 => (graph.mul(nodes[a], nodes[b]), expected[a] * expected[b]),
                    4 => (graph.pow(nodes[a], b as u64), expected[a].pow([b as u64])),
                    _ => {
                        let value = constant_of(number as u64);
                        (graph.constant(value), value)
                    }
                };
                nodes.push(node);
                expected.push(value);
            }
            let last = nodes.len() - 1;
            let picked = [last / 2, last, 0, last / 3];
            let (arithmetic, roots) = Arithmetic::new(&graph, &picked.map(|i| nodes[i]));
            let mut scheduler = Scheduler::new(&arithmetic, &roots, stores_constants);
            let mut steps = Vec::new();
            for (part, variables) in [(&roots[..2], 0..2), (&roots[2..], 1..3)] {
                let variables: Vec<Input> = variables.map(Input::Challenge).collect();
                steps.push(scheduler.schedule(part, &variables));
            }
            let kept: Vec<Formula> = roots.iter().map(|root| scheduler.root(*root)).collect();
            let slots = Slots::new(steps.iter().flat_map(|step| &step.statements), &kept);
            let place = |word| place(&slots, word);
            let mut machine = Machine::new();
            for step in &steps {
                let part = Part::new("part", step, &place);
                machine.run(&part);
                let statements: usize = part.functions.iter().map(|(_, body)| body.len()).sum();
                prop_assert_eq!(statements, step.statements.len());
            }
            for (formula, i) in kept.iter().zip(picked) {
                let value = machine.evaluate(&expression(formula, &place).to_string());
                prop_assert_eq!(value % order(), to_word(expected[i]));
            }
        }
    }
}
