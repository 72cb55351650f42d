//! A real node of our own.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Private keys of anvil's first accounts; well known, worth nothing.
pub const KEYS: [&str; 3] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];

/// Root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A pinned tool of foundry's. Missing tools fail the test: a skipped test proves nothing.
pub fn tool(name: &str) -> PathBuf {
    // Not the launcher in .bin, which always exits 0.
    let packages = root().join("node_modules/@foundry-rs");
    let entries = std::fs::read_dir(&packages).into_iter().flatten().flatten();
    let natives = entries.filter(|e| {
        e.file_name()
            .to_string_lossy()
            .starts_with(&format!("{name}-"))
    });
    let found = natives
        .map(|e| e.path().join("bin").join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: run `npm ci` in the repository's root"))
}

/// A running anvil; ends with the value.
pub struct Anvil {
    child: Child,
    pub url: String,
}

impl Anvil {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(tool("anvil"))
            .args(["--port", "0", "--accounts", "3"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("anvil starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("anvil says where it listens").unwrap();
            if let Some(address) = line.strip_prefix("Listening on ") {
                break format!("http://{}", address.trim());
            }
        };
        // Keeps the pipe drained, so that anvil never blocks on it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// Any JSON-RPC call.
    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        call(&self.url, method, params).await
    }

    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")]))
            .await;
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // The npm launcher starts the node as its child: end the whole group, which is ours alone.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

pub async fn call(url: &str, method: &str, params: Value) -> Value {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let reply = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    assert!(reply.get("error").is_none(), "{method}: {reply}");
    reply["result"].clone()
}
