//! Several relayers with one database.

use crate::scene::{Scene, until};
use crate::world::client;
use chainfer_relayer::state::JobState;

#[tokio::test(flavor = "multi_thread")]
async fn two_relayers_on_one_key_take_turns_and_only_one_sends() {
    let scene = Scene::new().await;
    let (first, second) = (scene.engine().await, scene.engine().await);
    let mut jobs = Vec::new();
    for nonce in 0..6 {
        let engine = if nonce % 2 == 0 { &first } else { &second };
        jobs.push((scene.submit(engine, nonce).await, JobState::Finalized));
    }
    for _ in 0..10 {
        let (a, b) = tokio::join!(first.tick(), second.tick());
        a.unwrap();
        b.unwrap();
        assert!(first.is_sending() != second.is_sending());
    }
    let (sender, waiting) = if first.is_sending() {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!(scene.counts().await.0, 6);
    sender.close().await;
    // It was given back, so that nobody waits.
    waiting.tick().await.unwrap();
    assert!(waiting.is_sending());
    scene.settle(&waiting, &jobs, 0).await;
    assert_eq!(scene.counts().await.0, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn relayer_that_overslept_its_lease_stores_and_sends_nothing() {
    let scene = Scene::new().await;
    let (slow, quick) = (scene.engine().await, scene.engine().await);
    slow.tick().await.unwrap();
    assert!(slow.is_sending());
    // As if `slow` had stood still for longer than its lease.
    scene.execute("UPDATE leases SET expires_at = 1").await;
    quick.tick().await.unwrap();
    assert!(quick.is_sending());

    let id = scene.submit(&slow, 1).await;
    let refused = slow.tick().await;
    assert!(
        matches!(refused, Err(chainfer_relayer::Error::LeaseLost { .. })),
        "{refused:?}"
    );
    assert_eq!(
        (scene.counts().await, scene.proxy.broadcast().len()),
        ((0, 0), 0)
    );
    assert!(!slow.is_sending());
    slow.tick().await.unwrap();
    until(&quick, id, JobState::Confirmed).await;
    scene.settle(&quick, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_waits_is_finished_by_the_relayer_that_sends() {
    let scene = Scene::new().await;
    let (service, command) = (scene.engine().await, scene.engine().await);
    service.tick().await.unwrap();
    let id = scene.submit(&command, 1).await;
    let limit = std::time::Duration::from_secs(30);
    let waited = async { command.run_job(id, limit).await.unwrap().state };
    let served = until(&service, id, JobState::Confirmed);
    assert_eq!(tokio::join!(waited, served).0, JobState::Confirmed);
    scene
        .settle(&service, &[(id, JobState::Finalized)], 0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relayers_of_two_accounts_share_the_work() {
    let scene = Scene::new().await;
    let first = scene.engine().await;
    let second = client(&scene.proxy.url, 2, Some(scene.state()));
    let second = second.connect().await.unwrap();
    scene.stop_mining().await;
    let mut jobs = Vec::new();
    for nonce in 0..8 {
        jobs.push((scene.submit(&first, nonce).await, JobState::Finalized));
        // In turn, so that each plans what the other has not.
        let engine = if nonce % 2 == 0 { &first } else { &second };
        engine.tick().await.unwrap();
        first.tick().await.unwrap();
        second.tick().await.unwrap();
    }
    scene.world.anvil.mine(1).await;
    for (id, _) in &jobs {
        let settled = async { tokio::join!(first.tick(), second.tick()) };
        settled.await.0.unwrap();
        until(&first, *id, JobState::Confirmed).await;
    }
    scene.settle(&first, &jobs, 0).await;
    second.tick().await.unwrap();
    let sent = (scene.world.sent(1).await, scene.world.sent(2).await);
    assert_eq!(sent, (4, 4));
    for (id, _) in jobs {
        let log = first.store().transitions(id).await.unwrap();
        let planned = log.iter().filter(|t| t.to == "planned");
        assert_eq!(planned.count(), 1, "{log:#?}");
    }
}
