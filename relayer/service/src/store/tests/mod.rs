//! Invariants of the store.

mod expiry;
mod leases;
mod money;
mod payloads;
mod queue;

use super::*;
use crate::error::{Error, Result};
use crate::money::{Caps, Gwei};
use crate::state::{IntentState, JobState, PayloadState};
use crate::submitter::Submitter;
use alloy::primitives::{Address, B256, Bytes, U256};
use expiry::*;
use leases::*;
use money::*;
use payloads::*;
use queue::*;

const CHAIN: u64 = 31337;
const SENDER: Address = Address::repeat_byte(0xaa);

fn key(byte: u8) -> JobKey {
    JobKey {
        id: B256::repeat_byte(byte),
        chain_id: CHAIN,
        registry: Address::repeat_byte(1),
        model_id: B256::repeat_byte(2),
        root: U256::MAX,
        context: U256::from(4),
        requester: Address::repeat_byte(5),
        nonce: U256::from(6),
        inference_id: B256::repeat_byte(7),
    }
}

/// A proof of this machine's.
fn proof(body: &[u8]) -> NewPayload {
    proof_of("local", body)
}

fn proof_of(submitter: &str, body: &[u8]) -> NewPayload {
    NewPayload {
        submitter: submitter.parse().unwrap(),
        body: body.to_vec(),
        verified: false,
    }
}

fn planned_by() -> PlannedBy {
    PlannedBy {
        digest: B256::ZERO,
        payer: Submitter::local(),
        progress: 0,
    }
}

fn intent(chunks: &[u16]) -> NewIntent {
    NewIntent {
        kind: TxKind::Attest,
        to: Some(Address::repeat_byte(1)),
        data: Bytes::from_static(b"call"),
        chunks: chunks.to_vec(),
        gas_limit: 100,
    }
}

fn attempt(nonce: u64, byte: u8) -> NewAttempt {
    NewAttempt {
        purpose: Purpose::Call,
        nonce,
        raw: Bytes::from(vec![byte; 8]),
        hash: B256::repeat_byte(byte),
        max_fee: 10,
        priority_fee: 1,
        gas_limit: 100,
        data_fee: Gwei(0),
    }
}

fn settlement(attempt_id: i64) -> Settlement {
    let block = BlockRef {
        number: 5,
        hash: B256::repeat_byte(9),
    };
    Settlement {
        attempt_id: Some(attempt_id),
        block,
        gas_used: 90,
        gas_price: 2,
        data_fee: Gwei(0),
        contract: None,
    }
}

async fn planned(store: &Store, byte: u8, plan: Vec<NewIntent>) -> Vec<Intent> {
    store
        .submit_job(key(byte), proof(b"proof"), Intake::of_queue(100))
        .await
        .unwrap();
    store
        .plan_job(B256::repeat_byte(byte), CHAIN, SENDER, planned_by(), plan)
        .await
        .unwrap();
    store.intents_of(B256::repeat_byte(byte)).await.unwrap()
}

/// Runs each case on either database.
macro_rules! on_each_database {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                super::$case(Store::open_in_memory().unwrap()).await;
            })*
        }

        #[cfg(feature = "postgres")]
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                super::$case(in_postgres().await).await;
            })*
        }
    };
}

on_each_database!(
    submit_twice_is_one_job,
    submit_over_the_limit_is_refused_but_known_jobs_are_found,
    submit_after_failure_takes_the_new_proof,
    failed_store_reserves_no_nonce,
    nonce_is_given_out_once,
    replacement_keeps_the_nonce,
    reorganisation_reopens_a_settled_intent_with_its_attempts,
    forbidden_steps_change_nothing,
    planning_again_abandons_what_has_no_nonce,
    cancel_is_immediate_only_before_signing,
    every_transition_is_logged,
    free_nonce_is_the_first_gap,
    foreign_nonces_are_those_that_no_intent_has,
    ledger_counts_the_dearest_attempt_until_it_is_settled,
    caps_are_checked_where_the_nonce_is_reserved,
    reason_with_a_zero_byte_is_stored,
    lease_runs_out_and_its_token_with_it,
    writers_at_one_time_give_each_nonce_out_once,
    database_of_another_genesis_is_refused,
    job_keeps_several_proofs_and_fails_with_the_last,
    proofs_of_one_job_are_bounded_and_one_that_succeeds_takes_a_place,
    withdrawing_leaves_the_proofs_of_others,
    cancelled_job_is_queued_again_by_another_proof,
    proof_that_comes_during_a_cancellation_is_tried_after_it,
    plans_that_are_paid_for_must_advance_the_record,
    bytes_of_one_submitter_are_bounded_and_what_is_done_makes_room,
    proofs_of_one_submitter_are_counted_over_a_day,
    same_proof_handed_in_again_and_again_is_counted,
    log_of_a_job_is_bounded_and_keeps_both_ends,
    proofs_of_one_job_are_tried_in_the_order_in_which_they_came,
    one_submitter_cannot_fill_the_queue,
    submitters_take_turns,
    one_place_goes_to_whoever_was_not_served_for_longest,
    deferred_jobs_and_submitters_who_spent_enough_are_passed_over,
    job_cap_counts_all_plans_of_a_job,
    run_cap_counts_all_transactions_since_it_began,
    stranded_transaction_frees_its_nonce_and_counts_as_spent,
    finished_jobs_lose_what_they_do_not_need,
);

#[tokio::test]
async fn other_kind_of_database_is_refused_without_its_password() {
    let location: Location = "mysql://u:geheim@h/d".parse().unwrap();
    let refused = Store::connect(&location).await.unwrap_err().to_string();
    assert!(
        refused.contains("mysql://") && !refused.contains("geheim"),
        "{refused}"
    );
}

#[cfg(feature = "postgres")]
async fn in_postgres() -> Store {
    let address = crate::postgres_for_tests::fresh_database().await;
    Store::connect(&Location::Postgres(address.as_str().into()))
        .await
        .unwrap()
}

async fn submit_twice_is_one_job(store: Store) {
    let first = store
        .submit_job(key(1), proof(b"a"), Intake::of_queue(100))
        .await
        .unwrap();
    let second = store
        .submit_job(key(1), proof(b"b"), Intake::of_queue(100))
        .await
        .unwrap();
    assert!(matches!(first, Submitted::Created(_)));
    assert!(matches!(second, Submitted::Existing(_)));
    assert_eq!(store.payload(key(1).id).await.unwrap().unwrap(), b"a");
    assert_eq!(first.job().key, key(1), "every field survives");
}

async fn submit_over_the_limit_is_refused_but_known_jobs_are_found(store: Store) {
    store
        .submit_job(key(1), proof(&[]), Intake::of_queue(1))
        .await
        .unwrap();
    let refused = store
        .submit_job(key(2), proof(&[]), Intake::of_queue(1))
        .await;
    assert!(matches!(
        refused,
        Err(Error::QueueFull {
            active: 1,
            limit: 1
        })
    ));
    assert!(matches!(
        store
            .submit_job(key(1), proof(&[]), Intake::of_queue(1))
            .await,
        Ok(Submitted::Existing(_))
    ));
}

async fn submit_after_failure_takes_the_new_proof(store: Store) {
    store
        .submit_job(key(1), proof(b"bad"), Intake::of_queue(9))
        .await
        .unwrap();
    let reason = Some("no".to_owned());
    store
        .move_job(key(1).id, JobState::Queued, JobState::Failed, reason, None)
        .await
        .unwrap();
    let again = store
        .submit_job(key(1), proof(b"good"), Intake::of_queue(9))
        .await
        .unwrap();
    assert!(matches!(again, Submitted::Reopened(_)));
    assert_eq!(again.job().state, JobState::Queued);
    assert_eq!(store.payload(key(1).id).await.unwrap().unwrap(), b"good");
}

#[tokio::test]
async fn crash_after_store_leaves_the_signed_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let store = Store::open(&path).unwrap();
    let id = planned(&store, 1, vec![intent(&[0, 1])]).await[0].id;
    store
        .store_first_attempt(id, attempt(7, 0xee), Guard::default())
        .await
        .unwrap();
    // No orderly close: the value is leaked as a killed process would leave it.
    std::mem::forget(store);

    let store = Store::open(&path).unwrap();
    let pending = store
        .intents_in(CHAIN, SENDER, IntentState::Pending, 10)
        .await
        .unwrap();
    assert_eq!((pending.len(), pending[0].nonce), (1, Some(7)));
    assert_eq!(pending[0].tx, intent(&[0, 1]));
    let attempts = store.attempts(id).await.unwrap();
    assert_eq!(attempts[0].tx, attempt(7, 0xee));
    assert_eq!((attempts[0].sends, attempts[0].last_sent_at), (0, None));
    assert_eq!(
        store.job(key(1).id).await.unwrap().unwrap().state,
        JobState::Submitting
    );
    assert_eq!(store.free_nonce(CHAIN, SENDER, 7).await.unwrap(), 8);
}

async fn failed_store_reserves_no_nonce(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0]), intent(&[1])]).await;
    store
        .store_first_attempt(intents[0].id, attempt(3, 0xe1), Guard::default())
        .await
        .unwrap();
    // The same hash again cannot be stored, so its nonce must not stay reserved either.
    let refused = store
        .store_first_attempt(intents[1].id, attempt(4, 0xe1), Guard::default())
        .await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    assert_eq!(store.free_nonce(CHAIN, SENDER, 3).await.unwrap(), 4);
    assert_eq!(
        store.intent(intents[1].id).await.unwrap().state,
        IntentState::Ready
    );
}

async fn nonce_is_given_out_once(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0]), intent(&[1])]).await;
    store
        .store_first_attempt(intents[0].id, attempt(3, 0xe1), Guard::default())
        .await
        .unwrap();
    let refused = store
        .store_first_attempt(intents[1].id, attempt(3, 0xe2), Guard::default())
        .await;
    assert!(matches!(refused, Err(Error::NonceTaken { nonce: 3 })));
    assert!(store.attempts(intents[1].id).await.unwrap().is_empty());
}

async fn replacement_keeps_the_nonce(store: Store) {
    let id = planned(&store, 1, vec![intent(&[0])]).await[0].id;
    store
        .store_first_attempt(id, attempt(3, 0xe1), Guard::default())
        .await
        .unwrap();
    assert_eq!(
        store
            .store_attempt(id, attempt(3, 0xe2), Guard::default())
            .await
            .unwrap()
            .seq,
        1
    );
    assert!(
        store
            .store_attempt(id, attempt(4, 0xe3), Guard::default())
            .await
            .is_err()
    );
}

async fn reorganisation_reopens_a_settled_intent_with_its_attempts(store: Store) {
    let id = planned(&store, 1, vec![intent(&[0])]).await[0].id;
    let first = store
        .store_first_attempt(id, attempt(3, 0xe1), Guard::default())
        .await
        .unwrap();
    store
        .settle_intent(id, IntentState::Mined, settlement(first.id), None)
        .await
        .unwrap();
    assert_eq!(
        store.intent(id).await.unwrap().settlement,
        Some(settlement(first.id))
    );
    store
        .reopen_intent(id, "block 5 left the chain".to_owned())
        .await
        .unwrap();
    let reopened = store.intent(id).await.unwrap();
    assert_eq!(
        (reopened.state, reopened.nonce),
        (IntentState::Pending, Some(3))
    );
    assert_eq!(reopened.settlement, None);
    assert_eq!(store.attempts(id).await.unwrap().len(), 1);
}

async fn forbidden_steps_change_nothing(store: Store) {
    let id = planned(&store, 1, vec![intent(&[0])]).await[0].id;
    let refused = store
        .settle_intent(id, IntentState::Mined, settlement(1), None)
        .await;
    assert!(matches!(refused, Err(Error::IntentTransition { .. })));
    assert_eq!(store.intent(id).await.unwrap().settlement, None);
    let job = key(1).id;
    let refused = store
        .move_job(job, JobState::Planned, JobState::Finalized, None, None)
        .await;
    assert!(matches!(refused, Err(Error::JobTransition { .. })));
    // Another process moved the job on: a stale `from` is refused too.
    let refused = store
        .move_job(job, JobState::Queued, JobState::Failed, None, None)
        .await;
    assert!(matches!(
        refused,
        Err(Error::JobTransition {
            from: JobState::Planned,
            ..
        })
    ));
}

async fn planning_again_abandons_what_has_no_nonce(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0]), intent(&[1])]).await;
    store
        .store_first_attempt(intents[0].id, attempt(3, 0xe1), Guard::default())
        .await
        .unwrap();
    let job = key(1).id;
    store
        .move_job(job, JobState::Submitting, JobState::Queued, None, None)
        .await
        .unwrap();
    store
        .plan_job(job, CHAIN, SENDER, planned_by(), vec![intent(&[1])])
        .await
        .unwrap();
    let states: Vec<_> = store
        .intents_of(job)
        .await
        .unwrap()
        .iter()
        .map(|i| i.state)
        .collect();
    assert_eq!(
        states,
        [
            IntentState::Pending,
            IntentState::Abandoned,
            IntentState::Ready
        ]
    );
    assert_eq!(store.intents_of_round(job, 2).await.unwrap().len(), 1);
}

async fn cancel_is_immediate_only_before_signing(store: Store) {
    planned(&store, 1, vec![intent(&[0])]).await;
    assert_eq!(
        store.cancel_job(key(1).id).await.unwrap(),
        Cancellation::Done
    );
    assert_eq!(
        store.job(key(1).id).await.unwrap().unwrap().state,
        JobState::Cancelled
    );
    let id = planned(&store, 2, vec![intent(&[0])]).await[0].id;
    store
        .store_first_attempt(id, attempt(3, 0xe1), Guard::default())
        .await
        .unwrap();
    for _ in 0..2 {
        let answer = store.cancel_job(key(2).id).await.unwrap();
        assert_eq!(answer, Cancellation::Requested);
    }
    let job = store.job(key(2).id).await.unwrap().unwrap();
    assert_eq!(
        (job.state, job.cancel_requested),
        (JobState::Submitting, true)
    );
    let cancelling = store.cancelling(CHAIN).await.unwrap();
    assert_eq!(cancelling, [key(2).id].into());
}

async fn every_transition_is_logged(store: Store) {
    let id = planned(&store, 1, vec![intent(&[0])]).await[0].id;
    store
        .store_first_attempt(id, attempt(3, 0xe1), Guard::default())
        .await
        .unwrap();
    let log = store.transitions(key(1).id).await.unwrap();
    let steps: Vec<_> = log
        .iter()
        .map(|t| (t.from.as_str(), t.to.as_str()))
        .collect();
    let expected = [
        ("", "queued"),
        ("", "ready"),
        ("queued", "planned"),
        ("ready", "pending"),
        ("planned", "submitting"),
    ];
    assert_eq!(steps, expected);
}

async fn free_nonce_is_the_first_gap(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0]), intent(&[1])]).await;
    for (intent, nonce) in intents.iter().zip([3, 5]) {
        let attempt = attempt(nonce, u8::try_from(nonce).unwrap());
        store
            .store_first_attempt(intent.id, attempt, Guard::default())
            .await
            .unwrap();
    }
    for (from, free) in [(0, 0), (3, 4), (4, 4), (5, 6), (9, 9)] {
        let found = store.free_nonce(CHAIN, SENDER, from).await.unwrap();
        assert_eq!(found, free, "{from}");
    }
    let fill = store
        .store_fill(CHAIN, SENDER, attempt(4, 0xf1), Guard::default())
        .await
        .unwrap();
    let filled = store.intent(fill.intent_id).await.unwrap();
    assert_eq!((filled.tx.kind, filled.nonce), (TxKind::Fill, Some(4)));
    assert_eq!(store.free_nonce(CHAIN, SENDER, 3).await.unwrap(), 6);
    let refused = store
        .store_fill(CHAIN, SENDER, attempt(4, 0xf2), Guard::default())
        .await;
    assert!(matches!(refused, Err(Error::NonceTaken { nonce: 4 })));
}

async fn foreign_nonces_are_those_that_no_intent_has(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0])]).await;
    // What the account did before is taken for given.
    let first = store.note_account(CHAIN, SENDER, 3).await.unwrap();
    assert!(first.is_empty());
    let own = attempt(4, 0xe1);
    store
        .store_first_attempt(intents[0].id, own, Guard::default())
        .await
        .unwrap();
    let found = store.note_account(CHAIN, SENDER, 6).await.unwrap();
    assert_eq!(found, [3, 5]);
    assert!(
        store
            .note_account(CHAIN, SENDER, 6)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.foreign_nonces(CHAIN, SENDER).await.unwrap(), 2);
}

async fn reason_with_a_zero_byte_is_stored(store: Store) {
    store
        .submit_job(key(1), proof(&[0]), Intake::of_queue(9))
        .await
        .unwrap();
    let reason = Some("node says \0".to_owned());
    store
        .move_job(key(1).id, JobState::Queued, JobState::Failed, reason, None)
        .await
        .unwrap();
    let stored = store.job(key(1).id).await.unwrap().unwrap().reason;
    assert!(stored.unwrap().starts_with("node says "));
    assert_eq!(store.payload(key(1).id).await.unwrap().unwrap(), [0]);
}

async fn writers_at_one_time_give_each_nonce_out_once(store: Store) {
    let plan = (0..20).map(|chunk| intent(&[chunk])).collect();
    let intents = planned(&store, 1, plan).await;
    let writers = intents.into_iter().enumerate().map(|(at, intent)| {
        let store = store.clone();
        tokio::spawn(async move {
            let byte = u8::try_from(at).unwrap();
            for nonce in 0.. {
                let tx = NewAttempt {
                    hash: B256::with_last_byte(byte),
                    ..attempt(nonce, byte)
                };
                match store
                    .store_first_attempt(intent.id, tx, Guard::default())
                    .await
                {
                    Ok(_) => return nonce,
                    Err(Error::NonceTaken { .. }) => {}
                    Err(e) => panic!("{e}"),
                }
            }
            unreachable!()
        })
    });
    let mut nonces = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        nonces.push(writer.await.unwrap());
    }
    nonces.sort_unstable();
    assert_eq!(nonces, (0..20).collect::<Vec<u64>>());
    assert_eq!(store.free_nonce(CHAIN, SENDER, 0).await.unwrap(), 20);
}

async fn database_of_another_genesis_is_refused(store: Store) {
    store.bind_chain(1, B256::repeat_byte(1)).await.unwrap();
    store.bind_chain(1, B256::repeat_byte(1)).await.unwrap();
    store.bind_chain(2, B256::repeat_byte(2)).await.unwrap();
    let refused = store.bind_chain(1, B256::repeat_byte(3)).await;
    assert!(matches!(
        refused,
        Err(Error::WrongGenesis { chain_id: 1, .. })
    ));
}
