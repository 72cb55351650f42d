//! A client of the HTTP service, for the command line.

use alloy::primitives::B256;
use chainfer_chain::rpc::is_loopback;
use chainfer_chain::wallet::Secret;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// Limit for one request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Largest answer in bytes: more than a relayer's longest list takes.
const LARGEST_ANSWER: usize = 64 << 20;

/// Longest text of an error, in characters, as relayers send them.
const LONGEST_TEXT: usize = 1_000;

/// Why a request to the service failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Not the address of a relayer.
    #[error("\"{0}\" is not the address of a relayer")]
    Address(String),
    /// No answer.
    #[error("the relayer does not answer: {0}")]
    Silent(String),
    /// An answer that no relayer gives.
    #[error("what answers is no relayer: {why} (HTTP status {status})")]
    Strange {
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// The service refuses.
    #[error("{message} ({code}, HTTP status {status})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Code of the error.
        code: String,
        /// The service's explanation.
        message: String,
    },
}

/// A running relayer service.
#[derive(Debug, Clone)]
pub struct Remote {
    http: reqwest::Client,
    url: reqwest::Url,
    token: Option<Secret>,
}

impl Remote {
    /// The service at `url`; connects on first use.
    ///
    /// # Errors
    /// [`RemoteError::Address`] when `url` is not HTTP.
    pub fn new(url: &str, token: Option<Secret>) -> Result<Self, RemoteError> {
        let wrong = || RemoteError::Address(without_user(url));
        let url = reqwest::Url::parse(url).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        // Fails when the process has installed a provider already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The token goes to the address that was given, and to no other.
            .redirect(reqwest::redirect::Policy::none());
        let http = if is_loopback(&url) {
            http.no_proxy()
        } else {
            http
        };
        let http = http
            .build()
            .map_err(|e| RemoteError::Silent(e.without_url().to_string()))?;
        Ok(Self { http, url, token })
    }

    /// Hands a proof in; answers the job.
    pub async fn submit(&self, proof: Vec<u8>) -> Result<Value, RemoteError> {
        let request = self.request(Method::POST, "/v1/proofs")?;
        answer(request.body(proof)).await
    }

    /// Jobs, newest first.
    pub async fn list(&self, state: Option<&str>, limit: u32) -> Result<Value, RemoteError> {
        let state = state.map(|s| format!("&state={s}")).unwrap_or_default();
        let path = format!("/v1/proofs?limit={limit}{state}");
        answer(self.request(Method::GET, &path)?).await
    }

    /// One job with its transactions and log.
    pub async fn show(&self, id: B256) -> Result<Value, RemoteError> {
        answer(self.request(Method::GET, &format!("/v1/proofs/{id}"))?).await
    }

    /// Cancels a job; answers it.
    pub async fn cancel(&self, id: B256) -> Result<Value, RemoteError> {
        let path = format!("/v1/proofs/{id}/cancel");
        answer(self.request(Method::POST, &path)?).await
    }

    /// The relayer as a whole.
    pub async fn status(&self) -> Result<Value, RemoteError> {
        answer(self.request(Method::GET, "/v1/status")?).await
    }

    /// Stops new transactions; answers the status.
    pub async fn pause(&self, reason: Option<&str>) -> Result<Value, RemoteError> {
        let body = json!({ "reason": reason }).to_string();
        answer(self.request(Method::POST, "/v1/pause")?.body(body)).await
    }

    /// Lifts a manual pause; answers the status.
    pub async fn resume(&self) -> Result<Value, RemoteError> {
        answer(self.request(Method::POST, "/v1/resume")?).await
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, RemoteError> {
        let url = self
            .url
            .join(path)
            .map_err(|_| RemoteError::Address(path.to_owned()))?;
        let mut request = self.http.request(method.clone(), url);
        if method == Method::POST {
            request = request.header("content-type", "application/json");
        }
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        })
    }
}

async fn answer(request: RequestBuilder) -> Result<Value, RemoteError> {
    let silent = |e: reqwest::Error| RemoteError::Silent(e.without_url().to_string());
    let mut response = request.send().await.map_err(silent)?;
    let status = response.status();
    let strange = |why: String| RemoteError::Strange {
        status: status.as_u16(),
        why,
    };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(silent)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(strange(format!(
                "its answer is larger than {LARGEST_ANSWER} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    let value: Result<Value, _> = serde_json::from_slice(&body);
    if status.is_success() {
        return value.map_err(|_| strange("its answer is not JSON".to_owned()));
    }
    let value = value.unwrap_or_default();
    let text = |name: &str| {
        let text = value["error"][name].as_str().unwrap_or("?");
        text.chars().take(LONGEST_TEXT).collect()
    };
    Err(RemoteError::Refused {
        status: status.as_u16(),
        code: text("code"),
        message: text("message"),
    })
}

/// An address without the user and password that it may have, however badly it is written.
fn without_user(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            (format!("{scheme}://"), rest)
        }
        _ => (String::new(), url),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}…@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_in_an_error_has_no_password() {
        for (url, shown) in [
            ("ftp://me:secret@host/x", "ftp://…@host/x"),
            ("me:secret@host", "…@host"),
            ("http://me:se@cret@host:port", "http://…@host:port"),
            ("me:secret://x@host", "…@host"),
            ("ftp://host", "ftp://host"),
            ("", ""),
        ] {
            let told = Remote::new(url, None).unwrap_err().to_string();
            assert_eq!(told, format!("\"{shown}\" is not the address of a relayer"));
        }
    }
}
