//! Many proofs over HTTP to one relayer and one anvil.
//!
//! The verifiers are the test's own stubs (`StubVerifier`, which proves nothing): what is measured is the
//! relayer. `CHAINFER_LONG=1` queues 1,000 proofs.

use crate::relayer::Relayer;
use crate::world::World;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn queued_proofs_drain_without_loss() {
    let long = std::env::var_os("CHAINFER_LONG").is_some();
    let jobs: u64 = if long { 1_000 } else { 60 };
    let world = Arc::new(World::new().await);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let arguments = ["--max-in-flight", "64"];
    let mut relayer =
        Relayer::spawn_logging("warn", &world.anvil.url, &state.clone().into(), &arguments);
    relayer.listens().await;
    let relayer = Arc::new(relayer);

    let begin = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let (world, relayer) = (Arc::clone(&world), Arc::clone(&relayer));
        tokio::spawn(async move {
            for nonce in (client..jobs).step_by(usize::try_from(CLIENTS).unwrap()) {
                // Each proof has a root and a context of its own.
                relayer.submit(&world.proof(nonce)).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let queued = begin.elapsed();
    let status = async || {
        let url = format!("{}/v1/status", relayer.url);
        relayer.ask(reqwest::Client::new().get(url)).await
    };
    let done = |status: &Value| {
        let of = |state: &str| status["jobs"][state].as_u64().unwrap_or(0);
        of("confirmed") + of("finalized")
    };
    loop {
        let now = status().await;
        if done(&now) == jobs {
            break;
        }
        let limit = Duration::from_secs(if long { 500 } else { 60 });
        assert!(begin.elapsed() < limit, "{now:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let drained = begin.elapsed();
    let memory = relayer.peak_memory();
    let per_second = jobs as f64 / drained.as_secs_f64();
    let file = std::fs::metadata(&state).unwrap().len() >> 10;
    eprintln!(
        "load: {jobs} proofs queued in {queued:.1?}, attested in {drained:.1?}: {per_second:.1} a second; \
         the relayer's peak memory {memory} KiB, its state file {file} KiB"
    );
    assert_eq!(status().await["pending"], 0);
    let proven = u64::try_from(world.proven_events().await).unwrap();
    assert_eq!((world.sent(1).await, proven), (jobs, jobs));
    assert!(memory < 256 << 10, "{memory} KiB");
}
