//! Verifiers, registry and model on a chain.

use super::{ClientConfig, TxReport};
use crate::abi::{ChunkSpec, IChainferRegistry, ModelRegistration, OutputSpec, Visibility, ids};
use crate::engine::{Engine, Registry};
use crate::error::{Error, Result};
use crate::proof_file::{DeploymentFile, Manifest, ManifestOutput, Visibility as FileVisibility};
use crate::rpc::CallRequest;
use crate::store::{NewIntent, TxKind};
use alloy::primitives::{Address, B256, Bytes, I256, keccak256};
use alloy::sol_types::{SolCall, SolValue};
use serde::Serialize;
use std::time::Duration;

/// Creation code of a chunk verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierCode {
    /// Contract name, for messages.
    pub name: String,
    /// Creation code, constructor arguments included.
    pub creation_code: Bytes,
    /// Code that the contract must have once deployed, where it is known (no immutables).
    pub runtime_code: Option<Bytes>,
}

/// What a model is registered with, besides its verifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Manifest of the bundle.
    pub manifest_id: B256,
    /// Public values of each chunk.
    pub num_public: Vec<u32>,
    /// The model's outputs.
    pub outputs: Vec<OutputSpec>,
    /// Where the public part of the bundle is published; may be empty.
    pub uri: String,
}

impl Registration {
    /// What a manifest says.
    pub fn from_manifest(manifest: &Manifest, uri: impl Into<String>) -> Result<Self> {
        Ok(Self {
            manifest_id: manifest.manifest_id,
            num_public: manifest.chunks.iter().map(|c| c.num_public).collect(),
            outputs: manifest
                .outputs
                .iter()
                .map(output_spec)
                .collect::<Result<_>>()?,
            uri: uri.into(),
        })
    }
}

/// What to deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployPlan {
    /// A registry that exists; a new one is deployed when `None`.
    pub registry: Option<Address>,
    /// Creation code of a new registry; needed when there is none.
    pub registry_creation_code: Option<Bytes>,
    /// Verifier of each chunk, in order.
    pub verifiers: Vec<VerifierCode>,
    /// The model.
    pub registration: Registration,
}

/// A bundle's contracts on a chain, and what it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// What `public/deployments/<chain id>.json` holds.
    #[serde(flatten)]
    pub file: DeploymentFile,
    /// Code hash of each verifier, as read back from the chain.
    pub code_hashes: Vec<B256>,
    /// Transactions that were needed; none when all was there already.
    pub transactions: Vec<TxReport>,
    /// Gas of all of them.
    pub total_gas: u64,
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

/// Deploys verifiers and, if needed, the registry, and registers the model. Idempotent: a model that
/// this account has registered is only read back, and with a state file an interrupted deployment
/// goes on.
pub async fn deploy(config: &ClientConfig, plan: &DeployPlan) -> Result<Deployment> {
    let chunks = plan.registration.num_public.len();
    if plan.verifiers.len() != chunks || chunks == 0 {
        return Err(Error::Mismatch {
            field: "verifiers",
            expected: format!("one for each of {chunks} chunks"),
            got: plan.verifiers.len().to_string(),
        });
    }
    let engine = config.connect().await?;
    let limit = config.limit;
    let mut transactions = Vec::new();
    let registry = match (plan.registry, &plan.registry_creation_code) {
        (Some(address), _) => address,
        (None, Some(code)) => {
            let deployed = create(&engine, "registry", code, None, limit).await?;
            transactions.push(deployed.transaction);
            deployed.address
        }
        (None, None) => {
            return Err(Error::Config(
                "neither a registry nor its creation code is given".to_owned(),
            ));
        }
    };
    code_at(&engine, registry, "the registry").await?;
    let contract = engine.registry(registry);
    let registrant = engine.sender();
    let model_id = ids::model_id(plan.registration.manifest_id, registrant);
    if contract.model(model_id).await?.is_some() {
        tracing::info!(%model_id, "model is registered already");
        return read_back(&engine, &contract, model_id, plan, transactions).await;
    }
    let mut specs = Vec::new();
    for (verifier, num_public) in plan.verifiers.iter().zip(&plan.registration.num_public) {
        let runtime = verifier.runtime_code.as_ref();
        let deployed = create(
            &engine,
            &verifier.name,
            &verifier.creation_code,
            runtime,
            limit,
        )
        .await?;
        specs.push(ChunkSpec {
            verifier: deployed.address,
            codeHash: deployed.code_hash,
            numPublic: *num_public,
        });
        transactions.push(deployed.transaction);
    }
    let registration = ModelRegistration {
        manifestId: plan.registration.manifest_id,
        chunks: specs.clone(),
        outputs: plan.registration.outputs.clone(),
        uri: plan.registration.uri.clone(),
    };
    let data = IChainferRegistry::registerModelCall { registration }
        .abi_encode()
        .into();
    let transaction = send(
        &engine,
        "registerModel",
        TxKind::Register,
        Some(registry),
        data,
        limit,
    )
    .await?
    .0;
    let block = transaction.block.unwrap_or_default();
    transactions.push(transaction);
    if contract.model(model_id).await?.is_none() {
        return Err(Error::Mismatch {
            field: "model_id",
            expected: format!("the registry to know {model_id}"),
            got: "ModelNotRegistered".to_owned(),
        });
    }
    let total_gas = transactions.iter().filter_map(|t| t.gas_used).sum();
    Ok(Deployment {
        file: DeploymentFile {
            chain_id: engine.chain_id(),
            registry,
            model_id,
            registrant,
            verifiers: specs.iter().map(|s| s.verifier).collect(),
            block,
        },
        code_hashes: specs.iter().map(|s| s.codeHash).collect(),
        transactions,
        total_gas,
    })
}

/// Deploys any contract, once per creation code and state file.
pub async fn deploy_contract(config: &ClientConfig, name: &str, code: &Bytes) -> Result<Deployed> {
    create(&config.connect().await?, name, code, None, config.limit).await
}

/// Sends a call to any contract and waits until it is confirmed. Not idempotent: each call sends.
pub async fn call_contract(config: &ClientConfig, to: Address, data: Bytes) -> Result<TxReport> {
    let engine = config.connect().await?;
    let once = engine.rpc().head().await?.hash;
    let key = key(
        &engine,
        &format!("call {once} {}", now_nanos()),
        Some(to),
        &data,
    );
    Ok(send_keyed(
        &engine,
        key,
        "call",
        TxKind::Call,
        Some(to),
        data,
        config.limit,
    )
    .await?
    .0)
}

fn now_nanos() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_nanos())
}

/// What the chain has of a model that is registered.
async fn read_back(
    engine: &Engine,
    contract: &Registry,
    model_id: B256,
    plan: &DeployPlan,
    transactions: Vec<TxReport>,
) -> Result<Deployment> {
    let (mut verifiers, mut code_hashes) = (Vec::new(), Vec::new());
    for (i, expected) in plan.registration.num_public.iter().enumerate() {
        let chunk = u16::try_from(i).map_err(|_| Error::Config("too many chunks".to_owned()))?;
        let spec = contract.chunk_spec(model_id, chunk).await?;
        if spec.numPublic != *expected {
            return Err(Error::Mismatch {
                field: "num_public",
                expected: format!("{expected} public values of chunk {chunk}"),
                got: format!("{} in the registered model", spec.numPublic),
            });
        }
        if let Some(code) = &plan.verifiers[i].runtime_code
            && keccak256(code) != spec.codeHash
        {
            return Err(Error::Mismatch {
                field: "verifier",
                expected: format!("code hash {} for chunk {chunk}", keccak256(code)),
                got: format!("{} in the registered model", spec.codeHash),
            });
        }
        verifiers.push(spec.verifier);
        code_hashes.push(spec.codeHash);
    }
    let total_gas = transactions.iter().filter_map(|t| t.gas_used).sum();
    Ok(Deployment {
        file: DeploymentFile {
            chain_id: engine.chain_id(),
            registry: contract.address(),
            model_id,
            registrant: engine.sender(),
            verifiers,
            block: engine.rpc().head().await?.number,
        },
        code_hashes,
        transactions,
        total_gas,
    })
}

/// Deploys a contract and reads back what is there: an endpoint's word for it is not taken.
async fn create(
    engine: &Engine,
    name: &str,
    code: &Bytes,
    runtime: Option<&Bytes>,
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
    if let Some(expected) = runtime.filter(|expected| **expected != code) {
        return Err(Error::Mismatch {
            field: "deployed code",
            expected: format!("{name} with code hash {}", keccak256(expected)),
            got: format!("code hash {} at {address}", keccak256(&code)),
        });
    }
    Ok(Deployed {
        address,
        code_hash: keccak256(&code),
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

fn output_spec(output: &ManifestOutput) -> Result<OutputSpec> {
    let wad = (output.scale * 1e18).round();
    if !(1.0..1e36).contains(&wad) {
        return Err(Error::Mismatch {
            field: "outputs.scale",
            expected: "a scale between 1e-18 and 1e18".to_owned(),
            got: output.scale.to_string(),
        });
    }
    // Exact: the value is an integer in the range of i128.
    let scale_wad = I256::try_from(wad as i128)
        .map_err(|_| Error::Config(format!("scale {} is out of range", output.scale)))?;
    Ok(OutputSpec {
        name: output.name.clone(),
        chunk: output.chunk,
        offset: output.offset,
        length: output.length,
        zeroPoint: output.zero_point,
        scaleWad: scale_wad,
        visibility: match output.visibility {
            FileVisibility::Public => Visibility::Public,
            FileVisibility::Committed => Visibility::Committed,
        },
    })
}
