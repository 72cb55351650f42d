//! Broadcasts that are lost, refused, dropped, replaced.

use crate::proxy::Fault;
use crate::scene::{RELAYER, Scene, only_intent, until};
use crate::world::{address, client};
use alloy::primitives::B256;
use chainfer_relayer::Submitter;
use chainfer_relayer::engine::Engine;
use chainfer_relayer::state::{IntentState, JobState};
use serde_json::json;
use std::time::Duration;

const SEND: &str = "eth_sendRawTransaction";

async fn states(engine: &Engine, id: B256) -> Vec<(IntentState, Option<u64>)> {
    let intents = engine.store().intents_of(id).await.unwrap();
    intents.iter().map(|i| (i.state, i.nonce)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_before_broadcast_resumes_with_the_same_bytes() {
    let scene = Scene::new().await;
    scene.proxy.inject(SEND, Fault::Swallow, usize::MAX);
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    let (intent, stored) = only_intent(engine.store(), id).await;
    assert_eq!((intent.state, stored.len()), (IntentState::Pending, 1));
    drop(engine);
    let hash = json!([stored[0].tx.hash]);
    let known = scene
        .world
        .anvil
        .rpc("eth_getTransactionByHash", hash)
        .await;
    assert!(known.is_null(), "the node must not have it");

    scene.proxy.clear();
    let engine = scene.engine().await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].tx, stored[0].tx, "the stored bytes themselves");
    assert_eq!(intent.settlement.unwrap().attempt_id, Some(stored[0].id));
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_after_broadcast_finds_the_receipt() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    drop(engine);
    assert_eq!(scene.counts().await.0, 1);
    let engine = scene.engine().await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1[0].sends, 1);
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_reply_sends_once() {
    let scene = Scene::new().await;
    scene.proxy.inject(SEND, Fault::LoseReply, 1);
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert_eq!((attempts.len(), scene.proxy.count(SEND)), (1, 1));
    let outcome = attempts[0].last_outcome.as_ref().unwrap();
    assert!(outcome.starts_with("unknown"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_reply_before_a_block_is_sent_again_and_already_known() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    scene.proxy.inject(SEND, Fault::LoseReply, 2);
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    for _ in 0..200 {
        engine.tick().await.unwrap();
        if scene.proxy.count(SEND) == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, attempts) = only_intent(engine.store(), id).await;
    let outcome = attempts[0].last_outcome.as_deref();
    assert_eq!((attempts.len(), outcome), (1, Some("already known")));
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_errors_and_overload_only_delay() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    for (method, status) in [
        ("eth_call", 429),
        ("eth_estimateGas", 500),
        ("eth_getTransactionReceipt", 502),
    ] {
        scene.proxy.inject(method, Fault::Status(status), 6);
    }
    scene
        .proxy
        .inject("eth_getBlockByNumber", Fault::LoseReply, 6);
    scene.proxy.inject(SEND, Fault::Status(503), 2);
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stuck_transaction_is_replaced_and_one_is_mined() {
    let bump_after = Duration::from_millis(100);
    let (scene, engine, id) = Scene::pending(|config| config.engine.bump_after = bump_after).await;
    for _ in 0..100 {
        engine.tick().await.unwrap();
        if only_intent(engine.store(), id).await.1.len() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert!(attempts.len() >= 3, "{attempts:#?}");
    for pair in attempts.windows(2) {
        assert_eq!(pair[0].tx.nonce, pair[1].tx.nonce);
        assert!(pair[1].tx.max_fee * 10 >= pair[0].tx.max_fee * 11);
        assert_eq!(pair[1].last_outcome.as_deref(), Some("accepted"));
    }
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn underpriced_transaction_is_replaced_at_once() {
    let scene = Scene::new().await;
    let refusal = Fault::Refuse("max fee per gas less than block base fee");
    scene.proxy.inject(SEND, refusal, 1);
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 2);
    assert!(attempts[1].tx.max_fee > attempts[0].tx.max_fee);
    assert_eq!(intent.settlement.unwrap().attempt_id, Some(attempts[1].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_dropped_by_the_pool_is_broadcast_again() {
    let (scene, engine, id) = Scene::pending(|_| ()).await;
    let anvil = &scene.world.anvil;
    anvil.rpc("anvil_dropAllTransactions", json!([])).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonce_used_by_a_foreign_transaction_is_replanned() {
    let scene = Scene::new().await;
    scene.proxy.inject(SEND, Fault::Swallow, usize::MAX);
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    // The same key, from elsewhere, takes nonce 0.
    scene.foreign().await;
    scene.proxy.clear();
    scene.settle(&engine, &[(id, JobState::Finalized)], 1).await;
    let expected = [
        (IntentState::Superseded, Some(0)),
        (IntentState::Mined, Some(1)),
    ];
    assert_eq!(states(&engine, id).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_that_no_node_takes_gives_up_its_nonce() {
    let scene = Scene::new().await;
    let refusal = Fault::Refuse("exceeds block gas limit");
    scene.proxy.inject(SEND, refusal, 1);
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let expected = [
        (IntentState::Cancelled, Some(0)),
        (IntentState::Mined, Some(1)),
    ];
    assert_eq!(states(&engine, id).await, expected);
    assert_eq!(scene.counts().await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_use_consecutive_nonces_and_all_are_proven() {
    let scene = Scene::with(&["--block-time", "1"]).await;
    let mut config = scene.config();
    config.engine.max_in_flight = 4;
    let engine = config.connect().await.unwrap();
    let mut jobs = Vec::new();
    for nonce in 0..10 {
        jobs.push((scene.submit(&engine, nonce).await, JobState::Finalized));
    }
    scene.settle(&engine, &jobs, 0).await;
    assert_eq!(scene.counts().await.0, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_job_leaves_other_jobs_alone() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let other = scene.submit(&engine, 1).await;
    let mine = scene.submit(&engine, 2).await;
    let limit = Duration::from_secs(60);
    engine.run_job(mine, limit).await.unwrap();
    let untouched = engine.store().job(other).await.unwrap().unwrap();
    assert_eq!(untouched.state, JobState::Queued);
    assert_eq!(scene.counts().await.0, 1);
    let finalized = [mine, other].map(|id| (id, JobState::Finalized));
    scene.settle(&engine, &finalized, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_takes_over_what_was_never_sent() {
    let scene = Scene::new().await;
    let poor = json!([address(RELAYER), "0x0"]);
    scene.world.anvil.rpc("anvil_setBalance", poor).await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert!(attempts.is_empty(), "nothing is signed that cannot be paid");
    drop(engine);

    let rich = client(&scene.proxy.url, 2, Some(scene.state()));
    let rich = rich.connect().await.unwrap();
    scene.settle(&rich, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(
        (scene.world.sent(1).await, scene.world.sent(2).await),
        (0, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_waits_for_what_was_sent() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let first = scene.engine().await;
    let id = scene.submit(&first, 1).await;
    first.tick().await.unwrap();
    drop(first);

    let second = client(&scene.proxy.url, 2, Some(scene.state()));
    let second = second.connect().await.unwrap();
    for _ in 0..5 {
        second.tick().await.unwrap();
    }
    scene.world.anvil.mine(1).await;
    until(&second, id, JobState::Confirmed).await;
    scene.settle(&second, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(
        (scene.world.sent(1).await, scene.world.sent(2).await),
        (1, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn revert_because_someone_was_faster_is_planned_again() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let first = scene.engine().await;
    let second = client(&scene.world.anvil.url, 2, None);
    let second = second.connect().await.unwrap();
    let id = scene.submit(&first, 1).await;
    second
        .submit(&scene.world.proof(1), &Submitter::local())
        .await
        .unwrap();
    // Both are in the pool before either is mined: the later one finds everything proven.
    first.tick().await.unwrap();
    second.tick().await.unwrap();
    scene.world.anvil.mine(1).await;
    until(&second, id, JobState::Confirmed).await;
    scene.settle(&first, &[(id, JobState::Finalized)], 0).await;
    for engine in [&first, &second] {
        assert_eq!(engine.store().intents_of(id).await.unwrap().len(), 1);
    }
}
