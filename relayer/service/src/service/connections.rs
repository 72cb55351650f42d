//! The open connections, and who has to go when there are too many.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Where a connection comes from: an IPv4 address, or an IPv6 network of the size that one customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Waits for a request, or for its client to take an answer.
    Nothing,
    /// A request of somebody unknown.
    Request,
    /// A request whose token was right.
    TrustedRequest,
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    doing: Doing,
    since: Instant,
    evicted: Arc<Notify>,
}

/// The open connections. A new one is let in at the cost of the one that has waited longest for its client, of the same
/// address where that has too many. Those whose token was right are never closed for another.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    most_per_peer: usize,
    next: AtomicU64,
    table: Mutex<HashMap<u64, Entry>>,
    evicted: AtomicU64,
    refused: AtomicU64,
}

/// One connection; leaves the table when it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    pub(super) peer: Peer,
    evicted: Arc<Notify>,
    all: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(most: usize, most_per_peer: usize) -> Self {
        Self {
            most: most.max(1),
            most_per_peer: most_per_peer.max(1),
            next: AtomicU64::new(0),
            table: Mutex::default(),
            evicted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Takes a connection in, or refuses it when all others are in use by holders of tokens.
    pub(super) fn admit(self: &Arc<Self>, peer: Peer) -> Option<Connection> {
        let mut table = self.table();
        let of_peer = table.values().filter(|e| e.peer == peer).count();
        let crowded = of_peer >= self.most_per_peer;
        if crowded || table.len() >= self.most {
            let goes = table
                .iter()
                .filter(|(_, e)| e.doing != Doing::TrustedRequest && (!crowded || e.peer == peer))
                .min_by_key(|(_, e)| e.since)
                .map(|(id, _)| *id);
            let Some(entry) = goes.and_then(|id| table.remove(&id)) else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            };
            entry.evicted.notify_one();
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let evicted = Arc::new(Notify::new());
        let entry = Entry {
            peer,
            doing: Doing::Nothing,
            since: Instant::now(),
            evicted: Arc::clone(&evicted),
        };
        table.insert(id, entry);
        Some(Connection {
            id,
            peer,
            evicted,
            all: Arc::clone(self),
        })
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> u64 {
        self.table().len() as u64
    }

    /// Connections that were closed for a newer one.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Connections that were not let in.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Resolves when the connection has to go.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Notes that a request is in hand, until the value is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InHand {
        self.set(Doing::Request);
        InHand(Arc::clone(self))
    }

    /// Notes that the token of the request in hand was right.
    pub(super) fn trust(&self) {
        self.set(Doing::TrustedRequest);
    }

    /// Whether a request is in hand.
    pub(super) fn is_in_hand(&self) -> bool {
        let table = self.all.table();
        table
            .get(&self.id)
            .is_some_and(|e| e.doing != Doing::Nothing)
    }

    fn set(&self, doing: Doing) {
        if let Some(entry) = self.all.table().get_mut(&self.id) {
            entry.doing = doing;
            entry.since = Instant::now();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.table().remove(&self.id);
    }
}

/// A request in hand.
#[derive(Debug)]
pub(super) struct InHand(Arc<Connection>);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.set(Doing::Nothing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        text.parse::<IpAddr>().unwrap().into()
    }

    fn is_evicted(connection: &Connection) -> bool {
        !connection.all.table().contains_key(&connection.id)
    }

    #[test]
    fn peers_are_addresses_and_networks() {
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_ne!(peer("10.0.0.2"), peer("10.0.0.1"));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8:0:1::1"), peer("2001:db8::1"));
    }

    #[test]
    fn the_one_that_waited_longest_goes_and_trusted_requests_stay() {
        let all = Arc::new(Connections::new(3, 3));
        let open = |address| Arc::new(all.admit(peer(address)).unwrap());
        let (trusted, stranger, other) = (open("10.0.0.1"), open("10.0.0.2"), open("10.0.0.3"));
        let _in_hand = trusted.begin();
        trusted.trust();
        let asked = stranger.begin();
        let next = open("10.0.0.4");
        assert!(is_evicted(&other) && !is_evicted(&trusted) && !is_evicted(&stranger));
        drop(asked);
        let _third = open("10.0.0.5");
        assert!(is_evicted(&next) && !is_evicted(&trusted));
        assert_eq!((all.open(), all.evicted()), (3, 2));
    }

    #[test]
    fn crowded_address_pays_with_its_own() {
        let all = Arc::new(Connections::new(10, 2));
        let honest = all.admit(peer("10.0.0.1")).unwrap();
        let first = all.admit(peer("10.0.0.2")).unwrap();
        let _crowd: Vec<_> = (0..5).map(|_| all.admit(peer("10.0.0.2"))).collect();
        assert!(is_evicted(&first) && !is_evicted(&honest));
        assert_eq!(all.open(), 3);
    }

    #[test]
    fn nobody_is_let_in_while_all_are_trusted() {
        let all = Arc::new(Connections::new(2, 2));
        let held: Vec<_> = (0..2)
            .map(|_| {
                let connection = Arc::new(all.admit(peer("10.0.0.1")).unwrap());
                let in_hand = connection.begin();
                connection.trust();
                (connection, in_hand)
            })
            .collect();
        assert!(all.admit(peer("10.0.0.2")).is_none());
        drop(held);
        assert!(all.admit(peer("10.0.0.2")).is_some());
        assert_eq!((all.refused(), all.open()), (1, 0));
    }
}
