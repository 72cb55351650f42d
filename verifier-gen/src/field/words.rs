//! Splits statements into functions that share few words.
//!
//! The compiler's via-IR pipeline keeps every word that a function reads twice, or writes and reads, on the stack, which is 16
//! deep. The legacy pipeline is indifferent to the split.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use super::expression::{Formula, Store, Word};

/// Words that a function may read more than once, or write and read; with the variables that it reads, a few more.
const MAX_SHARED_WORDS: usize = 13;
const MAX_ON_STACK: usize = 15;

/// The statements of each function.
pub(crate) fn split(statements: &[Store]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut words) = (0, Words::default());
    for (i, statement) in statements.iter().enumerate() {
        let mut extended = words.clone();
        extended.read(&statement.formula);
        if i > start && extended.is_too_deep() {
            ranges.push(start..i);
            start = i;
            extended = Words::default();
            extended.read(&statement.formula);
        }
        words = extended;
        words.written.push(Word::Stored(statement.value));
    }
    if start < statements.len() {
        ranges.push(start..statements.len());
    }
    ranges
}

/// Words and variables that a formula alone would keep on the stack.
pub(crate) fn on_stack(formula: &Formula) -> usize {
    let mut words = Words::default();
    words.read(formula);
    words.on_stack()
}

/// The words that a function touches.
#[derive(Clone, Debug, Default)]
struct Words {
    reads: HashMap<Word, usize>,
    written: Vec<Word>,
    variables: BTreeSet<usize>,
}

impl Words {
    fn read(&mut self, formula: &Formula) {
        for word in formula.words() {
            *self.reads.entry(word).or_default() += 1;
        }
        self.variables.extend(formula.variables());
    }

    fn is_too_deep(&self) -> bool {
        self.shared() > MAX_SHARED_WORDS || self.on_stack() > MAX_ON_STACK
    }

    fn on_stack(&self) -> usize {
        self.shared() + self.variables.len()
    }

    fn shared(&self) -> usize {
        let shared = |(word, count): &(&Word, &usize)| **count > 1 || self.written.contains(*word);
        self.reads.iter().filter(shared).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{expression::Expression, graph::Input};

    /// A statement that reads these inputs.
    fn sum(value: usize, inputs: Range<usize>) -> Store {
        let words = inputs.map(|i| Expression::input(Input::Evaluation(i)));
        let sum = words.reduce(Expression::sum).unwrap();
        Store {
            value,
            formula: sum.formula,
        }
    }

    fn lengths(statements: &[Store]) -> Vec<usize> {
        split(statements)
            .into_iter()
            .map(|range| range.len())
            .collect()
    }

    #[test]
    fn function_ends_before_it_shares_too_many_words() {
        // Words that are read once cost nothing.
        assert_eq!(lengths(&[sum(0, 0..20), sum(1, 20..40)]), [2]);
        // Thirteen words are shared, fourteen are too many.
        assert_eq!(lengths(&[sum(0, 0..20), sum(1, 7..20)]), [2]);
        assert_eq!(lengths(&[sum(0, 0..20), sum(1, 6..20)]), [1, 1]);
        assert!(split(&[]).is_empty());
    }

    #[test]
    fn values_written_and_read_are_shared() {
        let reads = |value: usize| Store {
            value,
            formula: Formula::Load(Word::Stored(value - 1)),
        };
        let mut statements = vec![sum(0, 0..1)];
        statements.extend((1..15).map(reads));
        assert_eq!(lengths(&statements), [14, 1]);
    }
}
