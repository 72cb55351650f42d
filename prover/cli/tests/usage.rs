//! Verbs that need neither model nor chain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::chainfer;

#[test]
fn completions_name_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let script = chainfer(["completions", shell]).expect(0).stdout;
        assert!(
            script.contains("compile") && script.contains("attest"),
            "{shell}"
        );
    }
}

#[test]
fn srs_dev_has_one_digest_whatever_its_size() {
    let digest =
        |k: &str| chainfer(["srs", "dev", "-k", k, "--json"]).expect(0).json()["digest"].clone();
    assert_eq!(digest("4"), digest("6"));
    chainfer(["srs", "dev", "-k", "99"]).expect(2).says(&["99"]);
}

#[test]
fn quiet_says_nothing_on_stderr() {
    assert_eq!(
        chainfer(["srs", "dev", "-k", "4", "-q"]).expect(0).stderr,
        ""
    );
}
