//! Signing, and what is checked before a signature is passed on.

use crate::error::{Error, Result};
use alloy::consensus::{SignableTransaction, TxEip1559};
use alloy::eips::eip2718::Encodable2718;
use alloy::network::TxSigner;
use alloy::primitives::{Address, B256, Bytes, Signature};
use alloy::signers::local::PrivateKeySigner;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a signer that hung is left alone: what else waits for a signature then fails at once, so that one look at
/// the chain does not take as many timeouts as there are transactions.
const REST: Duration = Duration::from_secs(10);

/// An opened key. Cheap to clone.
#[derive(Clone)]
pub struct Wallet {
    address: Address,
    signer: Arc<dyn TxSigner<Signature> + Send + Sync>,
    kind: SignerKind,
    /// When the signer last hung.
    hung: Arc<Mutex<Option<Instant>>>,
}

/// How one kind of signer behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignerKind {
    /// Its name in errors.
    pub(super) name: &'static str,
    /// How long it may take to sign.
    pub(super) limit: Duration,
    /// Turns its error into [`Error::Signer`] when a later try may succeed, else into [`Error::Wallet`].
    pub(super) explain: fn(alloy::signers::Error) -> Error,
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet")
            .field("address", &self.address)
            .field("signer", &self.kind.name)
            .finish_non_exhaustive()
    }
}

/// A signed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTx {
    /// EIP-2718 bytes, as broadcast.
    pub raw: Bytes,
    /// Transaction hash.
    pub hash: B256,
}

impl Wallet {
    pub(super) fn new(
        signer: impl TxSigner<Signature> + Send + Sync + 'static,
        kind: SignerKind,
    ) -> Self {
        Self {
            address: signer.address(),
            signer: Arc::new(signer),
            kind,
            hung: Arc::default(),
        }
    }

    pub(super) fn local(signer: PrivateKeySigner) -> Self {
        let kind = SignerKind {
            name: "private key",
            limit: Duration::from_secs(10),
            explain: |e| Error::Wallet(format!("cannot sign: {e}")),
        };
        Self::new(signer, kind)
    }

    /// Address of the account that it signs for.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs an EIP-1559 transaction.
    ///
    /// # Errors
    /// [`Error::Signer`] when a later try may succeed, [`Error::Wallet`] otherwise; also when what came back is not a
    /// signature of this account over this transaction, or one that the chain does not take (EIP-2).
    pub async fn sign(&self, tx: TxEip1559) -> Result<SignedTx> {
        let SignerKind { name, limit, .. } = self.kind;
        if self.hung().is_some_and(|at| at.elapsed() < limit.min(REST)) {
            let reason = "it did not answer a moment ago".to_owned();
            return Err(Error::Signer { name, reason });
        }
        // The signer gets a copy to write in: what counts is that the signature is over ours.
        let mut shown = tx.clone();
        let signing = self.signer.sign_transaction(&mut shown);
        let signature = match tokio::time::timeout(limit, signing).await {
            Ok(signed) => signed.map_err(self.kind.explain)?,
            Err(_) => {
                self.set_hung(Some(Instant::now()));
                let reason = format!("no answer within {} s", limit.as_secs());
                return Err(Error::Signer { name, reason });
            }
        };
        self.set_hung(None);
        if signature.normalize_s().is_some() {
            let why = format!("{name}: the signature has a high s, which the chain refuses");
            return Err(Error::Wallet(why));
        }
        let hash = tx.signature_hash();
        match signature.recover_address_from_prehash(&hash) {
            Ok(signer) if signer == self.address => {}
            Ok(other) => {
                let own = self.address;
                let why = format!("{name}: the signature is of account {other}, not of {own}");
                return Err(Error::Wallet(why));
            }
            Err(_) => {
                let why = format!("{name}: what came back is not a signature");
                return Err(Error::Wallet(why));
            }
        }
        let signed = tx.into_signed(signature);
        Ok(SignedTx {
            raw: signed.encoded_2718().into(),
            hash: *signed.hash(),
        })
    }

    fn hung(&self) -> Option<Instant> {
        *self.hung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_hung(&self, at: Option<Instant>) {
        *self.hung.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

/// A signer's own error, which alloy wraps up to twice; else what there is, as text.
#[cfg(any(feature = "aws", feature = "gcp", feature = "ledger"))]
pub(super) fn unwrapped<E: std::error::Error + 'static>(
    error: alloy::signers::Error,
) -> std::result::Result<Box<E>, String> {
    let alloy::signers::Error::Other(error) = error else {
        return Err(error.to_string());
    };
    match error.downcast::<alloy::signers::Error>() {
        Ok(inner) => unwrapped(*inner),
        Err(error) => error.downcast().map_err(|other| other.to_string()),
    }
}

/// An error and its causes in a line; a cause that was said already is left out.
#[cfg(any(feature = "aws", feature = "gcp"))]
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
