//! The nodes behind an [`Rpc`](super::Rpc): one request to one of them, and how each is doing.

use super::config::RpcConfig;
use super::error::{ErrorClass, RpcError};
use super::types::Reply;
use crate::text::brief;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Largest reply that is read.
const MAX_REPLY_BYTES: usize = 64 << 20;

/// Doublings of the time that a failing node is left alone.
const MAX_DOUBLINGS: u32 = 5;

/// How long a node of another chain is left alone.
const BAN: Duration = Duration::from_secs(60);

/// Age at which the chain of a node is checked again although it did not fail.
const RECHECK: Duration = Duration::from_secs(60);

/// How a node is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeHealth {
    /// Whether it is asked before others, as far as its place in the order goes.
    pub healthy: bool,
    /// Failures in a row.
    pub failures: u32,
    /// Requests since the start.
    pub requests: u64,
    /// Requests that got no usable answer.
    pub errors: u64,
    /// The newest block seen there.
    pub head: u64,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Slow answers in a row.
    slow: u32,
    requests: u64,
    errors: u64,
    head: u64,
    /// When the head was last seen to be another one.
    moved_at: Option<Instant>,
    avoid_until: Option<Instant>,
    verified_at: Option<Instant>,
}

#[derive(Debug)]
struct Node {
    url: reqwest::Url,
    http: reqwest::Client,
    state: Mutex<State>,
}

impl Node {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All nodes, in the order given.
pub(super) struct Nodes {
    pub(super) config: RpcConfig,
    next_id: AtomicU64,
    nodes: Vec<Node>,
}

impl Nodes {
    pub(super) fn new(config: RpcConfig) -> Result<Self, RpcError> {
        // Fails when the process has installed a provider already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let urls = std::iter::once(&config.url).chain(&config.fallbacks);
        let nodes = urls
            .map(|url| {
                let url = parse(url)?;
                Ok(Node {
                    http: client(&url, &config)?,
                    url,
                    state: Mutex::default(),
                })
            })
            .collect::<Result<Vec<Node>, RpcError>>()?;
        Ok(Self {
            config,
            next_id: AtomicU64::new(0),
            nodes,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes in the order in which to try them: as given, but those that failed lately last, the one first
    /// whose time is over soonest.
    pub(super) fn order(&self) -> Vec<usize> {
        let now = Instant::now();
        let mut order: Vec<(Option<Instant>, usize)> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.state().avoid_until.filter(|until| *until > now), at))
            .collect();
        order.sort();
        order.into_iter().map(|(_, at)| at).collect()
    }

    pub(super) fn health(&self) -> Vec<NodeHealth> {
        let now = Instant::now();
        self.nodes
            .iter()
            .map(|node| {
                let state = node.state();
                NodeHealth {
                    healthy: state.avoid_until.is_none_or(|until| until <= now),
                    failures: state.failures,
                    requests: state.requests,
                    errors: state.errors,
                    head: state.head,
                }
            })
            .collect()
    }

    /// Whether the node's last answer came late, and there is another.
    pub(super) fn is_slow(&self, at: usize) -> bool {
        self.nodes.len() > 1 && self.nodes.get(at).is_some_and(|node| node.state().slow > 0)
    }

    pub(super) fn is_verified(&self, at: usize) -> bool {
        let verified = self.nodes.get(at).and_then(|n| n.state().verified_at);
        verified.is_some_and(|at| at.elapsed() < RECHECK)
    }

    pub(super) fn note_chain(&self, at: usize, right: bool) {
        if let Some(node) = self.nodes.get(at) {
            let mut state = node.state();
            let now = Instant::now();
            state.verified_at = right.then_some(now);
            if !right {
                state.avoid_until = Some(now + BAN);
            }
        }
    }

    pub(super) fn last_head(&self, at: usize) -> u64 {
        self.nodes.get(at).map_or(0, |n| n.state().head)
    }

    pub(super) fn note_head(&self, at: usize, head: u64) {
        if let Some(node) = self.nodes.get(at) {
            let mut state = node.state();
            if state.head != head {
                state.head = head;
                state.moved_at = Some(Instant::now());
            }
        }
    }

    /// Whether a node's head stands still, and that of another one that moves is further ahead than a node may be behind. A node that
    /// merely names a high block is no reason to leave one that goes on.
    pub(super) fn is_stuck(&self, at: usize) -> bool {
        let moves = |state: &State| {
            let moved = state.moved_at;
            moved.is_some_and(|at| at.elapsed() < self.config.stuck)
        };
        let Some(own) = self.nodes.get(at) else {
            return false;
        };
        let reached = {
            let state = own.state();
            if state.moved_at.is_none() || moves(&state) {
                return false;
            }
            state.head.saturating_add(self.config.max_lag)
        };
        self.nodes.iter().enumerate().any(|(other, node)| {
            let state = node.state();
            other != at && moves(&state) && state.head > reached
        })
    }

    /// One request to one node, once; notes how it went.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        at: usize,
        method: &'static str,
        params: &Value,
    ) -> Result<T, RpcError> {
        let Some(node) = self.nodes.get(at) else {
            return Err(RpcError::Config {
                reason: format!("there is no node {at}"),
            });
        };
        let begin = Instant::now();
        let result = self.post(node, method, params).await;
        let late = begin.elapsed() >= self.config.slow;
        let mut state = node.state();
        state.requests += 1;
        state.slow = if late {
            state.slow.saturating_add(1)
        } else {
            0
        };
        match &result {
            Err(e) if e.class() != ErrorClass::Answer => {
                let doublings = state.failures.min(MAX_DOUBLINGS);
                let rest = e.retry_after().unwrap_or_default();
                let rest = rest.max(self.config.cooldown * 2_u32.pow(doublings));
                state.avoid_until = Some(Instant::now() + rest);
                state.failures += 1;
                state.errors += 1;
                if e.class() != ErrorClass::Overloaded {
                    // The address may lead to another node from now on.
                    state.verified_at = None;
                }
            }
            _ => {
                state.failures = 0;
                // A node of another chain answers well, and is left alone all the same.
                if late && state.verified_at.is_some() {
                    let doublings = (state.slow - 1).min(MAX_DOUBLINGS);
                    let rest = self.config.cooldown * 2_u32.pow(doublings);
                    state.avoid_until = Some(Instant::now() + rest);
                } else if state.verified_at.is_some() {
                    state.avoid_until = None;
                }
            }
        }
        result
    }

    async fn post<T: DeserializeOwned>(
        &self,
        node: &Node,
        method: &'static str,
        params: &Value,
    ) -> Result<T, RpcError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let transport = |e: reqwest::Error| RpcError::Transport {
            method,
            reason: chain(&e.without_url()),
        };
        let mut response = node
            .http
            .post(node.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string())
            .send()
            .await
            .map_err(transport)?;
        let status = response.status();
        let http = RpcError::Http {
            method,
            status: status.as_u16(),
            retry_after: retry_after(&response),
        };
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(transport)? {
            if bytes.len() + part.len() > MAX_REPLY_BYTES {
                return Err(RpcError::BadReply {
                    method,
                    reason: "reply too large".to_owned(),
                });
            }
            bytes.extend_from_slice(&part);
        }
        if status.is_redirection() {
            return Err(http);
        }
        let reply: Reply = match serde_json::from_slice(&bytes) {
            Ok(reply) => reply,
            Err(_) if !status.is_success() => return Err(http),
            Err(e) => {
                return Err(RpcError::BadReply {
                    method,
                    reason: brief(e.to_string()),
                });
            }
        };
        if let Some(error) = reply.error {
            return Err(error.into_rpc_error(method));
        }
        if !status.is_success() {
            return Err(http);
        }
        if reply.id != json!(id) {
            return Err(RpcError::BadReply {
                method,
                reason: "reply to another request".to_owned(),
            });
        }
        serde_json::from_value(reply.result).map_err(|e| RpcError::BadReply {
            method,
            reason: brief(e.to_string()),
        })
    }
}

fn client(url: &reqwest::Url, config: &RpcConfig) -> Result<reqwest::Client, RpcError> {
    let client = reqwest::Client::builder()
        .timeout(config.timeout)
        .connect_timeout(config.timeout)
        // The address that was given is asked, and no other.
        .redirect(reqwest::redirect::Policy::none());
    let client = if is_loopback(url) {
        client.no_proxy()
    } else {
        client
    };
    client.build().map_err(|e| RpcError::Config {
        reason: e.without_url().to_string(),
    })
}

/// Whether an address is this machine itself: no proxy leads there.
pub fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    bare == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

fn parse(url: &str) -> Result<reqwest::Url, RpcError> {
    let url = reqwest::Url::parse(url).map_err(|e| RpcError::Config {
        reason: format!("the RPC URL is invalid: {e}"),
    })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(RpcError::Config {
            reason: format!("the RPC URL must be http or https, not {other}"),
        }),
    }
}

/// The wait that a node asks for, in whole seconds; dates are not understood.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?;
    let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(60)))
}

/// An error with its causes, in one line.
fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(e) = source {
        text.push_str(": ");
        text.push_str(&e.to_string());
        source = e.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: usize) -> Nodes {
        let mut config = RpcConfig::new("http://127.0.0.1:1");
        config.fallbacks = (1..count)
            .map(|i| format!("http://127.0.0.1:{i}"))
            .collect();
        Nodes::new(config).unwrap()
    }

    #[tokio::test]
    async fn failed_node_goes_to_the_end_of_the_order() {
        let nodes = nodes(3);
        assert_eq!(nodes.order(), [0, 1, 2]);
        // Nothing listens at port 1.
        assert!(
            nodes
                .ask::<Value>(0, "eth_chainId", &json!([]))
                .await
                .is_err()
        );
        assert_eq!(nodes.order(), [1, 2, 0]);
        let health = nodes.health();
        assert_eq!((health[0].healthy, health[0].errors), (false, 1));
        assert!(health[1].healthy);
        nodes.note_chain(1, false);
        nodes.note_chain(2, false);
        assert_eq!(
            nodes.order()[0],
            0,
            "a pause for failure is shorter than a ban"
        );
    }

    #[test]
    fn loopback_is_recognised_in_every_spelling() {
        let is = |url: &str| is_loopback(&reqwest::Url::parse(url).unwrap());
        for url in [
            "http://127.0.0.1:1",
            "http://localhost",
            "http://LOCALHOST:8545/x",
            "https://[::1]:2",
            "http://127.9.9.9",
            "http://[::ffff:127.0.0.1]",
            "http://2130706433",
        ] {
            assert!(is(url), "{url}");
        }
        for url in [
            "http://10.0.0.1",
            "https://node.example",
            "http://localhost.example",
            "http://[::2]",
        ] {
            assert!(!is(url), "{url}");
        }
    }

    /// Answers each request with `answer` after `delay`.
    async fn server(answer: &'static str, delay: Duration) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                let text = String::from_utf8_lossy(&request[..read]).into_owned();
                let id = text
                    .split("\"id\":")
                    .nth(1)
                    .and_then(|t| t.split([',', '}']).next());
                tokio::time::sleep(delay).await;
                let body = format!(
                    r#"{{"jsonrpc":"2.0","id":{},"result":"0x1"}}"#,
                    id.unwrap_or("0")
                );
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        url
    }

    async fn ask(nodes: &Nodes, at: usize) -> Result<Value, RpcError> {
        nodes.ask(at, "eth_chainId", &json!([])).await
    }

    #[tokio::test]
    async fn node_that_answers_late_goes_to_the_end_of_the_order() {
        let mut config = RpcConfig::new(server("200 OK", Duration::from_millis(80)).await);
        config.fallbacks = vec![server("200 OK", Duration::ZERO).await];
        config.slow = Duration::from_millis(40);
        // Longer than this test.
        config.cooldown = Duration::from_secs(600);
        let nodes = Nodes::new(config).unwrap();
        nodes.note_chain(0, true);
        nodes.note_chain(1, true);
        assert_eq!(ask(&nodes, 0).await.unwrap(), "0x1");
        assert_eq!(nodes.order(), [1, 0]);
        assert!(nodes.is_slow(0) && !nodes.is_slow(1));
        let health = nodes.health()[0];
        assert_eq!((health.healthy, health.errors), (false, 0));
        assert!(nodes.is_verified(0), "it is the same node still");
    }

    #[tokio::test]
    async fn redirection_is_not_followed() {
        let elsewhere = server("200 OK", Duration::ZERO).await;
        let answer = format!("307 Temporary Redirect\r\nlocation: {elsewhere}");
        let url = server(Box::leak(answer.into_boxed_str()), Duration::ZERO).await;
        let nodes = Nodes::new(RpcConfig::new(url)).unwrap();
        let refused = ask(&nodes, 0).await.unwrap_err();
        assert!(
            matches!(refused, RpcError::Http { status: 307, .. }),
            "{refused}"
        );
    }

    #[test]
    fn node_that_stands_still_while_another_moves_is_stuck() {
        let mut nodes = nodes(2);
        nodes.config.stuck = Duration::from_millis(50);
        nodes.note_head(0, 100);
        // Whatever another says, one that moves is not.
        nodes.note_head(1, 1_000_000);
        assert!(!nodes.is_stuck(0) && !nodes.is_stuck(1));
        std::thread::sleep(Duration::from_millis(60));
        assert!(!nodes.is_stuck(0), "nothing moves anywhere");
        nodes.note_head(1, 103);
        assert!(!nodes.is_stuck(0), "as far behind as a node may be");
        nodes.note_head(1, 104);
        assert!(nodes.is_stuck(0) && !nodes.is_stuck(1));
        nodes.note_head(0, 101);
        assert!(!nodes.is_stuck(0));
    }

    #[test]
    fn chain_is_verified_until_a_failure() {
        let nodes = nodes(2);
        assert!(!nodes.is_verified(0));
        nodes.note_chain(0, true);
        assert!(nodes.is_verified(0) && !nodes.is_verified(1));
    }
}
