//! Who may store what.

use super::*;

pub(super) async fn lease_runs_out_and_its_token_with_it(store: Store) {
    let take = async |holder: &str, ms: u64| {
        let (holder, ttl) = (holder.to_owned(), std::time::Duration::from_millis(ms));
        store.take_lease(CHAIN, SENDER, holder, ttl).await.unwrap()
    };
    // Names that tell nothing about a process: only the clock decides.
    let first = take("elsewhere/1", 400).await.unwrap();
    assert_eq!(take("elsewhere/2", 400).await, None);
    assert!(store.is_leased(CHAIN, SENDER).await.unwrap());
    tokio::time::sleep(std::time::Duration::from_millis(450)).await;
    assert!(!store.is_leased(CHAIN, SENDER).await.unwrap());
    let second = take("elsewhere/2", 60_000).await.unwrap();
    assert!(second.token > first.token);
    let id = planned(&store, 1, vec![intent(&[0])]).await[0].id;
    let under = |lease: &Lease| Guard {
        lease: Some(lease.clone()),
        ..Guard::default()
    };
    let refused = store
        .store_first_attempt(id, attempt(0, 1), under(&first))
        .await;
    assert!(matches!(refused, Err(Error::LeaseLost { .. })));
    store
        .store_first_attempt(id, attempt(0, 1), under(&second))
        .await
        .unwrap();
    store
        .give_lease_back(CHAIN, SENDER, second.holder)
        .await
        .unwrap();
    assert!(!store.is_leased(CHAIN, SENDER).await.unwrap());
}
