//! An AWS KMS with one key: the JSON protocol over plain HTTP.

use super::key::{Fault, ServiceKey};
use aws_sdk_kms::config::{Credentials, Region};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use chainfer_chain::wallet::aws;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

pub const KEY_ID: &str = "alias/relayer";

const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Credentials of the fake service; real ones are never read.
pub const ACCESS_KEY: &str = "AKIDFORTESTSONLY";
pub const SECRET_KEY: &str = "secret-access-key-for-tests-only";
pub const SESSION_TOKEN: &str = "session-token-for-tests-only";

pub struct FakeAws {
    pub key: ServiceKey,
    pub url: String,
    /// What it shows instead of its public key.
    public_key: Mutex<Option<Vec<u8>>>,
}

impl FakeAws {
    pub async fn start(account: usize) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Arc::new(Self {
            key: ServiceKey::of(account),
            url: format!("http://{}", listener.local_addr().unwrap()),
            public_key: Mutex::default(),
        });
        let state = Arc::clone(&service);
        let router = Router::new().route("/", post(answer)).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    /// AWS's settings with this service and dummy credentials.
    pub fn loader(&self) -> aws_config::ConfigLoader {
        let token = Some(SESSION_TOKEN.to_owned());
        aws::loader()
            .endpoint_url(&self.url)
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new(
                ACCESS_KEY, SECRET_KEY, token, None, "test",
            ))
    }

    pub fn show_public_key(&self, der: Vec<u8>) {
        *self.public_key.lock().unwrap() = Some(der);
    }
}

async fn answer(State(service): State<Arc<FakeAws>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap();
    let question = header("x-amz-target")
        .strip_prefix("TrentService.")
        .unwrap();
    let fault = service.key.next(question);
    let signed = header("authorization").contains(&format!("Credential={ACCESS_KEY}/"));
    if !signed || header("x-amz-security-token") != SESSION_TOKEN {
        return refuse(400, "UnrecognizedClientException");
    }
    match fault {
        Some(Fault::Refuse(status, kind)) => return refuse(status, kind),
        Some(Fault::Hang) => std::future::pending().await,
        _ => {}
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    if asked["KeyId"] != KEY_ID {
        return refuse(400, "NotFoundException");
    }
    match question {
        "GetPublicKey" => {
            let shown = service.public_key.lock().unwrap().clone();
            reply(&json!({
                "KeyId": ARN,
                "KeySpec": "ECC_SECG_P256K1",
                "KeyUsage": "SIGN_VERIFY",
                "PublicKey": BASE64.encode(shown.unwrap_or_else(|| service.key.spki())),
                "SigningAlgorithms": ["ECDSA_SHA_256"],
            }))
        }
        "Sign" => {
            assert_eq!(asked["MessageType"], "DIGEST");
            assert_eq!(asked["SigningAlgorithm"], "ECDSA_SHA_256");
            let digest = BASE64.decode(asked["Message"].as_str().unwrap()).unwrap();
            let signature = service.key.sign(&digest, fault.as_ref());
            reply(&json!({
                "KeyId": ARN,
                "Signature": BASE64.encode(signature),
                "SigningAlgorithm": "ECDSA_SHA_256",
            }))
        }
        other => panic!("{other}"),
    }
}

fn reply(body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    (kind, body.to_string()).into_response()
}

fn refuse(status: u16, kind: &str) -> Response {
    let body = json!({ "__type": kind, "message": "said by the fake" });
    (StatusCode::from_u16(status).unwrap(), reply(&body)).into_response()
}
