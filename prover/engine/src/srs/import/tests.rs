//! Every format goes in, and whatever is changed in it is refused by name.

use super::{
    ImportError, ImportOptions, KeptSize, SetupFile,
    layout::{FileFormat, Layout, Role, Section},
    points::Encoding,
    testing::{Ceremony, other_point, outside_subgroup},
};
use crate::{
    error::EngineError,
    srs::{SrsStore, development_tau, lagrange::root_of_unity, spec::describe},
};
use halo2_proofs::poly::commitment::{Params, ParamsProver};
use halo2curves::{
    bn256::{Fr, G1Affine, G2Affine},
    ff::Field,
    group::Curve,
    serde::SerdeObject,
};
use proptest::prelude::*;
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

#[test]
fn every_format_gives_the_same_parameters_as_the_known_tau() {
    let ceremony = ceremony();
    let tau_g2 = (G2Affine::generator() * tau()).to_affine();
    let tau_g1 = (G1Affine::generator() * tau()).to_affine();
    let digest = describe(tau_g1, tau_g2).unwrap().digest;
    let mut files: Vec<Vec<u8>> = FORMATS.iter().map(|f| ceremony.write(*f)).collect();
    files.push(ceremony.ptau(false));
    for (bytes, format) in files.iter().zip(FORMATS.iter().chain([&FileFormat::Ptau])) {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(layout(bytes).format, *format);
        let (store, imported) = import(bytes, &[3, K], dir.path());
        assert_eq!(imported, digest, "{format:?}");
        for k in [2, 3, K] {
            let srs = store.get(digest, k).unwrap();
            let mut expected = ceremony.clone();
            expected.k = k;
            let mut written = Vec::new();
            srs.params().write(&mut written).unwrap();
            assert!(written == expected.halo2(), "{format:?} {k}");
            assert_eq!(srs.params().get_g().len(), 1 << k);
        }
    }
}

#[test]
fn basis_of_a_prepared_file_is_used_and_otherwise_computed() {
    let ceremony = ceremony();
    for (bytes, expected) in [
        (ceremony.ptau(true), true),
        (ceremony.ptau(false), false),
        (ceremony.halo2(), true),
        (ceremony.challenge(), false),
    ] {
        let mut file = open_with(&bytes, &ImportOptions::default()).unwrap();
        let (basis, in_file) = file.lagrange(K).unwrap();
        assert_eq!(in_file, expected);
        let computed = crate::srs::lagrange::from_powers(&ceremony.g1[..1 << K]);
        assert!(basis == computed);
    }
}

#[test]
fn one_bit_in_any_section_is_refused_and_the_section_named() {
    let ceremony = ceremony();
    for format in FORMATS {
        let good = ceremony.write(format);
        for section in layout(&good).sections {
            let bytes_of_points = |offset: u64| (section.offset + offset) as usize;
            let places = match section.role {
                // tau, beta and a key's point of the contribution; count; length of its name
                Role::Contributions => vec![3, 70, 200, 330, 500, 900, 1505],
                _ => vec![0, section.length / 2 + 1, section.length - 1],
            };
            for place in places {
                let mut bad = good.clone();
                bad[bytes_of_points(place)] ^= 1;
                let message = refusal(&bad).to_string();
                let named = message.contains(section.name)
                    || section.role == Role::Contributions && message.contains("contribution");
                assert!(named, "{format:?} {} {place}: {message}", section.name);
            }
        }
    }
}

#[test]
fn one_bit_in_the_header_is_refused_by_name() {
    let good = ceremony().ptau(true);
    type Named = fn(&ImportError) -> bool;
    let version: Named = |e| matches!(e, ImportError::Version { .. });
    let unknown: Named = |e| matches!(e, ImportError::UnknownFormat { .. });
    let table: Named = |e| {
        matches!(
            e,
            ImportError::SectionTable(_) | ImportError::Length { .. } | ImportError::Header(_)
        )
    };
    let curve: Named = |e| matches!(e, ImportError::OtherCurve);
    let header: Named = |e| matches!(e, ImportError::Header(_) | ImportError::SectionTable(_));
    for (at, named) in [
        (0, unknown),
        (4, version),
        (8, table),
        (12, table),
        (16, table),
        (23, table),
        (24, curve),
        (28, curve),
        (59, curve),
        (60, header),
        (63, header),
        (67, header),
    ] {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            // A ceremony of more powers than the file has is no contradiction.
            let error = refusal(&bad);
            assert!(named(&error), "byte {at} bit {bit}: {error}");
        }
    }
}

#[test]
fn truncated_and_extended_files_are_refused() {
    let ceremony = ceremony();
    for format in FORMATS {
        let good = ceremony.write(format);
        for length in (0..200).chain(good.len() - 200..good.len()) {
            let error = refusal(&good[..length]);
            assert!(
                matches!(
                    error,
                    ImportError::UnknownFormat { .. }
                        | ImportError::Length { .. }
                        | ImportError::SectionTable(_)
                        | ImportError::OtherCurve
                        | ImportError::Header(_)
                ),
                "{format:?} {length}: {error}"
            );
        }
        let mut long = good.clone();
        long.push(0);
        assert!(matches!(
            refusal(&long),
            ImportError::UnknownFormat { .. } | ImportError::Length { .. }
        ));
    }
}

#[test]
fn lying_section_table_is_refused_without_reading_its_claims() {
    let good = ceremony().ptau(false);
    let second = 12 + 12 + 44;
    let cases: [(usize, &[u8], &str); 5] = [
        (16, &u64::MAX.to_le_bytes(), "are left in the file"),
        (16, &45u64.to_le_bytes(), "left in the file"),
        (second, &1u32.to_le_bytes(), "twice"),
        (second, &99u32.to_le_bytes(), "no section 99"),
        (8, &u32::MAX.to_le_bytes(), "announces"),
    ];
    for (at, bytes, expected) in cases {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        let message = refusal(&bad).to_string();
        let found = message.contains(expected) || at == 16 && message.contains("no section");
        assert!(found, "{message}");
    }
    // Lengths that fill the file, but are not those of the size.
    let mut bad = good.clone();
    let third = second + 12 + ((2 << K) - 1) * 64;
    let shorter = (((2u64 << K) - 2) * 64).to_le_bytes();
    bad[second + 4..second + 12].copy_from_slice(&shorter);
    bad.drain(third - 64..third);
    assert!(refusal(&bad).to_string().contains("the header implies"));
}

#[test]
fn wrong_size_in_the_header_is_refused() {
    let ceremony = ceremony();
    for k in [K - 1, K + 1, 0, 29] {
        let mut ptau = ceremony.ptau(true);
        ptau[60..64].copy_from_slice(&k.to_le_bytes());
        assert!(matches!(
            refusal(&ptau),
            ImportError::SectionTable(_) | ImportError::Header(_)
        ));
        let mut halo2 = ceremony.halo2();
        halo2[..4].copy_from_slice(&k.to_le_bytes());
        assert!(matches!(refusal(&halo2), ImportError::UnknownFormat { .. }));
    }
    let options = ImportOptions {
        size: KeptSize::Exactly(K + 1),
        ..ImportOptions::default()
    };
    assert!(matches!(
        open_with(&ceremony.ptau(true), &options),
        Err(EngineError::Import { source, .. })
            if *source == ImportError::TooSmall { asked: K + 1, got: K }
    ));
}

#[test]
fn swapped_and_foreign_points_are_refused() {
    for format in FORMATS {
        let good = ceremony().write(format);
        for role in [Role::Powers, Role::PowersG2, Role::Shifted] {
            let Some(section) = layout(&good).sections.into_iter().find(|s| s.role == role) else {
                continue;
            };
            let size = match role {
                Role::PowersG2 => section.encoding.size::<G2Affine>(),
                _ => section.encoding.size::<G1Affine>(),
            };
            let count = section.length as usize / size;
            if count < 4 {
                continue;
            }
            for (a, b) in [(1, 2), (2, 3), (0, count - 1), (count - 2, count - 1)] {
                let mut bad = good.clone();
                for i in 0..size {
                    let start = section.offset as usize + i;
                    bad.swap(start + a * size, start + b * size);
                }
                let error = refusal(&bad);
                assert!(
                    matches!(
                        error,
                        ImportError::NotPowers { .. }
                            | ImportError::NotTheGenerator { .. }
                            | ImportError::WeakTau(_)
                            | ImportError::Repeated { .. }
                            | ImportError::OtherBeta { .. }
                            | ImportError::Contributions(_)
                    ),
                    "{format:?} {role:?} {a} {b}: {error}"
                );
            }
        }
    }
    let mut foreign = ceremony();
    foreign.g1[5] = other_point();
    let error = refusal(&foreign.ptau(false));
    assert!(matches!(error, ImportError::NotPowers { .. }), "{error}");
    // All powers of another tau than that in G2.
    let mut mixed = ceremony();
    mixed.g1 = Ceremony::new(K, tau() + Fr::ONE).g1;
    let error = refusal(&mixed.ptau(false));
    assert!(matches!(error, ImportError::NotPowers { .. }), "{error}");
    let mut mixed = ceremony();
    mixed.g2 = Ceremony::new(K, tau() + Fr::ONE).g2;
    let error = refusal(&mixed.challenge());
    assert!(matches!(error, ImportError::NotPowers { .. }), "{error}");
    let mut beta = ceremony();
    beta.beta_g2 = beta.g2[3];
    let error = refusal(&beta.response());
    assert!(matches!(error, ImportError::OtherBeta { .. }), "{error}");
}

#[test]
fn point_of_g2_outside_the_subgroup_is_refused() {
    for format in FORMATS {
        for index in [1, 3] {
            let mut bad = ceremony();
            bad.g2[index] = outside_subgroup();
            if format == FileFormat::Halo2 && index != 1 {
                continue;
            }
            let error = refusal(&bad.write(format));
            assert!(
                matches!(error, ImportError::OutsideSubgroup { index: at, .. } if at == index as u64),
                "{format:?} {index}: {error}"
            );
        }
        if format != FileFormat::Halo2 {
            let mut bad = ceremony();
            bad.beta_g2 = outside_subgroup();
            assert!(matches!(
                refusal(&bad.write(format)),
                ImportError::OutsideSubgroup { index: 0, .. }
            ));
        }
    }
}

#[test]
fn weak_taus_are_refused() {
    for (tau, expected) in [
        (Fr::ONE, "1"),
        (-Fr::ONE, "-1"),
        (Fr::from(2), "2"),
        (-Fr::from(65_536), "-65536"),
    ] {
        for format in [FileFormat::Challenge, FileFormat::Response] {
            let error = refusal(&Ceremony::new(K, tau).write(format));
            assert_eq!(error, ImportError::WeakTau(expected.to_owned()));
        }
        let error = refusal(&Ceremony::new(K, tau).ptau(false));
        assert_eq!(error, ImportError::WeakTau(expected.to_owned()));
    }
    let zero = Ceremony::new(K, Fr::ZERO);
    let mut bytes = zero.ptau(false);
    assert_eq!(refusal(&bytes), ImportError::WeakTau("0".to_owned()));
    // In G1 alone.
    let good = ceremony().ptau(false);
    let powers = section(&good, |s| s.role == Role::Powers);
    let at = powers.offset as usize + 64;
    bytes = good;
    bytes[at..at + 64].fill(0);
    assert_eq!(refusal(&bytes), ImportError::WeakTau("0".to_owned()));
}

#[test]
fn development_tau_is_refused_in_every_format() {
    for format in FORMATS {
        let error = refusal(&Ceremony::new(K, development_tau()).write(format));
        assert_eq!(error, ImportError::DevelopmentTau, "{format:?}");
    }
}

#[test]
fn tau_of_small_order_is_refused() {
    let error = refusal(&Ceremony::new(K, root_of_unity(3)).challenge());
    assert!(
        matches!(error, ImportError::Repeated { index: 8, .. }),
        "{error}"
    );
    // Of the order of the domain: no power repeats among those of a halo2 file, but the basis is degenerate.
    let bytes = Ceremony::new(K, root_of_unity(K)).halo2();
    let error = refusal(&bytes);
    assert!(matches!(error, ImportError::Infinity { .. }), "{error}");
    let options = ImportOptions {
        needed_only: true,
        ..ImportOptions::default()
    };
    let challenge = Ceremony::new(K, root_of_unity(K)).challenge();
    let mut file = open_with(&challenge, &options).unwrap();
    assert!(matches!(
        file.lagrange(K),
        Err(EngineError::Import { source, .. }) if *source == ImportError::TauInDomain { k: K }
    ));
}

#[test]
fn basis_that_is_not_that_of_the_powers_is_refused() {
    let ceremony = ceremony();
    for format in [FileFormat::Ptau, FileFormat::Halo2] {
        let mut bytes = ceremony.write(format);
        let basis = section(&bytes, |s| matches!(s.role, Role::Lagrange { .. }));
        let before = if format == FileFormat::Ptau {
            (1 << K) - 1
        } else {
            0
        };
        let at = basis.offset as usize + (before + 2) * 64;
        for i in 0..64 {
            bytes.swap(at + i, at + 64 + i);
        }
        let mut file = open_with(&bytes, &ImportOptions::default()).unwrap();
        assert!(matches!(
            file.lagrange(K),
            Err(EngineError::Import { source, .. })
                if matches!(*source, ImportError::NotLagrange { k: K, .. })
        ));
    }
}

#[test]
fn needed_only_reads_what_is_used_and_nothing_else() {
    let good = ceremony().ptau(true);
    let options = ImportOptions {
        size: KeptSize::Exactly(2),
        hash: None,
        needed_only: true,
    };
    let mut bad = good.clone();
    let shifted = section(&bad, |s| s.role == Role::Shifted);
    bad[shifted.offset as usize] ^= 1;
    let file = open_with(&bad, &options).unwrap();
    assert!(file.hashes().is_none());
    assert_eq!(file.k(), 2);
    let powers = section(&bad, |s| s.role == Role::Powers);
    bad[powers.offset as usize + 2 * 64] ^= 1;
    assert!(open_with(&bad, &options).is_err());
}

#[test]
fn expected_hash_is_compared_and_any_change_then_refused() {
    let good = ceremony().ptau(true);
    let hashes = open_with(&good, &ImportOptions::default())
        .unwrap()
        .hashes()
        .cloned()
        .unwrap();
    let options = ImportOptions {
        hash: Some(hashes.blake2b.parse().unwrap()),
        ..ImportOptions::default()
    };
    open_with(&good, &options).unwrap();
    // A byte of a hash among the contributions, which nothing else covers.
    let mut bad = good;
    let contributions = section(&bad, |s| s.role == Role::Contributions);
    bad[contributions.offset as usize + 1300] ^= 1;
    open_with(&bad, &ImportOptions::default()).unwrap();
    assert!(matches!(
        open_with(&bad, &options),
        Err(EngineError::Import { source, .. })
            if matches!(*source, ImportError::Hash { algorithm: "BLAKE2b", .. })
    ));
}

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

#[cfg(unix)]
#[test]
fn folder_and_device_are_refused() {
    for path in ["/", "/dev/zero"] {
        let error =
            SetupFile::open(Path::new(path), &ImportOptions::default(), &|_| ()).unwrap_err();
        assert!(matches!(
            error,
            EngineError::Import { source, .. } if *source == ImportError::NotAFile
        ));
    }
}

/// Writes a file for measurements where `CHAINFER_SRS_FILE` says, with 2^`CHAINFER_SRS_K` powers; by default a small one in a
/// temporary folder, which is imported.
#[test]
fn file_for_measurements_is_a_setup_file() {
    let variable = |name: &str| std::env::var(name).ok();
    let k = variable("CHAINFER_SRS_K").map_or(K, |k| k.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = variable("CHAINFER_SRS_FILE").map_or(dir.path().join("setup"), Into::into);
    let ceremony = Ceremony::new(k, tau());
    let bytes = match variable("CHAINFER_SRS_FORMAT").as_deref() {
        None | Some("challenge") => ceremony.challenge(),
        Some("response") => ceremony.response(),
        Some("ptau") => ceremony.ptau(false),
        Some("prepared") => ceremony.ptau(true),
        Some("halo2") => ceremony.halo2(),
        Some(other) => panic!("{other}"),
    };
    fs::write(&path, bytes).unwrap();
    if k == K {
        SetupFile::open(&path, &ImportOptions::default(), &|_| ()).unwrap();
    }
}

#[test]
fn encodings_of_the_writers_are_read_back() {
    let point = other_point();
    let mut raw = Vec::new();
    point.write_raw(&mut raw).unwrap();
    assert!(Encoding::Montgomery.decode::<G1Affine>(&raw) == Ok(point));
    assert!(Encoding::Montgomery.decode::<G1Affine>(&raw[..63]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn random_bytes_never_panic(
        magic in 0usize..3,
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
    ) {
        let mut bytes = bytes;
        if magic == 1 {
            bytes.splice(0..0, b"ptau\x01\0\0\0\x07\0\0\0".iter().copied());
        } else if magic == 2 {
            // The length of raw parameters with 2^2 powers.
            bytes.resize(4 + 128 * 4 + 256, 0);
            bytes[..4].copy_from_slice(&2u32.to_le_bytes());
        }
        prop_assert!(open_with(&bytes, &ImportOptions::default()).is_err());
    }

    #[test]
    fn damaged_files_never_panic(
        format in 0usize..4,
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        truncate: bool,
    ) {
        let mut bytes = small_files()[format].clone();
        for (place, value) in places {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = open_with(&bytes, &ImportOptions::default()).map(|mut file| file.lagrange(1));
    }
}

fn small_files() -> &'static [Vec<u8>] {
    static FILES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    FILES.get_or_init(|| {
        let ceremony = Ceremony::new(2, tau());
        FORMATS.iter().map(|f| ceremony.write(*f)).collect()
    })
}
