//! Solidity: the compiler, the sources in this binary, and the verifiers of a bundle.

pub(crate) mod embedded;
mod solc;
mod verifiers;

pub(crate) use solc::{Compiled, Solc};
pub(crate) use verifiers::{CODE_LIMIT, ChunkVerifier, distinct, generate, read_checked};
