//! What must hold in a manifest.
//!
//! A manifest is written by whoever compiled the model, or by a forger with honest keys. Everything in it that follows from
//! something else in it is compared here, so that no public value is free and none is read as something else than the
//! circuit put there. What is free by nature is bound by the id alone: names, scales, zero points, element orders, lengths of
//! cut tensors, budgets, digests of contracts.

use super::{ChunkEntry, MANIFEST, Manifest, TensorSpec, is_contract_name, source_path};
use crate::{
    error::{FormatError, Result},
    limits::{MAX_CHUNKS, MAX_PROOF_BYTES},
    srs::SrsError,
};

fn refuse<T>(field: impl Into<String>, expected: impl ToString, got: impl ToString) -> Result<T> {
    Err(FormatError::inconsistent(
        MANIFEST.name,
        field,
        expected,
        got,
    ))
}

impl Manifest {
    /// Checks an untrusted manifest on its own: id, setup, and that its parts fit each other.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] names the first field that does not fit.
    pub fn validate(&self) -> Result<()> {
        let id = self.recompute_id();
        if id != self.manifest_id {
            return refuse(
                "manifest_id",
                format!("{id} (the digest of the content; the file was changed)"),
                self.manifest_id,
            );
        }
        self.srs.check().map_err(|e| {
            let SrsError {
                field,
                expected,
                got,
            } = e;
            FormatError::inconsistent(MANIFEST.name, format!("srs.{field}"), expected, got)
        })?;
        check_count("chunks", self.chunks.len(), MAX_CHUNKS)?;
        for (index, chunk) in self.chunks.iter().enumerate() {
            self.check_chunk(index, chunk)?;
        }
        for (list, specs) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            for (i, spec) in specs.iter().enumerate() {
                self.check_tensor(spec).map_err(|(field, expected, got)| {
                    let field = format!("{list}[{i}].{field}");
                    FormatError::inconsistent(MANIFEST.name, field, expected, got)
                })?;
            }
        }
        Ok(())
    }

    fn check_chunk(&self, index: usize, chunk: &ChunkEntry) -> Result<()> {
        let field = |name: &str| format!("chunks[{index}].{name}");
        if chunk.index != index {
            return refuse(field("index"), index, chunk.index);
        }
        chunk.shape.validate().map_err(|e| {
            let field = field(&format!("shape.{}", e.field));
            FormatError::inconsistent(MANIFEST.name, field, e.allowed, e.got)
        })?;
        if !(1..=MAX_PROOF_BYTES).contains(&chunk.proof_length) {
            return refuse(
                field("proof_length"),
                format!("1 to {MAX_PROOF_BYTES} bytes"),
                chunk.proof_length,
            );
        }
        self.check_verifier(index, chunk)
    }

    /// A generated verifier has a name, a path that follows from it, a digest and a key; any other chunk has none of these.
    fn check_verifier(&self, index: usize, chunk: &ChunkEntry) -> Result<()> {
        let field = |name: &str| format!("chunks[{index}].{name}");
        let Some(verifier) = chunk.verifier() else {
            let none = chunk.contract.is_none()
                && chunk.source.is_none()
                && chunk.source_digest.is_none()
                && chunk.key_code_hash.is_none();
            return if none {
                Ok(())
            } else {
                let all = "contract, source, source_digest and key_code_hash, or none of them";
                refuse(field("contract"), all, "some of them")
            };
        };
        // Names and paths are not hashed, so they are not free either.
        if !is_contract_name(verifier.contract) {
            return refuse(
                field("contract"),
                "at most 64 letters and digits, a letter first",
                format!("{:?}", verifier.contract),
            );
        }
        let source = source_path(verifier.contract);
        if verifier.source != source {
            return refuse(field("source"), source, format!("{:?}", verifier.source));
        }
        let other = self
            .chunks
            .iter()
            .find(|c| c.contract == chunk.contract && c.source_digest != chunk.source_digest);
        match other {
            None => Ok(()),
            Some(other) => refuse(
                field("source_digest"),
                format!(
                    "that of chunk {}, whose verifier has the same name",
                    other.index
                ),
                verifier.source_digest,
            ),
        }
    }

    fn check_tensor(&self, spec: &TensorSpec) -> Result<(), (&'static str, String, String)> {
        let fits = self
            .chunks
            .get(spec.chunk)
            .is_some_and(|c| spec.offset.saturating_add(spec.words()) <= c.num_public);
        if !fits {
            return Err((
                "offset",
                "a place among its chunk's public values".to_owned(),
                spec.offset.to_string(),
            ));
        }
        let ordered = spec
            .element_order
            .as_ref()
            .is_none_or(|order| is_permutation(order, spec.length));
        if !ordered {
            return Err((
                "element_order",
                format!("a permutation of {} positions", spec.length),
                "none".to_owned(),
            ));
        }
        Ok(())
    }
}

fn check_count(list: &str, got: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&got) {
        return Ok(());
    }
    refuse(list, format!("1 to {most} {list}"), got)
}

fn is_permutation(order: &[usize], length: usize) -> bool {
    let mut seen = vec![false; order.len()];
    order.len() == length
        && order.iter().all(|at| {
            seen.get_mut(*at)
                .is_some_and(|s| !std::mem::replace(s, true))
        })
}
