//! Connections that are there to be in the way.

use super::target::{ALICE, MALLORY, OPS, Target};
use super::wire::{ATTACKER, Wire};
use std::time::Duration;

/// Sockets of a relayer besides those of its clients, and some of its honest clients.
const OWN: usize = 30;

/// The head of a request, without its end.
const UNFINISHED: &str = "POST /v1/proofs HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

async fn crowd(target: &Target, size: usize, from: impl Fn(usize) -> String) -> Vec<Wire> {
    let mut crowd = Vec::new();
    for i in 0..size {
        let mut wire = Wire::open(&from(i), target.address()).await;
        wire.send(UNFINISHED).await;
        crowd.push(wire);
    }
    crowd
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_heads_of_many_addresses_do_not_silence_the_service() {
    let target = Target::new(&["--max-connections", "64", "--header-timeout-ms", "600000"]).await;
    let mut figures = target.figures();
    let _crowd = crowd(&target, 400, |i| format!("127.0.1.{}", 1 + i % 100)).await;
    let honest = target.honest().await;
    assert!(figures.at_its_height() <= 64 + OWN);
    assert!(figures.growth() < 16 << 10, "{} KiB", figures.growth());
    figures.print("400 unfinished heads from 100 addresses", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn crowd_of_one_address_closes_its_own_connections_only() {
    let limits = [
        "--max-connections-per-peer",
        "16",
        "--header-timeout-ms",
        "600000",
    ];
    let target = Target::new(&limits).await;
    let mut figures = target.figures();
    let get = format!(
        "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPS}\r\n\r\n"
    );
    let mut idle = Wire::open("127.0.0.1", target.address()).await;
    assert_eq!(idle.ask(&get).await.status, 200);
    let _crowd = crowd(&target, 200, |_| ATTACKER.to_owned()).await;
    let honest = target.honest().await;
    assert!(figures.at_its_height() <= 16 + OWN);
    // Older than all of the crowd, and from another address: still there.
    assert_eq!(idle.ask(&get).await.status, 200);
    figures.print("200 unfinished heads from one address", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_drip_and_idle_connections_are_closed() {
    let target = Target::new(&["--header-timeout-ms", "300"]).await;
    let mut figures = target.figures();
    let mut dripping = crowd(&target, 20, |_| ATTACKER.to_owned()).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut wire = target.attack().await;
        let answer = wire
            .ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        assert_eq!(answer.status, 200);
        idle.push(wire);
    }
    figures.at_its_height();
    let honest = target.honest().await;
    let drops = dripping.iter_mut().map(async |wire| {
        while wire.send("x").await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    for dripped in drops {
        dripped.await;
    }
    for mut wire in idle {
        assert_eq!(wire.rest().await, "");
    }
    figures.print("20 heads that drip, 20 idle connections", honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_requests_do_not_hold_the_end_up() {
    let patience = [
        "--header-timeout-ms",
        "600000",
        "--body-timeout-ms",
        "600000",
        "--shutdown-timeout-ms",
        "500",
    ];
    let target = Target::new(&patience).await;
    let mut figures = target.figures();
    let mut waiting = crowd(&target, 20, |_| ATTACKER.to_owned()).await;
    let mut body = target.attack().await;
    let head = format!(
        "POST /v1/proofs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {MALLORY}\r\nContent-Length: 1000\r\n\r\n"
    );
    body.send(head).await;
    waiting.push(body);
    let honest = target.honest().await;
    figures.at_its_height();
    figures.print("20 unfinished heads and a body, then SIGTERM", honest);
    // `rest` fails when the relayer does not close.
    let ended = tokio::task::spawn_blocking(|| target.relayer.terminate());
    for mut wire in waiting {
        wire.rest().await;
    }
    assert!(ended.await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_are_given_up() {
    let limits = [
        "--write-timeout-ms",
        "300",
        "--peer-rate",
        "1000000",
        "--max-connections",
        "64",
    ];
    let target = Target::new(&limits).await;
    let mut figures = target.figures();
    let many = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(400);
    let mut deaf = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::narrow(ATTACKER, target.address()).await;
        wire.send_some(many.as_bytes());
        deaf.push(wire);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    figures.at_its_height();
    let honest = target.honest().await;
    assert!(figures.growth() < 32 << 10, "{} KiB", figures.growth());
    // The clients keep their ends open.
    target.sockets_at_most(20).await;
    figures.print("20 x 400 pipelined requests, no answer read", honest);
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_protocols_are_turned_away() {
    let target = Target::new(&[]).await;
    let mut figures = target.figures();
    let noise: Vec<u8> = (0..200_000_u32)
        .map(|i| (i.wrapping_mul(i) >> 7) as u8)
        .collect();
    let tls = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 500]].concat();
    let sayings: [&[u8]; 5] = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        &tls,
        &noise,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\0\0\0",
    ];
    let get = format!(
        "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ALICE}\r\n\
         Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    );
    let upgrade = target.attack().await.ask(&get).await;
    assert_eq!(upgrade.status, 403, "{upgrade:?}");
    for saying in sayings {
        for _ in 0..10 {
            let mut wire = target.attack().await;
            wire.send(saying).await;
            let answer = wire.rest().await;
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
                "{answer}"
            );
        }
    }
    figures.at_its_height();
    let honest = target.honest().await;
    assert!(figures.growth() < 8 << 10, "{} KiB", figures.growth());
    figures.print("50 x HTTP/2, TLS, noise; an upgrade", honest);
}
