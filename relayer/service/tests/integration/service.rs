//! The HTTP service.

use crate::proxy::{Fault, Proxy};
use crate::relayer::{ADMIN_TOKEN, TOKEN};
use crate::world::{World, client};
use chainfer_relayer::Submitter;
use chainfer_relayer::service::{Role, Service, ServiceConfig, Tokens};
use chainfer_relayer::store::Location;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct Running {
    pub url: String,
    pub http: reqwest::Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<chainfer_relayer::Result<()>>,
}

impl Running {
    pub async fn start(config: ServiceConfig) -> Self {
        let service = Service::bind(config).await.unwrap();
        let url = format!("http://{}", service.address());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(service.run(async move {
            let _ = stopped.await;
        }));
        Self {
            url,
            http: json_client(),
            stop,
            task,
        }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.http.get(format!("{}{path}", self.url))).await
    }

    pub async fn post(&self, body: impl Into<reqwest::Body>) -> (u16, Value) {
        answer(self.http.post(format!("{}/v1/proofs", self.url)).body(body)).await
    }

    /// Waits until a job is in that state. Confirmed is one that is finalized, too: EDR calls every block final.
    pub async fn until(&self, id: &str, state: &str) -> Value {
        for _ in 0..300 {
            let (_, job) = self.get(&format!("/v1/proofs/{id}")).await;
            if job["state"] == state || (state == "confirmed" && job["state"] == "finalized") {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "never {state}: {:#}",
            self.get(&format!("/v1/proofs/{id}")).await.1
        );
    }
}

pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let reply = request.send().await.unwrap();
    let status = reply.status().as_u16();
    (
        status,
        serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap(),
    )
}

/// A client whose bodies are JSON.
pub fn json_client() -> reqwest::Client {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let client = reqwest::Client::builder().default_headers(headers);
    client.build().unwrap()
}

/// A token for submitting, and one for administration.
pub fn tokens() -> Tokens {
    let mut tokens = Tokens::default();
    tokens
        .add(Submitter::shared(), Role::Submit, &TOKEN.into())
        .unwrap();
    tokens
        .add(Submitter::admin(), Role::Admin, &ADMIN_TOKEN.into())
        .unwrap();
    tokens
}

pub fn config(url: &str, state: Option<Location>) -> ServiceConfig {
    let mut config = ServiceConfig::new(client(url, 1, state));
    config.listen = "127.0.0.1:0".parse().unwrap();
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn submitted_proof_is_attested_and_shown() {
    let world = World::new().await;
    let service = Running::start(config(&world.anvil.url, None)).await;
    let body = serde_json::to_string(&world.proof(1)).unwrap();
    let (status, job) = service.post(body.clone()).await;
    assert_eq!(status, 202, "{job}");
    let id = job["id"].as_str().unwrap().to_owned();
    let job = service.until(&id, "confirmed").await;
    assert_eq!(job["transactions"].as_array().unwrap().len(), 1);
    assert_eq!(job["total_gas"], job["transactions"][0]["gas_used"]);
    assert_eq!(job["log"][0]["to"], "queued");
    let (status, again) = service.post(body).await;
    assert_eq!((status, &again["id"]), (200, &job["id"]));
    let (_, list) = service.get("/v1/proofs?state=confirmed").await;
    assert_eq!(list["proofs"].as_array().unwrap().len(), 1);
    assert_eq!(
        service.get("/v1/proofs?state=failed").await.1["proofs"],
        json!([])
    );
    assert_eq!(service.get("/health").await.0, 200);
    assert_eq!(
        service.get("/ready").await,
        (200, service.get("/ready").await.1)
    );
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_resumes_what_was_accepted() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject("eth_sendRawTransaction", Fault::Swallow, usize::MAX);
    let service = Running::start(config(&proxy.url, Some(state.clone().into()))).await;
    let (_, job) = service
        .post(serde_json::to_string(&world.proof(1)).unwrap())
        .await;
    let id = job["id"].as_str().unwrap().to_owned();
    service.until(&id, "submitting").await;
    service.stop().await;

    let service = Running::start(config(&world.anvil.url, Some(state.clone().into()))).await;
    service.until(&id, "confirmed").await;
    service.stop().await;
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_json_errors_that_name_the_fault() {
    let world = World::new().await;
    let mut config = config(&world.anvil.url, None);
    config.limits.body_bytes = 64 << 10;
    let service = Running::start(config).await;
    let code = |v: &Value| v["error"]["code"].as_str().unwrap().to_owned();
    let message = |v: &Value| v["error"]["message"].as_str().unwrap().to_owned();

    let (status, e) = service.post("garbage").await;
    assert_eq!((status, code(&e).as_str()), (400, "bad_proof"));
    let (status, e) = service.post(vec![0xff; 100]).await;
    assert_eq!((status, code(&e).as_str()), (400, "bad_proof"));
    let mut proof = serde_json::to_value(world.proof(1)).unwrap();
    proof["chunks"][1]["public_values"][0] = "0x12".into();
    let (status, e) = service.post(proof.to_string()).await;
    assert_eq!(status, 400);
    assert!(message(&e).contains("chunks[1].public_values[0]"), "{e}");
    let mut proof = serde_json::to_value(world.proof(1)).unwrap();
    proof["binding"] = Value::Null;
    let (status, e) = service.post(proof.to_string()).await;
    assert_eq!((status, code(&e).as_str()), (422, "mismatch"));
    let (status, e) = service.post(" ".repeat(65 << 10)).await;
    assert_eq!((status, code(&e).as_str()), (413, "too_large"));

    assert_eq!(service.get("/v1/proofs/zzz").await.0, 400);
    assert_eq!(
        service
            .get(&format!("/v1/proofs/0x{}", "00".repeat(32)))
            .await
            .0,
        404
    );
    assert_eq!(service.get("/v1/proofs?state=nonsense").await.0, 400);
    assert_eq!(service.get("/nowhere").await.0, 404);
    let url = format!("{}/v1/proofs", service.url);
    assert_eq!(answer(service.http.delete(url)).await.0, 405);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn token_guards_proofs_but_not_health() {
    let world = World::new().await;
    let mut config = config(&world.anvil.url, None);
    config.tokens = tokens();
    let service = Running::start(config).await;
    let body = serde_json::to_string(&world.proof(1)).unwrap();
    let url = format!("{}/v1/proofs", service.url);
    let basic = format!("Basic {TOKEN}");
    let half = format!("Bearer {}", &TOKEN[..16]);
    for token in ["", "Bearer", "Bearer wrong", TOKEN, &basic, &half] {
        let request = service
            .http
            .post(&url)
            .header("authorization", token)
            .body(body.clone());
        assert_eq!(answer(request).await.0, 401, "{token}");
    }
    assert_eq!(service.get("/v1/proofs").await.0, 401);
    assert_eq!(service.get("/health").await.0, 200);
    let request = service.http.post(&url).bearer_auth(TOKEN).body(body);
    assert_eq!(answer(request).await.0, 202);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_node_is_not_ready_but_healthy() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.anvil.url).await;
    let service = Running::start(config(&proxy.url, None)).await;
    proxy.inject("eth_chainId", Fault::Status(503), usize::MAX);
    let (status, ready) = service.get("/ready").await;
    assert_eq!((status, &ready["node"]), (503, &json!(false)));
    assert_eq!(service.get("/health").await.0, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_queue_pushes_back() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.anvil.url).await;
    proxy.inject("eth_call", Fault::Status(503), usize::MAX);
    let mut config = config(&proxy.url, None);
    config.client.engine.queue_limit = 2;
    let service = Running::start(config).await;
    for (nonce, expected) in [(1, 202), (2, 202), (3, 429), (2, 200)] {
        let (status, reply) = service
            .post(serde_json::to_string(&world.proof(nonce)).unwrap())
            .await;
        assert_eq!(status, expected, "{reply}");
    }
    service.stop().await;
}
