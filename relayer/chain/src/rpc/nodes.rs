//! The nodes behind an [`Rpc`](super::Rpc): one request to one of them, and how each is doing.

use super::config::RpcConfig;
use super::error::{ErrorClass, RpcError};
use super::types::Reply;
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
    requests: u64,
    errors: u64,
    head: u64,
    avoid_until: Option<Instant>,
    verified_at: Option<Instant>,
}

#[derive(Debug)]
struct Node {
    url: reqwest::Url,
    state: Mutex<State>,
}

impl Node {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All nodes, in the order given.
pub(super) struct Nodes {
    http: reqwest::Client,
    pub(super) config: RpcConfig,
    next_id: AtomicU64,
    nodes: Vec<Node>,
}

impl Nodes {
    pub(super) fn new(config: RpcConfig) -> Result<Self, RpcError> {
        let urls = std::iter::once(&config.url).chain(&config.fallbacks);
        let nodes = urls
            .map(|url| {
                Ok(Node {
                    url: parse(url)?,
                    state: Mutex::default(),
                })
            })
            .collect::<Result<Vec<Node>, RpcError>>()?;
        // Fails when the process has installed a provider already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(config.timeout)
            .connect_timeout(config.timeout)
            .build()
            .map_err(|e| RpcError::Config {
                reason: e.without_url().to_string(),
            })?;
        Ok(Self {
            http,
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
            node.state().head = head;
        }
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
        let result = self.post(&node.url, method, params).await;
        let mut state = node.state();
        state.requests += 1;
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
                if state.verified_at.is_some() {
                    state.avoid_until = None;
                }
            }
        }
        result
    }

    async fn post<T: DeserializeOwned>(
        &self,
        url: &reqwest::Url,
        method: &'static str,
        params: &Value,
    ) -> Result<T, RpcError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let transport = |e: reqwest::Error| RpcError::Transport {
            method,
            reason: chain(&e.without_url()),
        };
        let mut response = self
            .http
            .post(url.clone())
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
        let reply: Reply = match serde_json::from_slice(&bytes) {
            Ok(reply) => reply,
            Err(_) if !status.is_success() => return Err(http),
            Err(e) => {
                return Err(RpcError::BadReply {
                    method,
                    reason: e.to_string(),
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
            reason: e.to_string(),
        })
    }
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
    fn chain_is_verified_until_a_failure() {
        let nodes = nodes(2);
        assert!(!nodes.is_verified(0));
        nodes.note_chain(0, true);
        assert!(nodes.is_verified(0) && !nodes.is_verified(1));
    }
}
