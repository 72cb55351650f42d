//! The verifiers of a bundle: generated at compile time, checked against the manifest ever after.

use crate::failure::bad_input;
use anyhow::Context as _;
use chainfer_engine::{
    bundle::{PublicBundle, VerifierRequest},
    bytes::keccak256,
};
use chainfer_verifier_gen::{GenerateError, GeneratedVerifier, GeneratorOptions};
use std::fs;

/// Largest runtime code of a contract (EIP-170).
pub(crate) const CODE_LIMIT: usize = 24_576;

/// The source of a verifier.
#[derive(Clone, Debug)]
pub(crate) struct VerifierSource {
    /// Contract name.
    pub(crate) contract: String,
    /// Solidity.
    pub(crate) text: String,
}

impl VerifierSource {
    /// Its file name.
    pub(crate) fn file(&self) -> String {
        format!("{}.sol", self.contract)
    }
}

/// Generates a chunk's verifier.
///
/// # Errors
/// The verifier would not fit in a contract, among others.
pub(crate) fn generate(request: &VerifierRequest<'_>) -> Result<GeneratedVerifier, GenerateError> {
    let options = GeneratorOptions::new(request.contract);
    chainfer_verifier_gen::generate(
        request.vk,
        request.params,
        &[request.num_instances],
        &options,
    )
}

/// The sources in a bundle, each the one that the manifest's digest names and that its verifying key generates.
///
/// # Errors
/// A source is missing, was changed, or is not what the verifying key generates.
pub(crate) fn read_checked(bundle: &PublicBundle) -> anyhow::Result<Vec<VerifierSource>> {
    bundle
        .manifest()
        .chunks
        .iter()
        .map(|entry| {
            let (Some(source), Some(expected)) = (&entry.source, entry.source_digest) else {
                return Err(bad_input(format!(
                    "the bundle has no Solidity verifier for chunk {}; compile it again",
                    entry.index
                )));
            };
            let path = bundle.dir().join(source);
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read the verifier {}", path.display()))?;
            let got = keccak256(&[text.as_bytes()]);
            if got != expected {
                return Err(bad_input(format!(
                    "{}: its digest is {got}, the manifest says {expected}: the file was changed; restore it or compile again",
                    path.display()
                )));
            }
            // The manifest's digest is the bundle's own word; the key is what proofs are checked against.
            let request = VerifierRequest {
                chunk: entry.index,
                contract: &entry.contract,
                vk: &bundle.verifying_keys()[entry.index],
                params: &bundle.verifier_params()[entry.index],
                num_instances: 2 + entry.num_public,
            };
            if generate(&request)?.solidity != text {
                return Err(bad_input(format!(
                    "{} is not the verifier of chunk {}'s verifying key: the bundle was forged, or another version of chainfer made it; compile it again",
                    path.display(),
                    entry.index
                )));
            }
            Ok(VerifierSource { contract: entry.contract.clone(), text })
        })
        .collect()
}
