//! Errors as JSON.

use super::tokens::Role;
use crate::error::Error;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chainfer_chain::Error as ChainError;
use serde_json::json;
use std::time::Duration;

/// Longest message: what is refused may be quoted in it.
const LONGEST_MESSAGE: usize = 1_000;

/// A reply that refuses, as JSON.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Value of `Retry-After`, in seconds.
    retry_after: Option<u32>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// 429, and when to come back.
    pub(super) fn too_often(wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
        let why = "too many requests; wait as long as Retry-After says";
        Self {
            retry_after: Some(seconds.saturating_add(1)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_often", why)
        }
    }

    /// 403 for a token of another role.
    pub(super) fn wrong_role(wanted: &[Role]) -> Self {
        let why = if wanted.contains(&Role::Submit) {
            "this needs a token for submitting, which an admin token is not"
        } else {
            "this needs an admin token (CHAINFER_RELAYER_ADMIN_TOKEN, or the role admin in the file of tokens)"
        };
        Self::new(StatusCode::FORBIDDEN, "wrong_role", why)
    }

    /// 503, and when to come back.
    pub(super) fn busy(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            retry_after: Some(1),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let message: String = self.message.chars().take(LONGEST_MESSAGE).collect();
        let body = json!({ "error": { "code": self.code, "message": message } });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<Error> for ApiError {
    fn from(e: Error) -> Self {
        let (status, code) = match &e {
            Error::Format(_) => (StatusCode::BAD_REQUEST, "bad_proof"),
            Error::WrongChain { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_chain"),
            Error::Mismatch { .. } | Error::Chain(ChainError::Mismatch { .. }) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "mismatch")
            }
            Error::ModelNotAllowed(_) => (StatusCode::FORBIDDEN, "model_not_allowed"),
            Error::QueueFull { .. } => {
                return Self {
                    retry_after: Some(5),
                    ..Self::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", e.to_string())
                };
            }
            Error::Quota { .. } | Error::TooManyProofs { .. } => {
                return Self {
                    retry_after: Some(60),
                    ..Self::new(StatusCode::TOO_MANY_REQUESTS, "quota", e.to_string())
                };
            }
            Error::Refused(_) | Error::ChunkTooLarge { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "proof_refused")
            }
            // Nothing was accepted, and nothing lost: the client still has it.
            Error::Database(_) if e.is_transient() => {
                tracing::error!(error = %e, "request refused");
                return Self::busy("storage", "the state cannot be written at the moment");
            }
            // Ids can be guessed from the chain; whose jobs they are is nobody's business.
            Error::NoSuchJob(_) | Error::NotSubmitted { .. } => {
                (StatusCode::NOT_FOUND, "not_found")
            }
            Error::Chain(ChainError::Rpc(_)) => (StatusCode::BAD_GATEWAY, "node"),
            _ => {
                // The cause is for the operator; a client cannot act on it.
                tracing::error!(error = %e, "request failed");
                let message = "internal error; see the relayer's log";
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message);
            }
        };
        Self::new(status, code, e.to_string())
    }
}
