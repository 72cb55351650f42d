//! The greatest elements along an axis, by their ranks.

use super::{C, Compose, Operand, Sources, View};
use crate::error::Result;
use crate::float::{Constant, Dense, FloatOp, Function};

/// Elements along the axis: all pairs of them are compared.
const MAX_LENGTH: usize = 128;

impl Compose<'_> {
    /// The `count` greatest elements along an axis, in order, and their places there; the first ones among equals.
    pub(in crate::frontend) fn greatest(
        &mut self,
        x: &Operand,
        axis: usize,
        count: usize,
    ) -> Result<[Operand; 2]> {
        let shape = self.shape(x);
        let rank = shape.len();
        let length = shape[axis];
        if !(1..=length).contains(&count) || length > MAX_LENGTH {
            return Err(self.refuse(format!(
                "{count} of {length} elements; supported: from 1 to all of at most {MAX_LENGTH}"
            )));
        }
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(axis, rank - 1);
        let moved = self.transpose(x, &perm)?;
        let rows = shape.iter().product::<usize>() / length;
        let moved_shape = self.shape(&moved);
        let list = self.reshape(&moved, &[rows, length])?;
        let ranks = self.ranks(&list, [rows, length])?;
        // Which element has each rank.
        let is = self.one_of_each(&ranks, [rows, length, count])?;
        let column = self.reshape(&list, &[rows, length, 1])?;
        let values = self.matrix_product(&is, &column)?;
        let places = FloatOp::Dense(Dense {
            outputs: 1,
            weights: (0..length).map(|n| n as f64).collect(),
            bias: None,
        });
        let places = self.apply(places, &[is])?;
        let mut target = moved_shape;
        target[rank - 1] = count;
        let mut made = Vec::with_capacity(2);
        for list in [values, places] {
            let list = self.reshape(&list, &target)?;
            made.push(self.transpose(&list, &perm)?);
        }
        <[Operand; 2]>::try_from(made).map_err(|_| self.refuse("two lists"))
    }

    /// How many elements of a row come before each: greater ones, and equal ones that stand before it.
    fn ranks(&mut self, list: &Operand, [rows, length]: [usize; 2]) -> Result<Operand> {
        let pairs: Vec<(usize, usize)> = (0..length)
            .flat_map(|a| (a + 1..length).map(move |b| (a, b)))
            .collect();
        if pairs.is_empty() {
            let data = vec![0.0; rows];
            let shape = vec![rows, 1];
            return Ok(C(Constant { shape, data }));
        }
        self.size(&[rows, pairs.len(), length])?;
        let mut ends = Vec::with_capacity(2);
        for end in [|p: &(usize, usize)| p.0, |p: &(usize, usize)| p.1] {
            let mut sources = Sources::default();
            let from = sources.view(self.builder, list);
            let of = |row: usize| pairs.iter().map(move |p| row * length + end(p));
            let elements = (0..rows).flat_map(of).map(|n| from.elements[n]).collect();
            let view = View {
                shape: vec![rows, pairs.len()],
                elements,
            };
            ends.push(self.place(&sources, view)?);
        }
        let difference =
            self.arithmetic(super::Arithmetic::Sub, &ends[1].clone(), &ends[0].clone())?;
        // 1 where the second of a pair is greater: it comes first then, else the first does.
        let second = self.function(&difference, Function::Positive)?;
        let mut weights = vec![0.0; length * pairs.len()];
        let mut bias = vec![0.0; length];
        for (n, (a, b)) in pairs.iter().enumerate() {
            weights[a * pairs.len() + n] = 1.0;
            weights[b * pairs.len() + n] = -1.0;
            bias[*b] += 1.0;
        }
        let sums = FloatOp::Dense(Dense {
            outputs: length,
            weights,
            bias: Some(bias),
        });
        self.apply(sums, &[second])
    }

    /// `[rows, count, length]`: 1 where the element has the rank.
    fn one_of_each(
        &mut self,
        ranks: &Operand,
        [rows, length, count]: [usize; 3],
    ) -> Result<Operand> {
        let row = self.reshape(ranks, &[rows, 1, length])?;
        let wide = self.expanded(&row, &[rows, count, length])?;
        let numbers = Constant {
            shape: vec![count, 1],
            data: (0..count).map(|n| -(n as f64)).collect(),
        };
        let difference = self.apply(FloatOp::AddConstant(numbers), &[wide])?;
        self.function(&difference, Function::IsZero { tolerance: 0.5 })
    }
}
