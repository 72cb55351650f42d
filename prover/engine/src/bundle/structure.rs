//! `public/structure.json`: how a bundle was compiled, and its model without weights and biases. An audit compiles it again.
//!
//! The manifest does not bind it: nothing is believed of it but what the bundle's keys confirm. See decision 2.

use super::{names::STRUCTURE_FILE, private::StoredPlanOptions};
use crate::error::{EngineError, Result};
use chainfer_circuits::{CircuitShape, HideWeights, Objective, PlanOptions};
use chainfer_formats::{ChunkEntry, Manifest, files::Access, json::FileKind};
use chainfer_model::{
    frontend::LoadOptions, partitioned::PartitionedModel, quantise::CalibrationSource,
    split::SplitLimits, structure::Structure,
};
use serde::{Deserialize, Deserializer, Serialize};
use std::{fs, path::Path};

const STRUCTURE: FileKind = FileKind {
    name: "structure",
    format: "chainfer.structure",
    version: 1,
    access: Access::Public,
    max_bytes: 1 << 26,
};

/// The options of a compile that its keys depend on, as far as they are public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the circuits were optimised for.
    pub objective: Objective,
    /// log2 of the rows of every chunk; found if absent.
    #[serde(deserialize_with = "present")]
    pub k: Option<u32>,
    /// Weight hiding, as it was asked for.
    pub hide_weights: HideWeights,
    /// Whether calibration samples were given; unknown if absent. The samples themselves are not recorded, nor is a digest of them.
    #[serde(deserialize_with = "present")]
    pub calibration: Option<CalibrationSource>,
    /// What layers were cut by that are too large for a chunk, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitLimits>,
    /// The shape of each chunk, where shapes were chosen for several chunks together; empty if each has the one that suits it alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<CircuitShape>,
}

/// Makes a nullable field mandatory. serde takes a missing `Option` for null otherwise.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

impl Recipe {
    pub(crate) fn plan(&self) -> StoredPlanOptions {
        StoredPlanOptions {
            objective: self.objective,
            k: self.k,
            hide_weights: self.hide_weights,
        }
    }

    /// How a chunk is planned.
    pub(crate) fn plan_options(&self, chunk: usize, hiding_seed: [u8; 32]) -> PlanOptions {
        PlanOptions {
            shape: self.shapes.get(chunk).cloned(),
            ..self.plan().options(hiding_seed)
        }
    }
}

/// The structure file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructureFile {
    format: String,
    version: u32,
    /// How the bundle was compiled.
    pub options: Recipe,
    /// How the model's file was read, where that was asked for.
    #[serde(default, skip_serializing_if = "LoadOptions::is_default")]
    pub reading: LoadOptions,
    /// The model without weights and biases.
    pub model: Structure,
}

impl StructureFile {
    pub(crate) fn new(options: Recipe, reading: LoadOptions, model: &PartitionedModel) -> Self {
        Self {
            format: STRUCTURE.format.to_owned(),
            version: STRUCTURE.version,
            options,
            reading,
            model: Structure::of(model),
        }
    }

    /// Reads the structure of a bundle, given its public folder. The file is untrusted.
    ///
    /// # Errors
    /// [`EngineError::NoStructure`] if there is none; the file is too large, or not in its format.
    pub fn read(public: &Path) -> Result<Self> {
        let path = public.join(STRUCTURE_FILE);
        if fs::symlink_metadata(&path).is_err() {
            return Err(EngineError::NoStructure { path });
        }
        Ok(STRUCTURE.read(&path)?)
    }

    /// The model with weights and biases of 0, as far as the keys of a manifest have room for it.
    ///
    /// # Errors
    /// The structure is malformed, or larger.
    pub fn blank_model(&self, manifest: &Manifest) -> Result<PartitionedModel> {
        (self.model.blank_model(room(manifest)))
            .map_err(|error| EngineError::malformed(STRUCTURE_FILE, error))
    }

    /// The ends of the chunks, as they are stated.
    pub fn ends(&self) -> Vec<usize> {
        self.model
            .chunks
            .iter()
            .map(|chunk| chunk.end_layer)
            .collect()
    }

    pub(crate) fn write(&self, public: &Path) -> Result<()> {
        Ok(STRUCTURE.write(&public.join(STRUCTURE_FILE), self)?)
    }
}

/// How many weights and biases the keys of a manifest have room for.
fn room(manifest: &Manifest) -> usize {
    let of_chunk = |chunk: &ChunkEntry| {
        let shape = &chunk.shape;
        (shape.weights_per_row + shape.lanes) << shape.k
    };
    manifest.chunks.iter().map(of_chunk).sum()
}
