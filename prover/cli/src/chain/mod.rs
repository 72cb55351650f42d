//! What the verbs that talk to a chain share.

pub(crate) mod record;

use crate::{args::NodeArgs, failure::bad_input};
use alloy::primitives::Address;
use anyhow::Context as _;
use chainfer_formats::limits::DEVELOPMENT_CHAIN_ID;
use chainfer_relayer::{
    client::{ClientConfig, TxReport},
    rpc::{Rpc, RpcConfig},
    store::Location,
    wallet::WalletArgs,
};
use serde::Serialize;
use std::{
    env, fs,
    future::Future,
    path::{Path, PathBuf},
};

const UNREACHABLE: &str = "cannot ask the node of --rpc-url for its chain";

/// Runs asynchronous work to its end.
///
/// # Errors
/// The work's, or that no runtime can be started.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Runtime::new()
        .context("cannot start the asynchronous runtime")?
        .block_on(work)
}

/// Client of a node that signs with a key; its state is in `state`, or where the user's programs keep theirs.
///
/// # Errors
/// The node does not answer, or there is no folder for the state.
pub(crate) async fn client(
    node: NodeArgs,
    wallet: WalletArgs,
    state: Option<Location>,
) -> anyhow::Result<ClientConfig> {
    let mut config = ClientConfig::new(node.rpc_url, wallet.resolve()?);
    config.engine.confirmations = node.confirmations;
    config.state = Some(match state {
        Some(location) => location,
        None => {
            let folder = state_folder()?;
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
            let file = config.state_file_in(&folder).await.context(UNREACHABLE)?;
            file.into()
        }
    });
    Ok(config)
}

fn state_folder() -> anyhow::Result<PathBuf> {
    let from = |name: &str| {
        env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    from("XDG_STATE_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local").join("state")))
        .map(|folder| folder.join("chainfer"))
        .ok_or_else(|| {
            bad_input("there is no home folder for the sender's state; give --state FILE")
        })
}

/// Chain id of a node.
///
/// # Errors
/// The node does not answer.
pub(crate) async fn chain_id(node: &RpcConfig) -> anyhow::Result<u64> {
    Rpc::new(node.clone())
        .map_err(chainfer_relayer::Error::from)?
        .chain_id()
        .await
        .map_err(chainfer_relayer::Error::from)
        .context(UNREACHABLE)
}

/// Refuses a setup that anybody can forge proofs under, unless the chain is a development chain or the user insists.
///
/// # Errors
/// [`crate::failure::BadInput`] with the remedy.
pub(crate) fn check_srs(insecure: bool, chain_id: u64, allowed: bool) -> anyhow::Result<()> {
    if insecure && chain_id != DEVELOPMENT_CHAIN_ID && !allowed {
        return Err(bad_input(format!(
            "the bundle uses the insecure development SRS, under which anybody can forge proofs, and the node is of \
             chain {chain_id}, which is not the local development chain ({DEVELOPMENT_CHAIN_ID}); if this is a test, pass \
             --allow-insecure-srs"
        )));
    }
    Ok(())
}

/// An address that the user typed.
///
/// # Errors
/// It is not 20 bytes of hex.
pub(crate) fn address(flag: &str, text: &str) -> anyhow::Result<Address> {
    text.parse().map_err(|_| {
        bad_input(format!(
            "{flag}: expected an address, 0x and 40 hex digits, got {text:?}"
        ))
    })
}

/// Where `deploy` records what it did on a chain.
pub(crate) fn deployment_path(bundle: &Path, chain_id: u64) -> PathBuf {
    bundle
        .join("public")
        .join("deployments")
        .join(format!("{chain_id}.json"))
}

/// A transaction in a report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Transaction {
    /// What it did, for people.
    pub(crate) what: String,
    /// Hash.
    pub(crate) hash: String,
    /// Gas used.
    pub(crate) gas_used: u64,
    /// Block.
    pub(crate) block: u64,
}

impl Transaction {
    /// `attest chunks 0, 1`.
    pub(crate) fn describe(kind: &str, chunks: &[String]) -> String {
        match chunks {
            [] => kind.to_owned(),
            [one] => format!("{kind} chunk {one}"),
            several => format!("{kind} chunks {}", several.join(", ")),
        }
    }

    /// What the relayer reports; `None` for one that is in no block.
    pub(crate) fn from_report(report: &TxReport) -> Option<Self> {
        let chunks: Vec<String> = report.chunks.iter().map(ToString::to_string).collect();
        Some(Self {
            what: Self::describe(report.kind.as_str(), &chunks),
            hash: report.hash?.to_string(),
            gas_used: report.gas_used?,
            block: report.block?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{ExitCode, exit_code};

    #[test]
    fn check_srs_insecure_only_on_the_development_chain_or_by_flag() {
        assert!(check_srs(true, DEVELOPMENT_CHAIN_ID, false).is_ok());
        assert!(check_srs(true, 1, true).is_ok());
        assert!(check_srs(false, 1, false).is_ok());
        let refused = check_srs(true, 11_155_111, false).unwrap_err();
        assert_eq!(exit_code(&refused), ExitCode::BadInput);
        assert!(refused.to_string().contains("--allow-insecure-srs"));
    }
}
