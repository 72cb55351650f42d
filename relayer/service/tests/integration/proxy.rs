//! A JSON-RPC proxy that a test puts between relayer and node, and that misbehaves on demand.

use alloy::primitives::{B256, keccak256};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// What the proxy does with a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Forwards the request and cuts the reply short: the sender cannot know what happened.
    LoseReply,
    /// Does not forward the request.
    Swallow,
    /// Does not forward the request, and never answers.
    Hold,
    /// Forwards the request, and never answers.
    ForwardAndHold,
    /// Answers with that JSON as the result, without forwarding.
    Answer(&'static str),
    /// Answers with that HTTP status, without forwarding.
    Status(u16),
    /// Closes the connection without an answer, and without forwarding.
    Reset,
    /// Answers with a JSON-RPC error of that message, without forwarding.
    Refuse(&'static str),
    /// Forwards the request, and puts the fields of that JSON object into the result, if there is one.
    Amend(&'static str),
}

#[derive(Debug)]
struct Injected {
    method: &'static str,
    fault: Fault,
    /// Requests that pass before it strikes.
    skip: usize,
    /// How often it strikes.
    times: usize,
}

#[derive(Debug)]
struct Shared {
    node: Mutex<String>,
    http: reqwest::Client,
    faults: Mutex<Vec<Injected>>,
    /// Requests that are held.
    held: watch::Sender<usize>,
    seen: Mutex<Vec<String>>,
    broadcast: Mutex<Vec<B256>>,
    /// The node seems to be at this block still.
    lag: Mutex<Option<u64>>,
    /// Before each request is passed on.
    delay: Mutex<Duration>,
}

/// A running proxy.
#[derive(Debug, Clone)]
pub struct Proxy {
    pub url: String,
    shared: Arc<Shared>,
}

impl Proxy {
    pub async fn start(node: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let shared = Arc::new(Shared {
            node: Mutex::new(node.to_owned()),
            http: reqwest::Client::new(),
            faults: Mutex::default(),
            held: watch::Sender::new(0),
            seen: Mutex::default(),
            broadcast: Mutex::default(),
            lag: Mutex::default(),
            delay: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/", post(handle))
            .with_state(Arc::clone(&shared))
            .layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// Lets `fault` strike the next `times` requests of `method`.
    pub fn inject(&self, method: &'static str, fault: Fault, times: usize) {
        self.inject_after(0, method, fault, times);
    }

    /// The same, after `skip` requests that pass.
    pub fn inject_after(&self, skip: usize, method: &'static str, fault: Fault, times: usize) {
        self.shared.faults.lock().unwrap().push(Injected {
            method,
            fault,
            skip,
            times,
        });
    }

    /// Waits until a request is held.
    pub async fn held(&self) {
        let mut held = self.shared.held.subscribe();
        let wait = held.wait_for(|count| *count > 0);
        let limit = Duration::from_secs(30);
        tokio::time::timeout(limit, wait)
            .await
            .expect("a request comes that is held")
            .unwrap();
    }

    pub fn clear(&self) {
        self.shared.faults.lock().unwrap().clear();
        self.shared.held.send_replace(0);
    }

    /// Leads to another node from now on.
    pub fn redirect(&self, node: &str) {
        node.clone_into(&mut self.shared.node.lock().unwrap());
    }

    /// Makes the node look as if it were at that block still; `None` ends it.
    pub fn lag(&self, block: Option<u64>) {
        *self.shared.lag.lock().unwrap() = block;
    }

    /// Makes each request take that much longer.
    pub fn delay(&self, by: Duration) {
        *self.shared.delay.lock().unwrap() = by;
    }

    /// Hashes of all transactions that were handed in, whatever became of them.
    pub fn broadcast(&self) -> Vec<B256> {
        self.shared.broadcast.lock().unwrap().clone()
    }

    pub fn forget_broadcasts(&self) {
        self.shared.broadcast.lock().unwrap().clear();
    }

    /// How often it was asked for anything.
    pub fn calls(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    /// How often a method was asked for.
    pub fn count(&self, method: &str) -> usize {
        self.shared
            .seen
            .lock()
            .unwrap()
            .iter()
            .filter(|m| *m == method)
            .count()
    }
}

async fn handle(State(shared): State<Arc<Shared>>, body: Bytes) -> (StatusCode, Vec<u8>) {
    let mut request: Value = serde_json::from_slice(&body).unwrap();
    let method = request["method"].as_str().unwrap().to_owned();
    shared.seen.lock().unwrap().push(method.clone());
    if method == "eth_sendRawTransaction" {
        let raw = alloy::hex::decode(request["params"][0].as_str().unwrap()).unwrap();
        shared.broadcast.lock().unwrap().push(keccak256(raw));
    }
    let fault = {
        let mut faults = shared.faults.lock().unwrap();
        let waiting = faults
            .iter_mut()
            .find(|i| i.method == method && i.times > 0);
        waiting.and_then(|i| {
            if i.skip > 0 {
                i.skip -= 1;
                return None;
            }
            i.times -= 1;
            Some(i.fault)
        })
    };
    match fault {
        Some(Fault::Hold) => {
            shared.held.send_modify(|count| *count += 1);
            return std::future::pending().await;
        }
        Some(Fault::Answer(result)) => {
            let result: Value = serde_json::from_str(result).unwrap();
            let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
            return (StatusCode::OK, reply.to_string().into_bytes());
        }
        Some(Fault::Swallow) => return (StatusCode::SERVICE_UNAVAILABLE, Vec::new()),
        // The server closes the connection of a handler that ends like this.
        Some(Fault::Reset) => std::panic::resume_unwind(Box::new("reset")),
        Some(Fault::Status(code)) => return (StatusCode::from_u16(code).unwrap(), Vec::new()),
        Some(Fault::Refuse(message)) => {
            let error = json!({ "code": -32000, "message": message });
            let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "error": error });
            return (StatusCode::OK, reply.to_string().into_bytes());
        }
        _ => {}
    }
    let delay = *shared.delay.lock().unwrap();
    tokio::time::sleep(delay).await;
    let lag = *shared.lag.lock().unwrap();
    if let Some(block) = lag {
        if method == "eth_getTransactionReceipt" {
            let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": null });
            return (StatusCode::OK, reply.to_string().into_bytes());
        }
        let tag = match method.as_str() {
            "eth_getBlockByNumber" => Some(0),
            "eth_getTransactionCount" => Some(1),
            _ => None,
        };
        if let Some(tag) = tag
            && matches!(request["params"][tag].as_str(), Some("latest" | "pending"))
        {
            request["params"][tag] = format!("{block:#x}").into();
        }
    }
    let node = shared.node.lock().unwrap().clone();
    let sent = shared
        .http
        .post(node)
        .header("content-type", "application/json")
        .body(request.to_string())
        .send()
        .await;
    let Ok(reply) = sent else {
        std::panic::resume_unwind(Box::new("no node"));
    };
    let mut bytes = reply.bytes().await.unwrap().to_vec();
    if fault == Some(Fault::ForwardAndHold) {
        shared.held.send_modify(|count| *count += 1);
        return std::future::pending().await;
    }
    if let Some(Fault::Amend(fields)) = fault {
        let mut reply: Value = serde_json::from_slice(&bytes).unwrap();
        let fields: Value = serde_json::from_str(fields).unwrap();
        if let Some(result) = reply["result"].as_object_mut() {
            result.extend(fields.as_object().unwrap().clone());
        }
        bytes = reply.to_string().into_bytes();
    }
    if fault == Some(Fault::LoseReply) {
        bytes.truncate(bytes.len() / 2);
    }
    (StatusCode::OK, bytes)
}
