//! Money runs out, caps are hit, somebody pauses.

use crate::proxy::Fault;
use crate::scene::{RELAYER, Scene, only_intent, until};
use crate::world::address;
use alloy::primitives::B256;
use chainfer_relayer::client::ClientConfig;
use chainfer_relayer::engine::Engine;
use chainfer_relayer::money::Gwei;
use chainfer_relayer::state::JobState;
use chainfer_relayer::store::{Cause, Pause};
use serde_json::json;
use std::time::Duration;

async fn ticks(engine: &Engine, times: usize) {
    for _ in 0..times {
        let _ = engine.tick().await;
    }
}

async fn causes(engine: &Engine) -> Vec<Cause> {
    let pauses: Vec<Pause> = engine.pauses().await.unwrap();
    pauses.into_iter().map(|p| p.cause).collect()
}

async fn state(engine: &Engine, id: B256) -> JobState {
    engine.store().job(id).await.unwrap().unwrap().state
}

/// What one proof's transaction reserves.
async fn price_of_one(scene: &Scene) -> Gwei {
    let mut config = scene.config();
    config.state = None;
    let engine = config.connect().await.unwrap();
    scene
        .proxy
        .inject("eth_sendRawTransaction", Fault::Swallow, 1);
    scene.submit(&engine, 999).await;
    engine.tick().await.unwrap();
    let price = engine
        .store()
        .spend(engine.chain_id(), engine.sender())
        .await
        .unwrap();
    scene.proxy.forget_broadcasts();
    price.open
}

/// A config with room for one transaction and a half.
async fn room_for_one(scene: &Scene) -> (ClientConfig, Gwei) {
    let price = price_of_one(scene).await;
    let mut config = scene.config();
    config.engine.min_balance = Gwei(0);
    (config, Gwei(price.0 + price.0 / 2))
}

async fn set_balance(scene: &Scene, wei: &str) {
    let anvil = &scene.world.anvil;
    anvil
        .rpc("anvil_setBalance", json!([address(RELAYER), wei]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn funds_that_run_out_pause_and_a_refill_resumes() {
    let scene = Scene::new().await;
    set_balance(&scene, "0x0").await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    ticks(&engine, 4).await;
    assert_eq!(causes(&engine).await, [Cause::Balance]);
    let state = state(&engine, id).await;
    assert_eq!(state, JobState::Queued, "any account may have it");
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert!(attempts.is_empty(), "nothing is signed");
    set_balance(&scene, "0xde0b6b3a7640000").await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert!(causes(&engine).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_reserve_is_not_touched() {
    let scene = Scene::new().await;
    set_balance(&scene, "0xde0b6b3a7640000").await;
    let mut config = scene.config();
    config.engine.min_balance = Gwei(1_000_000_000);
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    ticks(&engine, 4).await;
    assert_eq!(causes(&engine).await, [Cause::Balance]);
    set_balance(&scene, "0x1bc16d674ec80000").await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn funds_that_vanish_after_signing_only_delay() {
    let scene = Scene::new().await;
    let refusal = Fault::Refuse("insufficient funds for gas * price + value");
    scene.proxy.inject("eth_sendRawTransaction", refusal, 2);
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hourly_cap_holds_the_second_job_until_the_window_moves() {
    let scene = Scene::new().await;
    let (mut config, cap) = room_for_one(&scene).await;
    config.engine.caps.hour = Some(cap);
    let engine = config.connect().await.unwrap();
    scene.stop_mining().await;
    let ids = [
        scene.submit(&engine, 1).await,
        scene.submit(&engine, 2).await,
    ];
    ticks(&engine, 4).await;
    assert_eq!(scene.counts().await, (0, 1), "one is out");
    assert_eq!(causes(&engine).await, [Cause::Spend]);
    let spend = engine
        .store()
        .spend(engine.chain_id(), engine.sender())
        .await
        .unwrap();
    assert!(spend.hour <= cap);

    // What the first one cost is less than was reserved, but this much earlier it counts no more at all.
    scene.world.anvil.mine(1).await;
    ticks(&engine, 2).await;
    let earlier = "UPDATE spend SET at = at - 3600001 WHERE settled IS NOT NULL";
    scene.execute(earlier).await;
    scene
        .settle(&engine, &ids.map(|id| (id, JobState::Finalized)), 0)
        .await;
    assert!(causes(&engine).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn total_cap_loses_no_job_and_a_raised_cap_goes_on() {
    let scene = Scene::new().await;
    let (mut config, cap) = room_for_one(&scene).await;
    config.engine.caps.total = Some(Gwei(cap.0 / 2));
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    ticks(&engine, 4).await;
    assert_eq!(
        (scene.counts().await, causes(&engine).await),
        ((0, 0), vec![Cause::Spend])
    );
    drop(engine);
    config.engine.caps.total = Some(cap);
    let engine = config.connect().await.unwrap();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cap_of_one_transaction_holds_it_and_pauses_nothing() {
    let scene = Scene::new().await;
    let (mut config, cap) = room_for_one(&scene).await;
    config.engine.caps.transaction = Some(Gwei(cap.0 / 2));
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    ticks(&engine, 4).await;
    assert_eq!(
        (scene.counts().await, causes(&engine).await),
        ((0, 0), vec![])
    );
    let reason = only_intent(engine.store(), id).await.0.reason.unwrap();
    assert!(reason.contains("per-transaction spend cap"), "{reason}");
    drop(engine);
    config.engine.caps.transaction = Some(cap);
    let engine = config.connect().await.unwrap();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replacement_over_the_cap_is_not_signed() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.caps.total = Some(price_of_one(&scene).await);
    config.engine.bump_after = Duration::from_millis(50);
    let engine = config.connect().await.unwrap();
    scene.stop_mining().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    ticks(&engine, 3).await;
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 1);
    assert!(intent.reason.unwrap().contains("total spend cap"));
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_by_a_person_signs_nothing_but_follows_what_is_out() {
    let scene = Scene::new().await;
    scene.stop_mining().await;
    let engine = scene.engine().await;
    let out = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    assert!(engine.pause("maintenance".to_owned()).await.unwrap());
    assert!(!engine.pause("again".to_owned()).await.unwrap());
    let waits = scene.submit(&engine, 2).await;
    scene.start_mining().await;
    scene.world.anvil.mine(1).await;
    until(&engine, out, JobState::Confirmed).await;
    drop(engine);

    // A restart does not lift it.
    let engine = scene.engine().await;
    ticks(&engine, 3).await;
    assert_eq!(state(&engine, waits).await, JobState::Queued);
    assert_eq!(scene.counts().await, (1, 1));
    assert!(engine.resume().await.unwrap());
    let finalized = [out, waits].map(|id| (id, JobState::Finalized));
    scene.settle(&engine, &finalized, 0).await;
}

/// Code that answers every call with 2 * 10^15: what an OP-stack chain's contract says that publishing costs, and its operator.
const DATA_FEE: &str = "0x66071afd498d00005f5260205ff3";

async fn rollup(scene: &Scene) {
    let code = json!(["0x420000000000000000000000000000000000000F", DATA_FEE]);
    scene.world.anvil.rpc("anvil_setCode", code).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_fee_is_reserved_with_a_margin_and_settled_as_paid() {
    let scene = Scene::new().await;
    rollup(&scene).await;
    scene.stop_mining().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    engine.tick().await.unwrap();
    let spend = async || {
        let (chain, sender) = (engine.chain_id(), engine.sender());
        engine.store().spend(chain, sender).await.unwrap()
    };
    let (_, attempts) = only_intent(engine.store(), id).await;
    let signed = &attempts[0].tx;
    // Publishing with half of it on top, and the operator.
    assert_eq!(signed.data_fee, Gwei(5_000_000));
    let gas = Gwei::of_gas(signed.gas_limit, signed.max_fee);
    assert_eq!(spend().await.open, gas.plus(signed.data_fee));

    // 1.5 * 10^15 for publishing.
    let charged = Fault::Amend(r#"{"l1Fee": "0x5543df729c000"}"#);
    scene
        .proxy
        .inject("eth_getTransactionReceipt", charged, usize::MAX);
    scene.world.anvil.mine(1).await;
    until(&engine, id, JobState::Confirmed).await;
    let (intent, _) = only_intent(engine.store(), id).await;
    let paid = intent.settlement.unwrap();
    assert_eq!(paid.data_fee, Gwei(1_500_000 + 2_000_000));
    let gas = Gwei::of_gas(paid.gas_used, paid.gas_price);
    let spent = spend().await;
    assert_eq!(
        (spent.open, spent.total),
        (Gwei(0), gas.plus(paid.data_fee))
    );
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_fee_counts_against_the_caps_before_signing() {
    let scene = Scene::new().await;
    let (mut config, cap) = room_for_one(&scene).await;
    config.engine.caps.total = Some(cap);
    rollup(&scene).await;
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    ticks(&engine, 3).await;
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert!(attempts.is_empty());
    assert_eq!(causes(&engine).await, [Cause::Spend]);
    // Publishing became cheap again.
    let code = json!([
        "0x420000000000000000000000000000000000000F",
        "0x5f5f5260205ff3"
    ]);
    scene.world.anvil.rpc("anvil_setCode", code).await;
    config.engine.caps.total = Some(Gwei(cap.0 + 5_000_000));
    engine.close().await;
    let engine = config.connect().await.unwrap();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rollup_that_does_not_tell_its_data_fee_gets_nothing_signed() {
    let scene = Scene::new().await;
    // Reverts whatever is asked.
    let code = json!(["0x420000000000000000000000000000000000000F", "0x5f5ffd"]);
    scene.world.anvil.rpc("anvil_setCode", code).await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    ticks(&engine, 3).await;
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert!(attempts.is_empty(), "{intent:?}");
    rollup(&scene).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipt_without_the_data_fee_leaves_what_was_reserved() {
    let scene = Scene::new().await;
    rollup(&scene).await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    let (intent, _) = only_intent(engine.store(), id).await;
    assert_eq!(intent.settlement.unwrap().data_fee, Gwei(5_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_receipts_do_not_stop_the_account() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    // 5 * 10^27 wei of fee, gas and a price that nobody offered.
    let lie = r#"{"l1Fee": "0x1027e72f1f12813088000000", "gasUsed": "0x7fffffffffffffff", "effectiveGasPrice": "0x7fffffffffffffff"}"#;
    scene
        .proxy
        .inject("eth_getTransactionReceipt", Fault::Amend(lie), usize::MAX);
    for nonce in 0..3 {
        let id = scene.submit(&engine, nonce).await;
        until(&engine, id, JobState::Confirmed).await;
        let (intent, attempts) = only_intent(engine.store(), id).await;
        let paid = intent.settlement.unwrap();
        let cost = Gwei::of_gas(paid.gas_used, paid.gas_price).plus(paid.data_fee);
        assert_eq!(cost, attempts[0].tx.dearest(), "never more than was signed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_that_knows_no_data_fee_is_not_believed_for_ever() {
    let scene = Scene::new().await;
    rollup(&scene).await;
    scene
        .proxy
        .inject("eth_getCode", Fault::Answer(r#""0x""#), 2);
    let engine = scene.engine().await;
    let mut fees = Vec::new();
    for nonce in 0..2 {
        let id = scene.submit(&engine, nonce).await;
        until(&engine, id, JobState::Confirmed).await;
        let (_, attempts) = only_intent(engine.store(), id).await;
        fees.push(attempts[0].tx.data_fee);
    }
    assert_eq!(fees, [Gwei(0), Gwei(5_000_000)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_that_makes_up_a_data_fee_is_not_believed_for_ever() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    scene
        .proxy
        .inject("eth_getCode", Fault::Answer("\"0x60\""), 1);
    engine.tick().await.unwrap();
    assert!(only_intent(engine.store(), id).await.1.is_empty());
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}
