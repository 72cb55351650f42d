//! Several proofs under one pairing: the project's `BatchVerifier` over shared verifiers.

use revm::primitives::Address;
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};

use super::{
    circuits::{Cubic, Example, Lookups, Phases, Wide},
    evm::{Evm, Outcome, Transaction},
    input::{Fixture, Input, Key, number},
    solc::compile_project,
    targets::Ours,
};

/// One proof of a batch: who verifies it, and what it says.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) embedded: Ours,
    pub(crate) shared: Ours,
    pub(crate) input: Input,
}

impl Member {
    pub(crate) fn new(name: &'static str, key: &Key<'_>, input: Input) -> Self {
        Self {
            name,
            embedded: Ours::embedded(key),
            shared: Ours::shared(key),
            input,
        }
    }

    fn of<E: Example>() -> Self {
        let fixture = Fixture::<E>::new();
        Self::new(E::NAME, &fixture.key(), fixture.honest.clone())
    }
}

/// Four proofs of four circuits under one setup.
pub(crate) fn four() -> Vec<Member> {
    vec![
        Member::of::<Phases>(),
        Member::of::<Cubic>(),
        Member::of::<Lookups>(),
        Member::of::<Wide>(),
    ]
}

/// A deployed `BatchVerifier`.
pub(crate) struct Batch {
    evm: Evm,
    at: Address,
    /// The pinned keys.
    keys: Vec<Vec<u8>>,
    deployment_gas: u64,
}

impl Batch {
    pub(crate) fn new(members: &[Member]) -> Self {
        let code = compile_project("contracts/src/BatchVerifier.sol", "BatchVerifier");
        let mut evm = Evm::new();
        // The constructor's one argument: an array of (verifier, code hash, key's hash).
        let mut creation = code.deployment;
        creation.extend(number(0x20));
        creation.extend(number(members.len()));
        for member in members {
            let shared = &member.shared;
            let (verifier, _) = evm.create(&shared.code.deployment);
            creation.extend(verifier.into_word());
            creation.extend(Keccak256::digest(evm.code(verifier)));
            creation.extend(shared.verifier.key.as_ref().unwrap().code_hash);
        }
        let (at, deployment_gas) = evm.create(&creation);
        let keys = members.iter().map(|member| member.shared.key.clone());
        Self {
            evm,
            at,
            keys: keys.map(Option::unwrap).collect(),
            deployment_gas,
        }
    }

    /// Calls `verifyProofs`.
    pub(crate) fn execute(&self, inputs: &[&Input]) -> (Outcome, u64) {
        let calldata = calldata(&self.keys, inputs);
        self.evm.execute(&Transaction::new(self.at, calldata), &[])
    }
}

/// An array of dynamic values: their number, their offsets, themselves.
fn array(values: &[Vec<u8>]) -> Vec<u8> {
    let mut encoded = number(values.len()).to_vec();
    let mut offset = 32 * values.len();
    for value in values {
        encoded.extend(number(offset));
        offset += value.len();
    }
    encoded.extend(values.concat());
    encoded
}

/// Bytes with their length, up to a whole word.
fn string(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = [&number(bytes.len()), bytes].concat();
    encoded.resize(encoded.len().next_multiple_of(32), 0);
    encoded
}

fn calldata(keys: &[Vec<u8>], inputs: &[&Input]) -> Vec<u8> {
    let keys: Vec<Vec<u8>> = keys.iter().map(|key| string(key)).collect();
    let proofs: Vec<Vec<u8>> = inputs.iter().map(|input| string(&input.proof)).collect();
    let columns: Vec<Vec<u8>> = inputs
        .iter()
        .map(|input| {
            [
                number(input.instances.len()).to_vec(),
                input.instances.concat(),
            ]
            .concat()
        })
        .collect();
    let arguments = [array(&keys), array(&proofs), array(&columns)];
    let mut calldata = Keccak256::digest("verifyProofs(bytes[],bytes[],uint256[][])")[..4].to_vec();
    let mut offset = 32 * arguments.len();
    for argument in &arguments {
        calldata.extend(number(offset));
        offset += argument.len();
    }
    calldata.extend(arguments.concat());
    calldata
}

/// The batch of small circuits.
pub(crate) fn batches() -> Vec<Value> {
    let members = four();
    let names: Vec<&str> = members.iter().map(|member| member.name).collect();
    vec![batch(&names.join(", "), &members)]
}

/// Whole transactions: all in one, and each on its own.
pub(crate) fn batch(name: &str, members: &[Member]) -> Value {
    let inputs: Vec<&Input> = members.iter().map(|member| &member.input).collect();
    let batch = Batch::new(members);
    let (outcome, together) = batch.execute(&inputs);
    assert!(outcome.is_true(), "{outcome:?}");
    let alone = |target: fn(&Member) -> &Ours| -> u64 {
        let cost = |member| {
            let target = target(member);
            let tx = Transaction::new(target.at, target.calldata(&member.input));
            let (outcome, gas) = target.evm.execute(&tx, &[]);
            assert!(outcome.is_true(), "{outcome:?}");
            gas
        };
        members.iter().map(cost).sum()
    };
    let scaled = members
        .iter()
        .map(|member| member.shared.verifier.scaled_commitments);
    json!({
        "name": name,
        "scaled_commitments": scaled.max(),
        "batch": together,
        "embedded": alone(|member| &member.embedded),
        "shared": alone(|member| &member.shared),
        "deployment_gas": batch.deployment_gas,
    })
}
