//! Every format goes in, and whatever is changed in it is refused by name.

mod cache;
mod formats;
mod points;
mod random;
mod structure;

use super::{
    ImportError, ImportOptions, SetupFile,
    layout::{FileFormat, Layout, Section},
    testing::Ceremony,
};
use crate::{error::EngineError, srs::SrsStore};
use halo2curves::{bn256::Fr, ff::Field};
use rand::{SeedableRng, rngs::StdRng};
use std::{fs, io::Cursor, path::Path};

const K: u32 = 4;
const FORMATS: [FileFormat; 4] = [
    FileFormat::Ptau,
    FileFormat::Challenge,
    FileFormat::Response,
    FileFormat::Halo2,
];

fn tau() -> Fr {
    Fr::random(StdRng::seed_from_u64(1))
}

fn ceremony() -> Ceremony {
    Ceremony::new(K, tau())
}

fn open_with(bytes: &[u8], options: &ImportOptions) -> Result<SetupFile, EngineError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("setup");
    fs::write(&path, bytes).unwrap();
    SetupFile::open(&path, options, &|_| ())
}

fn refusal(bytes: &[u8]) -> ImportError {
    match open_with(bytes, &ImportOptions::default()) {
        Err(EngineError::Import { source, .. }) => *source,
        other => panic!("{other:?}"),
    }
}

fn layout(bytes: &[u8]) -> Layout {
    Layout::detect(&mut Cursor::new(bytes), bytes.len() as u64)
        .unwrap_or_else(|_| panic!("not recognised"))
}

fn section(bytes: &[u8], wanted: impl Fn(&Section) -> bool) -> Section {
    layout(bytes).sections.into_iter().find(wanted).unwrap()
}

fn import(bytes: &[u8], sizes: &[u32], dir: &Path) -> (SrsStore, chainfer_formats::B256) {
    let path = dir.join("setup");
    fs::write(&path, bytes).unwrap();
    let mut file = SetupFile::open(&path, &ImportOptions::default(), &|_| ()).unwrap();
    let store = SrsStore::new(dir.join("cache")).unwrap();
    let imported = store.import(&mut file, sizes, &|_| ()).unwrap();
    (store, imported.spec.digest)
}
