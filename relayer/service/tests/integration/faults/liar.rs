//! A node that says what is not so, and says the truth again afterwards.

use crate::proxy::{Fault, Proxy};
use crate::scene::{RELAYER, Scene, only_intent, until};
use crate::world::{World, address, client, deploy_plan, manifest};
use alloy::primitives::B256;
use alloy::sol_types::SolValue;
use chainfer_chain::abi::{InferenceState, InferenceStatus, Model};
use chainfer_relayer::Error;
use chainfer_relayer::Submitter;
use chainfer_relayer::client::{ClientConfig, attest, deploy, deployment_outlay};
use chainfer_relayer::engine::{Engine, RegistryCode};
use chainfer_relayer::money::Gwei;
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::store::TxKind;
use serde_json::json;

const COUNT: &str = "eth_getTransactionCount";

/// The dearest prices that are ever offered: 500 gwei.
fn lie_about_prices(proxy: &Proxy) {
    let dear = Fault::Amend(r#"{"baseFeePerGas": "0x1d1a94a2000"}"#);
    proxy.inject("eth_getBlockByNumber", dear, usize::MAX);
    let tips = Fault::Answer(r#"{"oldestBlock": "0x1", "reward": [["0x742e1c4e00"]]}"#);
    proxy.inject("eth_feeHistory", tips, usize::MAX);
    let tip = Fault::Answer("\"0x742e1c4e00\"");
    proxy.inject("eth_maxPriorityFeePerGas", tip, usize::MAX);
}

async fn spent(config: &ClientConfig) -> Gwei {
    let engine = config.connect().await.unwrap();
    let (chain, sender) = (engine.chain_id(), engine.sender());
    let spend = engine.store().spend(chain, sender).await.unwrap();
    engine.close().await;
    spend.total
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_that_a_node_makes_up_pass_no_limit_of_an_attestation() {
    let scene = Scene::new().await;
    lie_about_prices(&scene.proxy);
    let mut config = scene.config();
    config.max_spend = Some(Gwei(50_000_000));
    let (proof, world) = (scene.world.proof(1), &scene.world);
    let ended = attest(&config, &proof, &world.manifest, &world.deployment.file).await;
    let told = ended.unwrap_err().to_string();
    for words in ["0.05 ether", "more wanted", "--max-spend AMOUNT"] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(scene.counts().await, (0, 0));

    scene.proxy.clear();
    let report = attest(&config, &proof, &world.manifest, &world.deployment.file).await;
    assert_eq!(report.unwrap().status, JobState::Confirmed);
    assert!(spent(&config).await <= Gwei(50_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_that_a_node_makes_up_pass_no_limit_of_a_deployment() {
    let scene = Scene::new().await;
    lie_about_prices(&scene.proxy);
    let config = scene.config();
    let plan = deploy_plan(&manifest());
    // 0.5 ether, where nothing is said: less than the first contract at these prices.
    let told = deploy(&config, &plan).await.unwrap_err().to_string();
    for words in ["0.5 ether", "more wanted", "--max-spend AMOUNT"] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(scene.counts().await, (0, 0));
    let paused = config.connect().await.unwrap();
    assert!(paused.pauses().await.unwrap().is_empty());
    paused.close().await;

    // What was given up is sent by the next run, at true prices.
    scene.proxy.clear();
    let outlay = deployment_outlay(&config, &plan).await.unwrap();
    let deployed = deploy(&config, &plan).await.unwrap();
    // Verifiers and keys are those of the scene: a registry, two shapes to list, a registration.
    assert_eq!(scene.counts().await.0, 4);
    assert_eq!(deployed.transactions.len(), 4);
    assert!(
        deployed.total_gas <= outlay.gas.total(),
        "{} {}",
        deployed.total_gas,
        outlay.gas.total()
    );
    assert!(spent(&config).await <= Gwei(500_000_000));
    assert!(
        outlay.gas.total() < deployed.total_gas * 3,
        "{} {}",
        deployed.total_gas,
        outlay.gas.total()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn registered_model_takes_nothing_more() {
    let world = World::new().await;
    let mut plan = deploy_plan(&world.manifest);
    plan.registry = chainfer_relayer::client::RegistryPlan::Existing(world.registry());
    let config = client(&world.anvil.url, 0, None);
    let outlay = deployment_outlay(&config, &plan).await.unwrap();
    assert_eq!(outlay, Default::default());
}

/// A relayer that has signed job 1's transaction with a nonce that the chain does not come to.
async fn far_ahead(scene: &Scene, count: &'static str) -> (Engine, B256) {
    scene.proxy.inject(COUNT, Fault::Answer(count), usize::MAX);
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert!(intent.nonce.unwrap() >= 500);
    assert_eq!((intent.state, attempts.len()), (IntentState::Pending, 1));
    scene.proxy.clear();
    (engine, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn nonce_that_the_chain_does_not_come_to_is_given_up_and_the_job_sent_anew() {
    for count in ["\"0x1f4\"", "\"0x10000000000\""] {
        let scene = Scene::new().await;
        let (engine, id) = far_ahead(&scene, count).await;
        scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
        assert_eq!(scene.counts().await.0, 1, "no gap was filled");
        let intents = engine.store().intents_of(id).await.unwrap();
        let states: Vec<_> = intents.iter().map(|i| (i.state, i.nonce)).collect();
        let expected = [
            (IntentState::Abandoned, None),
            (IntentState::Mined, Some(0)),
        ];
        assert_eq!(states, expected);
        assert!(intents[0].reason.as_ref().unwrap().contains("out of reach"));
        // The next one goes as usual.
        let next = scene.submit(&engine, 2).await;
        let all = [id, next].map(|id| (id, JobState::Finalized));
        scene.settle(&engine, &all, 0).await;
        assert_eq!(scene.counts().await.0, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn job_whose_nonce_the_chain_does_not_come_to_can_be_cancelled() {
    let scene = Scene::new().await;
    let (engine, id) = far_ahead(&scene, "\"0x1f4\"").await;
    engine.cancel(id).await.unwrap();
    scene.settle(&engine, &[(id, JobState::Cancelled)], 0).await;
    assert_eq!(scene.counts().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn count_that_nothing_explains_is_not_believed_at_once() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    engine.tick().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    // In blocks and in the pool.
    for count in ["\"0x1f4\"", "\"0x8000000000000000\""] {
        scene.proxy.inject(COUNT, Fault::Answer(count), usize::MAX);
        let doubted = engine.tick().await.unwrap_err();
        assert!(doubted.is_transient(), "{doubted}");
        scene.proxy.clear();
    }
    // In the pool alone: that is asked for second.
    let many = Fault::Answer("\"0x1f4\"");
    scene.proxy.inject_after(1, COUNT, many, usize::MAX);
    engine.tick().await.unwrap();
    let (waiting, attempts) = only_intent(engine.store(), id).await;
    assert!(attempts.is_empty());
    assert!(waiting.reason.unwrap().contains("nothing is signed"));
    scene.proxy.clear();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.0.nonce, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_transactions_from_elsewhere_are_believed_when_they_stay() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    engine.tick().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    let anvil = &scene.world.anvil;
    let count = json!([address(RELAYER), "0x64"]);
    anvil.rpc("anvil_setNonce", count).await;
    for _ in 0..2 {
        let doubted = engine.tick().await.unwrap_err();
        assert!(
            matches!(doubted, Error::NonceUnexplained { unknown: 100, .. }),
            "{doubted}"
        );
    }
    engine.tick().await.unwrap();
    let intent = only_intent(engine.store(), id).await.0;
    assert_eq!(intent.nonce, Some(100));
    let intents = engine.store().all_intents().await.unwrap();
    assert!(intents.iter().all(|i| i.tx.kind != TxKind::Fill));
    until(&engine, id, JobState::Confirmed).await;
}

/// What a registry says of a proven inference.
fn proven() -> Fault {
    let inference = InferenceState {
        status: InferenceStatus::Proven as u8,
        ..InferenceState::abi_decode(&[0; 4 * 32]).unwrap()
    };
    let word = alloy::hex::encode_prefixed(inference.abi_encode());
    Fault::Answer(Box::leak(format!("\"{word}\"").into_boxed_str()))
}

/// A job that is confirmed on the word of a node, and not on the chain.
async fn falsely_confirmed(scene: &Scene, engine: &Engine) -> B256 {
    let id = scene.submit(engine, 1).await;
    scene.proxy.inject("eth_call", proven(), 1);
    engine.tick().await.unwrap();
    let job = engine.store().job(id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Confirmed);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn inference_that_was_said_to_be_proven_is_not_finalized_but_sent() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = falsely_confirmed(&scene, &engine).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
    let log = engine.store().transitions(id).await.unwrap();
    let told = |t: &chainfer_relayer::store::Transition| {
        t.reason
            .as_ref()
            .is_some_and(|r| r.contains("a node said so before"))
    };
    assert!(log.iter().any(told), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_of_an_inference_that_was_said_to_be_proven_is_taken_again() {
    for check_at_door in [false, true] {
        for finalized in [false, true] {
            let scene = Scene::new().await;
            let mut config = scene.config();
            config.engine.check_at_door = check_at_door;
            config.engine.finality_poll = std::time::Duration::from_secs(600);
            let engine = config.connect().await.unwrap();
            let id = falsely_confirmed(&scene, &engine).await;
            if finalized {
                scene.execute("UPDATE jobs SET state = 'finalized'").await;
            }
            assert_eq!(scene.submit(&engine, 1).await, id);
            let job = engine.store().job(id).await.unwrap().unwrap();
            assert_eq!(job.state, JobState::Queued, "{check_at_door} {finalized}");
            until(&engine, id, JobState::Confirmed).await;
            assert_eq!(scene.counts().await.0, 1);
            // One that is proven stays what it is.
            scene.submit(&engine, 1).await;
            let job = engine.store().job(id).await.unwrap().unwrap();
            assert_eq!(job.state, JobState::Confirmed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attest_does_not_report_what_only_an_earlier_run_was_told() {
    let scene = Scene::new().await;
    let config = scene.config();
    let engine = config.connect().await.unwrap();
    falsely_confirmed(&scene, &engine).await;
    engine.close().await;
    let (proof, world) = (scene.world.proof(1), &scene.world);
    // Without an answer nothing is reported.
    scene
        .proxy
        .inject("eth_call", Fault::Refuse("overloaded"), usize::MAX);
    let silent = attest(&config, &proof, &world.manifest, &world.deployment.file).await;
    assert!(silent.is_err(), "{silent:?}");
    scene.proxy.clear();
    let report = attest(&config, &proof, &world.manifest, &world.deployment.file).await;
    let report = report.unwrap();
    assert_eq!(report.status, JobState::Confirmed);
    assert_eq!(report.transactions.len(), 1);
    assert_eq!(world.proven_events().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_of_a_model_that_a_node_made_up_is_asked_for_again() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.check_at_door = true;
    let engine = config.connect().await.unwrap();
    let model = Model {
        registeredAt: "1".parse().unwrap(),
        recordHash: B256::repeat_byte(9),
        ..Model::abi_decode(&[0; 5 * 32]).unwrap()
    };
    let word = alloy::hex::encode_prefixed(model.abi_encode());
    let wrong = Fault::Answer(Box::leak(format!("\"{word}\"").into_boxed_str()));
    scene.proxy.inject("eth_call", wrong, 1);
    let proof = scene.world.proof(1);
    let refused = engine
        .submit(&proof, &Submitter::local())
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, Error::Refused(why) if why.contains("hash 0x0909")),
        "{refused}"
    );
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_answers_of_a_node_end_no_job_of_a_known_registry() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.registry_code = Some(RegistryCode::Built);
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    scene
        .proxy
        .inject("eth_call", Fault::Answer("\"0x\""), usize::MAX);
    for _ in 0..3 {
        engine.tick().await.unwrap();
        let job = engine.store().job(id).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Queued, "{job:?}");
    }
    scene.proxy.clear();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_no_chain_has_only_delay() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    let absurd = Fault::Answer("\"0xffffffffffffffff\"");
    scene.proxy.inject("eth_estimateGas", absurd, 1);
    let head = Fault::Amend(r#"{"number": "0xffffffffffffffff"}"#);
    scene.proxy.inject("eth_getBlockByNumber", head, 1);
    for _ in 0..3 {
        let _ = engine.tick().await;
    }
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_a_node_keeps_back_stay_counted() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    engine.tick().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    scene.proxy.inject(
        "eth_sendRawTransaction",
        Fault::Refuse("nonce too low"),
        usize::MAX,
    );
    let spend = async || {
        let (chain, sender) = (engine.chain_id(), engine.sender());
        engine.store().spend(chain, sender).await.unwrap()
    };
    engine.tick().await.unwrap();
    let first = spend().await.open;
    assert!(first > Gwei(0));
    scene
        .proxy
        .inject(COUNT, Fault::Answer("\"0x1\""), usize::MAX);
    for _ in 0..20 {
        engine.tick().await.unwrap();
        if engine.store().intents_of(id).await.unwrap().len() > 1 {
            break;
        }
    }
    engine.tick().await.unwrap();
    let intents = engine.store().intents_of(id).await.unwrap();
    let states: Vec<_> = intents.iter().map(|i| i.state).collect();
    assert_eq!(states, [IntentState::Superseded, IntentState::Pending]);
    let (open, total) = (spend().await.open, spend().await.total);
    assert_eq!(
        total,
        first.plus(open),
        "both are signed, and can be published"
    );
}
