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

/// Bytes that are read and hashed at a time: enough for several threads.
const PIECE: usize = 1 << 20;

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

/// Checks the seal and returns a reader over the payload, with the payload's length as its limit. A payload has at most `max_bytes`:
/// all of it is hashed, and a hole in a file can be endless.
pub(crate) fn open(path: &Path, magic: &Magic, max_bytes: u64) -> Result<Take<BufReader<File>>> {
    let name = || path.display().to_string();
    let (mut file, length) = files::open(path, max_bytes.saturating_add(MAGIC + SEAL))?;
    let payload = length
        .checked_sub(SEAL + MAGIC)
        .ok_or_else(|| EngineError::malformed(name(), "the file is too short"))?;
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
    let mut piece = vec![0u8; PIECE.min(usize::try_from(payload).unwrap_or(PIECE))];
    let mut left = payload;
    while left > 0 {
        let length = piece.len().min(usize::try_from(left).unwrap_or(PIECE));
        file.read_exact(&mut piece[..length])
            .map_err(EngineError::io("read", path))?;
        hasher.update_rayon(&piece[..length]);
        left -= length as u64;
    }
    let mut seal = [0u8; SEAL as usize];
    file.read_exact(&mut seal)
        .map_err(EngineError::io("read", path))?;
    let got = B256::from(*hasher.finalize().as_bytes());
    if got.0 != seal {
        return Err(EngineError::DigestMismatch {
            what: name(),
            expected: B256::from(seal),
            got,
        });
    }
    file.seek(SeekFrom::Start(MAGIC))
        .map_err(EngineError::io("read", path))?;
    Ok(BufReader::with_capacity(1 << 16, file).take(payload))
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
