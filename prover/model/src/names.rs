//! Names of tensors and layers, each of one only.

use std::collections::{BTreeMap, BTreeSet};

/// Numbers those that share a name: what one node of a file becomes has names of its own. The last one keeps the name, and so do the ends of
/// the network, which come with `true`.
pub(crate) fn tell_apart<'n>(names: impl Iterator<Item = (&'n mut String, bool)>) {
    let mut names: Vec<(&mut String, bool)> = names.collect();
    let mut taken: BTreeSet<String> = names.iter().map(|(name, _)| (*name).clone()).collect();
    // How many there are of each name, and whether an end has it.
    let mut left: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for (name, is_end) in &names {
        let (count, has_end) = left.entry((*name).clone()).or_default();
        *count += 1;
        *has_end |= is_end;
    }
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for (name, is_end) in &mut names {
        let Some((count, has_end)) = left.get_mut(*name) else {
            continue;
        };
        *count -= 1;
        if *is_end || (*count == 0 && !*has_end) {
            continue;
        }
        let number = numbers.entry((*name).clone()).or_default();
        **name = loop {
            *number += 1;
            let numbered = format!("{name}.{number}");
            if taken.insert(numbered.clone()) {
                break numbered;
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_share_a_name_are_told_apart() {
        let told = |names: &[(&str, bool)]| {
            let mut owned: Vec<(String, bool)> = names
                .iter()
                .map(|(n, end)| ((*n).to_owned(), *end))
                .collect();
            tell_apart(owned.iter_mut().map(|(name, end)| (name, *end)));
            owned.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let inner = told(&[("y", false), ("y.1", false), ("y", false), ("y", false)]);
        assert_eq!(inner, ["y.2", "y.1", "y.3", "y"]);
        let ends = told(&[("y", true), ("y", false), ("z", false), ("z", true)]);
        assert_eq!(ends, ["y", "y.1", "z.1", "z"]);
    }
}
