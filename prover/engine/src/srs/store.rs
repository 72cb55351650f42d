//! A folder that caches SRS files by digest and size.

use super::{KzgParams, MAX_K, Srs};
use crate::{
    error::{EngineError, Result},
    resources::check_cpu,
    sealed,
};
use chainfer_formats::{
    B256,
    files::{Access, create_dir},
    srs::DEVELOPMENT_DIGEST,
};
use halo2_proofs::poly::commitment::Params;
use std::{
    collections::HashMap,
    env,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

const MAGIC: sealed::Magic = *b"cfsrs\0\0\x01";

/// Cached SRSs; cheap to ask again.
#[derive(Debug)]
pub struct SrsStore {
    dir: PathBuf,
    loaded: Mutex<HashMap<(B256, u32), Arc<Srs>>>,
}

impl SrsStore {
    /// A store in `dir`, which is made when something is first written.
    ///
    /// # Errors
    /// As [`check_cpu`].
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self> {
        check_cpu()?;
        Ok(Self {
            dir: dir.into(),
            loaded: Mutex::default(),
        })
    }

    /// The user's store: `$CHAINFER_CACHE`, else `$XDG_CACHE_HOME/chainfer`, else `~/.cache/chainfer`, else a
    /// folder in the system's temporary one.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn user() -> Result<Self> {
        let from = |name: &str| {
            env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let dir = from("CHAINFER_CACHE")
            .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("chainfer")))
            .or_else(|| from("HOME").map(|d| d.join(".cache").join("chainfer")))
            .unwrap_or_else(|| env::temp_dir().join("chainfer-cache"));
        Self::new(dir)
    }

    /// Folder of the cache.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The insecure development SRS, from the cache or made and cached.
    ///
    /// # Errors
    /// `k` is out of bounds. A cache that cannot be read or written is logged, not an error.
    pub fn development(&self, k: u32) -> Result<Arc<Srs>> {
        self.remember(DEVELOPMENT_DIGEST, k, || {
            let path = self.path(DEVELOPMENT_DIGEST, k);
            match self.read(&path, k, DEVELOPMENT_DIGEST) {
                Ok(srs) => return Ok(srs),
                Err(error) if path.exists() => {
                    tracing::warn!(%error, "the cached development SRS is damaged and made again");
                }
                Err(_) => {}
            }
            let srs = Srs::development(k)?;
            if let Err(error) = self.write(&path, &srs) {
                tracing::warn!(%error, "the development SRS is not cached");
            }
            Ok(srs)
        })
    }

    /// The SRS with this digest and 2^k powers: made if it is the development one, else read from the cache or cut
    /// from a larger one there.
    ///
    /// # Errors
    /// [`EngineError::SrsMissing`] if the cache has none.
    pub fn get(&self, digest: B256, k: u32) -> Result<Arc<Srs>> {
        if digest == DEVELOPMENT_DIGEST {
            return self.development(k);
        }
        self.remember(digest, k, || {
            for size in k..=MAX_K {
                let path = self.path(digest, size);
                if path.exists() {
                    let srs = self.read(&path, size, digest)?.downsize(k)?;
                    if size != k {
                        self.write(&self.path(digest, k), &srs)?;
                    }
                    return Ok(srs);
                }
            }
            Err(EngineError::SrsMissing {
                digest,
                k,
                dir: self.dir.clone(),
            })
        })
    }

    /// Adds an SRS that was made or imported elsewhere.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn insert(&self, srs: &Srs) -> Result<PathBuf> {
        let path = self.path(srs.digest(), srs.k());
        self.write(&path, srs)?;
        Ok(path)
    }

    fn remember(
        &self,
        digest: B256,
        k: u32,
        make: impl FnOnce() -> Result<Srs>,
    ) -> Result<Arc<Srs>> {
        // Held while making: several threads that ask for one SRS must not all make it.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(srs) = loaded.get(&(digest, k)) {
            return Ok(Arc::clone(srs));
        }
        let srs = Arc::new(make()?);
        loaded.insert((digest, k), Arc::clone(&srs));
        Ok(srs)
    }

    fn path(&self, digest: B256, k: u32) -> PathBuf {
        self.dir
            .join(format!("srs-{}-k{k}.bin", hex::encode(&digest.0[..8])))
    }

    fn write(&self, path: &Path, srs: &Srs) -> Result<()> {
        create_dir(&self.dir, Access::Public)?;
        sealed::write(path, Access::Public, &MAGIC, |mut file| {
            file.write_all(&[srs.insecure().into()])?;
            srs.params().write(&mut file)
        })
    }

    fn read(&self, path: &Path, k: u32, digest: B256) -> Result<Srs> {
        let name = path.display().to_string();
        let mut file = sealed::open(path, &MAGIC)?;
        // insecure flag, k, two bases of 64-byte points, two 128-byte points
        let expected = 1 + 4 + (2u64 << k) * 64 + 256;
        let mut insecure = [0u8; 1];
        if file.limit() != expected {
            return Err(EngineError::malformed(
                name,
                format!("not an SRS with 2^{k} powers"),
            ));
        }
        file.read_exact(&mut insecure)
            .map_err(EngineError::io("read", path))?;
        let mut head = [0u8; 4];
        file.read_exact(&mut head)
            .map_err(EngineError::io("read", path))?;
        if u32::from_le_bytes(head) != k {
            return Err(EngineError::malformed(
                name,
                "the size field does not fit the file",
            ));
        }
        let params: KzgParams =
            Params::read(&mut head.chain(file)).map_err(EngineError::io("read", path))?;
        let srs = Srs::from_params(params, insecure[0] != 0)?;
        if srs.digest() != digest {
            return Err(EngineError::DigestMismatch {
                what: name,
                expected: digest,
                got: srs.digest(),
            });
        }
        Ok(srs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_damaged_cache_file_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = || SrsStore::new(dir.path()).unwrap();
        let first = store().development(4).unwrap();
        let path = store().path(first.digest(), 4);
        let good = std::fs::read(&path).unwrap();
        assert_eq!(store().development(4).unwrap().digest(), first.digest());
        let mut bad = good.clone();
        bad[100] ^= 1;
        std::fs::write(&path, bad).unwrap();
        store().development(4).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), good);
        std::fs::write(&path, &good[..50]).unwrap();
        store().development(4).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), good);
    }

    #[test]
    fn get_imported_srs_is_cut_to_size_and_missing_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = SrsStore::new(dir.path()).unwrap();
        use rand::{SeedableRng, rngs::StdRng};
        let params = KzgParams::setup(4, StdRng::seed_from_u64(9));
        let srs = Srs::from_params(params, false).unwrap();
        store.insert(&srs).unwrap();
        let small = store.get(srs.digest(), 3).unwrap();
        assert_eq!((small.k(), small.insecure()), (3, false));
        assert!(matches!(
            store.get(srs.digest(), 5),
            Err(EngineError::SrsMissing { k: 5, .. })
        ));
    }
}
