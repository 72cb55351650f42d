//! What the chain does: reorganisations, fees, reverts, other people.

use crate::proxy::Fault;
use crate::scene::{Scene, number, only_intent, until};
use crate::world::{address, client};
use alloy::primitives::{B256, U256};
use alloy::sol_types::SolCall;
use chainfer_chain::abi::ChainferRegistry::commitCall;
use chainfer_chain::abi::Inference;
use chainfer_relayer::client::attest;
use chainfer_relayer::engine::Engine;
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::store::TxKind;
use serde_json::{Value, json};
use std::time::Duration;

const SEND: &str = "eth_sendRawTransaction";

const RECEIPT: &str = "eth_getTransactionReceipt";

async fn states(engine: &Engine, id: B256) -> Vec<(TxKind, IntentState)> {
    let intents = engine.store().intents_of(id).await.unwrap();
    intents.into_iter().map(|i| (i.tx.kind, i.state)).collect()
}

/// Replaces the newest blocks; `transactions` are raw, each with the place of its block.
async fn reorganise(scene: &Scene, depth: u64, transactions: Value) {
    let anvil = &scene.world.anvil;
    anvil.rpc("anvil_reorg", json!([depth, transactions])).await;
}

/// The raw transaction of a job.
async fn raw(engine: &Engine, id: B256) -> String {
    let (_, attempts) = only_intent(engine.store(), id).await;
    attempts.last().unwrap().tx.raw.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisation_after_confirmation_reopens_and_repeats() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    // The block is replaced by an empty one: the transaction is lost, from the pool too.
    reorganise(&scene, 1, json!([])).await;
    assert_eq!(scene.world.proven_events().await, 0);
    until(&engine, id, JobState::Submitting).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 1, "the stored bytes are valid still");
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_rolled_back_below_the_proof_is_noticed() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    scene.world.anvil.rpc("anvil_rollback", json!([1])).await;
    assert_eq!(scene.world.proven_events().await, 0);
    until(&engine, id, JobState::Submitting).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmations_are_counted_and_finality_is_reached() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.confirmations = Some(3);
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Mined).await;
    for _ in 0..5 {
        engine.tick().await.unwrap();
    }
    let job = engine.store().job(id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Mined);
    scene.world.anvil.mine(2).await;
    until(&engine, id, JobState::Confirmed).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisation_that_moves_a_transaction_resends_nothing() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    scene.world.anvil.mine(2).await;
    let before = only_intent(engine.store(), id).await.0.settlement.unwrap();
    let moved = json!([[raw(&engine, id).await, 2]]);
    reorganise(&scene, 3, moved).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let after = only_intent(engine.store(), id).await.0.settlement.unwrap();
    assert_eq!(after.block.number, before.block.number + 2);
    assert_eq!(scene.proxy.count(SEND), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisation_deeper_than_the_confirmations_is_followed() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.confirmations = Some(3);
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Mined).await;
    scene.world.anvil.mine(4).await;
    until(&engine, id, JobState::Confirmed).await;
    reorganise(&scene, 5, json!([])).await;
    until(&engine, id, JobState::Submitting).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisation_that_causes_a_revert_is_planned_again() {
    let scene = Scene::new().await;
    let proof = scene.world.proof(1);
    // Somebody commits the root, so that the relayer's transaction only proves.
    let inference = Inference {
        modelId: proof.model_id.unwrap(),
        root: proof.root.value(),
        requester: proof.binding.unwrap().requester,
        nonce: U256::from(1),
    };
    let call = commitCall { inference };
    let commit = json!([{
        "from": address(2), "to": scene.world.registry(), "gas": "0x7a120",
        "data": alloy::hex::encode_prefixed(call.abi_encode()),
    }]);
    scene.world.anvil.rpc("eth_sendTransaction", commit).await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    assert_eq!(
        states(&engine, id).await,
        [(TxKind::Prove, IntentState::Mined)]
    );
    // In the new chain nobody did.
    let alone = json!([[raw(&engine, id).await, 0]]);
    reorganise(&scene, 2, alone).await;

    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let intents = engine.store().intents_of(id).await.unwrap();
    assert_eq!(
        states(&engine, id).await,
        [
            (TxKind::Prove, IntentState::Reverted),
            (TxKind::Attest, IntentState::Mined)
        ]
    );
    let reason = intents[0].reason.as_ref().unwrap();
    assert!(reason.contains("InferenceNotCommitted"), "{reason}");
    assert_eq!(scene.counts().await.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisation_of_a_cancellation_keeps_the_job_cancelled() {
    let (scene, engine, id) = Scene::pending(|_| ()).await;
    engine.cancel(id).await.unwrap();
    engine.tick().await.unwrap();
    scene.world.anvil.mine(1).await;
    until(&engine, id, JobState::Cancelled).await;
    reorganise(&scene, 1, json!([])).await;
    engine.tick().await.unwrap();
    scene.settle(&engine, &[(id, JobState::Cancelled)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn original_mined_after_its_replacement_settles_the_job() {
    let bump_after = Duration::from_millis(50);
    let (scene, engine, id) = Scene::pending(|config| config.engine.bump_after = bump_after).await;
    // The replacement never arrives, though the relayer is told that it did.
    let any = "\"0x0000000000000000000000000000000000000000000000000000000000000001\"";
    scene.proxy.inject(SEND, Fault::Answer(any), 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.tick().await.unwrap();
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 2);
    scene.world.anvil.mine(1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(intent.settlement.unwrap().attempt_id, Some(attempts[0].id));
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn base_fee_spike_is_followed_by_a_dearer_replacement() {
    let bump_after = Duration::from_millis(50);
    let (scene, engine, id) = Scene::pending(|config| config.engine.bump_after = bump_after).await;
    let offered = only_intent(engine.store(), id).await.1[0].tx.max_fee;
    let anvil = &scene.world.anvil;
    let spike = json!([format!("{:#x}", offered * 20)]);
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", spike).await;
    anvil.mine(1).await;
    assert_eq!(scene.counts().await.0, 0, "too cheap for this block");
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.tick().await.unwrap();
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert!(attempts.last().unwrap().tx.max_fee > offered * 20);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stranger_who_tips_much_in_empty_blocks_does_not_set_the_fee() {
    let scene = Scene::new().await;
    let anvil = &scene.world.anvil;
    anvil.mine(32).await;
    let tip = async || {
        let transfer = json!([{
            "from": address(2), "to": address(2), "gas": "0x5208",
            "maxFeePerGas": "0x746a528800", "maxPriorityFeePerGas": "0x742e1c4e00",
        }]);
        anvil.rpc("eth_sendTransaction", transfer).await;
    };
    tip().await;
    let engine = scene.engine().await;
    let least = engine.config().fees.min_priority_fee;
    let first = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    let offered = only_intent(engine.store(), first).await.1[0]
        .tx
        .priority_fee;
    assert_eq!(offered, least);

    // Nor does one who is in every block.
    for _ in 0..20 {
        tip().await;
    }
    let second = scene.submit(&engine, 2).await;
    engine.tick().await.unwrap();
    let offered = only_intent(engine.store(), second).await.1[0]
        .tx
        .priority_fee;
    assert!(offered > least && offered <= 2_000_000_000, "{offered}");
    let finalized = [first, second].map(|id| (id, JobState::Finalized));
    scene.settle(&engine, &finalized, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offer_that_is_too_low_for_the_chain_is_raised_to_what_the_node_suggests() {
    let bump_after = Duration::from_millis(50);
    let (scene, engine, id) = Scene::pending(|config| config.engine.bump_after = bump_after).await;
    let suggested = Fault::Answer("\"0x5d21dba00\"");
    scene
        .proxy
        .inject("eth_maxPriorityFeePerGas", suggested, usize::MAX);
    let tips = async || {
        let attempts = only_intent(engine.store(), id).await.1;
        attempts
            .iter()
            .map(|a| a.tx.priority_fee)
            .collect::<Vec<_>>()
    };
    for _ in 0..100 {
        engine.tick().await.unwrap();
        if tips().await.len() >= 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let gwei = |n: u64| n * 1_000_000_000;
    let expected = [1_000_000, gwei(2), gwei(4), gwei(8), gwei(16), gwei(25)];
    assert_eq!(tips().await[..6], expected);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn base_fee_over_the_limit_is_waited_out() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let mut config = scene.config();
    config.engine.bump_after = Duration::from_millis(50);
    config.engine.fees.max_fee = 5_000_000_000;
    let engine = config.connect().await.unwrap();
    let anvil = &scene.world.anvil;
    let base = |gwei: u64| json!([format!("{:#x}", gwei * 1_000_000_000)]);
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    for _ in 0..3 {
        anvil.rpc("anvil_setNextBlockBaseFeePerGas", base(50)).await;
        anvil.mine(1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        engine.tick().await.unwrap();
    }
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert!(attempts.iter().all(|a| a.tx.max_fee <= 5_000_000_000));
    assert!(intent.reason.unwrap().contains("fee limit"));
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", base(1)).await;
    anvil.mine(1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonce_too_low_of_our_own_transaction_is_not_foreign() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    // It is mined, the answer is lost, and receipts come late.
    scene.proxy.inject(SEND, Fault::LoseReply, 1);
    scene.proxy.inject(RECEIPT, Fault::Answer("null"), 12);
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert_eq!((intent.state, attempts.len()), (IntentState::Mined, 1));
    let (chain, sender) = (engine.chain_id(), engine.sender());
    let foreign = engine.store().foreign_nonces(chain, sender).await.unwrap();
    assert_eq!((foreign, scene.counts().await.0), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonce_too_low_at_the_first_broadcast_is_planned_again() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    engine.tick().await.unwrap();
    // The pool's count comes from before a foreign transaction.
    scene.foreign().await;
    scene
        .proxy
        .inject_after(1, "eth_getTransactionCount", Fault::Answer("\"0x0\""), 1);
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 1).await;
    assert_eq!(
        states(&engine, id).await,
        [
            (TxKind::Attest, IntentState::Superseded),
            (TxKind::Attest, IntentState::Mined)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_gas_on_chain_is_named_and_planned_again() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.gas_margin_percent = 0;
    config.engine.gas_slack = 0;
    let engine = config.connect().await.unwrap();
    // The node estimates too little, once.
    let estimate = Fault::Answer("\"0x30d40\"");
    scene.proxy.inject("eth_estimateGas", estimate, 1);
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Submitting).await;
    drop(engine);
    let engine = scene.engine().await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    let intents = engine.store().intents_of(id).await.unwrap();
    assert_eq!(intents.len(), 2, "{intents:#?}");
    assert_eq!(intents[0].state, IntentState::Reverted);
    assert!(intents[0].reason.as_ref().unwrap().contains("out of gas"));
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_else_posts_between_planning_and_signing() {
    let scene = Scene::new().await;
    let anvil = &scene.world.anvil;
    let engine = scene.engine().await;
    // Planning asks for no fees, signing does.
    scene
        .proxy
        .inject("eth_feeHistory", Fault::Status(503), usize::MAX);
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Planned).await;
    let other = client(&anvil.url, 2, None);
    let world = &scene.world;
    attest(
        &other,
        &world.proof(1),
        &world.manifest,
        &world.deployment.file,
    )
    .await
    .unwrap();
    scene.proxy.clear();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 0, "nothing is paid for nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_else_posts_while_ours_is_in_the_pool() {
    let (scene, engine, id) = Scene::pending(|_| ()).await;
    let anvil = &scene.world.anvil;
    let (intent, _) = only_intent(engine.store(), id).await;
    // The same call, and it pays more to come first.
    let first = json!([{
        "from": address(2), "to": intent.tx.to, "data": intent.tx.data,
        "gas": format!("{:#x}", intent.tx.gas_limit),
        "maxFeePerGas": "0x174876e800", "maxPriorityFeePerGas": "0x174876e800",
    }]);
    anvil.rpc("eth_sendTransaction", first).await;
    anvil.mine(1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relayers_with_state_files_of_their_own_come_to_rest() {
    let scene = Scene::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = scene.config();
    config.state = Some(folder.path().join("other.sqlite").into());
    let (first, second) = (scene.engine().await, config.connect().await.unwrap());
    let mut jobs = [vec![], vec![]];
    for nonce in 0..6 {
        let at = usize::try_from(nonce % 2).unwrap();
        let engine = [&first, &second][at];
        jobs[at].push(scene.submit(engine, nonce).await);
    }
    for _ in 0..40 {
        let _ = tokio::join!(first.tick(), second.tick());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (engine, jobs) in [(&first, &jobs[0]), (&second, &jobs[1])] {
        for id in jobs {
            let job = engine.store().job(*id).await.unwrap().unwrap();
            assert_eq!(job.state, JobState::Confirmed, "{job:?}");
        }
    }
    let (latest, pending) = scene.counts().await;
    assert_eq!((latest, scene.world.proven_events().await), (pending, 6));
    let block = scene.world.anvil.rpc("eth_blockNumber", json!([])).await;
    assert!(number(&block) >= 6);
}
