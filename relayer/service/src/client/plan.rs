//! The contracts and the registration of a deployment.

use crate::error::{Error, Result};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::SolConstructor;
use chainfer_chain::abi::ChainferRegistry;
use chainfer_chain::registry::Registration;
use chainfer_formats::chain_model::key_hash;

/// Code of a verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierCode {
    /// Contract name, for messages.
    pub name: String,
    /// Creation code, constructor arguments included.
    pub creation_code: Bytes,
    /// Code that the contract must have once deployed, where it is known (no immutables).
    pub runtime_code: Option<Bytes>,
}

/// A chunk's key, and the verifier that reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkCode {
    /// Its verifier: a position in [`DeployPlan::verifiers`].
    pub verifier: usize,
    /// Name of the key, for messages.
    pub key_name: String,
    /// The verifying key, as the verifier takes it.
    pub key: Bytes,
}

/// Inferences that a model is expected to have where nobody says.
pub const EXPECTED_INFERENCES: u64 = 100;

/// Where the keys of a model are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlacement {
    /// In the calldata of every call: nothing is deployed.
    Calldata,
    /// In the code of contracts.
    Code,
    /// Where they cost less for so many inferences, by what the node estimates.
    Cheaper {
        /// Inferences that are expected of the model.
        inferences: u64,
    },
}

impl Default for KeyPlacement {
    fn default() -> Self {
        Self::Cheaper {
            inferences: EXPECTED_INFERENCES,
        }
    }
}

/// A registry to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRegistry {
    /// Creation code, without constructor arguments.
    pub creation_code: Bytes,
    /// Lists, unfreezes and removes verifier shapes; the sender when `None`.
    pub owner: Option<Address>,
    /// Freezes at once; nobody when `None`.
    pub guardian: Option<Address>,
    /// Code hashes of verifier shapes that are active from the first block on, in that order, each once; [`deploy`](super::deploy) adds
    /// those of the model that are not among them.
    pub listed: Vec<B256>,
}

impl NewRegistry {
    /// A registry that the sender owns.
    pub fn of_sender(creation_code: Bytes) -> Self {
        Self {
            creation_code,
            owner: None,
            guardian: None,
            listed: Vec::new(),
        }
    }

    /// Creation code with constructor arguments.
    pub fn init_code(&self, sender: Address) -> Bytes {
        let arguments = ChainferRegistry::constructorCall {
            owner_: self.owner.unwrap_or(sender),
            guardian_: self.guardian.unwrap_or_default(),
            codeHashes: self.listed.clone(),
        };
        [self.creation_code.as_ref(), &arguments.abi_encode()]
            .concat()
            .into()
    }
}

/// Where to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryPlan {
    /// At a registry that exists.
    Existing(Address),
    /// At one that is deployed first.
    New(NewRegistry),
}

/// What to deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployPlan {
    /// Registry that takes the model.
    pub registry: RegistryPlan,
    /// The verifiers, each once.
    pub verifiers: Vec<VerifierCode>,
    /// Verifier and key of each chunk, in order.
    pub chunks: Vec<ChunkCode>,
    /// Where keys are kept.
    pub keys: KeyPlacement,
    /// What the registry is to record of the model.
    pub registration: Registration,
}

impl DeployPlan {
    /// Creation code of a new registry, with constructor arguments: the verifiers of the model are listed, too.
    pub(super) fn registry_code(&self, new: &NewRegistry, sender: Address) -> Bytes {
        let mut new = new.clone();
        for hash in self.known_code_hashes() {
            if !new.listed.contains(&hash) {
                new.listed.push(hash);
            }
        }
        new.init_code(sender)
    }

    /// Code hashes of the verifiers, as far as they are known before they are deployed; each once.
    pub(super) fn known_code_hashes(&self) -> Vec<B256> {
        let mut hashes = Vec::new();
        for code in self
            .verifiers
            .iter()
            .filter_map(|v| v.runtime_code.as_ref())
        {
            let hash = keccak256(code);
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
        hashes
    }

    /// Code hash of each chunk's verifier, where it is known.
    pub(super) fn code_hashes_of_chunks(&self) -> Vec<Option<B256>> {
        let of = |chunk: &ChunkCode| {
            let verifier = self.verifiers.get(chunk.verifier)?;
            verifier.runtime_code.as_ref().map(keccak256)
        };
        self.chunks.iter().map(of).collect()
    }

    /// Refuses a plan whose parts do not fit each other, before anything is sent.
    pub(super) fn check(&self) -> Result<()> {
        let mismatch = |field, expected: String, got: String| {
            Err(Error::Mismatch {
                field,
                expected,
                got,
            })
        };
        let chunks = self.registration.num_public.len();
        if self.chunks.len() != chunks || chunks == 0 {
            return mismatch(
                "chunks",
                format!("a verifier and a key for each of {chunks} chunks"),
                self.chunks.len().to_string(),
            );
        }
        for (field, got) in [
            ("key_hashes", self.registration.key_hashes.len()),
            ("hiding_budgets", self.registration.hiding_budgets.len()),
        ] {
            if got != chunks {
                return mismatch(
                    field,
                    format!("one for each of {chunks} chunks"),
                    got.to_string(),
                );
            }
        }
        for (i, (chunk, expected)) in self
            .chunks
            .iter()
            .zip(&self.registration.key_hashes)
            .enumerate()
        {
            let hash = key_hash(&chunk.key);
            if hash != *expected {
                return mismatch(
                    "key_hashes",
                    format!("{expected} for chunk {i}"),
                    hash.to_string(),
                );
            }
        }
        match self
            .chunks
            .iter()
            .find(|c| c.verifier >= self.verifiers.len())
        {
            Some(chunk) => mismatch(
                "chunks.verifier",
                format!("one of {} verifiers", self.verifiers.len()),
                chunk.verifier.to_string(),
            ),
            None => Ok(()),
        }
    }
}
