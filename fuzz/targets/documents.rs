//! JSON documents that strangers hand over: proofs, openings, manifests, deployments. What is read can be written and read again.
#![no_main]

use chainfer_formats::{DeploymentFile, KnownSetups, Manifest, ProofFile, SecretFile};
use libfuzzer_sys::fuzz_target;
use std::{cell::LazyCell, path::PathBuf};

thread_local! {
    static FILE: LazyCell<(tempfile::TempDir, PathBuf)> = LazyCell::new(|| {
        let folder = chainfer_fuzz::folder();
        let file = folder.path().join("known.json");
        (folder, file)
    });
}

fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = Manifest::parse(data) {
        assert_eq!(manifest.recompute_id(), manifest.manifest_id);
    }
    if let Ok(proof) = ProofFile::parse(data) {
        proof.check().expect("a proof that was read is consistent");
    }
    let _ = SecretFile::parse(data);
    let _ = DeploymentFile::parse(data);
    FILE.with(|own| {
        chainfer_fuzz::put(&own.1, data);
        let _ = KnownSetups::built_in().add_file(&own.1);
    });
});
