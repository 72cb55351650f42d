//! Jobs that a person cancels, at every stage.

use crate::proxy::Fault;
use crate::scene::{Scene, only_intent, until};
use crate::world::one_chunk_client;
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::store::{Cancellation, Purpose};

const SEND: &str = "eth_sendRawTransaction";

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_before_signing_sends_nothing() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    assert_eq!(engine.cancel(id).await.unwrap(), Cancellation::Done);
    scene.settle(&engine, &[(id, JobState::Cancelled)], 0).await;
    assert_eq!(scene.counts().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_in_the_pool_is_replaced_by_a_self_transfer() {
    let (scene, engine, id) = Scene::pending(|_| ()).await;
    assert_eq!(engine.cancel(id).await.unwrap(), Cancellation::Requested);
    engine.tick().await.unwrap();
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[1].tx.purpose, Purpose::Cancel);
    assert!(attempts[1].tx.max_fee * 10 >= attempts[0].tx.max_fee * 11);
    assert_eq!(
        engine.store().job(id).await.unwrap().unwrap().state,
        JobState::Submitting,
        "not before the nonce is used up"
    );

    scene.settle(&engine, &[(id, JobState::Cancelled)], 0).await;
    let (intent, _) = only_intent(engine.store(), id).await;
    assert_eq!(intent.state, IntentState::Cancelled);
    assert_eq!(scene.counts().await.0, 1);
    assert_eq!(engine.cancel(id).await.unwrap(), Cancellation::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_and_never_broadcast_uses_its_nonce_up() {
    let scene = Scene::new().await;
    scene.proxy.inject(SEND, Fault::Swallow, 1);
    let engine = scene.engine().await;
    let (first, second) = (
        scene.submit(&engine, 1).await,
        scene.submit(&engine, 2).await,
    );
    engine.tick().await.unwrap();
    let intents = engine.store().all_intents().await.unwrap();
    let unsent = intents.iter().find(|i| i.nonce == Some(0)).unwrap();
    let cancelled = unsent.job_id.unwrap();
    let other = if cancelled == first { second } else { first };
    engine.cancel(cancelled).await.unwrap();
    let expected = [
        (cancelled, JobState::Cancelled),
        (other, JobState::Finalized),
    ];
    scene.settle(&engine, &expected, 0).await;
    assert_eq!(scene.counts().await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_that_comes_after_the_block_is_too_late() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    // The block is made at once, and the relayer does not know yet.
    engine.tick().await.unwrap();
    assert_eq!(engine.cancel(id).await.unwrap(), Cancellation::Requested);
    until(&engine, id, JobState::Confirmed).await;
    let late = Cancellation::TooLate(JobState::Confirmed);
    assert_eq!(engine.cancel(id).await.unwrap(), late);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_halfway_keeps_what_is_mined_and_stops_the_rest() {
    let scene = Scene::new().await;
    let mut config = one_chunk_client(&scene.proxy.url, crate::scene::RELAYER);
    config.state = Some(scene.state());
    config.engine.max_in_flight = 1;
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    while scene.counts().await.0 == 0 {
        engine.tick().await.unwrap();
    }
    engine.cancel(id).await.unwrap();
    scene.settle(&engine, &[(id, JobState::Cancelled)], 0).await;
    let intents = engine.store().intents_of(id).await.unwrap();
    let states: Vec<_> = intents.iter().map(|i| i.state).collect();
    let (mined, abandoned) = (IntentState::Mined, IntentState::Abandoned);
    assert_eq!(states, [mined, abandoned, abandoned]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_after_a_reorganisation_asks_the_chain_first() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    let anvil = &scene.world.anvil;
    anvil.mine(2).await;
    until(&engine, id, JobState::Confirmed).await;
    // The block that showed the proof is gone; the one that brought it is not.
    anvil.rpc("anvil_reorg", serde_json::json!([1, []])).await;
    until(&engine, id, JobState::Queued).await;
    assert_eq!(engine.cancel(id).await.unwrap(), Cancellation::Requested);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}
