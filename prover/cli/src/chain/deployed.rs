//! A bundle's record of its deployment, checked before anything relies on it.
//!
//! Nobody signs that file. Whoever published the bundle could name a contract of their own in it, which takes the gas of whoever sends
//! proofs to it, and proves nothing. So its parts are checked against each other, the manifest, this program and the chain.

use crate::{
    failure::bad_input,
    solidity::{artefacts::REGISTRY, generate},
};
use alloy::{
    consensus::TxEip1559,
    primitives::{Address, Bytes, TxKind, U256, keccak256},
};
use anyhow::Context as _;
use chainfer_chain::{
    fees::{FeePolicy, Oracle},
    registry::{Registration, Registry, compare},
    rpc::{At, Rpc},
};
use chainfer_engine::bundle::{PublicBundle, VerifierRequest};
use chainfer_formats::{DeploymentFile, Manifest, ProofFile, ids};
use chainfer_relayer::money::Gwei;
use std::path::Path;

/// Differences that an error lists.
const SHOWN: usize = 5;
/// Gas of a transaction with proofs beyond the proofs' own, and of the registry's work for one chunk. Both are upper bounds.
const TRANSACTION_GAS: u64 = 300_000;
const CHUNK_GAS: u64 = 120_000;
/// The most that is spent by default is this many times what the transactions are expected to cost.
const MARGIN: u64 = 3;

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
    let (expected, got) = (manifest.chunks.len(), record.chunks.len());
    if expected != got {
        return refuse("chunks", format!("{expected} chunks"), got.to_string());
    }
    Ok(record)
}

/// Checks the record against the chain: the registry has the code of this program's own, unless `trusted` names it; it knows the model
/// as the manifest describes it; and verifiers and keys are where the record says, with the code that the registry recorded.
///
/// The verifiers' code is not compared with the bundle's sources, which takes a compiler: `check-model` does that.
///
/// # Errors
/// Bad input: something is not so. Or the node does not answer.
pub(crate) async fn check(
    rpc: &Rpc,
    manifest: &Manifest,
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
    let expected = Registration::from_manifest(manifest, "")?;
    let compared = compare(&registry, record.model_id, &model, &expected, &[]).await?;
    if !compared.differences.is_empty() {
        let shown = compared.differences.iter().take(SHOWN);
        let shown: Vec<String> = shown
            .map(|d| format!("{}: expected {}, found {}", d.what, d.expected, d.found))
            .collect();
        return refuse(format!(
            "the registered model is not the bundle's: {}",
            shown.join("; ")
        ));
    }
    for (i, (spec, named)) in compared.chunks.iter().zip(&record.chunks).enumerate() {
        for (what, at, hash, named) in [
            ("verifier", spec.verifier, spec.codeHash, named.verifier),
            ("key", spec.key, spec.keyCodeHash, named.key),
        ] {
            if at != named {
                return refuse(format!(
                    "chunk {i}: the bundle's record has its {what} at {named}, the registry at {at}"
                ));
            }
            if keccak256(rpc.code(at).await?) != hash {
                return refuse(format!(
                    "chunk {i}: the {what} at {at} has not the code that it was registered with"
                ));
            }
        }
    }
    Ok(())
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
    let found = rpc.code(registry).await?;
    if found == REGISTRY.runtime_code(&[])? {
        return Ok(());
    }
    let what = if found.is_empty() {
        "there is no contract".to_owned()
    } else {
        format!("the contract has other code ({})", keccak256(found))
    };
    Err(bad_input(format!(
        "the bundle's record names {registry} as registry, and {what}, not that of the registry which this program was built \
         with; if you know that registry and trust it, pass --registry {registry}"
    )))
}

/// What an attestation may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// What its transactions are expected to cost at today's prices, at most.
    pub(crate) expected: Gwei,
    /// What they may cost if the user does not say.
    pub(crate) limit: Gwei,
}

/// Works out what attesting a proof may cost, from the bundle's keys and the chain's prices alone: no contract is asked.
///
/// # Errors
/// A verifier cannot be generated, or the node does not answer.
pub(crate) async fn budget(
    rpc: &Rpc,
    bundle: &PublicBundle,
    proof: &ProofFile,
) -> anyhow::Result<Budget> {
    let gas = attestation_gas(bundle)?;
    let head = rpc.head().await?;
    let (base, usual) = (
        head.base_fee_per_gas.unwrap_or_default(),
        rpc.median_priority_fee().await?,
    );
    let offer = FeePolicy::default().offer(base, usual);
    let price = U256::from(base) + U256::from(offer.priority_fee);
    let gas_cost = |price: U256| U256::from(gas) * price;
    let publication = publication_fee(rpc, gas, proof).await?;
    Ok(Budget {
        expected: Gwei::ceil(gas_cost(price) + publication),
        limit: Gwei::ceil((gas_cost(U256::from(offer.max_fee)) + publication) * U256::from(MARGIN)),
    })
}

/// Upper bound of the gas that the chunks of a bundle take to attest.
fn attestation_gas(bundle: &PublicBundle) -> anyhow::Result<u64> {
    let mut gas = TRANSACTION_GAS;
    for (chunk, entry) in bundle.manifest().chunks.iter().enumerate() {
        let (verifier, _) = generate(&VerifierRequest {
            chunk,
            vk: &bundle.verifying_keys()[chunk],
            params: &bundle.verifier_params()[chunk],
            num_instances: 2 + entry.num_public,
        })?;
        gas = gas.saturating_add(verifier.gas_estimate + CHUNK_GAS);
    }
    Ok(gas)
}

/// What a roll-up asks for publishing and proving the transactions; zero on other chains.
async fn publication_fee(rpc: &Rpc, gas: u64, proof: &ProofFile) -> anyhow::Result<U256> {
    let Some(oracle) = Oracle::find(rpc).await? else {
        return Ok(U256::ZERO);
    };
    // As many bytes as the proofs, which cannot be compressed.
    let proofs: Vec<u8> = proof.chunks.iter().flat_map(|c| c.proof.to_vec()).collect();
    let transaction = TxEip1559 {
        to: TxKind::Call(Address::ZERO),
        input: Bytes::from(proofs),
        gas_limit: gas,
        ..TxEip1559::default()
    };
    let publication = oracle
        .publication_fee(rpc, &transaction)
        .await
        .context("cannot get the price of publishing a transaction")?;
    Ok(publication + oracle.operator_fee(rpc, gas, At::Latest).await?)
}
