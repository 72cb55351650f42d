//! The state is in a PostgreSQL database, whose server fails.

use super::server_proxy::ServerProxy;
use crate::postgres::{execute, fresh_database};
use crate::scene::{Scene, until};
use chainfer_relayer::Error;
use chainfer_relayer::Submitter;
use chainfer_relayer::client::ClientConfig;
use chainfer_relayer::engine::Engine;
use chainfer_relayer::state::JobState;
use chainfer_relayer::store::{Location, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A relayer whose database is behind a proxy; the database's own address comes last.
async fn behind_proxy(scene: &Scene) -> (ClientConfig, ServerProxy, String) {
    let direct = fresh_database().await;
    let proxy = ServerProxy::start(&direct).await;
    let mut config = scene.config();
    config.state = Some(location(&proxy.address));
    (config, proxy, direct)
}

fn location(address: &str) -> Location {
    Location::Postgres(address.into())
}

async fn execute_owned(address: String, sql: &str) {
    execute(&address, sql.to_owned()).await;
}

/// Ticks of which none may fail for good.
async fn ticks(engine: &Engine, times: usize) {
    for _ in 0..times {
        if let Err(e) = engine.tick().await {
            assert!(e.is_transient(), "{e}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_outage_only_delays() {
    let scene = Scene::new().await;
    let (config, proxy, _) = behind_proxy(&scene).await;
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    proxy.cut();
    let refused = engine
        .submit(&scene.world.proof(2), &Submitter::local())
        .await
        .unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    assert!(engine.store().ping().await.is_err());
    ticks(&engine, 2).await;
    assert_eq!(scene.proxy.broadcast().len(), 0);
    proxy.restore();
    until(&engine, id, JobState::Confirmed).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ends_only_delay() {
    let scene = Scene::new().await;
    let (config, _proxy, direct) = behind_proxy(&scene).await;
    let engine = config.connect().await.unwrap();
    let mut jobs = Vec::new();
    for nonce in 0..4 {
        jobs.push((scene.submit(&engine, nonce).await, JobState::Finalized));
        // Its writes wait for this one, and are ended while they do.
        let end = "SELECT pg_advisory_xact_lock(7163082312784438642), pg_sleep(0.5),
                          (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                           WHERE datname = current_database() AND pid <> pg_backend_pid())";
        let ending = tokio::spawn(execute_owned(direct.clone(), end));
        tokio::time::sleep(Duration::from_millis(200)).await;
        let ended = engine
            .submit(&scene.world.proof(100 + nonce), &Submitter::local())
            .await;
        ending.await.unwrap();
        assert!(ended.unwrap_err().is_transient());
        ticks(&engine, 1).await;
    }
    scene.settle(&engine, &jobs, 0).await;
    assert_eq!(scene.counts().await.0, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answer_to_a_commit_makes_nothing_happen_twice() {
    let scene = Scene::new().await;
    let (config, proxy, _) = behind_proxy(&scene).await;
    let engine = config.connect().await.unwrap();
    proxy.lose_answer_to("COMMIT");
    let unknown = engine
        .submit(&scene.world.proof(1), &Submitter::local())
        .await
        .unwrap_err();
    assert!(unknown.is_transient(), "{unknown}");
    // It was stored all the same, and is found when the client asks again.
    let id = scene.submit(&engine, 1).await;
    assert_eq!(engine.store().jobs(None, 10).await.unwrap().len(), 1);
    // Every commit of the way loses its answer once.
    let mut lost = 0;
    for _ in 0..40 {
        proxy.lose_answer_to("COMMIT");
        ticks(&engine, 1).await;
        lost += u32::from(proxy.has_lost_answer());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(lost >= 5, "{lost}");
    proxy.restore();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_writer_is_waited_for() {
    let scene = Scene::new().await;
    let (config, _proxy, direct) = behind_proxy(&scene).await;
    let engine = config.connect().await.unwrap();
    let sleeping = tokio::spawn(async move {
        let lock = "SELECT pg_advisory_xact_lock(7163082312784438642), pg_sleep(1)";
        execute(&direct, lock.to_owned()).await;
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    let id = scene.submit(&engine, 1).await;
    assert!(begin.elapsed() > Duration::from_millis(400), "it waited");
    sleeping.await.unwrap();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_machine_that_vanishes_is_given_up_in_time() {
    let scene = Scene::new().await;
    let (config, proxy, direct) = behind_proxy(&scene).await;
    let engine = Arc::new(config.connect().await.unwrap());
    engine.tick().await.unwrap();
    // A statement is on its way, and waits for another writer, when the server's machine vanishes.
    let lock = "SELECT pg_advisory_xact_lock(7163082312784438642), pg_sleep(2)";
    let other = tokio::spawn(execute_owned(direct, lock));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let proof = scene.world.proof(1);
    let waiting = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.submit(&proof, &Submitter::local()).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    proxy.vanish();
    other.await.unwrap();
    proxy.restore();
    let limit = Duration::from_secs(60);
    let ended = tokio::time::timeout(limit, waiting).await;
    let refused = ended.expect("it is given up").unwrap().unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_database_is_refused() {
    let address = fresh_database().await;
    Store::connect(&location(&address)).await.unwrap();
    execute(
        &address,
        "UPDATE schema_version SET version = 99".to_owned(),
    )
    .await;
    let refused = Store::connect(&location(&address)).await;
    let Err(Error::DatabaseTooNew { found: 99, .. }) = refused else {
        panic!("{refused:?}");
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_database_is_refused_and_no_password_is_shown() {
    let address = fresh_database().await;
    let forgetful = "ALTER DATABASE {} SET synchronous_commit = off";
    let name = address
        .split('/')
        .nth(3)
        .unwrap()
        .split('?')
        .next()
        .unwrap();
    execute(&address, forgetful.replace("{}", name)).await;
    let missing = address.replace(name, "missing");
    let secret = "postgres://someone:geheim@127.0.0.1:1/x";
    for (address, says) in [
        (address.as_str(), "synchronous_commit"),
        (&missing, "missing"),
        (secret, ""),
        ("postgres://someone:geheim@127.0.0.1:port/x", "address"),
    ] {
        let refused = Store::connect(&location(address)).await.unwrap_err();
        let text = format!("{refused} {refused:?}");
        assert!(text.contains(says), "{text}");
        assert!(!text.contains("geheim"), "{text}");
    }
}
