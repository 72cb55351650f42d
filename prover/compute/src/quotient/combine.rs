//! Sums of many terms, with what they have in common taken out.

use super::builder::{Builder, Node, Value};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use std::collections::BTreeMap;

/// An invariant times factors that are not.
#[derive(Clone, Debug)]
struct Term {
    coefficient: Value,
    factors: Vec<Value>,
}

impl Builder {
    /// Horner's rule: (…(terms\[0\]·x + terms\[1\])·x + …) + the last term. Zero if there is no term.
    ///
    /// Where x is the same in all rows, terms that share a factor are added up before they are multiplied by it.
    pub fn horner(&mut self, terms: &[Value], x: Value) -> Value {
        if !self.is_invariant(x) {
            let mut sum = self.constant(Fr::ZERO);
            for &term in terms {
                let shifted = self.multiply(sum, x);
                sum = self.add(shifted, term);
            }
            return sum;
        }
        let mut power = self.constant(Fr::ONE);
        let mut split = Vec::with_capacity(terms.len());
        for &term in terms.iter().rev() {
            split.push(self.term(term, power));
            power = self.multiply(power, x);
        }
        split.reverse();
        self.combine(split)
    }

    /// `value` times the invariant `power`, in factors.
    fn term(&mut self, value: Value, power: Value) -> Term {
        let mut coefficient = power;
        let mut factors = Vec::new();
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            if self.is_invariant(value) {
                coefficient = self.multiply(coefficient, value);
                continue;
            }
            match self.of(value) {
                Node::Multiply(a, b) => open.extend([b, a]),
                Node::Negate(a) => {
                    coefficient = self.negate(coefficient);
                    open.push(a);
                }
                _ => factors.push(value),
            }
        }
        Term {
            coefficient,
            factors,
        }
    }

    /// The sum of the terms. The factor that most of them share is taken out first.
    fn combine(&mut self, mut terms: Vec<Term>) -> Value {
        let mut sum = self.constant(Fr::ZERO);
        while let Some(shared) = most_shared(&terms) {
            let mut group = Vec::new();
            terms.retain_mut(|term| {
                let position = term.factors.iter().position(|&factor| factor == shared);
                if let Some(position) = position {
                    term.factors.remove(position);
                    group.push(term.clone());
                }
                position.is_none()
            });
            let inner = self.combine(group);
            let product = self.multiply(inner, shared);
            sum = self.add(sum, product);
        }
        for term in terms {
            let product = term
                .factors
                .into_iter()
                .reduce(|product, factor| self.multiply(product, factor));
            let value = match product {
                Some(product) => self.multiply(product, term.coefficient),
                None => term.coefficient,
            };
            sum = self.add(sum, value);
        }
        sum
    }
}

/// The factor of the most terms, of at least two; the oldest of several.
fn most_shared(terms: &[Term]) -> Option<Value> {
    let mut counts = BTreeMap::<Value, usize>::new();
    for term in terms {
        let mut distinct = term.factors.clone();
        distinct.sort_unstable();
        distinct.dedup();
        for factor in distinct {
            *counts.entry(factor).or_default() += 1;
        }
    }
    let most = counts.values().copied().max().filter(|&most| most > 1)?;
    counts
        .into_iter()
        .find(|&(_, count)| count == most)
        .map(|(factor, _)| factor)
}
