//! A key in Google Cloud's Key Management Service.
//!
//! The key version has the algorithm `EC_SIGN_SECP256K1_SHA256` (protection level HSM); the caller needs
//! `roles/cloudkms.signerVerifier` and `roles/cloudkms.publicKeyViewer` on it. alloy's own signer for this service
//! would bring a second TLS library along.

use super::config::GcpKey;
use super::signing::{SignerKind, Wallet, causes, unwrapped};
use crate::error::{Error, Result};
use alloy::consensus::SignableTransaction;
use alloy::network::TxSigner;
use alloy::primitives::{Address, B256, Signature};
use alloy::signers::utils::public_key_to_address;
use async_trait::async_trait;
use gcloud_sdk::error::ErrorKind;
use gcloud_sdk::google::cloud::kms::v1 as kms;
use gcloud_sdk::tonic::{Code, Request, Status, metadata::MetadataValue};
use gcloud_sdk::{GoogleApi, GoogleAuthMiddleware};
use k256::ecdsa::{Signature as Ecdsa, VerifyingKey};
use k256::pkcs8::DecodePublicKey;
use kms::crypto_key_version::CryptoKeyVersionAlgorithm as Algorithm;
use kms::key_management_service_client::KeyManagementServiceClient;
use std::error::Error as StdError;
use std::time::Duration;

const NAME: &str = "Google Cloud KMS";

const ENDPOINT: &str = "https://cloudkms.googleapis.com";

/// For everything but the first connection, which counts with the first question.
const LIMIT: Duration = Duration::from_secs(10);

const WRONG_KEY: &str = "the key version must be of the algorithm EC_SIGN_SECP256K1_SHA256 (purpose ASYMMETRIC_SIGN, level HSM)";

/// The service's client, with the credentials that it adds to each request.
pub type Client = GoogleApi<KeyManagementServiceClient<GoogleAuthMiddleware>>;

/// Connects to the service with the Application Default Credentials.
///
/// # Errors
/// [`Error::Wallet`] without usable credentials, [`Error::Signer`] when the service cannot be reached.
pub async fn connect() -> Result<Client> {
    // Signs the requests for tokens, too. One that is installed already will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let connecting = Client::from_function(KeyManagementServiceClient::new, ENDPOINT, None);
    in_time(connecting).await?.map_err(|e| explain_client(&e))
}

/// Asks for the public key, and opens a wallet that signs with the private one.
///
/// # Errors
/// As [`super::WalletConfig::open`].
pub async fn open(client: Client, key: &GcpKey) -> Result<Wallet> {
    let GcpKey {
        project,
        location,
        key_ring,
        key_name,
        key_version,
    } = key;
    let name = format!(
        "projects/{project}/locations/{location}/keyRings/{key_ring}/cryptoKeys/{key_name}/cryptoKeyVersions/{key_version}"
    );
    let question = kms::GetPublicKeyRequest {
        name: name.clone(),
        ..Default::default()
    };
    let mut api = client.get();
    let asking = api.get_public_key(routed(&name, question)?);
    let answer = in_time(asking).await?.map_err(|e| explain_status(&e))?;
    let answer = answer.into_inner();
    if answer.algorithm != Algorithm::EcSignSecp256k1Sha256 as i32 {
        let algorithm = Algorithm::try_from(answer.algorithm)
            .map_or("unknown", |algorithm| algorithm.as_str_name());
        return Err(lasting(format_args!(
            "the key version is of the algorithm {algorithm}; {WRONG_KEY}"
        )));
    }
    let key = VerifyingKey::from_public_key_pem(&answer.pem)
        .map_err(|_| lasting(format_args!("the public key is malformed; {WRONG_KEY}")))?;
    let signer = Signer {
        client,
        name,
        address: public_key_to_address(&key),
        key,
    };
    let kind = SignerKind {
        name: NAME,
        limit: LIMIT,
        explain: explain_signing,
    };
    Ok(Wallet::new(signer, kind))
}

struct Signer {
    client: Client,
    /// Full name of the key version.
    name: String,
    key: VerifyingKey,
    address: Address,
}

#[async_trait]
impl TxSigner<Signature> for Signer {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign_transaction(
        &self,
        tx: &mut dyn SignableTransaction<Signature>,
    ) -> alloy::signers::Result<Signature> {
        let hash = tx.signature_hash();
        self.sign(hash).await.map_err(alloy::signers::Error::other)
    }
}

impl Signer {
    async fn sign(&self, hash: B256) -> Result<Signature> {
        // The service takes 32 bytes, by whichever function they were made.
        let digest = kms::digest::Digest::Sha256(hash.to_vec());
        let question = kms::AsymmetricSignRequest {
            name: self.name.clone(),
            digest: Some(kms::Digest {
                digest: Some(digest),
            }),
            ..Default::default()
        };
        let mut api = self.client.get();
        let answer = api.asymmetric_sign(routed(&self.name, question)?).await;
        let answer = answer.map_err(|e| explain_status(&e))?.into_inner();
        let signature = Ecdsa::from_der(&answer.signature)
            .map_err(|_| lasting("what came back is not a signature"))?;
        // Ethereum takes the lower of the two values of s that are valid; the service gives either.
        let signature = signature.normalize_s().unwrap_or(signature);
        [false, true]
            .map(|parity| Signature::from_signature_and_parity(signature, parity))
            .into_iter()
            .find(|s| s.recover_from_prehash(&hash).is_ok_and(|k| k == self.key))
            .ok_or_else(|| {
                lasting("the signature is not of the key that the wallet was opened with")
            })
    }
}

/// A request with the header by which the service finds the key's location.
fn routed<T>(name: &str, message: T) -> Result<Request<T>> {
    let value = MetadataValue::try_from(format!("name={name}"))
        .map_err(|_| lasting("the key's name is malformed"))?;
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("x-goog-request-params", value);
    Ok(request)
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T> {
    let done = tokio::time::timeout(LIMIT, work).await;
    done.map_err(|_| passing(format!("no answer within {} s", LIMIT.as_secs())))
}

fn passing(reason: String) -> Error {
    Error::Signer { name: NAME, reason }
}

fn lasting(reason: impl std::fmt::Display) -> Error {
    Error::Wallet(format!("{NAME}: {reason}"))
}

fn explain_signing(error: alloy::signers::Error) -> Error {
    unwrapped(error).map_or_else(lasting, |e| *e)
}

fn explain_status(status: &Status) -> Error {
    // A request that got no token never left.
    let mut cause = status.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<Box<gcloud_sdk::error::Error>>() {
            return explain_client(error);
        }
        cause = error.source();
    }
    let told = format!("{:?} ({})", status.code(), status.message());
    match status.code() {
        Code::PermissionDenied => lasting(format_args!(
            "{told}; the caller needs roles/cloudkms.signerVerifier and roles/cloudkms.publicKeyViewer on the key"
        )),
        Code::Unauthenticated => lasting(format_args!("{told}; {}", credentials())),
        Code::NotFound => lasting(format_args!(
            "{told}; check GCP_PROJECT_ID, GCP_LOCATION, GCP_KEY_RING, GCP_KEY_NAME and GCP_KEY_VERSION"
        )),
        Code::FailedPrecondition => lasting(format_args!("{told}; enable the key version")),
        Code::InvalidArgument => lasting(format_args!("{told}; {WRONG_KEY}")),
        Code::OutOfRange | Code::Unimplemented | Code::AlreadyExists => lasting(told),
        _ => passing(told),
    }
}

fn explain_client(error: &gcloud_sdk::error::Error) -> Error {
    match error.kind() {
        ErrorKind::Credentials(e) if e.is_transient() => passing(causes(e)),
        ErrorKind::GrpcStatus(e) => passing(causes(e)),
        ErrorKind::Http(_) | ErrorKind::HttpStatus(_) => passing(error.to_string()),
        _ => lasting(format_args!("{error}; {}", credentials())),
    }
}

fn credentials() -> &'static str {
    "check the Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default \
     login`, or a service account of the machine"
}
