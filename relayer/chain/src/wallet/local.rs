//! Keys in the environment and in keystore files.

use super::secret::Secret;
use crate::error::{Error, Result};
use alloy::signers::local::PrivateKeySigner;
use std::path::Path;

/// A private key in hexadecimal.
pub(super) fn parse(key: &Secret) -> Result<PrivateKeySigner> {
    // The parser's error may quote its input; ours does not.
    key.expose()
        .trim()
        .parse()
        .map_err(|_| Error::Wallet("the private key is not 32 bytes of hexadecimal".to_owned()))
}

pub(super) fn exists(path: &Path) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let why = format!("there is no keystore {}", path.display());
    Err(Error::Wallet(why))
}

/// Decrypts a keystore. Blocks for about a second.
pub(super) fn decrypt(path: &Path, password: &Secret) -> Result<PrivateKeySigner> {
    PrivateKeySigner::decrypt_keystore(path, password.expose()).map_err(|_| {
        Error::Wallet(format!(
            "{} cannot be decrypted: wrong password, or not a keystore",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use crate::error::Error;
    use crate::wallet::{Secret, WalletConfig};
    use alloy::primitives::address;
    use alloy::signers::local::PrivateKeySigner;

    // The first of anvil's well-known development keys.
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[tokio::test]
    async fn private_key_opens_the_known_account() {
        let wallet = WalletConfig::PrivateKey(KEY.into()).open().await.unwrap();
        assert_eq!(
            wallet.address(),
            address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
    }

    #[tokio::test]
    async fn debug_and_errors_hide_secrets() {
        let bad = WalletConfig::PrivateKey(KEY.replace("0xac09", "0xzz09").as_str().into());
        let good = WalletConfig::PrivateKey(KEY.into());
        for text in [
            format!("{good:?}"),
            format!("{:?}", good.open().await.unwrap()),
            bad.open().await.unwrap_err().to_string(),
            format!("{:?}", bad.open().await.unwrap_err()),
            format!("{} {:?}", Secret::new(KEY), Secret::new(KEY)),
        ] {
            assert!(!text.contains("74bec39a17e36ba4"), "{text}");
        }
    }

    #[tokio::test]
    async fn keystore_round_trip_and_wrong_password() {
        let folder = tempfile::tempdir().unwrap();
        let key = alloy::hex::decode(KEY).unwrap();
        let mut rng = rand::thread_rng();
        let (_, _) =
            PrivateKeySigner::encrypt_keystore(folder.path(), &mut rng, &key, "pass", Some("dev"))
                .unwrap();
        let path = folder.path().join("dev");
        let with = |password: &str| WalletConfig::Keystore {
            path: path.clone(),
            password: password.into(),
        };
        assert_eq!(
            with("pass").open().await.unwrap().address(),
            address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
        assert!(matches!(with("wrong").open().await, Err(Error::Wallet(_))));
    }
}
