//! The binary, killed (SIGKILL) after each step that it persists, and started again.
//!
//! The moment is set from outside: a request that follows the step is held by the proxy, so that the process
//! is known to have stored the one and not the next. The program has no hooks for this.

use crate::proxy::Fault;
use crate::relayer::Relayer;
use crate::scene::Scene;
use alloy::primitives::B256;
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::store::Store;
use rusqlite::Connection;
use std::time::Duration;

const SEND: &str = "eth_sendRawTransaction";

/// A test's waits.
const WAITS: [&str; 2] = ["--resend-after-ms", "100"];

/// The same, with a replacement soon.
const BUMPS: [&str; 4] = ["--resend-after-ms", "100", "--bump-after-ms", "300"];

/// The job's state, those of its transactions, and what the node last said to each attempt.
async fn state_of(scene: &Scene) -> (JobState, Vec<IntentState>, Vec<Option<String>>) {
    let store = Store::connect(&scene.state()).await.unwrap();
    let job = store.jobs(None, 1).await.unwrap()[0].state;
    let mut outcomes = Vec::new();
    let intents = store.all_intents().await.unwrap();
    for intent in &intents {
        let attempts = store.attempts(intent.id).await.unwrap();
        outcomes.extend(attempts.into_iter().map(|a| a.last_outcome));
    }
    (job, intents.iter().map(|i| i.state).collect(), outcomes)
}

/// Starts the relayer again, without faults, and checks everything when it has come to rest.
async fn resume(scene: &Scene, id: &str, end: JobState) -> Store {
    scene.proxy.clear();
    scene.start_mining().await;
    let relayer = Relayer::start_with(&scene.proxy.url, &scene.state(), &WAITS).await;
    let state = if end == JobState::Finalized {
        JobState::Confirmed
    } else {
        end
    };
    relayer.until(id, state.as_str()).await;
    assert!(relayer.terminate().success());
    let engine = scene.engine().await;
    let id: B256 = id.parse().unwrap();
    scene.settle(&engine, &[(id, end)], 0).await;
    engine.store().clone()
}

/// Submits a proof, waits for a held request, kills.
async fn killed_at(scene: &Scene, arguments: &[&str]) -> String {
    let relayer = Relayer::start_with(&scene.proxy.url, &scene.state(), arguments).await;
    let id = relayer.submit(&scene.world.proof(1)).await;
    scene.proxy.held().await;
    relayer.kill();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_enqueue() {
    let scene = Scene::new().await;
    scene.proxy.inject("eth_call", Fault::Hold, usize::MAX);
    let id = killed_at(&scene, &WAITS).await;
    assert_eq!(state_of(&scene).await, (JobState::Queued, vec![], vec![]));
    resume(&scene, &id, JobState::Finalized).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_planning() {
    let scene = Scene::new().await;
    scene
        .proxy
        .inject("eth_feeHistory", Fault::Hold, usize::MAX);
    let id = killed_at(&scene, &WAITS).await;
    let expected = (JobState::Planned, vec![IntentState::Ready], vec![]);
    assert_eq!(state_of(&scene).await, expected);
    resume(&scene, &id, JobState::Finalized).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_reserving_and_storing() {
    let scene = Scene::new().await;
    scene.proxy.inject(SEND, Fault::Hold, usize::MAX);
    let id = killed_at(&scene, &WAITS).await;
    let pending = vec![IntentState::Pending];
    let expected = (JobState::Submitting, pending, vec![None]);
    assert_eq!(state_of(&scene).await, expected);
    let store = resume(&scene, &id, JobState::Finalized).await;
    let attempts = store.attempts(1).await.unwrap();
    assert_eq!((attempts.len(), scene.counts().await.0), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_sending() {
    let scene = Scene::new().await;
    scene.proxy.inject(SEND, Fault::ForwardAndHold, 1);
    let id = killed_at(&scene, &WAITS).await;
    assert_eq!(scene.counts().await.0, 1, "it is mined, and nobody knows");
    assert_eq!(state_of(&scene).await.2, [None]);
    let store = resume(&scene, &id, JobState::Finalized).await;
    let attempts = store.attempts(1).await.unwrap();
    assert_eq!((attempts.len(), scene.counts().await.0), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_the_receipt_in_hand() {
    let scene = Scene::new().await;
    let receipt = "eth_getTransactionReceipt";
    scene.proxy.inject(receipt, Fault::ForwardAndHold, 1);
    let id = killed_at(&scene, &WAITS).await;
    assert_eq!(state_of(&scene).await.1, [IntentState::Pending]);
    resume(&scene, &id, JobState::Finalized).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_storing_the_receipt() {
    let scene = Scene::new().await;
    // One call asks for the model when the proof is handed in; then the first one reads the inference, the second simulates, the third
    // reads it again.
    scene
        .proxy
        .inject_after(1 + 2, "eth_call", Fault::Hold, usize::MAX);
    let id = killed_at(&scene, &WAITS).await;
    let (job, intents, _) = state_of(&scene).await;
    assert_eq!(
        (job, intents),
        (JobState::Submitting, vec![IntentState::Mined])
    );
    resume(&scene, &id, JobState::Finalized).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_confirmation() {
    let scene = Scene::new().await;
    let relayer = Relayer::start_with(&scene.proxy.url, &scene.state(), &WAITS).await;
    let id = relayer.submit(&scene.world.proof(1)).await;
    relayer.until(&id, "confirmed").await;
    relayer.kill();
    resume(&scene, &id, JobState::Finalized).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_replacement_before_it_is_sent() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    scene.proxy.inject_after(1, SEND, Fault::Hold, usize::MAX);
    let id = killed_at(&scene, &BUMPS).await;
    let outcomes = state_of(&scene).await.2;
    assert_eq!(outcomes, [Some("accepted".to_owned()), None]);
    let store = resume(&scene, &id, JobState::Finalized).await;
    let attempts = store.attempts(1).await.unwrap();
    assert_eq!((attempts.len(), scene.counts().await.0), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_replacement_after_it_is_sent() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    scene.proxy.inject_after(1, SEND, Fault::ForwardAndHold, 1);
    let id = killed_at(&scene, &BUMPS).await;
    let outcomes = state_of(&scene).await.2;
    assert_eq!(outcomes, [Some("accepted".to_owned()), None]);
    let store = resume(&scene, &id, JobState::Finalized).await;
    let settled = store.intent(1).await.unwrap().settlement.unwrap();
    let attempts = store.attempts(1).await.unwrap();
    assert_eq!(settled.attempt_id, Some(attempts[1].id), "the dearer one");
    assert_eq!(scene.counts().await.0, 1);
}

/// Kills a relayer that was told to cancel what is in the pool, at its next request that is held.
async fn killed_in_cancellation(scene: &Scene, method: &'static str, fault: Fault) -> String {
    scene.stop_mining().await;
    scene.proxy.inject_after(1, method, fault, usize::MAX);
    let relayer = Relayer::start_with(&scene.proxy.url, &scene.state(), &WAITS).await;
    let id = relayer.submit(&scene.world.proof(1)).await;
    while scene.counts().await.1 == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relayer.cancel(&id).await;
    scene.proxy.held().await;
    relayer.kill();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_wish_to_cancel() {
    let scene = Scene::new().await;
    let id = killed_in_cancellation(&scene, "eth_feeHistory", Fault::Hold).await;
    assert_eq!(state_of(&scene).await.2.len(), 1);
    resume_cancelled(&scene, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_cancellation_before_it_is_sent() {
    let scene = Scene::new().await;
    let id = killed_in_cancellation(&scene, SEND, Fault::Hold).await;
    assert_eq!(state_of(&scene).await.2.len(), 2);
    resume_cancelled(&scene, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_cancellation_after_it_is_sent() {
    let scene = Scene::new().await;
    let id = killed_in_cancellation(&scene, SEND, Fault::ForwardAndHold).await;
    assert_eq!(state_of(&scene).await.2.len(), 2);
    resume_cancelled(&scene, &id).await;
}

/// As [`resume`], but no block is made before the relayer had its chance to replace.
async fn resume_cancelled(scene: &Scene, id: &str) {
    scene.proxy.clear();
    let relayer = Relayer::start_with(&scene.proxy.url, &scene.state(), &WAITS).await;
    let replaced = async || {
        let outcomes = state_of(scene).await.2;
        outcomes.len() == 2 && outcomes[1].is_some()
    };
    while !replaced().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(relayer);
    resume(scene, id, JobState::Cancelled).await;
    assert_eq!(scene.counts().await.0, 1);
}

/// Rows of an old database, so many that bringing it up to date takes a while.
const OLD_ROWS: i64 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_migration() {
    let scene = Scene::new().await;
    let state = scene.state_file();
    let c = Connection::open(&state).unwrap();
    c.execute_batch(include_str!("../../../migrations/0001_outbox.sql"))
        .unwrap();
    c.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA user_version = 1;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {OLD_ROWS})
         INSERT INTO intents (id, kind, chain_id, sender, data, gas_limit, nonce, state, gas_used, gas_price, created_at, updated_at)
         SELECT i, 'call', 31337, zeroblob(20), x'00', 21000, i, 'mined', 21000, 1000000000, 1, 1 FROM n;
         INSERT INTO attempts (intent_id, seq, purpose, nonce, raw, tx_hash, max_fee, priority_fee, gas_limit, created_at)
         SELECT id, 0, 'call', nonce, x'02', CAST(printf('%032d', id) AS BLOB), 2000000000, 1, 21000, 1 FROM intents;
         PRAGMA wal_checkpoint(TRUNCATE);"
    ))
    .unwrap();
    drop(c);
    let log = state.with_file_name("state.sqlite-wal");
    let mut midway = 0;
    for _ in 0..10 {
        let relayer = Relayer::spawn(&scene.proxy.url, &state.clone().into(), &WAITS);
        // What does not fit in memory goes to the log before anything is committed.
        while std::fs::metadata(&log).map_or(0, |m| m.len()) < 100_000 {
            assert!(std::fs::metadata(&state).is_ok());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        relayer.kill();
        let c = Connection::open(&state).unwrap();
        let version: i64 = c
            .query_row("PRAGMA user_version", [], |r| r.get(0))
            .unwrap();
        let sound: String = c
            .query_row("PRAGMA integrity_check", [], |r| r.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
        if version > 1 {
            break;
        }
        let left: i64 = c
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name IN ('spend', 'accounts', 'leases')",
                [],
                |r| r.get(0),
            )
            .unwrap();
        assert_eq!(left, 0, "all of it or nothing");
        midway += 1;
        if midway == 3 {
            break;
        }
    }
    assert!(midway > 0, "never killed midway");
    let relayer = Relayer::start_with(&scene.proxy.url, &state.clone().into(), &WAITS).await;
    let id = relayer.submit(&scene.world.proof(1)).await;
    relayer.until(&id, "confirmed").await;
    drop(relayer);
    let c = Connection::open(&state).unwrap();
    let kept: i64 = c
        .query_row(
            "SELECT count(*) FROM spend WHERE settled = 21001",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(kept, OLD_ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_sender_is_succeeded_at_once_by_the_one_that_waits() {
    let scene = Scene::new().await;
    scene.proxy.inject(SEND, Fault::Hold, 1);
    let first = Relayer::start_with(&scene.proxy.url, &scene.state(), &WAITS).await;
    let id = first.submit(&scene.world.proof(1)).await;
    scene.proxy.held().await;
    let second = Relayer::start_with(&scene.proxy.url, &scene.state(), &WAITS).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(scene.counts().await, (0, 0), "the second one waits");
    first.kill();
    second.until(&id, "confirmed").await;
    drop(second);
    resume(&scene, &id, JobState::Finalized).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn terminated_in_the_middle_ends_in_order_and_resumes() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let relayer = Relayer::start_with(&scene.proxy.url, &scene.state(), &WAITS).await;
    let id = relayer.submit(&scene.world.proof(1)).await;
    relayer.until(&id, "submitting").await;
    assert!(relayer.terminate().success());
    resume(&scene, &id, JobState::Finalized).await;
    assert_eq!(scene.counts().await.0, 1);
}
