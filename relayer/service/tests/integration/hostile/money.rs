//! Strangers who would have the relayer pay.

use super::registry::{HOSTILE, place, place_writing, proof_for};
use super::target::note;
use crate::anvil::root;
use crate::cli::serve_that_ends;
use crate::scene::{RELAYER, Scene, number, until};
use crate::service::{Running, config};
use crate::world::{address, client};
use alloy::primitives::{Address, B256, keccak256};
use chainfer_chain::registry::Registry;
use chainfer_relayer::client::attest;
use chainfer_relayer::engine::{Engine, Quota, RegistryCode};
use chainfer_relayer::money::Gwei;
use chainfer_relayer::service::Service;
use chainfer_relayer::state::JobState;
use chainfer_relayer::store::Cause;
use chainfer_relayer::{Error, Submitter};
use serde_json::json;
use std::time::Instant;

/// Gas that the relaying account has paid for.
async fn gas_paid(scene: &Scene) -> u64 {
    let anvil = &scene.world.anvil;
    let head = number(&anvil.rpc("eth_blockNumber", json!([])).await);
    let mut gas = 0;
    for block in scene.deployed_at()..=head {
        let block = json!([format!("{block:#x}"), true]);
        let block = anvil.rpc("eth_getBlockByNumber", block).await;
        for tx in block["transactions"].as_array().unwrap() {
            let from: Address = tx["from"].as_str().unwrap().parse().unwrap();
            if from == address(RELAYER) {
                let hash = json!([tx["hash"]]);
                let receipt = anvil.rpc("eth_getTransactionReceipt", hash).await;
                gas += number(&receipt["gasUsed"]);
            }
        }
    }
    gas
}

async fn state(engine: &Engine, id: B256) -> JobState {
    engine.store().job(id).await.unwrap().unwrap().state
}

#[test]
fn built_registry_is_that_of_the_artefact() {
    let path = root().join("contracts/artefacts/ChainferRegistry.json");
    let artefact: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let code = artefact["deployedBytecode"].as_str().unwrap();
    let code = alloy::hex::decode(code).unwrap();
    assert_eq!(Registry::built_code_hash(), keccak256(code));
    assert_eq!(artefact["immutables"], json!([]));
}

#[test]
fn serve_without_registry_or_cap_is_refused() {
    let key = [("ETH_PRIVATE_KEY", crate::anvil::KEYS[1])];
    let registry = HOSTILE.to_string();
    let told = serve_that_ends(&[], &key);
    assert!(told.contains("--registry ADDRESS"), "{told}");
    for caps in [&[][..], &["--max-spend-hourly", "1ether"]] {
        let told = serve_that_ends(&[&["--registry", &registry], caps].concat(), &key);
        assert!(told.contains("--max-spend-daily AMOUNT"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_senders_as_registry_is_not_called() {
    let scene = Scene::new().await;
    place(&scene).await;
    let mut settings = config(&scene.proxy.url, Some(scene.state()));
    settings.client.engine.registry = Some(scene.world.registry());
    let service = Running::start(settings).await;
    for nonce in 0..20 {
        let proof = proof_for(&scene, HOSTILE, nonce);
        let (status, refused) = service.post(serde_json::to_string(&proof).unwrap()).await;
        assert_eq!(status, 422, "{refused}");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("binding.registry"), "{message}");
    }
    let honest = serde_json::to_string(&scene.world.proof(1)).unwrap();
    let begin = Instant::now();
    let (_, job) = service.post(honest).await;
    service
        .until(job["id"].as_str().unwrap(), "confirmed")
        .await;
    let waited = begin.elapsed();
    service.stop().await;
    assert_eq!(scene.counts().await.0, 1, "only the honest one is paid for");
    note(&format!(
        "20 foreign registries, 0 gas; an honest proof attested in {waited:.2?}"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_with_other_code_is_refused_at_the_start() {
    let scene = Scene::new().await;
    place(&scene).await;
    let mut settings = config(&scene.proxy.url, Some(scene.state()));
    settings.client.engine.registry = Some(HOSTILE);
    let refused = Service::bind(settings.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("--registry-code-hash 0x"), "{refused}");
    let other = Some(RegistryCode::Hash(B256::repeat_byte(1)));
    settings.client.engine.registry_code = other;
    assert!(Service::bind(settings.clone()).await.is_err());
    settings.client.engine.registry = Some(Address::repeat_byte(0xcc));
    let refused = Service::bind(settings.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("no contract code"), "{refused}");
    // Somebody has reviewed it, and says so.
    let anvil = &scene.world.anvil;
    let code = anvil.rpc("eth_getCode", json!([HOSTILE, "latest"])).await;
    let hash = keccak256(alloy::hex::decode(code.as_str().unwrap()).unwrap());
    settings.client.engine.registry = Some(HOSTILE);
    settings.client.engine.registry_code = Some(RegistryCode::Hash(hash));
    Running::start(settings).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_that_records_nothing_is_paid_twice_and_once_for_each_new_try() {
    let scene = Scene::new().await;
    place(&scene).await;
    let engine = scene.engine().await;
    let proof = proof_for(&scene, HOSTILE, 1);
    let local = Submitter::local();
    let id = engine.submit(&proof, &local).await.unwrap().job().key.id;
    until(&engine, id, JobState::Failed).await;
    let reason = engine
        .store()
        .job(id)
        .await
        .unwrap()
        .unwrap()
        .reason
        .unwrap();
    assert!(reason.contains("did not advance"), "{reason}");
    for _ in 0..10 {
        engine.tick().await.unwrap();
    }
    assert_eq!(scene.counts().await.0, 2, "two plans, and no more");
    for times in 3..6 {
        engine.submit(&proof, &local).await.unwrap();
        until(&engine, id, JobState::Failed).await;
        assert_eq!(scene.counts().await.0, times);
    }
    let gas = gas_paid(&scene).await;
    note(&format!(
        "a registry that records nothing: 5 transactions in 4 submissions, {gas} gas"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_is_handed_in_for_ever_stays_under_its_cap() {
    let scene = Scene::new().await;
    place(&scene).await;
    let mut config = scene.config();
    let hand_in = async |engine: &Engine| {
        // The price of gas stays what it is.
        let price = json!(["0x3b9aca00"]);
        let anvil = &scene.world.anvil;
        anvil.rpc("anvil_setNextBlockBaseFeePerGas", price).await;
        anvil.mine(1).await;
        let proof = proof_for(&scene, HOSTILE, 1);
        let submitted = engine.submit(&proof, &Submitter::local()).await.unwrap();
        let id = submitted.job().key.id;
        until(engine, id, JobState::Failed).await;
        id
    };
    // The most that one of its transactions can cost, and what it costs.
    let (dearest, cost) = {
        let mut alone = config.clone();
        alone.state = None;
        let engine = alone.connect().await.unwrap();
        let id = hand_in(&engine).await;
        let intent = engine.store().intents_of(id).await.unwrap().remove(0);
        let attempts = engine.store().attempts(intent.id).await.unwrap();
        let spent = engine.store().spend_of_job(id).await.unwrap();
        (attempts[0].tx.dearest().0, spent.0 / 2)
    };
    let cap = Gwei(dearest + 2 * cost);
    let before = scene.counts().await.0;
    config.engine.caps.job = Some(cap);
    config.engine.fail_over_cap = true;
    let engine = config.connect().await.unwrap();
    let mut id = B256::ZERO;
    for _ in 0..12 {
        id = hand_in(&engine).await;
    }
    let sent = scene.counts().await.0 - before;
    assert!((2..12).contains(&sent), "{sent}");
    let spent = engine.store().spend_of_job(id).await.unwrap();
    assert!(spent <= cap);
    let reason = engine
        .store()
        .job(id)
        .await
        .unwrap()
        .unwrap()
        .reason
        .unwrap();
    assert!(reason.contains("per-job spend cap"), "{reason}");
    note(&format!(
        "handed in 12 times, {sent} transactions, {spent} of {cap}"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn attest_to_a_contract_that_is_no_registry_sends_nothing() {
    let scene = Scene::new().await;
    place(&scene).await;
    let mut file = scene.world.deployment.file.clone();
    file.registry = HOSTILE;
    let proof = proof_for(&scene, HOSTILE, 1);
    let sender = client(&scene.world.anvil.url, RELAYER, None);
    let refused = attest(&sender, &proof, &scene.world.manifest, &file).await;
    let Err(Error::Mismatch {
        field: "registry",
        got,
        ..
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert!(got.contains("code hash"), "{got}");
    assert_eq!(scene.counts().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn attest_spends_no_more_than_its_cap_and_says_so_at_once() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let mut sender = client(&world.anvil.url, RELAYER, None);
    sender.engine.caps.job = Some(Gwei(1));
    let begin = Instant::now();
    let ended = attest(
        &sender,
        &world.proof(1),
        &world.manifest,
        &world.deployment.file,
    )
    .await;
    let Err(Error::JobEnded {
        state: JobState::Failed,
        reason,
        ..
    }) = ended
    else {
        panic!("{ended:?}")
    };
    assert!(reason.contains("per-job spend cap"), "{reason}");
    assert!(
        begin.elapsed() < sender.limit,
        "it does not wait for its time to be over"
    );
    assert_eq!(scene.counts().await.0, 0);
}

/// Somebody's job wants all but a little of what there is; what then becomes of a cheap one, before and after it is withdrawn.
async fn dear_job_stops_nobody(cause: Cause) {
    for withdrawn in [false, true] {
        let scene = Scene::new().await;
        // Under rules that price state, five slots are dearer than a proof.
        place_writing(&scene, 1).await;
        scene.stop_mining().await;
        let anvil = &scene.world.anvil;
        let set_balance = async |gwei: u64| {
            let wei = u128::from(gwei) * 1_000_000_000;
            let parameters = json!([address(RELAYER), format!("{wei:#x}")]);
            anvil.rpc("anvil_setBalance", parameters).await;
        };
        let mut config = scene.config();
        config.engine.min_balance = Gwei(0);
        let (mallory, alice): (Submitter, Submitter) =
            ("mallory".parse().unwrap(), "alice".parse().unwrap());
        if cause == Cause::Balance {
            set_balance(1).await;
        } else {
            config.engine.caps.hour = Some(Gwei(1));
        }
        let engine = config.connect().await.unwrap();
        let dear = scene.world.proof(1);
        let dear = engine.submit(&dear, &mallory).await.unwrap().job().key.id;
        engine.tick().await.unwrap();
        let pauses = engine.pauses().await.unwrap();
        assert_eq!(pauses.len(), 1, "nothing else waits");
        assert_eq!(pauses[0].cause, cause);
        let room = pauses[0].wanted.0 - 1;
        engine.close().await;
        if cause == Cause::Balance {
            set_balance(room).await;
        } else {
            config.engine.caps.hour = Some(Gwei(room));
        }
        let engine = config.connect().await.unwrap();
        if withdrawn {
            engine.withdraw(dear, &mallory).await.unwrap();
            engine.tick().await.unwrap();
            assert!(engine.pauses().await.unwrap().is_empty(), "nobody wants it");
        } else {
            for _ in 0..3 {
                engine.tick().await.unwrap();
            }
            assert_eq!(engine.pauses().await.unwrap().len(), 1);
        }
        let cheap = proof_for(&scene, HOSTILE, 2);
        let cheap = engine.submit(&cheap, &alice).await.unwrap().job().key.id;
        for _ in 0..3 {
            engine.tick().await.unwrap();
        }
        assert_eq!(scene.counts().await, (0, 1), "withdrawn: {withdrawn}");
        assert_eq!(state(&engine, cheap).await, JobState::Submitting);
        let expected = if withdrawn {
            JobState::Cancelled
        } else {
            JobState::Queued
        };
        assert_eq!(state(&engine, dear).await, expected);
        assert!(engine.pauses().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_the_balance_is_too_small_for_stops_nobody() {
    dear_job_stops_nobody(Cause::Balance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_the_hour_has_no_room_for_stops_nobody() {
    dear_job_stops_nobody(Cause::Spend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn submitter_who_spent_enough_waits_and_others_do_not() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.quota = Quota {
        proofs: None,
        spend: Some(Gwei(1)),
    };
    let engine = config.connect().await.unwrap();
    let (mallory, alice): (Submitter, Submitter) =
        ("mallory".parse().unwrap(), "alice".parse().unwrap());
    let mut worthless = Vec::new();
    for nonce in 0..8 {
        let proof = scene.world.proof(nonce);
        let submitted = engine.submit(&proof, &mallory).await.unwrap();
        worthless.push(submitted.job().key.id);
    }
    let honest = scene.world.proof(100);
    let begin = Instant::now();
    let honest = engine.submit(&honest, &alice).await.unwrap().job().key.id;
    until(&engine, honest, JobState::Confirmed).await;
    let waited = begin.elapsed();
    for _ in 0..10 {
        let _ = engine.tick().await;
    }
    let mut paid = 0;
    for id in worthless {
        let state = state(&engine, id).await;
        paid += usize::from(matches!(state, JobState::Confirmed | JobState::Finalized));
    }
    assert_eq!(paid, 1, "the one that passed the quota");
    assert_eq!(scene.counts().await.0, 2);
    let gas = gas_paid(&scene).await;
    note(&format!(
        "1 of 8 worthless jobs paid for, {gas} gas in all; an honest proof attested in {waited:.2?}"
    ));
}
