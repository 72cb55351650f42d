//! What an import leaves in the cache.

use super::{K, ceremony, import, open_with, section};
use crate::srs::{
    SrsStore,
    import::{ImportOptions, SetupFile, layout::Role},
};
use std::fs;

#[test]
fn failed_import_leaves_nothing_in_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = ceremony().halo2();
    let basis = section(&bytes, |s| matches!(s.role, Role::Lagrange { .. }));
    for i in 0..64 {
        bytes.swap(basis.offset as usize + i, basis.offset as usize + 64 + i);
    }
    let path = dir.path().join("setup");
    fs::write(&path, bytes).unwrap();
    let mut file = SetupFile::open(&path, &ImportOptions::default(), &|_| ()).unwrap();
    let store = SrsStore::new(dir.path().join("cache")).unwrap();
    store.import(&mut file, &[K], &|_| ()).unwrap_err();
    let left = fs::read_dir(dir.path().join("cache")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
    assert_eq!(store.list().unwrap(), (Vec::new(), Vec::new()));
}

#[test]
fn list_shows_sizes_and_sources_and_names_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (store, digest) = import(&ceremony().ptau(true), &[2, K], dir.path());
    let (cached, damaged) = store.list().unwrap();
    assert!(damaged.is_empty());
    let sizes: Vec<u32> = cached.iter().map(|c| c.k).collect();
    assert_eq!(sizes, [2, K]);
    for entry in &cached {
        assert_eq!(entry.spec.digest, digest);
        let source = entry.source.as_ref().unwrap();
        assert_eq!((source.file.as_str(), source.file_k), ("setup", K));
        assert_eq!(source.hashes.as_ref().unwrap().blake2b.len(), 128);
    }
    let path = &cached[0].path;
    let mut bytes = fs::read(path).unwrap();
    bytes[8 + 5 + 64] ^= 1;
    fs::write(path, bytes).unwrap();
    let (cached, damaged) = store.list().unwrap();
    assert_eq!((cached.len(), damaged.len()), (1, 1));
}

#[cfg(target_os = "linux")]
#[test]
fn leftovers_of_a_killed_import_are_removed_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    fs::create_dir(&cache).unwrap();
    let dead = cache.join(".srs-0011-k4.bin.4194999-0-1.tmp");
    let alive = cache.join(".srs-0011-k4.bin.1-0-1.tmp");
    for path in [&dead, &alive] {
        fs::write(path, b"half").unwrap();
    }
    import(&ceremony().challenge(), &[K], dir.path());
    assert!(!dead.exists());
    assert!(alive.exists());
}

#[test]
fn sizes_missing_in_the_cache_come_from_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("setup");
    fs::write(&path, ceremony().challenge()).unwrap();
    let digest = open_with(&ceremony().challenge(), &ImportOptions::default())
        .unwrap()
        .spec()
        .digest;
    let store = SrsStore::new(dir.path().join("cache")).unwrap();
    assert!(store.get(digest, 3).is_err());
    store.import_when_needed(digest, &path);
    assert_eq!(store.get(digest, 3).unwrap().k(), 3);
    fs::remove_file(&path).unwrap();
    assert_eq!(store.get(digest, 2).unwrap().k(), 2);
}
