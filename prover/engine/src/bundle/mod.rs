//! The folder that `compile` writes for one model.
//!
//! ```text
//! public/   manifest.json  layout.json  chunkN.vk  solidity/…      all that verifying and deploying needs
//! private/  model.bin  hiding.seed  chunkN.pk  chunkN.count        weights, seeds, proving keys; 0700, files 0600
//! ```
//!
//! Files are regular and of bounded size, folders are folders: a symbolic link inside a bundle is refused.

mod compile;
mod counter;
mod describe;
mod names;
mod private;
mod public;
mod whole;

pub use compile::{
    ChunkReport, CompileOptions, Compiled, EmitVerifier, SrsChoice, VerifierRequest,
    VerifierSource, compile,
};
pub use names::{
    LAYOUT_FILE, MANIFEST_FILE, MAX_LAYOUT_BYTES, MAX_SOURCE_BYTES, PRIVATE_DIR, PUBLIC_DIR,
    SOLIDITY_DIR,
};
pub use public::PublicBundle;
pub use whole::Bundle;
