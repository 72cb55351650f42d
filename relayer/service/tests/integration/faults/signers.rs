//! A key management service that fails while there is work. Feature `aws`.

use crate::scene::{RELAYER, Scene, only_intent, until};
use crate::signers::fake_aws::{FakeAws, KEY_ID};
use crate::signers::key::Fault;
use chainfer_chain::rpc::Rpc;
use chainfer_chain::wallet::aws;
use chainfer_relayer::Error;
use chainfer_relayer::engine::Engine;
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::store::Store;
use std::sync::Arc;
use std::time::Duration;

const SEND: &str = "eth_sendRawTransaction";

/// More than the client tries by itself.
fn failing(status: u16, kind: &'static str) -> Vec<Fault> {
    vec![Fault::Refuse(status, kind); 3]
}

/// A relayer whose key is in a fake AWS KMS.
async fn scene() -> (Scene, Arc<FakeAws>, Engine) {
    let scene = Scene::new().await;
    let service = FakeAws::start(RELAYER).await;
    let wallet = aws::open(service.loader(), KEY_ID).await.unwrap();
    let config = scene.config();
    let store = Store::connect(&scene.state()).await.unwrap();
    let rpc = Rpc::new(config.rpc).unwrap();
    let engine = Engine::open(rpc, store, wallet, None, config.engine);
    let engine = engine.await.unwrap();
    (scene, service, engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn key_service_that_fails_in_the_middle_only_delays() {
    let (scene, service, engine) = scene().await;
    let first = scene.submit(&engine, 1).await;
    until(&engine, first, JobState::Confirmed).await;
    let signed = service.key.asked("Sign");
    let second = scene.submit(&engine, 2).await;
    for (status, kind) in [
        (400, "ThrottlingException"),
        (500, "KMSInternalException"),
        // Somebody changed the policy, and changes it back.
        (400, "AccessDeniedException"),
    ] {
        service.key.clear();
        service.key.inject(failing(status, kind));
        let told = engine.tick().await.unwrap_err();
        assert!(told.to_string().contains(kind), "{told}");
        let (intent, attempts) = only_intent(engine.store(), second).await;
        assert_eq!((intent.state, attempts.len()), (IntentState::Ready, 0));
        assert!(intent.reason.unwrap().contains(kind));
        let job = engine.store().job(second).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Planned);
        // What is out is followed meanwhile.
        let first = engine.store().job(first).await.unwrap().unwrap();
        assert_eq!(first.state, JobState::Confirmed);
    }
    // A program that waits for the one job is told at once what only a person can change.
    service.key.clear();
    service.key.inject(failing(400, "AccessDeniedException"));
    let told = engine.run_job(second, Duration::from_secs(60)).await;
    assert!(
        matches!(told, Err(Error::Chain(chainfer_chain::Error::Wallet(_)))),
        "{told:?}"
    );
    assert_eq!(scene.proxy.count(SEND), 1);
    service.key.clear();
    until(&engine, second, JobState::Confirmed).await;
    assert!(service.key.asked("Sign") > signed);
    let (intent, attempts) = only_intent(engine.store(), second).await;
    assert_eq!((intent.nonce, attempts.len()), (Some(1), 1));
    let done = JobState::Finalized;
    scene
        .settle(&engine, &[(first, done), (second, done)], 0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_service_with_another_key_has_nothing_stored_or_sent() {
    let (scene, service, engine) = scene().await;
    let id = scene.submit(&engine, 1).await;
    for fault in [Fault::OtherKey, Fault::Nonsense] {
        service.key.inject([fault]);
        assert!(engine.tick().await.is_err());
        let (intent, attempts) = only_intent(engine.store(), id).await;
        assert_eq!((intent.nonce, attempts.len()), (None, 0));
    }
    assert_eq!(scene.proxy.count(SEND), 0);
    until(&engine, id, JobState::Confirmed).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_service_failing_at_a_replacement_leaves_the_original() {
    let (scene, service, engine) = scene().await;
    scene.stop_mining().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    assert_eq!(scene.counts().await, (0, 1));
    drop(engine);

    // Another process with the same key wants to replace it at once.
    let wallet = aws::open(service.loader(), KEY_ID).await.unwrap();
    let mut config = scene.config();
    config.engine.bump_after = Duration::ZERO;
    let store = Store::connect(&scene.state()).await.unwrap();
    let rpc = Rpc::new(config.rpc).unwrap();
    let engine = Engine::open(rpc, store, wallet, None, config.engine);
    let engine = engine.await.unwrap();
    service.key.inject(failing(500, "KMSInternalException"));
    engine.tick().await.unwrap();
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert_eq!((attempts.len(), service.key.asked("Sign")), (1, 4));
    scene.world.anvil.mine(1).await;
    until(&engine, id, JobState::Confirmed).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}
