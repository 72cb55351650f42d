//! Routes and their handlers.

use super::error::ApiError;
use super::{JobView, ServiceConfig, Shared, auth};
use crate::error::Error;
use crate::proof_file::ProofFile;
use crate::state::JobState;
use crate::store::{Submitted, now_ms};
use alloy::primitives::B256;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Semaphore;

type Reply = Result<(StatusCode, Json<Value>), ApiError>;

/// Most jobs that a list shows.
const LIST_LIMIT: u32 = 1_000;

pub(super) fn router(shared: Arc<Shared>, config: &ServiceConfig) -> Router {
    let slots = Arc::new(Semaphore::new(config.max_requests));
    let v1 = Router::new()
        .route("/v1/proofs", get(list).post(submit))
        .route("/v1/proofs/{id}", get(show))
        .layer(DefaultBodyLimit::max(config.body_limit))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&shared),
            auth::require_token,
        ))
        .layer(middleware::from_fn_with_state(slots, bound_requests));
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .merge(v1)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(shared)
}

async fn submit(State(shared): State<Arc<Shared>>, body: Result<Bytes, BytesRejection>) -> Reply {
    let body = body.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", e.body_text())
        }
        status => ApiError::new(status, "bad_body", e.body_text()),
    })?;
    let proof = ProofFile::parse(&body).map_err(Error::from)?;
    let submitted = shared.engine.submit(&proof).await?;
    let status = match &submitted {
        Submitted::Existing(_) => StatusCode::OK,
        Submitted::Created(_) | Submitted::Reopened(_) => {
            shared.wake.notify_one();
            StatusCode::ACCEPTED
        }
    };
    Ok((status, as_json(JobView::brief(submitted.job()))?))
}

async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Reply {
    let id: B256 = id.parse().map_err(|_| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "bad_id",
            "a job id is 32 bytes of hexadecimal",
        )
    })?;
    let store = shared.engine.store();
    let job = store.job(id).await?.ok_or(Error::NoSuchJob(id))?;
    Ok((StatusCode::OK, as_json(JobView::full(store, &job).await?)?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    state: Option<JobState>,
    limit: Option<u32>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Reply {
    let Query(query) =
        query.map_err(|e| ApiError::new(StatusCode::BAD_REQUEST, "bad_query", e.body_text()))?;
    let limit = query.limit.unwrap_or(100).min(LIST_LIMIT);
    let jobs = shared.engine.store().jobs(query.state, limit).await?;
    let jobs: Vec<JobView> = jobs.iter().map(JobView::brief).collect();
    Ok((StatusCode::OK, as_json(json!({ "proofs": jobs }))?))
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Value>) {
    let database = shared.engine.store().ping().await.is_ok();
    let node = tokio::time::timeout(Duration::from_secs(5), shared.engine.rpc().chain_id()).await;
    let node = matches!(node, Ok(Ok(id)) if id == shared.engine.chain_id());
    let idle = now_ms().saturating_sub(shared.last_tick.load(Ordering::Relaxed));
    let engine = u128::from(idle) <= shared.stall_after.as_millis();
    let all = database && node && engine;
    let status = if all {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({
            "ready": all,
            "database": database,
            "node": node,
            "engine": engine,
            "chain_id": shared.engine.chain_id(),
            "sender": shared.engine.sender(),
        })),
    )
}

async fn no_route() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no_route", "there is no such route")
}

async fn no_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no_method",
        "the route has no such method",
    )
}

/// Refuses rather than queues: a client can retry, and memory stays bounded.
async fn bound_requests(
    State(slots): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    match slots.try_acquire() {
        Ok(_slot) => Ok(next.run(request).await),
        Err(_) => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many requests at once; try again",
        )),
    }
}

fn as_json(value: impl serde::Serialize) -> Result<Json<Value>, ApiError> {
    serde_json::to_value(value)
        .map(Json)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", e.to_string()))
}
