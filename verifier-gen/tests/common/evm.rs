//! Compiles Solidity and runs it.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use revm::{
    Context, ExecuteCommitEvm, InspectCommitEvm, Inspector, MainBuilder, MainContext,
    context::{TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    interpreter::{CallInputs, CallOutcome},
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

/// Where a call's gas went. Base fees of calls (100 each) count as execution outside the precompiles.
#[allow(dead_code)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Breakdown {
    /// Without the transaction's own 21,000 and its calldata.
    pub(crate) execution: u64,
    /// What the precompiles charge.
    pub(crate) precompiles: u64,
    /// Calls of precompiles.
    pub(crate) calls: u64,
}

impl Breakdown {
    /// Gas outside the precompiles.
    #[allow(dead_code)]
    pub(crate) fn rest(&self) -> u64 {
        self.execution - self.precompiles
    }
}

impl<CTX> Inspector<CTX> for Breakdown {
    fn call_end(&mut self, _: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        let address = inputs.bytecode_address.into_array();
        if address[..19].iter().all(|byte| *byte == 0) {
            self.precompiles += outcome.result.gas.total_gas_spent();
            self.calls += 1;
        }
    }
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

    #[allow(dead_code)]
    /// Deploys runtime code that a creation code returns.
    pub(crate) fn deploy_raw(&mut self, creation: Vec<u8>) -> Address {
        let result = self.transact(TxKind::Create, creation);
        assert!(result.is_success(), "{result:?}");
        result.created_address().unwrap()
    }

    #[allow(dead_code)]
    /// Where the gas of a successful call goes.
    pub(crate) fn breakdown(&mut self, to: Address, calldata: &[u8]) -> Breakdown {
        let mut breakdown = Breakdown::default();
        let mut evm = Context::mainnet()
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
                cfg.limit_contract_code_size = Some(usize::MAX);
            })
            .with_db(&mut self.db)
            .build_mainnet_with_inspector(&mut breakdown);
        let tx = TxEnv::builder()
            .caller(Address::repeat_byte(0x11))
            .nonce(self.nonce)
            .gas_limit(16_000_000)
            .gas_price(0)
            .kind(TxKind::Call(to))
            .data(Bytes::copy_from_slice(calldata))
            .build()
            .unwrap();
        self.nonce += 1;
        let result = evm.inspect_tx_commit(tx).unwrap();
        assert!(result.is_success(), "{result:?}");
        let zeros = calldata.iter().filter(|byte| **byte == 0).count() as u64;
        let calldata = 4 * zeros + 16 * (calldata.len() as u64 - zeros);
        breakdown.execution = result.tx_gas_used() - 21_000 - calldata;
        breakdown
    }
}
