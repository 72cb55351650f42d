//! Routes and their handlers.

use super::error::ApiError;
use super::gate::{self, Access};
use super::metrics;
use super::shared::Shared;
use super::tokens::{Caller, Role};
use super::view::{JobView, OthersJobView, StatusView};
use crate::engine::read_proof;
use crate::error::Error;
use crate::state::JobState;
use crate::store::{Cancellation, Submitted};
use alloy::primitives::B256;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

type Reply = Result<(StatusCode, Json<Value>), ApiError>;

/// Most jobs that a list shows.
const LIST_LIMIT: u32 = 1_000;

/// A body that takes long enough to read to be in the way of others.
const LARGE_BODY: usize = 256 << 10;

/// Longest reason that a pause may have.
const REASON_LIMIT: usize = 500;

/// The description of the interface; a test compares it with the routes and their replies.
const OPENAPI: &str = include_str!("../../openapi.json");

type Entry = (
    Access,
    &'static str,
    &'static str,
    MethodRouter<Arc<Shared>>,
);

fn table() -> Vec<Entry> {
    use Access::{Any, Free, Open};
    const SUBMIT: Access = Any(&[Role::Submit]);
    const ADMIN: Access = Any(&[Role::Admin]);
    const BOTH: Access = Any(&[Role::Submit, Role::Admin]);
    vec![
        (Free, "GET", "/health", get(health)),
        (Open, "GET", "/ready", get(ready)),
        (Open, "GET", "/openapi.json", get(openapi)),
        (ADMIN, "GET", "/metrics", get(show_metrics)),
        (SUBMIT, "POST", "/v1/proofs", post(submit)),
        (ADMIN, "GET", "/v1/proofs", get(list)),
        (BOTH, "GET", "/v1/proofs/{id}", get(show)),
        (ADMIN, "POST", "/v1/proofs/{id}/cancel", post(cancel)),
        (SUBMIT, "POST", "/v1/proofs/{id}/withdraw", post(withdraw)),
        (ADMIN, "GET", "/v1/status", get(status)),
        (ADMIN, "POST", "/v1/pause", post(pause)),
        (ADMIN, "POST", "/v1/resume", post(resume)),
    ]
}

/// Method and path of every route.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    table()
        .into_iter()
        .map(|(_, m, path, _)| (m, path))
        .collect()
}

pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for (access, _, path, handler) in table() {
        let handler = match access {
            Access::Free => handler,
            Access::Open => {
                let state = Arc::clone(shared);
                handler.route_layer(middleware::from_fn_with_state(state, gate::open))
            }
            Access::Any(roles) => {
                let state = (Arc::clone(shared), roles);
                handler.route_layer(middleware::from_fn_with_state(state, gate::guard))
            }
        };
        router = router.route(path, handler);
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        // The gate has received the body, as far as it was allowed to.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(
            Arc::clone(shared),
            gate::observe,
        ))
        .with_state(Arc::clone(shared))
}

async fn submit(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Reply {
    let is_large = body.len() > LARGE_BODY;
    let parse = move || read_proof(&body);
    let proof = if is_large {
        let parsed = tokio::task::spawn_blocking(parse).await;
        parsed.map_err(|e| Error::Task(e.to_string()))??
    } else {
        parse()?
    };
    let submitted = shared.engine.submit(&proof, &caller.name).await?;
    let status = match &submitted {
        Submitted::Existing(_) => StatusCode::OK,
        Submitted::Created(_) | Submitted::Reopened(_) => {
            shared.wake.notify_one();
            StatusCode::ACCEPTED
        }
    };
    let job = submitted.job();
    let may_see = may_see(&shared, &caller, job.key.id).await?;
    let answer = if may_see {
        as_json(JobView::brief(job))
    } else {
        as_json(OthersJobView::of(job))
    };
    Ok((status, answer?))
}

/// A submitter sees the jobs that it has handed a proof in for.
async fn may_see(shared: &Shared, caller: &Caller, id: B256) -> Result<bool, ApiError> {
    if caller.may(Role::Admin) {
        return Ok(true);
    }
    let proofs = shared.engine.store().payloads(id).await?;
    Ok(proofs.iter().any(|proof| proof.submitter == caller.name))
}

async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Reply {
    let id = parse_id(&id)?;
    let store = shared.engine.store();
    let job = store.job(id).await?.ok_or(Error::NoSuchJob(id))?;
    if !may_see(&shared, &caller, id).await? {
        return Err(Error::NoSuchJob(id).into());
    }
    Ok((StatusCode::OK, as_json(JobView::full(store, &job).await?)?))
}

async fn cancel(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Reply {
    let id = parse_id(&id)?;
    let outcome = shared.engine.cancel(id).await?;
    ended(&shared, id, outcome).await
}

/// A submitter takes back what it has handed in; other submitters' proofs of the job stay.
async fn withdraw(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Reply {
    let id = parse_id(&id)?;
    let outcome = shared.engine.withdraw(id, &caller.name).await?;
    ended(&shared, id, outcome).await
}

async fn ended(shared: &Shared, id: B256, outcome: Cancellation) -> Reply {
    let status = match outcome {
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

async fn pause(State(shared): State<Arc<Shared>>, body: Bytes) -> Reply {
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
    let text = shared.metrics.render(&shared, last_tick).await?;
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response())
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Value>) {
    let answer = shared.readiness.answer(&shared).await;
    let status = if answer.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(answer.body))
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
