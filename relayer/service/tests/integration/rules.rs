//! The gas rules of coming forks, against a node that has them. These run beside every other test; `CHAINFER_TEST_RULES=amsterdam` puts the
//! same node under others.

use crate::anvil::{Anvil, Rules};
use crate::proxy::{Fault, Proxy};
use crate::scene::number;
use crate::world::{World, address, client, deploy_plan, manifest};
use alloy::primitives::{Bytes, U256};
use chainfer_chain::rpc::{Rpc, RpcConfig};
use chainfer_chain::rules::{Fork, GasRules};
use chainfer_relayer::client::{attest, deploy, deploy_contract, deployment_outlay};
use chainfer_relayer::engine::Engine;
use chainfer_relayer::money::Gwei;
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::{Error, Submitter};
use serde_json::{Value, json};
use std::time::Duration;

const CAP: u64 = 1 << 24;

async fn balance(node: &Anvil, account: usize) -> U256 {
    let balance = node.rpc("eth_getBalance", json!([address(account), "latest"]));
    balance.await.as_str().unwrap().parse().unwrap()
}

/// What the settled transactions of the engine's state took, in wei, and the sum of each in gwei, rounded up.
async fn settled(engine: &Engine) -> (U256, Gwei) {
    let (mut wei, mut gwei) = (U256::ZERO, Gwei(0));
    for intent in engine.store().all_intents().await.unwrap() {
        let Some(paid) = intent.settlement else {
            continue;
        };
        wei += U256::from(paid.gas_used) * U256::from(paid.gas_price);
        gwei = gwei.plus(Gwei::of_gas(paid.gas_used, paid.gas_price));
    }
    (wei, gwei)
}

/// The ledger and the settled transactions say what the account has less, to the wei.
async fn assert_ledger(engine: &Engine, node: &Anvil, account: usize, before: U256) {
    let (wei, gwei) = settled(engine).await;
    assert_eq!(before - balance(node, account).await, wei);
    let spend = engine.store().spend(engine.chain_id(), engine.sender());
    let spend = spend.await.unwrap();
    assert_eq!((spend.open, spend.total), (Gwei(0), gwei));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_recognised_on_each_node() {
    for (rules, fork, words) in [
        (Rules::Osaka, Fork::Osaka, "eth_config"),
        (Rules::OsakaByEdr, Fork::Osaka, "CLZ"),
        (Rules::Amsterdam, Fork::Amsterdam, "1530 gas a byte"),
    ] {
        let node = Anvil::of(rules, &[]);
        let rpc = Rpc::new(RpcConfig::new(node.url.clone())).unwrap();
        let head = rpc.head().await.unwrap();
        let found = GasRules::detect(&rpc, &head).await.unwrap();
        assert_eq!(found.fork(), fork, "{found}");
        assert!(found.to_string().contains(words), "{found}");
    }
    // A chain that has none of the marks.
    let node = Anvil::of(Rules::Osaka, &["--hardfork", "prague"]);
    let rpc = Rpc::new(RpcConfig::new(node.url.clone())).unwrap();
    let found = GasRules::detect(&rpc, &rpc.head().await.unwrap()).await;
    let found = found.unwrap();
    assert_eq!(found.fork(), Fork::Unknown, "{found}");
    for tried in ["blockAccessListHash", "eth_config", "CLZ"] {
        assert!(found.to_string().contains(tried), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_and_proofs_are_right_to_the_wei_under_amsterdam() {
    let node = Anvil::of(Rules::Amsterdam, &[]);
    let folder = tempfile::tempdir().unwrap();
    let (model, state) = (manifest(), folder.path().join("state.sqlite"));
    let plan = deploy_plan(&model);
    let deployer = client(&node.url, 0, Some(state.into()));
    let outlay = deployment_outlay(&deployer, &plan).await.unwrap();
    let before = balance(&node, 0).await;
    let deployment = deploy(&deployer, &plan).await.unwrap();
    assert!(
        deployment.total_gas <= outlay.gas.total(),
        "{outlay:?}, {}",
        deployment.total_gas
    );
    assert!(outlay.gas.state > outlay.gas.execution);
    let engine = deployer.connect().await.unwrap();
    assert_ledger(&engine, &node, 0, before).await;
    let limits = engine.store().all_intents().await.unwrap();
    let dearest = limits.iter().map(|i| i.tx.gas_limit).max().unwrap();
    assert!(dearest > CAP, "state gas goes beyond the cap: {dearest}");
    engine.close().await;

    // The relay of several proofs, one of them through a replacement.
    let world = World {
        anvil: node,
        deployment,
        manifest: model,
    };
    let before = balance(&world.anvil, 1).await;
    let mut config = client(&world.anvil.url, 1, None);
    config.engine.bump_after = Duration::from_millis(50);
    let engine = config.connect().await.unwrap();
    world.anvil.rpc("evm_setAutomine", json!([false])).await;
    let mut jobs = Vec::new();
    for nonce in 0..3 {
        let proof = world.proof(nonce);
        let submitted = engine.submit(&proof, &Submitter::local()).await.unwrap();
        jobs.push(submitted.job().key.id);
    }
    engine.tick().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.tick().await.unwrap();
    world.anvil.rpc("evm_setAutomine", json!([true])).await;
    world.anvil.mine(1).await;
    for job in &jobs {
        let job = engine.run_job(*job, Duration::from_secs(60)).await.unwrap();
        assert!(matches!(
            job.state,
            JobState::Confirmed | JobState::Finalized
        ));
    }
    assert_eq!(world.proven_events().await, 3);
    let intents = engine.store().all_intents().await.unwrap();
    let first = engine.store().attempts(intents[0].id).await.unwrap();
    assert!(first.len() > 1, "replaced");
    assert_ledger(&engine, &world.anvil, 1, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn execution_and_state_are_planned_apart() {
    let node = Anvil::of(Rules::Amsterdam, &[]);
    let model = manifest();
    let deployment = deploy(&client(&node.url, 0, None), &deploy_plan(&model)).await;
    let world = World {
        deployment: deployment.unwrap(),
        anvil: node,
        manifest: model,
    };
    let attest_with = async |nonce: u64, execution: Option<u64>, state: Option<u64>| {
        let mut config = client(&world.anvil.url, 1, None);
        config.engine.gas_margin_percent = 0;
        config.engine.gas_slack = 0;
        config.engine.gas_cap = execution;
        config.engine.state_gas_cap = state;
        let proof = world.proof(nonce);
        attest(&config, &proof, &world.manifest, &world.deployment.file).await
    };
    let whole = attest_with(1, None, None).await.unwrap();
    assert_eq!(whole.transactions.len(), 1);
    // A slot less of execution gas than all of it: the slot is beside it.
    let most = whole.total_gas + 5_000 - 97_920;
    let report = attest_with(2, Some(most), None).await.unwrap();
    assert_eq!(report.transactions.len(), 1);
    assert!(report.total_gas > most);
    let report = attest_with(3, Some(most - 50_000), None).await.unwrap();
    assert!(report.transactions.len() > 1, "{report:#?}");
    let refused = attest_with(4, None, Some(97_919)).await;
    let Err(Error::JobEnded { reason, .. }) = refused else {
        panic!("{refused:?}")
    };
    // A chunk alone sets the bitmap of proven chunks beside the inference.
    for told in ["195840 gas for state", "97919 are allowed"] {
        assert!(reason.contains(told), "{reason}");
    }
}

/// A contract with so many bytes of code, all zero.
fn blank(bytes: u32) -> Bytes {
    let [_, a, b, c] = bytes.to_be_bytes();
    vec![0x62, a, b, c, 0x5f, 0xf3].into()
}

#[tokio::test(flavor = "multi_thread")]
async fn deployment_beyond_a_block_says_what_was_tried() {
    let node = Anvil::of(Rules::Amsterdam, &["--gas-limit", "30000000"]);
    let config = client(&node.url, 0, None);
    // 18.4 M, most of it for state.
    let deployed = deploy_contract(&config, "blank", &blank(12_000)).await;
    assert!(deployed.unwrap().transaction.gas_used.unwrap() > CAP);
    let refused = deploy_contract(&config, "blank", &blank(24_000)).await;
    let refused = refused.unwrap_err().to_string();
    for told in [
        "blank",
        "own limit",
        "limit of 30000000",
        "Amsterdam's rules",
    ] {
        assert!(refused.contains(told), "{refused}");
    }
    let sent = node.rpc("eth_getTransactionCount", json!([address(0), "latest"]));
    assert_eq!(number(&sent.await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn estimate_of_a_node_that_caps_state_too_is_asked_again() {
    let node = Anvil::of(Rules::Amsterdam, &[]);
    let proxy = Proxy::start(&node.url).await;
    let config = client(&proxy.url, 0, None);
    // The rules first: they are measured by two estimates.
    deploy_contract(&config, "small", &blank(1)).await.unwrap();
    let short = Fault::Refuse("Transaction ran out of gas");
    proxy.inject_after(2, "eth_estimateGas", short, 1);
    let large = deploy_contract(&config, "large", &blank(12_000)).await;
    assert!(large.unwrap().transaction.gas_used.unwrap() > CAP);
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_that_the_node_refuses_for_good_ends_the_call_with_its_reason() {
    let node = Anvil::start(&[]);
    let proxy = Proxy::start(&node.url).await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let config = client(&proxy.url, 0, Some(state.into()));
    // No block comes that could hold what uses up its nonce.
    node.rpc("evm_setAutomine", json!([false])).await;
    let refusal = Fault::Refuse("transaction gas limit exceeds the gas cap");
    proxy.inject("eth_sendRawTransaction", refusal, 1);
    let ended = deploy_contract(&config, "blank", &blank(1)).await;
    let Err(Error::TransactionFailed { state, reason, .. }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(state, IntentState::Cancelled);
    assert!(reason.contains("exceeds the gas cap"), "{reason}");
    // Called again it uses the nonce up, and sends anew.
    node.rpc("evm_setAutomine", json!([true])).await;
    node.mine(1).await;
    let deployed = deploy_contract(&config, "blank", &blank(1)).await.unwrap();
    assert_eq!(deployed.code_size, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_without_money_ends_the_call_at_once() {
    let node = Anvil::start(&[]);
    let set = async |wei: &str| {
        let parameters = json!([address(0), wei]);
        node.rpc("anvil_setBalance", parameters).await
    };
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let config = client(&node.url, 0, Some(state.into()));
    set("0x0").await;
    for _ in 0..2 {
        let ended = deploy_contract(&config, "blank", &blank(1)).await;
        let reason = ended.unwrap_err().to_string();
        assert!(reason.contains("holds 0 ether"), "{reason}");
    }
    set("0xde0b6b3a7640000").await;
    deploy_contract(&config, "blank", &blank(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_account_ends_the_call_at_once() {
    let node = Anvil::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let config = client(&node.url, 0, Some(state.into()));
    let engine = config.connect().await.unwrap();
    engine.pause("maintenance".to_owned()).await.unwrap();
    let ended = deploy_contract(&config, "blank", &blank(1)).await;
    let Err(Error::Paused { reason, .. }) = &ended else {
        panic!("{ended:?}")
    };
    assert!(reason.contains("maintenance"), "{reason}");
    engine.resume().await.unwrap();
    deploy_contract(&config, "blank", &blank(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_makes_no_blocks_is_named_when_the_time_is_over() {
    let node = Anvil::start(&[]);
    node.rpc("evm_setAutomine", json!([false])).await;
    let mut config = client(&node.url, 0, None);
    config.limit = Duration::from_millis(300);
    let ended = deploy_contract(&config, "blank", &blank(1)).await;
    let Err(Error::Timeout { what, .. }) = ended else {
        panic!("{ended:?}")
    };
    for told in ["is in no block", "nonce 0", "accepted", "newest block is 0"] {
        assert!(what.contains(told), "{what}");
    }
    let pool: Value = node
        .rpc("eth_getTransactionCount", json!([address(0), "pending"]))
        .await;
    assert_eq!(number(&pool), 1);

    // Included, and no block after it.
    node.mine(1).await;
    let mut config = client(&node.url, 1, None);
    config.limit = Duration::from_millis(300);
    config.engine.confirmations = Some(3);
    node.rpc("evm_setAutomine", json!([true])).await;
    let ended = deploy_contract(&config, "blank", &blank(1)).await;
    let ended = ended.unwrap_err().to_string();
    assert!(
        ended.contains("in block 2, which counts once 3 blocks"),
        "{ended}"
    );
}
