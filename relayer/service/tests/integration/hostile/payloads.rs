//! Garbage under the id of an honest job, and more of it than there is room for.

use super::registry::{garbage, proof_for};
use super::target::note;
use crate::relayer::{Relayer, TOKEN};
use crate::scene::{Scene, until};
use crate::service::{Running, answer, config, json_client};
use alloy::primitives::Address;
use chainfer_formats::ChainModel;
use chainfer_formats::chain_model::chunks_digest;
use chainfer_formats::{Binding, ProofFile};
use chainfer_relayer::Submitter;
use chainfer_relayer::state::{JobState, PayloadState};
use chainfer_relayer::store::{Cancellation, Submitted};
use chainfer_relayer::{Error, engine::Engine};
use serde_json::{Value, json};
use std::time::Instant;

fn mallory() -> Submitter {
    "mallory".parse().unwrap()
}

fn alice() -> Submitter {
    "alice".parse().unwrap()
}

async fn bytes(engine: &Engine) -> u64 {
    engine.store().payload_bytes(None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_that_is_cancelled_locks_nobody_out() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let bad = garbage(&scene, 1, 0xab);
    let id = engine.submit(&bad, &mallory()).await.unwrap().job().key.id;
    let cancelled = engine.withdraw(id, &mallory()).await.unwrap();
    assert_eq!(cancelled, Cancellation::Done);
    let begin = Instant::now();
    let honest = engine
        .submit(&scene.world.proof(1), &alice())
        .await
        .unwrap();
    assert!(matches!(&honest, Submitted::Reopened(job) if job.key.id == id));
    until(&engine, id, JobState::Confirmed).await;
    let waited = begin.elapsed();
    assert_eq!(scene.counts().await.0, 1);
    note(&format!(
        "garbage, cancelled: 0 gas; the honest proof attested in {waited:.2?}"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_that_came_first_while_paused_does_not_displace_the_honest_proof() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    engine.pause("night".to_owned()).await.unwrap();
    let mut id = None;
    for byte in [1, 2] {
        let bad = garbage(&scene, 1, byte);
        id = Some(engine.submit(&bad, &mallory()).await.unwrap().job().key.id);
    }
    let id = id.unwrap();
    engine
        .submit(&scene.world.proof(1), &alice())
        .await
        .unwrap();
    // Only what is mallory's.
    assert_eq!(
        engine.withdraw(id, &mallory()).await.unwrap(),
        Cancellation::Done
    );
    let again = garbage(&scene, 1, 3);
    engine.submit(&again, &mallory()).await.unwrap();
    let begin = Instant::now();
    engine.resume().await.unwrap();
    until(&engine, id, JobState::Confirmed).await;
    let waited = begin.elapsed();
    let states: Vec<PayloadState> = engine
        .store()
        .payloads(id)
        .await
        .unwrap()
        .iter()
        .map(|p| p.state)
        .collect();
    assert_eq!(states.len(), 4);
    assert_eq!(scene.counts().await.0, 1, "only the honest one is paid for");
    note(&format!(
        "3 kinds of garbage before it: the honest proof attested {waited:.2?} after the pause"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_fails_alone_and_the_next_proof_is_tried() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = engine
        .submit(&garbage(&scene, 1, 9), &mallory())
        .await
        .unwrap()
        .job()
        .key
        .id;
    engine
        .submit(&scene.world.proof(1), &alice())
        .await
        .unwrap();
    until(&engine, id, JobState::Confirmed).await;
    let payloads = engine.store().payloads(id).await.unwrap();
    assert_eq!(payloads[0].state, PayloadState::Failed);
    assert!(
        payloads[0].reason.as_ref().unwrap().contains("chunk 2"),
        "{payloads:?}"
    );
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_what_somebody_else_handed_in_is_refused() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    engine.pause("night".to_owned()).await.unwrap();
    let honest = engine
        .submit(&scene.world.proof(1), &alice())
        .await
        .unwrap();
    let id = honest.job().key.id;
    let refused = engine.withdraw(id, &mallory()).await;
    assert!(
        matches!(refused, Err(Error::NotSubmitted { .. })),
        "{refused:?}"
    );
    // With the same bytes handed in, it is still only the own that is withdrawn.
    engine
        .submit(&scene.world.proof(1), &mallory())
        .await
        .unwrap();
    assert_eq!(
        engine.withdraw(id, &mallory()).await.unwrap(),
        Cancellation::Done
    );
    engine.resume().await.unwrap();
    until(&engine, id, JobState::Confirmed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_under_a_contested_id_is_refused_at_the_door() {
    let scene = Scene::new().await;
    let mut settings = config(&scene.proxy.url, Some(scene.state()));
    settings.client.engine.registry = Some(scene.world.registry());
    let service = Service::start(settings).await;
    service
        .0
        .http
        .post(format!("{}/v1/pause", service.0.url))
        .send()
        .await
        .unwrap();
    let text = |proof: &ProofFile| serde_json::to_string(proof).unwrap();
    let (status, job) = service.0.post(text(&garbage(&scene, 1, 1))).await;
    assert_eq!(status, 202, "nothing is known of the job yet: {job}");
    let id = job["id"].as_str().unwrap().to_owned();
    let mut refused = 0;
    for byte in 2..12 {
        let (status, answer) = service.0.post(text(&garbage(&scene, 1, byte))).await;
        assert_eq!(status, 422, "{answer}");
        refused += 1;
    }
    let (status, answer) = service.0.post(text(&scene.world.proof(1))).await;
    assert_eq!(status, 200, "{answer}");
    let (_, shown) = service.0.get(&format!("/v1/proofs/{id}")).await;
    assert_eq!(shown["proofs"].as_array().unwrap().len(), 2, "{shown:#}");
    let begin = Instant::now();
    service
        .0
        .http
        .post(format!("{}/v1/resume", service.0.url))
        .send()
        .await
        .unwrap();
    service.0.until(&id, "confirmed").await;
    let waited = begin.elapsed();
    service.0.stop().await;
    assert_eq!(scene.counts().await.0, 1);
    note(&format!(
        "{refused} of 11 pieces of garbage refused at the door; the honest proof attested {waited:.2?} after the pause"
    ));
}

/// A service in this process.
struct Service(Running);

impl Service {
    async fn start(settings: chainfer_relayer::service::ServiceConfig) -> Self {
        Self(Running::start(settings).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_no_registered_form_are_refused_at_the_door() {
    let scene = Scene::new().await;
    let service = Running::start(config(&scene.proxy.url, Some(scene.state()))).await;
    let registry = scene.world.registry();
    let good = serde_json::to_value(scene.world.proof(1)).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut json = good.clone();
        change(&mut json);
        json.to_string()
    };
    let unregistered = {
        let mut binding: Binding = scene.world.proof(1).binding.unwrap();
        binding.registry = registry;
        let model = alloy::primitives::B256::repeat_byte(5);
        let context = chainfer_formats::ids::context(&binding, model);
        changed(&|json| {
            json["model_id"] = json!(model);
            json["context"] = json!(context);
        })
    };
    let other = serde_json::to_string(&proof_for(&scene, Address::repeat_byte(9), 1)).unwrap();
    // A record of the sender's own, to which chunks and values fit.
    let rerecorded = changed(&|json| {
        json["chunks"].as_array_mut().unwrap().pop();
        let mut model: ChainModel = serde_json::from_value(json["model"].clone()).unwrap();
        model.chunks.pop();
        model.record.chunks = chunks_digest(&model.chunks);
        json["model"] = serde_json::to_value(model).unwrap();
    });
    for (body, status, told) in [
        (unregistered.clone(), 422, "is not registered"),
        (other, 422, "no contract code"),
        (rerecorded, 422, "model.record"),
        (
            changed(&|json| {
                json["chunks"].as_array_mut().unwrap().pop();
            }),
            400,
            "chunks",
        ),
        (
            changed(&|json| {
                let values = json["chunks"][1]["public_values"].as_array_mut().unwrap();
                values.push(values[0].clone());
            }),
            400,
            "chunks[1].public_values",
        ),
        (
            changed(&|json| json["model"]["chunks"][1]["key"] = json!("0x00")),
            400,
            "model.chunks[1].key",
        ),
        (
            changed(&|json| drop(json.as_object_mut().unwrap().remove("model"))),
            422,
            "--deployment FILE",
        ),
        (
            changed(&|json| {
                json["chunks"][1]["proof"] = format!("0x{}", "00".repeat(130 << 10)).into()
            }),
            422,
            "over the cap",
        ),
        (
            changed(&|json| json["root"] = format!("0x{}", "00".repeat(32)).into()),
            422,
            "root",
        ),
    ] {
        let (answered, refused) = service.post(body).await;
        assert_eq!(answered, status, "{refused}");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    }
    // Nor do they cost the node as many calls as somebody likes.
    let before = scene.proxy.count("eth_call");
    let mut last = 0;
    for _ in 0..40 {
        last = service.post(unregistered.clone()).await.0;
    }
    assert_eq!(last, 429);
    assert!(scene.proxy.count("eth_call") - before <= 20);
    service.stop().await;
    let engine = scene.engine().await;
    assert!(engine.store().jobs(None, 10).await.unwrap().is_empty());
    assert_eq!(bytes(&engine).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_says_besides_the_proof_takes_no_room() {
    let scene = Scene::new().await;
    let relayer = Relayer::start_with(&scene.world.anvil.url, &scene.state(), &[]).await;
    let before = relayer.peak_memory();
    let numbers = "0,".repeat(2 << 20);
    let padding =
        format!(r#"[{{"name":"x","shape":[1],"visibility":"public","values":[{numbers}0]}}]"#);
    let mut sent = 0;
    for nonce in 0..24 {
        let mut json = serde_json::to_value(scene.world.proof(nonce)).unwrap();
        json["outputs"] = json!([]);
        let body =
            json.to_string()
                .replacen(r#""outputs":[]"#, &format!(r#""outputs":{padding}"#), 1);
        sent += body.len();
        let url = format!("{}/v1/proofs", relayer.url);
        let request = json_client().post(url).bearer_auth(TOKEN).body(body);
        let (_, job) = answer(request).await;
        assert!(job["id"].is_string(), "{job}");
    }
    let grown = relayer.peak_memory().saturating_sub(before);
    relayer.kill();
    let engine = scene.engine().await;
    let kept = bytes(&engine).await;
    assert!(kept < 24 * 4_096, "{kept}");
    // One body at a time, and what HTTP needs to receive it.
    assert!(grown < 64 << 10, "{grown} KiB");
    note(&format!(
        "24 requests of {} MiB in all: {kept} bytes kept, {grown} KiB of memory",
        sent >> 20
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_that_differ_only_in_what_the_chain_does_not_see_are_one() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    engine.pause("night".to_owned()).await.unwrap();
    let mut id = None;
    for text in ["a", "b", "c", "d"] {
        let mut json = serde_json::to_value(scene.world.proof(1)).unwrap();
        json["outputs"][0]["name"] = text.into();
        json["manifest_id"] = format!("0x{}", alloy::hex::encode([text.as_bytes()[0]; 32])).into();
        let proof = ProofFile::parse(json.to_string().as_bytes()).unwrap();
        id = Some(
            engine
                .submit(&proof, &mallory())
                .await
                .unwrap()
                .job()
                .key
                .id,
        );
    }
    assert_eq!(engine.store().payloads(id.unwrap()).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_under_a_contested_id_is_simulated_so_many_times_a_minute() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.check_at_door = true;
    let engine = config.connect().await.unwrap();
    engine.pause("night".to_owned()).await.unwrap();
    let first = garbage(&scene, 1, 1);
    engine.submit(&first, &mallory()).await.unwrap();
    let (mut refused, mut counted) = (0, 0);
    for byte in 2..42 {
        match engine.submit(&garbage(&scene, 1, byte), &mallory()).await {
            Err(Error::Refused(_)) => refused += 1,
            Err(Error::Quota { .. }) => counted += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, counted), (20, 20));
    let honest = engine.submit(&scene.world.proof(1), &alice()).await;
    assert!(matches!(honest, Ok(Submitted::Existing(_))), "{honest:?}");
    note(&format!(
        "{refused} of 40 simulated, {counted} refused unseen; an honest proof of somebody else's taken"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn submit_and_withdraw_for_ever_fills_no_log() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.engine.quota.proofs = Some(120);
    let engine = config.connect().await.unwrap();
    engine.pause("night".to_owned()).await.unwrap();
    let proof = scene.world.proof(1);
    let (mut taken, mut id) = (0, None);
    let ended = loop {
        match engine.submit(&proof, &mallory()).await {
            Ok(submitted) => {
                taken += 1;
                let job = submitted.job().key.id;
                engine.withdraw(job, &mallory()).await.unwrap();
                id = Some(job);
            }
            Err(e) => break e,
        }
    };
    assert!(matches!(ended, Error::Quota { .. }), "{ended}");
    assert_eq!(taken, 120);
    let log = engine.store().transitions(id.unwrap()).await.unwrap();
    assert_eq!(log.len(), 200);
    note(&format!(
        "{taken} rounds, then 429; {} lines kept",
        log.len()
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_a_deprecated_model_are_refused_at_the_door() {
    let scene = Scene::new().await;
    let proof = scene.world.proof(1);
    let model = proof.model_id.unwrap();
    let engine = scene.engine().await;
    let registry =
        chainfer_chain::registry::Registry::new(engine.rpc().clone(), scene.world.registry());
    let registrant = registry.model(model).await.unwrap().unwrap().registrant;
    let call = chainfer_chain::abi::ChainferRegistry::deprecateModelCall { modelId: model };
    let deprecate = json!([{
        "from": registrant, "to": scene.world.registry(), "gas": "0x7a120",
        "data": alloy::hex::encode_prefixed(alloy::sol_types::SolCall::abi_encode(&call)),
    }]);
    scene
        .world
        .anvil
        .rpc("eth_sendTransaction", deprecate)
        .await;
    let service = Running::start(config(&scene.proxy.url, Some(scene.state()))).await;
    let before = scene.proxy.count("eth_call");
    for _ in 0..3 {
        let (status, refused) = service.post(serde_json::to_string(&proof).unwrap()).await;
        assert_eq!(status, 422, "{refused}");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("deprecated"), "{message}");
    }
    let asked = scene.proxy.count("eth_call") - before;
    service.stop().await;
    note(&format!("no gas; 3 refusals cost the node {asked} calls"));
    assert!(
        scene
            .engine()
            .await
            .store()
            .jobs(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}
