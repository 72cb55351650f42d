//! Files that are either whole or absent.

use crate::error::{EngineError, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody (0644, less the umask).
    Public,
    /// The owner (0600).
    Private,
}

/// A path beside `path` that nobody else uses.
pub(crate) fn temporary_sibling(path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    path.with_file_name(format!(
        ".{name}.{}-{:016x}.tmp",
        std::process::id(),
        rand::random::<u64>()
    ))
}

/// Creates a new file with the access asked for.
pub(crate) fn create(path: &Path, access: Access) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(match access {
            Access::Public => 0o644,
            Access::Private => 0o600,
        });
    }
    #[cfg(not(unix))]
    let _ = access;
    options.open(path).map_err(EngineError::io("create", path))
}

/// Creates a folder (and its parents), readable for the owner alone if private.
pub(crate) fn create_dir(path: &Path, access: Access) -> Result<()> {
    fs::create_dir_all(path).map_err(EngineError::io("create", path))?;
    #[cfg(unix)]
    if access == Access::Private {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(EngineError::io("set the mode of", path))?;
    }
    #[cfg(not(unix))]
    let _ = access;
    Ok(())
}

/// Writes through `fill` to a temporary file, flushes it to disk, and moves it over `path`.
pub(crate) fn write_atomic_with(
    path: &Path,
    access: Access,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let temporary = temporary_sibling(path);
    let written = (|| {
        let mut file = std::io::BufWriter::new(create(&temporary, access)?);
        let failed = EngineError::io("write", path);
        let done = fill(&mut file)
            .and_then(|()| file.flush())
            .and_then(|()| file.get_ref().sync_all());
        done.map_err(failed)?;
        fs::rename(&temporary, path).map_err(EngineError::io("rename to", path))
    })();
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_parent(path)
}

/// Writes `bytes` so that `path` is never seen half-written.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    write_atomic_with(path, access, |file| file.write_all(bytes))
}

/// Writes pretty JSON with a newline at the end.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T, access: Access) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|e| EngineError::malformed(path.display().to_string(), e))?;
    text.push(b'\n');
    write_atomic(path, &text, access)
}

/// Makes a rename in the folder of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Some file systems cannot sync a folder; there, nothing better can be done.
    if let Ok(dir) = File::open(parent) {
        let _ = dir.sync_all();
    }
    Ok(())
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(EngineError::io("read", path))
}

/// The `format` and `version` that every JSON file of ours starts with.
#[derive(Debug, serde::Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// Reads a JSON file of the given format and version.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, format: &str, version: u32) -> Result<T> {
    parse_json(&read(path)?, &path.display().to_string(), format, version)
}

/// Parses JSON of the given format and version.
pub(crate) fn parse_json<T: DeserializeOwned>(
    bytes: &[u8],
    what: &str,
    format: &str,
    version: u32,
) -> Result<T> {
    let header: Header =
        serde_json::from_slice(bytes).map_err(|e| EngineError::malformed(what, e))?;
    if header.format != format || header.version != version {
        return Err(EngineError::UnsupportedFormat {
            what: what.to_owned(),
            got: format!("{} version {}", header.format, header.version),
            expected: format!("{format} version {version}"),
        });
    }
    serde_json::from_slice(bytes).map_err(|e| EngineError::malformed(what, e))
}
