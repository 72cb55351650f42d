//! Verifiers, registry and model on a chain.

use super::config::ClientConfig;
use super::listing::{check_listable, list};
use super::plan::{DeployPlan, RegistryPlan};
use super::transactions::{Step, code_at, create, send};
use crate::boxed::Boxed;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::store::TxKind;
use alloy::primitives::{Address, B256, keccak256};
use alloy::sol_types::SolCall;
use chainfer_chain::abi::{ChainferRegistry, ChunkSpec, Model};
use chainfer_chain::registry::{Registry, compare};
use chainfer_formats::ids;
use chainfer_formats::{DeployedChunk, DeploymentFile};
use serde::Serialize;
use std::time::Duration;

/// A bundle's contracts on a chain, and the transactions that put them there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// What `public/deployments/<chain id>.json` holds.
    #[serde(flatten)]
    pub file: DeploymentFile,
    /// Code hash of each chunk's verifier, as read back from the chain.
    pub code_hashes: Vec<B256>,
    /// Code hash of each chunk's key, as read back from the chain.
    pub key_code_hashes: Vec<B256>,
    /// Transactions that were needed; none when all was there already.
    pub transactions: Vec<Step>,
    /// Gas of all of them.
    pub total_gas: u64,
}

/// Deploys verifiers, keys and, if needed, the registry, lists the verifier shapes if the sender may, and registers the
/// model. Idempotent: a model that this account has registered is only read back, and with a state file an interrupted
/// deployment goes on.
///
/// All transactions together may cost [`ClientConfig::max_spend`] or [`super::DEFAULT_SPEND_CAP`].
///
/// # Errors
/// [`Error::TransactionFailed`] when they would cost more; [`Error::VerifierNotListed`], before anything is sent where the code is known, if somebody else has to list a shape.
pub async fn deploy(config: &ClientConfig, plan: &DeployPlan) -> Result<Deployment> {
    plan.check()?;
    let engine = config.connect_limited().await?;
    let deployment = deploy_with(&engine, plan, config.limit).await;
    engine.close().await;
    deployment
}

fn deploy_with<'a>(
    engine: &'a Engine,
    plan: &'a DeployPlan,
    limit: Duration,
) -> Boxed<'a, Result<Deployment>> {
    Box::pin(async move {
        let mut steps = Vec::new();
        let shapes = plan.known_code_hashes();
        let registry = match &plan.registry {
            RegistryPlan::Existing(address) => *address,
            RegistryPlan::New(new) => {
                let code = new.init_code(engine.sender(), shapes.clone());
                let deployed = create(engine, "registry", &code, None, limit).await?;
                steps.push(deployed.step("registry"));
                deployed.address
            }
        };
        code_at(engine, registry, "the registry").await?;
        let contract = engine.registry(registry);
        let model_id = ids::model_id(plan.registration.manifest_id, engine.sender());
        if let Some(model) = contract.model(model_id).await? {
            tracing::info!(%model_id, "model is registered already");
            let specs = read_back(&contract, model_id, &model, plan).await?;
            let block = engine.rpc().head().await?.number;
            return Ok(deployment(engine, registry, model_id, &specs, block, steps));
        }
        check_listable(engine, &contract, &shapes).await?;
        let verifiers = deploy_verifiers(engine, plan, limit, &mut steps).await?;
        let shapes: Vec<B256> = verifiers.iter().map(|(_, code_hash)| *code_hash).collect();
        list(engine, &contract, &shapes, limit, &mut steps).await?;
        let specs = deploy_keys(engine, plan, &verifiers, limit, &mut steps).await?;
        let registration = plan.registration.with_chunks(specs.clone());
        let data = ChainferRegistry::registerModelCall { registration }
            .abi_encode()
            .into();
        let to = Some(registry);
        let sent = send(engine, "registerModel", TxKind::Register, to, data, limit);
        let transaction = sent.await?.0;
        let block = transaction.block.unwrap_or_default();
        steps.push(Step {
            what: "register model".to_owned(),
            transaction,
        });
        if contract.model(model_id).await?.is_none() {
            return Err(Error::Mismatch {
                field: "model_id",
                expected: format!("the registry to know {model_id}"),
                got: "ModelNotRegistered".to_owned(),
            });
        }
        Ok(deployment(engine, registry, model_id, &specs, block, steps))
    })
}

/// The chunks of a registered model; it must be the model that the plan would register.
async fn read_back(
    contract: &Registry,
    model_id: B256,
    model: &Model,
    plan: &DeployPlan,
) -> Result<Vec<ChunkSpec>> {
    let code_hashes: Vec<Option<B256>> = plan
        .chunks
        .iter()
        .map(|chunk| {
            let verifier = plan.verifiers.get(chunk.verifier)?;
            verifier.runtime_code.as_ref().map(keccak256)
        })
        .collect();
    let planned = &plan.registration;
    let compared = compare(contract, model_id, model, planned, &code_hashes).await?;
    match compared.differences.into_iter().next() {
        None => Ok(compared.chunks),
        Some(difference) => Err(Error::Mismatch {
            field: difference.field,
            expected: difference.expected,
            got: format!(
                "{} in the registered model ({})",
                difference.found, difference.what
            ),
        }),
    }
}

/// Every verifier once; address and code hash, in the order of the plan.
async fn deploy_verifiers(
    engine: &Engine,
    plan: &DeployPlan,
    limit: Duration,
    steps: &mut Vec<Step>,
) -> Result<Vec<(Address, B256)>> {
    let mut verifiers = Vec::new();
    for verifier in &plan.verifiers {
        let expected = verifier.runtime_code.as_ref().map(keccak256);
        let code = &verifier.creation_code;
        let deployed = create(engine, &verifier.name, code, expected, limit).await?;
        verifiers.push((deployed.address, deployed.code_hash));
        steps.push(deployed.step(&verifier.name));
    }
    Ok(verifiers)
}

/// A key contract a chunk, in the order of the plan.
async fn deploy_keys(
    engine: &Engine,
    plan: &DeployPlan,
    verifiers: &[(Address, B256)],
    limit: Duration,
    steps: &mut Vec<Step>,
) -> Result<Vec<ChunkSpec>> {
    let mut specs = Vec::new();
    let planned = &plan.registration;
    for (i, chunk) in plan.chunks.iter().enumerate() {
        let code = &chunk.key_creation_code;
        let expected = planned.key_code_hashes[i];
        let key = create(engine, &chunk.key_name, code, Some(expected), limit).await?;
        let (verifier, code_hash) = verifiers[chunk.verifier];
        specs.push(ChunkSpec {
            verifier,
            codeHash: code_hash,
            key: key.address,
            keyCodeHash: key.code_hash,
            numPublic: planned.num_public[i],
            hidingBudget: planned.hiding_budgets[i],
        });
        steps.push(key.step(&chunk.key_name));
    }
    Ok(specs)
}

fn deployment(
    engine: &Engine,
    registry: Address,
    model_id: B256,
    specs: &[ChunkSpec],
    block: u64,
    transactions: Vec<Step>,
) -> Deployment {
    let chunks = specs
        .iter()
        .map(|s| DeployedChunk {
            verifier: s.verifier,
            key: s.key,
        })
        .collect();
    Deployment {
        file: DeploymentFile::new(
            engine.chain_id(),
            registry,
            (model_id, engine.sender()),
            chunks,
            block,
        ),
        code_hashes: specs.iter().map(|s| s.codeHash).collect(),
        key_code_hashes: specs.iter().map(|s| s.keyCodeHash).collect(),
        total_gas: transactions
            .iter()
            .filter_map(|t| t.transaction.gas_used)
            .sum(),
        transactions,
    }
}
