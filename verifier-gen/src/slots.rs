//! Assigns memory to stored values by their lives: a word is free again once its value has been read for the last time.

use std::collections::{BTreeSet, HashMap};

/// How a stored value's address appears in text until it is assigned.
pub(crate) fn name(value: usize) -> String {
    format!("s{value}")
}

/// The values whose addresses a text names.
fn values(text: &str) -> impl Iterator<Item = usize> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|token| token.strip_prefix('s')?.parse().ok())
}

/// Words of memory, by value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    words: HashMap<usize, usize>,
    count: usize,
}

impl Slots {
    /// `statements` run in order, each storing one value, and `kept` are expressions that are read behind all of them.
    pub(crate) fn new<'a>(
        statements: impl Iterator<Item = &'a str> + Clone,
        kept: &[String],
    ) -> Self {
        let mut last = HashMap::new();
        for (i, statement) in statements.clone().enumerate() {
            last.extend(values(statement).map(|value| (value, i)));
        }
        for value in kept.iter().flat_map(|text| values(text)) {
            last.insert(value, usize::MAX);
        }
        let mut slots = Self::default();
        let mut free = BTreeSet::new();
        for (i, statement) in statements.enumerate() {
            // A statement reads before it writes: what it reads last may make room for what it stores.
            let mut named = values(statement);
            let stored = named.next();
            for read in named {
                if last.get(&read) == Some(&i)
                    && let Some(word) = slots.words.get(&read)
                {
                    free.insert(*word);
                }
            }
            if let Some(stored) = stored {
                let word = free.pop_first().unwrap_or_else(|| {
                    slots.count += 1;
                    slots.count - 1
                });
                slots.words.insert(stored, word);
            }
        }
        slots
    }

    /// Words that are needed.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Writes addresses in place of the names; `address` gives a word's.
    pub(crate) fn resolve(&self, text: &str, address: impl Fn(usize) -> usize) -> String {
        let mut resolved = String::with_capacity(text.len() + text.len() / 4);
        for token in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let end = token
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(token.len());
            let word = values(&token[..end])
                .next()
                .and_then(|value| self.words.get(&value));
            match word {
                Some(word) => {
                    resolved.push_str(&format!("{:#06x}", address(*word)));
                    resolved.push_str(&token[end..]);
                }
                None => resolved.push_str(token),
            }
        }
        resolved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_free_behind_its_last_reading() {
        let statements = [
            "mstore(s0, mload(0x20))",
            "mstore(s1, add(mload(s0), 1))",
            "mstore(s2, mulmod(mload(s1), mload(s0), r))",
            "mstore(s3, sub(r, mload(s1)))",
            "mstore(s4, add(mload(s3), calldataload(0x44)))",
        ];
        let kept = ["mulmod(mload(s2), mload(s4), r)".to_owned()];
        let slots = Slots::new(statements.into_iter(), &kept);
        let resolved =
            statements.map(|statement| slots.resolve(statement, |word| 0x100 + 32 * word));
        assert_eq!(
            resolved,
            [
                "mstore(0x0100, mload(0x20))",
                "mstore(0x0120, add(mload(0x0100), 1))",
                // s0 is read here for the last time, s2 lives to the end.
                "mstore(0x0100, mulmod(mload(0x0120), mload(0x0100), r))",
                "mstore(0x0120, sub(r, mload(0x0120)))",
                "mstore(0x0120, add(mload(0x0120), calldataload(0x44)))",
            ]
        );
        assert_eq!(slots.count(), 2);
    }
}
