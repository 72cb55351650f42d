//! The relayer's binary as a process that tests kill.

use crate::anvil::KEYS;
use crate::service::{answer, json_client};
use crate::world::address;
use chainfer_formats::ProofFile;
use chainfer_relayer::store::Location;
use serde_json::Value;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Tokens of the relayers here; they must not be in a log.
pub const TOKEN: &str = "sesame-token-0123456789-0123456789";
pub const ADMIN_TOKEN: &str = "sesame-admin-token-0123456789-0123";

pub struct Relayer {
    child: Child,
    pub url: String,
}

impl Relayer {
    pub async fn start(rpc: &str, state: &Location) -> Self {
        Self::start_with(rpc, state, &[]).await
    }

    pub async fn start_with(rpc: &str, state: &Location, arguments: &[&str]) -> Self {
        let mut relayer = Self::spawn(rpc, state, arguments);
        relayer.listens().await;
        relayer
    }

    pub async fn listens(&mut self) {
        for _ in 0..400 {
            if reqwest::get(format!("{}/health", self.url)).await.is_ok() {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the relayer ended: {status}");
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the relayer does not listen");
    }

    pub fn spawn(rpc: &str, state: &Location, arguments: &[&str]) -> Self {
        Self::spawn_logging("trace", rpc, state, arguments)
    }

    pub fn spawn_logging(log_level: &str, rpc: &str, state: &Location, arguments: &[&str]) -> Self {
        let key = [("ETH_PRIVATE_KEY", KEYS[1])];
        Self::spawn_keyed(log_level, rpc, state, arguments, &key)
    }

    /// With no tokens but those that the arguments give.
    pub fn spawn_without_tokens(rpc: &str, state: &Location, arguments: &[&str]) -> Self {
        let key = [("ETH_PRIVATE_KEY", KEYS[1])];
        Self::spawn_as("debug", rpc, state, arguments, &key)
    }

    /// With the variables that say where the key is.
    pub fn spawn_keyed(
        log_level: &str,
        rpc: &str,
        state: &Location,
        arguments: &[&str],
        key: &[(&str, &str)],
    ) -> Self {
        let tokens = [
            ("CHAINFER_RELAYER_TOKEN", TOKEN),
            ("CHAINFER_RELAYER_ADMIN_TOKEN", ADMIN_TOKEN),
        ];
        let variables = [key, &tokens].concat();
        Self::spawn_as(log_level, rpc, state, arguments, &variables)
    }

    fn spawn_as(
        log_level: &str,
        rpc: &str,
        state: &Location,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        // A file, not a pipe: a pipe that nobody reads would stop the process.
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log_file(state));
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_chainfer-relayer"))
            .args([
                "serve",
                "--poll-ms",
                "30",
                "--max-spend-daily",
                "100ether",
                "--listen",
                &free.to_string(),
                "--state",
            ])
            .arg(argument(state))
            .args(arguments)
            .env("ETH_RPC_URL", rpc)
            // What a `World` deploys first.
            .env("CHAINFER_REGISTRY", address(0).create(0).to_string())
            .envs(variables.iter().copied())
            .env("RUST_LOG", log_level)
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            url: format!("http://{free}"),
        }
    }

    /// An administrator's request.
    pub async fn ask(&self, request: reqwest::RequestBuilder) -> Value {
        answer(request.bearer_auth(ADMIN_TOKEN)).await.1
    }

    pub async fn until(&self, id: &str, state: &str) {
        for _ in 0..400 {
            let url = format!("{}/v1/proofs/{id}", self.url);
            if self.ask(reqwest::Client::new().get(url)).await["state"] == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {state}");
    }

    /// Most memory that it had so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        self.memory_of("VmHWM:")
    }

    /// Memory that it has, in KiB.
    pub fn memory(&self) -> u64 {
        self.memory_of("VmRSS:")
    }

    fn memory_of(&self, kind: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|l| l.starts_with(kind)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Sockets that it has open, the one that listens and those to its node included.
    pub fn sockets(&self) -> usize {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let links = folder.flatten().map(|e| std::fs::read_link(e.path()));
        links
            .flatten()
            .filter(|link| link.to_string_lossy().starts_with("socket:"))
            .count()
    }

    /// Ends the process at once (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn submit(&self, proof: &ProofFile) -> String {
        let body = serde_json::to_string(proof).unwrap();
        let url = format!("{}/v1/proofs", self.url);
        let request = json_client().post(url).bearer_auth(TOKEN).body(body);
        let (_, job) = answer(request).await;
        job["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{job}"))
            .to_owned()
    }

    pub async fn cancel(&self, id: &str) {
        let url = format!("{}/v1/proofs/{id}/cancel", self.url);
        self.ask(json_client().post(url)).await;
    }

    /// SIGTERM; the exit status.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &id]).status();
        assert!(signalled.unwrap().success());
        self.child.wait().unwrap()
    }
}

fn argument(state: &Location) -> OsString {
    match state {
        Location::File(path) => path.into(),
        Location::Postgres(address) => address.expose().into(),
    }
}

fn log_file(state: &Location) -> PathBuf {
    match state {
        Location::File(path) => path.with_extension("log"),
        Location::Postgres(_) => {
            std::env::temp_dir().join(format!("chainfer-relayer-{}.log", std::process::id()))
        }
    }
}

impl Drop for Relayer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
