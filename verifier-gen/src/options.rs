//! Options of the generator: where the key is, and how the arithmetic is kept.

/// Where a verifier finds the verifying key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// In its own code: one contract a key.
    Embedded,
    /// In calldata: one contract a constraint system.
    Shared,
}

/// How the field arithmetic is kept in the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CodeStyle {
    /// Inline, unless the contract would exceed the EVM's limit.
    #[default]
    Auto,
    /// As code: less gas.
    Inline,
    /// As data for an interpreter: smaller for large circuits.
    Interpreted,
}

/// How to generate a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorOptions {
    /// The contract's name, a Solidity identifier; without one, a shared verifier is named after its shape, and an embedded
    /// one `Halo2Verifier`.
    pub contract_name: Option<String>,
    /// Where the key is.
    pub mode: Mode,
    /// How the arithmetic is kept.
    pub code: CodeStyle,
}

impl GeneratorOptions {
    /// The same as [`embedded`](Self::embedded).
    pub fn new(contract_name: impl Into<String>) -> Self {
        Self::embedded(contract_name)
    }

    /// A contract of this name that holds the key.
    pub fn embedded(contract_name: impl Into<String>) -> Self {
        Self {
            contract_name: Some(contract_name.into()),
            mode: Mode::Embedded,
            code: CodeStyle::Auto,
        }
    }

    /// A contract for every key of one constraint system; its name is `Halo2Verifier` and the first four bytes of the shape's id.
    pub fn shared() -> Self {
        Self {
            contract_name: None,
            mode: Mode::Shared,
            code: CodeStyle::Auto,
        }
    }

    /// Like [`shared`](Self::shared), with a name of one's own.
    pub fn shared_named(contract_name: impl Into<String>) -> Self {
        Self {
            contract_name: Some(contract_name.into()),
            ..Self::shared()
        }
    }

    /// The same with another code style.
    #[must_use]
    pub fn with_code(self, code: CodeStyle) -> Self {
        Self { code, ..self }
    }
}
