//! Who hands proofs in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name of a submitter, in bytes.
const LONGEST_NAME: usize = 64;

/// The name of whoever hands proofs in: quotas and the share of the queue are counted by it. The name is no secret, and
/// is logged and stored; the token that shows who it is, is neither.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Submitter(Arc<str>);

/// A text that is no name of a submitter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name of a submitter: 1 to {LONGEST_NAME} of the characters A-Z, a-z, 0-9, '.', '_' and '-' are"
)]
pub struct BadSubmitter(String);

impl Submitter {
    /// Whoever uses this machine: programs that use the library, and clients of a service on loopback that has no tokens.
    pub fn local() -> Self {
        Self("local".into())
    }

    /// Whoever shows the one token for submitting that a service has when it has no file of tokens.
    pub fn shared() -> Self {
        Self("shared".into())
    }

    /// Whoever shows the one admin token that a service has when it has no file of tokens.
    pub fn admin() -> Self {
        Self("admin".into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Submitter {
    type Err = BadSubmitter;

    fn from_str(text: &str) -> Result<Self, BadSubmitter> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.into()));
        }
        Err(BadSubmitter(text.chars().take(LONGEST_NAME).collect()))
    }
}

impl fmt::Display for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_has_only_harmless_characters() {
        for good in ["a", "team-1.batch_2", &"x".repeat(LONGEST_NAME)] {
            assert_eq!(good.parse::<Submitter>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "two words",
            "ünder",
            "a\n",
            "a:b",
            &"x".repeat(LONGEST_NAME + 1),
        ] {
            assert!(bad.parse::<Submitter>().is_err(), "{bad:?}");
        }
        for known in [Submitter::local(), Submitter::shared(), Submitter::admin()] {
            assert_eq!(known.as_str().parse(), Ok(known));
        }
    }
}
