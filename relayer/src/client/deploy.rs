//! Verifiers, registry and model on a chain.

use super::listing::{check_listable, list};
use super::registered::read_back;
use super::{ClientConfig, DeployPlan, RegistryPlan, TxReport};
use crate::abi::{ChunkSpec, IChainferRegistry, ModelRegistration, ids};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::proof_file::{DeployedChunk, DeploymentFile};
use crate::rpc::CallRequest;
use crate::store::{NewIntent, TxKind};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::{SolCall, SolValue};
use serde::Serialize;
use std::time::Duration;

/// A bundle's contracts on a chain, and what it took.
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

/// A transaction of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it does, for people.
    pub what: String,
    /// The transaction.
    #[serde(flatten)]
    pub transaction: TxReport,
}

/// A contract that was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// Address.
    pub address: Address,
    /// Hash of its code.
    pub code_hash: B256,
    /// Size of its code in bytes.
    pub code_size: usize,
    /// The transaction.
    pub transaction: TxReport,
}

impl Deployed {
    fn step(&self, name: &str) -> Step {
        Step {
            what: format!("deploy {name}"),
            transaction: self.transaction.clone(),
        }
    }
}

/// Deploys verifiers, keys and, if needed, the registry, lists the verifier shapes if the sender may, and registers the
/// model. Idempotent: a model that this account has registered is only read back, and with a state file an interrupted
/// deployment goes on.
///
/// # Errors
/// [`Error::VerifierNotListed`], before anything is sent where the code is known, if somebody else has to list a shape.
pub async fn deploy(config: &ClientConfig, plan: &DeployPlan) -> Result<Deployment> {
    plan.check()?;
    let engine = config.connect().await?;
    let deployment = deploy_with(&engine, plan, config.limit).await;
    engine.close().await;
    deployment
}

async fn deploy_with(engine: &Engine, plan: &DeployPlan, limit: Duration) -> Result<Deployment> {
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
    let registration = registration(plan, specs.clone());
    let data = IChainferRegistry::registerModelCall { registration }
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
}

/// What the registry is told.
fn registration(plan: &DeployPlan, chunks: Vec<ChunkSpec>) -> ModelRegistration {
    let planned = &plan.registration;
    ModelRegistration {
        manifestId: planned.manifest_id,
        chunks,
        inputs: planned.inputs.clone(),
        outputs: planned.outputs.clone(),
        leafLengths: planned.leaf_lengths.clone(),
        uri: planned.uri.clone(),
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

/// Deploys any contract, once per creation code and state file.
pub async fn deploy_contract(config: &ClientConfig, name: &str, code: &Bytes) -> Result<Deployed> {
    let engine = config.connect().await?;
    let deployed = create(&engine, name, code, None, config.limit).await;
    engine.close().await;
    deployed
}

/// Sends a call to any contract and waits until it is confirmed. Not idempotent: each call sends.
pub async fn call_contract(config: &ClientConfig, to: Address, data: Bytes) -> Result<TxReport> {
    let engine = config.connect().await?;
    let report = call_once(&engine, to, data, config.limit).await;
    engine.close().await;
    report
}

async fn call_once(engine: &Engine, to: Address, data: Bytes, limit: Duration) -> Result<TxReport> {
    let once = engine.rpc().head().await?.hash;
    let key = key(
        engine,
        &format!("call {once} {}", now_nanos()),
        Some(to),
        &data,
    );
    let to = Some(to);
    Ok(
        send_keyed(engine, key, "call", TxKind::Call, to, data, limit)
            .await?
            .0,
    )
}

fn now_nanos() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_nanos())
}

/// A call that is made once per calldata and state file.
pub(super) async fn call(
    engine: &Engine,
    what: &str,
    to: Address,
    data: Bytes,
    limit: Duration,
) -> Result<TxReport> {
    Ok(send(engine, what, TxKind::Call, Some(to), data, limit)
        .await?
        .0)
}

/// Deploys a contract and reads back what is there: an endpoint's word for it is not taken.
async fn create(
    engine: &Engine,
    name: &str,
    code: &Bytes,
    expected: Option<B256>,
    limit: Duration,
) -> Result<Deployed> {
    let (transaction, contract) =
        send(engine, name, TxKind::Deploy, None, code.clone(), limit).await?;
    let address = contract.ok_or_else(|| Error::Mismatch {
        field: "contractAddress",
        expected: format!("an address in the receipt of {name}"),
        got: "null".to_owned(),
    })?;
    let code = code_at(engine, address, "a contract that was just deployed").await?;
    let code_hash = keccak256(&code);
    if let Some(expected) = expected.filter(|expected| *expected != code_hash) {
        return Err(Error::Mismatch {
            field: "deployed code",
            expected: format!("{name} with code hash {expected}"),
            got: format!("code hash {code_hash} at {address}"),
        });
    }
    Ok(Deployed {
        address,
        code_hash,
        code_size: code.len(),
        transaction,
    })
}

async fn code_at(engine: &Engine, address: Address, what: &'static str) -> Result<Bytes> {
    let code = engine.rpc().code(address).await?;
    if code.is_empty() {
        return Err(Error::NoCode { address, what });
    }
    Ok(code)
}

/// Idempotency key of a transaction without a job.
fn key(engine: &Engine, what: &str, to: Option<Address>, data: &Bytes) -> B256 {
    let to = to.unwrap_or_default();
    keccak256(
        (
            engine.chain_id(),
            engine.sender(),
            what.to_owned(),
            to,
            data.clone(),
        )
            .abi_encode(),
    )
}

async fn send(
    engine: &Engine,
    what: &str,
    kind: TxKind,
    to: Option<Address>,
    data: Bytes,
    limit: Duration,
) -> Result<(TxReport, Option<Address>)> {
    let key = key(engine, what, to, &data);
    send_keyed(engine, key, what, kind, to, data, limit).await
}

/// Simulates, estimates, and sends through the outbox.
async fn send_keyed(
    engine: &Engine,
    key: B256,
    what: &str,
    kind: TxKind,
    to: Option<Address>,
    data: Bytes,
    limit: Duration,
) -> Result<(TxReport, Option<Address>)> {
    let gas_limit = match engine.store().intent_by_key(key).await? {
        Some(known) => known.tx.gas_limit,
        None => {
            let request = CallRequest::new(engine.sender(), to, data.clone());
            let estimate = engine
                .rpc()
                .estimate_gas(&request)
                .await
                .map_err(|e| crate::engine::revert_error(what, e))?;
            let margin = estimate / 100 * engine.config().gas_margin_percent;
            (estimate + margin).min(engine.config().gas_cap)
        }
    };
    let tx = NewIntent {
        kind,
        to,
        data,
        chunks: Vec::new(),
        gas_limit,
    };
    let intent = engine.send_and_wait(key, what, tx, limit).await?;
    let contract = intent.settlement.and_then(|s| s.contract);
    Ok((TxReport::of(engine.store(), &intent).await?, contract))
}
