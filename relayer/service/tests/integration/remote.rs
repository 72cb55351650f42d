//! The binary's verbs against a service that is not a relayer, and files that are no proofs.

use crate::relayer::TOKEN;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Answers every request with the same, again and again if `endless`.
struct Impostor {
    url: String,
    asked: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

impl Impostor {
    async fn start(head: &str, body: &str, endless: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, sent) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
        let body = body.to_owned();
        let (asks, sends) = (Arc::clone(&asked), Arc::clone(&sent));
        tokio::spawn(async move {
            while let Ok((mut wire, _)) = listener.accept().await {
                asks.fetch_add(1, Ordering::Relaxed);
                let _ = wire.read(&mut [0; 4_096]).await;
                let _ = wire.write_all(head.as_bytes()).await;
                while wire.write_all(body.as_bytes()).await.is_ok() {
                    sends.fetch_add(body.len(), Ordering::Relaxed);
                    if !endless {
                        break;
                    }
                }
            }
        });
        Self { url, asked, sent }
    }
}

/// Exit code, standard output and standard error.
async fn run(url: &str, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chainfer-relayer"))
        .args(arguments)
        .env_clear()
        .env("CHAINFER_RELAYER_URL", url)
        .env("CHAINFER_RELAYER_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn success_that_is_not_json_is_refused() {
    for body in ["", "<html>", "{\"a\":", "{} {}"] {
        let impostor = Impostor::start("200 OK", body, false).await;
        let (code, out, errors) = run(&impostor.url, &["status"]).await;
        assert_eq!((code, out.as_str()), (1, ""), "{errors}");
        assert!(
            errors.contains("no relayer") && errors.contains("not JSON"),
            "{errors}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_without_end_is_given_up() {
    for status in ["200 OK", "500 Internal Server Error"] {
        let impostor = Impostor::start(status, &" ".repeat(1 << 20), true).await;
        let (code, out, errors) = run(&impostor.url, &["status"]).await;
        assert_eq!((code, out.as_str()), (1, ""), "{errors}");
        assert!(errors.contains("larger than 67108864 bytes"), "{errors}");
        let sent = impostor.sent.load(Ordering::Relaxed);
        assert!(sent < 96 << 20, "{sent} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_service_do_not_move_the_cursor() {
    let hostile = "\\u001b[2J\\nerror: all is well\\r\\u009b1A\\u202e\u{202e}\u{200b}";
    let error = format!(r#"{{"error":{{"code":"{hostile}","message":"{hostile}"}}}}"#);
    let impostor = Impostor::start("400 Bad Request", &error, false).await;
    let (code, _, errors) = run(&impostor.url, &["status"]).await;
    assert_eq!(code, 1);
    assert!(errors.contains("\\u{1b}[2J\\u{a}error"), "{errors}");
    let job = format!(r#"{{"id":"{hostile}","größe":"🙂"}}"#);
    let impostor = Impostor::start("200 OK", &job, false).await;
    let (code, out, _) = run(&impostor.url, &["status"]).await;
    assert_eq!(code, 0);
    for text in [&errors, &out] {
        let bare = text.trim_end().chars().filter(|c| *c != '\n');
        let obeyed = |c: char| c.is_control() || ('\u{200b}'..='\u{202e}').contains(&c);
        assert!(!bare.clone().any(obeyed), "{text:?}");
    }
    assert_eq!(errors.lines().count(), 1, "{errors}");
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        shown,
        serde_json::from_str::<serde_json::Value>(&job).unwrap()
    );
    assert!(out.contains("\"größe\": \"🙂\""), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn password_in_an_address_is_not_shown() {
    for url in ["ftp://me:sesame@host", "http://me:sesame@host:port/"] {
        let (code, out, errors) = run(url, &["status"]).await;
        assert!(code == 1 && errors.contains("@host"), "{errors}");
        assert!(!(errors + &out).contains("sesame"));
    }
    let (code, _, errors) = run("http://me:sesame@127.0.0.1:1", &["status"]).await;
    assert!(code == 1 && !errors.contains("sesame"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_no_proof_is_not_sent() {
    let impostor = Impostor::start("200 OK", "{}", false).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let name = file.to_str().unwrap();
    for (content, told) in [
        (
            r#"{"format":"chainfer.secret","version":1,"salts":["sesame"]}"#,
            "it is the secret file of a proof",
        ),
        (r#"{"format":"chainfer.manifest","version":1}"#, "format"),
        (
            r#"{"format":"chainfer.proof","version":1}"#,
            "missing field",
        ),
        ("sesame", "is no proof, and was not sent"),
        ("", "is no proof, and was not sent"),
    ] {
        std::fs::write(&file, content).unwrap();
        let (code, _, errors) = run(&impostor.url, &["submit", name]).await;
        assert!(code == 1 && errors.contains(told), "{errors}");
        assert!(!errors.contains("sesame"), "{errors}");
    }
    let (code, _, _) = run(&impostor.url, &["submit", "-"]).await;
    assert_eq!(code, 1);
    assert_eq!(impostor.asked.load(Ordering::Relaxed), 0);
}
