//! The contracts' enums. An ABI encodes them as numbers and does not name their values, so they are stated here; a test
//! compares them with the Solidity source.

use super::contracts::ChainferRegistry::{InferenceState, Model};

macro_rules! solidity_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value that an ABI encodes as `value`; `None` for one that this program does not know.
            pub fn from_abi(value: u8) -> Option<Self> {
                Self::ALL.get(usize::from(value)).copied()
            }

            /// As an ABI encodes it.
            pub const fn to_abi(self) -> u8 {
                self as u8
            }
        }
    };
}

solidity_enum! {
    /// Whether a registry accepts models with a verifier shape.
    VerifierStatus {
        /// Not on the registry's list.
        Unknown,
        /// Listed: models with it are accepted.
        Active,
        /// Listed, and suspended for now.
        Frozen,
        /// Taken off the list for good.
        Removed,
    }
}

solidity_enum! {
    /// Whether a tensor's values, or only the commitment to them, are public.
    Visibility {
        /// Its values are public.
        Public,
        /// Only its leaf is.
        Committed,
    }
}

solidity_enum! {
    /// How far an inference is attested.
    InferenceStatus {
        /// The registry has no record of it.
        None,
        /// Its root is posted.
        Committed,
        /// Every chunk is proven.
        Proven,
    }
}

impl VerifierStatus {
    /// In words, after "is".
    pub const fn standing(self) -> &'static str {
        match self {
            Self::Unknown => "not on the registry's list",
            Self::Active => "listed and active",
            Self::Frozen => "frozen",
            Self::Removed => "removed for good",
        }
    }
}

impl InferenceState {
    /// How far it is attested; `None` for a status that this program does not know.
    pub fn status(&self) -> Option<InferenceStatus> {
        InferenceStatus::from_abi(self.status)
    }
}

impl Model {
    /// Whether its registrant has ended it: what is proven afterwards does not count.
    pub fn is_deprecated(&self) -> bool {
        !self.deprecatedAt.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = include_str!("../../../../contracts/src/types/RegistryTypes.sol");

    /// The values of an enum in the Solidity source, in order.
    fn declared(name: &str) -> Vec<&'static str> {
        let (_, body) = SOURCE.split_once(&format!("\nenum {name} {{")).unwrap();
        let (values, _) = body.split_once('}').unwrap();
        values.split(',').map(str::trim).collect()
    }

    fn named<T: std::fmt::Debug>(values: &[T]) -> Vec<String> {
        values.iter().map(|value| format!("{value:?}")).collect()
    }

    #[test]
    fn enums_equal_those_of_the_solidity_source() {
        assert_eq!(named(VerifierStatus::ALL), declared("VerifierStatus"));
        assert_eq!(named(Visibility::ALL), declared("Visibility"));
        assert_eq!(named(InferenceStatus::ALL), declared("InferenceStatus"));
    }

    #[test]
    fn from_abi_is_the_inverse_of_to_abi() {
        for status in VerifierStatus::ALL {
            assert_eq!(VerifierStatus::from_abi(status.to_abi()), Some(*status));
        }
        assert_eq!(VerifierStatus::from_abi(4), None);
    }
}
