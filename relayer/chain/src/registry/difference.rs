//! A registered model, compared with what a bundle asks for.

use super::registration::Registration;
use crate::abi::{ModelRegistration, TensorSpec, Visibility};
use alloy::primitives::B256;
use serde::Serialize;
use std::fmt::{self, Debug};

/// Something that was registered otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What, by the field's name and, in a list, its index: `chunks[1].key_hash`.
    pub what: String,
    /// What the bundle says.
    pub expected: String,
    /// What was registered.
    pub found: String,
}

/// A visibility as an ABI encodes it, shown by its name.
#[derive(PartialEq)]
struct Named(u8);

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Visibility::from_abi(self.0) {
            Some(visibility) => visibility.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

/// Differences as they are found.
#[derive(Default)]
struct List(Vec<Difference>);

impl List {
    fn same<T: PartialEq + Debug>(&mut self, what: impl Into<String>, expected: T, found: T) {
        if expected != found {
            self.0.push(Difference {
                what: what.into(),
                expected: format!("{expected:?}"),
                found: format!("{found:?}"),
            });
        }
    }

    fn same_tensors(&mut self, list: &str, expected: &[TensorSpec], found: &[TensorSpec]) {
        self.same(format!("number of {list}"), expected.len(), found.len());
        for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
            let at = |field: &str| format!("{list}[{i}].{field}");
            self.same(at("leaf"), expected.leaf, found.leaf);
            self.same(at("chunk"), expected.chunk, found.chunk);
            self.same(at("offset"), expected.offset, found.offset);
            self.same(at("length"), expected.length, found.length);
            self.same(at("zero_point"), expected.zeroPoint, found.zeroPoint);
            self.same(
                at("visibility"),
                Named(expected.visibility),
                Named(found.visibility),
            );
            self.same(at("scale_wad"), expected.scaleWad, found.scaleWad);
        }
    }
}

/// Compares what a model was registered with, from its event, with what it should have been registered with. Of lists of unequal
/// length, what both have is compared.
///
/// `code_hashes` has the verifier's code hash for each chunk; where it is `None` the verifier is not compared. The registrant and
/// the URI are not compared: any account may register a bundle, under any URI.
pub fn compare(
    found: &ModelRegistration,
    expected: &Registration,
    code_hashes: &[Option<B256>],
) -> Vec<Difference> {
    let mut list = List::default();
    list.same("manifest_id", expected.manifest_id, found.manifestId);
    list.same("key_set", expected.key_set, B256::from(found.keySet));
    list.same(
        "number of chunks",
        expected.num_public.len(),
        found.chunks.len(),
    );
    for (i, spec) in found.chunks.iter().enumerate() {
        let at = |field: &str| format!("chunks[{i}].{field}");
        if let Some(Some(hash)) = code_hashes.get(i) {
            list.same(at("code_hash"), *hash, spec.codeHash);
        }
        if let Some(hash) = expected.key_hashes.get(i) {
            list.same(at("key_hash"), *hash, spec.keyHash);
        }
        if let Some(count) = expected.num_public.get(i) {
            list.same(at("num_public"), *count, spec.numPublic);
        }
        if let Some(budget) = expected.hiding_budgets.get(i) {
            list.same(at("hiding_budget"), *budget, spec.hidingBudget);
        }
    }
    list.same_tensors("inputs", &expected.inputs, &found.inputs);
    list.same_tensors("outputs", &expected.outputs, &found.outputs);
    list.same("leaf_lengths", &expected.leaf_lengths, &found.leafLengths);
    list.0
}
