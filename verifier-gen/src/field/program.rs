//! Lowers a [`Graph`] to a straight-line program of one instruction, `a * b + c`.

use std::collections::{BTreeMap, HashMap};

use halo2curves::{bn256::Fr, ff::Field};

use super::graph::{Graph, Input, Node, NodeId};

/// Instructions that fill one 32-byte word: the contract decodes a word at a time.
pub(crate) const INSTRUCTIONS_PER_WORD: usize = 5;

/// Where an instruction finds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    Constant(usize),
    Input(Input),
    /// The result of an instruction, by its number over all programs.
    Temporary(usize),
}

/// `a * b + c`; the result goes to the next temporary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction {
    pub(crate) a: Operand,
    pub(crate) b: Operand,
    pub(crate) c: Operand,
}

/// Lowers sets of roots one after another; later programs reuse what earlier ones computed.
#[derive(Debug)]
pub(crate) struct Lowering<'g> {
    graph: &'g Graph,
    constants: Vec<Fr>,
    constant_ids: HashMap<Fr, usize>,
    values: HashMap<NodeId, Operand>,
    powers: HashMap<NodeId, BTreeMap<u64, Operand>>,
    instructions: Vec<Instruction>,
    temporaries: usize,
}

impl<'g> Lowering<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            constants: Vec::new(),
            constant_ids: HashMap::new(),
            values: HashMap::new(),
            powers: HashMap::new(),
            instructions: Vec::new(),
            temporaries: 0,
        }
    }

    /// Constants that the programs refer to.
    pub(crate) fn constants(&self) -> &[Fr] {
        &self.constants
    }

    /// Temporaries that the programs write.
    pub(crate) fn temporaries(&self) -> usize {
        self.temporaries
    }

    /// Emits the program that computes the roots; its length is a multiple of [`INSTRUCTIONS_PER_WORD`].
    pub(crate) fn lower(&mut self, roots: &[NodeId]) -> Vec<Instruction> {
        let plan = Plan::new(self.graph, roots, &self.values);
        for (base, exponents) in &plan.exponents {
            for exponent in exponents {
                self.power(*base, *exponent);
            }
        }
        for id in self.graph.ids().take(plan.needed.len()) {
            if plan.needed[id.index()] && !self.values.contains_key(&id) {
                let value = self.evaluate(id, &plan);
                self.values.insert(id, value);
            }
        }
        let zero = self.constant(Fr::ZERO);
        while !self
            .instructions
            .len()
            .is_multiple_of(INSTRUCTIONS_PER_WORD)
        {
            self.emit(zero, zero, zero);
        }
        std::mem::take(&mut self.instructions)
    }

    /// The operand of a node; of a constant always, of any other node once it is lowered.
    pub(crate) fn operand(&mut self, id: NodeId) -> Operand {
        match self.graph.node(id) {
            Node::Constant(value) => self.constant(value),
            Node::Input(input) => Operand::Input(input),
            Node::Power(base, exponent) => self.power(base, exponent),
            Node::Add(..) | Node::Mul(..) => match self.values.get(&id) {
                Some(operand) => *operand,
                None => unreachable!("a plan marks every operand of a needed node"),
            },
        }
    }

    pub(crate) fn constant(&mut self, value: Fr) -> Operand {
        let constants = &mut self.constants;
        let id = *self.constant_ids.entry(value).or_insert_with(|| {
            constants.push(value);
            constants.len() - 1
        });
        Operand::Constant(id)
    }

    fn emit(&mut self, a: Operand, b: Operand, c: Operand) -> Operand {
        self.instructions.push(Instruction { a, b, c });
        self.temporaries += 1;
        Operand::Temporary(self.temporaries - 1)
    }

    fn evaluate(&mut self, id: NodeId, plan: &Plan) -> Operand {
        match self.graph.node(id) {
            Node::Mul(a, b) => {
                let (a, b) = (self.operand(a), self.operand(b));
                let zero = self.constant(Fr::ZERO);
                self.emit(a, b, zero)
            }
            Node::Add(..) => {
                let (products, atoms) = plan.terms(self.graph, id);
                let mut atoms = atoms.into_iter();
                let mut sum = match atoms.next() {
                    Some(atom) => self.operand(atom),
                    None => self.constant(Fr::ZERO),
                };
                for (a, b) in products {
                    let (a, b) = (self.operand(a), self.operand(b));
                    sum = self.emit(a, b, sum);
                }
                for atom in atoms {
                    let atom = self.operand(atom);
                    let one = self.constant(Fr::ONE);
                    sum = self.emit(atom, one, sum);
                }
                sum
            }
            Node::Constant(_) | Node::Input(_) | Node::Power(..) => self.operand(id),
        }
    }

    /// A power of a challenge from the powers that exist: one product if two of them add up, else by squaring.
    fn power(&mut self, base: NodeId, exponent: u64) -> Operand {
        let one = self.operand(base);
        let known = self
            .powers
            .entry(base)
            .or_insert_with(|| BTreeMap::from([(1, one)]));
        if let Some(power) = known.get(&exponent) {
            return *power;
        }
        let pair = known
            .range(..exponent)
            .rev()
            .find_map(|(small, a)| known.get(&(exponent - small)).map(|b| (*a, *b)));
        let (a, b) = match pair {
            Some(pair) => pair,
            None if exponent.is_multiple_of(2) => {
                let half = self.power(base, exponent / 2);
                (half, half)
            }
            None => (self.power(base, exponent - 1), one),
        };
        let zero = self.constant(Fr::ZERO);
        let power = self.emit(a, b, zero);
        self.powers.entry(base).or_default().insert(exponent, power);
        power
    }
}

/// What has to be computed for a set of roots.
#[derive(Debug)]
struct Plan {
    needed: Vec<bool>,
    /// How many nodes read this one; a sum that one other sum reads is merged into it.
    uses: Vec<u32>,
    known: Vec<bool>,
    exponents: BTreeMap<NodeId, std::collections::BTreeSet<u64>>,
}

impl Plan {
    fn new(graph: &Graph, roots: &[NodeId], values: &HashMap<NodeId, Operand>) -> Self {
        let size = graph.len();
        let mut plan = Self {
            needed: vec![false; size],
            uses: vec![0; size],
            known: graph.ids().map(|id| values.contains_key(&id)).collect(),
            exponents: BTreeMap::new(),
        };
        let mut reached = vec![false; size];
        for root in roots {
            reached[root.index()] = true;
            plan.needed[root.index()] = true;
            // A root is read from outside: never merged.
            plan.uses[root.index()] += 2;
        }
        for id in graph.ids().rev().filter(|id| !plan.known[id.index()]) {
            if let (true, Node::Add(a, b) | Node::Mul(a, b)) = (reached[id.index()], graph.node(id))
            {
                for operand in [a, b] {
                    reached[operand.index()] = true;
                    plan.uses[operand.index()] += 1;
                }
            }
        }
        for id in graph.ids().rev() {
            if !plan.needed[id.index()] || plan.known[id.index()] {
                continue;
            }
            match graph.node(id) {
                Node::Mul(a, b) => plan.need([a, b]),
                Node::Add(..) => {
                    let (products, atoms) = plan.terms(graph, id);
                    plan.need(products.into_iter().flat_map(|(a, b)| [a, b]).chain(atoms));
                }
                Node::Power(base, exponent) => {
                    plan.exponents.entry(base).or_default().insert(exponent);
                }
                Node::Constant(_) | Node::Input(_) => {}
            }
        }
        plan
    }

    fn need(&mut self, ids: impl IntoIterator<Item = NodeId>) {
        for id in ids {
            self.needed[id.index()] = true;
        }
    }

    /// The terms of a sum: products, which fuse with an addition, and everything else.
    fn terms(&self, graph: &Graph, sum: NodeId) -> (Vec<(NodeId, NodeId)>, Vec<NodeId>) {
        let (mut products, mut atoms) = (Vec::new(), Vec::new());
        let mut open = vec![sum];
        while let Some(id) = open.pop() {
            match graph.node(id) {
                Node::Add(a, b)
                    if id == sum || (self.uses[id.index()] == 1 && !self.known[id.index()]) =>
                {
                    open.extend([b, a]);
                }
                Node::Mul(a, b) if !self.known[id.index()] => products.push((a, b)),
                _ => atoms.push(id),
            }
        }
        (products, atoms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(
        programs: &[Vec<Instruction>],
        constants: &[Fr],
        inputs: &impl Fn(Input) -> Fr,
    ) -> Vec<Fr> {
        let mut temporaries: Vec<Fr> = Vec::new();
        for instruction in programs.iter().flatten() {
            let read = |operand: Operand| match operand {
                Operand::Constant(i) => constants[i],
                Operand::Input(input) => inputs(input),
                Operand::Temporary(i) => temporaries[i],
            };
            let value = read(instruction.a) * read(instruction.b) + read(instruction.c);
            temporaries.push(value);
        }
        temporaries
    }

    fn inputs(input: Input) -> Fr {
        match input {
            Input::Challenge(i) => Fr::from(i as u64 + 7),
            Input::Evaluation(i) => Fr::from(i as u64 + 100),
            _ => Fr::ZERO,
        }
    }

    fn value(lowering: &mut Lowering<'_>, temporaries: &[Fr], id: NodeId) -> Fr {
        match lowering.operand(id) {
            Operand::Constant(i) => lowering.constants()[i],
            Operand::Input(input) => inputs(input),
            Operand::Temporary(i) => temporaries[i],
        }
    }

    #[test]
    fn sums_products_and_powers_evaluate() {
        let mut graph = Graph::default();
        let b = graph.input(Input::Challenge(0));
        let cells: Vec<_> = (0..4).map(|i| graph.input(Input::Evaluation(i))).collect();
        let high = graph.pow(b, 728);
        let scaled = graph.mul(high, cells[0]);
        let product = graph.mul(cells[1], cells[2]);
        let sum = graph.add(scaled, product);
        let sum = graph.sub(sum, cells[3]);
        let shared = graph.mul(sum, sum);
        let root = graph.add(shared, sum);

        let mut lowering = Lowering::new(&graph);
        let first = lowering.lower(&[sum]);
        let second = lowering.lower(&[root]);
        assert!(first.len().is_multiple_of(INSTRUCTIONS_PER_WORD));
        let constants = lowering.constants().to_vec();
        let temporaries = run(&[first, second], &constants, &inputs);

        let cell = |i| inputs(Input::Evaluation(i));
        let expected = Fr::from(7).pow([728]) * cell(0) + cell(1) * cell(2) - cell(3);
        assert_eq!(value(&mut lowering, &temporaries, sum), expected);
        assert_eq!(
            value(&mut lowering, &temporaries, root),
            expected.square() + expected
        );
    }

    /// One step of a random computation over the values so far.
    #[derive(Clone, Copy, Debug)]
    enum Op {
        Add(usize, usize),
        Sub(usize, usize),
        Mul(usize, usize),
        Pow(usize, u64),
        Constant(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        let pair = || (any::<usize>(), any::<usize>());
        prop_oneof![
            pair().prop_map(|(a, b)| Op::Add(a, b)),
            pair().prop_map(|(a, b)| Op::Sub(a, b)),
            pair().prop_map(|(a, b)| Op::Mul(a, b)),
            (any::<usize>(), 0u64..40).prop_map(|(a, e)| Op::Pow(a, e)),
            (0u64..3).prop_map(Op::Constant),
        ]
    }

    proptest! {
        #[test]
        fn any_computation_equals_direct_evaluation(ops in prop::collection::vec(op(), 1..60), split in any::<usize>()) {
            let mut graph = Graph::default();
            let known: Vec<Input> =
                (0..3).map(Input::Challenge).chain((0..3).map(Input::Evaluation)).collect();
            let mut nodes: Vec<_> = known.iter().map(|input| graph.input(*input)).collect();
            let mut expected: Vec<Fr> = known.iter().map(|input| inputs(*input)).collect();
            for op in ops {
                let at = |i: usize| i % nodes.len();
                let (node, value) = match op {
                    Op::Add(a, b) => (graph.add(nodes[at(a)], nodes[at(b)]), expected[at(a)] + expected[at(b)]),
                    Op::Sub(a, b) => (graph.sub(nodes[at(a)], nodes[at(b)]), expected[at(a)] - expected[at(b)]),
                    Op::Mul(a, b) => (graph.mul(nodes[at(a)], nodes[at(b)]), expected[at(a)] * expected[at(b)]),
                    Op::Pow(a, e) => (graph.pow(nodes[at(a)], e), expected[at(a)].pow([e])),
                    Op::Constant(c) => (graph.constant(Fr::from(c)), Fr::from(c)),
                };
                nodes.push(node);
                expected.push(value);
            }
            let last = nodes.len() - 1;
            let roots = [nodes[split % nodes.len()], nodes[last], nodes[last / 2]];
            let mut lowering = Lowering::new(&graph);
            let programs = [lowering.lower(&roots[..1]), lowering.lower(&roots[1..])];
            let temporaries = run(&programs, lowering.constants(), &inputs);
            for (root, at) in roots.iter().zip([split % nodes.len(), last, last / 2]) {
                prop_assert_eq!(value(&mut lowering, &temporaries, *root), expected[at]);
            }
        }
    }

    #[test]
    fn consecutive_powers_cost_one_instruction_each() {
        let mut graph = Graph::default();
        let b = graph.input(Input::Challenge(0));
        let roots: Vec<_> = (1..=21).map(|e| graph.pow(b, e)).collect();
        let mut lowering = Lowering::new(&graph);
        let program = lowering.lower(&roots);
        assert_eq!(program.len(), 20);
        let temporaries = run(&[program], lowering.constants(), &inputs);
        for (e, root) in roots.iter().enumerate() {
            assert_eq!(
                value(&mut lowering, &temporaries, *root),
                Fr::from(7).pow([e as u64 + 1])
            );
        }
    }
}
