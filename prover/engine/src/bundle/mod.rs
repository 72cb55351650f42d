//! The folder that `compile` writes for one model.
//!
//! ```text
//! public/   manifest.json  layout.json  chunkN.vk  solidity/…      all that verifying and deploying needs
//! private/  model.bin  hiding.seed  chunkN.pk  chunkN.count        weights, seeds, proving keys; 0700, files 0600
//! ```

mod compile;
mod counter;
mod private;

pub use compile::{
    ChunkReport, CompileOptions, Compiled, EmitVerifier, SrsChoice, VerifierRequest,
    VerifierSource, compile,
};

use crate::{
    bytes::keccak256,
    error::{EngineError, Result},
    files,
    keys::{self, ProvingKey, VerifyingKey, decode_vk, proof_length, vk_digest},
    manifest::{self, ChunkEntry, Manifest},
    resources::check_cpu,
    srs::KzgParams,
};
use chainfer_circuits::{ChunkCircuit, ChunkPlan};
use chainfer_model::{executor::ClampTable, partitioned::PartitionedModel};
use counter::ProofCounter;
use private::PrivateModel;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Name of the public folder.
pub const PUBLIC_DIR: &str = "public";
/// Name of the private folder.
pub const PRIVATE_DIR: &str = "private";
/// Name of the manifest in the public folder.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the layout report in the public folder.
pub const LAYOUT_FILE: &str = "layout.json";
/// Folder of the Solidity sources in the public folder.
pub const SOLIDITY_DIR: &str = "solidity";

/// The public folder, checked: enough to verify.
pub struct PublicBundle {
    dir: PathBuf,
    manifest: Manifest,
    keys: Vec<VerifyingKey>,
    params: Vec<KzgParams>,
}

impl fmt::Debug for PublicBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicBundle")
            .field("dir", &self.dir)
            .field("manifest_id", &self.manifest.manifest_id)
            .finish_non_exhaustive()
    }
}

impl PublicBundle {
    /// Opens a bundle's public part; `path` is the bundle or its public folder. Nothing in it is trusted.
    ///
    /// # Errors
    /// A file is missing, of another version, not in its format, or not the one that the manifest's digests name.
    pub fn open(path: &Path) -> Result<Self> {
        check_cpu()?;
        let nested = path.join(PUBLIC_DIR);
        let dir = if nested.is_dir() {
            nested
        } else {
            path.to_owned()
        };
        let manifest: Manifest = files::read_json(
            &dir.join(MANIFEST_FILE),
            manifest::FORMAT,
            manifest::VERSION,
        )?;
        manifest.validate()?;
        let keys = manifest
            .chunks
            .iter()
            .map(|chunk| read_vk(&dir, chunk))
            .collect::<Result<Vec<_>>>()?;
        let params = manifest
            .srs
            .verifier_params(manifest.chunks.iter().map(|c| c.shape.k))?;
        Ok(Self {
            dir,
            manifest,
            keys,
            params,
        })
    }

    /// The public folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Verifying keys by chunk.
    pub fn verifying_keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// Parameters by chunk; they verify only.
    pub fn verifier_params(&self) -> &[KzgParams] {
        &self.params
    }

    /// The Solidity source of a chunk's verifier, checked against the manifest; `None` if the bundle has none.
    ///
    /// # Errors
    /// There is no such chunk, or the file is missing or was changed.
    pub fn verifier_source(&self, chunk: usize) -> Result<Option<String>> {
        let (entry, ..) = self.chunk(chunk)?;
        let Some(relative) = &entry.source else {
            return Ok(None);
        };
        let path = self.dir.join(relative);
        let bytes = files::read(&path)?;
        let got = keccak256(&[&bytes]);
        let expected = entry.source_digest.unwrap_or_default();
        if got != expected {
            let what = path.display().to_string();
            return Err(EngineError::DigestMismatch {
                what,
                expected,
                got,
            });
        }
        let text = String::from_utf8(bytes);
        text.map(Some)
            .map_err(|e| EngineError::malformed(path.display().to_string(), e))
    }

    /// Number of chunks.
    pub fn num_chunks(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn chunk(&self, index: usize) -> Result<(&ChunkEntry, &VerifyingKey, &KzgParams)> {
        let missing = EngineError::NoSuchChunk {
            chunk: index,
            chunks: self.num_chunks(),
        };
        let entry = self.manifest.chunks.get(index).ok_or(missing)?;
        Ok((entry, &self.keys[index], &self.params[index]))
    }
}

fn read_vk(public: &Path, chunk: &ChunkEntry) -> Result<VerifyingKey> {
    let path = public.join(chunk.vk_file());
    let vk = decode_vk::<ChunkCircuit>(&files::read(&path)?, chunk.shape.k, chunk.shape.clone())?;
    let got = vk_digest(&vk, chunk.num_public);
    if got != chunk.vk_digest {
        return Err(EngineError::DigestMismatch {
            what: path.display().to_string(),
            expected: chunk.vk_digest,
            got,
        });
    }
    if chunk.proof_length != proof_length(&vk) {
        return Err(EngineError::malformed(
            "manifest",
            format!(
                "chunk {}: proofs have {} bytes",
                chunk.index,
                proof_length(&vk)
            ),
        ));
    }
    Ok(vk)
}

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
        let private = PrivateModel::read(&private_dir)?;
        let expected = public.manifest.manifest_id;
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

    /// Which saturations the float model has by itself, if the quantiser told.
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
        let (entry, ..) = self.public.chunk(chunk)?;
        Ok(ProofCounter::new(&self.private_dir, chunk, entry.hide_rows))
    }

    /// Plans a chunk again, as it was compiled.
    pub(crate) fn plan(&self, chunk: usize) -> Result<ChunkPlan> {
        let (entry, ..) = self.public.chunk(chunk)?;
        let options = self.private.plan.options(self.hiding_seed);
        let plan = ChunkPlan::new(&self.private.model, chunk, &options)?;
        if *plan.shape() != entry.shape || plan.hide_rows() != entry.hide_rows {
            return Err(EngineError::Inconsistent(format!(
                "chunk {chunk} is laid out differently by this release; compile afresh"
            )));
        }
        Ok(plan)
    }

    pub(crate) fn proving_key(&self, chunk: usize) -> Result<ProvingKey> {
        let (entry, ..) = self.public.chunk(chunk)?;
        let path = self.private_dir.join(entry.pk_file());
        let pk = keys::read_pk::<ChunkCircuit>(&path, entry.shape.k, entry.shape.clone())?;
        let got = vk_digest(pk.get_vk(), entry.num_public);
        if got != entry.vk_digest {
            return Err(EngineError::DigestMismatch {
                what: path.display().to_string(),
                expected: entry.vk_digest,
                got,
            });
        }
        Ok(pk)
    }
}
