//! Where the sending key is.

use super::hd_path::HdPath;
use super::secret::Secret;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Where the sending key is.
#[derive(Debug, Clone)]
pub enum WalletConfig {
    /// A private key in hexadecimal, with or without `0x`.
    PrivateKey(Secret),
    /// An encrypted keystore file as `cast wallet` and geth write it.
    Keystore {
        /// The keystore file.
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
    /// An account of a Ledger that is plugged in; a person confirms each transaction on it.
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
    /// Name of the key in its ring.
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
}
