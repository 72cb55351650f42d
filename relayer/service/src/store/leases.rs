//! Which of several processes with one state file and one key sends.
//!
//! A lease runs out when its holder stops renewing it. A holder that only slept may still believe in it,
//! so the token is checked in the database transaction that stores a signed transaction: what an
//! earlier holder signs is never stored, and what is not stored is never broadcast.

use super::clock::unix_ms;
use super::handle::{Backend, Store};
use super::log::log_transition;
use super::sql::{Sql, number, params, to_i64};
use crate::error::{Error, Result};
use alloy::primitives::{Address, keccak256};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The right to send for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whom it was given to.
    pub holder: String,
    /// Grows with each change of hands.
    pub token: u64,
}

impl Store {
    /// Takes or renews the lease of an account; `None` while another process has it.
    pub async fn take_lease(
        &self,
        chain_id: u64,
        sender: Address,
        holder: String,
        ttl: Duration,
    ) -> Result<Option<Lease>> {
        self.write(move |tx| {
            let now = tx.now()?;
            let token = match get(tx, chain_id, sender)? {
                Some((Lease { holder: known, token }, _)) if known == holder => token,
                Some((Lease { holder: known, token }, until)) => {
                    if until > now && !is_dead(&known) {
                        return Ok(None);
                    }
                    let reason = format!("lease of {sender} taken over from {known}");
                    log_transition(tx, None, None, "", "lease", Some(&reason))?;
                    token + 1
                }
                None => 1,
            };
            let until = now.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
            tx.execute(
                "INSERT INTO leases (chain_id, sender, holder, token, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (chain_id, sender) DO UPDATE SET holder = ?3, token = ?4, expires_at = ?5",
                params![
                    to_i64(chain_id, "chain id")?,
                    sender.as_slice(),
                    holder.as_str(),
                    to_i64(token, "lease token")?,
                    to_i64(until, "time")?
                ],
            )?;
            Ok(Some(Lease { holder, token }))
        })
        .await
    }

    /// Gives a lease back, so that the next process need not wait.
    pub async fn give_lease_back(
        &self,
        chain_id: u64,
        sender: Address,
        holder: String,
    ) -> Result<()> {
        self.write(move |tx| give_back(tx, chain_id, sender, &holder))
            .await
    }

    /// The same for a destructor, which cannot wait for a server: with PostgreSQL it is only begun. Where it does not
    /// succeed the lease runs out by itself.
    pub(crate) fn give_lease_back_now(&self, chain_id: u64, sender: Address, holder: &str) {
        match &self.backend {
            Backend::Sqlite(file) => {
                let _ = file.with_now(|sql| give_back(sql, chain_id, sender, holder));
            }
            #[cfg(feature = "postgres")]
            Backend::Postgres(_) => {
                if let Ok(handle) = tokio::runtime::Handle::try_current() {
                    let (store, holder) = (self.clone(), holder.to_owned());
                    handle.spawn(async move {
                        let _ = store.give_lease_back(chain_id, sender, holder).await;
                    });
                }
            }
        }
    }

    /// Whether some process holds the lease of an account now.
    pub async fn is_leased(&self, chain_id: u64, sender: Address) -> Result<bool> {
        self.read(move |c| {
            let now = c.now()?;
            let found = get(c, chain_id, sender)?;
            Ok(found.is_some_and(|(lease, until)| until > now && !is_dead(&lease.holder)))
        })
        .await
    }
}

fn give_back(tx: &dyn Sql, chain_id: u64, sender: Address, holder: &str) -> Result<()> {
    tx.execute(
        "UPDATE leases SET expires_at = 0 WHERE chain_id = ?1 AND sender = ?2 AND holder = ?3",
        params![to_i64(chain_id, "chain id")?, sender.as_slice(), holder],
    )?;
    Ok(())
}

/// Refuses what was signed under a lease that is no longer the newest.
pub(super) fn check(
    tx: &dyn Sql,
    chain_id: u64,
    sender: Address,
    lease: Option<&Lease>,
) -> Result<()> {
    let Some(lease) = lease else {
        return Ok(());
    };
    match get(tx, chain_id, sender)? {
        Some((newest, _)) if newest == *lease => Ok(()),
        _ => Err(Error::LeaseLost { account: sender }),
    }
}

/// The newest lease of an account, and when it runs out.
fn get(c: &dyn Sql, chain_id: u64, sender: Address) -> Result<Option<(Lease, u64)>> {
    let found = c.row(
        "SELECT holder, token, expires_at FROM leases WHERE chain_id = ?1 AND sender = ?2",
        params![to_i64(chain_id, "chain id")?, sender.as_slice()],
    )?;
    let Some(row) = found else {
        return Ok(None);
    };
    let lease = Lease {
        holder: row.get("holder")?,
        token: number(&row, "token")?,
    };
    Ok(Some((lease, number(&row, "expires_at")?)))
}

/// A name for this process that no other has, and from which another on the same machine can tell
/// whether the process is still there: `<place>/<pid>.<start>/<n>`.
pub(crate) fn new_holder() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    match (place(), start_of(pid)) {
        (Some(place), Some(start)) => format!("{place}/{pid}.{start}/{n}"),
        // Nobody can tell, so that its leases must run out.
        _ => format!("?/{pid}.{}/{n}", unix_ms()),
    }
}

/// Where process numbers mean the same: one start of one machine, one namespace. `None` where other users' processes
/// are hidden (`hidepid`): there a process that is not seen may well be there.
fn place() -> Option<String> {
    start_of(1)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    let hash = keccak256(format!("{boot}{}", space.display()));
    Some(alloy::hex::encode(&hash[..8]))
}

/// When a process started, in clock ticks: distinguishes it from a later process with the same id.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the start is the 20th field after it.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

fn is_dead(holder: &str) -> bool {
    let mut parts = holder.split('/');
    let (Some(there), Some(process)) = (parts.next(), parts.next()) else {
        return false;
    };
    let Some((pid, start)) = process.split_once('.') else {
        return false;
    };
    let (Ok(pid), Ok(start)) = (pid.parse(), start.parse::<u64>()) else {
        return false;
    };
    place().is_some_and(|here| here == there) && start_of(pid) != Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn lease_has_one_holder_until_it_is_given_back() {
        let store = Store::open_in_memory().unwrap();
        let account = Address::ZERO;
        let (a, b) = (new_holder(), new_holder());
        let take = async |holder: &str| {
            let holder = holder.to_owned();
            store.take_lease(1, account, holder, TTL).await.unwrap()
        };
        let first = take(&a).await.unwrap();
        assert_eq!(first.token, 1);
        assert_eq!(take(&b).await, None);
        assert_eq!(take(&a).await, Some(first.clone()), "renewed");
        store.give_lease_back_now(1, account, &a);
        let second = take(&b).await.unwrap();
        assert_eq!(second.token, 2);
        assert_eq!(take(&a).await, None);
        store
            .write(move |tx| {
                assert!(matches!(
                    check(tx, 1, account, Some(&first)),
                    Err(Error::LeaseLost { .. })
                ));
                check(tx, 1, account, Some(&second))
            })
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn lease_of_a_dead_process_is_taken_over_at_once() {
        let store = Store::open_in_memory().unwrap();
        let alive = new_holder();
        assert!(!is_dead(&alive));
        // The same process number, started at another time.
        let dead = format!("{}/{}.1/0", place().unwrap(), std::process::id());
        let elsewhere = format!("elsewhere/{}.1/0", std::process::id());
        assert!(is_dead(&dead) && !is_dead(&elsewhere) && !is_dead("?") && !is_dead(""));
        store
            .take_lease(1, Address::ZERO, dead, TTL)
            .await
            .unwrap()
            .unwrap();
        let taken = store
            .take_lease(1, Address::ZERO, alive, TTL)
            .await
            .unwrap();
        assert_eq!(taken.unwrap().token, 2);
    }
}
