//! Several proofs of one job.

use super::*;

fn unlimited() -> Intake {
    Intake::of_queue(100)
}

async fn states(store: &Store, job: u8) -> Vec<PayloadState> {
    let payloads = store.payloads(key(job).id).await.unwrap();
    payloads.into_iter().map(|p| p.state).collect()
}

async fn state(store: &Store, job: u8) -> JobState {
    store.job(key(job).id).await.unwrap().unwrap().state
}

pub(super) async fn job_keeps_several_proofs_and_fails_with_the_last(store: Store) {
    let (bad, good) = (proof_of("mallory", b"bad"), proof_of("alice", b"good"));
    let digests = [bad.digest(), good.digest()];
    for payload in [bad, good] {
        store
            .submit_job(key(1), payload, unlimited())
            .await
            .unwrap();
    }
    let id = key(1).id;
    assert!(store.is_contested(id, digests[0]).await.unwrap());
    assert_eq!(
        store.payload_of(id, digests[1]).await.unwrap().unwrap(),
        b"good"
    );
    let failed = store.fail_payload(id, digests[0], "no".to_owned());
    assert!(!failed.await.unwrap(), "another one is left");
    assert_eq!(state(&store, 1).await, JobState::Queued);
    assert!(!store.is_contested(id, digests[1]).await.unwrap());
    let failed = store.fail_payload(id, digests[1], "no".to_owned());
    assert!(failed.await.unwrap());
    assert_eq!(state(&store, 1).await, JobState::Failed);
    assert_eq!(states(&store, 1).await, [PayloadState::Failed; 2]);
    let again = store.submit_job(key(1), proof_of("alice", b"good"), unlimited());
    assert!(matches!(again.await, Ok(Submitted::Reopened(_))));
    assert_eq!(store.payloads(id).await.unwrap().len(), 2);
}

pub(super) async fn proofs_of_one_job_are_bounded_and_one_that_succeeds_takes_a_place(
    store: Store,
) {
    let submit = async |payload| store.submit_job(key(1), payload, unlimited()).await;
    for body in [b"1", b"2"] {
        submit(proof_of("mallory", body)).await.unwrap();
    }
    let full = submit(proof_of("mallory", b"3")).await;
    assert!(
        matches!(full, Err(Error::TooManyProofs { waiting: 2, .. })),
        "{full:?}"
    );
    for name in ["a", "b", "c"] {
        for body in [b"4", b"5"] {
            submit(proof_of(name, body)).await.unwrap();
        }
    }
    let full = submit(proof_of("alice", b"good")).await;
    assert!(
        matches!(full, Err(Error::TooManyProofs { waiting: 8, .. })),
        "{full:?}"
    );
    let mut good = proof_of("alice", b"good");
    good.verified = true;
    submit(good).await.unwrap();
    assert_eq!(store.payload(key(1).id).await.unwrap().unwrap(), b"good");
}

pub(super) async fn withdrawing_leaves_the_proofs_of_others(store: Store) {
    let (mallory, alice): (Submitter, Submitter) =
        ("mallory".parse().unwrap(), "alice".parse().unwrap());
    for (name, body) in [("mallory", b"bad"), ("alice", b"bad"), ("alice", b"fit")] {
        let payload = proof_of(name, body);
        let _ = store
            .submit_job(key(1), payload, unlimited())
            .await
            .unwrap();
    }
    let id = key(1).id;
    let stranger = store.withdraw(id, "eve".parse().unwrap()).await;
    assert!(
        matches!(stranger, Err(Error::NotSubmitted { .. })),
        "{stranger:?}"
    );
    let done = store.withdraw(id, mallory).await.unwrap();
    assert_eq!(done, Cancellation::Done);
    assert_eq!(state(&store, 1).await, JobState::Queued);
    let payloads = store.payloads(id).await.unwrap();
    for payload in payloads {
        let expected = if payload.submitter == alice {
            PayloadState::Waiting
        } else {
            PayloadState::Cancelled
        };
        assert_eq!(payload.state, expected, "{payload:?}");
    }
    assert_eq!(store.withdraw(id, alice).await.unwrap(), Cancellation::Done);
    assert_eq!(state(&store, 1).await, JobState::Cancelled);
}

pub(super) async fn cancelled_job_is_queued_again_by_another_proof(store: Store) {
    let submit = async |payload| store.submit_job(key(1), payload, unlimited()).await;
    submit(proof_of("mallory", b"bad")).await.unwrap();
    let id = key(1).id;
    let mallory = "mallory".parse().unwrap();
    assert_eq!(
        store.withdraw(id, mallory).await.unwrap(),
        Cancellation::Done
    );
    let again = submit(proof_of("alice", b"good")).await.unwrap();
    assert!(matches!(&again, Submitted::Reopened(job) if !job.cancel_requested));
    assert_eq!(
        states(&store, 1).await,
        [PayloadState::Cancelled, PayloadState::Waiting]
    );
    let next = store
        .queued_jobs(CHAIN, QueueFilter::default(), 9)
        .await
        .unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].digest, proof(b"good").digest());
}

pub(super) async fn proof_that_comes_during_a_cancellation_is_tried_after_it(store: Store) {
    let intent = planned(&store, 1, vec![intent(&[0])]).await.remove(0);
    let stored = store.store_first_attempt(intent.id, attempt(0, 1), Guard::default());
    let stored = stored.await.unwrap();
    let id = key(1).id;
    assert_eq!(store.cancel_job(id).await.unwrap(), Cancellation::Requested);
    let late = store.submit_job(key(1), proof_of("alice", b"good"), unlimited());
    assert!(matches!(late.await, Ok(Submitted::Existing(_))));
    assert_eq!(store.cancel_job(id).await.unwrap(), Cancellation::Requested);
    let to = IntentState::Cancelled;
    let settled = store.settle_intent(intent.id, to, settlement(stored.id), None);
    settled.await.unwrap();
    assert_eq!(store.end_cancellation(id).await.unwrap(), JobState::Queued);
    let job = store.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.cancel_requested), (JobState::Queued, false));
    let next = store
        .queued_jobs(CHAIN, QueueFilter::default(), 9)
        .await
        .unwrap();
    assert_eq!(next[0].digest, proof(b"good").digest());
}

pub(super) async fn plans_that_are_paid_for_must_advance_the_record(store: Store) {
    let id = key(1).id;
    let mut nonce = 0;
    let mut round = async |paid: bool, progress: u32| {
        let plan = vec![intent(&[0])];
        if nonce == 0 {
            planned(&store, 1, plan).await;
        } else {
            store
                .plan_job(id, CHAIN, SENDER, planned_by(), plan)
                .await
                .unwrap();
        }
        let intent = store.intents_of(id).await.unwrap().pop().unwrap();
        let byte = u8::try_from(nonce).unwrap() + 1;
        let stored = store.store_first_attempt(intent.id, attempt(nonce, byte), Guard::default());
        let (to, stored) = (IntentState::Mined, stored.await.unwrap());
        let settled = store.settle_intent(intent.id, to, settlement(stored.id), None);
        settled.await.unwrap();
        nonce += 1;
        store
            .end_round(id, paid, progress, 2, "chunks are missing".to_owned())
            .await
            .unwrap()
    };
    assert!(!round(true, 0).await, "once");
    assert!(!round(true, 3).await, "the record advanced: counted anew");
    assert!(!round(true, 3).await, "once");
    assert!(!round(false, 3).await, "costs nothing");
    // A record that goes back and comes again is no progress.
    assert!(round(true, 2).await);
    let job = store.job(id).await.unwrap().unwrap();
    assert_eq!(
        (job.state, job.progress, job.stalls),
        (JobState::Failed, 3, 2)
    );
    let reason = job.reason.unwrap();
    assert!(
        reason.contains("did not advance") && reason.contains("chunks are missing"),
        "{reason}"
    );
    // Handing it in again buys one more such plan, not two.
    store
        .submit_job(key(1), proof(b"other"), unlimited())
        .await
        .unwrap();
    assert!(round(true, 3).await);
}

pub(super) async fn bytes_of_one_submitter_are_bounded_and_what_is_done_makes_room(store: Store) {
    let intake = Intake {
        payload_bytes: 400,
        ..unlimited()
    };
    let submit = async |job, name: &str| {
        let payload = proof_of(name, &[job; 90]);
        store.submit_job(key(job), payload, intake).await
    };
    submit(1, "mallory").await.unwrap();
    submit(2, "mallory").await.unwrap();
    let full = submit(3, "mallory").await;
    assert!(matches!(full, Err(Error::Quota { .. })), "{full:?}");
    assert!(
        store.job(key(3).id).await.unwrap().is_none(),
        "nothing is left behind"
    );
    submit(3, "alice").await.unwrap();
    submit(4, "bob").await.unwrap();
    let full = submit(5, "carol").await;
    assert!(matches!(full, Err(Error::Quota { .. })), "{full:?}");
    // What failed makes room, and is all that does.
    let failed = store.fail_payload(key(1).id, proof(&[1; 90]).digest(), "no".to_owned());
    assert!(failed.await.unwrap());
    submit(5, "carol").await.unwrap();
    assert_eq!(store.payload_bytes(None).await.unwrap(), 360);
    let mallory: Submitter = "mallory".parse().unwrap();
    assert_eq!(store.payload_bytes(Some(&mallory)).await.unwrap(), 90);
    assert!(store.payload(key(1).id).await.unwrap().is_none());
}
