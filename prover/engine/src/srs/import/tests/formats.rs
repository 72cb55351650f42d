//! Every format goes in.

use super::{FORMATS, K, ceremony, import, layout, open_with, section, tau};
use crate::srs::{
    import::{
        ImportOptions, KeptSize, SetupFile,
        layout::{FileFormat, Role},
        points::Encoding,
        testing::{Ceremony, other_point},
    },
    spec::describe,
};
use halo2_proofs::poly::commitment::{Params, ParamsProver};
use halo2curves::{
    bn256::{G1Affine, G2Affine},
    group::Curve,
    serde::SerdeObject,
};
use std::fs;

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
fn encodings_of_the_writers_are_read_back() {
    let point = other_point();
    let mut raw = Vec::new();
    point.write_raw(&mut raw).unwrap();
    assert!(Encoding::Montgomery.decode::<G1Affine>(&raw) == Ok(point));
    assert!(Encoding::Montgomery.decode::<G1Affine>(&raw[..63]).is_err());
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
