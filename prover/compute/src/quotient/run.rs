//! Runs a program: strip by strip, instruction by instruction.

use super::lower::Invariants;
use crate::lanes::{Arithmetic, Kernel, LANES, Lanes, dispatch};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

/// Vectors that an instruction works on at a time. A register holds as many. By measurement: with fewer, choosing instructions costs
/// more, and columns come from memory in shorter pieces.
const VECTORS: usize = 8;

/// Rows of a strip.
const STRIP: usize = VECTORS * LANES;

/// The most rows of a task.
const TASK: usize = 1024;

/// One instruction, on registers of [`VECTORS`] vectors. A result may replace an operand.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    Load {
        to: usize,
        column: usize,
        rotation: i32,
    },
    Splat {
        to: usize,
        constant: usize,
    },
    Add {
        to: usize,
        a: usize,
        b: usize,
    },
    AddConstant {
        to: usize,
        a: usize,
        constant: usize,
    },
    /// a - b, with `MULTIPLES[multiple]` times the modulus added.
    Subtract {
        to: usize,
        a: usize,
        b: usize,
        multiple: usize,
    },
    SubtractFromConstant {
        to: usize,
        constant: usize,
        b: usize,
        multiple: usize,
    },
    Multiply {
        to: usize,
        a: usize,
        b: usize,
    },
    Square {
        to: usize,
        a: usize,
    },
    Scale {
        to: usize,
        a: usize,
        constant: usize,
    },
    /// The sum over pairs of registers (`first..middle`), and of a register and a constant (`middle..end`).
    Products {
        to: usize,
        first: usize,
        middle: usize,
        end: usize,
    },
    Reduce {
        at: usize,
    },
    Store {
        from: usize,
        output: usize,
    },
}

/// The operands of a product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) a: usize,
    pub(super) b: usize,
}

/// An expression over columns, ready to be evaluated in every row. Made by [`Builder::compile`](super::Builder::compile).
#[derive(Debug)]
pub struct Program {
    pub(super) columns: usize,
    pub(super) outputs: usize,
    pub(super) registers: usize,
    pub(super) instructions: Vec<Instruction>,
    pub(super) pairs: Vec<Pair>,
    pub(super) invariants: Invariants,
}

impl Program {
    /// Writes the value at row i to `output[i]`, for a program with one output.
    ///
    /// Runs in the rayon pool of the caller. Row i of a column at rotation r is its row (i + r) modulo the number of rows.
    ///
    /// # Panics
    /// Where `columns` or `parameters` are fewer than the program reads, columns and output differ in length, or the program
    /// has another number of outputs.
    pub fn evaluate(
        &self,
        arithmetic: Arithmetic,
        columns: &[&[Fr]],
        parameters: &[Fr],
        output: &mut [Fr],
    ) {
        self.evaluate_all(arithmetic, columns, parameters, &mut [output]);
    }

    /// As [`evaluate`](Self::evaluate), for any number of outputs.
    ///
    /// # Panics
    /// As `evaluate`.
    pub fn evaluate_all(
        &self,
        arithmetic: Arithmetic,
        columns: &[&[Fr]],
        parameters: &[Fr],
        outputs: &mut [&mut [Fr]],
    ) {
        assert_eq!(outputs.len(), self.outputs, "outputs");
        assert!(columns.len() >= self.columns, "too few columns");
        assert!(
            parameters.len() >= self.invariants.parameters(),
            "too few parameters"
        );
        let Some(rows) = outputs.first().map(|output| output.len()) else {
            return;
        };
        assert!(
            outputs.iter().all(|output| output.len() == rows),
            "outputs differ in length"
        );
        assert!(
            columns[..self.columns]
                .iter()
                .all(|column| column.len() == rows),
            "columns and outputs differ in length"
        );
        if rows == 0 {
            return;
        }
        let constants = self.invariants.evaluate(parameters);
        let task = task_rows(rows);
        let mut tasks: Vec<(usize, Vec<&mut [Fr]>)> = (0..rows.div_ceil(task))
            .map(|index| (index * task, Vec::with_capacity(outputs.len())))
            .collect();
        for output in outputs {
            for ((_, parts), part) in tasks.iter_mut().zip(output.chunks_mut(task)) {
                parts.push(part);
            }
        }
        tasks.into_par_iter().for_each(|(start, mut outputs)| {
            let block = Block {
                program: self,
                columns,
                constants: &constants,
                rows,
                start,
                outputs: &mut outputs,
            };
            dispatch(arithmetic, block);
        });
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns that have to be there.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Parameters that have to be there.
    pub fn parameters(&self) -> usize {
        self.invariants.parameters()
    }

    /// Instructions a row, products among them: what the program costs.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost {
            registers: self.registers,
            ..Cost::default()
        };
        for instruction in &self.instructions {
            match *instruction {
                Instruction::Load { .. } => cost.loads += 1,
                Instruction::Multiply { .. }
                | Instruction::Square { .. }
                | Instruction::Scale { .. } => cost.products += 1,
                Instruction::Products { first, end, .. } => {
                    cost.sums_of_products += 1;
                    cost.summed_products += end - first;
                }
                Instruction::Reduce { .. } => cost.reductions += 1,
                _ => cost.others += 1,
            }
        }
        cost
    }
}

/// What a program does in each row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Columns read.
    pub loads: usize,
    /// Products on their own.
    pub products: usize,
    /// Sums of products.
    pub sums_of_products: usize,
    /// Products in those sums.
    pub summed_products: usize,
    /// Reductions that bounds call for.
    pub reductions: usize,
    /// Additions, subtractions and stores.
    pub others: usize,
    /// Registers.
    pub registers: usize,
}

/// Tasks enough for all threads, of whole strips.
fn task_rows(rows: usize) -> usize {
    let even = rows.div_ceil(2 * rayon::current_num_threads());
    even.next_multiple_of(STRIP).min(TASK)
}

/// The rows of one task: those of the outputs, from `start` on.
pub(super) struct Block<'a, 'b> {
    pub(super) program: &'a Program,
    pub(super) columns: &'a [&'a [Fr]],
    pub(super) constants: &'a [Fr],
    pub(super) rows: usize,
    pub(super) start: usize,
    pub(super) outputs: &'a mut [&'b mut [Fr]],
}

impl Kernel<Fr> for Block<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<F = Fr>>(self) {
        let Block {
            program,
            columns,
            constants,
            rows,
            start,
            outputs,
        } = self;
        let constants: Vec<L::Constant> = constants.iter().map(L::constant).collect();
        let mut registers = vec![[L::zero(); VECTORS]; program.registers];
        let length = outputs.first().map_or(0, |output| output.len());
        for offset in (0..length).step_by(STRIP) {
            let strip = offset..length.min(offset + STRIP);
            for instruction in &program.instructions {
                match *instruction {
                    Instruction::Load {
                        to,
                        column,
                        rotation,
                    } => load(
                        &mut registers[to],
                        columns[column],
                        first_row(start + offset, rotation, rows),
                    ),
                    Instruction::Store { from, output } => {
                        store(&registers[from], &mut outputs[output][strip.clone()]);
                    }
                    _ => step(program, instruction, &constants, &mut registers),
                }
            }
        }
    }
}

/// (row + rotation) modulo the number of rows.
#[inline(always)]
fn first_row(row: usize, rotation: i32, rows: usize) -> usize {
    (row as i64 + i64::from(rotation)).rem_euclid(rows as i64) as usize
}

/// Reads rows from `first` on, around the end where the strip goes beyond it.
#[inline(always)]
fn load<L: Lanes<F = Fr>>(to: &mut [L; VECTORS], column: &[Fr], first: usize) {
    if let Some(rows) = column.get(first..first + STRIP) {
        for (to, rows) in to.iter_mut().zip(rows.as_chunks().0) {
            *to = L::load(rows);
        }
        return;
    }
    let mut row = first;
    for to in to {
        let rows = std::array::from_fn(|_| {
            let value = column[row];
            row = if row + 1 == column.len() { 0 } else { row + 1 };
            value
        });
        *to = L::load(&rows);
    }
}

/// Writes as many rows as there are.
#[inline(always)]
fn store<L: Lanes<F = Fr>>(from: &[L; VECTORS], to: &mut [Fr]) {
    if to.len() == STRIP {
        for (to, from) in to.as_chunks_mut().0.iter_mut().zip(from) {
            from.store(to);
        }
        return;
    }
    for (to, from) in to.chunks_mut(LANES).zip(from) {
        let mut rows = [Fr::zero(); LANES];
        from.store(&mut rows);
        to.copy_from_slice(&rows[..to.len()]);
    }
}

/// Puts `f` of every vector's index into a register.
#[inline(always)]
fn set<L: Lanes>(
    registers: &mut [[L; VECTORS]],
    to: usize,
    f: impl Fn(&[[L; VECTORS]], usize) -> L,
) {
    for vector in 0..VECTORS {
        registers[to][vector] = f(registers, vector);
    }
}

#[inline(always)]
fn step<L: Lanes<F = Fr>>(
    program: &Program,
    instruction: &Instruction,
    constants: &[L::Constant],
    registers: &mut [[L; VECTORS]],
) {
    match *instruction {
        Instruction::Load { .. } | Instruction::Store { .. } => {}
        Instruction::Splat { to, constant } => {
            registers[to] = [L::splat(&constants[constant]); VECTORS];
        }
        Instruction::Add { to, a, b } => set(registers, to, |r, v| r[a][v].add(r[b][v])),
        Instruction::AddConstant { to, a, constant } => {
            let constant = L::splat(&constants[constant]);
            set(registers, to, |r, v| r[a][v].add(constant));
        }
        Instruction::Subtract { to, a, b, multiple } => {
            set(registers, to, |r, v| subtract(r[a][v], r[b][v], multiple));
        }
        Instruction::SubtractFromConstant {
            to,
            constant,
            b,
            multiple,
        } => {
            let constant = L::splat(&constants[constant]);
            set(registers, to, |r, v| subtract(constant, r[b][v], multiple));
        }
        Instruction::Multiply { to, a, b } => set(registers, to, |r, v| r[a][v].mul(r[b][v])),
        Instruction::Square { to, a } => set(registers, to, |r, v| r[a][v].square()),
        Instruction::Scale { to, a, constant } => {
            let constant = &constants[constant];
            set(registers, to, |r, v| r[a][v].mul_constant(constant));
        }
        Instruction::Products {
            to,
            first,
            middle,
            end,
        } => set(registers, to, |r, v| {
            let mut sum = L::no_products();
            for pair in &program.pairs[first..middle] {
                sum = L::add_product(sum, r[pair.a][v], r[pair.b][v]);
            }
            for pair in &program.pairs[middle..end] {
                sum = L::add_product(sum, r[pair.a][v], L::splat(&constants[pair.b]));
            }
            L::sum_of_products(sum)
        }),
        Instruction::Reduce { at } => set(registers, at, |r, v| r[at][v].reduce()),
    }
}

/// Subtracts with the multiple of this index in [`MULTIPLES`](super::allocate::MULTIPLES).
#[inline(always)]
fn subtract<L: Lanes>(a: L, b: L, multiple: usize) -> L {
    match multiple {
        0 => a.sub::<2>(b),
        1 => a.sub::<4>(b),
        2 => a.sub::<8>(b),
        3 => a.sub::<16>(b),
        4 => a.sub::<32>(b),
        _ => a.sub::<64>(b),
    }
}
