//! The binary's verbs, against a service.

use crate::relayer::{ADMIN_TOKEN, TOKEN};
use crate::service::{Running, config, tokens};
use crate::world::World;
use chainfer_relayer::store::Store;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// Exit code, standard output as JSON, and standard error.
async fn run(url: &str, arguments: &[&str]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chainfer-relayer"))
        .args(arguments)
        .env("CHAINFER_RELAYER_URL", url)
        .env("CHAINFER_RELAYER_TOKEN", TOKEN)
        .env("CHAINFER_RELAYER_ADMIN_TOKEN", ADMIN_TOKEN)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let errors = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), json, errors)
}

async fn good(url: &str, arguments: &[&str]) -> Value {
    let (code, json, errors) = run(url, arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {errors}");
    json
}

/// What `serve` says when it cannot start, with no variables but these.
pub fn serve_that_ends(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_chainfer-relayer"))
        .args(["serve", "--rpc-url", "http://127.0.0.1:1", "--state"])
        .arg(folder.path().join("state.sqlite"))
        .args(arguments)
        .env_clear()
        .env("RUST_LOG", "off")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_do_to_the_service_what_they_say() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let mut config = config(&world.anvil.url, Some(state.clone().into()));
    config.tokens = tokens();
    let service = Running::start(config).await;
    let url = &service.url;
    let proof = folder.path().join("proof.json");
    std::fs::write(&proof, serde_json::to_vec(&world.proof(1)).unwrap()).unwrap();

    let job = good(url, &["submit", text(&proof), "--wait", "60"]).await;
    assert_eq!(job["state"], "confirmed");
    let id = job["id"].as_str().unwrap().to_owned();
    assert_eq!(good(url, &["show", &id]).await["id"], job["id"]);
    let listed = good(url, &["list", "--state", "confirmed"]).await;
    assert_eq!(listed["proofs"][0]["id"], job["id"]);
    let (code, _, errors) = run(url, &["cancel", &id]).await;
    assert!(code != 0 && errors.contains("too_late"), "{errors}");

    let paused = good(url, &["pause", "--reason", "maintenance"]).await;
    assert_eq!(paused["pauses"][0]["cause"], "manual");
    std::fs::write(&proof, serde_json::to_vec(&world.proof(2)).unwrap()).unwrap();
    let second = good(url, &["submit", text(&proof)]).await;
    let second = second["id"].as_str().unwrap().to_owned();
    assert_eq!(good(url, &["cancel", &second]).await["state"], "cancelled");
    let resumed = good(url, &["resume"]).await;
    assert_eq!(resumed["pauses"], serde_json::json!([]));
    assert_eq!(good(url, &["status"]).await["jobs"]["cancelled"], 1);

    let copy = folder.path().join("copy.sqlite");
    let state_flag = ["backup", "--state", text(&state), text(&copy)];
    let backup = good(url, &state_flag).await;
    assert!(backup["bytes"].as_u64().unwrap() > 0);
    service.stop().await;
    let copied = Store::open(&copy).unwrap();
    assert_eq!(copied.jobs(None, 10).await.unwrap().len(), 2);
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_say_what_is_wrong() {
    let (code, _, errors) = run("http://127.0.0.1:1", &["list"]).await;
    assert!(code != 0 && errors.contains("does not answer"), "{errors}");
    let (code, _, errors) = run("ftp://x", &["status"]).await;
    assert!(code != 0 && errors.contains("not the address"), "{errors}");
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("none"), folder.path().join("copy"));
    let arguments = ["backup", "--state", text(&from), text(&to)];
    assert_ne!(run("http://127.0.0.1:1", &arguments).await.0, 0);
    // Neither a half-made copy nor an empty source is left behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(&from, "not a database, whatever its name says").unwrap();
    assert_ne!(run("http://127.0.0.1:1", &arguments).await.0, 0);
    assert!(!to.exists());
}

/// A file in a new folder, with that mode.
fn secret_file(text: &str, mode: u32) -> (tempfile::TempDir, String) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let name = text_of(&path);
    (folder, name)
}

fn text_of(path: &Path) -> String {
    text(path).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_verbs_come_from_files_too() {
    let world = World::new().await;
    let mut config = config(&world.anvil.url, None);
    config.tokens = tokens();
    let service = Running::start(config).await;
    let (_folder, admin) = secret_file(&format!("{ADMIN_TOKEN}\n"), 0o600);
    let verb = async |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_chainfer-relayer"))
            .args(arguments)
            .env_clear()
            .env("CHAINFER_RELAYER_URL", &service.url)
            .envs(variables.iter().copied())
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), errors)
    };
    assert_eq!(verb(&["status", "--token-file", &admin], &[]).await.0, 0);
    let file = [("CHAINFER_RELAYER_ADMIN_TOKEN_FILE", admin.as_str())];
    assert_eq!(verb(&["status"], &file).await.0, 0);
    assert_eq!(verb(&["status", "--token", ADMIN_TOKEN], &[]).await.0, 0);
    let (_folder, open) = secret_file(ADMIN_TOKEN, 0o644);
    for (arguments, variables, told) in [
        (&["status"][..], &[][..], "unauthorized"),
        (&["status", "--token", TOKEN], &[], "wrong_role"),
        (&["status", "--token", ""], &[], "the token is empty"),
        (
            &["status"],
            &[("CHAINFER_RELAYER_ADMIN_TOKEN", "")],
            "the token is empty",
        ),
        (&["status", "--token-file", &open], &[], "chmod 600"),
    ] {
        let (code, errors) = verb(arguments, variables).await;
        assert!(code != 0 && errors.contains(told), "{errors}");
        assert!(!errors.contains("sesame"), "{errors}");
    }
    service.stop().await;
}

#[test]
fn tokens_on_the_command_line_are_warned_of() {
    for (verb, flags) in [
        (
            "serve",
            &["--token <TOKEN>", "--admin-token <ADMIN_TOKEN>"][..],
        ),
        ("submit", &["--token <TOKEN>"]),
        ("pause", &["--token <TOKEN>"]),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_chainfer-relayer"))
            .args([verb, "--help"])
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        for flag in flags {
            let (_, rest) = help
                .split_once(flag)
                .unwrap_or_else(|| panic!("no {flag}: {help}"));
            let about = rest.split("--").next().unwrap();
            assert!(
                about.contains("Other users of the machine can see it"),
                "{about}"
            );
        }
    }
}

#[test]
fn serve_without_a_usable_key_says_what_is_missing() {
    let gcp = [("GCP_PROJECT_ID", "project"), ("GCP_LOCATION", "global")];
    for (arguments, variables, missing) in [
        (&[][..], &[][..], "no key to sign with"),
        (&["--aws"], &[], "AWS_KMS_KEY_ID"),
        (
            &["--gcp"],
            &gcp,
            "GCP_KEY_RING, GCP_KEY_NAME, GCP_KEY_VERSION",
        ),
    ] {
        let told = serve_that_ends(arguments, variables);
        assert!(told.contains(missing), "{told}");
    }
    let key = [("AWS_KMS_KEY_ID", "alias/relayer")];
    for (flag, built, feature) in [
        ("--aws", cfg!(feature = "aws"), "aws"),
        ("--ledger", cfg!(feature = "ledger"), "ledger"),
    ] {
        if !built {
            let told = serve_that_ends(&[flag], &key);
            let command = format!("-p chainfer-relayer --features {feature}");
            assert!(told.contains(&command), "{told}");
        }
    }
}

/// `scripts/golden` writes the golden file anew.
#[test]
fn command_line_is_the_golden_one() {
    use crate::golden;
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_chainfer-relayer"))
            .args(arguments)
            .env_clear()
            .env("RUST_LOG", "off")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    };
    let mut made = serde_json::json!({});
    for verb in golden::verbs_in_help(&run(&["--help"]).1) {
        if verb == "help" {
            continue;
        }
        let help = run(&[&verb, "-h"]).1;
        made[&verb]["flags"] = golden::flags_in_help(&help).into();
        made[&verb]["exit code without node"] = match verb.as_str() {
            "backup" => Value::Null,
            _ => run(&[&verb]).0.into(),
        };
    }
    made["exit codes"]["unknown verb"] = run(&["no-such-verb"]).0.into();
    made["exit codes"]["unknown flag"] = run(&["list", "--no-such-flag"]).0.into();
    made["exit codes"]["version"] = run(&["--version"]).0.into();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    golden::compare(&repository, "relayer_command_line.json", &made);
}
