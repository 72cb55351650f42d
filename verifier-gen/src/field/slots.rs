//! Assigns memory to stored values by their lives: a word is free again once its value has been read for the last time.

use std::collections::{BTreeSet, HashMap};

use super::expression::{Formula, Store};

/// Words of memory, by value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    words: HashMap<usize, usize>,
    count: usize,
}

impl Slots {
    /// `statements` run in order, and `kept` are formulas that are evaluated after all of them.
    pub(crate) fn new<'a>(
        statements: impl Iterator<Item = &'a Store> + Clone,
        kept: &[Formula],
    ) -> Self {
        let mut last = HashMap::new();
        for (i, statement) in statements.clone().enumerate() {
            last.insert(statement.value, i);
            last.extend(statement.formula.stored().map(|value| (value, i)));
        }
        for value in kept.iter().flat_map(Formula::stored) {
            last.insert(value, usize::MAX);
        }
        let mut slots = Self::default();
        let mut free = BTreeSet::new();
        for (i, statement) in statements.enumerate() {
            // A statement reads before it writes: what it reads last may make room for what it stores.
            for read in statement.formula.stored() {
                if last.get(&read) == Some(&i)
                    && let Some(word) = slots.words.get(&read)
                {
                    free.insert(*word);
                }
            }
            let word = free.pop_first().unwrap_or_else(|| {
                slots.count += 1;
                slots.count - 1
            });
            slots.words.insert(statement.value, word);
        }
        slots
    }

    /// Words that are needed.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The word of a stored value.
    pub(crate) fn word(&self, value: usize) -> usize {
        match self.words.get(&value) {
            Some(word) => *word,
            None => unreachable!("every value that is read was stored by a statement"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{expression::Expression, graph::Input};

    #[test]
    fn a_word_is_free_behind_its_last_reading() {
        let stored = |value| Expression::stored(value, 1);
        let input = || Expression::input(Input::Evaluation(0));
        let formulas = [
            input(),
            stored(0).sum(input()),
            stored(1).product(stored(0)),
            stored(1).negated(),
            stored(3).sum(input()),
        ];
        let statements: Vec<Store> = formulas
            .into_iter()
            .enumerate()
            .map(|(value, expression)| Store {
                value,
                formula: expression.formula,
            })
            .collect();
        let kept = [stored(2).product(stored(4)).formula];
        let slots = Slots::new(statements.iter(), &kept);
        // Value 0 is read for the last time where 2 is stored, 1 where 3 is; 2 and 4 live to the end.
        assert_eq!(
            [0, 1, 2, 3, 4].map(|value| slots.word(value)),
            [0, 1, 0, 1, 1]
        );
        assert_eq!(slots.count(), 2);
    }
}
