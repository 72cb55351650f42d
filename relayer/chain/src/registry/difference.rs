//! A registered model, compared with what a bundle asks for.

use super::contract::Registry;
use super::registration::Registration;
use crate::abi::{ChunkSpec, Model, TensorSpec, Visibility};
use crate::error::Result;
use alloy::primitives::{B256, U256};
use serde::Serialize;
use std::fmt::{self, Debug};

/// Something that the registry recorded otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What, by the field's name and, in a list, its index: `chunks[1].key_code_hash`.
    pub what: String,
    /// What the bundle says.
    pub expected: String,
    /// What the registry has.
    pub found: String,
    /// The field, without its place in a list.
    #[serde(skip)]
    pub field: &'static str,
}

/// A registered model's chunks, and where its record differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Verifier and key of each chunk, as recorded.
    pub chunks: Vec<ChunkSpec>,
    /// Empty when the record is that of the bundle.
    pub differences: Vec<Difference>,
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
struct List {
    found: Vec<Difference>,
}

impl List {
    fn same<T: PartialEq + Debug>(
        &mut self,
        field: &'static str,
        what: String,
        expected: T,
        found: T,
    ) {
        if expected != found {
            self.found.push(Difference {
                what,
                expected: format!("{expected:?}"),
                found: format!("{found:?}"),
                field,
            });
        }
    }

    fn same_tensor(
        &mut self,
        list: &'static str,
        index: usize,
        expected: &TensorSpec,
        found: &TensorSpec,
    ) {
        let at = |field: &str| format!("{list}[{index}].{field}");
        self.same(list, at("name"), &expected.name, &found.name);
        self.same(list, at("shape"), &expected.shape, &found.shape);
        self.same(list, at("leaf"), expected.leaf, found.leaf);
        self.same(list, at("chunk"), expected.chunk, found.chunk);
        self.same(list, at("offset"), expected.offset, found.offset);
        self.same(list, at("length"), expected.length, found.length);
        self.same(list, at("zero_point"), expected.zeroPoint, found.zeroPoint);
        self.same(
            list,
            at("visibility"),
            Named(expected.visibility),
            Named(found.visibility),
        );
        self.same(list, at("scale_wad"), expected.scaleWad, found.scaleWad);
    }
}

/// Compares the record of a model with what it should have been registered with. Of lists of unequal length, what both
/// have is compared.
///
/// `code_hashes` has the verifier's code hash for each chunk; where it is `None` the verifier is not compared. The registrant and
/// the URI are not compared: any account may register a bundle, under any URI.
///
/// # Errors
/// The node does not answer, or the contract at the address is not a registry.
pub async fn compare(
    contract: &Registry,
    model_id: B256,
    model: &Model,
    expected: &Registration,
    code_hashes: &[Option<B256>],
) -> Result<Comparison> {
    let mut list = List::default();
    let manifest_id = expected.manifest_id;
    list.same(
        "manifest_id",
        "manifest_id".into(),
        manifest_id,
        model.manifestId,
    );
    for (field, expected, found) in [
        (
            "chunks",
            expected.num_public.len(),
            usize::from(model.chunkCount),
        ),
        (
            "leaves",
            expected.leaf_lengths.len(),
            model.leafCount as usize,
        ),
        (
            "inputs",
            expected.inputs.len(),
            usize::from(model.inputCount),
        ),
        (
            "outputs",
            expected.outputs.len(),
            usize::from(model.outputCount),
        ),
    ] {
        list.same(field, format!("number of {field}"), expected, found);
    }

    let mut specs = Vec::new();
    for (chunk, i) in (0..model.chunkCount).zip(0_usize..) {
        let spec = contract.chunk_spec(model_id, chunk).await?;
        let at = |field: &str| format!("chunks[{i}].{field}");
        if let Some(Some(hash)) = code_hashes.get(i) {
            list.same("verifier", at("code_hash"), *hash, spec.codeHash);
        }
        if let Some(hash) = expected.key_code_hashes.get(i) {
            list.same("key", at("key_code_hash"), *hash, spec.keyCodeHash);
        }
        if let Some(count) = expected.num_public.get(i) {
            list.same("num_public", at("num_public"), *count, spec.numPublic);
        }
        if let Some(budget) = expected.hiding_budgets.get(i) {
            list.same(
                "hiding_budget",
                at("hiding_budget"),
                *budget,
                spec.hidingBudget,
            );
        }
        specs.push(spec);
    }
    for ((index, input), i) in (0..model.inputCount).zip(&expected.inputs).zip(0..) {
        let spec = contract.input_spec(model_id, index).await?;
        list.same_tensor("inputs", i, input, &spec);
    }
    for ((index, output), i) in (0..model.outputCount).zip(&expected.outputs).zip(0..) {
        let spec = contract.output_spec(model_id, index).await?;
        list.same_tensor("outputs", i, output, &spec);
    }
    for (leaf, length) in (0..model.leafCount).zip(&expected.leaf_lengths) {
        let found = contract.leaf_length(model_id, leaf).await?;
        let what = format!("leaf_lengths[{leaf}]");
        list.same("leaf_lengths", what, U256::from(*length), found);
    }
    Ok(Comparison {
        chunks: specs,
        differences: list.found,
    })
}
