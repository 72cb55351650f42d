//! Verifiers, registry and model on a chain.

use super::config::ClientConfig;
use super::interrupted::Interrupted;
use super::keys::key_argument;
use super::listing::{check_listable, list};
use super::place::{derived_address, place};
use super::plan::{DeployPlan, RegistryPlan};
use super::transactions::{Step, code_at, create, send};
use crate::boxed::Boxed;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::store::TxKind;
use alloy::primitives::{Address, B256, keccak256};
use alloy::sol_types::SolCall;
use chainfer_chain::abi::{ChainferRegistry, Model};
use chainfer_chain::registry::{PlacedChunk, Registry, compare};
use chainfer_formats::ids;
use chainfer_formats::{ChainModel, DeploymentFile};
use serde::Serialize;
use std::time::Duration;

/// A bundle's contracts on a chain, and the transactions that put them there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// What `public/deployments/<chain id>.json` holds.
    #[serde(flatten)]
    pub file: DeploymentFile,
    /// Transactions that were needed; none when all was there already.
    pub transactions: Vec<Step>,
    /// Gas of all of them.
    pub total_gas: u64,
}

/// Finds or deploys the verifiers and, if needed, the registry, lists the verifier shapes if the sender may, deploys keys where that is
/// cheaper than to hand them in with every proof, and registers the model. Idempotent: a model that this account has registered is
/// only read back, and with a state file an interrupted deployment goes on.
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
        let interrupted = Interrupted::of(engine).await?;
        let shapes = plan.known_code_hashes();
        let registry = match &plan.registry {
            RegistryPlan::Existing(address) => *address,
            RegistryPlan::New(new) => {
                let code = plan.registry_code(new, engine.sender());
                let deployed = create(engine, "registry", &code, None, limit).await?;
                steps.push(deployed.step("registry"));
                deployed.address
            }
        };
        code_at(engine, registry, "the registry").await?;
        let contract = engine.registry(registry);
        let model_id = ids::model_id(plan.registration.manifest_id, engine.sender());
        let found = contract.model(model_id).await?;
        if found.is_none() {
            check_listable(engine, &contract, &shapes).await?;
        }
        let verifiers = match &found {
            Some(found) => {
                tracing::info!(%model_id, "model is registered already");
                recorded_verifiers(&contract, model_id, found, plan).await?
            }
            None => {
                let verifiers =
                    place_verifiers(engine, &interrupted, plan, limit, &mut steps).await?;
                let shapes: Vec<B256> = verifiers.iter().map(|(_, hash)| *hash).collect();
                list(engine, &contract, &shapes, limit, &mut steps).await?;
                plan.chunks.iter().map(|c| verifiers[c.verifier]).collect()
            }
        };
        let mut placed = Vec::new();
        for (chunk, (verifier, code_hash)) in plan.chunks.iter().zip(verifiers) {
            let key =
                key_argument(engine, &interrupted, chunk, plan.keys, limit, &mut steps).await?;
            placed.push(PlacedChunk {
                verifier,
                code_hash,
                key,
            });
        }
        let model = plan.registration.model(placed);
        if let Some(found) = found {
            check_record(found.recordHash, &model)?;
            let block = engine.rpc().head().await?.number;
            return Ok(deployment(engine, registry, model_id, model, block, steps));
        }
        let registration = plan.registration.with_chunks(&model);
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
        match contract.model(model_id).await? {
            Some(registered) => check_record(registered.recordHash, &model)?,
            None => {
                return Err(Error::Mismatch {
                    field: "model_id",
                    expected: format!("the registry to know {model_id}"),
                    got: "ModelNotRegistered".to_owned(),
                });
            }
        }
        Ok(deployment(engine, registry, model_id, model, block, steps))
    })
}

/// The registry stores the hash of what was registered, and of nothing else.
fn check_record(stored: B256, model: &ChainModel) -> Result<()> {
    let hash = model.record.hash();
    if stored == hash {
        return Ok(());
    }
    Err(Error::Mismatch {
        field: "record",
        expected: format!("hash {hash}, of the bundle's record"),
        got: format!("{stored} in the registry"),
    })
}

/// Verifier and code hash of each chunk of a model that is registered: as its event has them, or, where the node does not find that,
/// at the verifiers' derived addresses.
async fn recorded_verifiers(
    contract: &Registry,
    model_id: B256,
    found: &Model,
    plan: &DeployPlan,
) -> Result<Vec<(Address, B256)>> {
    let code_hashes: Vec<Option<B256>> = plan.code_hashes_of_chunks();
    let derived = || {
        plan.chunks
            .iter()
            .zip(&code_hashes)
            .map(|(chunk, hash)| {
                let address = plan
                    .verifiers
                    .get(chunk.verifier)
                    .map(|verifier| derived_address(&verifier.creation_code));
                (address.unwrap_or_default(), hash.unwrap_or_default())
            })
            .collect()
    };
    let searched = contract.registered(model_id, found.recordHash, 0).await;
    let Ok(Some(registered)) = searched else {
        return Ok(derived());
    };
    let registration = &registered.registration;
    if let Some(difference) = compare(registration, &plan.registration, &code_hashes)
        .into_iter()
        .next()
    {
        return Err(Error::Mismatch {
            field: "record",
            expected: format!("{}: {}", difference.what, difference.expected),
            got: format!("{} in the registered model", difference.found),
        });
    }
    let chunks = registration.chunks.iter();
    Ok(chunks.map(|spec| (spec.verifier, spec.codeHash)).collect())
}

/// Every verifier once; address and code hash, in the order of the plan.
async fn place_verifiers(
    engine: &Engine,
    interrupted: &Interrupted,
    plan: &DeployPlan,
    limit: Duration,
    steps: &mut Vec<Step>,
) -> Result<Vec<(Address, B256)>> {
    let mut verifiers = Vec::new();
    for verifier in &plan.verifiers {
        let expected = verifier.runtime_code.as_ref().map(keccak256);
        let code = &verifier.creation_code;
        let placed = place(engine, interrupted, &verifier.name, code, expected, limit).await?;
        verifiers.push((placed.address, placed.code_hash));
        steps.extend(placed.step(&verifier.name));
    }
    Ok(verifiers)
}

fn deployment(
    engine: &Engine,
    registry: Address,
    model_id: B256,
    model: ChainModel,
    block: u64,
    transactions: Vec<Step>,
) -> Deployment {
    Deployment {
        file: DeploymentFile::new(
            engine.chain_id(),
            registry,
            (model_id, engine.sender()),
            model,
            block,
        ),
        total_gas: transactions
            .iter()
            .filter_map(|t| t.transaction.gas_used)
            .sum(),
        transactions,
    }
}
