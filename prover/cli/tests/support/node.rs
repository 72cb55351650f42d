//! A local node, and the other programs of foundry's.

use super::{Run, chainfer};
use crate::args;
use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The first two accounts of every development node.
pub(crate) const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
pub(crate) const OWNER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
pub(crate) const OTHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub(crate) const OTHER_KEY: &str =
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// A request of [`OTHER`]'s on a development chain.
pub(crate) const BOUND: [&str; 6] = ["--chain-id", "31337", "--requester", OTHER, "--nonce", "7"];

/// Proves an inference for that request.
pub(crate) fn prove_bound(bundle: &Path, input: &Path, proof: &Path) -> Run {
    let mut args = args!["prove", bundle, "--input", input, "-o", proof, "--json"].to_vec();
    args.extend(BOUND.map(OsString::from));
    chainfer(args)
}

/// Runs a verb that sends, as the first account.
pub(crate) fn send(url: &str, state: &Path, verb: &[OsString]) -> Run {
    let wallet = args![
        "--rpc-url",
        url,
        "--private-key",
        KEY,
        "--state",
        state,
        "--json"
    ];
    chainfer([verb, &wallet[..]].concat())
}

/// A running anvil, or an EDR in its place; ends with the value.
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
    /// EDR's project.
    _folder: Option<tempfile::TempDir>,
}

impl Anvil {
    /// A node with the rules that `CHAINFER_TEST_RULES` asks for: Osaka's by anvil, or Amsterdam's.
    pub(crate) fn start(chain_id: &str) -> Self {
        match std::env::var("CHAINFER_TEST_RULES").ok().as_deref() {
            None | Some("" | "osaka") => {
                let mut anvil = Command::new(tool("anvil"));
                anvil.args(["--port", "0", "--chain-id", chain_id]);
                Self::run(anvil, None)
            }
            Some("amsterdam") => Self::amsterdam(chain_id),
            Some(other) => panic!("CHAINFER_TEST_RULES is {other:?}: osaka or amsterdam"),
        }
    }

    /// A node with Amsterdam's rules.
    pub(crate) fn amsterdam(chain_id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut edr = Command::new(root().join("scripts/edr"));
        edr.args(["amsterdam", "--chain-id", chain_id])
            .env("TMPDIR", folder.path());
        Self::run(edr, Some(folder))
    }

    fn run(mut node: Command, folder: Option<tempfile::TempDir>) -> Self {
        let mut child = node.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        const SAID: [(&str, &str); 2] = [("Listening on ", "http://"), ("JSON-RPC server at ", "")];
        let mut urls = lines.filter_map(|line| {
            SAID.iter().find_map(|(words, scheme)| {
                let (_, address) = line.split_once(words)?;
                Some(format!("{scheme}{}", address.trim_end_matches('/')))
            })
        });
        let url = urls.next().expect("the node says where it listens");
        std::thread::spawn(move || urls.for_each(drop));
        Self {
            child,
            url,
            _folder: folder,
        }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What cast prints.
pub(crate) fn cast(args: &[&str]) -> String {
    let output = Command::new(tool("cast")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A native program: the one in `.bin` leaves its child behind when it is killed.
pub(crate) fn tool(name: &str) -> PathBuf {
    let folder = root().join("node_modules/@foundry-rs");
    let native = format!("{name}-");
    fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&native))
        .map(|entry| entry.path().join("bin").join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            panic!(
                "no {name} under {}: run `npm ci` in the repository root",
                folder.display()
            )
        })
}
