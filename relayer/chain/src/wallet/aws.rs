//! A key in the AWS Key Management Service.
//!
//! The key is an asymmetric `ECC_SECG_P256K1` key for `SIGN_VERIFY`; the caller needs `kms:GetPublicKey` and
//! `kms:Sign` on it.

use super::signing::{SignerKind, Wallet, causes, unwrapped};
use crate::error::{Error, Result};
use alloy_signer_aws::{AwsSigner, AwsSignerError};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Builder, tls};
use std::error::Error as StdError;
use std::time::Duration;

const NAME: &str = "AWS KMS";

/// For everything, the client's own retries included.
const LIMIT: Duration = Duration::from_secs(10);

/// Refusals that a person can remedy, and how.
const REMEDIES: [(&[&str], &str); 5] = [
    (
        &["AccessDeniedException"],
        "the caller needs kms:GetPublicKey and kms:Sign on the key, by its key policy or IAM",
    ),
    (
        &["NotFoundException", "InvalidArnException"],
        "check AWS_KMS_KEY_ID (an id, an ARN, or alias/NAME) and the region (AWS_REGION)",
    ),
    (
        &["InvalidKeyUsageException", "UnsupportedOperationException"],
        WRONG_KEY,
    ),
    (
        &["DisabledException", "KMSInvalidStateException"],
        "enable the key, or cancel its deletion",
    ),
    (
        &[
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "IncompleteSignature",
            "MissingAuthenticationToken",
        ],
        "check the AWS credentials: they are unknown, expired, or of another account",
    ),
];

const WRONG_KEY: &str = "the key must be an asymmetric ECC_SECG_P256K1 key for SIGN_VERIFY";

const NO_CREDENTIALS: &str = "no AWS credentials: give AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, a profile with \
     AWS_PROFILE, or the machine a role";

/// Loads AWS settings from the environment, its files or the machine's role.
pub fn loader() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
}

/// Asks for the public key, and opens a wallet that signs with the private one.
///
/// # Errors
/// As [`super::WalletConfig::open`].
pub async fn open(loader: ConfigLoader, key_id: &str) -> Result<Wallet> {
    let opening = async {
        let client = client(loader).await?;
        let signer = AwsSigner::new(client, key_id.to_owned(), None).await;
        signer.map_err(explain)
    };
    let signer = match tokio::time::timeout(LIMIT, opening).await {
        Ok(opened) => opened?,
        Err(_) => return Err(passing(format!("no answer within {} s", LIMIT.as_secs()))),
    };
    let kind = SignerKind {
        name: NAME,
        limit: LIMIT,
        explain: explain_signing,
    };
    Ok(Wallet::new(signer, kind))
}

async fn client(loader: ConfigLoader) -> Result<Client> {
    // The SDK's own choice of TLS is another than everywhere else here.
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(9))
        .build();
    let config = loader
        .http_client(Builder::new().tls_provider(ring).build_https())
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts)
        .load()
        .await;
    if config.region().is_none() {
        return Err(lasting("no region: set AWS_REGION"));
    }
    Ok(Client::new(&config))
}

fn passing(reason: String) -> Error {
    Error::Signer { name: NAME, reason }
}

fn lasting(reason: impl std::fmt::Display) -> Error {
    Error::Wallet(format!("{NAME}: {reason}"))
}

fn explain_signing(error: alloy::signers::Error) -> Error {
    unwrapped(error).map_or_else(lasting, |e| explain(*e))
}

fn explain(error: AwsSignerError) -> Error {
    match error {
        AwsSignerError::Sign(e) => explain_answer(&e),
        AwsSignerError::GetPublicKey(e) => explain_answer(&e),
        AwsSignerError::K256(_) | AwsSignerError::Spki(_) | AwsSignerError::PublicKeyNotFound => {
            lasting(format_args!("{error}; {WRONG_KEY}"))
        }
        AwsSignerError::SignatureRecoveryFailed => {
            lasting("the signature is not of the key that the wallet was opened with")
        }
        other => lasting(other),
    }
}

fn explain_answer<E>(error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or("an unknown error");
            let message = answer.err().message().unwrap_or("no reason given");
            let told = format!("{code} ({message})");
            let remedy = REMEDIES.iter().find(|(codes, _)| codes.contains(&code));
            match remedy {
                Some((_, remedy)) => lasting(format_args!("{told}; {remedy}")),
                // This service reports throttling with status 400.
                None if status >= 500 || status == 429 || is_overload(code) => passing(told),
                None => lasting(told),
            }
        }
        SdkError::ConstructionFailure(_) => lasting(causes(error)),
        SdkError::DispatchFailure(failure) if failure.is_user() => lasting(causes(error)),
        _ => match credentials_error(error) {
            Some(CredentialsError::CredentialsNotLoaded(_)) => lasting(NO_CREDENTIALS),
            Some(e @ CredentialsError::InvalidConfiguration(_)) => lasting(causes(e)),
            _ => passing(causes(error)),
        },
    }
}

/// Why a request got no credentials and never left.
fn credentials_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CredentialsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn is_overload(code: &str) -> bool {
    let codes = [
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "LimitExceededException",
        "SlowDown",
    ];
    codes.contains(&code)
}
