//! Whose turn it is, and how much one submitter may have.

use super::*;

async fn submit(store: &Store, job: u8, name: &str, intake: Intake) -> Result<Submitted> {
    let payload = proof_of(name, &[job]);
    store.submit_job(key(job), payload, intake).await
}

async fn next(store: &Store, filter: QueueFilter, limit: u32) -> Vec<u8> {
    let next = store.queued_jobs(CHAIN, filter, limit).await.unwrap();
    next.iter().map(|n| n.job.key.id[0]).collect()
}

async fn plan(store: &Store, job: u8, name: &str) -> Intent {
    let by = PlannedBy {
        payer: name.parse().unwrap(),
        ..planned_by()
    };
    let (id, plan) = (key(job).id, vec![intent(&[0])]);
    store.plan_job(id, CHAIN, SENDER, by, plan).await.unwrap();
    store.intents_of(id).await.unwrap().pop().unwrap()
}

pub(super) async fn proofs_of_one_submitter_are_counted_over_a_day(store: Store) {
    let intake = Intake {
        daily: Some(2),
        ..Intake::of_queue(100)
    };
    for job in [1, 2] {
        submit(&store, job, "mallory", intake).await.unwrap();
    }
    let third = submit(&store, 3, "mallory", intake).await;
    assert!(matches!(third, Err(Error::Quota { .. })), "{third:?}");
    submit(&store, 3, "alice", intake).await.unwrap();
}

pub(super) async fn same_proof_handed_in_again_and_again_is_counted(store: Store) {
    let intake = Intake {
        daily: Some(3),
        ..Intake::of_queue(100)
    };
    let mallory: Submitter = "mallory".parse().unwrap();
    for _ in 0..3 {
        submit(&store, 1, "mallory", intake).await.unwrap();
        store.withdraw(key(1).id, mallory.clone()).await.unwrap();
    }
    let fourth = submit(&store, 1, "mallory", intake).await;
    assert!(matches!(fourth, Err(Error::Quota { .. })), "{fourth:?}");
    // What waits already is not counted twice.
    for _ in 0..3 {
        submit(&store, 2, "alice", intake).await.unwrap();
    }
    submit(&store, 3, "alice", intake).await.unwrap();
}

pub(super) async fn log_of_a_job_is_bounded_and_keeps_both_ends(store: Store) {
    let intake = Intake::of_queue(100);
    let mallory: Submitter = "mallory".parse().unwrap();
    for _ in 0..150 {
        submit(&store, 1, "mallory", intake).await.unwrap();
        store.withdraw(key(1).id, mallory.clone()).await.unwrap();
    }
    let log = store.transitions(key(1).id).await.unwrap();
    assert_eq!(log.len(), 200);
    assert_eq!(
        (log[0].from.as_str(), log[0].to.as_str()),
        ("", "queued"),
        "how it began"
    );
    assert_eq!(log[199].to, "cancelled", "how it ended");
}

pub(super) async fn proofs_of_one_job_are_tried_in_the_order_in_which_they_came(store: Store) {
    let intake = Intake::of_queue(100);
    for job in 1..=8 {
        let mut first = None;
        for name in ["mallory", "alice"] {
            let payload = proof_of(name, &[job, name.as_bytes()[0]]);
            first.get_or_insert(payload.digest());
            store.submit_job(key(job), payload, intake).await.unwrap();
        }
        let next = store.queued_jobs(CHAIN, QueueFilter::default(), 99).await;
        let next = next.unwrap();
        let next = next.iter().find(|n| n.job.key.id == key(job).id).unwrap();
        assert_eq!(Some(next.digest), first, "job {job}");
    }
}

pub(super) async fn one_submitter_cannot_fill_the_queue(store: Store) {
    let intake = Intake::of_queue(8);
    for job in 1..=6 {
        submit(&store, job, "mallory", intake).await.unwrap();
    }
    let more = submit(&store, 7, "mallory", intake).await;
    assert!(matches!(more, Err(Error::Quota { .. })), "{more:?}");
    for job in 7..=8 {
        submit(&store, job, "alice", intake).await.unwrap();
    }
    let full = submit(&store, 9, "alice", intake).await;
    assert!(
        matches!(
            full,
            Err(Error::QueueFull {
                active: 8,
                limit: 8
            })
        ),
        "{full:?}"
    );
}

pub(super) async fn submitters_take_turns(store: Store) {
    let intake = Intake::of_queue(100);
    for job in 1..=5 {
        submit(&store, job, "mallory", intake).await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    for job in 6..=7 {
        submit(&store, job, "alice", intake).await.unwrap();
    }
    let order = next(&store, QueueFilter::default(), 4).await;
    let alices: Vec<bool> = order.iter().map(|job| *job >= 6).collect();
    assert_eq!(
        alices.iter().filter(|of_alice| **of_alice).count(),
        2,
        "{order:?}"
    );
    // Who has some under way already comes after who has none.
    plan(&store, order[0], "mallory").await;
    let order = next(&store, QueueFilter::default(), 1).await;
    assert!(order[0] >= 6, "{order:?}");
}

pub(super) async fn one_place_goes_to_whoever_was_not_served_for_longest(store: Store) {
    let intake = Intake::of_queue(100);
    for job in 1..=4 {
        submit(&store, job, "mallory", intake).await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    submit(&store, 6, "alice", intake).await.unwrap();
    let first = next(&store, QueueFilter::default(), 1).await[0];
    assert!(first <= 4, "first come");
    plan(&store, first, "mallory").await;
    // It is done before the next place is free.
    let (id, from) = (key(first).id, JobState::Planned);
    store
        .move_job(id, from, JobState::Failed, None, None)
        .await
        .unwrap();
    assert_eq!(next(&store, QueueFilter::default(), 1).await, [6]);
}

pub(super) async fn deferred_jobs_and_submitters_who_spent_enough_are_passed_over(store: Store) {
    let intake = Intake::of_queue(100);
    for (job, name) in [(1, "mallory"), (2, "mallory"), (3, "alice")] {
        submit(&store, job, name, intake).await.unwrap();
    }
    let long = std::time::Duration::from_secs(60);
    let why = || "too dear".to_owned();
    store.defer_job(key(3).id, why(), long).await.unwrap();
    assert_eq!(next(&store, QueueFilter::default(), 9).await, [1, 2]);
    let spent = plan(&store, 1, "mallory").await;
    let costly = NewAttempt {
        max_fee: 1_000_000_000,
        ..attempt(0, 1)
    };
    let stored = store.store_first_attempt(spent.id, costly, Guard::default());
    stored.await.unwrap();
    let name = || "mallory".to_owned();
    assert_eq!(
        store.spend_of_submitter(CHAIN, name()).await.unwrap(),
        Gwei(100)
    );
    let of = |limit| QueueFilter {
        spend_daily: Some(Gwei(limit)),
        ..QueueFilter::default()
    };
    assert_eq!(next(&store, of(101), 9).await, [2]);
    assert!(next(&store, of(100), 9).await.is_empty());
    store
        .defer_job(key(3).id, why(), std::time::Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(next(&store, of(100), 9).await, [3]);
    // Its plan is given up when it has to wait.
    let ready = plan(&store, 3, "alice").await;
    store.defer_job(key(3).id, why(), long).await.unwrap();
    let given_up = store.intent(ready.id).await.unwrap();
    assert_eq!(given_up.state, IntentState::Abandoned);
    assert_eq!(given_up.reason.as_deref(), Some("too dear"));
    assert!(
        given_up.tx.data.is_empty(),
        "what is never sent takes no room"
    );
    let job = store.job(key(3).id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Queued);
}
