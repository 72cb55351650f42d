//! A local node, and the other programs of foundry's.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

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
