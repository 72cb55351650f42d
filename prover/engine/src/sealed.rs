//! Large binary files that are checked before they are parsed: `magic || payload || blake3(magic || payload)`.
//!
//! halo2's fast readers panic on short or odd input; nothing reaches them that was not written whole by this crate.
//! The seal finds damage, not malice: files that may come from others are bound by digests in the manifest. So its hash is chosen for
//! speed: a proving key is read in every proof.

use crate::error::{EngineError, Result};
use chainfer_formats::{
    B256,
    files::{self, Access, write_atomic_with},
};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Take, Write},
    path::Path,
};

/// Identifies kind and version of a sealed file.
pub(crate) type Magic = [u8; 8];

const SEAL: u64 = 32;
const MAGIC: u64 = 8;

/// Bytes from which on several threads hash them.
const FOR_THREADS: usize = 1 << 18;

struct HashingWriter<'a> {
    inner: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl Write for HashingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a sealed file atomically.
pub(crate) fn write(
    path: &Path,
    access: Access,
    magic: &Magic,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    Ok(write_atomic_with(path, access, |file| {
        let mut writer = HashingWriter {
            inner: file,
            hasher: blake3::Hasher::new(),
        };
        writer.write_all(magic)?;
        {
            // Curve points arrive limb by limb; hash and file want larger pieces.
            let mut buffered = io::BufWriter::with_capacity(1 << 16, &mut writer);
            fill(&mut buffered)?;
            buffered.flush()?;
        }
        let seal = writer.hasher.finalize();
        file.write_all(seal.as_bytes())
    })?)
}

/// Checks that a file has the length of one with such a payload, and nothing else.
pub(crate) fn require(path: &Path, payload: u64) -> Result<()> {
    let expected = payload + MAGIC + SEAL;
    let (_, length) = files::open(path, expected)?;
    if length == expected {
        return Ok(());
    }
    Err(EngineError::malformed(
        path.display().to_string(),
        format!(
            "the file has {length} bytes in place of {expected}; it is damaged or of another release, compile the model again"
        ),
    ))
}

/// A payload that is read once from its start to its end, and must not be believed before the seal is checked then.
pub(crate) struct Unsealed<'a> {
    file: BufReader<File>,
    path: &'a Path,
    hasher: blake3::Hasher,
    left: u64,
}

impl Read for Unsealed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.left.try_into().unwrap_or(usize::MAX));
        let read = self.file.read(&mut into[..most])?;
        if read < FOR_THREADS {
            self.hasher.update(&into[..read]);
        } else {
            self.hasher.update_rayon(&into[..read]);
        }
        self.left -= read as u64;
        Ok(read)
    }
}

impl Unsealed<'_> {
    /// Bytes of the payload that were not read yet.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Fills a buffer.
    pub(crate) fn fill(&mut self, into: &mut [u8]) -> Result<()> {
        self.read_exact(into)
            .map_err(EngineError::io("read", self.path))
    }

    /// Reads what is left, checks the seal, and gives the file.
    pub(crate) fn finish(mut self) -> Result<File> {
        let path = self.path;
        let failed = EngineError::io("read", path);
        io::copy(&mut self, &mut io::sink()).map_err(failed)?;
        let mut seal = [0u8; SEAL as usize];
        let is_whole = self.left == 0;
        self.file
            .read_exact(&mut seal)
            .map_err(EngineError::io("read", path))?;
        let got = B256::from(*self.hasher.finalize().as_bytes());
        if is_whole && got.0 == seal {
            return Ok(self.file.into_inner());
        }
        Err(EngineError::DigestMismatch {
            what: path.display().to_string(),
            expected: B256::from(seal),
            got,
        })
    }
}

/// Opens a sealed file to read and check it at once. A payload has at most `max_bytes`.
pub(crate) fn read<'a>(path: &'a Path, magic: &Magic, max_bytes: u64) -> Result<Unsealed<'a>> {
    let name = || path.display().to_string();
    let (file, length) = files::open(path, max_bytes.saturating_add(MAGIC + SEAL))?;
    let left = length
        .checked_sub(SEAL + MAGIC)
        .ok_or_else(|| EngineError::malformed(name(), "the file is too short"))?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut found = Magic::default();
    file.read_exact(&mut found)
        .map_err(EngineError::io("read", path))?;
    if found != *magic {
        return Err(EngineError::malformed(
            name(),
            "not a file of this kind and version; if another release made it, compile the model again, or import the setup again",
        ));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&found);
    Ok(Unsealed {
        file,
        path,
        hasher,
        left,
    })
}

/// Checks the seal and returns a reader over the payload, with the payload's length as its limit. A payload has at most `max_bytes`:
/// all of it is hashed, and a hole in a file can be endless.
pub(crate) fn open(path: &Path, magic: &Magic, max_bytes: u64) -> Result<Take<BufReader<File>>> {
    let unsealed = read(path, magic, max_bytes)?;
    let payload = unsealed.left();
    let mut file = unsealed.finish()?;
    file.seek(SeekFrom::Start(MAGIC))
        .map_err(EngineError::io("read", path))?;
    Ok(BufReader::with_capacity(1 << 16, file).take(payload))
}

/// A file of which parts are read again and again, at any place of the payload, by several threads.
#[derive(Debug)]
pub(crate) struct Parts {
    #[cfg(unix)]
    file: File,
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
}

impl Parts {
    pub(crate) fn new(file: File) -> Self {
        #[cfg(not(unix))]
        let file = std::sync::Mutex::new(file);
        Parts { file }
    }

    /// Fills a buffer with the payload from this byte on.
    pub(crate) fn fill(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileExt as _;
            self.file.read_exact_at(into, MAGIC + at)
        }
        #[cfg(not(unix))]
        {
            let file = self.file.lock();
            let mut file = file.unwrap_or_else(std::sync::PoisonError::into_inner);
            file.seek(SeekFrom::Start(MAGIC + at))?;
            file.read_exact(into)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: Magic = *b"testing1";

    #[test]
    fn open_intact_file_yields_payload_and_damage_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write(&path, Access::Private, &MAGIC, |w| w.write_all(b"payload")).unwrap();
        let mut payload = Vec::new();
        open(&path, &MAGIC, 7)
            .unwrap()
            .read_to_end(&mut payload)
            .unwrap();
        assert_eq!(payload, b"payload");
        assert!(open(&path, b"testing2", 7).is_err());
        assert!(open(&path, &MAGIC, 6).is_err());

        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(open(&path, &MAGIC, 7).is_err(), "byte {at}");
        }
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(open(&path, &MAGIC, 7).is_err(), "length {length}");
        }
    }
}
