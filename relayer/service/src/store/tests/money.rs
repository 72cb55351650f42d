//! What the ledger counts, and what caps refuse.

use super::*;
use crate::money::{Cap, RunCap};

/// Gwei of the whole attempts made by `attempt`: 100 gas at 10 wei.
fn costly(nonce: u64, byte: u8, max_fee: u64) -> NewAttempt {
    NewAttempt {
        max_fee: max_fee * 1_000_000_000,
        ..attempt(nonce, byte)
    }
}

fn capped(caps: Caps) -> Guard {
    Guard { caps, lease: None }
}

pub(super) async fn ledger_counts_the_dearest_attempt_until_it_is_settled(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0]), intent(&[1])]).await;
    let id = intents[0].id;
    let first = store
        .store_first_attempt(id, costly(0, 1, 2), Guard::default())
        .await
        .unwrap();
    let spend = async || store.spend(CHAIN, SENDER).await.unwrap();
    assert_eq!(
        (spend().await.open, spend().await.total),
        (Gwei(200), Gwei(200))
    );
    store
        .store_attempt(id, costly(0, 2, 3), Guard::default())
        .await
        .unwrap();
    store
        .store_attempt(id, costly(0, 3, 1), Guard::default())
        .await
        .unwrap();
    assert_eq!(spend().await.open, Gwei(300));
    let paid = Settlement {
        gas_used: 90,
        gas_price: 1_000_000_000,
        ..settlement(first.id)
    };
    store
        .settle_intent(id, IntentState::Mined, paid, None)
        .await
        .unwrap();
    let settled = spend().await;
    assert_eq!(
        (settled.open, settled.hour, settled.total),
        (Gwei(0), Gwei(90), Gwei(90))
    );
    store.reopen_intent(id, "gone".to_owned()).await.unwrap();
    assert_eq!(spend().await.open, Gwei(300));
    let foreign = Settlement {
        attempt_id: None,
        ..paid
    };
    store
        .settle_intent(id, IntentState::Superseded, foreign, None)
        .await
        .unwrap();
    // The node says so, and could publish what was signed.
    assert_eq!(
        (spend().await.open, spend().await.total),
        (Gwei(0), Gwei(300))
    );
}

pub(super) async fn caps_are_checked_where_the_nonce_is_reserved(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0]), intent(&[1])]).await;
    let caps = |transaction, hour, total| {
        capped(Caps {
            transaction: Some(Gwei(transaction)),
            hour: Some(Gwei(hour)),
            total: Some(Gwei(total)),
            ..Caps::default()
        })
    };
    let (a, b) = (intents[0].id, intents[1].id);
    let refused = |result: Result<Attempt>| match result {
        Err(Error::OverCap { cap, .. }) => cap,
        other => panic!("{other:?}"),
    };
    let over = store
        .store_first_attempt(a, costly(0, 1, 2), caps(199, 900, 900))
        .await;
    assert_eq!(refused(over), Cap::Transaction);
    assert_eq!(store.free_nonce(CHAIN, SENDER, 0).await.unwrap(), 0);
    store
        .store_first_attempt(a, costly(0, 1, 2), caps(200, 900, 900))
        .await
        .unwrap();
    let over = store
        .store_first_attempt(b, costly(1, 2, 2), caps(200, 399, 900))
        .await;
    assert_eq!(refused(over), Cap::Hour);
    let over = store
        .store_first_attempt(b, costly(1, 2, 2), caps(200, 900, 399))
        .await;
    assert_eq!(refused(over), Cap::Total);
    assert!(store.attempts(b).await.unwrap().is_empty());
    // A replacement is paid for instead of what it replaces.
    let over = store
        .store_attempt(a, costly(0, 3, 3), caps(900, 299, 900))
        .await;
    assert_eq!(refused(over), Cap::Hour);
    store
        .store_attempt(a, costly(0, 3, 3), caps(900, 300, 900))
        .await
        .unwrap();
}

pub(super) async fn job_cap_counts_all_plans_of_a_job(store: Store) {
    let caps = capped(Caps {
        job: Some(Gwei(250)),
        ..Caps::default()
    });
    let first = planned(&store, 1, vec![intent(&[0])]).await.remove(0);
    let stored = store
        .store_first_attempt(first.id, costly(0, 1, 2), caps.clone())
        .await
        .unwrap();
    let paid = Settlement {
        gas_used: 100,
        gas_price: 2_000_000_000,
        ..settlement(stored.id)
    };
    store
        .settle_intent(first.id, IntentState::Reverted, paid, None)
        .await
        .unwrap();
    let id = key(1).id;
    let again = store.end_round(id, true, 0, 9, "reverted".to_owned());
    assert!(!again.await.unwrap());
    store
        .plan_job(id, CHAIN, SENDER, planned_by(), vec![intent(&[0])])
        .await
        .unwrap();
    let second = store.intents_of(id).await.unwrap().pop().unwrap();
    let over = store
        .store_first_attempt(second.id, costly(1, 2, 1), caps.clone())
        .await;
    assert!(
        matches!(
            over,
            Err(Error::OverCap {
                cap: Cap::Job,
                spent: Gwei(200),
                ..
            })
        ),
        "{over:?}"
    );
    assert_eq!(store.spend_of_job(id).await.unwrap(), Gwei(200));
    // Another job has a cap of its own.
    let other = planned(&store, 2, vec![intent(&[0])]).await.remove(0);
    store
        .store_first_attempt(other.id, costly(1, 2, 2), caps)
        .await
        .unwrap();
}

pub(super) async fn run_cap_counts_all_transactions_since_it_began(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0]), intent(&[1]), intent(&[2])]).await;
    let stored = store
        .store_first_attempt(intents[0].id, costly(0, 1, 2), Guard::default())
        .await
        .unwrap();
    store
        .settle_intent(
            intents[0].id,
            IntentState::Mined,
            Settlement {
                gas_used: 100,
                gas_price: 2_000_000_000,
                ..settlement(stored.id)
            },
            None,
        )
        .await
        .unwrap();
    // What was spent before does not count, what comes then does, each of any job.
    let caps = capped(Caps {
        run: Some(RunCap {
            since: Gwei(200),
            limit: Gwei(350),
        }),
        ..Caps::default()
    });
    store
        .store_first_attempt(intents[1].id, costly(1, 2, 2), caps.clone())
        .await
        .unwrap();
    let over = store
        .store_first_attempt(intents[2].id, costly(2, 3, 2), caps.clone())
        .await
        .unwrap_err();
    let wanted = matches!(
        over,
        Error::OverCap {
            cap: Cap::Run,
            spent: Gwei(200),
            wanted: Gwei(200),
            ..
        }
    );
    assert!(wanted, "{over:?}");
    assert!(over.to_string().contains("--max-spend AMOUNT"), "{over}");
    let dearer = store.store_attempt(intents[1].id, costly(1, 4, 4), caps.clone());
    assert!(dearer.await.is_err());
    store
        .store_first_attempt(intents[2].id, costly(2, 5, 1), caps)
        .await
        .unwrap();
}

pub(super) async fn stranded_transaction_frees_its_nonce_and_counts_as_spent(store: Store) {
    let intents = planned(&store, 1, vec![intent(&[0]), intent(&[1]), intent(&[2])]).await;
    for (at, nonce, byte) in [(0, 5, 1), (1, 21, 2), (2, 900, 3)] {
        store
            .store_first_attempt(intents[at].id, costly(nonce, byte, 2), Guard::default())
            .await
            .unwrap();
    }
    assert_eq!(store.unassigned(CHAIN, SENDER, 5, 900).await.unwrap(), 893);
    assert_eq!(store.unassigned(CHAIN, SENDER, 900, 5).await.unwrap(), 0);
    // 16 nonces are missing before the one with 21, and 894 before the other.
    let stranded = store.strand(CHAIN, SENDER, 4, 16).await.unwrap();
    let ids: Vec<_> = stranded.iter().map(|i| (i.id, i.nonce)).collect();
    assert_eq!(ids, [(intents[2].id, Some(900))]);
    let now = store.intent(intents[2].id).await.unwrap();
    assert_eq!((now.state, now.nonce), (IntentState::Abandoned, None));
    assert_eq!(store.free_nonce(CHAIN, SENDER, 900).await.unwrap(), 900);
    assert_eq!(store.attempts(now.id).await.unwrap().len(), 1);
    let spend = store.spend(CHAIN, SENDER).await.unwrap();
    assert_eq!((spend.open, spend.total), (Gwei(400), Gwei(600)));
    assert!(store.strand(CHAIN, SENDER, 4, 16).await.unwrap().is_empty());
}
