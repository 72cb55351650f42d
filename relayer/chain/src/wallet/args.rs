//! The flags and variables that select the key: foundry's, and the same for `chainfer` and `chainfer-relayer`.

use super::config::{GcpKey, WalletConfig};
use super::hd_path::HdPath;
use super::secret::Secret;
use crate::error::{Error, Result};
use clap::Args;
use std::path::PathBuf;

/// Which key signs.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Wallet (one of private key, keystore, account, aws, gcp, ledger)")]
pub struct WalletArgs {
    /// Private key in hex. Other users of the machine can see it: prefer the variable, a keystore or an account
    #[arg(
        long,
        value_name = "HEX",
        env = "ETH_PRIVATE_KEY",
        hide_env_values = true
    )]
    private_key: Option<Secret>,
    /// Encrypted keystore file
    #[arg(
        long,
        value_name = "FILE",
        env = "ETH_KEYSTORE",
        conflicts_with = "private_key"
    )]
    keystore: Option<PathBuf>,
    /// Name of a keystore in foundry's folder (~/.foundry/keystores)
    #[arg(
        long,
        value_name = "NAME",
        env = "ETH_KEYSTORE_ACCOUNT",
        conflicts_with_all = ["private_key", "keystore"]
    )]
    account: Option<String>,
    /// Password of the keystore
    #[arg(
        long,
        value_name = "TEXT",
        env = "ETH_KEYSTORE_PASSWORD",
        hide_env_values = true
    )]
    password: Option<Secret>,
    /// File that holds the password of the keystore
    #[arg(
        long,
        value_name = "FILE",
        env = "ETH_PASSWORD",
        conflicts_with = "password"
    )]
    password_file: Option<PathBuf>,
    /// Key in AWS KMS: AWS_KMS_KEY_ID
    #[arg(long, conflicts_with_all = ["private_key", "keystore", "account"])]
    aws: bool,
    /// Key in Google Cloud KMS: GCP_PROJECT_ID, GCP_LOCATION, GCP_KEY_RING, GCP_KEY_NAME, GCP_KEY_VERSION
    #[arg(long, conflicts_with_all = ["private_key", "keystore", "account", "aws"])]
    gcp: bool,
    /// Ledger that is plugged in
    #[arg(short, long, conflicts_with_all = ["private_key", "keystore", "account", "aws", "gcp"])]
    ledger: bool,
    /// Derivation path of the Ledger's account
    #[arg(
        long,
        visible_alias = "mnemonic-derivation-path",
        value_name = "PATH",
        requires = "ledger",
        conflicts_with_all = ["private_key", "keystore", "account", "aws", "gcp"]
    )]
    hd_path: Option<HdPath>,
    /// Number of the Ledger's account, as Ledger Live counts: m/44'/60'/N'/0/0
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        requires = "ledger",
        conflicts_with_all = ["private_key", "keystore", "account", "aws", "gcp", "hd_path"]
    )]
    mnemonic_index: u16,
}

impl WalletArgs {
    /// The key that flags and environment name, as far as that can be checked without a network or a device.
    ///
    /// # Errors
    /// [`Error::Config`] when none is named or variables are missing, [`Error::Wallet`] when it cannot be used,
    /// [`Error::Io`] when a password file cannot be read.
    pub fn resolve(self) -> Result<WalletConfig> {
        let config = self.name(|variable| std::env::var(variable).ok())?;
        config.check()?;
        Ok(config)
    }

    fn name(self, variable: impl Fn(&str) -> Option<String>) -> Result<WalletConfig> {
        if let Some(key) = self.private_key {
            return Ok(WalletConfig::PrivateKey(key));
        }
        if self.aws {
            let [key_id] = variables("--aws", ["AWS_KMS_KEY_ID"], variable)?;
            return Ok(WalletConfig::AwsKms { key_id });
        }
        if self.gcp {
            return gcp_key(variable).map(WalletConfig::GcpKms);
        }
        if self.ledger {
            let live = HdPath::ledger_live(self.mnemonic_index);
            let path = self.hd_path.unwrap_or(live);
            return Ok(WalletConfig::Ledger { path });
        }
        let password = match (self.password, self.password_file) {
            (Some(password), _) => password,
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
                    path: format!("password file {}", path.display()),
                    source,
                })?;
                Secret::new(text.trim_end_matches(['\r', '\n']))
            }
            (None, None) => Secret::default(),
        };
        match (self.keystore, self.account) {
            (Some(path), _) => Ok(WalletConfig::Keystore { path, password }),
            (None, Some(name)) => WalletConfig::account(&name, password),
            (None, None) => Err(Error::Config(
                "no key to sign with; give --account NAME, --keystore FILE, --aws, --gcp, --ledger or --private-key \
                 HEX (or ETH_PRIVATE_KEY)"
                    .to_owned(),
            )),
        }
    }
}

fn gcp_key(variable: impl Fn(&str) -> Option<String>) -> Result<GcpKey> {
    let names = [
        "GCP_PROJECT_ID",
        "GCP_LOCATION",
        "GCP_KEY_RING",
        "GCP_KEY_NAME",
        "GCP_KEY_VERSION",
    ];
    let [project, location, key_ring, key_name, version] = variables("--gcp", names, variable)?;
    for (name, value) in names
        .iter()
        .zip([&project, &location, &key_ring, &key_name])
    {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        if !value.bytes().all(allowed) {
            return Err(Error::Config(format!("{name}: {value:?} is not a name")));
        }
    }
    let key_version = version.parse().map_err(|_| {
        Error::Config(format!(
            "GCP_KEY_VERSION: expected a number like 1, got {version:?}"
        ))
    })?;
    Ok(GcpKey {
        project,
        location,
        key_ring,
        key_name,
        key_version,
    })
}

/// The values of variables that a flag needs.
fn variables<const N: usize>(
    flag: &str,
    names: [&str; N],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<[String; N]> {
    let values = names.map(|name| variable(name).filter(|value| !value.is_empty()));
    let missing: Vec<&str> = names
        .iter()
        .zip(&values)
        .filter(|(_, value)| value.is_none())
        .map(|(name, _)| *name)
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(Error::Config(format!(
            "{flag} needs the variables {missing}"
        )));
    }
    Ok(values.map(Option::unwrap_or_default))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use clap::error::ErrorKind;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        wallet: WalletArgs,
    }

    fn parse(arguments: &[&str]) -> std::result::Result<WalletArgs, clap::Error> {
        let line = [&["program"], arguments].concat();
        Line::try_parse_from(line).map(|line| line.wallet)
    }

    fn named(arguments: &[&str], variables: &[(&str, &str)]) -> Result<WalletConfig> {
        parse(arguments).unwrap().name(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const GCP: [(&str, &str); 5] = [
        ("GCP_PROJECT_ID", "example.com:project-1"),
        ("GCP_LOCATION", "europe-west1"),
        ("GCP_KEY_RING", "ring"),
        ("GCP_KEY_NAME", "relayer_key"),
        ("GCP_KEY_VERSION", "3"),
    ];

    #[test]
    fn aws_takes_its_key_from_the_variable() {
        let config = named(&["--aws"], &[("AWS_KMS_KEY_ID", "alias/relayer")]).unwrap();
        assert!(matches!(config, WalletConfig::AwsKms { key_id } if key_id == "alias/relayer"));
        let told = named(&["--aws"], &[("AWS_KMS_KEY_ID", "")]).unwrap_err();
        assert_eq!(
            told.to_string(),
            "configuration: --aws needs the variables AWS_KMS_KEY_ID"
        );
    }

    #[test]
    fn gcp_key_takes_five_variables_and_names_the_missing_ones() {
        let WalletConfig::GcpKms(key) = named(&["--gcp"], &GCP).unwrap() else {
            panic!("another kind of key")
        };
        assert_eq!((key.key_name.as_str(), key.key_version), ("relayer_key", 3));
        let told = named(&["--gcp"], &GCP[1..3]).unwrap_err().to_string();
        assert!(
            told.ends_with("GCP_PROJECT_ID, GCP_KEY_NAME, GCP_KEY_VERSION"),
            "{told}"
        );
        for (name, value) in [
            ("GCP_KEY_VERSION", "latest"),
            ("GCP_KEY_RING", "ring/../other"),
            ("GCP_PROJECT_ID", "a\nb"),
        ] {
            let mut variables = vec![(name, value)];
            variables.extend(GCP);
            let told = named(&["--gcp"], &variables).unwrap_err().to_string();
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn ledger_account_is_named_by_number_or_path() {
        for (arguments, expected) in [
            (vec!["--ledger"], "m/44'/60'/0'/0/0"),
            (vec!["-l", "--mnemonic-index", "4"], "m/44'/60'/4'/0/0"),
            (vec!["-l", "--hd-path", "m/44'/60'/0'/9"], "m/44'/60'/0'/9"),
            (
                vec!["-l", "--mnemonic-derivation-path", "m/44'/1'/0'/0/0"],
                "m/44'/1'/0'/0/0",
            ),
        ] {
            let WalletConfig::Ledger { path } = named(&arguments, &[]).unwrap() else {
                panic!("another kind of key")
            };
            assert_eq!(path.to_string(), expected);
        }
    }

    #[test]
    fn more_than_one_key_is_refused() {
        let kinds: [&[&str]; 6] = [
            &["--private-key", "0x1"],
            &["--keystore", "file"],
            &["--account", "me"],
            &["--aws"],
            &["--gcp"],
            &["--ledger"],
        ];
        for (i, first) in kinds.iter().enumerate() {
            assert!(parse(first).is_ok());
            for second in &kinds[i + 1..] {
                let refused = parse(&[*first, *second].concat()).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ArgumentConflict);
            }
        }
        for of_ledger in [
            &["--hd-path", "m/0"][..],
            &["--mnemonic-index", "1"],
            &["--aws", "--mnemonic-index", "1"],
            &["--gcp", "--hd-path", "m/0"],
            &["-l", "--hd-path", "m/0", "--mnemonic-index", "1"],
            &["-l", "--hd-path", "44'/60'"],
        ] {
            assert!(parse(of_ledger).is_err(), "{of_ledger:?}");
        }
        let told = named(&[], &[]).unwrap_err().to_string();
        assert!(
            told.contains("--account") && told.contains("--ledger"),
            "{told}"
        );
    }
}
