//! Errors as JSON.

use crate::error::Error;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error reply.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        (self.status, Json(body)).into_response()
    }
}

impl From<Error> for ApiError {
    fn from(e: Error) -> Self {
        let (status, code) = match &e {
            Error::ProofFile(_) => (StatusCode::BAD_REQUEST, "bad_proof"),
            Error::WrongChain { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_chain"),
            Error::Mismatch { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "mismatch"),
            Error::QueueFull { .. } => (StatusCode::TOO_MANY_REQUESTS, "queue_full"),
            Error::NoSuchJob(_) => (StatusCode::NOT_FOUND, "not_found"),
            Error::Rpc(_) => (StatusCode::BAD_GATEWAY, "node"),
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
