//! Bodies that are too slow, too large, or made to be dear.

use super::target::{ALICE, MALLORY, Target};
use super::wire::{ATTACKER, Wire};
use crate::proxy::Fault;
use std::time::Duration;

fn head(token: &str, framing: &str) -> String {
    format!(
        "POST /v1/proofs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\n{framing}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_of_one_submitter_leave_room_for_others() {
    let limits = [
        "--max-requests",
        "64",
        "--body-timeout-ms",
        "600000",
        "--header-timeout-ms",
        "600000",
    ];
    let target = Target::new(&limits).await;
    let mut figures = target.figures();
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut wire = target.attack().await;
        wire.send(head(MALLORY, "Content-Length: 100000")).await;
        slow.push(wire);
    }
    let honest = target.honest().await;
    figures.at_its_height();
    // One is over the submitter's portion.
    let mut wire = target.attack().await;
    let refused = wire.ask(&head(MALLORY, "Content-Length: 100000")).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "busy"));
    assert!(
        refused.head.to_lowercase().contains("retry-after"),
        "{refused:?}"
    );
    assert!(figures.growth() < 16 << 10, "{} KiB", figures.growth());
    figures.print("100 bodies that never come, with a token", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_drips_is_given_up() {
    let limits = ["--header-timeout-ms", "300", "--min-body-rate", "100000"];
    let target = Target::new(&limits).await;
    let mut figures = target.figures();
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut wire = target.attack().await;
        wire.send(head(MALLORY, "Content-Length: 1000000")).await;
        slow.push(wire);
    }
    figures.at_its_height();
    for _ in 0..50 {
        for wire in &mut slow {
            wire.send_some(b"[");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for mut wire in slow {
        let answer = wire.response().await;
        // What came after the answer may have broken the connection.
        assert!(matches!(answer.status, 408 | 0), "{answer:?}");
    }
    let silent = target
        .attack()
        .await
        .ask(&head(MALLORY, "Content-Length: 10"))
        .await;
    assert_eq!((silent.status, silent.code().as_str()), (408, "slow_body"));
    let honest = target.honest().await;
    figures.print("8 bodies at 50 bytes a second", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn body_without_end_is_cut_at_the_limit() {
    let target = Target::new(&["--max-body", "1000000"]).await;
    let mut figures = target.figures();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..8 {
        let mut wire = target.attack().await;
        wire.send(head(MALLORY, "Transfer-Encoding: chunked")).await;
        let mut sent = 0;
        while wire.send(&chunk).await {
            sent += chunk.len();
            assert!(sent < 32 << 20, "there is no end");
        }
    }
    let declared = target
        .attack()
        .await
        .ask(&head(MALLORY, "Content-Length: 1000001"))
        .await;
    assert_eq!(
        (declared.status, declared.code().as_str()),
        (413, "too_large")
    );
    figures.at_its_height();
    let honest = target.honest().await;
    assert!(figures.growth() < 24 << 10, "{} KiB", figures.growth());
    figures.print("8 chunked bodies without end", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_bodies_are_not_read() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let wrong = "0123456789".repeat(4);
    for token in ["", "x", &wrong] {
        for expect in ["", "\r\nExpect: 100-continue"] {
            let framing = format!("Content-Length: 16000000{expect}");
            let mut wire = target.attack().await;
            let answer = wire.ask(&head(token, &framing)).await;
            assert_eq!(answer.status, 401, "{answer:?}");
            assert!(!answer.head.contains("100 Continue"), "{answer:?}");
            // The rest of the body finds nobody.
            let mut sent = 0;
            while wire.send([b' '; 65_536]).await {
                sent += 65_536;
                assert!(sent < 16 << 20, "the body is taken");
            }
        }
    }
    figures.at_its_height();
    let honest = target.honest().await;
    assert!(figures.growth() < 8 << 10, "{} KiB", figures.growth());
    figures.print("6 bodies of 16 MB without a token", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_all_requests_together_are_bounded() {
    let limits = [
        "--max-body",
        "1000000",
        "--max-body-memory",
        "4000000",
        "--body-timeout-ms",
        "600000",
        "--header-timeout-ms",
        "600000",
    ];
    let target = Target::new(&limits).await;
    let mut figures = target.figures();
    let almost = " ".repeat(999_999);
    let mut held = Vec::new();
    for _ in 0..32 {
        let mut wire = Wire::open(ATTACKER, target.address()).await;
        wire.send(head(MALLORY, "Content-Length: 1000000")).await;
        wire.send(&almost).await;
        held.push(wire);
    }
    let honest = target.honest().await;
    figures.at_its_height();
    let (_, metrics) = target.get("/metrics").await;
    let line = "chainfer_relayer_body_bytes ";
    let taken = metrics.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    // Half of the memory is the other submitter's.
    assert!(
        (1..=2_000_000).contains(&taken.parse::<u64>().unwrap()),
        "{taken}"
    );
    assert!(figures.growth() < 20 << 10, "{} KiB", figures.growth());
    figures.print("32 bodies of 1 MB that lack a byte", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_made_to_be_dear_is_refused_in_few_words() {
    let target = Target::new(&["--max-body", "4000000"]).await;
    let mut figures = target.figures();
    let good = serde_json::to_string(&target.world.proof(1)).unwrap();
    let long = "9".repeat(1_000_000);
    let field = |name: &str, value: &str| {
        let mut json: serde_json::Value = serde_json::from_str(&good).unwrap();
        json[name] = "here".into();
        json.to_string().replace("\"here\"", value)
    };
    for body in [
        "[".repeat(1_000_000),
        "{\"a\":".repeat(600_000),
        field("root", &format!("\"{long}\"")),
        field("root", &long),
        field("model_id", &format!("\"{}\"", "\\u0000".repeat(500_000))),
        field("chunks", &format!("[{}0]", "0,".repeat(1_000_000))),
        format!("{{{}\"a\":1}}", "\"a\":1,".repeat(300_000)),
    ] {
        let mut wire = target.attack().await;
        wire.send(head(MALLORY, &format!("Content-Length: {}", body.len())))
            .await;
        wire.send(&body).await;
        let answer = wire.response().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_proof"));
        assert!(answer.body.len() < 8_000, "{} bytes", answer.body.len());
    }
    figures.at_its_height();
    let gas = target.gas_spent().await;
    assert_eq!(gas, 0);
    figures.gas(gas);
    let honest = target.honest().await;
    assert!(figures.growth() < 64 << 10, "{} KiB", figures.growth());
    figures.print("7 bodies of 1 to 4 MB of hostile JSON", honest);
    // Alice's answers come whole in spite of it.
    let mut wire = Wire::open("127.0.0.1", target.address()).await;
    let refused = wire.ask(&(head(ALICE, "Content-Length: 2") + "{}")).await;
    assert_eq!(refused.status, 400);
}

/// A POST with that body, of mallory's.
fn post(body: &str) -> String {
    head(MALLORY, &format!("Content-Length: {}", body.len())) + body
}

/// KiB by which a relayer may grow at its height for bodies of 16 MB.
const ROOM: u64 = 200 << 10;

/// A body of 16 MB that is a hundred times as large as a tree of its values.
fn swelling() -> String {
    format!("[{}{{}}]", "{\"\":0},".repeat(2_000_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn json_of_many_small_values_takes_little_more_than_its_text() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let before = target.relayer.peak_memory();
    let start = r#"{"format":"chainfer.proof","version":1"#;
    for body in [
        swelling(),
        format!("{start},\"outputs\":{},\"root\":0}}", swelling()),
        format!("{start},\"chunks\":[{}0]}}", "[],".repeat(5_000_000)),
        format!("{start},\"binding\":{{\"{}\":0}}}}", "x".repeat(16_000_000)),
        format!("{start},\"root\":\"{}\"}}", "\\n".repeat(8_000_000)),
    ] {
        let answer = target.attack().await.ask(&post(&body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_proof"));
    }
    figures.at_its_height();
    let honest = target.honest().await;
    let grown = target.relayer.peak_memory() - before;
    assert!(grown < ROOM, "{grown} KiB");
    figures.print("5 bodies of 16 MB of small or long values", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_whose_senders_hang_up_stay_counted() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let before = target.relayer.peak_memory();
    let request = post(&swelling());
    for _ in 0..12 {
        let mut wire = target.attack().await;
        wire.send(&request).await;
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    figures.at_its_height();
    let honest = target.honest().await;
    let grown = target.relayer.peak_memory() - before;
    assert!(grown < ROOM, "{grown} KiB");
    figures.print("12 bodies of 16 MB, their senders gone at once", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_held_until_the_work_ends_though_the_sender_hung_up() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let held = async || {
        let (_, metrics) = target.get("/metrics").await;
        let line = "chainfer_relayer_body_bytes ";
        let held = metrics.lines().find_map(|l| l.strip_prefix(line)).unwrap();
        held.parse::<u64>().unwrap()
    };
    assert_eq!(held().await, 0);
    // Nothing is known of the model yet, and the node does not say it.
    target.proxy.inject("eth_call", Fault::Hold, usize::MAX);
    let proof = serde_json::to_string(&target.world.proof(1)).unwrap();
    let mut wire = target.attack().await;
    wire.send(post(&proof)).await;
    target.proxy.held().await;
    figures.at_its_height();
    drop(wire);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(held().await > 0);
    // The node is not waited for for ever.
    for _ in 0..600 {
        if held().await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(held().await, 0);
    target.proxy.clear();
    let honest = target.honest().await;
    figures.print("a sender who hangs up while the node is asked", honest);
}
