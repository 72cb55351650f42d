//! Compiles Solidity with the project's pinned compiler.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use sha3::{Digest, Keccak256};

/// Compiled bytecode.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) deployment: Vec<u8>,
    pub(crate) runtime_len: usize,
}

/// How to compile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) optimize: bool,
    pub(crate) via_ir: bool,
    /// Whether a warning is a failure.
    pub(crate) strict: bool,
}

impl Settings {
    /// As foundry.toml has it.
    pub(crate) const PROJECT: Self = Self {
        optimize: true,
        via_ir: false,
        strict: true,
    };
    /// What snark-verifier's contracts need.
    pub(crate) const FOREIGN: Self = Self {
        optimize: false,
        via_ir: false,
        strict: false,
    };
}

/// Compiles one contract of a source without imports. Every test runs in a process of its own and the compiler takes a second
/// to load, so its answers are kept in the build folder.
pub(crate) fn compile(source: &str, contract: &str, settings: Settings) -> Code {
    let file = "Verifier.sol";
    let sources = json!({ file: { "content": source } });
    compile_sources(sources, file, contract, settings)
}

/// Compiles a contract of the project, with all that its file imports by relative paths.
pub(crate) fn compile_project(file: &str, contract: &str) -> Code {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
    let mut sources = serde_json::Map::new();
    let mut open = vec![file.to_owned()];
    while let Some(file) = open.pop() {
        if sources.contains_key(&file) {
            continue;
        }
        let source = std::fs::read_to_string(format!("{root}{file}")).unwrap();
        let folder: Vec<&str> = file.split('/').collect();
        for line in source.lines().filter(|line| line.starts_with("import ")) {
            let mut path = folder[..folder.len() - 1].to_vec();
            for part in line.split('"').nth(1).unwrap().split('/') {
                match part {
                    "." => {}
                    ".." => {
                        path.pop();
                    }
                    part => path.push(part),
                }
            }
            open.push(path.join("/"));
        }
        sources.insert(file, json!({ "content": source }));
    }
    // forge reports warnings of the project's contracts.
    let settings = Settings {
        strict: false,
        ..Settings::PROJECT
    };
    compile_sources(sources.into(), file, contract, settings)
}

fn compile_sources(sources: Value, file: &str, contract: &str, settings: Settings) -> Code {
    let input = json!({
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "optimizer": { "enabled": settings.optimize, "runs": 200 },
            "viaIR": settings.via_ir,
            "evmVersion": "cancun",
            "outputSelection": { "*": { contract: ["evm.bytecode.object", "evm.deployedBytecode.object"] } },
        },
    });
    let output = cached(&input.to_string());
    if settings.strict {
        assert_eq!(output.get("errors"), None, "{:#}", output["errors"]);
    }
    let evm = &output["contracts"][file][contract]["evm"];
    let code = |part: &str| {
        let object = evm[part]["object"].as_str();
        hex::decode(object.unwrap_or_else(|| panic!("{contract}: {output:#}"))).unwrap()
    };
    Code {
        deployment: code("bytecode"),
        runtime_len: code("deployedBytecode").len(),
    }
}

/// The compiler's answer, from the build folder if the same compiler has been asked before.
fn cached(input: &str) -> Value {
    let package = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../node_modules/solc/package.json"
    );
    let (Some(folder), Ok(package)) = (
        option_env!("CARGO_TARGET_TMPDIR"),
        std::fs::read_to_string(package),
    ) else {
        return run(input);
    };
    let key = Keccak256::new().chain_update(package).chain_update(input);
    let path = PathBuf::from(folder).join(format!("solc-{}.json", hex::encode(key.finalize())));
    if let Some(answer) = std::fs::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
    {
        return answer;
    }
    let answer = run(input);
    // Under a name of its own first: another process may be reading.
    let draft = path.with_extension(std::process::id().to_string());
    std::fs::write(&draft, answer.to_string()).unwrap();
    std::fs::rename(&draft, &path).unwrap();
    answer
}

fn run(input: &str) -> Value {
    let solc = std::env::var_os("CHAINFER_SOLC")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/solc"));
    let mut child = Command::new(&solc)
        .arg("--standard-json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot run {} ({error}): set CHAINFER_SOLC", solc.display())
        });
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", solc.display());
    serde_json::from_slice(&output.stdout).expect("solc prints JSON")
}
