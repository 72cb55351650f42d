//! What a verification costs, and of what that consists.

use chainfer_verifier_gen::Entry;
use revm::primitives::Address;
use serde_json::{Value, json};

use super::{
    circuits::{
        Cubic, EmptyColumn, Example, HighDegree, Large, Lookups, LowQuotient, ManyInstances,
        NoPermutation, Phases, Selectors, Wide,
    },
    evm::{Evm, Outcome, Transaction},
    input::{Fixture, Input, Key},
    targets::{EvmLoader, Target, Verdict, ours},
};

/// How far figures of two runs may lie apart: zero bytes of a proof are cheaper, and every proof has others.
pub(crate) const TOLERANCE: f64 = 0.005;

/// Base gas of a call to a precompile, which is warm.
const CALL: u64 = 100;

/// One verification in one transaction.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// The whole transaction.
    pub(crate) transaction: u64,
    /// The whole less 21,000 and the price of calldata.
    pub(crate) execution: u64,
    /// Calls and gas of each precompile.
    pub(crate) precompiles: Vec<(u8, usize, u64)>,
    /// Execution outside precompiles.
    pub(crate) outside: u64,
    /// The same without the base gas of the calls to them.
    pub(crate) outside_without_calls: u64,
    pub(crate) calldata_bytes: usize,
}

/// Price of calldata (EIP-2028): 16 gas a byte, 4 for a zero.
fn calldata_gas(calldata: &[u8]) -> u64 {
    calldata
        .iter()
        .map(|byte| if *byte == 0 { 4 } else { 16 })
        .sum()
}

impl Cost {
    /// Measures a call that must succeed.
    pub(crate) fn measure(evm: &Evm, at: Address, calldata: Vec<u8>) -> Self {
        let calldata_bytes = calldata.len();
        let before = 21_000 + calldata_gas(&calldata);
        let tx = Transaction::new(at, calldata.clone());
        let (outcome, transaction) = evm.execute(&tx, &[]);
        assert!(matches!(outcome, Outcome::Returned { .. }), "{outcome:?}");
        let (_, trace) = evm.trace(at, calldata);
        let execution = transaction - before;
        let outside = execution - trace.precompile_gas();
        let precompiles = trace.precompiles.iter();
        Self {
            transaction,
            execution,
            outside,
            outside_without_calls: outside - CALL * trace.precompile_calls() as u64,
            precompiles: precompiles
                .map(|(at, (calls, gas))| (*at, *calls, *gas))
                .collect(),
            calldata_bytes,
        }
    }

    pub(crate) fn json(&self) -> Value {
        let name = |at: u8| match at {
            5 => "modexp",
            6 => "ecAdd",
            7 => "ecMul",
            8 => "ecPairing",
            _ => "other",
        };
        let precompiles: serde_json::Map<String, Value> = self
            .precompiles
            .iter()
            .map(|(at, calls, gas)| (name(*at).into(), json!({ "calls": calls, "gas": gas })))
            .collect();
        json!({
            "transaction": self.transaction,
            "execution": self.execution,
            "precompiles": precompiles,
            "outside": self.outside,
            "outside_without_calls": self.outside_without_calls,
            "calldata_bytes": self.calldata_bytes,
        })
    }
}

/// A cost with what deployment took.
pub(crate) fn with_deployment(cost: &Cost, runtime_bytes: usize, deployment_gas: u64) -> Value {
    let mut json = cost.json();
    json["runtime_bytes"] = runtime_bytes.into();
    json["deployment_gas"] = deployment_gas.into();
    json
}

/// Figures of one proof under every verifier of its key.
pub(crate) fn statement(key: &Key<'_>, honest: &Input) -> Value {
    let mut verifiers = serde_json::Map::new();
    let (mut scaled, mut instructions) = (0, 0);
    for target in ours(key) {
        let cost = Cost::measure(&target.evm, target.at, target.calldata(honest));
        let verifier = &target.verifier;
        (scaled, instructions) = (verifier.scaled_commitments, verifier.instructions);
        assert_eq!(verifier.proof_len, honest.proof.len());
        let runtime = target.code.runtime_len;
        assert!(
            runtime <= verifier.code_size_estimate,
            "{}: {runtime} bytes",
            key.name
        );
        let mut json = with_deployment(&cost, runtime, target.deployment_gas);
        if target.entry == Entry::Verify {
            json["estimated_gas"] = verifier.gas_estimate.into();
        }
        if let Some(contract) = &verifier.key {
            json["key_bytes"] = contract.bytes.len().into();
            json["key_deployment_gas"] = target.key_gas.into();
        }
        verifiers.insert(target.name.to_owned(), json);
    }
    let theirs = EvmLoader::new(key);
    // An honest proof with identity points is no proof for it.
    if theirs.judge(honest) == Verdict::Accepts {
        let cost = Cost::measure(&theirs.evm, theirs.at, EvmLoader::calldata(honest));
        let json = with_deployment(&cost, theirs.code.runtime_len, theirs.deployment_gas);
        verifiers.insert("EvmLoader".into(), json);
    }
    json!({
        "name": key.name,
        "k": key.vk.get_domain().k(),
        "proof_bytes": honest.proof.len(),
        "instances": honest.instances.len(),
        "scaled_commitments": scaled,
        "instructions": instructions,
        "verifiers": verifiers,
    })
}

fn shape<E: Example>() -> Value {
    let fixture = Fixture::<E>::new();
    statement(&fixture.key(), &fixture.honest)
}

/// Figures of all shapes.
pub(crate) fn shapes() -> Vec<Value> {
    vec![
        shape::<Cubic>(),
        shape::<NoPermutation>(),
        shape::<EmptyColumn>(),
        shape::<Selectors>(),
        shape::<LowQuotient>(),
        shape::<HighDegree>(),
        shape::<Lookups>(),
        shape::<Phases>(),
        shape::<Wide>(),
        shape::<ManyInstances>(),
        shape::<Large>(),
    ]
}

/// Where two trees of figures differ by more than the tolerance, as one line each. Sizes must be equal, except calldata of a
/// varying proof, which is never longer or shorter either.
pub(crate) fn drift(path: &str, committed: &Value, measured: &Value, lines: &mut Vec<String>) {
    match (committed, measured) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for name in names {
                let null = Value::Null;
                let (a, b) = (a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null));
                drift(&format!("{path}.{name}"), a, b, lines);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                let name = a["name"].as_str().map_or(i.to_string(), str::to_owned);
                drift(&format!("{path}[{name}]"), a, b, lines);
            }
        }
        // Time depends on the machine.
        (Value::Number(_), Value::Number(_)) if path.ends_with("_seconds") => {}
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            let exact = path.ends_with("bytes") || path.ends_with(".calls");
            let allowed = if exact { 0.0 } else { TOLERANCE * a.abs() };
            if (a - b).abs() > allowed {
                lines.push(format!("{path}: {a} committed, {b} measured"));
            }
        }
        (a, b) if a == b => {}
        (a, b) => lines.push(format!("{path}: {a} committed, {b} measured")),
    }
}
