//! The disk is full, or the database is busy.

use crate::scene::{Scene, until};
use crate::service::{Running, config};
use chainfer_relayer::Error;
use chainfer_relayer::Submitter;
use chainfer_relayer::engine::Engine;
use chainfer_relayer::state::JobState;
use chainfer_relayer::store::{DatabaseError, Store};
use rusqlite::{Connection, ErrorCode};
use std::time::Duration;

fn is_full(e: &Error) -> bool {
    matches!(e, Error::Database(DatabaseError::Sqlite(rusqlite::Error::SqliteFailure(e, _))) if e.code == ErrorCode::DiskFull)
}

/// Lets the file grow no further: a limit below its size is taken for its size.
async fn fill_disk(engine: &Engine) {
    engine.store().limit_size(1).await.unwrap();
}

async fn make_room(engine: &Engine) {
    engine.store().limit_size(1 << 32).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_full_refuses_the_proof_and_takes_it_later() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    fill_disk(&engine).await;
    let mut refused = 0;
    // What fits in pages that are there already is taken.
    for nonce in 100..140 {
        if let Err(e) = engine
            .submit(&scene.world.proof(nonce), &Submitter::local())
            .await
        {
            assert!(is_full(&e) && e.is_transient(), "{e}");
            refused += 1;
        }
    }
    assert!(refused > 0);
    make_room(&engine).await;
    let mut jobs = Vec::new();
    for nonce in 100..140 {
        jobs.push((scene.submit(&engine, nonce).await, JobState::Finalized));
    }
    scene.settle(&engine, &jobs, 0).await;
    assert_eq!(scene.counts().await.0, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_full_while_relaying_sends_nothing_that_is_not_stored() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let mut jobs = Vec::new();
    for nonce in 0..20 {
        jobs.push((scene.submit(&engine, nonce).await, JobState::Finalized));
    }
    fill_disk(&engine).await;
    for _ in 0..5 {
        let _ = engine.tick().await;
        let mut known = Vec::new();
        for intent in engine.store().all_intents().await.unwrap() {
            let attempts = engine.store().attempts(intent.id).await.unwrap();
            known.extend(attempts.into_iter().map(|a| a.tx.hash));
        }
        assert!(scene.proxy.broadcast().iter().all(|h| known.contains(h)));
    }
    let sent = scene.proxy.broadcast().len();
    assert!(sent < 20, "the disk was never full");
    make_room(&engine).await;
    scene.settle(&engine, &jobs, 0).await;
    assert_eq!(scene.counts().await.0, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_full_is_a_503_that_says_when_to_come_back() {
    let scene = Scene::new().await;
    let mut settings = config(&scene.proxy.url, Some(scene.state()));
    settings.max_state_bytes = Some(1);
    settings.client.engine.poll = Duration::from_secs(3600);
    let service = Running::start(settings).await;
    let mut refused = None;
    for nonce in 0..60 {
        let body = serde_json::to_string(&scene.world.proof(nonce)).unwrap();
        let url = format!("{}/v1/proofs", service.url);
        let reply = service.http.post(url).body(body).send().await.unwrap();
        if reply.status().as_u16() == 503 {
            refused = Some(reply);
            break;
        }
    }
    let reply = refused.expect("the file grows beyond its limit");
    assert_eq!(reply.headers()["retry-after"], "1");
    assert_eq!(service.get("/health").await.0, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_database_only_delays() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let mut other = Connection::open(scene.state_file()).unwrap();
    let held = tokio::task::spawn_blocking(move || {
        let behavior = rusqlite::TransactionBehavior::Immediate;
        let tx = other.transaction_with_behavior(behavior).unwrap();
        std::thread::sleep(Duration::from_millis(800));
        tx.commit().unwrap();
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let id = scene.submit(&engine, 1).await;
    assert!(held.is_finished(), "it waited for its turn");
    held.await.unwrap();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_taken_while_relaying_is_whole_and_can_be_gone_on_with() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    // The copy says who sends, too.
    config.engine.lease_ttl = Duration::from_millis(300);
    let engine = config.connect().await.unwrap();
    let mut jobs = Vec::new();
    for nonce in 0..10 {
        jobs.push((scene.submit(&engine, nonce).await, JobState::Finalized));
    }
    let copy = scene.folder().join("copy.sqlite");
    let (from, to) = (scene.state_file(), copy.clone());
    let backup = tokio::task::spawn_blocking(move || Store::backup(&from, &to));
    for _ in 0..3 {
        engine.tick().await.unwrap();
    }
    backup.await.unwrap().unwrap();
    // The original is lost, with all that happened since.
    drop(engine);
    config.state = Some(copy.into());
    let engine = config.connect().await.unwrap();
    for (id, _) in &jobs {
        until(&engine, *id, JobState::Confirmed).await;
    }
    assert_eq!(scene.world.proven_events().await, 10);
    let (latest, pending) = scene.counts().await;
    assert_eq!(latest, pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_cannot_be_written_does_not_hold_the_others_up() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let first = scene.submit(&engine, 1).await;
    let second = scene.submit(&engine, 2).await;
    // As with a full disk: no change of the first job's is taken.
    let file = Connection::open(scene.state_file()).unwrap();
    let refuse = format!(
        "CREATE TRIGGER full BEFORE UPDATE ON jobs WHEN hex(OLD.id) = '{}'
         BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
        alloy::hex::encode_upper(first)
    );
    file.execute_batch(&refuse).unwrap();
    for _ in 0..200 {
        assert!(engine.tick().await.is_err(), "it is told");
        let job = engine.store().job(second).await.unwrap().unwrap();
        if job.state == JobState::Confirmed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let state = async |id| engine.store().job(id).await.unwrap().unwrap().state;
    assert_eq!(state(second).await, JobState::Confirmed);
    assert_eq!(state(first).await, JobState::Queued);
    file.execute_batch("DROP TRIGGER full").unwrap();
    let finalized = [first, second].map(|id| (id, JobState::Finalized));
    scene.settle(&engine, &finalized, 0).await;
}
