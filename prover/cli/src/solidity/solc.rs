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
const REMEDY: &str = "pass --solc PATH or set CHAINFER_SOLC; in the repository, run `npm ci` and pass --solc scripts/solc";

/// Variables that a compiler gets to see. This program's may hold keys and passwords.
const PASSED_ON: [&str; 9] = [
    "PATH",
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "USERPROFILE",
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
        let real = |path: std::io::Result<PathBuf>| path.and_then(|path| path.canonicalize());
        let here = real(env::current_dir()).context("cannot tell the current folder")?;
        Self::find_from(args, &here, real(env::current_exe()).ok().as_deref())
    }

    fn find_from(
        args: &SolcArgs,
        folder: &Path,
        program: Option<&Path>,
    ) -> anyhow::Result<Option<Self>> {
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
        // Only that of the checkout that this program was built in: a bundle may come in a folder with a program of that name.
        let ours = program.is_some_and(|program| program.starts_with(folder.join("target")))
            && folder.join("contracts/src/ChainferRegistry.sol").is_file();
        let wrapper = Some(folder.join("scripts/solc")).filter(|p| ours && p.is_file());
        let in_path = || {
            let path = env::var_os("PATH")?;
            env::split_paths(&path)
                .map(|f| f.join("solc"))
                .find(|p| p.is_file())
        };
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

    fn run(&self, request: &Value) -> anyhow::Result<Value> {
        let name = self.path.display();
        let environment = env::vars_os().filter(|(name, _)| PASSED_ON.iter().any(|p| name == p));
        let mut child = Command::new(&self.path)
            .arg("--standard-json")
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                bad_input(format!(
                    "cannot run the Solidity compiler {name}: {e}; {REMEDY}"
                ))
            })?;
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
    fn find_takes_the_wrapper_of_the_checkout_that_it_was_built_in_and_of_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("target/release/chainfer");
        let deep = root.path().join("a").join("b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir(root.path().join("scripts")).unwrap();
        let wrapper = root.path().join("scripts/solc");
        std::fs::write(&wrapper, "").unwrap();
        let found_by = |program: &Path, folder: &Path| {
            Solc::find_from(&SolcArgs::default(), folder, Some(program))
                .unwrap()
                .map(|solc| solc.path)
        };
        let found = |folder: &Path| found_by(&program, folder);
        // A planted wrapper, here or further up, is not run.
        assert_ne!(found(root.path()).as_ref(), Some(&wrapper));
        let registry = root.path().join("contracts/src");
        std::fs::create_dir_all(&registry).unwrap();
        std::fs::write(registry.join("ChainferRegistry.sol"), "").unwrap();
        assert_eq!(found(root.path()).as_ref(), Some(&wrapper));
        // A folder that looks like a checkout may have come with a bundle.
        for elsewhere in ["/usr/local/bin/chainfer", "target/release/chainfer"] {
            assert_ne!(
                found_by(Path::new(elsewhere), root.path()).as_ref(),
                Some(&wrapper)
            );
        }
        let beside = root.path().join("chainfer");
        assert_ne!(found_by(&beside, root.path()).as_ref(), Some(&wrapper));
        assert_ne!(found(&deep).as_ref(), Some(&wrapper));
        let named = SolcArgs {
            solc: Some(root.path().join("missing")),
        };
        assert!(
            Solc::find_from(&named, &deep, None)
                .unwrap_err()
                .to_string()
                .contains("missing")
        );
    }

    #[cfg(unix)]
    #[test]
    fn compiler_sees_no_keys_of_the_environment() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, seen) = (folder.path().join("solc"), folder.path().join("seen"));
        let script = format!(
            "#!/bin/sh\nenv > '{}'\ncat > /dev/null\necho '{{}}'\n",
            seen.display()
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        Solc { path }.run(&json!({})).unwrap();
        let seen = std::fs::read_to_string(seen).unwrap();
        let names: Vec<&str> = seen
            .lines()
            .filter_map(|l| l.split_once('='))
            .map(|(name, _)| name)
            .collect();
        assert!(names.contains(&"PATH"), "{seen}");
        // What cargo and its test runner set is there to be left out.
        assert!(env::var_os("CARGO_MANIFEST_DIR").is_some());
        // A shell adds some of its own.
        let allowed = |name: &&str| {
            PASSED_ON.contains(name) || ["PWD", "SHLVL", "_", "OLDPWD"].contains(name)
        };
        assert!(names.iter().all(allowed), "{seen}");
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
