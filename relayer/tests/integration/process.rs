//! The binary itself, killed without warning.

use crate::anvil::KEYS;
use crate::proxy::{Fault, Proxy};
use crate::world::World;
use serde_json::Value;
use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Relayer {
    child: Child,
    url: String,
}

impl Relayer {
    async fn start(rpc: &str, state: &Path) -> Self {
        // A file, not a pipe: a pipe that nobody reads would stop the process.
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(state.with_extension("log"));
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_chainfer-relayer"))
            .args([
                "serve",
                "--poll-ms",
                "30",
                "--listen",
                &free.to_string(),
                "--state",
            ])
            .arg(state)
            .env("ETH_RPC_URL", rpc)
            .env("ETH_PRIVATE_KEY", KEYS[1])
            .env("CHAINFER_RELAYER_TOKEN", "sesame-token")
            .env("RUST_LOG", "trace")
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let relayer = Self {
            child,
            url: format!("http://{free}"),
        };
        for _ in 0..200 {
            if reqwest::get(format!("{}/health", relayer.url))
                .await
                .is_ok()
            {
                return relayer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the relayer does not listen");
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Value {
        let reply = request
            .header("authorization", "Bearer sesame-token")
            .send()
            .await
            .unwrap();
        serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap()
    }

    async fn until(&self, id: &str, state: &str) {
        for _ in 0..400 {
            let url = format!("{}/v1/proofs/{id}", self.url);
            if self.ask(reqwest::Client::new().get(url)).await["state"] == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {state}");
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_relayer_resumes_and_logs_no_secret() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject("eth_sendRawTransaction", Fault::Swallow, usize::MAX);
    let rpc = format!("{}/?key=secret-node-key", proxy.url);

    let relayer = Relayer::start(&rpc, &state).await;
    let body = serde_json::to_string(&world.proof(1)).unwrap();
    let url = format!("{}/v1/proofs", relayer.url);
    let job = relayer
        .ask(reqwest::Client::new().post(url).body(body))
        .await;
    let id = job["id"].as_str().unwrap().to_owned();
    relayer.until(&id, "submitting").await;
    relayer.kill();

    proxy.clear();
    let relayer = Relayer::start(&rpc, &state).await;
    relayer.until(&id, "confirmed").await;
    relayer.kill();
    let log = std::fs::read_to_string(state.with_extension("log")).unwrap();
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));

    assert!(log.contains("transaction stored"), "{log}");
    for secret in [&KEYS[1][2..], "sesame-token", "secret-node-key"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
