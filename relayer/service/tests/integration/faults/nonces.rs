//! Gaps between nonces, and a key that is used from elsewhere.

use crate::proxy::Fault;
use crate::scene::{Scene, only_intent};
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::store::TxKind;
use std::time::Duration;

const SEND: &str = "eth_sendRawTransaction";

#[tokio::test(flavor = "multi_thread")]
async fn own_earlier_transaction_dropped_is_broadcast_again_at_once() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let mut config = scene.config();
    config.engine.rebroadcast_after = Duration::from_secs(600);
    let engine = config.connect().await.unwrap();
    let (first, second) = (
        scene.submit(&engine, 1).await,
        scene.submit(&engine, 2).await,
    );
    engine.tick().await.unwrap();
    assert_eq!(scene.counts().await, (0, 2));
    let intents = engine.store().all_intents().await.unwrap();
    let lost = intents.iter().find(|i| i.nonce == Some(0)).unwrap();
    let attempts = engine.store().attempts(lost.id).await.unwrap();
    scene.drop_from_pool(attempts[0].tx.hash).await;
    assert_eq!(scene.counts().await, (0, 0));

    let finalized = [first, second].map(|id| (id, JobState::Finalized));
    scene.settle(&engine, &finalized, 0).await;
    // The node may have thrown out the later one with it, so that this is broadcast again too.
    assert!(matches!(scene.proxy.count(SEND), 3 | 4));
    for id in [first, second] {
        assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
    }
    assert_eq!(scene.counts().await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn gap_of_a_dropped_transaction_is_filled_by_a_transfer() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let engine = scene.engine().await;
    engine.tick().await.unwrap();
    let foreign = scene.foreign().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    assert_eq!(only_intent(engine.store(), id).await.0.nonce, Some(1));
    scene.drop_from_pool(foreign).await;

    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let intents = engine.store().all_intents().await.unwrap();
    let (kind, state) = (TxKind::Fill, IntentState::Mined);
    let fills = |i: &&chainfer_relayer::store::Intent| (i.tx.kind, i.state) == (kind, state);
    let fill: Vec<_> = intents.iter().filter(fills).collect();
    assert_eq!((fill.len(), fill[0].nonce), (1, Some(0)));
    assert_eq!(scene.counts().await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn gap_of_a_dropped_transaction_is_filled_by_the_next_job() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let engine = scene.engine().await;
    engine.tick().await.unwrap();
    let foreign = scene.foreign().await;
    let first = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    scene.drop_from_pool(foreign).await;
    let second = scene.submit(&engine, 2).await;

    let finalized = [first, second].map(|id| (id, JobState::Finalized));
    scene.settle(&engine, &finalized, 0).await;
    assert_eq!(only_intent(engine.store(), second).await.0.nonce, Some(0));
    assert_eq!(scene.counts().await.0, 2, "nothing was sent for nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_transactions_of_the_same_key_are_counted() {
    let scene = Scene::new().await;
    // What was there before the relayer came is nobody's business.
    scene.foreign().await;
    let engine = scene.engine().await;
    engine.tick().await.unwrap();
    scene.foreign().await;
    let first = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    // And one that takes the nonce of a transaction of ours that nobody has.
    scene.proxy.inject(SEND, Fault::Swallow, usize::MAX);
    let second = scene.submit(&engine, 2).await;
    engine.tick().await.unwrap();
    scene.foreign().await;
    scene.proxy.clear();

    let finalized = [first, second].map(|id| (id, JobState::Finalized));
    scene.settle(&engine, &finalized, 3).await;
    let (chain, sender) = (engine.chain_id(), engine.sender());
    let counted = engine.store().foreign_nonces(chain, sender).await.unwrap();
    assert_eq!(counted, 2);
}
