//! A small JSON-RPC client for exactly the calls that relaying needs.
//!
//! Reads are repeated on transient failures; [`Rpc::send_raw`] never is, because only the outbox knows
//! whether sending again is right. Node addresses may carry credentials, so no error and no log line
//! contains one.

mod error;
mod types;

pub use error::{RpcError, SendOutcome};
pub use types::{Block, CallRequest, Receipt};

use alloy::primitives::{Address, B256, Bytes, U64, U256, hex};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use types::{FeeHistory, Reply};

/// Largest reply that is read.
const MAX_REPLY_BYTES: usize = 64 << 20;

/// How to reach a node.
#[derive(Clone)]
pub struct RpcConfig {
    /// HTTP address; may hold credentials, so it is not shown by `Debug`.
    pub url: String,
    /// Limit for one request.
    pub timeout: Duration,
    /// How often a read is tried after a transient failure, beyond the first time.
    pub retries: u32,
    /// Wait before the first repetition; doubles each time.
    pub backoff: Duration,
}

impl RpcConfig {
    /// Defaults for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Duration::from_secs(20),
            retries: 3,
            backoff: Duration::from_millis(200),
        }
    }
}

impl fmt::Debug for RpcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcConfig")
            .field("url", &redact(&self.url))
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// Scheme and host only: paths, queries and user names carry keys of hosted nodes.
fn redact(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(url) => format!("{}://{}/…", url.scheme(), url.host_str().unwrap_or("…")),
        Err(_) => "…".to_owned(),
    }
}

/// Which state a read refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest block that the node has.
    Latest,
    /// The newest block and the node's pool.
    Pending,
    /// The state after one particular block: reads that belong together all name the same.
    Block(B256),
}

impl At {
    fn param(self) -> Value {
        match self {
            Self::Latest => json!("latest"),
            Self::Pending => json!("pending"),
            Self::Block(hash) => json!({ "blockHash": hash }),
        }
    }
}

/// A node. Cheap to clone.
#[derive(Clone)]
pub struct Rpc {
    http: reqwest::Client,
    url: reqwest::Url,
    config: Arc<RpcConfig>,
    next_id: Arc<AtomicU64>,
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpc")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Rpc {
    /// A client; connects on first use.
    pub fn new(config: RpcConfig) -> Result<Self, RpcError> {
        let url = reqwest::Url::parse(&config.url).map_err(|e| RpcError::Config {
            reason: format!("the RPC URL is invalid: {e}"),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RpcError::Config {
                reason: format!("the RPC URL must be http or https, not {}", url.scheme()),
            });
        }
        // Fails when the process has chosen a provider already, which is as good.
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
            url,
            config: Arc::new(config),
            next_id: Arc::default(),
        })
    }

    /// One request, once.
    async fn once<T: DeserializeOwned>(
        &self,
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
            .post(self.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string())
            .send()
            .await
            .map_err(transport)?;
        let status = response.status();
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
            Err(_) if !status.is_success() => {
                return Err(RpcError::Http {
                    method,
                    status: status.as_u16(),
                });
            }
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
            return Err(RpcError::Http {
                method,
                status: status.as_u16(),
            });
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

    /// One read, repeated while the failure is transient.
    async fn read<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let mut wait = self.config.backoff;
        for _ in 0..self.config.retries {
            match self.once(method, &params).await {
                Err(e) if e.is_transient() => {
                    tracing::debug!(method, error = %e, "repeating a read");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                other => return other,
            }
        }
        self.once(method, &params).await
    }

    /// Chain id.
    pub async fn chain_id(&self) -> Result<u64, RpcError> {
        Ok(self.read::<U64>("eth_chainId", json!([])).await?.to())
    }

    /// The block with that number, if the node has it.
    pub async fn block(&self, number: u64) -> Result<Option<Block>, RpcError> {
        self.read("eth_getBlockByNumber", json!([U64::from(number), false]))
            .await
    }

    /// The newest block.
    pub async fn head(&self) -> Result<Block, RpcError> {
        let method = "eth_getBlockByNumber";
        self.read::<Option<Block>>(method, json!(["latest", false]))
            .await?
            .ok_or(RpcError::BadReply {
                method,
                reason: "no latest block".to_owned(),
            })
    }

    /// The newest finalized block; `None` where the chain does not know the notion.
    pub async fn finalized(&self) -> Result<Option<Block>, RpcError> {
        match self
            .read("eth_getBlockByNumber", json!(["finalized", false]))
            .await
        {
            Err(RpcError::Response { .. }) => Ok(None),
            other => other,
        }
    }

    /// `eth_call`.
    pub async fn call(&self, request: &CallRequest, at: At) -> Result<Bytes, RpcError> {
        self.read("eth_call", json!([request, at.param()])).await
    }

    /// `eth_estimateGas`.
    pub async fn estimate_gas(&self, request: &CallRequest) -> Result<u64, RpcError> {
        Ok(self
            .read::<U64>("eth_estimateGas", json!([request, "latest"]))
            .await?
            .to())
    }

    /// Number of transactions that `address` has sent.
    pub async fn nonce(&self, address: Address, at: At) -> Result<u64, RpcError> {
        Ok(self
            .read::<U64>("eth_getTransactionCount", json!([address, at.param()]))
            .await?
            .to())
    }

    /// Balance in wei.
    pub async fn balance(&self, address: Address) -> Result<U256, RpcError> {
        self.read("eth_getBalance", json!([address, "latest"]))
            .await
    }

    /// Code at an address; empty where there is none.
    pub async fn code(&self, address: Address) -> Result<Bytes, RpcError> {
        self.read("eth_getCode", json!([address, "latest"])).await
    }

    /// Median priority fee that recent blocks paid, in wei; `None` where the node cannot tell.
    pub async fn median_priority_fee(&self) -> Result<Option<u128>, RpcError> {
        let reply: Result<FeeHistory, _> = self
            .read("eth_feeHistory", json!(["0xa", "latest", [50.0]]))
            .await;
        match reply {
            Ok(history) => Ok(history.median_reward()),
            Err(RpcError::Response { .. } | RpcError::BadReply { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The receipt of a transaction in a block.
    pub async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, RpcError> {
        self.read("eth_getTransactionReceipt", json!([hash])).await
    }

    /// Broadcasts a signed transaction, once. The answer is a hint at best: whether the transaction
    /// is known is decided by looking for its receipt.
    pub async fn send_raw(&self, raw: &[u8]) -> SendOutcome {
        let params = json!([hex::encode_prefixed(raw)]);
        match self.once::<B256>("eth_sendRawTransaction", &params).await {
            Ok(_) => SendOutcome::Accepted,
            Err(e) => SendOutcome::classify(&e),
        }
    }
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

    #[test]
    fn config_debug_hides_credentials() {
        let config =
            RpcConfig::new("https://user:hunter2@node.example/v3/0123456789abcdef?key=zzz");
        let text = format!("{config:?}");
        for secret in ["hunter2", "user", "0123456789abcdef", "zzz"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn new_bad_scheme_is_refused() {
        assert!(matches!(
            Rpc::new(RpcConfig::new("ftp://x")),
            Err(RpcError::Config { .. })
        ));
        assert!(matches!(
            Rpc::new(RpcConfig::new("nonsense")),
            Err(RpcError::Config { .. })
        ));
    }
}
