//! Programs by vector operations on the device.

use super::library::{Library, Operation, Slice};
use crate::element::{Words, canonical};
use chainfer_compute::backend::Result;
use chainfer_compute::quotient::{self, Operations};
use halo2curves::bn256::Fr;
use std::sync::Arc;

/// What a register holds. What is the same in all rows takes no column.
#[derive(Clone, Debug)]
enum Register {
    Empty,
    Column(Slice),
    Number(Fr),
}

struct Run<'a> {
    library: &'a Arc<Library>,
    columns: &'a [&'a Slice],
    rows: usize,
    registers: Vec<Register>,
}

/// Runs a program over columns of `rows` elements, of which there is one or more.
pub(super) fn run(
    library: &Arc<Library>,
    program: &Operations,
    columns: &[&Slice],
    rows: usize,
) -> Result<Vec<Slice>> {
    let mut run = Run {
        library,
        columns,
        rows,
        registers: vec![Register::Empty; program.registers],
    };
    let mut outputs: Vec<Option<Slice>> = vec![None; program.outputs];
    for operation in &program.operations {
        match *operation {
            quotient::Operation::Column {
                to,
                column,
                rotation,
            } => run.registers[to] = Register::Column(run.rotated(column, rotation)?),
            quotient::Operation::Constant { to, constant } => {
                run.registers[to] = Register::Number(program.constants[constant]);
            }
            quotient::Operation::Add { to, a, b } => run.binary(Operation::Add, to, a, b)?,
            quotient::Operation::Subtract { to, a, b } => {
                run.binary(Operation::Subtract, to, a, b)?;
            }
            quotient::Operation::Multiply { to, a, b } => {
                run.binary(Operation::Multiply, to, a, b)?;
            }
            quotient::Operation::Output { from, output } => {
                outputs[output] = Some(run.whole(from)?);
            }
        }
    }
    let all: Option<Vec<Slice>> = outputs.into_iter().collect();
    all.ok_or_else(|| library.fault("a program", "an output was not set"))
}

impl Run<'_> {
    /// The column itself, or a copy whose row i is its row i + rotation.
    fn rotated(&self, column: usize, rotation: i32) -> Result<Slice> {
        let column = self.columns[column];
        let first = i64::from(rotation).rem_euclid(self.rows as i64) as usize;
        if first == 0 {
            return Ok(column.clone());
        }
        let mut memory = self.library.memory(self.rows)?;
        let (before, behind) = (column.part(0..first), column.part(first..self.rows));
        self.library.copy(&behind, &mut memory, 0)?;
        self.library.copy(&before, &mut memory, self.rows - first)?;
        Ok(Slice::new(memory))
    }

    fn binary(&mut self, operation: Operation, to: usize, a: usize, b: usize) -> Result<()> {
        let scalar = |operation, number: Fr, column: &Slice| {
            let made = self
                .library
                .scalar(operation, &canonical(&number), column)?;
            Ok(Register::Column(Slice::new(made)))
        };
        let made = match (&self.registers[a], &self.registers[b]) {
            (Register::Number(a), Register::Number(b)) => Register::Number(match operation {
                Operation::Add => *a + b,
                Operation::Subtract => *a - b,
                Operation::Multiply => *a * b,
            }),
            (Register::Column(a), Register::Column(b)) => {
                let mut memory = self.library.memory(self.rows)?;
                self.library.vectors(operation, (a, b), &mut memory, 0)?;
                Register::Column(Slice::new(memory))
            }
            (Register::Number(a), Register::Column(b)) => scalar(operation, *a, b)?,
            (Register::Column(a), Register::Number(b)) => match operation {
                Operation::Subtract => scalar(Operation::Add, -*b, a)?,
                _ => scalar(operation, *b, a)?,
            },
            _ => return Err(self.library.fault("a program", "a register is empty")),
        };
        self.registers[to] = made;
        Ok(())
    }

    fn whole(&self, register: usize) -> Result<Slice> {
        match &self.registers[register] {
            Register::Column(column) => Ok(column.clone()),
            Register::Number(number) => {
                let words: Vec<Words> = vec![canonical(number); self.rows];
                Ok(Slice::new(self.library.upload(&words)?))
            }
            Register::Empty => Err(self.library.fault("a program", "a register is empty")),
        }
    }
}
