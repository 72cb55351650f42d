//! What a deployment takes, before anything is sent.

use super::config::ClientConfig;
use super::plan::{DeployPlan, RegistryPlan};
use super::transactions::is_done;
use crate::boxed::Boxed;
use crate::engine::Engine;
use crate::error::Result;
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolCall;
use chainfer_chain::abi::{ChainferRegistry, ChunkSpec};
use chainfer_chain::rules::{Gas, GasRules};
use chainfer_formats::ids;

/// Gas of a transaction that creates a contract, beside what its code takes: 53,000 for transaction and creation, and what a
/// constructor stores.
const CREATION_GAS: u64 = 150_000;
/// Gas of a byte of creation code, beside its storing: 16 to send it, and a share of what is counted by the word.
const CODE_BYTE_GAS: u64 = 17;
/// Gas of listing a verifier.
const LISTING_GAS: u64 = 100_000;
/// Gas of a registration beside its words.
const REGISTRATION_GAS: u64 = 200_000;
/// Gas of a word of a registration: 22,100 to store it, 512 to send it, and the work on it.
const WORD_GAS: u64 = 24_000;

/// Upper bounds of what transactions take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlay {
    /// Gas of all of them, execution and state apart.
    pub gas: Gas,
    /// What they publish.
    pub data: Vec<u8>,
}

impl Outlay {
    /// The code as it is sent bounds the code that is stored, whether one contract comes of it or two.
    fn creation(&mut self, rules: &GasRules, code: &Bytes) {
        let bytes = count(code.len());
        let sent = Gas {
            execution: bytes.saturating_mul(CODE_BYTE_GAS),
            state: 0,
        };
        let gas = rules.storing(CREATION_GAS).plus(sent);
        self.add(rules, gas.plus(rules.account(bytes)), code);
    }

    /// A transaction with that calldata, whose floor its execution does not pass below.
    fn add(&mut self, rules: &GasRules, gas: Gas, data: &[u8]) {
        let execution = gas.execution.max(rules.floor(data));
        self.gas = self.gas.plus(Gas { execution, ..gas });
        self.data.extend_from_slice(data);
    }
}

/// What [`super::deploy`] has still to send: nothing where the model is registered.
///
/// # Errors
/// The plan's parts do not fit each other, or the node does not answer.
pub async fn deployment_outlay(config: &ClientConfig, plan: &DeployPlan) -> Result<Outlay> {
    plan.check()?;
    let engine = config.connect().await?;
    let outlay = left(&engine, plan).await;
    engine.close().await;
    outlay
}

fn left<'a>(engine: &'a Engine, plan: &'a DeployPlan) -> Boxed<'a, Result<Outlay>> {
    Box::pin(async move {
        let mut outlay = Outlay::default();
        let head = engine.rpc().head().await?;
        let rules = engine.gas_rules(engine.rpc(), &head).await?;
        let shapes = plan.known_code_hashes();
        match &plan.registry {
            RegistryPlan::Existing(address) => {
                let id = ids::model_id(plan.registration.manifest_id, engine.sender());
                let registered = engine.registry(*address).model(id).await;
                // What is no registry is told of when it is used.
                if matches!(registered, Ok(Some(_))) {
                    return Ok(outlay);
                }
            }
            RegistryPlan::New(new) => {
                let code = new.init_code(engine.sender(), shapes);
                if !is_done(engine, "registry", None, &code).await? {
                    outlay.creation(&rules, &code);
                }
            }
        }
        for _ in &plan.verifiers {
            outlay.add(&rules, rules.storing(LISTING_GAS), &[]);
        }
        let verifiers = plan.verifiers.iter().map(|v| (&v.name, &v.creation_code));
        let keys = plan
            .chunks
            .iter()
            .map(|c| (&c.key_name, &c.key_creation_code));
        for (name, code) in verifiers.chain(keys) {
            if !is_done(engine, name, None, code).await? {
                outlay.creation(&rules, code);
            }
        }
        let chunk = ChunkSpec {
            verifier: Address::ZERO,
            codeHash: B256::ZERO,
            key: Address::ZERO,
            keyCodeHash: B256::ZERO,
            numPublic: 0,
            hidingBudget: 0,
        };
        let chunks = vec![chunk; plan.chunks.len()];
        let registration = plan.registration.with_chunks(chunks);
        let data = ChainferRegistry::registerModelCall { registration }.abi_encode();
        let words = count(data.len().div_ceil(32));
        let stored = words
            .saturating_mul(WORD_GAS)
            .saturating_add(REGISTRATION_GAS);
        outlay.add(&rules, rules.storing(stored), &data);
        Ok(outlay)
    })
}

fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}
