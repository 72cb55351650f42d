//! A local node, and the other programs of foundry's.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A running anvil; ends with the value.
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
}

impl Anvil {
    pub(crate) fn start(chain_id: &str) -> Self {
        let mut child = Command::new(tool("anvil"))
            .args(["--port", "0", "--chain-id", chain_id])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut rest = lines.skip_while(|line| !line.starts_with("Listening on "));
        let address = rest.next().unwrap().replace("Listening on ", "");
        std::thread::spawn(move || rest.for_each(drop));
        Self {
            child,
            url: format!("http://{address}"),
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
