//! The folder that `compile` writes for one model.
//!
//! ```text
//! public/   manifest.json  structure.json  layout.json  chunkN.vk  solidity/…     to verify, deploy and audit with
//! private/  model.bin  hiding.seed  chunkN.pk  chunkN.count                      weights, seeds, proving keys; 0700, files 0600
//! ```
//!
//! Files are regular and of bounded size, folders are folders: a symbolic link inside a bundle is refused.

pub(crate) mod compile;
mod counter;
pub(crate) mod describe;
mod names;
pub(crate) mod private;
mod public;
mod structure;
mod whole;

pub use compile::{
    ChunkReport, CompileOptions, Compiled, EmitVerifier, SrsChoice, VerifierRequest,
    VerifierSource, compile,
};
pub use names::{
    LAYOUT_FILE, MANIFEST_FILE, MAX_LAYOUT_BYTES, MAX_SOURCE_BYTES, PRIVATE_DIR, PUBLIC_DIR,
    SOLIDITY_DIR, STRUCTURE_FILE,
};
pub use public::PublicBundle;
pub use structure::{Recipe, StructureFile};
pub use whole::Bundle;
