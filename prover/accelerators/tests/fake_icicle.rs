//! The ICICLE back end with a stand-in for its libraries: faults are found, and never leave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use chainfer_accelerators::icicle::{Icicle, Options};
use chainfer_accelerators::{Checked, Guard, LoadError};
use chainfer_compute::backend::{ComputeError, Cpu, suite};
use chainfer_plonk::PlonkError;
use common::{Statement, library};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

const K: u32 = 9;

/// A directory with these libraries under ICICLE's names.
fn directory(runtime: &Path, field: &Path, curve: &Path) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (library, name) in [
        (runtime, "icicle_device"),
        (field, "icicle_field_bn254"),
        (curve, "icicle_curve_bn254"),
    ] {
        let name = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
        fs::copy(library, directory.path().join(name)).unwrap();
    }
    directory
}

static FAKE: LazyLock<TempDir> = LazyLock::new(|| {
    let fake = library("fake_icicle");
    // One library under three names, so that they share their memory.
    let directory = TempDir::new().unwrap();
    for name in ["icicle_device", "icicle_field_bn254", "icicle_curve_bn254"] {
        let name = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
        std::os::unix::fs::symlink(&fake, directory.path().join(name)).unwrap();
    }
    directory
});

fn try_open(directory: &Path, device: &str, k: u32) -> Result<Icicle, LoadError> {
    Icicle::open(&Options {
        device: device.to_owned(),
        k,
        libraries: Some(directory.to_owned()),
        backends: None,
    })
}

fn open(device: &str) -> Icicle {
    try_open(FAKE.path(), device, K).unwrap()
}

#[test]
fn stand_in_passes_the_suite_and_proves() {
    suite::check(&open("CUDA:0"));
    suite::check(&Checked::new(open("CUDA:1")));
    let statement = Statement::new(6);
    let proof = statement.prove(&Checked::new(open("CUDA:0"))).unwrap();
    assert!(statement.accepts(&proof));
}

#[test]
fn what_is_not_icicle_is_refused() {
    let nothing = TempDir::new().unwrap();
    let error = try_open(nothing.path(), "CPU", K).unwrap_err();
    assert!(matches!(error, LoadError::Open { .. }), "{error}");
    let (fake, plugin) = (library("fake_icicle"), library("plugin"));
    for directory in [
        directory(&plugin, &fake, &fake),
        directory(&fake, &plugin, &fake),
        directory(&fake, &fake, &plugin),
    ] {
        let error = try_open(directory.path(), "CPU", K).unwrap_err();
        assert!(matches!(error, LoadError::Symbol { .. }), "{error}");
    }
    let broken = TempDir::new().unwrap();
    let name = format!("{DLL_PREFIX}icicle_device{DLL_SUFFIX}");
    fs::write(broken.path().join(name), "no library").unwrap();
    let error = try_open(broken.path(), "CPU", K).unwrap_err();
    assert!(matches!(error, LoadError::Open { .. }), "{error}");
}

#[test]
fn device_that_is_not_there_is_refused() {
    for device in ["none:0", "domain fails", "domain lies", "", "CUDA:zero"] {
        let error = try_open(FAKE.path(), device, K).unwrap_err();
        assert!(matches!(error, LoadError::Device { .. }), "{error}");
    }
    for k in [29, u32::MAX] {
        assert!(try_open(FAKE.path(), "CUDA:7", k).is_err());
    }
}

/// ICICLE would ignore it, and end the process at the first transform that is too large.
#[test]
fn larger_domain_than_the_first_is_refused() {
    let small = try_open(FAKE.path(), "CUDA:8", K - 1).unwrap();
    let error = try_open(FAKE.path(), "CUDA:8", K).unwrap_err();
    assert!(matches!(error, LoadError::Device { .. }), "{error}");
    assert!(try_open(FAKE.path(), "CUDA:8", K - 2).is_ok());
    let statement = Statement::new(K);
    let error = statement.prove(&small).unwrap_err();
    let of_shape = matches!(error, PlonkError::Compute(ComputeError::Shape { .. }));
    assert!(of_shape, "{error}");
}

#[test]
fn failing_function_is_an_error_of_the_device() {
    let statement = Statement::new(6);
    for device in [
        "malloc fails",
        "copy fails",
        "upload fails",
        "download fails",
        "download unreduced",
        "ntt fails",
        "convert fails",
        "convert unreduced",
        "add fails",
        "multiply fails",
        "add_scalar fails",
        "scale fails",
        "points fails",
        "points lies",
        "msm fails",
        "msm unreduced",
        "msm leaves the curve",
    ] {
        let error = statement.prove(&open(device)).unwrap_err();
        let of_device = matches!(
            &error,
            PlonkError::Compute(ComputeError::Device { device: name, .. }) if name.contains(device)
        );
        assert!(of_device, "{device}: {error}");
    }
}

#[test]
fn wrong_commitment_or_transform_fails_its_check() {
    let statement = Statement::new(6);
    for device in ["msm lies", "ntt lies", "multiply lies"] {
        let checked = Checked::new(open(device));
        let error = statement.prove(&checked).unwrap_err();
        let of_device = matches!(
            &error,
            PlonkError::Compute(ComputeError::Device { detail, .. }) if detail.contains("wrong")
        );
        assert!(of_device, "{device}: {error}");
    }
}

#[test]
fn guarded_proof_is_accepted_whatever_the_fault() {
    let statement = Statement::new(6);
    for device in [
        "copy lies",
        "upload lies",
        "download lies",
        "ntt lies",
        "convert lies",
        "add lies",
        "multiply lies",
        "add_scalar lies",
        "scale lies",
        "points lies",
        "msm lies",
        "msm fails",
    ] {
        let guard = Guard::default();
        let proof = guard
            .prove(
                || statement.prove(&open(device)),
                || statement.prove(&Cpu::detect()),
                |proof| statement.accepts(proof),
            )
            .unwrap();
        assert!(statement.accepts(&proof), "{device}");
        assert!(guard.has_failed(), "{device}");
    }
}
