//! A parser's panic is an error and nothing else. Alone in its process, whose panic hook it replaces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use chainfer_model::frontend::from_onnx_bytes;
use std::{
    panic::{catch_unwind, set_hook},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};
use support::onnx::{node, onnx};

static REPORTED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn panic_of_a_parser_is_not_reported_and_any_other_is() {
    set_hook(Box::new(|_| {
        REPORTED.fetch_add(1, Ordering::Relaxed);
    }));
    let reported = || REPORTED.load(Ordering::Relaxed);
    // A sum of one constant.
    let nodes = [
        node("Add", &["c"], "d", &[]),
        node("Add", &["x", "d"], "y", &[]),
    ];
    let bytes = onnx(&[4], &[("c", &[4])], &nodes);
    for _ in 0..2 {
        let error = from_onnx_bytes(&bytes).unwrap_err().to_string();
        assert!(error.contains("the parser stopped on it"), "{error}");
        assert_eq!(reported(), 0);
    }
    catch_unwind(|| panic!("outside of a parser")).unwrap_err();
    assert_eq!(reported(), 1);
    thread::spawn(|| panic!("in another thread"))
        .join()
        .unwrap_err();
    assert_eq!(reported(), 2);
}
