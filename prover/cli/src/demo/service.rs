//! The `chainfer-relayer` service, in a process of its own and used over HTTP like by any client.

use super::{
    anvil::{Account, Anvil},
    child::{Running, Talks, start},
    node::{get, http_client, post},
};
use crate::failure::bad_input;
use alloy::primitives::Address;
use anyhow::{Context as _, bail};
use chainfer_formats::limits::DEVELOPMENT_CHAIN_ID;
use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Time limit for relaying a proof on a local chain.
const LIMIT: Duration = Duration::from_secs(120);

/// A running relayer, which is stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Relayer {
    running: Running,
    url: String,
    http: reqwest::Client,
}

/// The service's program: the given one, or by default the one next to this program.
///
/// # Errors
/// There is no such program.
pub(super) fn program(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let path = match named {
        Some(path) => path,
        None => env::current_exe()
            .context("cannot find the path of this program")?
            .with_file_name(format!("chainfer-relayer{}", env::consts::EXE_SUFFIX)),
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(bad_input(format!(
        "there is no relayer at {}; build it with `cargo build --release -p chainfer-relayer`, or pass --relayer PATH",
        path.display()
    )))
}

impl Relayer {
    /// Starts the service for one registry on a free port.
    ///
    /// # Errors
    /// The service cannot be started, or its output is not as expected.
    pub(super) fn start(
        program: &Path,
        anvil: &Anvil,
        account: &Account,
        registry: Address,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--poll-ms",
                "100",
                "--state",
            ])
            .arg(folder.join("relayer.sqlite"))
            .args([
                "--registry",
                &registry.to_string(),
                "--chain-id",
                &DEVELOPMENT_CHAIN_ID.to_string(),
            ])
            // What the chain's accounts hold is worth nothing.
            .args(["--max-spend-daily", "100ether"])
            .args(["--rpc-url", &anvil.url])
            // Not as an argument, because every user of the machine can see those.
            .env("ETH_PRIVATE_KEY", account.key.expose())
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1");
        for inherited in [
            "ETH_KEYSTORE",
            "ETH_KEYSTORE_ACCOUNT",
            "ETH_PASSWORD",
            "CHAINFER_RELAYER_TOKENS",
            "CHAINFER_RELAYER_TOKEN",
            "CHAINFER_RELAYER_TOKEN_FILE",
            "CHAINFER_RELAYER_ADMIN_TOKEN",
            "CHAINFER_RELAYER_ADMIN_TOKEN_FILE",
            "CHAINFER_RELAYER_HOSTS",
        ] {
            command.env_remove(inherited);
        }
        let log = folder.join("relayer.log");
        let ready = |line: &str| listening(line).is_some();
        let (running, lines) = start(
            "chainfer-relayer",
            command,
            Talks::Stderr,
            &log,
            ready,
            Duration::from_secs(60),
        )?;
        let address = lines
            .last()
            .and_then(|line| listening(line))
            .context("the relayer did not print its address")?;
        Ok(Self {
            running,
            url: format!("http://{address}"),
            http: http_client()?,
        })
    }

    /// Submits a proof, waits until its attestation is confirmed, and returns the job as the service reports it.
    ///
    /// # Errors
    /// The service refuses the proof, fails to relay it, or takes too long.
    pub(super) async fn relay(&mut self, proof: String) -> anyhow::Result<Value> {
        let (status, job) = post(&self.http, &format!("{}/v1/proofs", self.url), proof).await?;
        if !matches!(status, 200 | 202) {
            bail!(
                "the relayer refuses the proof (HTTP {status}): {}",
                job["error"]["message"]
            );
        }
        let id = job["id"]
            .as_str()
            .context("the relayer's answer has no job id")?;
        let job_url = format!("{}/v1/proofs/{id}", self.url);
        let deadline = Instant::now() + LIMIT;
        loop {
            self.running.check()?;
            let (_, job) = get(&self.http, &job_url).await?;
            match job["state"].as_str().unwrap_or_default() {
                "confirmed" | "finalized" => return Ok(job),
                "failed" | "cancelled" => {
                    bail!("relaying ended as {}: {}", job["state"], job["reason"]);
                }
                state if Instant::now() > deadline => {
                    bail!("the job is still {state} after {} s", LIMIT.as_secs());
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// Parses the address from the log line `… listening address=127.0.0.1:4242`.
fn listening(line: &str) -> Option<&str> {
    line.contains("listening")
        .then(|| line.rsplit_once("address=").map(|(_, a)| a.trim()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_address_is_read_from_the_log() {
        let line = "2026-01-01T00:00:00Z  INFO chainfer_relayer::service: listening address=127.0.0.1:4242";
        assert_eq!(listening(line), Some("127.0.0.1:4242"));
        assert_eq!(listening("INFO opened address=1"), None);
    }
}
