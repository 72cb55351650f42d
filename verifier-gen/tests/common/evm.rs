//! An EVM in this process, with precompiles that can be made to misbehave and a tracer.

use std::collections::BTreeMap;

use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, InspectEvm, Inspector, MainBuilder, MainContext,
    bytecode::Bytecode,
    context::{ContextTr, TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB, WrapDatabaseRef},
    interpreter::{CallInputs, CallOutcome, Interpreter, interpreter_types::Jumps},
    primitives::{Address, Bytes, TxKind, U256, hardfork::SpecId},
    state::AccountInfo,
};

use super::{faults::Precompiles, solc::Code};

pub(crate) use super::faults::Fault;

/// The gas limit of [`Evm::call`], below the cap of a transaction (EIP-7825).
pub(crate) const GAS_LIMIT: u64 = 16_000_000;

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Returned {
        output: Vec<u8>,
        gas: u64,
    },
    Reverted(Vec<u8>),
    Halted(String),
    /// The transaction is invalid: its gas limit is below the intrinsic gas.
    Refused,
}

impl Outcome {
    /// Whether this is the word 1, which is how our verifiers accept.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Returned { output, .. }
            if output.len() == 32 && output[31] == 1 && output[..31].iter().all(|byte| *byte == 0))
    }
}

/// A transaction from the one sender.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) to: Address,
    pub(crate) calldata: Vec<u8>,
    pub(crate) gas_limit: u64,
    pub(crate) value: u64,
}

impl Transaction {
    pub(crate) fn new(to: Address, calldata: Vec<u8>) -> Self {
        Self {
            to,
            calldata,
            gas_limit: GAS_LIMIT,
            value: 0,
        }
    }
}

/// What a transaction did inside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// Calls and gas of each precompile.
    pub(crate) precompiles: BTreeMap<u8, (usize, u64)>,
    /// Every hash, in order.
    pub(crate) hashes: Vec<[u8; 32]>,
    hashing: bool,
}

impl Trace {
    /// Gas of all precompiles.
    pub(crate) fn precompile_gas(&self) -> u64 {
        self.precompiles.values().map(|(_, gas)| gas).sum()
    }

    /// Calls of all precompiles.
    pub(crate) fn precompile_calls(&self) -> usize {
        self.precompiles.values().map(|(calls, _)| calls).sum()
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Trace {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        const KECCAK256: u8 = 0x20;
        self.hashing = interpreter.bytecode.opcode() == KECCAK256;
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        if self.hashing
            && let Some(hash) = interpreter.stack.top()
        {
            self.hashes.push(hash.to_be_bytes());
        }
        self.hashing = false;
    }

    fn call_end(&mut self, _: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        let (low, high) = (
            inputs.target_address[19],
            &inputs.target_address.as_slice()[..19],
        );
        if high.iter().all(|byte| *byte == 0) && low > 0 {
            let (calls, gas) = self.precompiles.entry(low).or_default();
            *calls += 1;
            *gas += outcome.gas().total_gas_spent();
        }
    }
}

/// An EVM with the rules of Osaka (transaction cap, dearer modexp) and one sender. Calls leave no trace in its state.
#[derive(Clone)]
pub(crate) struct Evm {
    db: CacheDB<EmptyDB>,
}

/// A context with the rules, over the state of `$db`.
macro_rules! context {
    ($db:expr) => {
        Context::mainnet()
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
                // Foreign contracts do not fit.
                cfg.limit_contract_code_size = Some(usize::MAX);
                cfg.limit_contract_initcode_size = Some(usize::MAX);
                cfg.disable_nonce_check = true;
            })
            .with_db($db)
    };
}

const SENDER: Address = Address::repeat_byte(0x11);

fn environment(kind: TxKind, data: Vec<u8>, gas_limit: u64, value: u64) -> TxEnv {
    TxEnv::builder()
        .caller(SENDER)
        .gas_limit(gas_limit)
        .gas_price(0)
        .kind(kind)
        .value(U256::from(value))
        .data(Bytes::from(data))
        .build()
        .unwrap()
}

fn outcome(result: ExecutionResult) -> (Outcome, u64) {
    let gas = result.tx_gas_used();
    let outcome = match result {
        ExecutionResult::Success { output, .. } => Outcome::Returned {
            output: output.into_data().to_vec(),
            gas,
        },
        ExecutionResult::Revert { output, .. } => Outcome::Reverted(output.to_vec()),
        ExecutionResult::Halt { reason, .. } => Outcome::Halted(format!("{reason:?}")),
    };
    (outcome, gas)
}

impl Evm {
    pub(crate) fn new() -> Self {
        let mut db = CacheDB::default();
        let rich = AccountInfo::default().with_balance(U256::from(u64::MAX));
        db.insert_account_info(SENDER, rich);
        Self { db }
    }

    /// Runs creation code; returns where the contract is and what it took.
    pub(crate) fn create(&mut self, creation: &[u8]) -> (Address, u64) {
        let nonce = self.db.cache.accounts[&SENDER].info.nonce;
        // Foreign contracts may cost more than a transaction may.
        let limit = 10 * GAS_LIMIT;
        let mut tx = environment(TxKind::Create, creation.to_vec(), limit, 0);
        tx.nonce = nonce;
        let result = context!(&mut self.db)
            .modify_cfg_chained(|cfg| cfg.tx_gas_limit_cap = Some(limit))
            .build_mainnet()
            .transact_commit(tx)
            .unwrap();
        assert!(result.is_success(), "{result:?}");
        (result.created_address().unwrap(), result.tx_gas_used())
    }

    pub(crate) fn deploy(&mut self, code: &Code) -> Address {
        self.create(&code.deployment).0
    }

    /// Runtime code of an account.
    pub(crate) fn code(&self, at: Address) -> Vec<u8> {
        let code = self.db.cache.accounts[&at].info.code.as_ref();
        code.or_else(|| {
            let hash = self.db.cache.accounts[&at].info.code_hash;
            self.db.cache.contracts.get(&hash)
        })
        .expect("the account has code")
        .original_byte_slice()
        .to_vec()
    }

    /// Puts code at an address.
    pub(crate) fn etch(&mut self, at: Address, code: Vec<u8>) {
        let code = Bytecode::new_legacy(Bytes::from(code));
        self.db
            .insert_account_info(at, AccountInfo::from_bytecode(code));
    }

    /// Runs a transaction with these faults; returns its gas, too.
    pub(crate) fn execute(&self, tx: &Transaction, faults: &[(u8, Fault)]) -> (Outcome, u64) {
        let environment = environment(
            TxKind::Call(tx.to),
            tx.calldata.clone(),
            tx.gas_limit,
            tx.value,
        );
        let result = context!(WrapDatabaseRef(&self.db))
            .build_mainnet()
            .with_precompiles(Precompiles::new(faults))
            .transact(environment);
        match result {
            Ok(result) => outcome(result.result),
            Err(error) => {
                assert!(
                    tx.gas_limit < 1_000_000 || tx.gas_limit > 1 << 24,
                    "{error:?}"
                );
                (Outcome::Refused, 0)
            }
        }
    }

    pub(crate) fn call(&self, to: Address, calldata: Vec<u8>) -> Outcome {
        self.execute(&Transaction::new(to, calldata), &[]).0
    }

    /// Runs a transaction and looks inside.
    pub(crate) fn trace(&self, to: Address, calldata: Vec<u8>) -> (Outcome, Trace) {
        let environment = environment(TxKind::Call(to), calldata, GAS_LIMIT, 0);
        let mut evm = context!(WrapDatabaseRef(&self.db))
            .build_mainnet_with_inspector(Trace::default())
            .with_precompiles(Precompiles::new(&[]));
        let result = evm.inspect_tx(environment).unwrap();
        (outcome(result.result).0, evm.inspector)
    }
}
