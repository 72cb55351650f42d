//! ICICLE itself: the environment's `CHAINFER_TEST_ICICLE` names the directory of its libraries, `CHAINFER_TEST_ICICLE_DEVICE` a device if
//! not the CPU.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use chainfer_accelerators::Checked;
use chainfer_accelerators::icicle::{Icicle, Options};
use chainfer_compute::backend::suite;
use chainfer_plonk::Limits;
use common::Statement;
use std::env;
use std::path::PathBuf;

/// The largest domain of these tests.
const K: u32 = 10;

fn icicle() -> Icicle {
    let libraries = env::var_os("CHAINFER_TEST_ICICLE").expect("the directory of ICICLE");
    let device = env::var("CHAINFER_TEST_ICICLE_DEVICE").unwrap_or_else(|_| "CPU".to_owned());
    let options = Options {
        device,
        k: K,
        libraries: Some(PathBuf::from(libraries)),
        backends: None,
    };
    Icicle::open(&options).unwrap()
}

#[test]
fn icicle_passes_the_suite() {
    let icicle = icicle();
    suite::check(&icicle);
    suite::check(&Checked::new(icicle));
}

#[test]
fn proof_by_icicle_is_accepted_by_halo2() {
    let checked = Checked::new(icicle());
    for k in [6, K] {
        let statement = Statement::new(k);
        assert!(statement.accepts(&statement.prove(checked.inner()).unwrap()));
        assert!(statement.accepts(&statement.prove(&checked).unwrap()));
        let limits = Limits {
            coset_parts: 1,
            ..Limits::default()
        };
        let proof = statement.prove_within(&checked, limits).unwrap();
        assert!(statement.accepts(&proof));
    }
}
