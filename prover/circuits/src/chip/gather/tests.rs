//! What a cheating prover could try.
