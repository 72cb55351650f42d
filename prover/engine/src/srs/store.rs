//! A folder that caches SRS files by digest and size, with a record of the file that each came from.

use super::{
    MAX_K, Srs, assemble,
    import::{FileFormat, FileHashes, ImportOptions, KeptSize, SetupFile},
    prover::ProverSetup,
    spec::describe,
    stored::{self, StoredPoints},
};
use crate::{
    error::{EngineError, Result},
    resources::check_cpu,
    sealed,
};
use chainfer_formats::{
    B256, SrsSpec,
    files::{self, Access, create_dir},
    hex as hex_format,
    json::FileKind,
    srs::DEVELOPMENT_DIGEST,
};
use chainfer_plonk::Basis;
use halo2_proofs::poly::commitment::Params;
use halo2curves::{
    bn256::{G1Affine, G2Affine},
    serde::SerdeObject,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env,
    ffi::OsString,
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

pub(super) const MAGIC: sealed::Magic = *b"cfsrs\0\0\x02";
/// Magic, flag and size before the powers.
const HEAD: u64 = 8 + 1 + 4;
/// The two points in G2 and the seal after them.
const TAIL: u64 = 256 + 32;

const SOURCE: FileKind = FileKind {
    name: "record of an imported setup",
    format: "chainfer.srs-source",
    version: 1,
    access: Access::Public,
    max_bytes: 1 << 16,
};

/// The file that a cached setup came from. It is for people to read: nothing depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRecord {
    format: String,
    version: u32,
    /// Digest of the setup.
    #[serde(with = "hex_format::word")]
    pub digest: B256,
    /// Name of the file.
    pub file: String,
    /// What it was, in words.
    pub kind: String,
    /// log2 of the powers in it.
    pub file_k: u32,
    /// Its hashes, if it was read whole.
    pub hashes: Option<FileHashes>,
}

/// A setup of one size in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CachedSrs {
    /// log2 of its powers.
    pub k: u32,
    /// Its description, from the points in the file.
    pub spec: SrsSpec,
    /// Bytes of the file.
    pub bytes: u64,
    /// Where it came from, if it was imported.
    pub source: Option<SourceRecord>,
    /// The cache file.
    pub path: PathBuf,
}

/// A size that was stored by an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportedSize {
    /// log2 of its powers.
    pub k: u32,
    /// Whether the Lagrange basis was in the file.
    pub lagrange_in_file: bool,
    /// The cache file.
    pub path: PathBuf,
}

/// What an import stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The setup's description.
    pub spec: SrsSpec,
    /// What the file was.
    pub format: FileFormat,
    /// The record that was written.
    pub source: SourceRecord,
    /// The sizes, in ascending order.
    pub sizes: Vec<ImportedSize>,
}

/// Cached SRSs; cheap to ask again.
#[derive(Debug)]
pub struct SrsStore {
    dir: PathBuf,
    loaded: Mutex<HashMap<(B256, u32), Arc<Srs>>>,
    /// Setups that were opened for proving.
    provers: Mutex<HashMap<(B256, u32), Arc<ProverSetup>>>,
    /// Files that sizes missing in the cache are imported from.
    sources: Mutex<HashMap<B256, PathBuf>>,
    /// Of those loaded, the ones whose points were all checked.
    checked: Mutex<HashSet<(B256, u32)>>,
}

/// What a file of the cache is trusted for, beyond its digest and that its points are on the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// An import or this crate wrote it, which checked all points.
    CacheFile,
    Nothing,
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
            provers: Mutex::default(),
            sources: Mutex::default(),
            checked: Mutex::default(),
        })
    }

    /// The user's store: `$CHAINFER_CACHE`, else `$XDG_CACHE_HOME/chainfer`, else `~/.cache/chainfer`. What is in it is trusted, so it
    /// is never in a folder that other users write to.
    ///
    /// # Errors
    /// As [`Self::new`], or none of these variables is set.
    pub fn user() -> Result<Self> {
        Self::new(user_folder(|name| env::var_os(name))?)
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
        self.get(DEVELOPMENT_DIGEST, k)
    }

    fn load_development(&self, k: u32, trust: Trust) -> Result<Srs> {
        let path = self.path(DEVELOPMENT_DIGEST, k);
        match self.read(&path, k, DEVELOPMENT_DIGEST, trust) {
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
    }

    /// As [`Self::get`], with all points checked, as keys and audits of keys need it: a file of the cache may have come from elsewhere.
    ///
    /// # Errors
    /// As [`Self::get`], or the points are not the powers of one tau and their Lagrange basis.
    pub fn get_checked(&self, digest: B256, k: u32) -> Result<Arc<Srs>> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if !checked.contains(&(digest, k)) {
            let srs = Arc::new(self.load(digest, k, Trust::Nothing)?);
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            loaded.insert((digest, k), srs);
            checked.insert((digest, k));
        }
        drop(checked);
        self.get(digest, k)
    }

    /// The SRS with this digest and 2^k powers: made if it is the development one, else read from the cache, cut from a larger
    /// one there, or imported from its file (see [`Self::import_when_needed`]).
    ///
    /// # Errors
    /// [`EngineError::SrsMissing`] if the cache has none.
    pub fn get(&self, digest: B256, k: u32) -> Result<Arc<Srs>> {
        self.remember(digest, k, || self.load(digest, k, Trust::CacheFile))
    }

    /// The SRS as [`Self::get`] finds it, for proving and key generation: its points stay in the cache until they are asked for.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn prover(&self, digest: B256, k: u32) -> Result<Arc<ProverSetup>> {
        self.opened(digest, k, Trust::CacheFile)
    }

    /// As [`Self::prover`], with all points checked as [`Self::get_checked`] does.
    ///
    /// # Errors
    /// As [`Self::get_checked`].
    pub fn prover_checked(&self, digest: B256, k: u32) -> Result<Arc<ProverSetup>> {
        self.opened(digest, k, Trust::Nothing)
    }

    fn opened(&self, digest: B256, k: u32, trust: Trust) -> Result<Arc<ProverSetup>> {
        // Held while opening: several threads that ask for one setup must not all read it.
        let mut provers = self.provers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = provers.get(&(digest, k));
        if let Some(found) = found.filter(|f| f.is_checked() || trust == Trust::CacheFile) {
            return Ok(Arc::clone(found));
        }
        let opened = Arc::new(self.open(digest, k, trust)?);
        provers.insert((digest, k), Arc::clone(&opened));
        Ok(opened)
    }

    fn open(&self, digest: B256, k: u32, trust: Trust) -> Result<ProverSetup> {
        let path = self.path(digest, k);
        let checked = trust == Trust::Nothing;
        let open = || StoredPoints::open(&path, (k, digest), checked);
        let existed = path.exists();
        if existed {
            match open() {
                Ok(points) => return Ok(ProverSetup::stored(points, checked)),
                // It is made again.
                Err(_) if digest == DEVELOPMENT_DIGEST => {}
                Err(error) => return Err(error),
            }
        }
        let made = self.load(digest, k, trust)?;
        // What was just written is not checked again; what could not be written over is. Where there is no good file, the points stay in
        // memory.
        match StoredPoints::open(&path, (k, digest), checked && existed) {
            Ok(points) => Ok(ProverSetup::stored(points, checked)),
            Err(_) => Ok(ProverSetup::held(made, checked)),
        }
    }

    fn load(&self, digest: B256, k: u32, trust: Trust) -> Result<Srs> {
        if digest == DEVELOPMENT_DIGEST {
            return self.load_development(k, trust);
        }
        for size in k..=MAX_K {
            let path = self.path(digest, size);
            if path.exists() {
                let srs = self.read(&path, size, digest, trust)?.downsize(k)?;
                if size != k {
                    self.write(&self.path(digest, k), &srs)?;
                }
                return Ok(srs);
            }
        }
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = sources.get(&digest).cloned();
        drop(sources);
        let Some(source) = source else {
            return Err(EngineError::SrsMissing {
                digest,
                k,
                dir: self.dir.clone(),
            });
        };
        let options = ImportOptions {
            size: KeptSize::Exactly(k),
            ..ImportOptions::default()
        };
        let mut file = SetupFile::open(&source, &options, &|_| ())?;
        if file.spec().digest != digest {
            return Err(EngineError::DigestMismatch {
                what: source.display().to_string(),
                expected: digest,
                got: file.spec().digest,
            });
        }
        self.import(&mut file, &[k], &|_| ())?;
        self.read(&self.path(digest, k), k, digest, trust)
    }

    /// Imports sizes that are missing in the cache from this file when [`Self::get`] is asked for them.
    pub fn import_when_needed(&self, digest: B256, file: &Path) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.insert(digest, file.to_owned());
    }

    /// Stores a checked setup for every size asked for. Each file is whole or absent.
    ///
    /// # Errors
    /// A size beyond the powers that were read, a Lagrange basis in the file that is not that of its powers, or the cache cannot
    /// be written.
    pub fn import(
        &self,
        file: &mut SetupFile,
        sizes: &[u32],
        progress: &dyn Fn(&str),
    ) -> Result<Imported> {
        files::remove_abandoned(&self.dir, |name| name.starts_with("srs-"));
        let (spec, format) = (file.spec().clone(), file.format());
        let name = file.path().file_name().unwrap_or_default();
        let source = SourceRecord {
            format: SOURCE.format.to_owned(),
            version: SOURCE.version,
            digest: spec.digest,
            file: name.to_string_lossy().into_owned(),
            kind: format.describe().to_owned(),
            file_k: file.file_k(),
            hashes: file.hashes().cloned(),
        };
        let mut sizes = sizes.to_vec();
        sizes.sort_unstable();
        sizes.dedup();
        let mut stored = Vec::new();
        for k in sizes {
            progress(&format!("Lagrange basis for 2^{k}"));
            let (basis, lagrange_in_file) = file.lagrange(k)?;
            let (powers, tau_g2) = file.powers(k);
            let path = self.path(spec.digest, k);
            self.write_parts(&path, &spec, (k, powers, &basis, tau_g2))?;
            stored.push(ImportedSize {
                k,
                lagrange_in_file,
                path,
            });
        }
        SOURCE.write(&self.source_path(spec.digest), &source)?;
        Ok(Imported {
            spec,
            format,
            source,
            sizes: stored,
        })
    }

    /// Adds an SRS that was made elsewhere.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn insert(&self, srs: &Srs) -> Result<PathBuf> {
        let path = self.path(srs.digest(), srs.k());
        self.write(&path, srs)?;
        Ok(path)
    }

    /// What the cache has, by digest and size, and the paths of files that are none of its own or damaged.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<(Vec<CachedSrs>, Vec<PathBuf>)> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
            Err(error) => return Err(EngineError::io("read", &self.dir)(error)),
        };
        let mut found = BTreeMap::new();
        let mut damaged = Vec::new();
        for entry in entries {
            let path = entry.map_err(EngineError::io("read", &self.dir))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(k) = name
                .strip_prefix("srs-")
                .and_then(|rest| rest.strip_suffix(".bin"))
                .and_then(|rest| rest.rsplit_once("-k"))
                .and_then(|(_, k)| k.parse::<u32>().ok())
                .filter(|k| (1..=MAX_K).contains(k))
            else {
                continue;
            };
            match self.peek(&path, k) {
                Some((spec, bytes)) if path == self.path(spec.digest, k) => {
                    let record = SOURCE.read(&self.source_path(spec.digest)).ok();
                    let source = record.filter(|r: &SourceRecord| r.digest == spec.digest);
                    let key = (spec.digest, k);
                    let cached = CachedSrs {
                        k,
                        spec,
                        bytes,
                        source,
                        path,
                    };
                    found.insert(key, cached);
                }
                _ => damaged.push(path),
            }
        }
        damaged.sort();
        Ok((found.into_values().collect(), damaged))
    }

    /// The description and length of a cache file, from its first and last points alone.
    fn peek(&self, path: &Path, k: u32) -> Option<(SrsSpec, u64)> {
        let expected = HEAD + (2u64 << k) * 64 + TAIL;
        let (mut file, length) = files::open(path, expected).ok()?;
        if length != expected {
            return None;
        }
        let mut read = |at: u64, size: usize| {
            let mut bytes = vec![0u8; size];
            file.seek(SeekFrom::Start(at)).ok()?;
            file.read_exact(&mut bytes).ok()?;
            Some(bytes)
        };
        if read(0, 8)? != MAGIC {
            return None;
        }
        let tau_g1 = G1Affine::from_raw_bytes(&read(HEAD + 64, 64)?)?;
        let tau_g2 = G2Affine::from_raw_bytes(&read(length - 32 - 128, 128)?)?;
        Some((describe(tau_g1, tau_g2).ok()?, length))
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

    fn source_path(&self, digest: B256) -> PathBuf {
        self.dir
            .join(format!("srs-{}.json", hex::encode(&digest.0[..8])))
    }

    fn write(&self, path: &Path, srs: &Srs) -> Result<()> {
        create_dir(&self.dir, Access::Public)?;
        sealed::write(path, Access::Public, &MAGIC, |mut file| {
            file.write_all(&[srs.spec().insecure.into()])?;
            srs.params().write(&mut file)
        })
    }

    /// As [`Self::write`], without halo2's parameters, which would be a copy of the powers.
    fn write_parts(
        &self,
        path: &Path,
        spec: &SrsSpec,
        (k, powers, basis, tau_g2): (u32, &[G1Affine], &[G1Affine], G2Affine),
    ) -> Result<()> {
        create_dir(&self.dir, Access::Public)?;
        sealed::write(path, Access::Public, &MAGIC, |mut file: &mut dyn Write| {
            file.write_all(&[spec.insecure.into()])?;
            file.write_all(&k.to_le_bytes())?;
            for point in powers.iter().chain(basis) {
                point.write_raw(&mut file)?;
            }
            G2Affine::generator().write_raw(&mut file)?;
            tau_g2.write_raw(&mut file)
        })
    }

    fn read(&self, path: &Path, k: u32, digest: B256, trust: Trust) -> Result<Srs> {
        let (mut powers, mut basis) = (Vec::with_capacity(1 << k), Vec::with_capacity(1 << k));
        let show = |of, points: &[G1Affine]| match of {
            Basis::Monomial => powers.extend_from_slice(points),
            Basis::Lagrange => basis.extend_from_slice(points),
        };
        let found = stored::scan(path, (k, digest), trust == Trust::Nothing, show)?;
        Srs::from_params(assemble(k, powers, basis, found.tau_g2))
    }
}

/// Where [`SrsStore::user`] is, by the variables of the environment.
fn user_folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let from = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    from("CHAINFER_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("chainfer")))
        .or_else(|| from("HOME").map(|d| d.join(".cache").join("chainfer")))
        .ok_or(EngineError::NoCache)
}

#[cfg(test)]
mod tests {
    use super::super::KzgParams;
    use super::*;

    #[test]
    fn user_folder_is_the_users_own_or_none() {
        let folder = |set: &[(&str, &str)]| {
            user_folder(|name| {
                let found = set.iter().find(|(n, _)| *n == name);
                found.map(|(_, value)| value.into())
            })
        };
        let all = [
            ("CHAINFER_CACHE", "/c"),
            ("XDG_CACHE_HOME", "/x"),
            ("HOME", "/h"),
        ];
        for (first, expected) in [(0, "/c"), (1, "/x/chainfer"), (2, "/h/.cache/chainfer")] {
            assert_eq!(folder(&all[first..]).unwrap(), Path::new(expected));
        }
        // Folders that every user of a machine writes to are no substitute.
        let shared = [
            ("TMPDIR", "/t"),
            ("TMP", "/t"),
            ("TEMP", "/t"),
            ("PWD", "/t"),
        ];
        let empty = all.map(|(name, _)| (name, ""));
        for set in [&[][..], &shared, &[shared.as_slice(), &empty].concat()] {
            assert!(matches!(folder(set), Err(EngineError::NoCache)), "{set:?}");
        }
    }

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

    /// Writes a cache file whose seal is right, of points that are not.
    fn warp(path: &Path, change: impl FnOnce(&mut [u8])) {
        let mut file = sealed::open(path, &MAGIC, 1 << 20).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        change(&mut content);
        sealed::write(path, Access::Public, &MAGIC, |file| {
            file.write_all(&content)
        })
        .unwrap();
    }

    #[test]
    fn get_checked_refuses_points_that_are_not_of_the_setup() {
        use rand::{SeedableRng, rngs::StdRng};
        let k = 4;
        let params = KzgParams::setup(k, StdRng::seed_from_u64(9));
        let srs = Srs::from_params(params).unwrap();
        let at = |point: usize| 5 + 64 * point;
        let swap = |first: usize, second: usize| {
            move |content: &mut [u8]| {
                let (low, high) = content.split_at_mut(at(second));
                low[at(first)..][..64].swap_with_slice(&mut high[..64]);
            }
        };
        let basis = 1 << k;
        for (first, second, expected) in [
            (2, 3, "not powers of one tau"),
            (basis - 2, basis - 1, "not powers of one tau"),
            (basis, basis + 1, "not that of its powers"),
            (basis + 5, 2 * basis - 1, "not that of its powers"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let store = SrsStore::new(dir.path()).unwrap();
            let path = store.insert(&srs).unwrap();
            store.get_checked(srs.digest(), k).unwrap();
            warp(&path, swap(first, second));
            let fresh = SrsStore::new(dir.path()).unwrap();
            // It is loaded without a check first, as proving does.
            fresh.get(srs.digest(), k).unwrap();
            let refused = fresh.get_checked(srs.digest(), k).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
        let dir = tempfile::tempdir().unwrap();
        let store = SrsStore::new(dir.path()).unwrap();
        let path = store.insert(&srs).unwrap();
        warp(&path, |content| content[at(7)] ^= 1);
        let refused = store.get(srs.digest(), k).unwrap_err();
        assert!(
            format!("{refused:?}").contains("a point is not on the curve"),
            "{refused:?}"
        );
    }

    #[test]
    fn development_basis_that_was_warped_is_made_again_for_keys() {
        let dir = tempfile::tempdir().unwrap();
        let store = || SrsStore::new(dir.path()).unwrap();
        let path = store().path(DEVELOPMENT_DIGEST, 4);
        store().development(4).unwrap();
        let good = fs::read(&path).unwrap();
        warp(&path, |content| {
            let (low, high) = content.split_at_mut(5 + 64 * 17);
            low[5 + 64 * 16..].swap_with_slice(&mut high[..64]);
        });
        store().get_checked(DEVELOPMENT_DIGEST, 4).unwrap();
        assert_eq!(fs::read(&path).unwrap(), good);
    }

    #[test]
    fn get_imported_srs_is_cut_to_size_and_missing_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = SrsStore::new(dir.path()).unwrap();
        use rand::{SeedableRng, rngs::StdRng};
        let params = KzgParams::setup(4, StdRng::seed_from_u64(9));
        let srs = Srs::from_params(params).unwrap();
        store.insert(&srs).unwrap();
        let small = store.get(srs.digest(), 3).unwrap();
        assert_eq!((small.k(), small.spec().insecure), (3, false));
        assert!(matches!(
            store.get(srs.digest(), 5),
            Err(EngineError::SrsMissing { k: 5, .. })
        ));
    }
}
