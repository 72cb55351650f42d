//! A bundle's record of its deployment, checked before anything relies on it.
//!
//! Nobody signs that file. Whoever published the bundle could name a contract of their own in it, which takes the gas of whoever sends
//! proofs to it, and proves nothing. So its parts are checked against each other, the manifest, this program and the chain.

use crate::{failure::bad_input, solidity::artefacts::REGISTRY};
use alloy::primitives::{Address, keccak256};
use chainfer_chain::{
    registry::{PlacedChunk, Registration, Registry},
    rpc::Rpc,
};
use chainfer_formats::{DeploymentFile, Manifest, ids};
use std::path::Path;

/// Reads the record of a bundle's deployment on a chain, and checks it against itself and the manifest, not against the chain.
///
/// # Errors
/// Bad input: there is no such file, or it is of another chain or model.
pub(crate) fn read(
    public: &Path,
    chain_id: u64,
    manifest: &Manifest,
) -> anyhow::Result<DeploymentFile> {
    let path = super::record_path(public, chain_id);
    let record = DeploymentFile::read(&path).map_err(|e| {
        bad_input(format!(
            "the bundle is not deployed on chain {chain_id} ({e}); run `chainfer deploy` first"
        ))
    })?;
    let refuse = |field: &str, expected: String, got: String| {
        Err(bad_input(format!(
            "{}: field `{field}`: expected {expected}, got {got}: the record is not of this bundle, or was changed; deploy \
             the bundle again",
            path.display()
        )))
    };
    if record.chain_id != chain_id {
        let (expected, got) = (chain_id.to_string(), record.chain_id.to_string());
        return refuse("chain_id", expected, got);
    }
    let model_id = ids::model_id(manifest.manifest_id, record.registrant);
    if record.model_id != model_id {
        let expected = format!("{model_id}, which follows from manifest and registrant");
        return refuse("model_id", expected, record.model_id.to_string());
    }
    let (expected, got) = (manifest.chunks.len(), record.model.chunks.len());
    if expected != got {
        return refuse("chunks", format!("{expected} chunks"), got.to_string());
    }
    let placed = record.model.chunks.iter().map(|chunk| PlacedChunk {
        verifier: chunk.verifier,
        code_hash: chunk.code_hash,
        key: chunk.key.clone(),
    });
    let expected = Registration::from_manifest(manifest, "")?.model(placed.collect());
    if expected != record.model {
        let expected = "the keys, public values, tensors and leaves of the manifest".to_owned();
        return refuse("model", expected, "others".to_owned());
    }
    Ok(record)
}

/// Checks the record against the chain: the registry has the code of this program's own, unless `trusted` names it; it knows the model
/// of the record; and verifiers and keys are where the record says, with the code that the registry recorded.
///
/// The verifiers' code is not compared with the bundle's sources, which takes a compiler: `check-model` does that.
///
/// # Errors
/// Bad input: something is not so. Or the node does not answer.
pub(crate) async fn check(
    rpc: &Rpc,
    record: &DeploymentFile,
    trusted: Option<Address>,
) -> anyhow::Result<()> {
    check_registry(rpc, record, trusted).await?;
    let registry = Registry::new(rpc.clone(), record.registry);
    let refuse = |what: String| {
        Err(bad_input(format!(
            "{what} (registry {}, model {}); `chainfer check-model` says more",
            record.registry, record.model_id
        )))
    };
    let Some(model) = registry.model(record.model_id).await? else {
        return refuse("the registry does not know the bundle's model".to_owned());
    };
    if record.model.record.hash() != model.recordHash {
        return refuse("the registered model is not the bundle's".to_owned());
    }
    for (i, chunk) in record.model.chunks.iter().enumerate() {
        let contracts = [
            Some(("verifier", chunk.verifier, chunk.code_hash)),
            chunk.key_contract().map(|at| ("key", at, chunk.key_hash)),
        ];
        for (what, at, hash) in contracts.into_iter().flatten() {
            if keccak256(rpc.code(at).await?) != hash {
                return refuse(format!(
                    "chunk {i}: the {what} at {at} has not the code that it was registered with"
                ));
            }
        }
    }
    Ok(())
}

/// Refuses a model whose inferences do not count if they are proven now: a deprecated one, and one that is frozen.
///
/// # Errors
/// Bad input: it is one. Or the node does not answer.
pub(crate) async fn check_counts(rpc: &Rpc, record: &DeploymentFile) -> anyhow::Result<()> {
    let id = record.model_id;
    let registry = Registry::new(rpc.clone(), record.registry);
    let what = match registry.model(id).await? {
        Some(model) if model.is_deprecated() => {
            "deprecated: what is proven after that never counts"
        }
        Some(model) if model.frozen => "frozen: nothing of it counts while it is",
        _ => return Ok(()),
    };
    Err(bad_input(format!(
        "the model {id} is {what}; nothing was sent. To send the proof all the same, pass --allow-deprecated"
    )))
}

async fn check_registry(
    rpc: &Rpc,
    record: &DeploymentFile,
    trusted: Option<Address>,
) -> anyhow::Result<()> {
    let registry = record.registry;
    if let Some(trusted) = trusted {
        if trusted == registry {
            return Ok(());
        }
        return Err(bad_input(format!(
            "--registry is {trusted}, but the bundle is deployed with {registry}"
        )));
    }
    let Some(what) = other_code(rpc, registry).await? else {
        return Ok(());
    };
    Err(bad_input(format!(
        "the bundle's record names {registry} as registry, and {what}, not that of the registry which this program was built \
         with; if you know that registry and trust it, pass --registry {registry}"
    )))
}

/// What is at the address, unless it is the code of the registry that this program was built with.
///
/// # Errors
/// The node does not answer.
pub(crate) async fn other_code(rpc: &Rpc, registry: Address) -> anyhow::Result<Option<String>> {
    let found = rpc.code(registry).await?;
    Ok(if found == REGISTRY.runtime_code(&[])? {
        None
    } else if found.is_empty() {
        Some("there is no contract".to_owned())
    } else {
        Some(format!(
            "the contract has other code ({})",
            keccak256(found)
        ))
    })
}
