//! What goes wrong between store, node and chain. After each: one on-chain record, nothing sent twice.

use crate::anvil::{Anvil, call};
use crate::proxy::{Fault, Proxy};
use crate::scene::{only_intent, until};
use crate::world::{World, address, client};
use alloy::primitives::{Address, Bytes};
use chainfer_relayer::client::call_contract;
use chainfer_relayer::state::{IntentState, JobState};
use serde_json::json;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SEND: &str = "eth_sendRawTransaction";

async fn assert_nothing_pending(world: &World, account: usize) {
    let at = |tag| json!([address(account), tag]);
    let latest = world
        .anvil
        .rpc("eth_getTransactionCount", at("latest"))
        .await;
    let pending = world
        .anvil
        .rpc("eth_getTransactionCount", at("pending"))
        .await;
    assert_eq!(latest, pending, "a nonce gap or a stuck transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_between_store_and_broadcast_resumes_with_the_same_bytes() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject(SEND, Fault::Swallow, usize::MAX);

    let engine = client(&proxy.url, 1, Some(&state)).connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.tick().await.unwrap();
    let (intent, stored) = only_intent(engine.store(), id).await;
    assert_eq!((intent.state, stored.len()), (IntentState::Pending, 1));
    assert_eq!(
        engine.store().job(id).await.unwrap().unwrap().state,
        JobState::Submitting
    );
    drop(engine);
    let known = world
        .anvil
        .rpc("eth_getTransactionByHash", json!([stored[0].tx.hash]))
        .await;
    assert!(known.is_null(), "the node must not have it");

    let engine = client(&world.anvil.url, 1, Some(&state))
        .connect()
        .await
        .unwrap();
    let job = engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!(job.state, JobState::Confirmed);
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        attempts[0].tx, stored[0].tx,
        "the stored bytes themselves are sent"
    );
    assert_eq!(intent.settlement.unwrap().attempt_id, Some(stored[0].id));
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
    assert_nothing_pending(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_after_broadcast_finds_the_receipt() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let engine = world.engine(Some(&state)).await;
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.tick().await.unwrap();
    drop(engine);
    assert_eq!(world.sent(1).await, 1);

    let engine = world.engine(Some(&state)).await;
    assert_eq!(
        engine.run_job(id, LIMIT).await.unwrap().state,
        JobState::Confirmed
    );
    assert_eq!(only_intent(engine.store(), id).await.1[0].sends, 1);
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_reply_sends_once() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject(SEND, Fault::LoseReply, 1);
    let engine = client(&proxy.url, 1, None).connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.run_job(id, LIMIT).await.unwrap();
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert_eq!((attempts.len(), proxy.count(SEND)), (1, 1));
    assert!(
        attempts[0]
            .last_outcome
            .as_ref()
            .unwrap()
            .starts_with("unknown"),
        "{attempts:?}"
    );
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_reply_before_a_block_is_sent_again_and_already_known() {
    let world = World::with(&["--block-time", "1"]).await;
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject(SEND, Fault::LoseReply, 2);
    let engine = client(&proxy.url, 1, None).connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn node_errors_and_overload_only_delay() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.anvil.url).await;
    let engine = client(&proxy.url, 1, None).connect().await.unwrap();
    for (method, status) in [
        ("eth_call", 429),
        ("eth_estimateGas", 500),
        ("eth_getTransactionReceipt", 502),
    ] {
        proxy.inject(method, Fault::Status(status), 6);
    }
    proxy.inject("eth_getBlockByNumber", Fault::LoseReply, 6);
    proxy.inject(SEND, Fault::Status(503), 2);
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn stuck_transaction_is_replaced_and_one_is_mined() {
    let world = World::new().await;
    world.anvil.rpc("evm_setAutomine", json!([false])).await;
    let mut config = client(&world.anvil.url, 1, None);
    config.engine.bump_after = Duration::from_millis(100);
    let engine = config.connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    for _ in 0..100 {
        engine.tick().await.unwrap();
        if !engine.store().intents_of(id).await.unwrap().is_empty()
            && only_intent(engine.store(), id).await.1.len() >= 3
        {
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
    world.anvil.mine(1).await;
    engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_dropped_by_the_pool_is_broadcast_again() {
    let world = World::new().await;
    world.anvil.rpc("evm_setAutomine", json!([false])).await;
    let engine = world.engine(None).await;
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.tick().await.unwrap();
    world
        .anvil
        .rpc("anvil_dropAllTransactions", json!([]))
        .await;
    world.anvil.rpc("evm_setAutomine", json!([true])).await;
    engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonce_used_by_a_foreign_transaction_is_replanned() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject(SEND, Fault::Swallow, usize::MAX);
    let engine = client(&proxy.url, 1, None).connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.tick().await.unwrap();
    // The same key, from elsewhere, takes nonce 0.
    call_contract(
        &client(&world.anvil.url, 1, None),
        Address::ZERO,
        Bytes::new(),
    )
    .await
    .unwrap();
    proxy.clear();
    engine.run_job(id, LIMIT).await.unwrap();
    let intents = engine.store().intents_of(id).await.unwrap();
    let states: Vec<_> = intents.iter().map(|i| (i.state, i.nonce)).collect();
    assert_eq!(
        states,
        [
            (IntentState::Superseded, Some(0)),
            (IntentState::Mined, Some(1))
        ]
    );
    assert_eq!((world.sent(1).await, world.proven_events().await), (2, 1));
    assert_nothing_pending(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganisation_after_confirmation_reopens_and_repeats() {
    let world = World::new().await;
    let engine = world.engine(None).await;
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!(world.proven_events().await, 1);

    // The block is replaced by an empty one: the transaction is lost, from the pool too.
    world.anvil.rpc("anvil_reorg", json!([1, []])).await;
    assert_eq!(world.proven_events().await, 0);
    until(&engine, id, JobState::Submitting).await;
    assert_eq!(
        engine.run_job(id, LIMIT).await.unwrap().state,
        JobState::Confirmed
    );
    let (_, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 1, "the stored bytes are valid still");
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmations_are_counted_and_finality_is_reached() {
    let world = World::new().await;
    let mut config = client(&world.anvil.url, 1, None);
    config.engine.confirmations = Some(3);
    let engine = config.connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    until(&engine, id, JobState::Mined).await;
    for _ in 0..5 {
        engine.tick().await.unwrap();
    }
    assert_eq!(
        engine.store().job(id).await.unwrap().unwrap().state,
        JobState::Mined
    );
    world.anvil.mine(2).await;
    until(&engine, id, JobState::Confirmed).await;
    world.anvil.mine(100).await;
    until(&engine, id, JobState::Finalized).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_use_consecutive_nonces_and_all_are_proven() {
    let world = World::with(&["--block-time", "1"]).await;
    let mut config = client(&world.anvil.url, 1, None);
    config.engine.max_in_flight = 4;
    let engine = config.connect().await.unwrap();
    let mut ids = Vec::new();
    for nonce in 0..10 {
        ids.push(
            engine
                .submit(&world.proof(nonce))
                .await
                .unwrap()
                .job()
                .key
                .id,
        );
    }
    for id in ids {
        until(&engine, id, JobState::Confirmed).await;
    }
    assert_eq!((world.sent(1).await, world.proven_events().await), (10, 10));
    assert_nothing_pending(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_job_leaves_other_jobs_alone() {
    let world = World::new().await;
    let engine = world.engine(None).await;
    let other = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    let mine = engine.submit(&world.proof(2)).await.unwrap().job().key.id;
    engine.run_job(mine, LIMIT).await.unwrap();
    assert_eq!(
        engine.store().job(other).await.unwrap().unwrap().state,
        JobState::Queued
    );
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_takes_over_what_was_never_sent() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    world
        .anvil
        .rpc("anvil_setBalance", json!([address(1), "0x0"]))
        .await;
    let poor = world.engine(Some(&state)).await;
    let id = poor.submit(&world.proof(1)).await.unwrap().job().key.id;
    poor.tick().await.unwrap();
    let (_, attempts) = only_intent(poor.store(), id).await;
    assert!(attempts.is_empty(), "nothing is signed that cannot be paid");
    drop(poor);

    let rich = client(&world.anvil.url, 2, Some(&state))
        .connect()
        .await
        .unwrap();
    rich.run_job(id, LIMIT).await.unwrap();
    assert_eq!(
        (
            world.sent(1).await,
            world.sent(2).await,
            world.proven_events().await
        ),
        (0, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_waits_for_what_was_sent() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    world.anvil.rpc("evm_setAutomine", json!([false])).await;
    let first = world.engine(Some(&state)).await;
    let id = first.submit(&world.proof(1)).await.unwrap().job().key.id;
    first.tick().await.unwrap();
    drop(first);

    let second = client(&world.anvil.url, 2, Some(&state))
        .connect()
        .await
        .unwrap();
    for _ in 0..5 {
        second.tick().await.unwrap();
    }
    world.anvil.mine(1).await;
    second.run_job(id, LIMIT).await.unwrap();
    assert_eq!(
        (
            world.sent(1).await,
            world.sent(2).await,
            world.proven_events().await
        ),
        (1, 0, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_rolled_back_below_the_proof_is_noticed() {
    let world = World::new().await;
    let engine = world.engine(None).await;
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.run_job(id, LIMIT).await.unwrap();
    world.anvil.rpc("anvil_rollback", json!([1])).await;
    assert_eq!(world.proven_events().await, 0);
    until(&engine, id, JobState::Submitting).await;
    engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn node_swapped_for_another_chain_is_noticed_on_reconnect() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.anvil.url).await;
    let engine = client(&proxy.url, 1, None).connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    let other = Anvil::start(&["--chain-id", "31337", "--timestamp", "1600000000"]);
    proxy.redirect(&other.url);
    proxy.inject("eth_getBlockByNumber", Fault::Status(502), 8);
    let mut refused = false;
    for _ in 0..6 {
        let result = engine.tick().await;
        refused |= matches!(result, Err(chainfer_relayer::Error::WrongGenesis { .. }));
    }
    assert!(refused);
    assert_eq!(
        call(
            &other.url,
            "eth_getTransactionCount",
            json!([address(1), "latest"])
        )
        .await,
        "0x0"
    );
    proxy.redirect(&world.anvil.url);
    engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!(world.proven_events().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn underpriced_transaction_is_replaced_at_once() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject(
        SEND,
        Fault::Refuse("max fee per gas less than block base fee"),
        1,
    );
    let engine = client(&proxy.url, 1, None).connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.run_job(id, LIMIT).await.unwrap();
    let (intent, attempts) = only_intent(engine.store(), id).await;
    assert_eq!(attempts.len(), 2);
    assert!(attempts[1].tx.max_fee > attempts[0].tx.max_fee);
    assert_eq!(intent.settlement.unwrap().attempt_id, Some(attempts[1].id));
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_that_no_node_takes_gives_its_nonce_up_and_is_planned_again() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject(SEND, Fault::Refuse("exceeds block gas limit"), 1);
    let engine = client(&proxy.url, 1, None).connect().await.unwrap();
    let id = engine.submit(&world.proof(1)).await.unwrap().job().key.id;
    engine.run_job(id, LIMIT).await.unwrap();
    let intents = engine.store().intents_of(id).await.unwrap();
    let states: Vec<_> = intents.iter().map(|i| (i.state, i.nonce)).collect();
    assert_eq!(
        states,
        [
            (IntentState::Cancelled, Some(0)),
            (IntentState::Mined, Some(1))
        ]
    );
    assert_eq!((world.sent(1).await, world.proven_events().await), (2, 1));
    assert_nothing_pending(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revert_on_chain_is_planned_again_when_someone_else_was_faster() {
    let world = World::new().await;
    world.anvil.rpc("evm_setAutomine", json!([false])).await;
    let (first, second) = (world.engine(None).await, {
        client(&world.anvil.url, 2, None).connect().await.unwrap()
    });
    let proof = world.proof(1);
    let id = first.submit(&proof).await.unwrap().job().key.id;
    second.submit(&proof).await.unwrap();
    // Both are in the pool before either is mined: the later one finds everything proven.
    first.tick().await.unwrap();
    second.tick().await.unwrap();
    world.anvil.mine(1).await;
    for engine in [&first, &second] {
        assert_eq!(
            engine.run_job(id, LIMIT).await.unwrap().state,
            JobState::Confirmed
        );
        assert_eq!(engine.store().intents_of(id).await.unwrap().len(), 1);
    }
    assert_eq!(world.proven_events().await, 1);
}
