//! Both parts of a bundle: proves and verifies.

use super::{
    counter::ProofCounter,
    names::PRIVATE_DIR,
    private::{self, PrivateModel},
    public::PublicBundle,
};
use crate::{
    error::{EngineError, Result},
    keys::{self, vk_digest},
    prove::LoadedKey,
};
use chainfer_circuits::{ChunkCircuit, ChunkPlan, PlanOptions};
use chainfer_formats::files;
use chainfer_model::{executor::ClampTable, partitioned::PartitionedModel};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A whole bundle: proves and verifies.
pub struct Bundle {
    public: PublicBundle,
    private_dir: PathBuf,
    private: PrivateModel,
    hiding_seed: [u8; 32],
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl Bundle {
    /// Opens both parts.
    ///
    /// # Errors
    /// As [`PublicBundle::open`], or the private part is missing, damaged or of another bundle.
    pub fn open(dir: &Path) -> Result<Self> {
        let public = PublicBundle::open(dir)?;
        let private_dir = dir.join(PRIVATE_DIR);
        files::require_folder(&private_dir)?;
        let private = PrivateModel::read(&private_dir)?;
        let expected = public.manifest().manifest_id;
        if private.manifest_id != expected {
            return Err(EngineError::DigestMismatch {
                what: private_dir.display().to_string(),
                expected,
                got: private.manifest_id,
            });
        }
        let hiding_seed = private::read_seed(&private_dir)?;
        Ok(Self {
            public,
            private_dir,
            private,
            hiding_seed,
        })
    }

    /// The public part.
    pub fn public(&self) -> &PublicBundle {
        &self.public
    }

    /// The model with its weights.
    pub fn model(&self) -> &PartitionedModel {
        &self.private.model
    }

    /// Saturations that are part of the float model, if the quantiser recorded them.
    pub fn clamps(&self) -> Option<&ClampTable> {
        self.private.clamps.as_ref()
    }

    /// Proofs that a chunk's key may still make; `None` if its weights are not hidden.
    ///
    /// # Errors
    /// There is no such chunk, or its counter cannot be read.
    pub fn proofs_left(&self, chunk: usize) -> Result<Option<u32>> {
        self.counter(chunk)?.left()
    }

    pub(crate) fn counter(&self, chunk: usize) -> Result<ProofCounter> {
        let entry = self.public.chunk(chunk)?;
        Ok(ProofCounter::new(&self.private_dir, chunk, entry.hide_rows))
    }

    /// Plans a chunk again, as it was compiled.
    pub(crate) fn plan(&self, chunk: usize) -> Result<ChunkPlan> {
        let entry = self.public.chunk(chunk)?;
        let options = PlanOptions {
            shape: Some(entry.shape.clone()),
            ..self.private.plan.options(self.hiding_seed)
        };
        let plan = ChunkPlan::new(&self.private.model, chunk, &options)?;
        if *plan.shape() != entry.shape || plan.hide_rows() != entry.hide_rows {
            return Err(EngineError::Inconsistent(format!(
                "chunk {chunk} is laid out differently by this release; compile afresh"
            )));
        }
        Ok(plan)
    }

    /// Finds out before a witness is made that there is a proving key of the right length. Damage shows when it is read.
    pub(crate) fn require_proving_key(&self, chunk: usize) -> Result<()> {
        let entry = self.public.chunk(chunk)?;
        let path = self.private_dir.join(entry.pk_file());
        keys::require_pk::<ChunkCircuit>(&path, entry.shape.k, entry.shape.clone())
    }

    /// The proving key, in memory or, `stored`, in its file.
    pub(crate) fn proving_key(&self, chunk: usize, stored: bool) -> Result<LoadedKey> {
        let entry = self.public.chunk(chunk)?;
        let path = self.private_dir.join(entry.pk_file());
        let (k, shape) = (entry.shape.k, entry.shape.clone());
        let (key, got) = if stored {
            let (vk, file) = keys::KeyFile::open::<ChunkCircuit>(&path, k, shape)?;
            let digest = vk_digest(&vk, entry.num_public);
            (LoadedKey::Stored(Box::new(vk), file), digest)
        } else {
            let key = keys::read_pk::<ChunkCircuit>(&path, k, shape)?;
            let digest = vk_digest(key.get_vk(), entry.num_public);
            (LoadedKey::Held(Box::new(key)), digest)
        };
        if got == entry.vk_digest {
            return Ok(key);
        }
        Err(EngineError::DigestMismatch {
            what: path.display().to_string(),
            expected: entry.vk_digest,
            got,
        })
    }
}
