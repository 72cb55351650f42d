//! Verbs that need neither model nor chain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use support::{chainfer, command, run};

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
fn cache_is_in_a_folder_of_the_users_or_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("tmp")).unwrap();
    let empty = || fs::read_dir(at("tmp")).unwrap().next().is_none();
    let variables = ["CHAINFER_CACHE", "XDG_CACHE_HOME", "HOME"];
    let bare = || {
        let mut command = command(["srs", "dev", "-k", "4"]);
        command.current_dir(at("tmp")).env("TMPDIR", at("tmp"));
        for name in variables {
            command.env_remove(name);
        }
        command
    };
    for mut command in [bare(), {
        let mut command = bare();
        command.envs(variables.map(|name| (name, "")));
        command
    }] {
        run(&mut command)
            .expect(2)
            .says(&["set CHAINFER_CACHE, XDG_CACHE_HOME or HOME"]);
        assert!(empty());
    }
    run(bare().env("HOME", at("home"))).expect(0);
    assert!(empty() && at("home/.cache/chainfer").is_dir());
}

#[test]
fn quiet_says_nothing_on_stderr() {
    assert_eq!(
        chainfer(["srs", "dev", "-k", "4", "-q"]).expect(0).stderr,
        ""
    );
}
