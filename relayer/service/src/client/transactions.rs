//! Single transactions: each is simulated, estimated, sent once, and awaited.

use super::config::ClientConfig;
use super::report::TxReport;
use crate::boxed::Boxed;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::state::IntentState;
use crate::store::{NewIntent, TxKind};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::SolValue;
use chainfer_chain::Error as ChainError;
use chainfer_chain::rpc::CallRequest;
use chainfer_chain::rules::estimate_gas;
use serde::Serialize;
use std::time::Duration;

/// A transaction of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Purpose, in words.
    pub what: String,
    /// What became of the transaction.
    #[serde(flatten)]
    pub transaction: TxReport,
}

impl Step {
    pub(super) fn deployment(name: &str, transaction: TxReport) -> Self {
        Self {
            what: format!("deploy {name}"),
            transaction,
        }
    }
}

/// A contract that was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// Address of the contract.
    pub address: Address,
    /// Hash of its code.
    pub code_hash: B256,
    /// Size of its code in bytes.
    pub code_size: usize,
    /// What became of the transaction.
    pub transaction: TxReport,
}

impl Deployed {
    pub(super) fn step(&self, name: &str) -> Step {
        Step::deployment(name, self.transaction.clone())
    }
}

/// Deploys any contract, once per creation code and state file.
pub async fn deploy_contract(config: &ClientConfig, name: &str, code: &Bytes) -> Result<Deployed> {
    let engine = config.connect_limited().await?;
    let deployed = create(&engine, name, code, None, config.limit).await;
    engine.close().await;
    deployed
}

/// Sends a call to any contract and waits until it is confirmed. Not idempotent: each call sends.
pub async fn call_contract(config: &ClientConfig, to: Address, data: Bytes) -> Result<TxReport> {
    let engine = config.connect_limited().await?;
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
pub(super) async fn create(
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

pub(super) async fn code_at(
    engine: &Engine,
    address: Address,
    what: &'static str,
) -> Result<Bytes> {
    let code = engine.rpc().code(address).await?;
    if code.is_empty() {
        return Err(ChainError::NoCode { address, what }.into());
    }
    Ok(code)
}

/// Whether a transaction has been sent with success, as far as the state knows.
pub(super) async fn is_done(
    engine: &Engine,
    what: &str,
    to: Option<Address>,
    data: &Bytes,
) -> Result<bool> {
    let found = engine.store().intent_by_key(key(engine, what, to, data));
    Ok(found
        .await?
        .is_some_and(|intent| intent.state == IntentState::Mined))
}

/// Idempotency key of a transaction without a job.
pub(super) fn key(engine: &Engine, what: &str, to: Option<Address>, data: &Bytes) -> B256 {
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

pub(super) async fn send(
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
fn send_keyed<'a>(
    engine: &'a Engine,
    key: B256,
    what: &'a str,
    kind: TxKind,
    to: Option<Address>,
    data: Bytes,
    limit: Duration,
) -> Boxed<'a, Result<(TxReport, Option<Address>)>> {
    Box::pin(async move {
        let gas_limit = match engine.store().intent_by_key(key).await? {
            Some(known) => known.tx.gas_limit,
            None => {
                let rpc = engine.rpc();
                let head = rpc.head().await?;
                let rules = engine.gas_rules(rpc, &head).await?;
                let request = CallRequest::new(engine.sender(), to, data.clone());
                let estimate = estimate_gas(rpc, &head, &rules, what, &request).await?;
                let need = estimate.max(rules.floor(&data));
                let config = engine.config();
                config.gas_limit_of_call(&rules, &head, what, need)?
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
    })
}
