//! A Google Cloud KMS with one key: gRPC over HTTP/2 without TLS.

use super::key::{Fault, ServiceKey};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderValue, Response, Uri};
use chainfer_chain::wallet::gcp::Client;
use gcloud_sdk::google::cloud::kms::v1 as kms;
use gcloud_sdk::google_cloud_auth::credentials::{
    CacheableResource, Credentials, CredentialsProvider, EntityTag,
};
use gcloud_sdk::google_cloud_auth::errors::CredentialsError;
use gcloud_sdk::prost::Message;
use gcloud_sdk::tonic::Code;
use http_body_util::{BodyExt, Full};
use k256::elliptic_curve::PublicKey;
use k256::pkcs8::{DecodePublicKey, EncodePublicKey, LineEnding};
use kms::crypto_key_version::CryptoKeyVersionAlgorithm as Algorithm;
use kms::key_management_service_client::KeyManagementServiceClient;
use std::sync::{Arc, Mutex};

pub const TOKEN: &str = "token-for-tests-only";

pub const NAME: &str = "projects/project-1/locations/europe-west1/keyRings/ring/cryptoKeys/relayer/cryptoKeyVersions/2";

pub struct FakeGcp {
    pub key: ServiceKey,
    pub url: String,
    pub algorithm: Mutex<Algorithm>,
}

/// What the client shows as its credentials.
#[derive(Debug)]
pub enum Token {
    Good,
    Unknown,
    /// There is none for now, or none at all.
    Missing {
        for_now: bool,
    },
}

impl CredentialsProvider for Token {
    async fn headers(
        &self,
        _: Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let token = match self {
            Self::Good => TOKEN,
            Self::Unknown => "another",
            Self::Missing { for_now } => {
                return Err(CredentialsError::from_msg(*for_now, "no token"));
            }
        };
        let mut data = HeaderMap::new();
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        data.insert("authorization", value);
        let entity_tag = EntityTag::new();
        Ok(CacheableResource::New { entity_tag, data })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

impl FakeGcp {
    pub async fn start(account: usize) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Arc::new(Self {
            key: ServiceKey::of(account),
            url: format!("http://{}", listener.local_addr().unwrap()),
            algorithm: Mutex::new(Algorithm::EcSignSecp256k1Sha256),
        });
        let state = Arc::clone(&service);
        let router = Router::new().fallback(answer).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    /// The real client, connected to this service.
    pub async fn client(&self, token: Token) -> Client {
        let make = KeyManagementServiceClient::new;
        let credentials = Credentials::from(token);
        let client =
            Client::from_function_with_credentials(make, &self.url, None, credentials).await;
        client.unwrap()
    }
}

async fn answer(
    State(service): State<Arc<FakeGcp>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = "/google.cloud.kms.v1.KeyManagementService/";
    let question = uri.path().strip_prefix(path).unwrap();
    let fault = service.key.next(question);
    if headers["authorization"] != format!("Bearer {TOKEN}") {
        return refuse(Code::Unauthenticated);
    }
    match fault {
        Some(Fault::Refuse(code, _)) => return refuse(Code::from_i32(code.into())),
        Some(Fault::Hang) => std::future::pending().await,
        _ => {}
    }
    assert_eq!(headers["x-goog-request-params"], format!("name={NAME}"));
    // A message is framed by a flag and its length.
    let message = &body[5..];
    match question {
        "GetPublicKey" => {
            let asked = kms::GetPublicKeyRequest::decode(message).unwrap();
            assert_eq!(asked.name, NAME);
            let key = PublicKey::<k256::Secp256k1>::from_public_key_der(&service.key.spki());
            let pem = key.unwrap().to_public_key_pem(LineEnding::LF).unwrap();
            reply(&kms::PublicKey {
                pem,
                algorithm: *service.algorithm.lock().unwrap() as i32,
                name: NAME.to_owned(),
                ..Default::default()
            })
        }
        "AsymmetricSign" => {
            let asked = kms::AsymmetricSignRequest::decode(message).unwrap();
            assert_eq!(asked.name, NAME);
            let Some(kms::digest::Digest::Sha256(digest)) = asked.digest.unwrap().digest else {
                panic!("another digest")
            };
            reply(&kms::AsymmetricSignResponse {
                signature: service.key.sign(&digest, fault.as_ref()),
                name: NAME.to_owned(),
                ..Default::default()
            })
        }
        other => panic!("{other}"),
    }
}

fn reply(message: &impl Message) -> Response<Body> {
    let message = message.encode_to_vec();
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(frame)).with_trailers(async { Some(Ok(trailers)) });
    Response::builder()
        .header("content-type", "application/grpc")
        .body(Body::new(body))
        .unwrap()
}

fn refuse(code: Code) -> Response<Body> {
    Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", code as i32)
        .header("grpc-message", "said by the fake")
        .body(Body::empty())
        .unwrap()
}
