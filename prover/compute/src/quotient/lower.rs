//! From expressions to steps: sums of products become one step, and what is the same in all rows leaves the row loop.

use super::builder::{Builder, Node, Value};
use crate::lanes::PRODUCTS;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use std::collections::HashMap;

/// Products that one step adds up. More would save little, and their operands are alive at once.
const PRODUCTS_A_STEP: usize = 8;
const _: () = assert!(PRODUCTS_A_STEP <= PRODUCTS);

/// Up to so many subtracted products are added with one operand negated; more are added up first, and subtracted.
const NEGATED_OPERANDS: usize = 2;

/// What a step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Operand {
    /// The result of a step.
    Step(usize),
    /// An entry of [`Invariants::used`].
    Invariant(usize),
}

/// One step a row. Operands are older steps.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Load { column: usize, rotation: i32 },
    Add(Operand, Operand),
    Subtract(Operand, Operand),
    Multiply(Operand, Operand),
    Products(Vec<(Operand, Operand)>),
}

impl Step {
    /// Calls `visit` on every operand.
    pub(super) fn operands(&self, mut visit: impl FnMut(Operand)) {
        match self {
            Step::Load { .. } => {}
            &Step::Add(a, b) | &Step::Subtract(a, b) | &Step::Multiply(a, b) => {
                visit(a);
                visit(b);
            }
            Step::Products(pairs) => {
                for &(a, b) in pairs {
                    visit(a);
                    visit(b);
                }
            }
        }
    }
}

/// What is evaluated once a run: nodes in order (their operands are indices into the same list), and those that rows use.
#[derive(Clone, Debug, Default)]
pub(super) struct Invariants {
    nodes: Vec<Node>,
    used: Vec<usize>,
}

impl Invariants {
    /// The values that rows use.
    pub(super) fn evaluate(&self, parameters: &[Fr]) -> Vec<Fr> {
        let mut values = Vec::<Fr>::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let at = |value: Value| values[value.0 as usize];
            let value = match *node {
                Node::Constant(value) => value,
                Node::Parameter(parameter) => parameters[parameter as usize],
                // A column differs from row to row, so that no invariant is one.
                Node::Column { .. } => Fr::ZERO,
                Node::Negate(a) => -at(a),
                Node::Add(a, b) => at(a) + at(b),
                Node::Subtract(a, b) => at(a) - at(b),
                Node::Multiply(a, b) => at(a) * at(b),
            };
            values.push(value);
        }
        self.used.iter().map(|&index| values[index]).collect()
    }

    /// The number of parameters that are read.
    pub(super) fn parameters(&self) -> usize {
        let read = self.nodes.iter().map(|node| match node {
            Node::Parameter(parameter) => *parameter as usize + 1,
            _ => 0,
        });
        read.max().unwrap_or(0)
    }
}

/// A program in steps.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<Operand>,
    pub(super) invariants: Invariants,
}

pub(super) fn lower(builder: Builder, outputs: &[Value]) -> Lowered {
    let uses = Uses::count(&builder, outputs);
    let nodes = builder.nodes().len();
    let mut lowering = Lowering {
        builder,
        uses,
        steps: Vec::new(),
        step_of: vec![None; nodes],
        used: Vec::new(),
        index_of: HashMap::new(),
    };
    for index in 0..nodes {
        lowering.node(Value(index as u32));
    }
    let outputs = outputs
        .iter()
        .map(|&value| lowering.operand(value))
        .collect();
    Lowered {
        outputs,
        invariants: invariants(&lowering.builder, &lowering.used),
        steps: lowering.steps,
    }
}

/// How often nodes are used, and by what.
struct Uses {
    count: Vec<u32>,
    /// Whether the last use seen is a sum: the only one, where the count is 1.
    by_sum: Vec<bool>,
}

impl Uses {
    fn count(builder: &Builder, outputs: &[Value]) -> Self {
        let nodes = builder.nodes();
        let mut uses = Uses {
            count: vec![0; nodes.len()],
            by_sum: vec![false; nodes.len()],
        };
        for output in outputs {
            uses.count[output.0 as usize] += 1;
        }
        for index in (0..nodes.len()).rev() {
            if uses.count[index] == 0 || builder.is_invariant(Value(index as u32)) {
                continue;
            }
            let mut visit = |operand: Value, by_sum| {
                uses.count[operand.0 as usize] += 1;
                uses.by_sum[operand.0 as usize] = by_sum;
            };
            match nodes[index] {
                Node::Negate(a) => visit(a, true),
                Node::Add(a, b) | Node::Subtract(a, b) => {
                    visit(a, true);
                    visit(b, true);
                }
                Node::Multiply(a, b) => {
                    visit(a, false);
                    visit(b, false);
                }
                Node::Constant(_) | Node::Parameter(_) | Node::Column { .. } => {}
            }
        }
        // An output is kept, even if a sum is its only other use.
        for output in outputs {
            uses.by_sum[output.0 as usize] = false;
        }
        uses
    }

    /// Whether the only use of this node is in a sum.
    fn in_one_sum(&self, value: Value) -> bool {
        self.count[value.0 as usize] == 1 && self.by_sum[value.0 as usize]
    }
}

/// The terms of a sum.
#[derive(Default)]
struct Sum {
    /// Products that are added.
    products: Vec<(Value, Value)>,
    /// Products that are subtracted, none with an invariant.
    negative_products: Vec<(Value, Value)>,
    added: Vec<Operand>,
    subtracted: Vec<Operand>,
    invariant: Option<Value>,
}

struct Lowering {
    builder: Builder,
    uses: Uses,
    steps: Vec<Step>,
    step_of: Vec<Option<usize>>,
    used: Vec<Value>,
    index_of: HashMap<Value, usize>,
}

impl Lowering {
    fn node(&mut self, value: Value) {
        let index = value.0 as usize;
        if self.uses.count[index] == 0 || self.builder.is_invariant(value) {
            return;
        }
        let operand = match self.builder.of(value) {
            Node::Constant(_) | Node::Parameter(_) => return,
            Node::Column { column, rotation } => self.step(Step::Load {
                column: column as usize,
                rotation,
            }),
            // Sums and products that occur in one sum alone become part of it.
            _ if self.uses.in_one_sum(value) => return,
            Node::Multiply(a, b) => self.product(a, b),
            Node::Negate(_) | Node::Add(..) | Node::Subtract(..) => self.sum(value),
        };
        if let Operand::Step(step) = operand {
            self.step_of[index] = Some(step);
        }
    }

    fn step(&mut self, step: Step) -> Operand {
        self.steps.push(step);
        Operand::Step(self.steps.len() - 1)
    }

    /// What stands for this value: an invariant, or a step that is there already.
    fn operand(&mut self, value: Value) -> Operand {
        if let Some(step) = self.step_of.get(value.0 as usize).copied().flatten() {
            return Operand::Step(step);
        }
        debug_assert!(self.builder.is_invariant(value), "operands come first");
        let next = self.used.len();
        let index = *self.index_of.entry(value).or_insert(next);
        if index == next {
            self.used.push(value);
        }
        Operand::Invariant(index)
    }

    fn product(&mut self, a: Value, b: Value) -> Operand {
        let double = self.builder.of(b) == Node::Constant(Fr::ONE.double());
        let (a, b) = (self.operand(a), self.operand(if double { a } else { b }));
        self.step(if double {
            Step::Add(a, b)
        } else {
            Step::Multiply(a, b)
        })
    }

    /// All terms of the sum at `root`, through the sums that occur nowhere else.
    fn terms(&mut self, root: Value) -> Sum {
        let mut sum = Sum::default();
        let mut open = vec![(root, false)];
        while let Some((value, negative)) = open.pop() {
            if self.builder.is_invariant(value) {
                let sum_so_far = match sum.invariant {
                    Some(invariant) => invariant,
                    None => self.builder.constant(Fr::ZERO),
                };
                sum.invariant = Some(if negative {
                    self.builder.subtract(sum_so_far, value)
                } else {
                    self.builder.add(sum_so_far, value)
                });
                continue;
            }
            if value != root && !self.uses.in_one_sum(value) {
                self.push(&mut sum, value, negative);
                continue;
            }
            match self.builder.of(value) {
                Node::Negate(a) => open.push((a, !negative)),
                Node::Add(a, b) => open.extend([(b, negative), (a, negative)]),
                Node::Subtract(a, b) => open.extend([(b, !negative), (a, negative)]),
                Node::Multiply(a, b) => {
                    if !negative {
                        sum.products.push((a, b));
                    } else if self.builder.is_invariant(b) {
                        let opposite = self.builder.negate(b);
                        sum.products.push((a, opposite));
                    } else {
                        sum.negative_products.push((a, b));
                    }
                }
                Node::Constant(_) | Node::Parameter(_) | Node::Column { .. } => {
                    self.push(&mut sum, value, negative);
                }
            }
        }
        sum
    }

    fn push(&mut self, sum: &mut Sum, value: Value, negative: bool) {
        let operand = self.operand(value);
        if negative {
            sum.subtracted.push(operand);
        } else {
            sum.added.push(operand);
        }
    }

    fn zero(&mut self) -> Operand {
        let zero = self.builder.constant(Fr::ZERO);
        self.operand(zero)
    }

    fn sum(&mut self, root: Value) -> Operand {
        let sum = self.terms(root);
        let mut pairs = Vec::with_capacity(sum.products.len());
        for (a, b) in sum.products {
            pairs.push((self.operand(a), self.operand(b)));
        }
        let mut negative_pairs = Vec::with_capacity(sum.negative_products.len());
        for (a, b) in sum.negative_products {
            negative_pairs.push((self.operand(a), self.operand(b)));
        }
        if !pairs.is_empty() && negative_pairs.len() <= NEGATED_OPERANDS {
            for (a, b) in negative_pairs.drain(..) {
                let zero = self.zero();
                let opposite = self.step(Step::Subtract(zero, b));
                pairs.push((a, opposite));
            }
        }
        let mut added = self.products(&pairs);
        added.extend(sum.added);
        let mut subtracted = self.products(&negative_pairs);
        subtracted.extend(sum.subtracted);
        let invariant = match sum.invariant {
            Some(value) if self.builder.of(value) != Node::Constant(Fr::ZERO) => {
                Some(self.operand(value))
            }
            _ => None,
        };

        let mut added = added.into_iter();
        // The invariant comes first where nothing else is added, and last otherwise.
        let (mut total, invariant) = match (added.next(), invariant) {
            (Some(first), invariant) => (first, invariant),
            (None, Some(invariant)) => (invariant, None),
            (None, None) => (self.zero(), None),
        };
        for operand in added.chain(invariant) {
            total = self.step(Step::Add(total, operand));
        }
        for operand in subtracted {
            total = self.step(Step::Subtract(total, operand));
        }
        total
    }

    /// The sums of the products, a few products each.
    fn products(&mut self, pairs: &[(Operand, Operand)]) -> Vec<Operand> {
        pairs
            .chunks(PRODUCTS_A_STEP)
            .map(|chunk| match *chunk {
                [(a, b)] => self.step(Step::Multiply(a, b)),
                _ => self.step(Step::Products(chunk.to_vec())),
            })
            .collect()
    }
}

/// The invariants that these need, in order.
fn invariants(builder: &Builder, used: &[Value]) -> Invariants {
    let nodes = builder.nodes();
    let mut needed = vec![false; nodes.len()];
    for value in used {
        needed[value.0 as usize] = true;
    }
    for index in (0..nodes.len())
        .rev()
        .filter(|&index| builder.is_invariant(Value(index as u32)))
    {
        if !needed[index] {
            continue;
        }
        match nodes[index] {
            Node::Negate(a) => needed[a.0 as usize] = true,
            Node::Add(a, b) | Node::Subtract(a, b) | Node::Multiply(a, b) => {
                needed[a.0 as usize] = true;
                needed[b.0 as usize] = true;
            }
            Node::Constant(_) | Node::Parameter(_) | Node::Column { .. } => {}
        }
    }
    let mut place = vec![Value(0); nodes.len()];
    let mut out = Invariants::default();
    for index in (0..nodes.len()).filter(|&index| needed[index]) {
        let at = |value: Value| place[value.0 as usize];
        let node = match nodes[index] {
            Node::Negate(a) => Node::Negate(at(a)),
            Node::Add(a, b) => Node::Add(at(a), at(b)),
            Node::Subtract(a, b) => Node::Subtract(at(a), at(b)),
            Node::Multiply(a, b) => Node::Multiply(at(a), at(b)),
            leaf => leaf,
        };
        place[index] = Value(out.nodes.len() as u32);
        out.nodes.push(node);
    }
    out.used = used
        .iter()
        .map(|value| place[value.0 as usize].0 as usize)
        .collect();
    out
}
