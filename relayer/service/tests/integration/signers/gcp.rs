//! A wallet in Google Cloud KMS.

use super::fake_gcp::{FakeGcp, NAME, TOKEN, Token};
use super::key::Fault;
use super::{decoded, transaction};
use chainfer_chain::Error;
use chainfer_chain::wallet::{GcpKey, Wallet, gcp};
use gcloud_sdk::google::cloud::kms::v1::crypto_key_version::CryptoKeyVersionAlgorithm as Algorithm;
use gcloud_sdk::tonic::Code;
use std::io::Write;
use std::sync::{Arc, Mutex, mpsc};

fn key() -> GcpKey {
    GcpKey {
        project: "project-1".to_owned(),
        location: "europe-west1".to_owned(),
        key_ring: "ring".to_owned(),
        key_name: "relayer".to_owned(),
        key_version: 2,
    }
}

fn refusal(code: Code) -> Fault {
    Fault::Refuse(code as u16, "")
}

async fn opened() -> (Arc<FakeGcp>, Wallet) {
    let service = FakeGcp::start(1).await;
    let client = service.client(Token::Good).await;
    let wallet = gcp::open(client, &key()).await.unwrap();
    (service, wallet)
}

/// What opening a wallet says.
async fn refused(service: &FakeGcp, token: Token) -> Error {
    let client = service.client(token).await;
    gcp::open(client, &key()).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn gcp_key_is_an_account_and_signs_for_it() {
    let (service, wallet) = opened().await;
    assert_eq!(wallet.address(), service.key.address());
    let signed = wallet.sign(transaction(3)).await.unwrap();
    assert_eq!(decoded(&signed), (wallet.address(), transaction(3)));
    assert_eq!(service.key.asked("AsymmetricSign"), 1);
    let shown = format!("{wallet:?}");
    assert!(!shown.contains(TOKEN) && !shown.contains(NAME), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gcp_high_s_is_turned_into_the_low_one() {
    let (service, wallet) = opened().await;
    let low = wallet.sign(transaction(1)).await.unwrap();
    service.key.inject([Fault::HighS]);
    assert_eq!(wallet.sign(transaction(1)).await.unwrap(), low);
}

#[tokio::test(flavor = "multi_thread")]
async fn gcp_failure_that_may_pass_is_transient() {
    let (service, wallet) = opened().await;
    for code in [
        Code::Unavailable,
        Code::ResourceExhausted,
        Code::DeadlineExceeded,
        Code::Internal,
        Code::Aborted,
    ] {
        service.key.inject([refusal(code)]);
        let told = wallet.sign(transaction(1)).await.unwrap_err();
        assert!(told.is_transient(), "{told:?}");
        assert!(told.to_string().contains(&format!("{code:?}")), "{told}");
        assert!(wallet.sign(transaction(1)).await.is_ok());
    }
    let told = refused(&service, Token::Missing { for_now: true }).await;
    assert!(told.is_transient(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gcp_that_hangs_is_given_up_in_time() {
    let (service, wallet) = opened().await;
    service.key.inject([Fault::Hang]);
    let start = std::time::Instant::now();
    let told = wallet.sign(transaction(1)).await.unwrap_err();
    assert!(told.is_transient(), "{told:?}");
    assert!(start.elapsed().as_secs() <= 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn gcp_refusal_is_final_and_names_the_remedy() {
    let service = FakeGcp::start(1).await;
    for (code, remedy) in [
        (Code::PermissionDenied, "roles/cloudkms.signerVerifier"),
        (Code::NotFound, "GCP_KEY_RING"),
        (Code::FailedPrecondition, "enable the key version"),
        (Code::InvalidArgument, "EC_SIGN_SECP256K1_SHA256"),
    ] {
        service.key.inject([refusal(code)]);
        let told = refused(&service, Token::Good).await;
        assert!(matches!(told, Error::Wallet(_)), "{told:?}");
        assert!(!told.is_transient());
        assert!(told.to_string().contains(remedy), "{told}");
    }
    for token in [Token::Unknown, Token::Missing { for_now: false }] {
        let told = refused(&service, token).await;
        assert!(!told.is_transient(), "{told:?}");
        let told = told.to_string();
        assert!(told.contains("GOOGLE_APPLICATION_CREDENTIALS"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gcp_key_of_another_kind_is_refused() {
    let service = FakeGcp::start(1).await;
    for other in [
        Algorithm::EcSignP256Sha256,
        Algorithm::RsaSignPkcs12048Sha256,
    ] {
        *service.algorithm.lock().unwrap() = other;
        let told = refused(&service, Token::Good).await;
        assert!(!told.is_transient());
        let told = told.to_string();
        assert!(told.contains(other.as_str_name()), "{told}");
        assert!(told.contains("EC_SIGN_SECP256K1_SHA256"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gcp_signature_of_another_key_is_refused() {
    let (service, wallet) = opened().await;
    for fault in [Fault::OtherKey, Fault::Nonsense] {
        service.key.inject([fault]);
        let told = wallet.sign(transaction(1)).await.unwrap_err();
        assert!(matches!(told, Error::Wallet(_)), "{told:?}");
    }
    assert!(wallet.sign(transaction(1)).await.is_ok());
}

/// A log that is kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// One thread: the log is only this one's, and the fake, which may log what it gets, has another.
#[tokio::test(flavor = "current_thread")]
async fn gcp_token_is_in_no_log() {
    let (started, service) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            started.send(FakeGcp::start(1).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let service = service.recv().unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _until_the_end = tracing::subscriber::set_default(subscriber);

    let client = service.client(Token::Good).await;
    let wallet = gcp::open(client, &key()).await.unwrap();
    wallet.sign(transaction(1)).await.unwrap();
    service.key.inject([refusal(Code::PermissionDenied)]);
    assert!(wallet.sign(transaction(1)).await.is_err());
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("AsymmetricSign"), "nothing was logged");
    let line = log.lines().find(|line| line.contains(TOKEN));
    assert_eq!(line, None);
}
