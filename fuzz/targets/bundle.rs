//! The files of a bundle: one of them is what the fuzzer makes of it, by its first byte; the others are those of `FUZZ_BUNDLE`, a bundle's
//! folder.
#![no_main]

use chainfer_engine::bundle::{Bundle, MANIFEST_FILE, PRIVATE_DIR, PUBLIC_DIR, PublicBundle};
use libfuzzer_sys::fuzz_target;
use std::{cell::LazyCell, fs, path::PathBuf};

/// What may be replaced.
const FILES: [&str; 4] = [
    "public/manifest.json",
    "public/chunk0.vk",
    "private/model.bin",
    "private/chunk0.count",
];

struct Own {
    _folder: tempfile::TempDir,
    bundle: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

thread_local! {
    static OWN: LazyCell<Own> = LazyCell::new(|| {
        let from = PathBuf::from(std::env::var_os("FUZZ_BUNDLE").expect("FUZZ_BUNDLE, a bundle's folder"));
        let folder = chainfer_fuzz::folder();
        let bundle = folder.path().join("bundle");
        for part in [PUBLIC_DIR, PRIVATE_DIR] {
            fs::create_dir_all(bundle.join(part)).expect("a folder");
            for entry in fs::read_dir(from.join(part)).expect("a bundle's folder") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("a type").is_file() {
                    let bytes = fs::read(entry.path()).expect("a file");
                    chainfer_fuzz::put(&bundle.join(part).join(entry.file_name()), &bytes);
                }
            }
        }
        let paths = FILES.iter().map(|name| bundle.join(name));
        let files = paths.filter_map(|path| Some((path.clone(), fs::read(path).ok()?))).collect();
        assert!(bundle.join(PUBLIC_DIR).join(MANIFEST_FILE).is_file(), "FUZZ_BUNDLE has no manifest");
        Own { _folder: folder, bundle, files }
    });
}

fuzz_target!(|data: &[u8]| {
    let Some((which, bytes)) = data.split_first() else {
        return;
    };
    OWN.with(|own| {
        let (path, whole) = &own.files[usize::from(*which) % own.files.len()];
        chainfer_fuzz::put(path, bytes);
        if let Ok(public) = PublicBundle::open(&own.bundle) {
            let _ = public.verifying_key(0);
            let _ = public.verifier_source(0);
        }
        let _ = Bundle::open(&own.bundle);
        chainfer_fuzz::put(path, whole);
    });
});
