//! Where a key is, and how it is opened.

use super::hd_path::HdPath;
use super::{Secret, Wallet, local};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

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
    /// A key in the AWS Key Management Service. Region and credentials are where AWS's own tools look for them.
    AwsKms {
        /// Id, ARN, `alias/NAME`, or ARN of the alias.
        key_id: String,
    },
    /// A key version in Google Cloud's Key Management Service, with the Application Default Credentials.
    GcpKms(GcpKey),
    /// An account of a Ledger that is plugged in, with somebody who presses its buttons.
    Ledger {
        /// Which of its accounts.
        path: HdPath,
    },
}

/// A key version in Google Cloud's Key Management Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcpKey {
    /// Project id.
    pub project: String,
    /// Location, such as `global` or `europe-west1`.
    pub location: String,
    /// Key ring.
    pub key_ring: String,
    /// Key.
    pub key_name: String,
    /// Version of the key.
    pub key_version: u64,
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

    /// Finds out what can be known without decrypting, a network or a device: whether the key can be opened by this
    /// binary at all.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::PrivateKey(key) => local::parse(key).map(drop),
            Self::Keystore { path, .. } => local::exists(path),
            Self::AwsKms { .. } => built_with(cfg!(feature = "aws"), "AWS KMS", "aws"),
            Self::GcpKms(_) => built_with(cfg!(feature = "gcp"), "Google Cloud KMS", "gcp"),
            Self::Ledger { .. } => built_with(cfg!(feature = "ledger"), "Ledger", "ledger"),
        }
    }

    /// Opens the key. Takes about a second for a keystore; a key management service is asked for the public key, a
    /// device for its address.
    ///
    /// # Errors
    /// [`Error::Wallet`] when a person has to change something, [`Error::Signer`] when the same call may succeed later.
    pub async fn open(&self) -> Result<Wallet> {
        self.check()?;
        // Boxed: the vendors' futures are large, and this one is part of many.
        match self {
            Self::PrivateKey(key) => Ok(Wallet::local(local::parse(key)?)),
            Self::Keystore { path, password } => {
                let (path, password) = (path.clone(), password.clone());
                let signer = tokio::task::spawn_blocking(move || local::decrypt(&path, &password))
                    .await
                    .map_err(|e| Error::Task(e.to_string()))??;
                Ok(Wallet::local(signer))
            }
            #[cfg(feature = "aws")]
            Self::AwsKms { key_id } => {
                Box::pin(super::aws::open(super::aws::loader(), key_id)).await
            }
            #[cfg(feature = "gcp")]
            Self::GcpKms(key) => {
                let client = Box::pin(super::gcp::connect()).await?;
                Box::pin(super::gcp::open(client, key)).await
            }
            #[cfg(feature = "ledger")]
            Self::Ledger { path } => Box::pin(super::ledger::open(path)).await,
            #[cfg(not(all(feature = "aws", feature = "gcp", feature = "ledger")))]
            _ => Err(Error::Wallet("not in this binary".to_owned())),
        }
    }
}

fn built_with(built: bool, what: &str, feature: &str) -> Result<()> {
    if built {
        return Ok(());
    }
    Err(Error::Wallet(format!(
        "this program was built without {what}; build it with `cargo build --release -p chainfer-relayer --features \
         {feature}` (the chainfer command with `-p chainfer`)"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_name_with_path_is_refused() {
        for name in ["../x", "a/b", "", ".", "..", "/etc/passwd"] {
            assert!(
                WalletConfig::account(name, Secret::default()).is_err(),
                "{name}"
            );
        }
    }

    #[tokio::test]
    async fn signer_that_is_not_in_the_binary_says_how_to_build_it() {
        let key = GcpKey {
            project: "p".to_owned(),
            location: "global".to_owned(),
            key_ring: "r".to_owned(),
            key_name: "k".to_owned(),
            key_version: 1,
        };
        let aws = WalletConfig::AwsKms {
            key_id: "alias/relayer".to_owned(),
        };
        let ledger = WalletConfig::Ledger {
            path: HdPath::ledger_live(0),
        };
        for (config, built, feature) in [
            (aws, cfg!(feature = "aws"), "aws"),
            (WalletConfig::GcpKms(key), cfg!(feature = "gcp"), "gcp"),
            (ledger, cfg!(feature = "ledger"), "ledger"),
        ] {
            if built {
                config.check().unwrap();
                continue;
            }
            let told = config.open().await.unwrap_err();
            assert!(!told.is_transient());
            let command = format!("cargo build --release -p chainfer-relayer --features {feature}");
            assert!(told.to_string().contains(&command), "{told}");
        }
    }
}
