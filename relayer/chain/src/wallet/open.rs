//! Opening the key that a configuration names.

#[cfg(feature = "aws")]
use super::aws;
use super::config::WalletConfig;
#[cfg(feature = "gcp")]
use super::gcp;
#[cfg(feature = "ledger")]
use super::ledger;
use super::local;
use super::signing::Wallet;
use crate::error::{Error, Result};

impl WalletConfig {
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
            Self::AwsKms { key_id } => Box::pin(aws::open(aws::loader(), key_id)).await,
            #[cfg(feature = "gcp")]
            Self::GcpKms(key) => {
                let client = Box::pin(gcp::connect()).await?;
                Box::pin(gcp::open(client, key)).await
            }
            #[cfg(feature = "ledger")]
            Self::Ledger { path } => Box::pin(ledger::open(path)).await,
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
    use crate::wallet::{GcpKey, HdPath};

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
