//! Digests of a circuit: its constraint system, and all that it assigns.

use chainfer_circuits::ChunkCircuit;
use halo2_proofs::dev::MockProver;
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use rayon::iter::ParallelIterator;
use sha3::{Digest, Keccak256};
use std::fmt::{self, Debug, Write};

/// Hashes what is formatted, without holding it.
struct Hasher(Keccak256);

impl Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

/// Keccak-256 of a value's `Debug` text, which for halo2's pinned types says everything.
pub fn debug_digest(value: &impl Debug) -> String {
    let mut hasher = Hasher(Keccak256::new());
    // Writing to a hasher cannot fail.
    let _ = write!(hasher, "{value:?}");
    format!("0x{}", hex::encode(hasher.0.finalize()))
}

/// The constraint system of a circuit's parameters: columns, queries, gates, permutation, in order.
pub fn constraint_system_digest(circuit: &ChunkCircuit) -> String {
    debug_digest(&constraint_system(circuit).pinned())
}

fn constraint_system(circuit: &ChunkCircuit) -> ConstraintSystem<Fr> {
    let mut meta = ConstraintSystem::default();
    // A shape without columns has an unsatisfiable gate, which the digest shows.
    let _ = ChunkCircuit::configure_with_params(&mut meta, circuit.params());
    meta
}

/// Fixed columns, copy constraints and advice columns under the mock prover's challenges.
pub fn trace_digests(
    circuit: &ChunkCircuit,
    prover: &MockProver<Fr>,
) -> [(&'static str, String); 3] {
    // A column is its index; another system's columns serve.
    let mut meta = ConstraintSystem::<Fr>::default();
    let count = constraint_system(circuit).num_advice_columns();
    let advice: Vec<_> = (0..count)
        .map(|_| prover.advice_values(meta.advice_column()))
        .collect();
    let copies: Vec<Vec<(usize, usize)>> = prover
        .permutation()
        .mapping()
        .map(|column| column.collect())
        .collect();
    [
        ("fixed", debug_digest(prover.fixed())),
        ("copies", debug_digest(&copies)),
        ("advice", debug_digest(&advice)),
    ]
}
