//! From proof to attestation, against a real anvil.

use crate::anvil::Anvil;
use crate::world::{World, client, one_chunk_client};
use alloy::primitives::{U256, keccak256};
use alloy::sol_types::SolValue;
use chainfer_chain::registry::read_inference;
use chainfer_formats::ProofFile;
use chainfer_relayer::Error;
use chainfer_relayer::Submitter;
use chainfer_relayer::client::attest;
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::store::{Submitted, TxKind};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn attest_good_proof_is_proven_in_one_transaction() {
    let world = World::new().await;
    let config = client(&world.anvil.url, 1, None);
    let proof = world.proof(7);
    let report = attest(&config, &proof, &world.manifest, &world.deployment.file)
        .await
        .unwrap();
    assert_eq!(report.status, JobState::Confirmed);
    assert_eq!(report.transactions.len(), 1);
    let tx = &report.transactions[0];
    assert_eq!(
        (tx.kind, tx.status, tx.attempts),
        (TxKind::Attest, IntentState::Mined, 1)
    );
    assert_eq!(tx.chunks, [0, 1, 2]);
    assert_eq!(report.total_gas, tx.gas_used.unwrap());

    let model = world.deployment.file.model_id;
    let inference = read_inference(&config.rpc, world.registry(), model, report.inference_id)
        .await
        .unwrap();
    assert_eq!(inference.status, "proven");
    assert!(inference.proven_chunks.is_empty() && inference.time > 0);
    // The chained hash of the public values, chunk by chunk.
    let mut hash = U256::ZERO;
    for (index, chunk) in (0u64..).zip(&proof.chunks) {
        let words: Vec<u8> = chunk
            .public_values
            .iter()
            .flat_map(|v| v.to_word().0)
            .collect();
        let link = (hash, U256::from(index), keccak256(words)).abi_encode();
        hash = U256::from_be_bytes(keccak256(link).0) >> 48;
    }
    assert_eq!(inference.values_hash, format!("{hash:#054x}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn attest_twice_sends_once() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let config = client(&world.anvil.url, 1, Some(state.clone().into()));
    let (proof, file) = (world.proof(1), &world.deployment.file);
    let first = attest(&config, &proof, &world.manifest, file)
        .await
        .unwrap();
    let second = attest(&config, &proof, &world.manifest, file)
        .await
        .unwrap();
    assert_eq!(first, second);
    // And from another machine, with a state of its own.
    let third = attest(
        &client(&world.anvil.url, 1, None),
        &proof,
        &world.manifest,
        file,
    )
    .await
    .unwrap();
    assert!(third.transactions.is_empty());
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn submit_same_proof_twice_is_one_job() {
    let world = World::new().await;
    let engine = world.engine(None).await;
    let proof = world.proof(1);
    let Submitted::Created(first) = engine.submit(&proof, &Submitter::local()).await.unwrap()
    else {
        panic!("not new")
    };
    let Submitted::Existing(second) = engine.submit(&proof, &Submitter::local()).await.unwrap()
    else {
        panic!("new")
    };
    assert_eq!(first.key, second.key);
    engine.run_job(first.key.id, LIMIT).await.unwrap();
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_else_posts_first_job_is_confirmed_without_spending() {
    let world = World::new().await;
    let engine = world.engine(None).await;
    let proof = world.proof(1);
    let id = engine
        .submit(&proof, &Submitter::local())
        .await
        .unwrap()
        .job()
        .key
        .id;
    let other = client(&world.anvil.url, 2, None);
    attest(&other, &proof, &world.manifest, &world.deployment.file)
        .await
        .unwrap();
    let job = engine.run_job(id, LIMIT).await.unwrap();
    assert_eq!(job.state, JobState::Confirmed);
    assert!(job.reason.unwrap().contains("already"));
    assert!(engine.store().intents_of(id).await.unwrap().is_empty());
    assert_eq!((world.sent(1).await, world.proven_events().await), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_over_the_gas_cap_is_split() {
    let world = World::new().await;
    let config = one_chunk_client(&world.anvil.url, 1);
    let proof = world.proof(1);
    let report = attest(&config, &proof, &world.manifest, &world.deployment.file)
        .await
        .unwrap();
    assert_eq!(report.transactions.len(), 3, "{report:#?}");
    let mut chunks: Vec<u16> = report
        .transactions
        .iter()
        .flat_map(|t| t.chunks.clone())
        .collect();
    chunks.sort_unstable();
    assert_eq!(chunks, [0, 1, 2]);
    for tx in &report.transactions {
        assert_eq!((tx.kind, tx.status), (TxKind::Attest, IntentState::Mined));
    }
    assert_eq!(world.proven_events().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunk_alone_over_the_cap_fails_without_spending() {
    let world = World::new().await;
    let mut config = client(&world.anvil.url, 1, None);
    config.engine.gas_cap = Some(100_000);
    let result = attest(
        &config,
        &world.proof(1),
        &world.manifest,
        &world.deployment.file,
    )
    .await;
    let Err(Error::JobEnded {
        state: JobState::Failed,
        reason,
        ..
    }) = result
    else {
        panic!("{result:?}")
    };
    assert!(reason.contains("over the cap of 100000 gas"), "{reason}");
    assert_eq!(world.sent(1).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_proven_inference_is_finished() {
    let world = World::new().await;
    let proof = world.proof(1);
    // Another relayer proves one chunk per transaction and stops after the first.
    let mut config = one_chunk_client(&world.anvil.url, 2);
    config.engine.max_in_flight = 1;
    let other = config.connect().await.unwrap();
    other.submit(&proof, &Submitter::local()).await.unwrap();
    while world.sent(2).await == 0 {
        other.tick().await.unwrap();
    }
    drop(other);
    let config = client(&world.anvil.url, 1, None);
    let report = attest(&config, &proof, &world.manifest, &world.deployment.file)
        .await
        .unwrap();
    assert_eq!(report.transactions.len(), 1);
    assert_eq!(report.transactions[0].kind, TxKind::Prove);
    assert_eq!(report.transactions[0].chunks.len(), 2);
    assert_eq!(world.proven_events().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_proof_fails_in_simulation_and_names_the_chunk() {
    let world = World::new().await;
    let good = world.proof(1);
    let mut json: serde_json::Value = serde_json::to_value(&good).unwrap();
    let proof = json["chunks"][1]["proof"].as_str().unwrap().to_owned();
    let flipped = if proof.ends_with('0') { '1' } else { '0' };
    json["chunks"][1]["proof"] = format!("{}{flipped}", &proof[..proof.len() - 1]).into();
    let bad = ProofFile::parse(json.to_string().as_bytes()).unwrap();

    let engine = world.engine(None).await;
    let id = engine
        .submit(&bad, &Submitter::local())
        .await
        .unwrap()
        .job()
        .key
        .id;
    let result = engine.run_job(id, LIMIT).await;
    let Err(Error::JobEnded {
        state: JobState::Failed,
        reason,
        ..
    }) = result
    else {
        panic!("{result:?}")
    };
    assert!(reason.contains("chunk 1: BatchRejected"), "{reason}");
    assert_eq!(world.sent(1).await, 0);

    // The bad proof does not lock the good one out.
    assert!(matches!(
        engine.submit(&good, &Submitter::local()).await.unwrap(),
        Submitted::Reopened(_)
    ));
    assert_eq!(
        engine.run_job(id, LIMIT).await.unwrap().state,
        JobState::Confirmed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_chain_is_refused() {
    let world = World::new().await;
    let mut config = client(&world.anvil.url, 1, None);
    config.chain_id = Some(1);
    let refused = config.connect().await;
    assert!(matches!(
        refused,
        Err(Error::WrongChain {
            expected: 1,
            got: 31337
        })
    ));

    let other = World::with(&["--chain-id", "4242"]).await;
    let engine = world.engine(None).await;
    let refused = engine.submit(&other.proof(1), &Submitter::local()).await;
    assert!(matches!(
        refused,
        Err(Error::WrongChain {
            expected: 31337,
            got: 4242
        })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_without_code_fails_without_spending() {
    let world = World::new().await;
    let fresh = Anvil::start(&[]);
    let engine = client(&fresh.url, 1, None).connect().await.unwrap();
    let id = engine
        .submit(&world.proof(1), &Submitter::local())
        .await
        .unwrap()
        .job()
        .key
        .id;
    let result = engine.run_job(id, LIMIT).await;
    let Err(Error::JobEnded {
        state: JobState::Failed,
        reason,
        ..
    }) = result
    else {
        panic!("{result:?}")
    };
    assert!(reason.contains("no contract code"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_file_of_a_restarted_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    for (i, time) in ["1700000000", "1700000001"].into_iter().enumerate() {
        let anvil = Anvil::start(&["--timestamp", time]);
        let config = client(&anvil.url, 1, Some(state.clone().into()));
        let result = config.connect().await;
        assert_eq!(result.is_ok(), i == 0, "{result:?}");
        if let Err(e) = result {
            assert!(
                matches!(
                    e,
                    Error::WrongGenesis {
                        chain_id: 31337,
                        ..
                    }
                ),
                "{e}"
            );
            // The helper gives each genesis a file of its own.
            let named = config.state_file_in(folder.path()).await.unwrap();
            assert!(
                client(&anvil.url, 1, Some(named.into()))
                    .connect()
                    .await
                    .is_ok()
            );
        }
    }
}
