//! Compiles Solidity and runs it.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    primitives::{Address, Bytes, TxKind, hardfork::SpecId},
};
use serde_json::{Value, json};

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Returned { output: Vec<u8>, gas: u64 },
    Reverted(Vec<u8>),
    Halted(String),
}

/// Compiled bytecode.
pub(crate) struct Code {
    pub(crate) deployment: Vec<u8>,
    pub(crate) runtime_len: usize,
}

/// Compiles one contract; warnings are failures unless `unoptimized` (which foreign code needs).
pub(crate) fn compile(source: &str, contract: &str, optimize: bool) -> Code {
    let input = json!({
        "language": "Solidity",
        "sources": { "Verifier.sol": { "content": source } },
        "settings": {
            "optimizer": { "enabled": optimize, "runs": 200 },
            "evmVersion": "cancun",
            "outputSelection": { "*": { contract: ["evm.bytecode.object", "evm.deployedBytecode.object"] } },
        },
    });
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
        .write_all(input.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let output: Value = serde_json::from_slice(&output.stdout).expect("solc prints JSON");
    if optimize {
        assert_eq!(output.get("errors"), None, "{:#}", output["errors"]);
    }
    let evm = &output["contracts"]["Verifier.sol"][contract]["evm"];
    let code = |part: &str| hex::decode(evm[part]["object"].as_str().expect("bytecode")).unwrap();
    Code {
        deployment: code("bytecode"),
        runtime_len: code("deployedBytecode").len(),
    }
}

/// An EVM with the rules of Osaka (transaction cap, dearer modexp) and one sender.
pub(crate) struct Evm {
    db: CacheDB<EmptyDB>,
    nonce: u64,
}

impl Evm {
    pub(crate) fn new() -> Self {
        Self {
            db: CacheDB::default(),
            nonce: 0,
        }
    }

    fn transact(&mut self, kind: TxKind, data: Vec<u8>) -> ExecutionResult {
        let mut evm = Context::mainnet()
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
                // Foreign contracts do not fit.
                cfg.limit_contract_code_size = Some(usize::MAX);
                cfg.limit_contract_initcode_size = Some(usize::MAX);
            })
            .with_db(&mut self.db)
            .build_mainnet();
        let tx = TxEnv::builder()
            .caller(Address::repeat_byte(0x11))
            .nonce(self.nonce)
            .gas_limit(16_000_000)
            .gas_price(0)
            .kind(kind)
            .data(Bytes::from(data))
            .build()
            .unwrap();
        self.nonce += 1;
        evm.transact_commit(tx).unwrap()
    }

    pub(crate) fn deploy(&mut self, code: &Code) -> Address {
        let result = self.transact(TxKind::Create, code.deployment.clone());
        assert!(result.is_success(), "{result:?}");
        result.created_address().unwrap()
    }

    pub(crate) fn call(&mut self, to: Address, calldata: Vec<u8>) -> Outcome {
        match self.transact(TxKind::Call(to), calldata) {
            ExecutionResult::Success { output, gas, .. } => Outcome::Returned {
                output: output.into_data().to_vec(),
                gas: gas.tx_gas_used(),
            },
            ExecutionResult::Revert { output, .. } => Outcome::Reverted(output.to_vec()),
            ExecutionResult::Halt { reason, .. } => Outcome::Halted(format!("{reason:?}")),
        }
    }
}
