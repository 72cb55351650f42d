//! Files of setup ceremonies: `.ptau`, halo2's, snarkjs's and others that the importer tells apart.
#![no_main]

use chainfer_engine::srs::import::{ImportOptions, KeptSize, SetupFile};
use libfuzzer_sys::fuzz_target;
use std::{cell::LazyCell, path::PathBuf};

thread_local! {
    static FILE: LazyCell<(tempfile::TempDir, PathBuf)> = LazyCell::new(|| {
        let folder = chainfer_fuzz::folder();
        let file = folder.path().join("setup");
        (folder, file)
    });
}

fuzz_target!(|data: &[u8]| {
    FILE.with(|own| {
        chainfer_fuzz::put(&own.1, data);
        let options = ImportOptions {
            size: KeptSize::AtMost(10),
            ..ImportOptions::default()
        };
        let _ = SetupFile::open(&own.1, &options, &|_| {});
    });
});
