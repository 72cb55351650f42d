//! The manifest id.

use super::Manifest;
use crate::{
    boundary::{LeafClass, Visibility},
    digest::Encoder,
    final_function::FinalFunction,
};
use alloy_primitives::B256;

fn class_code(class: LeafClass) -> u64 {
    match class {
        LeafClass::Input => 0,
        LeafClass::Cut => 1,
        LeafClass::Output => 2,
    }
}

impl Manifest {
    /// The id: a hash in a fixed order, numbers as 8 bytes big-endian, floats by their bits, texts and lists with their
    /// length in front. What is not hashed follows from what is: circuit shapes and proof lengths from the verifying keys,
    /// contract names and paths from the sources.
    pub fn recompute_id(&self) -> B256 {
        let mut e = Encoder::new("chainfer.manifest.v3");
        e.number(self.version.into()).number(self.range.into());
        e.count(self.chunks.len());
        for chunk in &self.chunks {
            e.word(&chunk.vk_digest)
                .count(chunk.num_public)
                .number(chunk.hide_rows.into());
            e.word(&chunk.source_digest.unwrap_or_default());
            e.word(&chunk.key_code_hash.unwrap_or_default());
            e.numbers(&chunk.reads)
                .numbers(&chunk.writes)
                .numbers(&chunk.exposes);
        }
        e.word(&self.srs.digest).flag(self.srs.insecure);
        e.word(&self.key_set.to_word());
        e.count(self.leaves.len());
        for leaf in &self.leaves {
            e.text(&leaf.name).number(class_code(leaf.class));
            e.flag(leaf.visibility == Visibility::Public)
                .count(leaf.length);
        }
        for specs in [&self.inputs, &self.outputs] {
            e.count(specs.len());
            for spec in specs {
                e.text(&spec.name)
                    .count(spec.leaf)
                    .count(spec.chunk)
                    .count(spec.offset);
                e.count(spec.length)
                    .number(spec.zero_point.into())
                    .float(spec.scale);
                e.numbers(&spec.shape)
                    .flag(spec.visibility == Visibility::Public);
                e.flag(spec.element_order.is_some());
                e.numbers(spec.element_order.as_deref().unwrap_or_default());
            }
        }
        // Only where there are any: what is before can be told apart from what follows, so ids of other models are as they were.
        if self.inputs.iter().any(|spec| spec.factors.is_some()) {
            e.text("factors");
            for spec in &self.inputs {
                let factors = spec.factors.as_deref().unwrap_or_default();
                e.count(factors.len());
                for factor in factors {
                    e.float(*factor);
                }
            }
        }
        if self.outputs.iter().any(|spec| spec.before.is_some()) {
            e.text("scores");
            for spec in &self.outputs {
                e.number(spec.before.map_or(0, FinalFunction::code));
            }
        }
        e.digest()
    }
}
