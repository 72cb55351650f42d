//! Who is let through: hosts and pages, tokens, rates, bodies, places. In this order, so that nothing is spent on a
//! stranger.

use super::config::ServiceConfig;
use super::connections::{Connection, Peer};
use super::error::ApiError;
use super::limits::Limits;
use super::rate::Buckets;
use super::shared::Shared;
use super::shares::{Pace, Shares, Supply};
use super::tokens::{Caller, Role, Tokens};
use crate::error::Error;
use crate::submitter::Submitter;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest that a request may be worked on.
const WORK_LIMIT: Duration = Duration::from_secs(60);

/// Most addresses without a token that are remembered.
const PEERS: usize = 4_096;

/// Largest body of a request for administration.
const ADMIN_BODY: usize = 4 << 10;

/// Longest part of a path that is logged.
const LOGGED_PATH: usize = 200;

/// What lets requests through.
#[derive(Debug)]
pub(super) struct Gate {
    tokens: Tokens,
    hosts: Vec<String>,
    callers: Buckets<Submitter>,
    peers: Buckets<Peer>,
    /// Web pages come from the user's own address, and must not use up what that may ask.
    pages: Buckets<Peer>,
    submissions: Arc<Shares>,
    administration: Arc<Shares>,
    pace: Pace,
}

impl Gate {
    pub(super) fn new(config: &ServiceConfig) -> Self {
        let limits: &Limits = &config.limits;
        let supply = |requests, memory, body, callers| {
            Arc::new(Shares::new(Supply {
                requests,
                memory,
                body,
                callers,
            }))
        };
        let admin = limits.admin_requests.max(1);
        Self {
            tokens: config.tokens.clone(),
            hosts: config.hosts.iter().map(|h| h.to_lowercase()).collect(),
            callers: Buckets::new(limits.caller_rate, usize::MAX),
            peers: Buckets::new(limits.peer_rate, PEERS),
            pages: Buckets::new(limits.peer_rate, PEERS),
            submissions: supply(
                limits.requests.max(1),
                limits.body_memory.max(limits.body_bytes),
                limits.body_bytes,
                config.tokens.submitters(),
            ),
            administration: supply(admin, admin * ADMIN_BODY, ADMIN_BODY, 1),
            pace: Pace {
                limit: limits.body_time,
                grace: limits.header_time,
                rate: limits.body_rate,
            },
        }
    }

    /// Bytes that all bodies take.
    pub(super) fn body_memory(&self) -> u64 {
        self.submissions.memory() + self.administration.memory()
    }

    /// Refuses what comes by way of a web page: another site's request, or a name that leads here by DNS alone.
    fn check_page(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let of_page = headers.contains_key(header::ORIGIN)
            || headers
                .get_all("sec-fetch-site")
                .iter()
                .any(|site| site != "none" && site != "same-origin");
        if of_page {
            let why = "requests of web pages are refused";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "cross_origin", why));
        }
        let hosts = headers.get_all(header::HOST);
        let mut hosts = hosts.iter().map(HeaderValue::to_str);
        let (Some(Ok(host)), None) = (hosts.next(), hosts.next()) else {
            let why = "a request has one Host header";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_host", why));
        };
        let absolute = uri.authority().map(|a| a.as_str());
        if !self.is_ours(host) || !absolute.is_none_or(|a| self.is_ours(a)) {
            let why = "the service does not have this name; `--allow-host NAME` gives it one";
            let status = StatusCode::MISDIRECTED_REQUEST;
            return Err(ApiError::new(status, "wrong_host", why));
        }
        Ok(())
    }

    /// Whether a `Host` is ours. Addresses always are: what a page can get at by an address is that address's own.
    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(v6) => v6.split_once(']').map_or(v6, |(v6, _)| v6),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_lowercase();
        name == "localhost" || name.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }

    fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        let token = match (shown.next(), shown.next()) {
            (None, _) => None,
            (Some(one), None) => one.to_str().ok()?.strip_prefix("Bearer "),
            (Some(_), Some(_)) => return None,
        };
        self.tokens.caller(token)
    }

    fn count_peer(&self, peer: Peer) -> Result<(), ApiError> {
        let taken = self.peers.take(&peer, Instant::now());
        taken.map_err(ApiError::too_often)
    }

    fn count_page(&self, peer: Peer) -> Result<(), ApiError> {
        let taken = self.pages.take(&peer, Instant::now());
        taken.map_err(ApiError::too_often)
    }
}

/// What a route asks of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing: it costs nothing.
    Free,
    /// No token; counted by address.
    Open,
    /// A token of one of these roles.
    Any(&'static [Role]),
}

/// The request has been counted, for its caller or for its address.
#[derive(Debug, Clone)]
struct Counted;

/// Around all requests: refuses those of web pages, counts strangers, logs and counts. Bodies, headers and queries are
/// not logged.
pub(super) async fn observe(
    State(shared): State<Arc<Shared>>,
    axum::Extension(connection): axum::Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    let _in_hand = connection.begin();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    };
    let path: String = request.uri().path().chars().take(LOGGED_PATH).collect();
    let begin = Instant::now();
    let gate = &shared.gate;
    let page = gate.check_page(request.uri(), request.headers());
    let is_page = page.is_err();
    let mut response = match page {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    // Those who showed a token are counted by it, and open routes have counted already.
    let known = response.extensions().get::<Counted>().is_some();
    let counted = if is_page {
        gate.count_page(connection.peer)
    } else if !known && response.status().is_client_error() {
        gate.count_peer(connection.peer)
    } else {
        Ok(())
    };
    if let Err(refusal) = counted {
        response = refusal.into_response();
    }
    if response.status() == StatusCode::TOO_MANY_REQUESTS && !known {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    let status = response.status().as_u16();
    shared.metrics.count_request(method, status);
    let ms = begin.elapsed().as_millis();
    tracing::debug!(method, path, status, ms, "request");
    response
}

/// Before routes that want no token.
pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    axum::Extension(connection): axum::Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    shared.gate.count_peer(connection.peer)?;
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Counted);
    Ok(response)
}

/// Before routes that want a token of one of these roles: token, rate, kind of body, body, a place to work.
pub(super) async fn guard(
    State((shared, roles)): State<(Arc<Shared>, &'static [Role])>,
    axum::Extension(connection): axum::Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let gate = &shared.gate;
    let Some(caller) = gate.caller(request.headers()) else {
        let why = "a valid bearer token is needed";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", why));
    };
    connection.trust();
    let mut response = match admitted(gate, &caller, roles, request, next).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    response.extensions_mut().insert(Counted);
    Ok(response)
}

async fn admitted(
    gate: &Gate,
    caller: &Caller,
    roles: &[Role],
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let taken = gate.callers.take(&caller.name, Instant::now());
    taken.map_err(ApiError::too_often)?;
    if !roles.iter().any(|role| caller.may(*role)) {
        return Err(ApiError::wrong_role(roles));
    }
    let as_admin = !roles.contains(&Role::Submit) || caller.role == Some(Role::Admin);
    let shares = if as_admin {
        &gate.administration
    } else {
        &gate.submissions
    };
    let (mut parts, body) = request.into_parts();
    let (body, memory) = if parts.method == Method::POST {
        check_kind(&parts.headers)?;
        let received = shares.receive(&caller.name, body, gate.pace).await?;
        let (bytes, memory) = received.into_parts();
        (Body::from(bytes), Some(memory))
    } else {
        (Body::empty(), None)
    };
    let place = shares.begin(&caller.name)?;
    parts.extensions.insert(caller.clone());
    let work = next.run(Request::from_parts(parts, body));
    // A task of its own: it holds memory and place until the work has ended, though the client may have gone away before.
    let work = tokio::spawn(async move {
        let _held = (memory, place);
        work.await
    });
    match tokio::time::timeout(WORK_LIMIT, work).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(e)) => Err(Error::Task(e.to_string()).into()),
        Err(_) => Err(ApiError::busy("timeout", "the request took too long")),
    }
}

/// A page can send other kinds without asking first.
fn check_kind(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = match (kinds.next(), kinds.next()) {
        (Some(one), None) => one.to_str().unwrap_or_default(),
        _ => "",
    };
    let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind);
    if kind.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let why = "a POST has the header Content-Type: application/json";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(ApiError::new(status, "no_json", why))
}
