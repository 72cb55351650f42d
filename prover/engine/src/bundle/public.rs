//! The public part of a bundle: enough to verify.

use super::names::{MANIFEST_FILE, MAX_SOURCE_BYTES, MAX_VK_BYTES, PUBLIC_DIR, SOLIDITY_DIR};
use crate::{
    error::{EngineError, Result},
    key_set::{set_digest, vk_key_digest},
    keys::{VerifyingKey, decode_vk, proof_length, vk_digest},
    resources::check_cpu,
    srs::{self, KzgParams},
};
use chainfer_circuits::ChunkCircuit;
use chainfer_formats::{ChunkEntry, Manifest, digest::keccak256, files};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Rows of all keys that are kept decoded, together: about 110 MiB, nearly all of it what halo2 computes for a domain.
const KEPT_ROWS: u64 = 1 << 18;

/// The public folder, checked: enough to verify.
pub struct PublicBundle {
    dir: PathBuf,
    manifest: Manifest,
    keys: Vec<Key>,
    params: Vec<KzgParams>,
}

/// A verifying key that was checked. A short file can stand for a large domain, and a bundle has up to 256 keys, so those beyond
/// [`KEPT_ROWS`] are decoded where they are used.
struct Key {
    bytes: Vec<u8>,
    decoded: Option<Arc<VerifyingKey>>,
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
        let (mut keys, mut digests) = (Vec::new(), Vec::new());
        let mut kept = 0;
        for chunk in &manifest.chunks {
            let (bytes, vk) = read_vk(&dir, chunk)?;
            digests.push(vk_key_digest(&chunk.shape, chunk.num_public, &vk)?);
            let rows = 1 << chunk.shape.k;
            let keep = kept + rows <= KEPT_ROWS;
            kept += if keep { rows } else { 0 };
            let decoded = keep.then(|| Arc::new(vk));
            keys.push(Key { bytes, decoded });
        }
        manifest.check_key_set(set_digest(&digests))?;
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

    /// The verifying key of a chunk.
    ///
    /// # Errors
    /// There is no such chunk.
    pub fn verifying_key(&self, chunk: usize) -> Result<Arc<VerifyingKey>> {
        let entry = self.chunk(chunk)?;
        match self.keys.get(chunk) {
            Some(Key {
                decoded: Some(vk), ..
            }) => Ok(Arc::clone(vk)),
            Some(Key { bytes, .. }) => Ok(Arc::new(decode(bytes, entry)?)),
            None => Err(self.no_such_chunk(chunk)),
        }
    }

    /// The verifying keys of all chunks, one at a time.
    pub fn verifying_keys(&self) -> impl Iterator<Item = Result<Arc<VerifyingKey>>> {
        (0..self.num_chunks()).map(|chunk| self.verifying_key(chunk))
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
        let Some(verifier) = self.chunk(chunk)?.verifier() else {
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

    pub(crate) fn chunk(&self, index: usize) -> Result<&ChunkEntry> {
        let entry = self.manifest.chunks.get(index);
        entry.ok_or_else(|| self.no_such_chunk(index))
    }

    fn no_such_chunk(&self, chunk: usize) -> EngineError {
        EngineError::NoSuchChunk {
            chunk,
            chunks: self.num_chunks(),
        }
    }
}

fn decode(bytes: &[u8], chunk: &ChunkEntry) -> Result<VerifyingKey> {
    decode_vk::<ChunkCircuit>(bytes, chunk.shape.k, chunk.shape.clone())
}

/// A chunk's key as it is in its file and decoded.
fn read_vk(public: &Path, chunk: &ChunkEntry) -> Result<(Vec<u8>, VerifyingKey)> {
    let path = public.join(chunk.vk_file());
    let bytes = files::read(&path, MAX_VK_BYTES)?;
    let vk = decode(&bytes, chunk)?;
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
    Ok((bytes, vk))
}
