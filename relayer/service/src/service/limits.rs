//! Middleware of every request: token, limits, metrics.

use super::error::ApiError;
use super::shared::Shared;
use alloy::primitives::keccak256;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

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
        // Hashes are compared, so that timing reveals nothing about the token.
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

/// Longest that a request may take, its body included.
const REQUEST_LIMIT: Duration = Duration::from_secs(60);

/// Refuses rather than queues: a client can retry, and memory stays bounded.
pub(super) async fn bound_requests(
    State(slots): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Ok(_slot) = slots.try_acquire() else {
        let why = "too many requests at once; try again";
        return Err(ApiError::busy("busy", why));
    };
    tokio::time::timeout(REQUEST_LIMIT, next.run(request))
        .await
        .map_err(|_| ApiError::busy("timeout", "the request took too long"))
}

/// Counts and logs a request. Bodies, headers and queries are not logged.
pub(super) async fn observe(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let begin = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    shared.metrics.count_request(&method, status);
    let ms = begin.elapsed().as_millis();
    tracing::debug!(method, path, status, ms, "request");
    response
}
