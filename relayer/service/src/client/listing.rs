//! The registry's list of verifier shapes.

use super::transactions::{Step, call};
use crate::engine::Engine;
use crate::error::{Error, Result};
use alloy::primitives::{Address, B256};
use alloy::sol_types::SolCall;
use chainfer_chain::abi::{ChainferRegistry, VerifierStatus};
use chainfer_chain::registry::Registry;
use std::time::Duration;

/// Refuses shapes that are not listed and that the sender cannot list.
pub(super) async fn check_listable(
    engine: &Engine,
    registry: &Registry,
    shapes: &[B256],
) -> Result<()> {
    unlisted(engine, registry, shapes).await.map(drop)
}

/// Lists what is not listed yet, one transaction a shape.
pub(super) async fn list(
    engine: &Engine,
    registry: &Registry,
    shapes: &[B256],
    limit: Duration,
    steps: &mut Vec<Step>,
) -> Result<()> {
    for code_hash in unlisted(engine, registry, shapes).await? {
        let data = ChainferRegistry::addVerifierCall {
            codeHash: code_hash,
        };
        let transaction = call(
            engine,
            "addVerifier",
            registry.address(),
            data.abi_encode().into(),
            limit,
        )
        .await?;
        let what = format!("list verifier shape {code_hash}");
        steps.push(Step { what, transaction });
    }
    Ok(())
}

/// The shapes that have to be listed, and that the sender may list.
async fn unlisted(engine: &Engine, registry: &Registry, shapes: &[B256]) -> Result<Vec<B256>> {
    let mut missing = Vec::new();
    for code_hash in shapes {
        match registry.verifier_status(*code_hash).await? {
            VerifierStatus::Active => {}
            VerifierStatus::Unknown if registry.owner().await? == engine.sender() => {
                if !missing.contains(code_hash) {
                    missing.push(*code_hash);
                }
            }
            status => {
                return Err(Error::VerifierNotListed {
                    registry: registry.address(),
                    code_hash: *code_hash,
                    standing: status.standing(),
                    remedy: remedy(status, registry.owner().await?, *code_hash),
                });
            }
        }
    }
    Ok(missing)
}

fn remedy(status: VerifierStatus, owner: Address, code_hash: B256) -> String {
    match status {
        VerifierStatus::Removed => {
            "compile the model anew, for another shape, or use another registry".to_owned()
        }
        _ if owner == Address::ZERO => {
            "nobody can change that, for the registry has no owner; use another registry".to_owned()
        }
        VerifierStatus::Frozen => {
            format!("its owner {owner} would have to call unfreezeVerifier({code_hash})")
        }
        _ => format!(
            "its owner {owner} has to call addVerifier({code_hash}) first; if that is a timelock, schedule the call, and execute it after the delay"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedy_names_who_has_to_do_what() {
        let (owner, shape) = (Address::repeat_byte(1), B256::repeat_byte(2));
        let says = |status, owner| remedy(status, owner, shape);
        let unknown = says(VerifierStatus::Unknown, owner);
        assert!(
            unknown.contains(&owner.to_string()) && unknown.contains("addVerifier(0x0202"),
            "{unknown}"
        );
        assert!(says(VerifierStatus::Frozen, owner).contains("unfreezeVerifier"));
        assert!(says(VerifierStatus::Removed, owner).contains("another shape"));
        for status in [VerifierStatus::Unknown, VerifierStatus::Frozen] {
            assert!(says(status, Address::ZERO).contains("no owner"));
        }
    }
}
