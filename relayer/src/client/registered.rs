//! A model that is registered already, against the plan that would register it.

use super::DeployPlan;
use crate::abi::{ChunkSpec, Model};
use crate::engine::Registry;
use crate::error::{Error, Result};
use alloy::primitives::{B256, U256, keccak256};
use std::fmt::Debug;

/// The chunks of a registered model; it must be the model that the plan would register.
pub(super) async fn read_back(
    contract: &Registry,
    model_id: B256,
    model: &Model,
    plan: &DeployPlan,
) -> Result<Vec<ChunkSpec>> {
    let planned = &plan.registration;
    same("chunks", plan.chunks.len(), usize::from(model.chunkCount))?;
    let leaves = planned.leaf_lengths.len();
    same("leaves", leaves, model.leafCount as usize)?;
    let mut specs = Vec::new();
    for (chunk, i) in (0..model.chunkCount).zip(0..) {
        let spec = contract.chunk_spec(model_id, chunk).await?;
        same("num_public", planned.num_public[i], spec.numPublic)?;
        let budget = planned.hiding_budgets[i];
        same("hiding_budget", budget, spec.hidingBudget)?;
        let verifier = &plan.verifiers[plan.chunks[i].verifier];
        if let Some(code) = &verifier.runtime_code {
            same("verifier", keccak256(code), spec.codeHash)?;
        }
        same("key", planned.key_code_hashes[i], spec.keyCodeHash)?;
        specs.push(spec);
    }
    same(
        "inputs",
        planned.inputs.len(),
        usize::from(model.inputCount),
    )?;
    for (index, input) in (0..model.inputCount).zip(&planned.inputs) {
        let spec = contract.input_spec(model_id, index).await?;
        same("inputs", input, &spec)?;
    }
    same(
        "outputs",
        planned.outputs.len(),
        usize::from(model.outputCount),
    )?;
    for (index, output) in (0..model.outputCount).zip(&planned.outputs) {
        let spec = contract.output_spec(model_id, index).await?;
        same("outputs", output, &spec)?;
    }
    for (leaf, length) in (0..model.leafCount).zip(&planned.leaf_lengths) {
        let got = contract.leaf_length(model_id, leaf).await?;
        same("leaf_lengths", U256::from(*length), got)?;
    }
    Ok(specs)
}

fn same<T: PartialEq + Debug>(field: &'static str, expected: T, got: T) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Mismatch {
        field,
        expected: format!("{expected:?}"),
        got: format!("{got:?} in the registered model"),
    })
}
