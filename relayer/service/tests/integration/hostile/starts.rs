//! Starts that would let strangers in.

use super::target::note;
use crate::anvil::KEYS;
use crate::cli::serve_that_ends;
use std::os::unix::fs::PermissionsExt;

const GOOD: &str = "0123456789abcdef0123456789abcdef";

/// Arguments, variables, and a part of what is told.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

#[test]
fn starts_that_let_strangers_in_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let line = format!("alice submit {GOOD}\n");
    let open = file("open", &line, 0o644);
    let short = file("short", "alice submit sesame\n", 0o600);
    let empty = file("empty", "", 0o600);
    let good = file("good", &line, 0o600);
    let (token, admin) = ("CHAINFER_RELAYER_TOKEN", "CHAINFER_RELAYER_ADMIN_TOKEN");
    let cases: [Case<'_>; 14] = [
        (&[], &[(token, "")], "CHAINFER_RELAYER_TOKEN"),
        (&["--token", ""], &[], "is empty"),
        (
            &[],
            &[(token, GOOD), (admin, "")],
            "CHAINFER_RELAYER_ADMIN_TOKEN",
        ),
        (&[], &[(token, "sesame")], "has 6 bytes, not 32 to 512"),
        (&[], &[(admin, &GOOD[..31])], "has 31 bytes"),
        (
            &[],
            &[(token, GOOD), (admin, GOOD)],
            "has the token of shared",
        ),
        (
            &["--listen", "0.0.0.0:0"],
            &[],
            "there is no token: give --tokens FILE",
        ),
        (
            &["--listen", "[::]:0"],
            &[],
            "reachable from other machines",
        ),
        (&["--tokens", &open], &[], "chmod 600"),
        (&["--token-file", &open], &[], "chmod 600"),
        (
            &["--tokens", &short],
            &[],
            "line 1: the token of alice has 6 bytes",
        ),
        (&["--tokens", &empty], &[], "holds no token"),
        (
            &["--tokens", &good],
            &[(admin, GOOD)],
            "admin has the token of alice",
        ),
        (
            &["--allow-host", "http://relayer.example"],
            &[],
            "without scheme and port",
        ),
    ];
    for (arguments, variables, told) in cases {
        let key = [("ETH_PRIVATE_KEY", KEYS[1])];
        let registry = "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        let usual = ["--registry", registry, "--max-spend-daily", "1ether"];
        let arguments = [&usual, arguments].concat();
        let error = serve_that_ends(&arguments, &[&key, variables].concat());
        assert!(error.contains(told), "{arguments:?}: {error}");
        assert!(
            !error.contains(&GOOD[..31]) && !error.contains("sesame"),
            "{error}"
        );
    }
    note(&format!("{} starts", cases.len()));
}
