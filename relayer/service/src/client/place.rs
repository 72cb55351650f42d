//! Contracts at addresses that follow from their code, whoever deploys them: by CREATE2 through the deterministic-deployment proxy
//! (<https://github.com/Arachnid/deterministic-deployment-proxy>). What somebody has deployed already is found there.

use super::interrupted::Interrupted;
use super::transactions::{Deployed, code_at, create, send};
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
    /// Bytes of its code.
    code_size: usize,
    /// The transaction that deployed it; none where it was there.
    pub(super) deployed: Option<Deployed>,
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
        code_size: code.len(),
        deployed: None,
    }))
}

/// Finds the contract, or deploys it: at its derived address where the chain has the proxy, elsewhere at an address of the sender's.
pub(super) async fn place(
    engine: &Engine,
    interrupted: &Interrupted,
    name: &str,
    creation_code: &Bytes,
    expected: Option<B256>,
    limit: Duration,
) -> Result<Placed> {
    let data: Bytes = [SALT.as_slice(), creation_code].concat().into();
    if let Some(found) = find(engine, creation_code, expected).await? {
        let sent = interrupted.finish(engine, name, DEPLOYMENT_PROXY, &data, limit);
        let deployed = sent.await?.map(|transaction| Deployed {
            address: found.address,
            code_hash: found.code_hash,
            code_size: found.code_size,
            transaction,
        });
        return Ok(Placed { deployed, ..found });
    }
    let proxy = engine.rpc().code(DEPLOYMENT_PROXY).await?;
    if keccak256(&proxy) != PROXY_CODE_HASH {
        let deployed = create(engine, name, creation_code, expected, limit).await?;
        return Ok(Placed {
            address: deployed.address,
            code_hash: deployed.code_hash,
            code_size: deployed.code_size,
            deployed: Some(deployed),
        });
    }
    let (transaction, _) = send(
        engine,
        name,
        TxKind::Deploy,
        Some(DEPLOYMENT_PROXY),
        data,
        limit,
    )
    .await?;
    let address = derived_address(creation_code);
    let code = code_at(engine, address, "a contract that was just deployed").await?;
    let code_hash = keccak256(&code);
    check(expected, code_hash, address)?;
    Ok(Placed {
        address,
        code_hash,
        code_size: code.len(),
        deployed: Some(Deployed {
            address,
            code_hash,
            code_size: code.len(),
            transaction,
        }),
    })
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
