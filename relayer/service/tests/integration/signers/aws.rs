//! A wallet in AWS KMS.

use super::fake_aws::{ACCESS_KEY, FakeAws, KEY_ID, SECRET_KEY, SESSION_TOKEN};
use super::key::Fault;
use super::{decoded, transaction};
use crate::anvil::KEYS;
use crate::cli::serve_that_ends;
use crate::relayer::Relayer;
use crate::world::World;
use chainfer_chain::Error;
use chainfer_chain::wallet::{Wallet, aws};
use std::sync::Arc;

async fn opened() -> (Arc<FakeAws>, Wallet) {
    let service = FakeAws::start(1).await;
    let wallet = aws::open(service.loader(), KEY_ID).await.unwrap();
    (service, wallet)
}

/// What opening a wallet says.
async fn refused(service: &FakeAws, key_id: &str) -> Error {
    aws::open(service.loader(), key_id).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_key_is_an_account_and_signs_for_it() {
    let (service, wallet) = opened().await;
    assert_eq!(wallet.address(), service.key.address());
    let signed = wallet.sign(transaction(3)).await.unwrap();
    assert_eq!(decoded(&signed), (wallet.address(), transaction(3)));
    assert_eq!(alloy::primitives::keccak256(&signed.raw), signed.hash);
    let asked = (service.key.asked("GetPublicKey"), service.key.asked("Sign"));
    assert_eq!(asked, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_high_s_is_turned_into_the_low_one() {
    let (service, wallet) = opened().await;
    let low = wallet.sign(transaction(1)).await.unwrap();
    service.key.inject([Fault::HighS]);
    // The signature is deterministic, so that it must come out the same.
    assert_eq!(wallet.sign(transaction(1)).await.unwrap(), low);
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_throttling_is_waited_out() {
    let service = FakeAws::start(1).await;
    let throttled = Fault::Refuse(400, "ThrottlingException");
    service.key.inject([throttled.clone()]);
    let wallet = aws::open(service.loader(), KEY_ID).await.unwrap();
    service
        .key
        .inject([throttled, Fault::Refuse(500, "KMSInternalException")]);
    let signed = wallet.sign(transaction(1)).await.unwrap();
    assert_eq!(decoded(&signed).0, wallet.address());
    assert_eq!(service.key.asked("Sign"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_failure_that_may_pass_is_transient() {
    let (service, wallet) = opened().await;
    for (status, kind) in [
        (400, "ThrottlingException"),
        (400, "LimitExceededException"),
        (500, "KMSInternalException"),
        (500, "KeyUnavailableException"),
        (503, "DependencyTimeoutException"),
        (503, "SomethingNew"),
    ] {
        service.key.inject(vec![Fault::Refuse(status, kind); 3]);
        let told = wallet.sign(transaction(1)).await.unwrap_err();
        assert!(told.is_transient(), "{told:?}");
        assert!(told.to_string().contains(kind), "{told}");
        service.key.clear();
    }
    assert!(wallet.sign(transaction(1)).await.is_ok());
    let loader = service.loader().endpoint_url("http://127.0.0.1:1");
    let told = aws::open(loader, KEY_ID).await.unwrap_err();
    assert!(told.is_transient(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_that_hangs_is_given_up_in_time() {
    let (service, wallet) = opened().await;
    service.key.inject(vec![Fault::Hang; 3]);
    let start = std::time::Instant::now();
    let told = wallet.sign(transaction(1)).await.unwrap_err();
    assert!(told.is_transient(), "{told:?}");
    assert!(start.elapsed().as_secs() <= 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_refusal_is_final_and_names_the_remedy() {
    let service = FakeAws::start(1).await;
    for (kind, remedy) in [
        ("AccessDeniedException", "kms:GetPublicKey and kms:Sign"),
        ("NotFoundException", "AWS_KMS_KEY_ID"),
        ("DisabledException", "enable the key"),
        ("KMSInvalidStateException", "cancel its deletion"),
        ("UnsupportedOperationException", "ECC_SECG_P256K1"),
        ("InvalidKeyUsageException", "SIGN_VERIFY"),
        ("UnrecognizedClientException", "credentials"),
        ("ExpiredTokenException", "credentials"),
        ("SomethingNew", "said by the fake"),
    ] {
        service.key.inject([Fault::Refuse(400, kind)]);
        let told = refused(&service, KEY_ID).await;
        assert!(matches!(told, Error::Wallet(_)), "{told:?}");
        assert!(!told.is_transient());
        let told = told.to_string();
        assert!(told.contains(kind) && told.contains(remedy), "{told}");
    }
    assert_eq!(service.key.asked("GetPublicKey"), 9, "none is asked twice");
    let other = refused(&service, "alias/other").await;
    assert!(other.to_string().contains("NotFoundException"), "{other}");
}

#[test]
fn aws_without_credentials_or_region_says_where_they_may_be() {
    let nowhere = [
        ("AWS_KMS_KEY_ID", KEY_ID),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1"),
    ];
    let region = ("AWS_REGION", "eu-central-1");
    for (more, remedy) in [(vec![], "AWS_REGION"), (vec![region], "AWS_ACCESS_KEY_ID")] {
        let variables = [&nowhere[..], &more].concat();
        let registry = "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        let usual = ["--registry", registry, "--max-spend-daily", "1ether"];
        let told = serve_that_ends(&[&["--aws"], &usual[..]].concat(), &variables);
        assert!(told.contains("wallet: AWS KMS: no "), "{told}");
        assert!(told.contains(remedy), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_key_of_another_kind_is_refused() {
    let service = FakeAws::start(1).await;
    // The base point of P-256, and an RSA key too short for anything.
    let p256 = "3059301306072a8648ce3d020106082a8648ce3d03010703420004\
        6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
        4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let rsa = "301a300d06092a864886f70d010101050003090030060201030201 03".replace(' ', "");
    for der in [p256, &rsa, "3000", ""] {
        service.show_public_key(alloy::hex::decode(der).unwrap());
        let told = refused(&service, KEY_ID).await;
        assert!(!told.is_transient());
        assert!(told.to_string().contains("ECC_SECG_P256K1"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_signature_of_another_key_is_refused() {
    let (service, wallet) = opened().await;
    for fault in [Fault::OtherKey, Fault::Nonsense] {
        service.key.inject([fault]);
        let told = wallet.sign(transaction(1)).await.unwrap_err();
        assert!(matches!(told, Error::Wallet(_)), "{told:?}");
    }
    assert!(wallet.sign(transaction(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_relays_with_its_key_in_aws_and_logs_no_secret() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    let service = FakeAws::start(1).await;
    let variables = [
        ("AWS_KMS_KEY_ID", KEY_ID),
        ("AWS_ENDPOINT_URL_KMS", service.url.as_str()),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", SESSION_TOKEN),
        // No file of the machine's plays a part.
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    let url = &world.anvil.url;
    let mut relayer =
        Relayer::spawn_keyed("trace", url, &state.clone().into(), &["--aws"], &variables);
    relayer.listens().await;
    let id = relayer.submit(&world.proof(1)).await;
    relayer.until(&id, "confirmed").await;
    relayer.kill();
    assert_eq!((world.sent(1).await, world.proven_events().await), (1, 1));
    assert_eq!(service.key.asked("Sign"), 1);
    let log = std::fs::read_to_string(state.with_extension("log")).unwrap();
    assert!(log.contains("job confirmed"), "{log}");
    for secret in [&KEYS[1][2..], SECRET_KEY, SESSION_TOKEN] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
    }
}
