//! Runs the binary as a user would.
#![allow(dead_code, reason = "every test file takes what it needs")]

pub(crate) mod node;

use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// What one run of `chainfer` came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The JSON object on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| {
            panic!(
                "stdout is not one JSON object: {e}\n{}\n{}",
                self.stdout, self.stderr
            )
        })
    }

    /// Asserts the exit code, and shows what was said otherwise.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    /// Asserts that the error says all of this.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{part:?} is missing in: {}",
                self.stderr
            );
        }
        self
    }
}

/// Runs `chainfer` with a cache of the tests' own, and nothing from the environment.
pub(crate) fn chainfer<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    chainfer_in(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"), args)
}

/// Runs `chainfer` with this cache, and nothing from the environment.
pub(crate) fn chainfer_in<A: AsRef<OsStr>>(cache: &Path, args: impl IntoIterator<Item = A>) -> Run {
    run(command(args).env("CHAINFER_CACHE", cache))
}

/// `chainfer` with nothing from the environment that it would heed, but its folders.
pub(crate) fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainfer"));
    command.args(args);
    for variable in [
        "RUST_LOG",
        "CHAINFER_KNOWN_SRS",
        "ETH_RPC_URL",
        "ETH_PRIVATE_KEY",
        "ETH_KEYSTORE",
        "ETH_KEYSTORE_ACCOUNT",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file under `tests/fixtures/models`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/models")
        .join(name);
    assert!(path.is_file(), "no fixture {}", path.display());
    path
}

/// The arguments as one list of different kinds of strings.
#[macro_export]
macro_rules! args {
    ($($arg:expr),+ $(,)?) => {
        [$(std::ffi::OsString::from(&$arg)),+]
    };
}
