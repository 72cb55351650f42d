//! The private folder's own files: the model with its weights, the seed of the weight blinders.

use super::names::MAX_SEED_BYTES;
use crate::{
    error::{EngineError, Result},
    sealed,
};
use chainfer_circuits::{HideWeights, Objective, PlanOptions};
use chainfer_formats::{
    B256,
    files::{self, Access},
    hex,
};
use chainfer_model::{executor::ClampTable, partitioned::PartitionedModel};
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};

const MODEL_FILE: &str = "model.bin";
const SEED_FILE: &str = "hiding.seed";
/// Larger than any model that compiles.
const MAX_MODEL_BYTES: u64 = 1 << 32;
const MAGIC: sealed::Magic = *b"cfrmdl\0\x02";

/// How chunks were planned; planning again with the same options gives the same circuits.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StoredPlanOptions {
    pub(crate) objective: Objective,
    pub(crate) k: Option<u32>,
    pub(crate) hide_weights: HideWeights,
}

impl StoredPlanOptions {
    pub(crate) fn options(&self, hiding_seed: [u8; 32]) -> PlanOptions {
        PlanOptions {
            objective: self.objective,
            k: self.k,
            hide_weights: self.hide_weights,
            hiding_seed,
            shape: None,
        }
    }
}

/// The model with its weights.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PrivateModel {
    #[serde(with = "hex::word")]
    pub(crate) manifest_id: B256,
    pub(crate) plan: StoredPlanOptions,
    pub(crate) clamps: Option<ClampTable>,
    pub(crate) model: PartitionedModel,
}

impl PrivateModel {
    pub(crate) fn write(&self, private: &Path) -> Result<()> {
        let path = private.join(MODEL_FILE);
        // MessagePack keeps floats to the bit and integers short.
        sealed::write(&path, Access::Private, &MAGIC, |mut file| {
            rmp_serde::encode::write(&mut file, self).map_err(io::Error::other)
        })
    }

    pub(crate) fn read(private: &Path) -> Result<Self> {
        let path = private.join(MODEL_FILE);
        let file = sealed::open(&path, &MAGIC, MAX_MODEL_BYTES)?;
        rmp_serde::from_read(file)
            .map_err(|e| EngineError::malformed(path.display().to_string(), e))
    }
}

pub(crate) fn seed_path(private: &Path) -> PathBuf {
    private.join(SEED_FILE)
}

pub(crate) fn write_seed(private: &Path, seed: &[u8; 32]) -> Result<()> {
    let text = format!("{}\n", B256::from(*seed));
    files::write_atomic(&seed_path(private), text.as_bytes(), Access::Private)?;
    Ok(())
}

pub(crate) fn read_seed(private: &Path) -> Result<[u8; 32]> {
    let path = seed_path(private);
    let refuse = || {
        EngineError::malformed(
            path.display().to_string(),
            "expected 0x and 64 lower-case hex digits",
        )
    };
    let text = String::from_utf8(files::read(&path, MAX_SEED_BYTES)?).map_err(|_| refuse())?;
    Ok(hex::parse_word(text.trim()).map_err(|_| refuse())?.0)
}
