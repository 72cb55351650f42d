//! One proof, from file to confirmed attestation.

use super::config::ClientConfig;
use super::report::TxReport;
use crate::engine::Engine;
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
/// # Errors
/// [`Error::Format`] and [`Error::Mismatch`] when the files do not belong together, before
/// anything is sent; [`Error::JobEnded`] when the registry refuses the proof.
pub async fn attest(
    config: &ClientConfig,
    proof: &ProofFile,
    manifest: &Manifest,
    deployment: &DeploymentFile,
) -> Result<AttestReport> {
    let proof = bound_proof(proof, manifest, deployment)?;
    let mut config = config.clone();
    config.chain_id = Some(deployment.chain_id);
    config.engine.registry = Some(deployment.registry);
    let engine = config.connect().await?;
    let report = relay(&engine, &proof, config.limit).await;
    engine.close().await;
    report
}

async fn relay(engine: &Engine, proof: &ProofFile, limit: Duration) -> Result<AttestReport> {
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
        return mismatch(
            "binding",
            "a proof made with --chain-id, --registry, --requester and --nonce".to_owned(),
            "null".to_owned(),
        );
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
        Some(_) => Ok(proof.clone()),
        // The model was not named at proving time; the context decides whether it is this one.
        None => {
            let mut named = proof.clone();
            named.model_id = Some(deployment.model_id);
            named.check()?;
            Ok(named)
        }
    }
}
