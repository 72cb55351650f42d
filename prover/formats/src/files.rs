//! Files that are either whole or absent.

use crate::error::{FormatError, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody (0644, less the umask).
    Public,
    /// The owner (0600). No error quotes the content.
    Private,
}

/// A path beside `path` that nobody else uses.
pub fn temporary_sibling(path: &Path) -> PathBuf {
    // Unique in this process by the count, among processes by their id, and among machines that share a folder, or
    // processes whose ids were given out again, by the time.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.map_or(0, |elapsed| elapsed.as_nanos());
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    path.with_file_name(format!(".{name}.{}-{count}-{nanos:x}.tmp", process::id()))
}

/// Creates a new file with the access asked for.
///
/// # Errors
/// It exists, or the file system refuses.
pub fn create(path: &Path, access: Access) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(match access {
            Access::Public => 0o644,
            Access::Private => 0o600,
        });
    }
    #[cfg(not(unix))]
    let _ = access;
    options.open(path).map_err(FormatError::io("create", path))
}

/// Creates a folder and its parents; a private one is readable for the owner alone.
///
/// # Errors
/// The file system refuses.
pub fn create_dir(path: &Path, access: Access) -> Result<()> {
    fs::create_dir_all(path).map_err(FormatError::io("create", path))?;
    #[cfg(unix)]
    if access == Access::Private {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(FormatError::io("set the mode of", path))?;
    }
    #[cfg(not(unix))]
    let _ = access;
    Ok(())
}

/// Writes through `fill` to a temporary file, flushes it to disk, moves it over `path`, and makes the move durable.
///
/// # Errors
/// The file system refuses. `path` is then as it was.
pub fn write_atomic_with(
    path: &Path,
    access: Access,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let temporary = temporary_sibling(path);
    let written = (|| {
        let mut file = io::BufWriter::new(create(&temporary, access)?);
        fill(&mut file)
            .and_then(|()| file.flush())
            .and_then(|()| file.get_ref().sync_all())
            .map_err(FormatError::io("write", path))?;
        fs::rename(&temporary, path).map_err(FormatError::io("rename to", path))
    })();
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_parent(path);
    Ok(())
}

/// Writes `bytes` so that `path` is never seen half-written.
///
/// # Errors
/// As [`write_atomic_with`].
pub fn write_atomic(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    write_atomic_with(path, access, |file| file.write_all(bytes))
}

/// Makes a rename in the folder of `path` durable. Some file systems cannot sync a folder; nothing better can be done
/// there.
pub fn sync_parent(path: &Path) {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if let Ok(dir) = File::open(parent) {
        let _ = dir.sync_all();
    }
}

/// Reads a file whole.
///
/// # Errors
/// The file system refuses.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(FormatError::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.json");
        write_atomic(&path, b"old", Access::Public).unwrap();
        let failed = write_atomic_with(&path, Access::Public, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no space"))
        });
        assert!(matches!(failed, Err(FormatError::Io { .. })));
        assert_eq!(read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        write_atomic(&path, b"new", Access::Public).unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn private_file_is_the_owners_alone_even_over_a_public_one() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write_atomic(&path, b"a", Access::Public).unwrap();
        write_atomic(&path, b"b", Access::Private).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn temporary_sibling_is_another_one_each_time() {
        let path = Path::new("folder/f.json");
        let (a, b) = (temporary_sibling(path), temporary_sibling(path));
        assert_ne!(a, b);
        assert_eq!(a.parent(), path.parent());
    }

    #[test]
    fn missing_file_is_named() {
        let error = read(Path::new("/nonexistent/f.json")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/f.json"), "{error}");
    }
}
