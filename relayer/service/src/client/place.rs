//! Contracts at addresses that follow from their code, whoever deploys them: by CREATE2 through the deterministic-deployment proxy
//! (<https://github.com/Arachnid/deterministic-deployment-proxy>). What somebody has deployed already is found there.

use super::interrupted::Interrupted;
use super::report::TxReport;
use super::transactions::{Step, code_at, create, send};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::store::TxKind;
use alloy::primitives::{Address, B256, Bytes, address, b256, keccak256};
use std::time::Duration;

/// The deterministic-deployment proxy, which has this address on every chain that has it. Its calldata is a salt and creation code.
pub const DEPLOYMENT_PROXY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
/// Its code hash.
const PROXY_CODE_HASH: B256 =
    b256!("0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989");
/// Salt of verifiers and keys: there is one of each.
const SALT: B256 = B256::ZERO;

/// A contract that is where it should be.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) address: Address,
    pub(super) code_hash: B256,
    /// The transaction that deployed it; none where it was there.
    transaction: Option<TxReport>,
}

impl Placed {
    /// What was sent for it, if anything.
    pub(super) fn step(&self, name: &str) -> Option<Step> {
        let transaction = self.transaction.clone()?;
        Some(Step::deployment(name, transaction))
    }
}

/// Where a contract with this creation code, arguments included, is deployed: by the proxy, with salt zero.
pub fn derived_address(creation_code: &Bytes) -> Address {
    DEPLOYMENT_PROXY.create2(SALT, keccak256(creation_code))
}

/// The contract with this creation code, if somebody has deployed it at its derived address: code that a constructor returned, or code
/// with the given hash.
pub(super) async fn find(
    engine: &Engine,
    creation_code: &Bytes,
    expected: Option<B256>,
) -> Result<Option<Placed>> {
    let address = derived_address(creation_code);
    let code = engine.rpc().code(address).await?;
    if code.is_empty() {
        return Ok(None);
    }
    let code_hash = keccak256(&code);
    check(expected, code_hash, address)?;
    Ok(Some(Placed {
        address,
        code_hash,
        transaction: None,
    }))
}

/// Finds the contract, or deploys it.
pub(super) async fn place(
    engine: &Engine,
    interrupted: &Interrupted,
    name: &str,
    creation_code: &Bytes,
    expected: Option<B256>,
    limit: Duration,
) -> Result<Placed> {
    match find(engine, creation_code, expected).await? {
        Some(found) => credit(engine, interrupted, name, creation_code, found, limit).await,
        None => put(engine, name, creation_code, expected, limit).await,
    }
}

/// A contract that was found, with the transaction for it if that is an interrupted one of our own.
pub(super) async fn credit(
    engine: &Engine,
    interrupted: &Interrupted,
    name: &str,
    creation_code: &Bytes,
    found: Placed,
    limit: Duration,
) -> Result<Placed> {
    let data = proxy_call(creation_code);
    let sent = interrupted.finish(engine, name, DEPLOYMENT_PROXY, &data, limit);
    Ok(Placed {
        transaction: sent.await?,
        ..found
    })
}

/// Deploys a contract that is not there: at its derived address where the chain has the proxy, elsewhere at an address of the sender's.
pub(super) async fn put(
    engine: &Engine,
    name: &str,
    creation_code: &Bytes,
    expected: Option<B256>,
    limit: Duration,
) -> Result<Placed> {
    let proxy = engine.rpc().code(DEPLOYMENT_PROXY).await?;
    if keccak256(&proxy) != PROXY_CODE_HASH {
        let deployed = create(engine, name, creation_code, expected, limit).await?;
        return Ok(Placed {
            address: deployed.address,
            code_hash: deployed.code_hash,
            transaction: Some(deployed.transaction),
        });
    }
    let (kind, to) = (TxKind::Deploy, Some(DEPLOYMENT_PROXY));
    let data = proxy_call(creation_code);
    let (transaction, _) = send(engine, name, kind, to, data, limit).await?;
    let address = derived_address(creation_code);
    let code = code_at(engine, address, "a contract that was just deployed").await?;
    let code_hash = keccak256(&code);
    check(expected, code_hash, address)?;
    Ok(Placed {
        address,
        code_hash,
        transaction: Some(transaction),
    })
}

fn proxy_call(creation_code: &Bytes) -> Bytes {
    [SALT.as_slice(), creation_code].concat().into()
}

fn check(expected: Option<B256>, code_hash: B256, address: Address) -> Result<()> {
    match expected.filter(|expected| *expected != code_hash) {
        None => Ok(()),
        Some(expected) => Err(Error::Mismatch {
            field: "deployed code",
            expected: format!("code hash {expected}"),
            got: format!("code hash {code_hash} at {address}"),
        }),
    }
}
