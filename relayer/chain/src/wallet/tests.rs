//! A signer that answers wrongly, or not at all.

use super::*;
use alloy::primitives::U256;
use alloy::signers::SignerSync;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

const KEY: B256 = B256::repeat_byte(7);
const OTHER: B256 = B256::repeat_byte(8);

/// What a signer does instead of its work.
#[derive(Clone, Copy)]
enum Fault {
    OtherKey,
    HighS,
    OtherTransaction,
    Nonsense,
    Hang,
}

/// Says that it is the account of [`KEY`].
struct Faulty {
    fault: Fault,
    asked: Arc<AtomicUsize>,
}

fn key(bytes: B256) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&bytes).unwrap()
}

type Signing<'a> = Pin<Box<dyn Future<Output = alloy::signers::Result<Signature>> + Send + 'a>>;

impl TxSigner<Signature> for Faulty {
    fn address(&self) -> Address {
        key(KEY).address()
    }

    fn sign_transaction<'s, 't, 'f>(
        &'s self,
        tx: &'t mut (dyn SignableTransaction<Signature> + 'static),
    ) -> Signing<'f>
    where
        's: 'f,
        't: 'f,
        Self: 'f,
    {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let hash = tx.signature_hash();
            let good = key(KEY).sign_hash_sync(&hash).unwrap();
            Ok(match self.fault {
                Fault::OtherKey => key(OTHER).sign_hash_sync(&hash).unwrap(),
                Fault::HighS => {
                    let order = U256::from_be_slice(
                        &alloy::hex::decode(
                            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
                        )
                        .unwrap(),
                    );
                    Signature::new(good.r(), order - good.s(), !good.v())
                }
                Fault::OtherTransaction => {
                    tx.set_chain_id(4242);
                    key(KEY).sign_hash_sync(&tx.signature_hash()).unwrap()
                }
                Fault::Nonsense => Signature::new(U256::ZERO, U256::ZERO, false),
                Fault::Hang => std::future::pending().await,
            })
        })
    }
}

fn wallet(fault: Fault) -> (Wallet, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let signer = Faulty {
        fault,
        asked: Arc::clone(&asked),
    };
    let kind = SignerKind {
        name: "test",
        limit: Duration::from_millis(200),
        explain: |e| Error::Wallet(e.to_string()),
    };
    (Wallet::new(signer, kind), asked)
}

fn transaction() -> TxEip1559 {
    TxEip1559 {
        chain_id: 31337,
        value: U256::from(1),
        ..Default::default()
    }
}

#[tokio::test]
async fn sign_hash_is_that_of_the_bytes() {
    let signed = Wallet::local(key(KEY)).sign(transaction()).await.unwrap();
    assert_eq!(alloy::primitives::keccak256(&signed.raw), signed.hash);
}

#[tokio::test]
async fn signature_that_is_not_ours_is_refused() {
    for (fault, reason) in [
        (Fault::OtherKey, key(OTHER).address().to_string()),
        (Fault::HighS, "high s".to_owned()),
        (
            Fault::OtherTransaction,
            "the signature is of account".to_owned(),
        ),
        (Fault::Nonsense, "not a signature".to_owned()),
    ] {
        let refused = wallet(fault).0.sign(transaction()).await.unwrap_err();
        assert!(matches!(refused, Error::Wallet(_)), "{refused:?}");
        assert!(refused.to_string().contains(&reason), "{refused}");
    }
}

#[tokio::test]
async fn signer_that_hangs_is_given_up_and_left_alone_for_a_while() {
    let (wallet, asked) = wallet(Fault::Hang);
    let late = wallet.sign(transaction()).await.unwrap_err();
    assert!(late.is_transient(), "{late}");
    let start = Instant::now();
    // A clone is the same signer.
    let at_once = wallet.clone().sign(transaction()).await.unwrap_err();
    assert!(at_once.is_transient() && at_once.to_string().contains("a moment ago"));
    assert!(start.elapsed() < wallet.kind.limit);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    tokio::time::sleep(wallet.kind.limit).await;
    let again = wallet.sign(transaction()).await.unwrap_err();
    assert!(again.to_string().contains("no answer within"), "{again}");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
