//! What is left of finished jobs.

use super::*;
use std::time::Duration;

pub(super) async fn finished_jobs_lose_what_they_do_not_need(store: Store) {
    let intent = planned(&store, 1, vec![intent(&[0])]).await.remove(0);
    let stored = store.store_first_attempt(intent.id, attempt(0, 1), Guard::default());
    let (to, stored) = (IntentState::Mined, stored.await.unwrap());
    let settled = store.settle_intent(intent.id, to, settlement(stored.id), None);
    settled.await.unwrap();
    for job in [2, 3] {
        let payload = proof(&[job]);
        store
            .submit_job(key(job), payload, Intake::of_queue(9))
            .await
            .unwrap();
    }
    let none = proof(&[2]).digest();
    assert!(
        store
            .fail_payload(key(2).id, none, "no".to_owned())
            .await
            .unwrap()
    );
    let block = BlockRef {
        number: 5,
        hash: B256::repeat_byte(9),
    };
    let id = key(1).id;
    let steps = [
        (JobState::Submitting, JobState::Mined),
        (JobState::Mined, JobState::Confirmed),
        (JobState::Confirmed, JobState::Finalized),
    ];
    for (from, to) in steps {
        store
            .move_job(id, from, to, None, Some(block))
            .await
            .unwrap();
    }
    assert_eq!(store.expire(Duration::from_secs(60), 9).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(store.expire(Duration::ZERO, 9).await.unwrap(), 2);
    assert_eq!(store.expire(Duration::ZERO, 9).await.unwrap(), 0, "once");
    // The record of what was paid for stays.
    assert_eq!(store.payload(id).await.unwrap(), None);
    let left = store.attempts(intent.id).await.unwrap().remove(0).tx;
    assert_eq!((left.hash, left.raw.len()), (stored.tx.hash, 0));
    let log = store.transitions(id).await.unwrap();
    assert!(log.iter().any(|t| t.to == "finalized"));
    assert!(store.spend(CHAIN, SENDER).await.unwrap().total > Gwei(0));
    // Of what cost nothing, nothing stays; what waits is not touched.
    assert!(store.job(key(2).id).await.unwrap().is_none());
    assert_eq!(store.payload(key(3).id).await.unwrap().unwrap(), [3]);
    assert_eq!(store.payload_bytes(None).await.unwrap(), 1);
}
