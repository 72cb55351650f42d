//! The structure of a bundle, and the blank model that an audit makes of it.
#![no_main]

use chainfer_engine::bundle::{STRUCTURE_FILE, StructureFile};
use libfuzzer_sys::fuzz_target;
use std::cell::LazyCell;

/// Weights and biases of a blank model.
const ROOM: usize = 1 << 20;

thread_local! {
    static FOLDER: LazyCell<tempfile::TempDir> = LazyCell::new(chainfer_fuzz::folder);
}

fuzz_target!(|data: &[u8]| {
    FOLDER.with(|folder| {
        chainfer_fuzz::put(&folder.path().join(STRUCTURE_FILE), data);
        if let Ok(stated) = StructureFile::read(folder.path()) {
            let _ = stated.model.blank_model(ROOM);
        }
    });
});
