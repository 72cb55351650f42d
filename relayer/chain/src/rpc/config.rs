//! Which nodes are asked, and with how much patience.

use std::fmt;
use std::time::Duration;

/// How to reach a node.
#[derive(Clone)]
pub struct RpcConfig {
    /// HTTP address; may hold credentials, so it is not shown by `Debug`.
    pub url: String,
    /// Further nodes of the same chain, asked in this order when the one before fails or lags.
    pub fallbacks: Vec<String>,
    /// Limit for one request.
    pub timeout: Duration,
    /// How often a read is tried after a transient failure, beyond the first time.
    pub retries: u32,
    /// Wait before the first repetition; doubles each time.
    pub backoff: Duration,
    /// How long a node that failed is left alone while there is another; doubles with each failure in a row.
    pub cooldown: Duration,
    /// How long an answer may take before another node is preferred for a while, as after a failure.
    pub slow: Duration,
    /// How long a node's head may stand still while another's moves on.
    pub stuck: Duration,
    /// Blocks that a node may be behind the newest one seen before another is preferred.
    pub max_lag: u64,
}

impl RpcConfig {
    /// Defaults for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            fallbacks: Vec::new(),
            timeout: Duration::from_secs(20),
            retries: 3,
            backoff: Duration::from_millis(200),
            cooldown: Duration::from_secs(5),
            slow: Duration::from_secs(2),
            stuck: Duration::from_secs(30),
            max_lag: 3,
        }
    }
}

impl fmt::Debug for RpcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcConfig")
            .field("url", &redact(&self.url))
            .field("fallbacks", &self.fallbacks.len())
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
}
