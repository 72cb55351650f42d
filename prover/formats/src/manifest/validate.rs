//! What must hold in a manifest.
//!
//! A manifest is written by whoever compiled the model, or by a forger who has honest keys and hashes a manifest of their
//! own. Everything in it that follows from something else in it is compared here, so that no single field can be changed to
//! read a public value from a wrong place.
//!
//! ```text
//! leaves, outputs ── class, order, visibility
//! reads, writes   ── who writes and reads each leaf
//!        └─ exposes ── words ── num_public
//!               └─ inputs, outputs: chunk, offset, length, name, visibility
//! ```
//!
//! What is free by nature is bound by the id alone: names and lengths of cut tensors, scales, zero points, shapes of one
//! product, element orders, hiding budgets, digests of contracts. So is what fits together because several fields were changed
//! at once: an output that is longer, or one output more, with its leaf, its public values and the digest of the key changed
//! to match, reads a public value that no circuit constrains. Nothing in a verifying key tells which leaves and how many
//! instances its circuit constrains. A bundle is worth what whoever checked its id knows of it; only compiling again shows
//! that the manifest describes the keys.

use super::{
    ChunkEntry, LeafEntry, MANIFEST, Manifest, TensorSpec,
    derive::{Flow, exposes, flows, words},
    is_contract_name, place, source_path,
};
use crate::{
    boundary::{LeafClass, Visibility},
    error::{FormatError, Result},
    limits::{
        MAX_CHUNKS, MAX_INPUTS, MAX_LEAVES, MAX_NAME_BYTES, MAX_PROOF_BYTES, MAX_RANK,
        MAX_REPORT_WORDS, MAX_TENSOR_LENGTH, REPORT_REMEDY, report_words,
    },
    scalar::Scalar,
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

/// Refuses unless both are equal.
fn equal<T: PartialEq + std::fmt::Debug>(
    field: impl Into<String>,
    expected: T,
    got: T,
) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    refuse(field, format!("{expected:?}"), format!("{got:?}"))
}

/// Refuses another digest than that of the keys.
pub(super) fn key_set(manifest: &Manifest, of_keys: Scalar) -> Result<()> {
    if manifest.key_set == of_keys {
        return Ok(());
    }
    let expected = format!("{of_keys} (the digest of the keys beside it)");
    refuse("key_set", expected, manifest.key_set)
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
        check_count("leaves", self.leaves.len(), MAX_LEAVES)?;
        check_count("inputs", self.inputs.len(), MAX_INPUTS)?;
        check_count("outputs", self.outputs.len(), MAX_LEAVES)?;
        for (index, chunk) in self.chunks.iter().enumerate() {
            self.check_chunk(index, chunk)?;
            self.check_verifier(index, chunk)?;
        }
        self.check_ends()?;
        let flows = flows(&self.chunks, self.leaves.len());
        self.check_leaves(&flows)?;
        for (index, chunk) in self.chunks.iter().enumerate() {
            let field = |name: &str| format!("chunks[{index}].{name}");
            equal(
                field("exposes"),
                &exposes(self, index, &flows),
                &chunk.exposes,
            )?;
            equal(
                field("num_public"),
                words(&chunk.exposes, &self.leaves),
                chunk.num_public,
            )?;
            // Root and context come first, and a circuit has fewer usable rows than rows.
            let rows = 1usize << chunk.shape.k;
            if chunk.num_public + 2 >= rows {
                return refuse(
                    field("num_public"),
                    format!("fewer than the {rows} rows of the circuit"),
                    chunk.num_public,
                );
            }
        }
        for (list, specs) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            for (i, spec) in specs.iter().enumerate() {
                self.check_tensor(&format!("{list}[{i}]"), spec)?;
            }
        }
        self.check_report()
    }

    /// Two inferences that contradict each other can be shown to the registry.
    fn check_report(&self) -> Result<()> {
        let words = |specs: &[TensorSpec]| specs.iter().map(TensorSpec::words).collect::<Vec<_>>();
        let (inputs, outputs) = (words(&self.inputs), words(&self.outputs));
        let words = report_words(self.chunks.len(), inputs, outputs);
        if words <= MAX_REPORT_WORDS {
            return Ok(());
        }
        let expected = format!(
            "at most {MAX_REPORT_WORDS} words in a report of a contradiction: {REPORT_REMEDY}"
        );
        refuse("outputs", expected, format!("{words} words"))
    }

    fn check_chunk(&self, index: usize, chunk: &ChunkEntry) -> Result<()> {
        let field = |name: &str| format!("chunks[{index}].{name}");
        equal(field("index"), index, chunk.index)?;
        chunk.shape.validate().map_err(|e| {
            let field = field(&format!("shape.{}", e.field));
            FormatError::inconsistent(MANIFEST.name, field, e.allowed, e.got)
        })?;
        equal(field("shape.range"), self.range, chunk.shape.range)?;
        if !(1..=MAX_PROOF_BYTES).contains(&chunk.proof_length) {
            return refuse(
                field("proof_length"),
                format!("1 to {MAX_PROOF_BYTES} bytes"),
                chunk.proof_length,
            );
        }
        if chunk.hide_rows == 1 || u64::from(chunk.hide_rows) >= 1 << chunk.shape.k {
            return refuse(
                field("hide_rows"),
                "0, or at least 2 and fewer than the rows of the circuit",
                chunk.hide_rows,
            );
        }
        for (name, list) in [("reads", &chunk.reads), ("writes", &chunk.writes)] {
            let ascending = list.is_sorted_by(|a, b| a < b);
            if !ascending || list.last().is_some_and(|last| *last >= self.leaves.len()) {
                return refuse(
                    field(name),
                    format!("positions of the {} leaves, ascending", self.leaves.len()),
                    format!("{list:?}"),
                );
            }
        }
        if chunk.reads.is_empty() {
            return refuse(field("reads"), "at least one leaf", "none");
        }
        Ok(())
    }

    /// A generated verifier has a name, a path that follows from it, a digest and a key; any other chunk has none of these.
    fn check_verifier(&self, index: usize, chunk: &ChunkEntry) -> Result<()> {
        let field = |name: &str| format!("chunks[{index}].{name}");
        let all = self.chunks.iter().all(|c| c.verifier().is_some());
        let Some(verifier) = chunk.verifier().filter(|_| all) else {
            let none = chunk.contract.is_none()
                && chunk.source.is_none()
                && chunk.source_digest.is_none()
                && chunk.key_code_hash.is_none();
            return if none {
                Ok(())
            } else {
                let expected =
                    "contract, source, source_digest and key_code_hash in all chunks or in none";
                refuse(field("contract"), expected, "some of them")
            };
        };
        // In the manifest's id zero stands for none.
        for (name, digest) in [
            ("source_digest", verifier.source_digest),
            ("key_code_hash", verifier.key_code_hash),
        ] {
            if digest.is_zero() {
                return refuse(field(name), "the digest of a file", digest);
            }
        }
        // Names and paths are not hashed, so they are not free either.
        if !is_contract_name(verifier.contract) {
            return refuse(
                field("contract"),
                "at most 64 letters and digits, a letter first",
                format!("{:?}", verifier.contract),
            );
        }
        equal(
            field("source"),
            source_path(verifier.contract).as_str(),
            verifier.source,
        )?;
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

    /// Inputs are the first leaves in order, outputs the last ones; an output that a later chunk reads is a cut tensor.
    fn check_ends(&self) -> Result<()> {
        let of_class = |class: LeafClass| {
            let leaves = self.leaves.iter().enumerate();
            leaves
                .filter(move |(_, l)| l.class == class)
                .map(|(i, _)| i)
        };
        if !self.leaves.is_sorted_by_key(|leaf| leaf.class) {
            let classes: Vec<LeafClass> = self.leaves.iter().map(|l| l.class).collect();
            return refuse(
                "leaves",
                "inputs, then cut tensors, then outputs",
                format!("{classes:?}"),
            );
        }
        let inputs: Vec<usize> = self.inputs.iter().map(|spec| spec.leaf).collect();
        equal("inputs", of_class(LeafClass::Input).collect(), inputs)?;
        let mut seen = vec![false; self.leaves.len()];
        let mut last = Vec::new();
        for (i, spec) in self.outputs.iter().enumerate() {
            let fresh = seen
                .get_mut(spec.leaf)
                .is_some_and(|seen| !std::mem::replace(seen, true));
            let class = self.leaves.get(spec.leaf).map(|leaf| leaf.class);
            if !fresh || class == Some(LeafClass::Input) {
                return refuse(
                    format!("outputs[{i}].leaf"),
                    "a cut tensor or an output, and each once",
                    spec.leaf,
                );
            }
            last.extend((class == Some(LeafClass::Output)).then_some(spec.leaf));
        }
        equal("outputs", of_class(LeafClass::Output).collect(), last)
    }

    /// Each leaf is written and read as its class says.
    fn check_leaves(&self, flows: &[Flow]) -> Result<()> {
        let mut last_writer = 0;
        for (i, (leaf, flow)) in self.leaves.iter().zip(flows).enumerate() {
            let field = |name: &str| format!("leaves[{i}].{name}");
            check_flow(leaf.class, flow).or_else(|expected| {
                refuse(
                    field("class"),
                    expected,
                    format!(
                        "{:?} written by {:?} and read by {:?}",
                        leaf.class, flow.writers, flow.readers
                    ),
                )
            })?;
            if let (LeafClass::Cut, Some(writer)) = (leaf.class, flow.writers.first()) {
                if *writer < last_writer {
                    return refuse(
                        format!("leaves[{i}]"),
                        "cut tensors in the order of the chunks that write them",
                        format!("chunk {writer} after chunk {last_writer}"),
                    );
                }
                last_writer = *writer;
            }
            self.check_leaf(i, leaf)?;
        }
        Ok(())
    }

    fn check_leaf(&self, index: usize, leaf: &LeafEntry) -> Result<()> {
        let inner = leaf.class == LeafClass::Cut && !self.outputs.iter().any(|o| o.leaf == index);
        if inner && leaf.visibility == Visibility::Public {
            return refuse(
                format!("leaves[{index}].visibility"),
                "committed for a cut tensor that is no output",
                "public",
            );
        }
        if leaf.name.len() > MAX_NAME_BYTES {
            return refuse(
                format!("leaves[{index}].name"),
                format!("at most {MAX_NAME_BYTES} bytes"),
                leaf.name.len(),
            );
        }
        if !(1..=MAX_TENSOR_LENGTH).contains(&leaf.length) {
            return refuse(
                format!("leaves[{index}].length"),
                format!("1 to {MAX_TENSOR_LENGTH} values"),
                leaf.length,
            );
        }
        Ok(())
    }

    fn check_tensor(&self, path: &str, spec: &TensorSpec) -> Result<()> {
        let field = |name: &str| format!("{path}.{name}");
        let exposes = self.chunks.iter().map(|c| c.exposes.as_slice());
        let placed = place(exposes, &self.leaves, spec.leaf);
        let (Some(leaf), Some(placement)) = (self.leaves.get(spec.leaf), placed) else {
            return refuse(field("leaf"), "a leaf that a chunk exposes", spec.leaf);
        };
        equal(field("chunk"), placement.chunk, spec.chunk)?;
        equal(field("offset"), placement.offset, spec.offset)?;
        equal(field("length"), leaf.length, spec.length)?;
        equal(field("name"), &leaf.name, &spec.name)?;
        equal(field("visibility"), leaf.visibility, spec.visibility)?;
        if spec.shape.len() > MAX_RANK {
            return refuse(
                field("shape"),
                format!("at most {MAX_RANK} dimensions"),
                spec.shape.len(),
            );
        }
        let product = spec
            .shape
            .iter()
            .try_fold(1usize, |product, dim| product.checked_mul(*dim));
        if product != Some(spec.length) {
            return refuse(
                field("shape"),
                format!("a shape of {} values", spec.length),
                format!("{:?}", spec.shape),
            );
        }
        if !(spec.scale.is_finite() && spec.scale > 0.0) {
            return refuse(field("scale"), "a positive number", spec.scale);
        }
        if spec.zero_point >= self.range {
            return refuse(
                field("zero_point"),
                format!("a value below the range, {}", self.range),
                spec.zero_point,
            );
        }
        if let Some(factors) = &spec.factors {
            if path.starts_with("outputs") || spec.visibility == Visibility::Public {
                return refuse(
                    field("factors"),
                    "none: contracts read outputs and public inputs with one scale",
                    factors.len(),
                );
            }
            let good = |f: &f64| f.is_normal() && *f > 0.0;
            let runs = !factors.is_empty() && spec.length.is_multiple_of(factors.len());
            if !runs || !factors.iter().all(good) {
                return refuse(
                    field("factors"),
                    format!(
                        "positive numbers, one for each of equal runs of {} values",
                        spec.length
                    ),
                    format!("{} numbers", factors.len()),
                );
            }
        }
        if let Some(function) = spec.before.filter(|_| path.starts_with("inputs")) {
            return refuse(
                field("before"),
                "none: only outputs are scores before a function",
                function,
            );
        }
        let ordered = spec
            .element_order
            .as_ref()
            .is_none_or(|order| is_permutation(order, spec.length));
        if !ordered {
            return refuse(
                field("element_order"),
                format!("a permutation of {} positions", spec.length),
                "another list",
            );
        }
        Ok(())
    }
}

/// Whether a leaf of this class may be written and read so; else, what the class demands.
fn check_flow(class: LeafClass, flow: &Flow) -> Result<(), &'static str> {
    let Flow { writers, readers } = flow;
    match class {
        LeafClass::Input if writers.is_empty() && !readers.is_empty() => Ok(()),
        LeafClass::Input => Err("an input is read by a chunk and written by none"),
        LeafClass::Cut => match (writers.as_slice(), readers.first()) {
            ([writer], Some(reader)) if writer < reader => Ok(()),
            _ => Err("a cut tensor is written by one chunk and read by later ones alone"),
        },
        LeafClass::Output if writers.len() == 1 && readers.is_empty() => Ok(()),
        LeafClass::Output => Err("an output is written by one chunk and read by none"),
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
