//! What the binary writes.

use crate::anvil::KEYS;
use crate::proxy::{Fault, Proxy};
use crate::relayer::Relayer;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn killed_relayer_resumes_and_logs_no_secret() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject("eth_sendRawTransaction", Fault::Swallow, usize::MAX);
    let rpc = format!("{}/?key=secret-node-key", proxy.url);

    let relayer = Relayer::start(&rpc, &state.clone().into()).await;
    let id = relayer.submit(&world.proof(1)).await;
    relayer.until(&id, "submitting").await;
    relayer.kill();

    proxy.clear();
    let relayer = Relayer::start(&rpc, &state.clone().into()).await;
    relayer.until(&id, "confirmed").await;
    relayer.kill();
    let log = std::fs::read_to_string(state.with_extension("log")).unwrap();
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));

    assert!(log.contains("job confirmed"), "{log}");
    for secret in [&KEYS[1][2..], "sesame", "secret-node-key"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_node_forge_no_line_of_the_log() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let proxy = Proxy::start(&world.anvil.url).await;
    let forged = "\u{1b}[2J\r\n2026-11-29T00:00:00Z  INFO job confirmed \u{202e}\u{9b}31m";
    proxy.inject("eth_sendRawTransaction", Fault::Refuse(forged), 3);
    let relayer = Relayer::start(&proxy.url, &state.clone().into()).await;
    let id = relayer.submit(&world.proof(1)).await;
    relayer.until(&id, "confirmed").await;
    relayer.kill();
    let log = std::fs::read_to_string(state.with_extension("log")).unwrap();
    let shown =
        "\\u{1b}[2J\\u{d}\\u{a}2026-11-29T00:00:00Z  INFO job confirmed \\u{202e}\\u{9b}31m";
    assert!(log.contains(shown), "{log}");
    assert!(
        !log.lines()
            .any(|line| line.starts_with("2026-11-29T00:00:00Z"))
    );
    let obeyed = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!log.contains(obeyed));
}
