//! Key management services: the vendors' real clients against fakes on 127.0.0.1 that speak their protocols.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
pub mod fake_aws;
#[cfg(feature = "gcp")]
mod fake_gcp;
#[cfg(feature = "gcp")]
mod gcp;
pub mod key;

use alloy::consensus::{Signed, TxEip1559};
use alloy::primitives::{Address, U256};
use chainfer_chain::wallet::SignedTx;

/// A transaction that no other is like.
pub fn transaction(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: 31337,
        nonce,
        value: U256::from(1),
        ..Default::default()
    }
}

/// Whom a node takes the sender of signed bytes to be, and the transaction in them.
pub fn decoded(signed: &SignedTx) -> (Address, TxEip1559) {
    let signed = Signed::<TxEip1559>::eip2718_decode(&mut &signed.raw[..]).unwrap();
    let sender = signed.recover_signer().unwrap();
    (sender, signed.strip_signature())
}
