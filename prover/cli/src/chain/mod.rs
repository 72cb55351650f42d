//! Code shared by the verbs that use a chain.

pub(crate) mod budget;
pub(crate) mod deployed;
pub(crate) mod record;

use crate::{args::SenderArgs, failure::bad_input};
use alloy::primitives::Address;
use anyhow::Context as _;
use chainfer_chain::rpc::{Rpc, RpcConfig};
use chainfer_relayer::client::{ClientConfig, TxReport};
use serde::Serialize;
use std::{
    env, fs,
    future::Future,
    path::{Path, PathBuf},
};

const UNREACHABLE: &str = "cannot get the chain id from the node of --rpc-url";

/// Runs asynchronous work to completion.
///
/// # Errors
/// The work fails, or the runtime cannot be started.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Runtime::new()
        .context("cannot start the asynchronous runtime")?
        .block_on(work)
}

/// A client that sends transactions. Its state is where `--state` says, by default in a file of the user's state folder.
///
/// # Errors
/// The node does not answer, or there is no folder for the state.
pub(crate) async fn client(sender: SenderArgs) -> anyhow::Result<ClientConfig> {
    let mut config = ClientConfig::new(sender.rpc.rpc_url, sender.wallet.resolve()?);
    config.engine.confirmations = sender.confirmations;
    config.state = Some(match sender.state {
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
            bad_input(
                "there is no home folder for the record of pending transactions; pass --state FILE",
            )
        })
}

/// Asks a node for its chain id.
///
/// # Errors
/// The node does not answer.
pub(crate) async fn chain_id(node: &RpcConfig) -> anyhow::Result<u64> {
    Rpc::new(node.clone())
        .map_err(chainfer_chain::Error::from)?
        .chain_id()
        .await
        .map_err(chainfer_chain::Error::from)
        .context(UNREACHABLE)
}

/// An address that the user typed.
///
/// # Errors
/// It is not 20 bytes of hex, or capital and small letters are mixed in another way than the checksum of EIP-55 wants.
pub(crate) fn address(flag: &str, text: &str) -> anyhow::Result<Address> {
    let address: Address = text.parse().map_err(|_| {
        bad_input(format!(
            "{flag}: expected an address, 0x and 40 hex digits, got {text:?}"
        ))
    })?;
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mixed = digits.contains(|c: char| c.is_ascii_uppercase())
        && digits.contains(|c: char| c.is_ascii_lowercase());
    let checksummed = address.to_checksum(None);
    if mixed && !checksummed.ends_with(digits) {
        return Err(bad_input(format!(
            "{flag}: {text} has a wrong checksum (EIP-55), so it may be mistyped; if it is right, pass {}",
            text.to_lowercase()
        )));
    }
    Ok(address)
}

/// Where `deploy` records the deployment on a chain, in a bundle's public part.
pub(crate) fn record_path(public: &Path, chain_id: u64) -> PathBuf {
    public.join("deployments").join(format!("{chain_id}.json"))
}

/// A mined transaction, as reports show it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Transaction {
    /// What it did, in words.
    pub(crate) what: String,
    pub(crate) hash: String,
    pub(crate) gas_used: u64,
    /// Number of its block.
    pub(crate) block: u64,
}

impl Transaction {
    /// What a transaction did, in words: `attest chunks 0, 1`.
    pub(crate) fn describe(kind: &str, chunks: &[String]) -> String {
        match chunks {
            [] => kind.to_owned(),
            [one] => format!("{kind} chunk {one}"),
            several => format!("{kind} chunks {}", several.join(", ")),
        }
    }

    /// From the relayer's report; `None` if the transaction is not in a block.
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

    #[test]
    fn address_in_mixed_case_must_have_its_checksum() {
        let right = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
        let expected: Address = right.parse().unwrap();
        let lower = right.to_lowercase();
        let upper = format!("0x{}", right[2..].to_uppercase());
        for text in [right, &right[2..], &lower, &upper] {
            assert_eq!(address("--owner", text).unwrap(), expected);
        }
        let typo = "0x70997970C51812dc3a010C7d01b50e0d17dc79C8";
        let refused = address("--owner", typo).unwrap_err().to_string();
        assert!(
            refused.contains("--owner") && refused.contains(&lower),
            "{refused}"
        );
    }
}
