//! Names inside a bundle.

pub use chainfer_formats::manifest::{MANIFEST_FILE, SOLIDITY_DIR};

/// Name of the public folder.
pub const PUBLIC_DIR: &str = "public";
/// Name of the private folder.
pub const PRIVATE_DIR: &str = "private";
/// Name of the layout report in the public folder.
pub const LAYOUT_FILE: &str = "layout.json";
/// Name of the model without weights in the public folder.
pub const STRUCTURE_FILE: &str = "structure.json";

/// Largest size of a verifying key's file.
pub(crate) const MAX_VK_BYTES: u64 = 16 << 20;
/// Largest size of the source of a Solidity verifier.
pub const MAX_SOURCE_BYTES: u64 = 4 << 20;
/// Largest size of the layout report.
pub const MAX_LAYOUT_BYTES: u64 = 64 << 20;
/// Largest size of the file with the seed of the blinders.
pub(crate) const MAX_SEED_BYTES: u64 = 1 << 10;
