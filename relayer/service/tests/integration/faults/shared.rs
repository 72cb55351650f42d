//! Several relayers on one database, some slow, some poor, some gone.

use crate::proxy::Fault;
use crate::scene::{RELAYER, Scene, only_intent, until};
use crate::world::{address, client};
use alloy::primitives::B256;
use chainfer_relayer::engine::Engine;
use chainfer_relayer::state::{IntentState, JobState};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SEND: &str = "eth_sendRawTransaction";

/// A relayer of another account on the scene's database.
async fn other(scene: &Scene) -> Engine {
    let other = client(&scene.proxy.url, 2, Some(scene.state()));
    other.connect().await.unwrap()
}

/// Transactions on chain of the first account and of the other.
async fn sent(scene: &Scene) -> (u64, u64) {
    (scene.world.sent(1).await, scene.world.sent(2).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_that_another_account_gave_up_is_not_signed_any_more() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let first = scene.engine().await;
    let second = other(&scene).await;
    second.tick().await.unwrap();
    let id = scene.submit(&first, 1).await;
    // The first plans and cannot sign this time, and then is slow for longer than its lease.
    let failing = Fault::Status(500);
    scene.proxy.inject("eth_feeHistory", failing, usize::MAX);
    let _ = first.tick().await;
    scene.proxy.clear();
    let (intent, attempts) = only_intent(first.store(), id).await;
    assert_eq!((intent.state, attempts.len()), (IntentState::Ready, 0));
    scene
        .execute("UPDATE leases SET expires_at = 1 WHERE sender IN (SELECT sender FROM intents)")
        .await;
    second.pause("maintenance".to_owned()).await.unwrap();
    second.tick().await.unwrap();
    let job = first.store().job(id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Queued);
    let given_up = first.store().intent(intent.id).await.unwrap();
    assert_eq!(given_up.state, IntentState::Abandoned);

    first.tick().await.unwrap();
    second.resume().await.unwrap();
    second.tick().await.unwrap();
    scene.world.anvil.mine(1).await;
    let (a, b) = sent(&scene).await;
    assert_eq!(a + b, 1);
    for _ in 0..3 {
        first.tick().await.unwrap();
        second.tick().await.unwrap();
    }
    scene.settle(&first, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_the_tick_that_runs() {
    let scene = Scene::new().await;
    let mut slow = scene.config();
    slow.rpc.timeout = Duration::from_secs(2);
    let first = Arc::new(slow.connect().await.unwrap());
    let second = scene.engine().await;
    let id = scene.submit(&first, 1).await;
    scene.proxy.inject("eth_feeHistory", Fault::Hold, 1);
    let ticking = tokio::spawn({
        let first = Arc::clone(&first);
        async move { first.tick().await }
    });
    scene.proxy.held().await;
    let closing = tokio::spawn({
        let first = Arc::clone(&first);
        async move { first.close().await }
    });
    second.tick().await.unwrap();
    assert!(!second.is_sending(), "the other still works");
    let _ = ticking.await.unwrap();
    closing.await.unwrap();
    assert!(!first.is_sending());
    second.tick().await.unwrap();
    assert!(second.is_sending());
    scene.settle(&second, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tick_that_takes_longer_than_the_lease_keeps_it() {
    let scene = Scene::new().await;
    let config = || {
        let mut config = scene.config();
        config.engine.lease_ttl = Duration::from_millis(300);
        config.engine.poll = Duration::from_millis(10);
        config
    };
    let first = config().connect().await.unwrap();
    let second = config().connect().await.unwrap();
    // Jobs that are confirmed and not final, each in a block of its own: each look asks for every one.
    let mut jobs = Vec::new();
    for nonce in 0..8 {
        let id = scene.submit(&first, nonce).await;
        until(&first, id, JobState::Confirmed).await;
        jobs.push((id, JobState::Finalized));
    }
    first.close().await;
    let late = scene.submit(&first, 1_000).await;
    jobs.push((late, JobState::Finalized));
    scene.proxy.delay(Duration::from_millis(60));
    let run = async |engine: &Engine| {
        let begin = Instant::now();
        let mut longest = Duration::ZERO;
        while begin.elapsed() < Duration::from_secs(30) {
            let tick = Instant::now();
            engine.tick().await.unwrap();
            longest = longest.max(tick.elapsed());
            let job = engine.store().job(late).await.unwrap().unwrap();
            if job.state == JobState::Confirmed {
                break;
            }
            tokio::time::sleep(engine.config().poll).await;
        }
        longest
    };
    let (a, b) = tokio::join!(run(&first), run(&second));
    assert!(
        a.max(b) > Duration::from_millis(300),
        "{a:?} {b:?}: too short a tick"
    );
    let job = first.store().job(late).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Confirmed);
    scene.proxy.delay(Duration::ZERO);
    second.close().await;
    scene.settle(&first, &jobs, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_in_the_pool_is_awaited_after_a_lost_answer() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let mut config = scene.config();
    config.engine.rebroadcast_after = Duration::from_millis(50);
    let first = config.connect().await.unwrap();
    let id = scene.submit(&first, 1).await;
    first.tick().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    scene.proxy.inject(SEND, Fault::Reset, 1);
    first.tick().await.unwrap();
    let (_, attempts) = only_intent(first.store(), id).await;
    let said = attempts[0].last_outcome.clone().unwrap();
    assert!(attempts[0].taken && said.starts_with("unknown"), "{said}");
    drop(first);
    let second = other(&scene).await;
    for _ in 0..4 {
        second.tick().await.unwrap();
    }
    scene.world.anvil.mine(1).await;
    until(&second, id, JobState::Confirmed).await;
    scene.settle(&second, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(sent(&scene).await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn relayer_that_returns_uses_up_the_nonce_of_what_nobody_needs() {
    let scene = Scene::new().await;
    let first = Arc::new(scene.engine().await);
    let id = scene.submit(&first, 1).await;
    // It stops between storing and sending.
    scene.proxy.inject(SEND, Fault::Hold, 1);
    let ticking = tokio::spawn({
        let first = Arc::clone(&first);
        async move { first.tick().await }
    });
    scene.proxy.held().await;
    ticking.abort();
    let _ = ticking.await;
    drop(first);
    scene.proxy.clear();
    let second = other(&scene).await;
    until(&second, id, JobState::Confirmed).await;
    assert_eq!(sent(&scene).await, (0, 1));

    let first = scene.engine().await;
    for _ in 0..20 {
        first.tick().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let intents = first.store().intents_of(id).await.unwrap();
    let own = intents.iter().find(|i| i.sender == address(RELAYER));
    let own = own.unwrap();
    assert_eq!(own.state, IntentState::Cancelled);
    assert!(
        own.settlement.unwrap().gas_used < 22_000,
        "no attestation is paid for twice"
    );
    scene.settle(&second, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(sent(&scene).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn job_of_a_model_that_a_relayer_is_not_for_is_left_to_others() {
    let scene = Scene::new().await;
    let mut strict = scene.config();
    strict.engine.models = Some([B256::repeat_byte(9)].into());
    let strict = strict.connect().await.unwrap();
    let open = other(&scene).await;
    let id = scene.submit(&open, 1).await;
    for _ in 0..3 {
        strict.tick().await.unwrap();
    }
    let job = open.store().job(id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Queued);
    until(&open, id, JobState::Confirmed).await;
    assert_eq!(sent(&scene).await, (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn account_that_cannot_pay_leaves_its_jobs_to_one_that_can() {
    let scene = Scene::new().await;
    let poor = json!([address(RELAYER), "0x0"]);
    scene.world.anvil.rpc("anvil_setBalance", poor).await;
    let first = scene.engine().await;
    let id = scene.submit(&first, 1).await;
    first.tick().await.unwrap();
    let second = other(&scene).await;
    for _ in 0..5 {
        first.tick().await.unwrap();
        second.tick().await.unwrap();
    }
    until(&second, id, JobState::Confirmed).await;
    assert_eq!(sent(&scene).await, (0, 1));
}
