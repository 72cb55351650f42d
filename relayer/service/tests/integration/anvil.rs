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

/// Whose rules a node has, and whose node it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Osaka's, by anvil.
    Osaka,
    /// Osaka's, by EDR.
    OsakaByEdr,
    /// Amsterdam's, by EDR.
    Amsterdam,
}

impl Rules {
    /// Those that `CHAINFER_TEST_RULES` asks for, with which [`Anvil::start`] starts a node; anvil's if it says nothing.
    pub fn asked() -> Self {
        match std::env::var("CHAINFER_TEST_RULES").ok().as_deref() {
            None | Some("" | "osaka") => Self::Osaka,
            Some("osaka-edr") => Self::OsakaByEdr,
            Some("amsterdam") => Self::Amsterdam,
            Some(other) => {
                panic!("CHAINFER_TEST_RULES is {other:?}: osaka, osaka-edr or amsterdam")
            }
        }
    }
}

/// A running anvil, or an EDR in its place; ends with the value.
pub struct Anvil {
    child: Child,
    pub url: String,
    pub rules: Rules,
    /// EDR's project.
    _folder: Option<tempfile::TempDir>,
}

impl Anvil {
    /// A node with the rules asked for, and with these arguments of anvil's.
    pub fn start(arguments: &[&str]) -> Self {
        Self::of(Rules::asked(), arguments)
    }

    pub fn of(rules: Rules, arguments: &[&str]) -> Self {
        let folder = (rules != Rules::Osaka).then(|| tempfile::tempdir().unwrap());
        let mut command = match (rules, &folder) {
            (Rules::Osaka, _) | (_, None) => {
                let mut command = Command::new(tool("anvil"));
                command.args(["--port", "0", "--accounts", "3"]);
                command
            }
            (_, Some(folder)) => {
                let mut command = Command::new(root().join("scripts/edr"));
                let amsterdam = rules == Rules::Amsterdam;
                command.arg(if amsterdam { "amsterdam" } else { "osaka" });
                command.env("TMPDIR", folder.path());
                command
            }
        };
        let mut child = command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("the node starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines
                .next()
                .expect("the node says where it listens")
                .unwrap();
            if let Some(address) = line.strip_prefix("Listening on ") {
                break format!("http://{}", address.trim());
            }
            if let Some((_, address)) = line.split_once("JSON-RPC server at ") {
                let address = address.trim_end_matches("\u{1b}[39m");
                break address.trim_end_matches('/').to_owned();
            }
        };
        // Keeps the pipe drained, so that the node never blocks on it.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            url,
            rules,
            _folder: folder,
        }
    }

    /// Any JSON-RPC call. What anvil calls `anvil_…`, EDR calls `hardhat_…`.
    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        if self.rules == Rules::Osaka {
            call(&self.url, method, params).await
        } else {
            call(&self.url, &method.replace("anvil_", "hardhat_"), params).await
        }
    }

    /// Puts the deterministic-deployment proxy there, which public chains and anvil have.
    pub async fn place_proxy(&self) {
        if self.rules != Rules::Osaka {
            let code = "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";
            let proxy = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
            self.rpc("anvil_setCode", json!([proxy, code])).await;
        }
    }

    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")]))
            .await;
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Its whole group, which is ours alone.
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
