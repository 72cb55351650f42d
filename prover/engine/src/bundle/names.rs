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
