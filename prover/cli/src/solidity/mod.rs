//! Solidity: the compiler, the contracts embedded in this binary, the verifiers of a bundle, and its forge project.

pub(crate) mod artefacts;
pub(crate) mod catalogue;
pub(crate) mod folder;
mod project;
mod solc;
mod verifiers;

pub(crate) use catalogue::Catalogue;
pub(crate) use project::project;
pub(crate) use solc::{Compiled, Solc};
pub(crate) use verifiers::{CODE_LIMIT, ChunkVerifier, codes_of, distinct, generate, read_checked};
