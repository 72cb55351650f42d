//! The public part of a bundle: enough to verify.

use super::names::{MANIFEST_FILE, MAX_SOURCE_BYTES, MAX_VK_BYTES, PUBLIC_DIR, SOLIDITY_DIR};
use crate::{
    error::{EngineError, Result},
    key_set,
    keys::{VerifyingKey, decode_vk, proof_length, vk_digest},
    resources::check_cpu,
    srs::{self, KzgParams},
};
use chainfer_circuits::ChunkCircuit;
use chainfer_formats::{ChunkEntry, Manifest, digest::keccak256, files};
use std::{
    fmt,
    path::{Path, PathBuf},
};

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
            files::require_folder(&nested)?;
            nested
        } else {
            path.to_owned()
        };
        let manifest = Manifest::read(&dir.join(MANIFEST_FILE))?;
        let sizes = manifest.chunks.iter().map(|c| c.shape.k);
        let params = srs::verifier_params(&manifest.srs, sizes)?;
        let keys = manifest
            .chunks
            .iter()
            .map(|chunk| read_vk(&dir, chunk))
            .collect::<Result<Vec<_>>>()?;
        key_set::check(&manifest, &keys)?;
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

    /// The model's public description.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Verifying keys, one per chunk.
    pub fn verifying_keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// Parameters, one per chunk; they verify and cannot prove.
    pub fn verifier_params(&self) -> &[KzgParams] {
        &self.params
    }

    /// The Solidity source of a chunk's verifier, checked against the manifest; `None` if the bundle has none.
    ///
    /// # Errors
    /// There is no such chunk, or the file is missing or was changed.
    pub fn verifier_source(&self, chunk: usize) -> Result<Option<String>> {
        let (entry, ..) = self.chunk(chunk)?;
        let Some(verifier) = entry.verifier() else {
            return Ok(None);
        };
        files::require_folder(&self.dir.join(SOLIDITY_DIR))?;
        let path = self.dir.join(verifier.source);
        let bytes = files::read(&path, MAX_SOURCE_BYTES)?;
        let got = keccak256(&[&bytes]);
        if got != verifier.source_digest {
            return Err(EngineError::DigestMismatch {
                what: path.display().to_string(),
                expected: verifier.source_digest,
                got,
            });
        }
        String::from_utf8(bytes)
            .map(Some)
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
    let bytes = files::read(&path, MAX_VK_BYTES)?;
    let vk = decode_vk::<ChunkCircuit>(&bytes, chunk.shape.k, chunk.shape.clone())?;
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
