//! Routes and their handlers.

use super::config::ServiceConfig;
use super::error::ApiError;
use super::shared::Shared;
use super::view::{JobView, StatusView};
use super::{limits, metrics};
use crate::engine::read_proof;
use crate::error::Error;
use crate::state::JobState;
use crate::store::{Cancellation, Submitted, unix_ms};
use crate::submitter::Submitter;
use alloy::primitives::B256;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
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

/// Longest reason that a pause may have.
const REASON_LIMIT: usize = 500;

/// The description of the interface; a test compares it with the routes and their replies.
const OPENAPI: &str = include_str!("../../openapi.json");

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// For probes: no token, no limit.
    Open,
    /// Wants the token, and counts against the limit of requests.
    Token,
}

type Entry = (
    Access,
    &'static str,
    &'static str,
    MethodRouter<Arc<Shared>>,
);

fn table() -> Vec<Entry> {
    use Access::{Open, Token};
    vec![
        (Open, "GET", "/health", get(health)),
        (Open, "GET", "/ready", get(ready)),
        (Open, "GET", "/openapi.json", get(openapi)),
        (Token, "GET", "/metrics", get(show_metrics)),
        (Token, "POST", "/v1/proofs", post(submit)),
        (Token, "GET", "/v1/proofs", get(list)),
        (Token, "GET", "/v1/proofs/{id}", get(show)),
        (Token, "POST", "/v1/proofs/{id}/cancel", post(cancel)),
        (Token, "GET", "/v1/status", get(status)),
        (Token, "POST", "/v1/pause", post(pause)),
        (Token, "POST", "/v1/resume", post(resume)),
    ]
}

/// Method and path of every route.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    table()
        .into_iter()
        .map(|(_, m, path, _)| (m, path))
        .collect()
}

pub(super) fn router(shared: Arc<Shared>, config: &ServiceConfig) -> Router {
    let slots = Arc::new(Semaphore::new(config.max_requests));
    let of = |access| {
        table()
            .into_iter()
            .filter(move |(a, ..)| *a == access)
            .fold(Router::new(), |router, (_, _, path, handler)| {
                router.route(path, handler)
            })
    };
    let guarded = of(Access::Token)
        .layer(DefaultBodyLimit::max(config.body_limit))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&shared),
            limits::require_token,
        ))
        .layer(middleware::from_fn_with_state(
            slots,
            limits::bound_requests,
        ));
    of(Access::Open)
        .merge(guarded)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&shared),
            limits::observe,
        ))
        .with_state(shared)
}

async fn submit(State(shared): State<Arc<Shared>>, body: Result<Bytes, BytesRejection>) -> Reply {
    let proof = read_proof(&read(body)?)?;
    let submitted = shared.engine.submit(&proof, &Submitter::local()).await?;
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
    let id = parse_id(&id)?;
    let store = shared.engine.store();
    let job = store.job(id).await?.ok_or(Error::NoSuchJob(id))?;
    Ok((StatusCode::OK, as_json(JobView::full(store, &job).await?)?))
}

async fn cancel(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Reply {
    let id = parse_id(&id)?;
    let status = match shared.engine.cancel(id).await? {
        Cancellation::Done => StatusCode::OK,
        Cancellation::Requested => {
            shared.wake.notify_one();
            StatusCode::ACCEPTED
        }
        Cancellation::TooLate(state) => {
            let why = format!("the job is {state}");
            return Err(ApiError::new(StatusCode::CONFLICT, "too_late", why));
        }
    };
    let store = shared.engine.store();
    let job = store.job(id).await?.ok_or(Error::NoSuchJob(id))?;
    Ok((status, as_json(JobView::brief(&job))?))
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

async fn status(State(shared): State<Arc<Shared>>) -> Reply {
    let view = StatusView::of(&shared).await?;
    Ok((StatusCode::OK, as_json(view)?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PauseRequest {
    reason: Option<String>,
}

async fn pause(State(shared): State<Arc<Shared>>, body: Result<Bytes, BytesRejection>) -> Reply {
    let body = read(body)?;
    let bad = |why: String| ApiError::new(StatusCode::BAD_REQUEST, "bad_body", why);
    let request = if body.is_empty() {
        PauseRequest::default()
    } else {
        serde_json::from_slice(&body).map_err(|e| bad(e.to_string()))?
    };
    let reason = request.reason.unwrap_or_else(|| "by hand".to_owned());
    if reason.len() > REASON_LIMIT {
        return Err(bad(format!("reason: at most {REASON_LIMIT} bytes")));
    }
    shared.engine.pause(reason).await?;
    status(State(shared)).await
}

async fn resume(State(shared): State<Arc<Shared>>) -> Reply {
    shared.engine.resume().await?;
    shared.wake.notify_one();
    status(State(shared)).await
}

async fn show_metrics(State(shared): State<Arc<Shared>>) -> Result<Response, ApiError> {
    let last_tick = shared.last_tick.load(Ordering::Relaxed);
    let text = shared.metrics.render(&shared.engine, last_tick).await?;
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response())
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Value>) {
    let database = shared.engine.store().ping().await.is_ok();
    let node = tokio::time::timeout(Duration::from_secs(5), shared.engine.rpc().chain_id()).await;
    let node = matches!(node, Ok(Ok(id)) if id == shared.engine.chain_id());
    let idle = unix_ms().saturating_sub(shared.last_tick.load(Ordering::Relaxed));
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

fn read(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", e.body_text())
        }
        status => ApiError::new(status, "bad_body", e.body_text()),
    })
}

fn parse_id(id: &str) -> Result<B256, ApiError> {
    id.parse().map_err(|_| {
        let why = "a job id is 32 bytes of hexadecimal";
        ApiError::new(StatusCode::BAD_REQUEST, "bad_id", why)
    })
}

fn as_json(value: impl serde::Serialize) -> Result<Json<Value>, ApiError> {
    serde_json::to_value(value)
        .map(Json)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", e.to_string()))
}
