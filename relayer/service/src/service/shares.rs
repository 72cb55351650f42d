//! What each caller holds of memory and of requests, so that no caller holds it all.

use super::error::ApiError;
use crate::submitter::Submitter;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Smallest portion of requests: with many callers a fair one would be of no use.
const SMALLEST_PORTION: usize = 4;

/// A body grows in steps of this many bytes.
const STEP: usize = 64 << 10;

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Supply {
    /// Bodies that are received at one time, and apart from these requests that are worked on.
    pub(super) requests: usize,
    /// Bytes of all bodies.
    pub(super) memory: usize,
    /// Largest body.
    pub(super) body: usize,
    /// Among how many it is divided.
    pub(super) callers: usize,
}

#[derive(Debug, Clone, Copy)]
enum Good {
    /// A body that is being received.
    Body,
    /// A request that is worked on.
    Request,
    /// A byte of a body.
    Byte,
}

#[derive(Debug, Default, Clone, Copy)]
struct Held {
    bodies: usize,
    requests: usize,
    bytes: usize,
}

impl Held {
    fn of(&mut self, good: Good) -> &mut usize {
        match good {
            Good::Body => &mut self.bodies,
            Good::Request => &mut self.requests,
            Good::Byte => &mut self.bytes,
        }
    }
}

/// How fast a body has to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// For the whole body.
    pub(super) limit: Duration,
    /// Before the rate counts.
    pub(super) grace: Duration,
    /// Bytes a second.
    pub(super) rate: u32,
}

/// What is held, by caller. Callers are as many as there are tokens.
#[derive(Debug)]
pub(super) struct Shares {
    supply: Supply,
    held: Mutex<HashMap<Submitter, Held>>,
}

impl Shares {
    pub(super) fn new(supply: Supply) -> Self {
        Self {
            supply,
            held: Mutex::default(),
        }
    }

    /// Bytes that all bodies take.
    pub(super) fn memory(&self) -> u64 {
        self.held().values().map(|h| h.bytes as u64).sum()
    }

    /// Receives a body. It comes at the given pace, or the request is refused.
    pub(super) async fn receive(
        self: &Arc<Self>,
        caller: &Submitter,
        mut body: Body,
        pace: Pace,
    ) -> Result<Received, ApiError> {
        let most = self.supply.body;
        if body.size_hint().lower() > most as u64 {
            return Err(too_large(most));
        }
        let _one = self.take(caller, Good::Body, 1)?;
        let mut received = Received {
            bytes: Vec::new(),
            memory: self.take(caller, Good::Byte, 0)?,
        };
        let begin = Instant::now();
        loop {
            let seconds = received.bytes.len() as f64 / f64::from(pace.rate.max(1));
            let due = pace.grace + Duration::from_secs_f64(seconds);
            let frame = timeout_at(begin + due.min(pace.limit), body.frame());
            let Ok(frame) = frame.await else {
                let why = "the body comes too slowly";
                return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "slow_body", why));
            };
            match frame {
                None => return Ok(received),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        received.push(data, most)?;
                    }
                }
                Some(Err(_)) => {
                    let why = "the body is cut short or badly framed";
                    return Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_body", why));
                }
            }
        }
    }

    /// Takes a place among the requests that are worked on.
    pub(super) fn begin(self: &Arc<Self>, caller: &Submitter) -> Result<Holds, ApiError> {
        self.take(caller, Good::Request, 1)
    }

    fn take(
        self: &Arc<Self>,
        caller: &Submitter,
        good: Good,
        amount: usize,
    ) -> Result<Holds, ApiError> {
        let (supply, least) = match good {
            Good::Body | Good::Request => (self.supply.requests, SMALLEST_PORTION),
            Good::Byte => (self.supply.memory, self.supply.body),
        };
        let portion = (supply / self.supply.callers.max(1)).max(least).min(supply);
        let mut held = self.held();
        let all: usize = held.values_mut().map(|h| *h.of(good)).sum();
        let own = held.entry(caller.clone()).or_default().of(good);
        if all + amount > supply || *own + amount > portion {
            let why = "too many requests at once; try again";
            return Err(ApiError::busy("busy", why));
        }
        *own += amount;
        Ok(Holds {
            shares: Arc::clone(self),
            caller: caller.clone(),
            good,
            amount,
        })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Submitter, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_large(most: usize) -> ApiError {
    let why = format!("the body is larger than {most} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", why)
}

/// A part of the supply, which is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Holds {
    shares: Arc<Shares>,
    caller: Submitter,
    good: Good,
    amount: usize,
}

impl Drop for Holds {
    fn drop(&mut self) {
        if let Some(held) = self.shares.held().get_mut(&self.caller) {
            let own = held.of(self.good);
            *own = own.saturating_sub(self.amount);
        }
    }
}

/// A body, and the memory that it holds.
#[derive(Debug)]
pub(super) struct Received {
    bytes: Vec<u8>,
    memory: Holds,
}

impl Received {
    fn push(&mut self, data: &[u8], most: usize) -> Result<(), ApiError> {
        let needed = self.bytes.len() + data.len();
        if needed > most {
            return Err(too_large(most));
        }
        let capacity = self.bytes.capacity();
        if needed > capacity {
            let next = (capacity * 2).max(needed.next_multiple_of(STEP)).min(most);
            let memory = &mut self.memory;
            let shares = Arc::clone(&memory.shares);
            let mut more = shares.take(&memory.caller, Good::Byte, next - capacity)?;
            memory.amount += std::mem::take(&mut more.amount);
            self.bytes.reserve_exact(next - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// The body, and what holds its memory until it is dropped.
    pub(super) fn into_parts(self) -> (Bytes, Holds) {
        (self.bytes.into(), self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;
    use hyper::body::Frame;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::sync::mpsc;

    fn shares(requests: usize, memory: usize, body: usize, callers: usize) -> Arc<Shares> {
        Arc::new(Shares::new(Supply {
            requests,
            memory,
            body,
            callers,
        }))
    }

    fn who(name: &str) -> Submitter {
        name.parse().unwrap()
    }

    fn status(error: ApiError) -> u16 {
        error.into_response().status().as_u16()
    }

    const PACE: Pace = Pace {
        limit: Duration::from_secs(60),
        grace: Duration::from_secs(60),
        rate: 1,
    };

    #[test]
    fn no_caller_takes_it_all() {
        let shares = shares(16, 0, 0, 2);
        let take = |name| {
            (0..20)
                .filter_map(|_| shares.begin(&who(name)).ok())
                .collect::<Vec<_>>()
        };
        let greedy = take("a");
        assert_eq!((greedy.len(), take("b").len()), (8, 8));
        drop(greedy);
        assert_eq!(take("a").len(), 8);
    }

    #[test]
    fn only_caller_may_take_it_all_and_many_get_a_useful_portion() {
        for (callers, portion) in [(1, 16), (0, 16), (3, 5), (100, 4)] {
            let shares = shares(16, 0, 0, callers);
            let taken: Vec<_> = (0..20)
                .filter_map(|_| shares.begin(&who("a")).ok())
                .collect();
            assert_eq!(taken.len(), portion, "{callers}");
        }
    }

    #[tokio::test]
    async fn bodies_hold_their_memory_until_they_are_dropped() {
        let shares = shares(16, 4 * STEP, 2 * STEP, 2);
        let receive = async |name: &str, bytes: usize| {
            let body = Body::from(vec![7; bytes]);
            shares.receive(&who(name), body, PACE).await
        };
        let (bytes, held) = receive("a", 2 * STEP).await.unwrap().into_parts();
        assert_eq!((bytes.len(), shares.memory()), (2 * STEP, 2 * STEP as u64));
        assert_eq!(status(receive("a", 1).await.unwrap_err()), 503);
        let other = receive("b", 2 * STEP).await.unwrap();
        assert_eq!(status(receive("c", 1).await.unwrap_err()), 503);
        drop((held, other));
        assert_eq!(shares.memory(), 0);
        assert_eq!(status(receive("a", 2 * STEP + 1).await.unwrap_err()), 413);
        assert!(receive("a", 0).await.unwrap().into_parts().0.is_empty());
        assert_eq!(shares.memory(), 0);
    }

    #[tokio::test]
    async fn body_that_drips_is_given_up_and_gives_everything_back() {
        let shares = shares(1, STEP * 4, STEP * 4, 1);
        let ms = Duration::from_millis;
        for (grace, limit, rate) in [(ms(50), ms(60_000), 1 << 30), (ms(60_000), ms(50), 1)] {
            let (sender, chunks) = mpsc::channel::<Bytes>(1);
            let drips = tokio::spawn(async move {
                while sender.send("drop".into()).await.is_ok() {
                    tokio::time::sleep(ms(5)).await;
                }
            });
            let pace = Pace { limit, grace, rate };
            let body = Body::new(Dripping(chunks));
            let refused = shares.receive(&who("a"), body, pace).await;
            assert_eq!(status(refused.unwrap_err()), 408);
            drips.await.unwrap();
            assert_eq!(shares.memory(), 0);
            shares
                .receive(&who("a"), Body::from("x"), PACE)
                .await
                .unwrap();
        }
    }

    struct Dripping(mpsc::Receiver<Bytes>);

    impl HttpBody for Dripping {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0
                .poll_recv(cx)
                .map(|data| data.map(|d| Ok(Frame::data(d))))
        }
    }
}
