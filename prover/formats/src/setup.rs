//! What a trusted setup is worth: the development one, one of a ceremony that is on a list, or an unknown one.
//!
//! A bundle cannot say this of itself. Whoever makes a setup alone knows its tau and forges proofs under it, so everything but
//! the listed setups is [`SetupStatus::Unknown`].

use crate::{
    error::{FormatError, Result},
    files::Access,
    hex,
    json::FileKind,
    limits::DEVELOPMENT_CHAIN_ID,
    srs::{G2_BYTES, SrsSpec},
};
use alloy_primitives::Bytes;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};
use std::{fmt, path::Path};

/// Kind of files that list setups.
pub const KNOWN_SRS: FileKind = FileKind {
    name: "list of known setups",
    format: "chainfer.known-srs",
    version: 1,
    access: Access::Public,
    max_bytes: 1 << 20,
};

const MAX_NAME: usize = 100;

/// A ceremony whose result is public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownSetup {
    /// What it is called; printable ASCII.
    pub name: String,
    /// tau in G2, as in [`SrsSpec::tau_g2`]. It fixes tau in G1, which is checked against it wherever a setup is read.
    #[serde(with = "hex::bytes")]
    pub tau_g2: Bytes,
    /// Where the point can be looked up.
    pub sources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFile {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "version")]
    _version: u32,
    setups: Vec<KnownSetup>,
}

/// The setups that a user trusts: the built-in list and those of the user's own files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSetups(Vec<KnownSetup>);

impl Default for KnownSetups {
    fn default() -> Self {
        Self::built_in()
    }
}

impl KnownSetups {
    /// The ceremonies that this program knows. Each point was found equal in two public sources that do not derive from each
    /// other.
    pub fn built_in() -> Self {
        Self(BUILT_IN.iter().map(BuiltIn::setup).collect())
    }

    /// Adds the setups of a file.
    ///
    /// # Errors
    /// Not such a file, a name that is not printable ASCII, a point of another length, or a name or point that is listed
    /// already. Curve and subgroup are checked by the engine.
    pub fn add_file(&mut self, path: &Path) -> Result<()> {
        let file: KnownFile = KNOWN_SRS.read_named(path)?;
        for (index, setup) in file.setups.into_iter().enumerate() {
            self.add(setup, index)?;
        }
        Ok(())
    }

    fn add(&mut self, setup: KnownSetup, index: usize) -> Result<()> {
        let refuse = |field: &str, expected: &str, got: String| {
            let field = format!("setups[{index}].{field}");
            Err(FormatError::inconsistent(
                KNOWN_SRS.name,
                field,
                expected,
                got,
            ))
        };
        let name = &setup.name;
        let printable = name.bytes().all(|c| c == b' ' || c.is_ascii_graphic());
        if name.trim().is_empty() || name.len() > MAX_NAME || !printable {
            return refuse(
                "name",
                "1 to 100 printable ASCII characters",
                format!("{} bytes", name.len()),
            );
        }
        if setup.tau_g2.len() != G2_BYTES {
            let got = format!("{} bytes", setup.tau_g2.len());
            return refuse("tau_g2", "128 bytes", got);
        }
        for other in &self.0 {
            if other.name == *name {
                return refuse("name", "a name that is not listed yet", name.clone());
            }
            if other.tau_g2 == setup.tau_g2 {
                return refuse(
                    "tau_g2",
                    "a point that is not listed yet",
                    other.name.clone(),
                );
            }
        }
        self.0.push(setup);
        Ok(())
    }

    /// All of them, the built-in ones first.
    pub fn iter(&self) -> impl Iterator<Item = &KnownSetup> {
        self.0.iter()
    }

    /// What the setup is. Its description must have been checked, as that of an open bundle was: the points are compared
    /// here, not verified.
    pub fn status(&self, spec: &SrsSpec) -> SetupStatus {
        if spec.is_development() {
            return SetupStatus::Development;
        }
        match self.0.iter().find(|known| known.tau_g2 == spec.tau_g2) {
            Some(known) => SetupStatus::Known {
                name: known.name.clone(),
            },
            None => SetupStatus::Unknown,
        }
    }
}

/// What a setup is, for somebody who trusts the setups of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupStatus {
    /// The development setup: anybody can forge proofs under it.
    Development,
    /// A listed ceremony: proofs convince if one of its participants was honest.
    Known {
        /// Name in the list.
        name: String,
    },
    /// Any other: whoever made it may know its tau, and can then forge proofs.
    Unknown,
}

impl SetupStatus {
    /// `development`, `known` or `unknown`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Known { .. } => "known",
            Self::Unknown => "unknown",
        }
    }

    /// Name of a listed setup.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Known { name } => Some(name),
            Self::Development | Self::Unknown => None,
        }
    }

    /// Whether it is on the list.
    pub fn is_known(&self) -> bool {
        self.name().is_some()
    }
}

/// As reports show it, flattened: `setup` is the word, `setup_name` the name of a listed one or null.
impl Serialize for SetupStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("SetupStatus", 2)?;
        fields.serialize_field("setup", self.word())?;
        fields.serialize_field("setup_name", &self.name())?;
        fields.end()
    }
}

impl fmt::Display for SetupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Development => f.write_str(
                "INSECURE development setup: anybody can forge proofs; for chain 31337 and tests only",
            ),
            Self::Known { name } => write!(f, "known: {name}"),
            Self::Unknown => f.write_str(
                "UNKNOWN: not on the list of ceremonies; whoever made it may be able to forge proofs",
            ),
        }
    }
}

/// Which setups a user accepts, and for which chains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupPolicy {
    /// The list.
    pub known: KnownSetups,
    /// Accept the development setup on every chain.
    pub allow_development: bool,
    /// Accept setups that are not on the list on every chain.
    pub allow_unknown: bool,
}

impl SetupPolicy {
    /// See [`KnownSetups::status`].
    pub fn status(&self, spec: &SrsSpec) -> SetupStatus {
        self.known.status(spec)
    }

    /// Refuses setups that are not on the list for every chain but [`DEVELOPMENT_CHAIN_ID`], unless they are allowed.
    ///
    /// # Errors
    /// Says what the setup is and which chain needs a better one.
    pub fn require_for_chain(&self, spec: &SrsSpec, chain_id: u64) -> Result<(), SetupRefusal> {
        if chain_id == DEVELOPMENT_CHAIN_ID {
            return Ok(());
        }
        match self.status(spec) {
            SetupStatus::Development if !self.allow_development => {
                Err(SetupRefusal::Development { chain_id })
            }
            SetupStatus::Unknown if !self.allow_unknown => Err(SetupRefusal::Unknown { chain_id }),
            _ => Ok(()),
        }
    }
}

/// A setup that does not do for a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupRefusal {
    /// The development setup.
    #[error(
        "the bundle uses the insecure development SRS, under which anybody can forge proofs, and chain {chain_id} is not the \
         local development chain ({DEVELOPMENT_CHAIN_ID}); if this is a test, pass --allow-insecure-srs"
    )]
    Development {
        /// Chain asked for.
        chain_id: u64,
    },
    /// A setup that is not on the list.
    #[error(
        "the bundle's trusted setup is unknown: it is on no list of ceremonies, so whoever made it may be able to forge proofs; \
         chain {chain_id} needs a known one; if you trust it, list it with --known-srs FILE, or pass --allow-unknown-srs"
    )]
    Unknown {
        /// Chain asked for.
        chain_id: u64,
    },
}

struct BuiltIn {
    name: &'static str,
    /// x.c1, x.c0, y.c1, y.c0.
    tau_g2: [&'static str; 4],
    sources: &'static [&'static str],
}

impl BuiltIn {
    fn setup(&self) -> KnownSetup {
        let word = |text: &&str| hex::parse_word(text).unwrap_or_default().0;
        KnownSetup {
            name: self.name.to_owned(),
            tau_g2: self.tau_g2.iter().flat_map(word).collect(),
            sources: self.sources.iter().map(|s| (*s).to_owned()).collect(),
        }
    }
}

const BUILT_IN: [BuiltIn; 2] = [
    // Contribution 54 of the perpetual powers of tau and a beacon, by Hermez (now Polygon): powersOfTau28_hez_final*.ptau.
    BuiltIn {
        name: "Hermez powersOfTau28_hez_final",
        tau_g2: [
            "0x26186a2d65ee4d2f9c9a5b91f86597d35f192cd120caf7e935d8443d1938e23d",
            "0x30441fd1b5d3370482c42152a8899027716989a6996c2535bc9f7fee8aaef79e",
            "0x1970ea81dd6992adfbc571effb03503adbbb6a857f578403c6c40e22d65b3c02",
            "0x054793348f12c0cf5622c340573cb277586319de359ab9389778f689786b1e48",
        ],
        sources: &[
            "github.com/0xPolygonHermez/zkevm-contracts contracts/verifiers/FflonkVerifier.sol (X2x1 to X2y2; generated by snarkjs)",
            "github.com/summa-dev/summa-solvency contracts/src/VerifyingKey.sol (neg_s_g2; generated by halo2-solidity-verifier from hermez-raw-17)",
        ],
    },
    // The challenge file after contribution 84, that is challenge_0085 of the transcript.
    BuiltIn {
        name: "Perpetual Powers of Tau challenge_0085",
        tau_g2: [
            "0x172aa93c41f16e1e04d62ac976a5d945f4be0acab990c6dc19ac4a7cf68bf77b",
            "0x2ae0c8c3a090f7200ff398ee9845bbae8f8c1445ae7b632212775f60a0e21600",
            "0x1754a9fc3b7e4da9197c283c7401773208190c5555caf254e644e99c29366704",
            "0x1459fe6cc8a1222fd4290864ff9e47d4b8cf7a403593c7107c39538ddefd857e",
        ],
        sources: &[
            "github.com/Layr-Labs/rust-kzg-bn254 primitives/src/consts.rs (G2_TAU; parsed from challenge_0085, see Layr-Labs/eigenda tools/srs-utils/README.md)",
            "github.com/openvm-org/openvm-solidity-sdk src/v1.6/Halo2Verifier.sol (the pairing's second G2 point, negated; parameters of axiom-crypto/challenge_0085)",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn spec(byte: u8) -> SrsSpec {
        SrsSpec::new(vec![1; 64].into(), vec![byte; 128].into())
    }

    fn setup(name: &str, byte: u8) -> KnownSetup {
        KnownSetup {
            name: name.to_owned(),
            tau_g2: vec![byte; 128].into(),
            sources: Vec::new(),
        }
    }

    fn file(setups: &[KnownSetup]) -> serde_json::Value {
        serde_json::json!({ "format": "chainfer.known-srs", "version": 1, "setups": setups })
    }

    fn read(json: &serde_json::Value) -> Result<KnownSetups> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known.json");
        fs::write(&path, json.to_string()).unwrap();
        let mut known = KnownSetups::built_in();
        known.add_file(&path).map(|()| known)
    }

    #[test]
    fn built_in_setups_are_complete_and_have_two_sources() {
        let known = KnownSetups::built_in();
        assert_eq!(known.iter().count(), BUILT_IN.len());
        for (setup, constant) in known.iter().zip(&BUILT_IN) {
            assert_eq!(setup.tau_g2.len(), G2_BYTES);
            for (word, text) in setup.tau_g2.chunks(32).zip(&constant.tau_g2) {
                assert_eq!(hex::parse_word(text).unwrap().0, word);
            }
            assert!(setup.sources.len() >= 2, "{}", setup.name);
        }
    }

    #[test]
    fn listed_setup_is_known_and_any_other_unknown() {
        let known = read(&file(&[setup("ours", 7)])).unwrap();
        let status = known.status(&spec(7));
        assert_eq!((status.word(), status.name()), ("known", Some("ours")));
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(
            json,
            serde_json::json!({ "setup": "known", "setup_name": "ours" })
        );
        assert_eq!(known.status(&spec(8)), SetupStatus::Unknown);
        assert_eq!(
            KnownSetups::built_in().status(&spec(7)),
            SetupStatus::Unknown
        );
    }

    #[test]
    fn malformed_list_is_refused_with_its_field() {
        let hex = |byte: u8| Bytes::from(vec![byte; 127]).to_string();
        let good = file(&[setup("ours", 7)]);
        type Change = fn(&mut serde_json::Value, String);
        let cases: [(&str, Change); 9] = [
            ("format", |v, _| v["format"] = "x".into()),
            ("version", |v, _| v["version"] = 2.into()),
            ("setups[0].name", |v, _| v["setups"][0]["name"] = "".into()),
            ("setups[0].name", |v, _| {
                v["setups"][0]["name"] = "a\u{1b}[2J".into();
            }),
            ("setups[0].tau_g2", |v, hex| {
                v["setups"][0]["tau_g2"] = hex.into();
            }),
            ("setups[0].note", |v, _| v["setups"][0]["note"] = 1.into()),
            ("note", |v, _| v["note"] = 1.into()),
            ("setups[1].name", |v, _| {
                let again = v["setups"][0].clone();
                v["setups"].as_array_mut().unwrap().push(again);
            }),
            ("setups[1].tau_g2", |v, _| {
                let mut again = v["setups"][0].clone();
                again["name"] = "another".into();
                v["setups"].as_array_mut().unwrap().push(again);
            }),
        ];
        read(&good).unwrap();
        for (field, change) in cases {
            let mut bad = good.clone();
            change(&mut bad, hex(7));
            let message = read(&bad).unwrap_err().to_string();
            assert!(message.contains(field), "{field}: {message}");
        }
    }

    #[test]
    fn policy_refuses_what_is_not_listed_on_public_chains_only() {
        let known = read(&file(&[setup("ours", 7)])).unwrap();
        let policy = |allow_unknown| SetupPolicy {
            known: known.clone(),
            allow_unknown,
            ..SetupPolicy::default()
        };
        let refused = SetupRefusal::Unknown { chain_id: 1 };
        assert_eq!(
            policy(false).require_for_chain(&spec(8), 1),
            Err(refused.clone())
        );
        assert!(refused.to_string().contains("--allow-unknown-srs"));
        assert!(
            policy(false)
                .require_for_chain(&spec(8), DEVELOPMENT_CHAIN_ID)
                .is_ok()
        );
        assert!(policy(false).require_for_chain(&spec(7), 1).is_ok());
        assert!(policy(true).require_for_chain(&spec(8), 1).is_ok());
    }

    #[test]
    fn policy_recognises_the_development_setup_by_its_digest() {
        let mut development = spec(1);
        development.digest = crate::srs::DEVELOPMENT_DIGEST;
        let mut policy = SetupPolicy {
            allow_unknown: true,
            ..SetupPolicy::default()
        };
        assert_eq!(policy.status(&development).word(), "development");
        let refused = policy.require_for_chain(&development, 1).unwrap_err();
        assert_eq!(refused, SetupRefusal::Development { chain_id: 1 });
        assert!(refused.to_string().contains("--allow-insecure-srs"));
        policy.allow_development = true;
        assert!(policy.require_for_chain(&development, 1).is_ok());
    }
}
