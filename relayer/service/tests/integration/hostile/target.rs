//! The relayer that is attacked, its honest users, and the figures.

use super::wire::Wire;
use crate::proxy::Proxy;
use crate::relayer::Relayer;
use crate::scene::{RELAYER, number};
use crate::service::{answer, json_client};
use crate::world::{World, address};
use alloy::primitives::Address;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An honest submitter, one who is not, and an administrator.
pub const ALICE: &str = "alices-token-0123456789-0123456789-01";
pub const MALLORY: &str = "mallorys-token-0123456789-0123456789";
pub const OPS: &str = "token-of-ops-0123456789-0123456789-01";

pub struct Target {
    pub world: World,
    /// Between relayer and node; counts.
    pub proxy: Proxy,
    pub relayer: Relayer,
    pub folder: tempfile::TempDir,
    /// Next inference of an honest submitter.
    nonce: AtomicU64,
}

impl Target {
    pub async fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        let lines = format!("alice submit {ALICE}\nmallory submit {MALLORY}\nops admin {OPS}\n");
        std::fs::write(&tokens, lines).unwrap();
        std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o600)).unwrap();
        let tokens = ["--tokens", tokens.to_str().unwrap()];
        Self::start(folder, &[&tokens, arguments].concat()).await
    }

    /// One that has no tokens and listens on loopback.
    pub async fn without_tokens(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start(folder, arguments).await
    }

    async fn start(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let world = World::new().await;
        let proxy = Proxy::start(&world.anvil.url).await;
        let state = folder.path().join("state.sqlite").into();
        let mut relayer = Relayer::spawn_without_tokens(&proxy.url, &state, arguments);
        relayer.listens().await;
        Self {
            world,
            proxy,
            relayer,
            folder,
            nonce: AtomicU64::new(1_000_000),
        }
    }

    pub fn address(&self) -> SocketAddr {
        let url = self.relayer.url.strip_prefix("http://").unwrap();
        url.parse().unwrap()
    }

    /// A connection from the attacker's address.
    pub async fn attack(&self) -> Wire {
        Wire::open(super::wire::ATTACKER, self.address()).await
    }

    /// Waits for an honest submitter's proof to be taken, on a connection of its own, and an administrator's request.
    pub async fn honest(&self) -> Duration {
        let begin = Instant::now();
        self.submit().await;
        let took = begin.elapsed();
        let url = format!("{}/v1/pause", self.relayer.url);
        let (status, paused) = answer(json_client().post(url).bearer_auth(OPS)).await;
        assert_eq!(status, 200, "{paused}");
        let url = format!("{}/v1/resume", self.relayer.url);
        let (status, resumed) = answer(json_client().post(url).bearer_auth(OPS)).await;
        assert_eq!(status, 200, "{resumed}");
        took
    }

    /// Waits for an honest submitter's proof to be taken; answers the job.
    pub async fn submit(&self) -> Value {
        let nonce = self.nonce.fetch_add(1, Ordering::Relaxed);
        let proof = serde_json::to_string(&self.world.proof(nonce)).unwrap();
        let url = format!("{}/v1/proofs", self.relayer.url);
        let request = json_client().post(url).bearer_auth(ALICE).body(proof);
        let (status, job) = answer(request).await;
        assert_eq!(status, 202, "{job}");
        job
    }

    /// What an administrator gets.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.relayer.url);
        let request = json_client().get(url).bearer_auth(OPS);
        let reply = request.send().await.unwrap();
        let status = reply.status().as_u16();
        (status, reply.text().await.unwrap())
    }

    /// Gas that the relayer's account has used.
    pub async fn gas_spent(&self) -> u64 {
        let anvil = &self.world.anvil;
        let head = number(&anvil.rpc("eth_blockNumber", json!([])).await);
        let mut gas = 0;
        for block in 0..=head {
            let parameters = json!([format!("{block:#x}")]);
            let receipts = anvil.rpc("eth_getBlockReceipts", parameters).await;
            for receipt in receipts.as_array().unwrap() {
                let from: Address = receipt["from"].as_str().unwrap().parse().unwrap();
                if from == address(RELAYER) {
                    gas += number(&receipt["gasUsed"]);
                }
            }
        }
        gas
    }

    /// Waits until the relayer has at most so many sockets.
    pub async fn sockets_at_most(&self, most: usize) {
        for _ in 0..600 {
            if self.relayer.sockets() <= most {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} sockets are open still", self.relayer.sockets());
    }

    /// Figures of an attack that begins now.
    pub fn figures(&self) -> Figures<'_> {
        Figures {
            target: self,
            memory: self.relayer.memory(),
            node_calls: self.proxy.calls(),
            sockets: 0,
            gas: None,
        }
    }
}

/// What an attack costs, for the printed table and for a test to hold.
pub struct Figures<'a> {
    target: &'a Target,
    memory: u64,
    node_calls: usize,
    sockets: usize,
    gas: Option<u64>,
}

impl Figures<'_> {
    /// Notes the sockets that are open now; to be called at the attack's height.
    pub fn at_its_height(&mut self) -> usize {
        self.sockets = self.sockets.max(self.target.relayer.sockets());
        self.sockets
    }

    /// KiB by which the relayer's memory has grown.
    pub fn growth(&self) -> u64 {
        self.target.relayer.memory().saturating_sub(self.memory)
    }

    /// Calls of the node since the attack began.
    pub fn node_calls(&self) -> usize {
        self.target.proxy.calls() - self.node_calls
    }

    /// Notes what the attack made the relayer's account pay.
    pub fn gas(&mut self, gas: u64) {
        self.gas = Some(gas);
    }

    /// Prints the row of the running test; `attack` is what was done, in a few words with numbers.
    pub fn print(&self, attack: &str, honest: Duration) {
        let memory = self.target.relayer.memory();
        let gas = self.gas.map_or("-".to_owned(), |gas| gas.to_string());
        row(
            attack,
            &[
                format!("{}", self.memory >> 10),
                format!("{}", memory >> 10),
                format!("{}", self.sockets),
                format!("{}", self.node_calls()),
                gas,
                format!("{} ms", honest.as_millis()),
            ],
        );
    }
}

/// A row of `scripts/hostile-matrix`: the running test, the attack, and memory before and after in MiB, sockets, calls of
/// the node, gas, time until an honest request was served.
pub fn row(attack: &str, figures: &[String]) {
    let test = std::thread::current().name().unwrap().to_owned();
    let mut line = format!("{test}\t{attack}");
    for figure in figures {
        write!(line, "\t{figure}").unwrap();
    }
    eprintln!("hostile: {line}");
    if let Some(path) = std::env::var_os("CHAINFER_HOSTILE_FIGURES") {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

/// A row that says itself what the attack cost.
pub fn note(what: &str) {
    row(what, &["-"; 6].map(str::to_owned));
}
