//! Requests that are many, odd, or someone else's to make.

use super::target::{ALICE, MALLORY, OPS, Target};
use super::wire::{ATTACKER, Wire};
use crate::anvil::root;
use serde_json::{Value, json};
use std::time::Duration;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_methods_and_paths_leave_no_trace() {
    let target = Target::new(&["--peer-rate", "1000000"]).await;
    let (_, metrics) = target.get("/metrics").await;
    let mut figures = target.figures();
    let mut wire = target.attack().await;
    for i in 0..3_000 {
        let path = ["/health", "/v1/proofs", "/nowhere"][i % 3];
        let request = format!(
            "M{i}X{} {path}?{i} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "x".repeat(200)
        );
        let answer = wire.ask(&request).await;
        assert!(matches!(answer.status, 404 | 405), "{answer:?}");
        if i % 3 == 2 {
            let path = format!("/{i}{}", "y".repeat(1_000));
            assert_eq!(wire.ask(&get(&path)).await.status, 404);
        }
    }
    figures.at_its_height();
    let honest = target.honest().await;
    let (_, after) = target.get("/metrics").await;
    assert!(after.len() < metrics.len() + 2_000, "{} bytes", after.len());
    assert!(after.contains("method=\"other\",status=\"405\""), "{after}");
    assert!(figures.growth() < 8 << 10, "{} KiB", figures.growth());
    figures.print("4,000 requests with methods and paths of their own", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_asks_the_node_once_however_many_ask() {
    let target = Target::new(&["--ready-cache-ms", "600000", "--peer-rate", "1000000"]).await;
    let mut figures = target.figures();
    let asked = target.proxy.count("eth_chainId");
    let waves = (0..20).map(|i| {
        let (from, to) = (format!("127.0.2.{}", 1 + i), target.address());
        tokio::spawn(async move {
            let mut wire = Wire::open(&from, to).await;
            for _ in 0..100 {
                assert_eq!(wire.ask(&get("/ready")).await.status, 200);
            }
            // One that goes away at once.
            for _ in 0..20 {
                Wire::open(&from, to).await.send(get("/ready")).await;
            }
        })
    });
    for wave in waves.collect::<Vec<_>>() {
        wave.await.unwrap();
    }
    figures.at_its_height();
    let honest = target.honest().await;
    let asked = target.proxy.count("eth_chainId") - asked;
    // The engine asks, too, once a minute.
    assert!(asked <= 3, "{asked} calls");
    figures.print("2,400 x /ready from 20 addresses", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_counted_by_address() {
    let target = Target::new(&["--peer-rate", "1"]).await;
    let mut figures = target.figures();
    let mut served = 0;
    let mut wait = None;
    for i in 0..100 {
        let mut wire = target.attack().await;
        let answer = wire
            .ask(&get(["/openapi.json", "/ready", "/nowhere"][i % 3]))
            .await;
        if answer.status == 429 {
            assert_eq!(answer.code(), "too_often");
            wait = Some(answer.head.to_lowercase());
        } else {
            served += 1;
        }
    }
    // Five at once, and one a second.
    assert!(served <= 60, "{served}");
    let wait = wait.expect("some are refused");
    assert!(
        wait.contains("retry-after: ") && wait.contains("connection: close"),
        "{wait}"
    );
    figures.at_its_height();
    let honest = target.honest().await;
    let mut wire = target.attack().await;
    // The process is alive, whatever its neighbours do; and a token counts more than an address.
    assert_eq!(wire.ask(&get("/health")).await.status, 200);
    let status = format!(
        "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPS}\r\n\r\n"
    );
    assert_eq!(wire.ask(&status).await.status, 200);
    figures.print("100 requests of a stranger, 1 a second allowed", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn submitter_who_asks_too_often_waits_alone() {
    let target = Target::new(&["--rate", "5"]).await;
    let mut figures = target.figures();
    let id = format!("0x{}", "00".repeat(32));
    let show = format!(
        "GET /v1/proofs/{id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {MALLORY}\r\n\r\n"
    );
    let mut wire = target.attack().await;
    let mut refused = 0;
    for _ in 0..300 {
        let answer = wire.ask(&show).await;
        assert!(matches!(answer.status, 404 | 429), "{answer:?}");
        refused += usize::from(answer.status == 429);
    }
    assert!(refused > 0);
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("300 requests of a submitter, 5 a second allowed", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessed_tokens_are_refused_and_no_token_is_logged() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let mut guesses: Vec<String> = (0..500).map(|i| format!("{:036}", i)).collect();
    guesses.extend([
        ALICE[..ALICE.len() - 1].to_owned(),
        format!("{ALICE}x"),
        ALICE.to_uppercase(),
    ]);
    guesses.push("x".repeat(10_000));
    for guess in &guesses {
        let request = format!(
            "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {guess}\r\n\r\n"
        );
        let answer = target.attack().await.ask(&request).await;
        assert!(matches!(answer.status, 401 | 429), "{answer:?}");
    }
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("504 guessed tokens", honest);
    let log = std::fs::read_to_string(target.folder.path().join("state.log")).unwrap();
    assert!(log.contains("proof submitted") && log.contains("alice"));
    for secret in [ALICE, MALLORY, OPS] {
        assert!(!log.contains(secret) && !log.contains(&secret[..20]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_measure_are_refused() {
    let target = Target::new(&["--peer-rate", "1000000"]).await;
    let mut figures = target.figures();
    let many: String = (0..10_000).map(|i| format!("h{i}: x\r\n")).collect();
    for head in [
        format!(
            "GET /health?{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "q".repeat(1 << 20)
        ),
        format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        format!(
            "GET /health HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
            "x".repeat(1 << 20)
        ),
        format!(
            "GET /health HTTP/1.1\r\nHost: {}\r\n\r\n",
            "x".repeat(1 << 20)
        ),
    ] {
        for _ in 0..10 {
            let mut wire = target.attack().await;
            wire.send(&head).await;
            let answer = wire.rest().await;
            let refused = ["HTTP/1.1 431", "HTTP/1.1 414", "HTTP/1.1 400"];
            // The answer may be lost with the connection.
            let ok = answer.is_empty() || refused.iter().any(|r| answer.starts_with(r));
            assert!(ok, "{answer}");
        }
    }
    figures.at_its_height();
    let honest = target.honest().await;
    assert!(figures.growth() < 8 << 10, "{} KiB", figures.growth());
    figures.print("40 heads of 100 kB to 1 MB", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_can_be_read_in_two_ways_are_read_in_none() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let pause = format!(
        "POST /v1/pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPS}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let with = |headers: &str, body: &str| {
        format!(
            "POST /v1/proofs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\r\n{body}"
        )
    };
    let token = format!("Authorization: Bearer {MALLORY}\r\n");
    let length = pause.len();
    let both = format!("{token}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n");
    let two = format!("{token}Content-Length: 0\r\nContent-Length: {length}\r\n");
    let odd = format!("{token}Transfer-Encoding: identity\r\nContent-Length: 0\r\n");
    for (request, expected) in [
        (with(&both, &format!("0\r\n\r\n{pause}")), &[400, 0][..]),
        (with(&two, &pause), &[400, 0]),
        (with(&odd, ""), &[400, 0]),
        (
            with(&format!("{token}Content-Length: +0\r\n"), ""),
            &[400, 0],
        ),
        (
            with(&format!("{token}{token}Content-Length: 0\r\n"), ""),
            &[401],
        ),
        (
            with(
                &format!("{token}Host: localhost\r\nContent-Length: 0\r\n"),
                "",
            ),
            &[400],
        ),
        (
            with(
                &format!("{token}Content-Type: text/plain\r\nContent-Length: 0\r\n"),
                "",
            ),
            &[415],
        ),
        (
            with(&format!("{token} folded\r\nContent-Length: 0\r\n"), ""),
            &[400, 401, 0],
        ),
        ("GET /ready HTTP/1.1\r\n\r\n".to_owned(), &[400]),
        ("GET /ready HTTP/1.0\r\n\r\n".to_owned(), &[400]),
    ] {
        let mut wire = target.attack().await;
        let answer = wire.ask(&request).await;
        assert!(expected.contains(&answer.status), "{request}: {answer:?}");
    }
    let (_, status) = target.get("/v1/status").await;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        status["pauses"],
        serde_json::json!([]),
        "a body was taken for a request"
    );
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("10 requests with two lengths, hosts, tokens", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_open_the_routes_of_their_role_alone() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let path = root().join("relayer/service/openapi.json");
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut refused = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let allowed: Vec<&String> = operation["security"]
                .as_array()
                .unwrap_or_else(|| panic!("{method} {path} does not say whose it is"))
                .iter()
                .flat_map(|one| one.as_object().unwrap().keys())
                .collect();
            let path = path.replace("{id}", &format!("0x{}", "11".repeat(32)));
            for (role, token) in [("submit", MALLORY), ("admin", OPS), ("", "")] {
                let request = format!(
                    "{} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                     Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n",
                    method.to_uppercase()
                );
                let answer = target.attack().await.ask(&request).await;
                let is_open = allowed.is_empty() || allowed.iter().any(|a| *a == role);
                let expected = if role.is_empty() { 401 } else { 403 };
                assert_eq!(
                    answer.status != expected,
                    is_open,
                    "{role} {method} {path}: {answer:?}"
                );
                refused += usize::from(!is_open);
            }
        }
    }
    assert!(refused >= 14, "{refused}");
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("every route with every role", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_shown_to_their_submitters_alone() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let job = target.submit().await;
    let id = job["id"].as_str().unwrap();
    for (token, expected) in [(ALICE, 200), (OPS, 200), (MALLORY, 404)] {
        let request = format!(
            "GET /v1/proofs/{id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let answer = target.attack().await.ask(&request).await;
        assert_eq!(answer.status, expected, "{answer:?}");
    }
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("another submitter's job by its id", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_under_a_foreign_finished_job_is_shown_its_state_alone() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let job = target.submit().await;
    let id = job["id"].as_str().unwrap();
    let path = format!("/v1/proofs/{id}");
    for _ in 0..400 {
        if target
            .get(&path)
            .await
            .1
            .contains("\"state\":\"confirmed\"")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut garbage = serde_json::to_value(target.world.proof(1_000_000)).unwrap();
    garbage["chunks"][2]["proof"] = format!("0x{}", "ab".repeat(32)).into();
    let hand_in = async |token: &str| {
        let body = garbage.to_string();
        let request = format!(
            "POST /v1/proofs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = target.attack().await.ask(&request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    let shown = hand_in(MALLORY).await;
    assert_eq!(shown, json!({ "id": id, "state": "confirmed" }));
    let own = hand_in(ALICE).await;
    assert_eq!((&own["id"], &own["root"]), (&job["id"], &job["root"]));
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("garbage under another's finished job", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_a_longest_length() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    for _ in 0..3 {
        target.submit().await;
    }
    for (query, expected) in [
        ("?limit=4294967295", Some(3)),
        ("?limit=2", Some(2)),
        ("?limit=0", Some(0)),
        ("?limit=4294967296", None),
        ("?limit=-1", None),
        ("?limit=1&limit=2", None),
        ("?offset=1", None),
    ] {
        let (status, body) = target.get(&format!("/v1/proofs{query}")).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        let length = body["proofs"].as_array().map(Vec::len);
        assert_eq!(
            (length, status),
            (expected, if expected.is_some() { 200 } else { 400 }),
            "{query}"
        );
    }
    for state in ["confirmed'--", "%00", "Queued"] {
        assert_eq!(
            target.get(&format!("/v1/proofs?state={state}")).await.0,
            400
        );
    }
    figures.at_its_height();
    let honest = target.honest().await;
    figures.print("10 lists of odd lengths and states", honest);
    let mut wire = Wire::open(ATTACKER, target.address()).await;
    assert_eq!(wire.ask(&get("/v1/proofs")).await.status, 401);
}
