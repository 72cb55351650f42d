//! Derivation paths (BIP-32) of accounts on a device.

use std::fmt;
use std::str::FromStr;

/// Marks an index of a path as hardened.
const HARDENED: u32 = 1 << 31;

/// More than any wallet uses; the device's application takes no more.
const MAX_DEPTH: usize = 10;

/// A derivation path like `m/44'/60'/0'/0/0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HdPath(Vec<u32>);

impl HdPath {
    /// The path of Ledger Live's account number `index`: `m/44'/60'/index'/0/0`, foundry's default too.
    pub fn ledger_live(index: u16) -> Self {
        let account = HARDENED | u32::from(index);
        Self(vec![HARDENED | 44, HARDENED | 60, account, 0, 0])
    }
}

impl FromStr for HdPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a path like m/44'/60'/0'/0/0, got {text:?}");
        let levels = text.strip_prefix("m/").ok_or_else(expected)?;
        let levels: Vec<u32> = levels
            .split('/')
            .map(|level| {
                let (digits, mark) = match level.strip_suffix(['\'', 'h']) {
                    Some(digits) => (digits, HARDENED),
                    None => (level, 0),
                };
                // The standard parser would take a sign.
                let number = digits.bytes().all(|b| b.is_ascii_digit());
                let index = digits.parse().ok().filter(|i| number && *i < HARDENED);
                index.map(|i: u32| i | mark).ok_or_else(expected)
            })
            .collect::<Result<_, _>>()?;
        if levels.len() > MAX_DEPTH {
            return Err(expected());
        }
        Ok(Self(levels))
    }
}

impl fmt::Display for HdPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("m")?;
        self.0.iter().try_for_each(|level| {
            let mark = if level & HARDENED == 0 { "" } else { "'" };
            write!(f, "/{}{mark}", level & !HARDENED)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_shown_as_it_was_read() {
        for text in ["m/44'/60'/0'/0/0", "m/44'/60'/7'/0", "m/0", "m/2147483647'"] {
            assert_eq!(text.parse::<HdPath>().unwrap().to_string(), text);
        }
        let other_mark: HdPath = "m/44h/60h/0h/0/3".parse().unwrap();
        assert_eq!(other_mark.to_string(), "m/44'/60'/0'/0/3");
        assert_eq!(HdPath::ledger_live(5).to_string(), "m/44'/60'/5'/0/0");
    }

    #[test]
    fn path_that_no_device_takes_is_refused() {
        for text in [
            "",
            "m",
            "m/",
            "44'/60'",
            "m/44'//0",
            "m/x",
            "m/-1",
            "m/+1",
            "m/1''",
            "m/2147483648",
            "m/4294967296",
            "m/1/2/3/4/5/6/7/8/9/10/11",
        ] {
            assert!(text.parse::<HdPath>().is_err(), "{text}");
        }
    }
}
