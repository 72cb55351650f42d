//! How often a client may ask.

use super::limits::Rate;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Requests that may be made at `at`.
    left: f64,
    at: Instant,
}

/// A bucket of requests for each client, which fills up as time goes by.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    rate: Rate,
    /// Most clients that are remembered.
    capacity: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    pub(super) fn new(rate: Rate, capacity: usize) -> Self {
        Self {
            rate,
            capacity: capacity.max(1),
            buckets: Mutex::default(),
        }
    }

    /// Takes one request, or says how long to wait for it.
    pub(super) fn take(&self, client: &K, now: Instant) -> Result<(), Duration> {
        let burst = f64::from(self.rate.burst.max(1));
        let per_second = f64::from(self.rate.per_second.max(1));
        let filled = |b: &Bucket| {
            let since = now.saturating_duration_since(b.at).as_secs_f64();
            (b.left + since * per_second).min(burst)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = buckets.get(client).map_or(burst, filled);
        let answer = if left >= 1.0 {
            left -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - left) / per_second))
        };
        if buckets.len() >= self.capacity && !buckets.contains_key(client) {
            // A full bucket is as good as none.
            buckets.retain(|_, b| filled(b) < burst);
            if buckets.len() >= self.capacity {
                let longest = buckets.iter().min_by_key(|(_, b)| b.at);
                if let Some(forgotten) = longest.map(|(k, _)| k.clone()) {
                    buckets.remove(&forgotten);
                }
            }
        }
        buckets.insert(client.clone(), Bucket { left, at: now });
        answer
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.buckets.lock().unwrap().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 2,
        burst: 4,
    };

    #[test]
    fn bucket_lets_a_burst_through_and_then_the_rate() {
        let buckets = Buckets::new(RATE, 10);
        let start = Instant::now();
        let taken = |at: Duration| {
            (0..10)
                .filter(|_| buckets.take(&1, start + at).is_ok())
                .count()
        };
        assert_eq!(taken(Duration::ZERO), 4);
        assert_eq!(taken(Duration::from_millis(500)), 1);
        assert_eq!(taken(Duration::from_secs(60)), 4);
        let wait = buckets
            .take(&1, start + Duration::from_secs(60))
            .unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(buckets.take(&2, start + Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn table_stays_small_whoever_asks() {
        let buckets = Buckets::new(RATE, 100);
        let start = Instant::now();
        for client in 0..10_000 {
            assert!(
                buckets
                    .take(&client, start + Duration::from_micros(client))
                    .is_ok()
            );
        }
        assert_eq!(buckets.len(), 100);
        // All of them are full again.
        assert!(buckets.take(&0, start + Duration::from_secs(60)).is_ok());
        assert_eq!(buckets.len(), 1);
    }
}
