//! The compiled contracts in the binary are those of the sources. Needs Python and the tools that `npm ci` brings.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

#[test]
fn artefacts_and_typescript_are_what_the_sources_compile_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let checked = Command::new("python3")
        .arg(root.join("scripts/artefacts"))
        .arg("--check")
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
