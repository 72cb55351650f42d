//! More than one's share.

use super::registry::garbage;
use super::target::note;
use crate::scene::{Scene, until};
use crate::service::{Running, config};
use chainfer_relayer::engine::Quota;
use chainfer_relayer::state::JobState;
use chainfer_relayer::store::Location;
use chainfer_relayer::{Error, Submitter};
use std::time::{Duration, Instant};

fn named(name: &str) -> Submitter {
    name.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn full_queue_of_one_submitter_does_not_keep_others_waiting() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let mut config = scene.config();
    config.engine.queue_limit = 20;
    config.engine.max_in_flight = 2;
    let engine = config.connect().await.unwrap();
    let mut taken = 0;
    for nonce in 0..20 {
        match engine
            .submit(&scene.world.proof(nonce), &named("mallory"))
            .await
        {
            Ok(_) => taken += 1,
            Err(Error::Quota { .. }) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(taken, 15, "a quarter is kept for others");
    // Two of them are on their way before anybody else comes.
    engine.tick().await.unwrap();
    let honest = engine
        .submit(&scene.world.proof(100), &named("alice"))
        .await
        .unwrap();
    let id = honest.job().key.id;
    let begin = Instant::now();
    let mut blocks = 0;
    while engine.store().job(id).await.unwrap().unwrap().state != JobState::Confirmed {
        scene.world.anvil.mine(1).await;
        blocks += 1;
        for _ in 0..3 {
            engine.tick().await.unwrap();
        }
        assert!(blocks < 8, "mallory's 15 come first");
    }
    let waited = begin.elapsed();
    note(&format!(
        "15 of 20 places taken by one; the honest proof attested after {blocks} blocks, {waited:.2?}"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_beyond_the_daily_number_are_refused() {
    let scene = Scene::new().await;
    let mut settings = config(&scene.proxy.url, Some(scene.state()));
    settings.client.engine.quota = Quota {
        proofs: Some(3),
        spend: None,
    };
    let service = Running::start(settings).await;
    for (nonce, expected) in [(1, 202), (2, 202), (3, 202), (4, 429), (5, 429)] {
        let body = serde_json::to_string(&scene.world.proof(nonce)).unwrap();
        let (status, answer) = service.post(body).await;
        assert_eq!(status, expected, "{answer}");
        if status == 429 {
            assert_eq!(answer["error"]["code"], "quota");
        }
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_proofs_take_no_more_room_than_they_may() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.payload_bytes = 32 << 10;
    config.engine.keep_payloads = Duration::ZERO;
    config.engine.expiry_poll = Duration::ZERO;
    let engine = config.connect().await.unwrap();
    let size = async || match scene.state() {
        Location::File(path) => std::fs::metadata(path).unwrap().len() >> 10,
        Location::Postgres(_) => 0,
    };
    let mut sizes = Vec::new();
    let mut most = 0;
    for round in 0..4_u64 {
        for nonce in 0..20 {
            let bad = garbage(&scene, round * 20 + nonce, 7);
            let submitted = engine.submit(&bad, &named("mallory")).await;
            most = most.max(engine.store().payload_bytes(None).await.unwrap());
            if let Err(e) = submitted {
                assert!(matches!(e, Error::Quota { .. }), "{e}");
                engine.tick().await.unwrap();
            }
        }
        for _ in 0..10 {
            engine.tick().await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sizes.push(size().await);
    }
    assert!(most <= 16 << 10, "{most}: half of what is for all");
    assert!(sizes.iter().all(|size| *size < 256), "{sizes:?} KiB");
    assert!(engine.store().jobs(None, 500).await.unwrap().len() < 20);
    // Somebody else's has room all the while.
    let honest = engine
        .submit(&scene.world.proof(1_000), &named("alice"))
        .await
        .unwrap();
    until(&engine, honest.job().key.id, JobState::Confirmed).await;
    assert_eq!(scene.counts().await.0, 1);
    note(&format!(
        "80 pieces of garbage: at most {most} bytes of proofs kept, state file of {sizes:?} KiB, 0 gas"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_jobs_leave_their_record_and_not_their_proofs() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.keep_payloads = Duration::ZERO;
    config.engine.expiry_poll = Duration::ZERO;
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    engine.tick().await.unwrap();
    assert_eq!(engine.store().payload_bytes(None).await.unwrap(), 0);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    // The same proof again is known to be done.
    let again = engine
        .submit(&scene.world.proof(1), &named("alice"))
        .await
        .unwrap();
    assert_eq!(again.job().state, JobState::Finalized);
}
