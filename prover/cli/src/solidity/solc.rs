//! Runs the Solidity compiler through `--standard-json`.

use crate::{args::SolcArgs, failure::bad_input};
use alloy::primitives::{Bytes, hex};
use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// What to do if there is no compiler.
const REMEDY: &str = "pass --solc PATH or set CHAINFER_SOLC; the repository has one: run `npm ci` there, then --solc scripts/solc";

/// Environment variables that the compiler, or the Node.js that runs it, may need.
const PASSED_ON: [&str; 7] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "SYSTEMROOT",
    "USERPROFILE",
    "TEMP",
];

/// A Solidity compiler.
#[derive(Clone, Debug)]
pub(crate) struct Solc {
    path: PathBuf,
}

/// A compiled contract.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    /// Creation code, without constructor arguments.
    pub(crate) creation: Bytes,
    /// Bytes of runtime code, at most 24,576 on the EVM.
    pub(crate) runtime_size: usize,
    /// Runtime code; immutables are zeros.
    pub(crate) runtime: Bytes,
}

impl Solc {
    /// The compiler that the flags name, otherwise one that is installed.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find(args: &SolcArgs) -> anyhow::Result<Self> {
        Self::find_optional(args)?
            .ok_or_else(|| bad_input(format!("no Solidity compiler found; {REMEDY}")))
    }

    /// Like [`Self::find`], but returns `None` if no compiler is installed.
    ///
    /// # Errors
    /// The compiler that the flags name is not there.
    pub(crate) fn find_optional(args: &SolcArgs) -> anyhow::Result<Option<Self>> {
        if let Some(path) = &args.solc {
            // A bare name is looked up in PATH by the system.
            if path.components().count() > 1 && !path.is_file() {
                return Err(bad_input(format!(
                    "there is no Solidity compiler at {}",
                    path.display()
                )));
            }
            return Ok(Some(Self { path: path.clone() }));
        }
        let in_path = || {
            let path = env::var_os("PATH")?;
            env::split_paths(&path)
                .filter(|folder| folder.is_absolute())
                .map(|f| f.join("solc"))
                .find(|p| p.is_file())
        };
        let wrapper = env::current_exe()
            .ok()
            .and_then(|program| wrapper_of(&program));
        Ok(wrapper.or_else(in_path).map(|path| Self { path }))
    }

    /// Compiles with the settings that all contracts of chainfer use.
    ///
    /// # Errors
    /// The compiler cannot be run, or refuses a source.
    pub(crate) fn compile(
        &self,
        sources: &BTreeMap<String, String>,
        wanted: &[(String, String)],
    ) -> anyhow::Result<Vec<Compiled>> {
        let answer = self.run(&request(sources, wanted))?;
        wanted
            .iter()
            .map(|(file, name)| contract(&answer, file, name))
            .collect()
    }

    /// The compiler's version, such as `0.8.30+commit.73712a01`.
    ///
    /// # Errors
    /// The compiler cannot be run, or is none.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        let output = self
            .command("--version")
            .output()
            .map_err(|e| self.cannot_run(&e))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let words = text.split_once("Version: ").map(|(_, version)| version);
        let version = words.and_then(|words| words.split_whitespace().next());
        let version = version.with_context(|| {
            let name = self.path.display();
            format!("{name} did not say its version; is it a Solidity compiler?")
        })?;
        // Platforms differ: what follows is their name.
        Ok(version.split('.').take(4).collect::<Vec<_>>().join("."))
    }

    fn command(&self, argument: &str) -> Command {
        let mut command = Command::new(&self.path);
        // A compiler needs none of the keys and passwords that this program is given.
        command.arg(argument).env_clear().envs(
            PASSED_ON
                .iter()
                .filter_map(|name| Some((name, env::var_os(name)?))),
        );
        command
    }

    fn cannot_run(&self, error: &std::io::Error) -> anyhow::Error {
        let name = self.path.display();
        bad_input(format!(
            "cannot run the Solidity compiler {name}: {error}; {REMEDY}"
        ))
    }

    fn run(&self, request: &Value) -> anyhow::Result<Value> {
        let name = self.path.display();
        let mut child = self
            .command("--standard-json")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| self.cannot_run(&e))?;
        let mut stdin = child.stdin.take().context("the compiler has no stdin")?;
        let text = request.to_string();
        // Written while the output is read: otherwise both processes could wait for each other at a full pipe.
        let writer = thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child
            .wait_with_output()
            .with_context(|| format!("cannot wait for {name}"))?;
        let written = writer
            .join()
            .map_err(|_| anyhow!("the thread that writes to {name} panicked"))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "{name} failed ({}): {}; {REMEDY}",
                output.status,
                errors.trim()
            );
        }
        written.with_context(|| format!("{name} closed its input"))?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{name} did not answer in JSON; is it a Solidity compiler?"))
    }
}

/// `scripts/solc` of the repository that built this program: TARGET/PROFILE/chainfer is two folders below its root. The folder that the
/// user stands in has no say: it may have been downloaded with a bundle, and what is run here sees that bundle's contracts.
fn wrapper_of(program: &Path) -> Option<PathBuf> {
    let program = program.canonicalize().ok()?;
    let root = program.ancestors().nth(3)?;
    let wrapper = root.join("scripts/solc");
    let ours = root.join("contracts/src/ChainferRegistry.sol").is_file()
        && wrapper.is_file()
        && same_owner(&program, &wrapper);
    ours.then_some(wrapper)
}

/// Whether one account owns both files: a folder above the program may be everybody's.
fn same_owner(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let owner = |path: &Path| std::fs::metadata(path).map(|found| found.uid());
        matches!((owner(a), owner(b)), (Ok(a), Ok(b)) if a == b)
    }
    #[cfg(not(unix))]
    {
        let _ = (a, b);
        true
    }
}

fn request(sources: &BTreeMap<String, String>, wanted: &[(String, String)]) -> Value {
    let contents: BTreeMap<_, _> = sources
        .iter()
        .map(|(path, text)| (path, json!({ "content": text })))
        .collect();
    let mut selection: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    let outputs = json!(["evm.bytecode.object", "evm.deployedBytecode.object"]);
    for (file, name) in wanted {
        selection
            .entry(file)
            .or_default()
            .insert(name, outputs.clone());
    }
    json!({
        "language": "Solidity",
        "sources": contents,
        "settings": {
            "optimizer": { "enabled": true, "runs": 200 },
            "evmVersion": "cancun",
            // The code must not depend on comments or on the path of a source.
            "metadata": { "bytecodeHash": "none", "appendCBOR": false },
            "outputSelection": selection,
        }
    })
}

fn contract(answer: &Value, file: &str, name: &str) -> anyhow::Result<Compiled> {
    for error in answer["errors"].as_array().into_iter().flatten() {
        if error["severity"] == "error" {
            let message = error["formattedMessage"]
                .as_str()
                .or(error["message"].as_str());
            bail!(
                "Solidity: {}",
                message.unwrap_or("an error without a message").trim()
            );
        }
    }
    let evm = &answer["contracts"][file][name]["evm"];
    let code = |field: &str| -> anyhow::Result<Vec<u8>> {
        let object = evm[field]["object"]
            .as_str()
            .with_context(|| format!("the compiler gave no {field} for {name} in {file}"))?;
        hex::decode(object)
            .with_context(|| format!("{field} of {name} is not hex: are there libraries to link?"))
    };
    let creation = code("bytecode")?;
    if creation.is_empty() {
        bail!("{name} in {file} has no code: is it abstract?");
    }
    let runtime = code("deployedBytecode")?;
    Ok(Compiled {
        creation: creation.into(),
        runtime_size: runtime.len(),
        runtime: runtime.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_takes_the_wrapper_of_the_programs_own_repository_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |path: &Path| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        let (wrapper, program) = (
            root.join("scripts/solc"),
            root.join("target/release/chainfer"),
        );
        write(&wrapper);
        write(&program);
        // Somebody's scripts, and the program somewhere else.
        assert_eq!(wrapper_of(&program), None);
        write(&root.join("contracts/src/ChainferRegistry.sol"));
        assert_eq!(wrapper_of(&program), Some(wrapper));
        for other in ["chainfer", "bin/chainfer", "a/target/release/chainfer"] {
            write(&root.join(other));
            assert_eq!(wrapper_of(&root.join(other)), None, "{other}");
        }
        let named = SolcArgs {
            solc: Some(root.join("missing")),
        };
        let refused = Solc::find(&named).unwrap_err().to_string();
        assert!(refused.contains("missing"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn compiler_is_not_given_the_users_secrets() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("solc");
        let script = "#!/bin/sh\ncat > /dev/null\necho \"{\\\"names\\\": \\\"$(env | cut -d= -f1 | tr '\\n' ' ')\\\"}\"\n";
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let answer = Solc { path }.run(&json!({})).unwrap();
        let names = answer["names"].as_str().unwrap();
        assert!(names.contains("PATH"), "{names}");
        // What the shell adds.
        let own = ["PWD", "SHLVL", "_", "OLDPWD"];
        for name in names.split_whitespace() {
            assert!(PASSED_ON.contains(&name) || own.contains(&name), "{name}");
        }
    }

    #[test]
    fn contract_reports_the_compilers_first_error() {
        let answer = json!({ "errors": [
            { "severity": "warning", "message": "unused" },
            { "severity": "error", "formattedMessage": "x.sol:1: expected ;\n" },
        ] });
        let error = contract(&answer, "x.sol", "X").unwrap_err();
        assert_eq!(error.to_string(), "Solidity: x.sol:1: expected ;");
    }
}
