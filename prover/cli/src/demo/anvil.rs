//! A local Ethereum node.

use super::child::{Running, Talks, start};
use alloy::primitives::Address;
use anyhow::Context as _;
use chainfer_chain::wallet::Secret;
use std::{path::Path, process::Command, time::Duration};

/// One of the node's funded accounts.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) address: Address,
    pub(super) key: Secret,
}

/// A running anvil, which is stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Anvil {
    _running: Running,
    /// HTTP URL.
    pub(super) url: String,
    accounts: Vec<Account>,
}

impl Anvil {
    /// Starts a node on a free port.
    ///
    /// # Errors
    /// anvil cannot be started, or its output is not as expected.
    pub(super) fn start(program: &Path, log: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        let ready = |line: &str| line.starts_with("Listening on ");
        let (running, lines) = start(
            "anvil",
            command,
            Talks::Stdout,
            log,
            ready,
            Duration::from_secs(60),
        )?;
        let address = lines
            .last()
            .and_then(|l| l.strip_prefix("Listening on "))
            .context("anvil did not print its address")?;
        Ok(Self {
            _running: running,
            url: format!("http://{}", address.trim()),
            accounts: accounts(&lines).context("anvil did not print its accounts")?,
        })
    }

    /// One of the funded accounts.
    ///
    /// # Errors
    /// There are not so many.
    pub(super) fn account(&self, index: usize) -> anyhow::Result<&Account> {
        self.accounts
            .get(index)
            .with_context(|| format!("anvil has no account {index}"))
    }
}

/// Parses addresses and keys from lines such as `(0) 0x… (10000 ETH)` and `(0) 0x…`.
fn accounts(lines: &[String]) -> Option<Vec<Account>> {
    let words = |len: usize| {
        lines.iter().filter_map(move |line| {
            let mut words = line.split_whitespace();
            let numbered = words
                .next()
                .is_some_and(|w| w.starts_with('(') && w.ends_with(')'));
            let word = words.next()?.trim_matches('"');
            (numbered && word.starts_with("0x") && word.len() == len).then_some(word)
        })
    };
    let keys: Vec<&str> = words(66).collect();
    let addresses = words(42)
        .map(|w| w.parse().ok())
        .collect::<Option<Vec<Address>>>()?;
    let same = !keys.is_empty() && keys.len() == addresses.len();
    same.then(|| {
        let pairs = addresses.into_iter().zip(keys);
        pairs
            .map(|(address, key)| Account {
                address,
                key: Secret::new(key),
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_from_the_banner() {
        let key = format!("(0) 0x{}", "1".repeat(64));
        let address = format!("(0) 0x{} (10000.000000000000000000 ETH)", "2".repeat(40));
        let lines = [
            "Available Accounts",
            "=====",
            &address,
            "Private Keys",
            &key,
            "Listening on 127.0.0.1:1",
        ];
        let lines: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        let found = accounts(&lines).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].address, Address::repeat_byte(0x22));
        assert!(accounts(&lines[..3]).is_none());
    }
}
