//! The bearer token.

use super::Shared;
use super::error::ApiError;
use alloy::primitives::keccak256;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// Lets a request pass when it shows the token, or when none is set.
pub(super) async fn require_token(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if let Some(token) = &shared.token {
        let shown = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default();
        // Hashes are compared, so that timing tells nothing about the token.
        if keccak256(shown) != keccak256(token.expose()) {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "a valid bearer token is needed",
            ));
        }
    }
    Ok(next.run(request).await)
}
