//! A client of the HTTP service, for the command line.

use alloy::primitives::B256;
use chainfer_chain::wallet::Secret;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// Limit for one request.
const TIMEOUT: Duration = Duration::from_secs(60);

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
        let wrong = || RemoteError::Address(url.to_owned());
        let url = reqwest::Url::parse(url).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        // Fails when the process has installed a provider already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The token goes to the address that was given, and to no other.
            .redirect(reqwest::redirect::Policy::none())
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
    let response = request.send().await.map_err(silent)?;
    let status = response.status();
    let body = response.bytes().await.map_err(silent)?;
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(value);
    }
    let text = |name: &str| value["error"][name].as_str().unwrap_or("?").to_owned();
    Err(RemoteError::Refused {
        status: status.as_u16(),
        code: text("code"),
        message: text("message"),
    })
}
