//! Whether verifier contracts can be made for circuits of a shape, found out without keys.

use crate::{
    bundle::{EmitVerifier, VerifierRequest},
    keys::blank_vk,
};
use chainfer_circuits::{ChunkCircuit, CircuitShape};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use rand::rngs::OsRng;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// log2 of the rows of keys that only stand for a constraint system.
const BLANK_K: u32 = 5;

/// Verifiers that were made, by shape.
pub(super) struct Verifiers<'a> {
    emit: Option<&'a EmitVerifier<'a>>,
    known: Mutex<BTreeMap<String, Result<(), String>>>,
}

impl<'a> Verifiers<'a> {
    pub(super) fn new(emit: Option<&'a EmitVerifier<'a>>) -> Self {
        Self {
            emit,
            known: Mutex::default(),
        }
    }

    /// Fails with the generator's reason if a contract cannot carry the verifier of a shape. Rows and public values are data of a key:
    /// verifiers do not depend on them.
    pub(super) fn check(&self, shape: &CircuitShape) -> Result<(), String> {
        let Some(emit) = self.emit else {
            return Ok(());
        };
        let shape = of_blank_key(shape);
        let name = format!("{shape:?}");
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.get(&name) {
            return answer.clone();
        }
        let answer = without_key(&shape, 2, |request| emit(request).map(drop));
        known.insert(name, answer.clone());
        answer
    }
}

fn of_blank_key(shape: &CircuitShape) -> CircuitShape {
    CircuitShape {
        k: BLANK_K,
        ..shape.clone()
    }
}

/// What a generator makes of a chunk's constraint system and number of instances, while there is no key: whatever does not depend on the
/// key's points.
///
/// # Errors
/// The shape is none that the planner makes, or what the generator says.
pub fn without_key<T>(
    shape: &CircuitShape,
    num_instances: usize,
    generator: impl FnOnce(VerifierRequest<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let vk = blank_vk::<ChunkCircuit>(BLANK_K, of_blank_key(shape))
        .map_err(|error| error.to_string())?;
    generator(VerifierRequest {
        chunk: 0,
        vk: &vk,
        params: &ParamsKZG::setup(BLANK_K, OsRng),
        num_instances,
    })
}
