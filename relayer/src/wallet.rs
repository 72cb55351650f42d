//! Keys. Nothing here prints or logs one, and no `Debug` shows one.

use crate::error::{Error, Result};
use alloy::consensus::{SignableTransaction, TxEip1559};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{Address, B256, Bytes};
use alloy::signers::Signer;
use alloy::signers::local::PrivateKeySigner;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A text that must not be shown. `Debug` and `Display` give `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text; the caller must not log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where the sending key is.
#[derive(Debug, Clone)]
pub enum WalletConfig {
    /// A private key in hexadecimal, with or without `0x`.
    PrivateKey(Secret),
    /// An encrypted keystore file as `cast wallet` and geth write it.
    Keystore {
        /// The file.
        path: PathBuf,
        /// Its password.
        password: Secret,
    },
}

impl WalletConfig {
    /// The keystore `name` in a folder of foundry's (`~/.foundry/keystores`, or
    /// `$FOUNDRY_DIR/keystores`).
    pub fn account(name: &str, password: Secret) -> Result<Self> {
        let simple = Path::new(name).components().count() == 1 && !name.starts_with('.');
        if !simple {
            return Err(Error::Wallet(format!("\"{name}\" is not an account name")));
        }
        let folder = std::env::var_os("FOUNDRY_DIR")
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".foundry")))
            .ok_or_else(|| Error::Wallet("there is no home directory to look in".to_owned()))?;
        Ok(Self::Keystore {
            path: folder.join("keystores").join(name),
            password,
        })
    }

    /// Reads and decrypts the key. Takes about a second for a keystore.
    pub fn open(&self) -> Result<Wallet> {
        let signer = match self {
            Self::PrivateKey(key) => {
                let text = key.expose().trim();
                // The parser's error may quote its input; ours does not.
                text.parse::<PrivateKeySigner>().map_err(|_| {
                    Error::Wallet("the private key is not 32 bytes of hexadecimal".to_owned())
                })?
            }
            Self::Keystore { path, password } => {
                if !path.is_file() {
                    return Err(Error::Wallet(format!(
                        "no keystore file {}",
                        path.display()
                    )));
                }
                PrivateKeySigner::decrypt_keystore(path, password.expose()).map_err(|_| {
                    Error::Wallet(format!(
                        "{} cannot be decrypted: wrong password, or not a keystore",
                        path.display()
                    ))
                })?
            }
        };
        Ok(Wallet {
            address: signer.address(),
            signer: Arc::new(signer),
        })
    }
}

/// An opened key. Cheap to clone.
#[derive(Clone)]
pub struct Wallet {
    address: Address,
    signer: Arc<dyn Signer + Send + Sync>,
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet")
            .field("address", &self.address)
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
    /// The account.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs an EIP-1559 transaction.
    pub async fn sign(&self, tx: TxEip1559) -> Result<SignedTx> {
        let signature = self
            .signer
            .sign_hash(&tx.signature_hash())
            .await
            .map_err(|e| Error::Wallet(format!("cannot sign: {e}")))?;
        let signed = tx.into_signed(signature);
        Ok(SignedTx {
            raw: signed.encoded_2718().into(),
            hash: *signed.hash(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{U256, address};

    // The first of anvil's well-known development keys.
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn private_key_opens_the_known_account() {
        let wallet = WalletConfig::PrivateKey(KEY.into()).open().unwrap();
        assert_eq!(
            wallet.address(),
            address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
    }

    #[test]
    fn debug_and_errors_hide_secrets() {
        let bad = KEY.replace("0xac09", "0xzz09");
        for text in [
            format!("{:?}", WalletConfig::PrivateKey(KEY.into())),
            format!("{:?}", WalletConfig::PrivateKey(KEY.into()).open().unwrap()),
            WalletConfig::PrivateKey(bad.as_str().into())
                .open()
                .unwrap_err()
                .to_string(),
            format!(
                "{:?}",
                WalletConfig::PrivateKey(bad.as_str().into())
                    .open()
                    .unwrap_err()
            ),
            format!("{} {:?}", Secret::new(KEY), Secret::new(KEY)),
        ] {
            assert!(!text.contains("74bec39a17e36ba4"), "{text}");
        }
    }

    #[test]
    fn account_name_with_path_is_refused() {
        for name in ["../x", "a/b", "", ".", "..", "/etc/passwd"] {
            assert!(
                WalletConfig::account(name, Secret::default()).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn keystore_round_trip_and_wrong_password() {
        let folder = tempfile::tempdir().unwrap();
        let key = alloy::hex::decode(KEY).unwrap();
        let mut rng = rand::thread_rng();
        let (_, _) =
            PrivateKeySigner::encrypt_keystore(folder.path(), &mut rng, &key, "pass", Some("dev"))
                .unwrap();
        let path = folder.path().join("dev");
        let open = |password: &str| {
            WalletConfig::Keystore {
                path: path.clone(),
                password: password.into(),
            }
            .open()
        };
        assert_eq!(
            open("pass").unwrap().address(),
            address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
        assert!(matches!(open("wrong"), Err(Error::Wallet(_))));
    }

    #[tokio::test]
    async fn sign_hash_is_that_of_the_bytes() {
        let wallet = WalletConfig::PrivateKey(KEY.into()).open().unwrap();
        let tx = TxEip1559 {
            chain_id: 31337,
            value: U256::from(1),
            ..Default::default()
        };
        let signed = wallet.sign(tx).await.unwrap();
        assert_eq!(alloy::primitives::keccak256(&signed.raw), signed.hash);
    }
}
