//! One proof, from file to confirmed attestation.

use super::config::{ClientConfig, DEFAULT_SPEND_CAP};
use super::report::TxReport;
use crate::engine::{Engine, RegistryCode};
use crate::error::{Error, Result};
use crate::state::JobState;
use crate::submitter::Submitter;
use alloy::primitives::{Address, B256};
use chainfer_formats::{DeploymentFile, Manifest, ProofFile};
use serde::Serialize;
use std::time::Duration;

/// What [`attest`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttestReport {
    /// Idempotency key of the job.
    pub job_id: B256,
    /// Id of the inference in the registry.
    pub inference_id: B256,
    /// Id of the model in the registry.
    pub model_id: B256,
    /// Address of the registry contract.
    pub registry: Address,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Where the job stands; `confirmed` or `finalized`.
    pub status: JobState,
    /// Transactions that were needed; none when the registry had the inference already.
    pub transactions: Vec<TxReport>,
    /// Gas of all of them.
    pub total_gas: u64,
    /// Block at which the registry was seen to say `Proven`.
    pub block: Option<u64>,
}

/// Publishes a proof and waits until its attestation is confirmed. Calling it again, after success or
/// after a crash, sends nothing twice.
///
/// The registry must have the code of this program's own, unless [`crate::engine::EngineConfig::registry_code`] asks for other code.
/// All transactions together, and all that this proof ever cost with the same state, may cost [`ClientConfig::max_spend`] or
/// [`super::DEFAULT_SPEND_CAP`]; and it ends when two plans in a row were paid for and the registry's record did not advance.
///
/// # Errors
/// [`Error::Format`] and [`Error::Mismatch`] when the files do not belong together, or the registry is another contract, before
/// anything is sent; [`Error::JobEnded`] when the registry refuses the proof, or it costs too much.
pub async fn attest(
    config: &ClientConfig,
    proof: &ProofFile,
    manifest: &Manifest,
    deployment: &DeploymentFile,
) -> Result<AttestReport> {
    let proof = bound_proof(proof, manifest, deployment)?;
    let mut config = config.clone();
    config.chain_id = Some(deployment.chain_id);
    let engine = &mut config.engine;
    engine.registry = Some(deployment.registry);
    engine.registry_code.get_or_insert(RegistryCode::Built);
    let limit = config.max_spend.unwrap_or(DEFAULT_SPEND_CAP);
    engine.caps.job.get_or_insert(limit);
    let engine = config.connect_limited().await?;
    let report = relay(&engine, &proof, config.limit).await;
    engine.close().await;
    report
}

async fn relay(engine: &Engine, proof: &ProofFile, limit: Duration) -> Result<AttestReport> {
    engine.check_registry(proof_registry(proof)?).await?;
    let key = engine
        .submit(proof, &Submitter::local())
        .await?
        .job()
        .key
        .clone();
    let job = engine.run_job(key.id, limit).await?;
    let (transactions, total_gas) = TxReport::of_job(engine.store(), key.id).await?;
    Ok(AttestReport {
        job_id: key.id,
        inference_id: key.inference_id,
        model_id: key.model_id,
        registry: key.registry,
        chain_id: key.chain_id,
        status: job.state,
        transactions,
        total_gas,
        block: job.proven.map(|b| b.number),
    })
}

fn proof_registry(proof: &ProofFile) -> Result<Address> {
    match proof.binding {
        Some(binding) => Ok(binding.registry),
        None => Err(unbound()),
    }
}

fn unbound() -> Error {
    Error::Mismatch {
        field: "binding",
        expected: "a proof made with --chain-id, --registry, --requester and --nonce".to_owned(),
        got: "null".to_owned(),
    }
}

/// Checks that the three files belong together.
fn bound_proof(
    proof: &ProofFile,
    manifest: &Manifest,
    deployment: &DeploymentFile,
) -> Result<ProofFile> {
    proof.check_against(manifest)?;
    let mismatch = |field, expected: String, got: String| {
        Err(Error::Mismatch {
            field,
            expected,
            got,
        })
    };
    let Some(binding) = proof.binding else {
        return Err(unbound());
    };
    if binding.chain_id != deployment.chain_id {
        return Err(Error::WrongChain {
            expected: deployment.chain_id,
            got: binding.chain_id,
        });
    }
    if binding.registry != deployment.registry {
        return mismatch(
            "binding.registry",
            deployment.registry.to_string(),
            binding.registry.to_string(),
        );
    }
    match proof.model_id {
        Some(model) if model != deployment.model_id => mismatch(
            "model_id",
            deployment.model_id.to_string(),
            model.to_string(),
        ),
        Some(_) => Ok(with_model(proof, deployment)),
        // The model was not named at proving time; the context decides whether it is this one.
        None => {
            let mut named = with_model(proof, deployment);
            named.model_id = Some(deployment.model_id);
            named.check()?;
            Ok(named)
        }
    }
}

/// The proof with what the registry is handed of its model, from the deployment whatever the proof brings.
fn with_model(proof: &ProofFile, deployment: &DeploymentFile) -> ProofFile {
    let mut proof = proof.clone();
    proof.model = Some(deployment.model.clone());
    proof
}
