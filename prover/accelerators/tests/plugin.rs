//! Plug-ins: the example passes the suite and proves; faults are found, and never leave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use chainfer_accelerators::plugin::Plugin;
use chainfer_accelerators::{Checked, Guard, LoadError};
use chainfer_compute::backend::{Compute, ComputeError, Cpu, Naive, suite};
use chainfer_compute::lanes::Arithmetic;
use chainfer_plonk::{Limits, PlonkError};
use common::{Statement, library};
use std::path::Path;

fn open(example: &str, device: &str) -> Plugin {
    Plugin::open(&library(example), device).unwrap()
}

#[test]
fn back_ends_of_every_kind_pass_the_suite() {
    suite::check(&Checked::new(Cpu::detect()));
    suite::check(&open("plugin", "any"));
    suite::check(&Checked::new(open("plugin", "any")));
    suite::check(&open("minimal_plugin", "any"));
    suite::check(&open("faulty_plugin", "without a fault"));
}

#[test]
fn proof_of_every_back_end_is_accepted_by_halo2() {
    let statement = Statement::new(6);
    let accepted = |proof: Vec<u8>| statement.accepts(&proof);
    assert!(accepted(statement.prove(&Naive).unwrap()));
    for arithmetic in Arithmetic::available() {
        assert!(accepted(statement.prove(&Cpu::with(arithmetic)).unwrap()));
    }
    assert!(accepted(statement.prove(&open("plugin", "any")).unwrap()));
    let checked = Checked::new(open("minimal_plugin", "any"));
    assert!(accepted(statement.prove(&checked).unwrap()));
    // In parts.
    let limits = Limits {
        coset_parts: 2,
        ..Limits::default()
    };
    let checked = Checked::new(open("plugin", "any"));
    for proof in [
        statement.prove_within(&Naive, limits),
        statement.prove_within(&checked, limits),
    ] {
        assert!(accepted(proof.unwrap()));
    }
}

#[test]
fn libraries_that_are_no_plugin_are_refused() {
    let missing = Plugin::open(Path::new("/nowhere/plugin.so"), "any").unwrap_err();
    assert!(matches!(missing, LoadError::Open { .. }), "{missing}");
    let other = Plugin::open(&library("fake_icicle"), "any").unwrap_err();
    assert!(matches!(other, LoadError::Symbol { .. }), "{other}");
    let device = Plugin::open(&library("plugin"), "none").unwrap_err();
    assert_eq!(device.to_string(), "device none: there is no such device");
}

/// Faults that the interface itself shows.
#[test]
fn failing_plugin_is_an_error_of_the_device() {
    let statement = Statement::new(5);
    for device in [
        "column fails",
        "column shortens",
        "read fails",
        "read unreduced",
        "bases fails",
        "bases loses",
        "commit fails",
        "commit unreduced",
        "commit leaves",
        "ntt fails",
        "ntt shortens",
        "ntt loses",
        "combine fails",
        "combine loses",
        "evaluate fails",
        "evaluate unreduced",
        "run fails",
        "run shortens",
    ] {
        let error = statement.prove(&open("faulty_plugin", device)).unwrap_err();
        let of_device = matches!(
            &error,
            PlonkError::Compute(ComputeError::Device { device: name, .. }) if name.contains(device)
        );
        assert!(of_device, "{device}: {error}");
    }
}

/// Wrong results of the expensive steps are found where they are made.
#[test]
fn wrong_commitment_or_transform_fails_its_check() {
    let statement = Statement::new(5);
    for (device, step) in [("commit lies", "commit"), ("ntt lies", "to coefficients")] {
        let checked = Checked::new(open("faulty_plugin", device));
        let error = statement.prove(&checked).unwrap_err();
        let found = matches!(
            &error,
            PlonkError::Compute(ComputeError::Device { step: at, .. }) if *at == step
        );
        assert!(found, "{device}: {error}");
    }
}

#[test]
fn guarded_proof_is_accepted_whatever_the_fault() {
    let statement = Statement::new(5);
    for device in [
        "column lies",
        "column fails",
        "read lies",
        "commit lies",
        "commit fails",
        "ntt lies",
        "combine lies",
        "evaluate lies",
        "run lies",
        "run shortens",
    ] {
        for is_checked in [false, true] {
            let guard = Guard::default();
            let proof = guard
                .prove(
                    || {
                        let plugin = open("faulty_plugin", device);
                        if is_checked {
                            statement.prove(&Checked::new(plugin))
                        } else {
                            statement.prove(&plugin)
                        }
                    },
                    || statement.prove(&Cpu::detect()),
                    |proof| statement.accepts(proof),
                )
                .unwrap();
            assert!(statement.accepts(&proof), "{device}");
            assert!(guard.has_failed(), "{device}");
        }
    }
}

#[test]
fn name_of_a_plugin_is_what_it_says() {
    let plugin = open("plugin", "number 7");
    assert_eq!(plugin.name(), "example (number 7)");
    assert_eq!(Checked::new(plugin).name(), "example (number 7), checked");
}
