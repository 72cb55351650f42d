//! A program as plain operations on whole columns, for back ends that have their own arithmetic.

use super::run::{Instruction, Program};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;

/// One operation on registers that hold a column each. A result may replace an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Row i becomes row i + `rotation` of a column, around the ends.
    Column {
        /// Register.
        to: usize,
        /// Number of the column.
        column: usize,
        /// Rows further on.
        rotation: i32,
    },
    /// Every row becomes a constant.
    Constant {
        /// Register.
        to: usize,
        /// Place in [`Operations::constants`].
        constant: usize,
    },
    /// a + b
    Add {
        /// Register.
        to: usize,
        /// Register.
        a: usize,
        /// Register.
        b: usize,
    },
    /// a - b
    Subtract {
        /// Register.
        to: usize,
        /// Register.
        a: usize,
        /// Register.
        b: usize,
    },
    /// a·b
    Multiply {
        /// Register.
        to: usize,
        /// Register.
        a: usize,
        /// Register.
        b: usize,
    },
    /// An output is this register. Every output is set once.
    Output {
        /// Register.
        from: usize,
        /// Number of the output.
        output: usize,
    },
}

/// A program for one set of parameters. No register is read before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {
    /// Columns that are read: all have smaller numbers.
    pub columns: usize,
    /// Number of registers.
    pub registers: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// Constants, parameters among them.
    pub constants: Vec<Fr>,
    /// In order.
    pub operations: Vec<Operation>,
}

impl Program {
    /// The program as plain operations.
    ///
    /// # Panics
    /// Where the program reads more parameters.
    pub fn operations(&self, parameters: &[Fr]) -> Operations {
        assert!(parameters.len() >= self.parameters(), "too few parameters");
        let mut plain = Plain {
            program: self,
            constants: self.invariants.evaluate(parameters),
            operations: Vec::new(),
        };
        for instruction in &self.instructions {
            plain.instruction(instruction);
        }
        Operations {
            columns: self.columns,
            registers: self.registers + SPARE,
            outputs: self.outputs,
            constants: plain.constants,
            operations: plain.operations,
        }
    }
}

/// Registers beyond those of the program: a constant, a sum of products, and the next product.
const SPARE: usize = 3;

struct Plain<'a> {
    program: &'a Program,
    constants: Vec<Fr>,
    operations: Vec<Operation>,
}

impl Plain<'_> {
    fn constant(&mut self, constant: usize) -> usize {
        let to = self.program.registers;
        self.operations.push(Operation::Constant { to, constant });
        to
    }

    fn instruction(&mut self, instruction: &Instruction) {
        let operation = match *instruction {
            Instruction::Load {
                to,
                column,
                rotation,
            } => Operation::Column {
                to,
                column,
                rotation,
            },
            Instruction::Splat { to, constant } => Operation::Constant { to, constant },
            Instruction::Add { to, a, b } => Operation::Add { to, a, b },
            Instruction::AddConstant { to, a, constant } => {
                let b = self.constant(constant);
                Operation::Add { to, a, b }
            }
            Instruction::Subtract { to, a, b, .. } => Operation::Subtract { to, a, b },
            Instruction::SubtractFromConstant {
                to, constant, b, ..
            } => {
                let a = self.constant(constant);
                Operation::Subtract { to, a, b }
            }
            Instruction::Multiply { to, a, b } => Operation::Multiply { to, a, b },
            Instruction::Square { to, a } => Operation::Multiply { to, a, b: a },
            Instruction::Scale { to, a, constant } => {
                let b = self.constant(constant);
                Operation::Multiply { to, a, b }
            }
            Instruction::Products {
                to,
                first,
                middle,
                end,
            } => return self.products(to, first, middle, end),
            // Of lanes, which reduce late; plain elements are reduced.
            Instruction::Reduce { .. } => return,
            Instruction::Store { from, output } => Operation::Output { from, output },
        };
        self.operations.push(operation);
    }

    /// The sum grows in a register of its own, for its target may be one of the operands.
    fn products(&mut self, to: usize, first: usize, middle: usize, end: usize) {
        let (sum, next) = (self.program.registers + 1, self.program.registers + 2);
        if first == end {
            self.constants.push(Fr::ZERO);
            let constant = self.constants.len() - 1;
            self.operations.push(Operation::Constant { to, constant });
        }
        for place in first..end {
            let pair = self.program.pairs[place];
            let b = if place < middle {
                pair.b
            } else {
                self.constant(pair.b)
            };
            let (is_first, is_last) = (place == first, place + 1 == end);
            let product = match (is_first, is_last) {
                (true, true) => to,
                (true, false) => sum,
                _ => next,
            };
            self.operations.push(Operation::Multiply {
                to: product,
                a: pair.a,
                b,
            });
            if !is_first {
                self.operations.push(Operation::Add {
                    to: if is_last { to } else { sum },
                    a: sum,
                    b: next,
                });
            }
        }
    }
}
