//! Where snark-verifier's contract is known to answer otherwise than halo2.

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use revm::primitives::U256;

use super::{
    input::{Input, ProofShape},
    targets::{Target, Verdict},
};

/// A documented difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// It reduces public inputs and evaluations mod r instead of refusing them.
    ReducesScalars,
    /// It reads calldata at fixed positions: bytes behind are ignored, missing ones are zero.
    IgnoresLength,
    /// It refuses the identity as a point of the proof.
    RefusesIdentity,
}

/// The order of the scalar field.
pub(crate) fn order() -> U256 {
    let mut largest = (-Fr::ONE).to_repr();
    largest.reverse();
    U256::from_be_bytes(largest) + U256::ONE
}

/// What the contract makes of an input: exact length, scalars reduced.
fn lenient(input: &Input, num_instances: usize, shape: ProofShape) -> Input {
    let mut bytes = [input.instances.concat(), input.proof.clone()].concat();
    bytes.resize(32 * num_instances + shape.len, 0);
    let mut words: Vec<[u8; 32]> = bytes.as_chunks().0.to_vec();
    let scalars = shape.scalar_words();
    let reduced = (0..num_instances).chain(scalars.map(|word| num_instances + word));
    for at in reduced {
        words[at] = (U256::from_be_bytes(words[at]) % order()).to_be_bytes();
    }
    Input {
        instances: words[..num_instances].to_vec(),
        proof: words[num_instances..].concat(),
    }
}

pub(crate) fn holds_identity(input: &Input, shape: ProofShape) -> bool {
    shape
        .point_words()
        .into_iter()
        .any(|word| input.proof[32 * word..][..64].iter().all(|byte| *byte == 0))
}

/// Explains why the contract disagrees with halo2 on an input, or says that nothing documented does.
pub(crate) fn explain(
    input: &Input,
    native: &dyn Target,
    theirs: &Verdict,
    num_instances: usize,
    shape: ProofShape,
) -> Result<Vec<Difference>, String> {
    if *theirs == Verdict::Rejects {
        return if holds_identity(input, shape) {
            Ok(vec![Difference::RefusesIdentity])
        } else {
            Err("EvmLoader rejects what halo2 accepts".into())
        };
    }
    let read = lenient(input, num_instances, shape);
    if native.judge(&read) != Verdict::Accepts || holds_identity(&read, shape) {
        return Err("EvmLoader accepts what halo2 rejects, even read leniently".into());
    }
    let mut differences = Vec::new();
    if [input.instances.concat(), input.proof.clone()]
        .concat()
        .len()
        != 32 * num_instances + shape.len
    {
        differences.push(Difference::IgnoresLength);
    }
    let same_prefix = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a == b);
    if !same_prefix(
        &[input.instances.concat(), input.proof.clone()].concat(),
        &[read.instances.concat(), read.proof].concat(),
    ) {
        differences.push(Difference::ReducesScalars);
    }
    if differences.is_empty() {
        return Err("EvmLoader accepts a canonical input that halo2 rejects".into());
    }
    Ok(differences)
}
