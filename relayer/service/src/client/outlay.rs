//! What a deployment takes, before anything is sent.

use super::config::ClientConfig;
use super::keys::is_kept_in_code;
use super::place::find;
use super::plan::{DeployPlan, RegistryPlan};
use super::transactions::is_done;
use crate::boxed::Boxed;
use crate::engine::Engine;
use crate::error::Result;
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolCall;
use chainfer_chain::abi::ChainferRegistry;
use chainfer_chain::registry::PlacedChunk;
use chainfer_chain::rules::{Gas, GasRules};
use chainfer_formats::chain_model::key_creation_code;
use chainfer_formats::ids;

/// Gas of a transaction that creates a contract, beside what its code takes: 53,000 for transaction and creation, and what a
/// constructor stores.
const CREATION_GAS: u64 = 150_000;
/// Gas of a byte of creation code, beside its storing: 16 to send it, and a share of what is counted by the word.
const CODE_BYTE_GAS: u64 = 17;
/// Gas of listing a verifier.
const LISTING_GAS: u64 = 100_000;
/// Gas of a registration beside its words; it stores two slots.
const REGISTRATION_GAS: u64 = 200_000;
/// Gas of a word of a registration: 2,048 to send it, at a floor of 64 a byte (EIP-7976), 256 to log it, and the work on it.
const WORD_GAS: u64 = 3_000;

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
                let code = plan.registry_code(new, engine.sender());
                if !is_done(engine, "registry", None, &code).await? {
                    outlay.creation(&rules, &code);
                }
            }
        }
        for _ in &plan.verifiers {
            outlay.add(&rules, rules.storing(LISTING_GAS), &[]);
        }
        for verifier in &plan.verifiers {
            let code = &verifier.creation_code;
            let done = is_done(engine, &verifier.name, None, code).await?;
            if !done && find(engine, code, None).await?.is_none() {
                outlay.creation(&rules, code);
            }
        }
        for chunk in &plan.chunks {
            let code = key_creation_code(&chunk.key);
            let done = is_done(engine, &chunk.key_name, None, &code).await?;
            if !done
                && find(engine, &code, None).await?.is_none()
                && is_kept_in_code(engine, chunk, &code, plan.keys).await?
            {
                outlay.creation(&rules, &code);
            }
        }
        let placed = PlacedChunk {
            verifier: Address::ZERO,
            code_hash: B256::ZERO,
            key: Bytes::new(),
        };
        let model = plan.registration.model(vec![placed; plan.chunks.len()]);
        let registration = plan.registration.with_chunks(&model);
        let data = ChainferRegistry::registerModelCall { registration }.abi_encode();
        let words = count(data.len().div_ceil(32));
        let work = Gas {
            execution: words.saturating_mul(WORD_GAS),
            state: 0,
        };
        let stored = rules.storing(REGISTRATION_GAS);
        outlay.add(&rules, stored.plus(work), &data);
        Ok(outlay)
    })
}

fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}
