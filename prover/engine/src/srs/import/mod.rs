//! Setups from files of real ceremonies: checked point by point, never trusted.
//!
//! Only the powers of tau in G1 and tau in G2 are kept. Lagrange bases are taken from the file if they are proven equal to
//! those of the powers, and computed otherwise.

mod check;
mod error;
mod hash;
mod layout;
mod points;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::ImportError;
pub use hash::{ExpectedHash, FileHashes};
pub use layout::FileFormat;

use super::{lagrange, spec::describe};
use crate::error::{EngineError, Result};
use chainfer_formats::{FormatError, SrsSpec, files};
use check::{Powers, Scope, check};
use halo2curves::bn256::{G1Affine, G2Affine};
use layout::{Layout, ReadError};
use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
};

/// How many powers to keep, by their log2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptSize {
    /// This many; a smaller file is refused.
    Exactly(u32),
    /// All of the file, but at most this many.
    AtMost(u32),
}

impl Default for KeptSize {
    fn default() -> Self {
        Self::AtMost(Self::DEFAULT)
    }
}

impl KeptSize {
    /// What is kept unless another size is asked for.
    pub const DEFAULT: u32 = 20;
}

/// What to read of a setup file, and what to compare it with.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The powers to keep.
    pub size: KeptSize,
    /// Hash that the whole file must have.
    pub hash: Option<ExpectedHash>,
    /// Read and check only what is used: the first 2^k powers in G1, tau in G2, and the Lagrange basis. A corrupted point
    /// elsewhere is then not noticed, and the file is hashed only if a hash is expected.
    pub needed_only: bool,
}

/// A setup file whose checks all passed.
pub struct SetupFile {
    path: PathBuf,
    file: File,
    layout: Layout,
    powers: Powers,
    spec: SrsSpec,
    hashes: Option<FileHashes>,
}

impl fmt::Debug for SetupFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupFile")
            .field("path", &self.path)
            .field("layout", &self.layout)
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl SetupFile {
    /// Reads and checks a file. `progress` is told what is being read.
    ///
    /// # Errors
    /// The file cannot be read, or [`EngineError::Import`] with the reason.
    pub fn open(path: &Path, options: &ImportOptions, progress: &dyn Fn(&str)) -> Result<Self> {
        let span = tracing::info_span!("srs_import", path = %path.display());
        let _entered = span.enter();
        let refuse = |error| refused(path, error);
        let (mut file, found) = files::open_named(path).map_err(|error| match error {
            // Reading a pipe or a device may never end.
            FormatError::WrongFileType { .. } => refuse(ImportError::NotAFile.into()),
            other => other.into(),
        })?;
        let layout = Layout::detect(&mut file, found.len()).map_err(refuse)?;
        let largest = layout.usable_k();
        let k = match options.size {
            KeptSize::Exactly(k) => k,
            KeptSize::AtMost(k) => k.min(largest),
        };
        if k == 0 || k > largest {
            let (asked, got) = (k, largest);
            return Err(refuse(ImportError::TooSmall { asked, got }.into()));
        }
        let hashes = if options.hash.is_some() || !options.needed_only {
            progress("hashes of the file");
            Some(FileHashes::of(&mut file).map_err(EngineError::io("read", path))?)
        } else {
            None
        };
        if let (Some(expected), Some(hashes)) = (&options.hash, &hashes) {
            expected.compare(hashes).map_err(|e| refuse(e.into()))?;
        }
        let scope = Scope {
            k,
            needed_only: options.needed_only,
        };
        let powers = check(&mut file, &layout, scope, progress).map_err(refuse)?;
        let tau_g1 = powers.g.get(1).copied().unwrap_or_default();
        let spec = describe(tau_g1, powers.tau_g2)?;
        if spec.is_development() {
            return Err(refuse(ImportError::DevelopmentTau.into()));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            layout,
            powers,
            spec,
            hashes,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub fn format(&self) -> FileFormat {
        self.layout.format
    }

    /// log2 of the powers in the file.
    pub fn file_k(&self) -> u32 {
        self.layout.k
    }

    /// log2 of the powers that were read.
    pub fn k(&self) -> u32 {
        self.powers.g.len().ilog2()
    }

    /// The setup's description.
    pub fn spec(&self) -> &SrsSpec {
        &self.spec
    }

    /// Hashes of the whole file, unless it was not read whole.
    pub fn hashes(&self) -> Option<&FileHashes> {
        self.hashes.as_ref()
    }

    /// The powers in G1 for 2^k, and tau in G2.
    pub(super) fn powers(&self, k: u32) -> (&[G1Affine], G2Affine) {
        (&self.powers.g[..1 << k], self.powers.tau_g2)
    }

    /// The Lagrange basis for 2^k, which is compared with the powers wherever it comes from. Also whether the file had it.
    ///
    /// # Errors
    /// More powers than were read; a basis in the file that is not that of the powers.
    pub(super) fn lagrange(&mut self, k: u32) -> Result<(Vec<G1Affine>, bool)> {
        if let Some(basis) = self.lagrange_in_file(k)? {
            return Ok((basis, true));
        }
        let basis = lagrange::from_powers(&self.powers.g[..1 << k]);
        self.powers
            .require_lagrange(&basis, k)
            .map_err(|e| refused(&self.path, e))?;
        Ok((basis, false))
    }

    /// Whether the file has the Lagrange basis of the powers that were read; it is compared with them.
    ///
    /// # Errors
    /// The basis in the file is not that of the powers.
    pub fn has_lagrange(&mut self) -> Result<bool> {
        Ok(self.lagrange_in_file(self.k())?.is_some())
    }

    fn lagrange_in_file(&mut self, k: u32) -> Result<Option<Vec<G1Affine>>> {
        if k == 0 || k > self.k() {
            let (asked, got) = (k, self.k());
            return Err(refused(
                &self.path,
                ImportError::TooSmall { asked, got }.into(),
            ));
        }
        self.powers
            .read_lagrange(&mut self.file, &self.layout, k)
            .map_err(|e| refused(&self.path, e))
    }
}

fn refused(path: &Path, error: ReadError) -> EngineError {
    match error {
        ReadError::Io(source) => EngineError::io("read", path)(source),
        ReadError::Refused(source) => EngineError::Import {
            path: path.to_owned(),
            source: Box::new(source),
        },
    }
}
