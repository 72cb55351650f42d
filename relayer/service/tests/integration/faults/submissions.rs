//! What clients do.

use crate::scene::{Scene, until};
use crate::service::{Running, config};
use chainfer_formats::ProofFile;
use chainfer_relayer::Submitter;
use chainfer_relayer::state::JobState;
use chainfer_relayer::store::Submitted;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn same_proof_from_many_clients_at_once_is_one_job() {
    let scene = Scene::new().await;
    let service = Running::start(config(&scene.proxy.url, Some(scene.state()))).await;
    let body = serde_json::to_string(&scene.world.proof(1)).unwrap();
    let replies = (0..20).map(|_| {
        let request = service.http.post(format!("{}/v1/proofs", service.url));
        let request = request.body(body.clone());
        tokio::spawn(async move { crate::service::answer(request).await })
    });
    let mut ids = BTreeSet::new();
    let mut created = 0;
    for reply in replies.collect::<Vec<_>>() {
        let (status, job) = reply.await.unwrap();
        assert!(matches!(status, 200 | 202), "{job}");
        created += usize::from(status == 202);
        ids.insert(job["id"].as_str().unwrap().to_owned());
    }
    assert_eq!((created, ids.len()), (1, 1));
    service.stop().await;
    let engine = scene.engine().await;
    let id = ids.first().unwrap().parse().unwrap();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicting_proof_does_not_displace_the_first() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let good = scene.world.proof(1);
    let mut json = serde_json::to_value(&good).unwrap();
    json["chunks"][0]["proof"] = format!("0x{}", "ab".repeat(32)).into();
    let bad = ProofFile::parse(json.to_string().as_bytes()).unwrap();
    let id = scene.submit(&engine, 1).await;
    let second = engine.submit(&bad, &Submitter::local()).await.unwrap();
    assert!(matches!(&second, Submitted::Existing(job) if job.key.id == id));
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_proof_ends_with_a_reason_and_costs_nothing() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let mut json = serde_json::to_value(scene.world.proof(1)).unwrap();
    json["chunks"][2]["proof"] = format!("0x{}", "ab".repeat(32)).into();
    let bad = ProofFile::parse(json.to_string().as_bytes()).unwrap();
    let id = engine
        .submit(&bad, &Submitter::local())
        .await
        .unwrap()
        .job()
        .key
        .id;
    let good = scene.submit(&engine, 2).await;
    until(&engine, id, JobState::Failed).await;
    let job = engine.store().job(id).await.unwrap().unwrap();
    assert!(job.reason.unwrap().contains("chunk 2"));
    let expected = [(id, JobState::Failed), (good, JobState::Finalized)];
    scene.settle(&engine, &expected, 0).await;
    assert_eq!(scene.counts().await.0, 1, "only the good one is paid for");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_oversized_bodies_leave_nothing_behind() {
    let scene = Scene::new().await;
    let mut settings = config(&scene.proxy.url, Some(scene.state()));
    settings.limits.body_bytes = 32 << 10;
    let service = Running::start(settings).await;
    let good = serde_json::to_string(&scene.world.proof(1)).unwrap();
    let deep = "[".repeat(20_000);
    let huge = " ".repeat(40 << 10);
    for (body, expected) in [
        ("", 400),
        ("null", 400),
        ("{}", 400),
        (&good[..good.len() / 2], 400),
        (deep.as_str(), 400),
        (huge.as_str(), 413),
    ] {
        let (status, answer) = service.post(body.to_owned()).await;
        assert_eq!(status, expected, "{answer}");
    }
    service.stop().await;
    let engine = scene.engine().await;
    assert!(engine.store().jobs(None, 10).await.unwrap().is_empty());
    assert!(scene.proxy.broadcast().is_empty());
}
