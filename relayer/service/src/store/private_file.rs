//! Files that only their owner may read: the state tells who proves what, and what was spent.

use crate::error::{Error, Result};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What SQLite keeps beside a database file.
const SIDES: [&str; 2] = ["-wal", "-shm"];

/// Creates the file if it is missing, and takes it and the files beside it away from everybody else. SQLite gives the files that it
/// makes beside it the same mode.
///
/// # Errors
/// A file belongs to somebody else, or is a symbolic link of somebody else's.
pub(super) fn prepare(path: &Path) -> Result<()> {
    if is_missing(path)? {
        match create(path) {
            // Another process was faster.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(drop),
        }
    }
    tighten(path)?;
    for side in SIDES {
        let mut name = path.as_os_str().to_owned();
        name.push(side);
        let side = PathBuf::from(name);
        if !is_missing(&side)? {
            tighten(&side)?;
        }
    }
    Ok(())
}

/// Creates a file that is not there; a symbolic link in its place is not followed.
pub(super) fn create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map_err(|e| failed(path, e))
}

fn is_missing(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(failed(path, e)),
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(unix)]
fn tighten(path: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let refuse = |why: &str| {
        Err(Error::Config(format!(
            "{} {why}; move it away, or name another file",
            path.display()
        )))
    };
    let named = path.symlink_metadata().map_err(|e| failed(path, e))?;
    let found = if named.is_symlink() {
        let me = owner_of_new_files(path)?;
        if named.uid() != me && named.uid() != 0 {
            return refuse("is a symbolic link that another user made");
        }
        path.metadata().map_err(|e| failed(path, e))?
    } else {
        named
    };
    if !found.is_file() {
        return refuse("is not a file");
    }
    if found.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    let private = std::fs::Permissions::from_mode(0o600);
    match std::fs::set_permissions(path, private) {
        Ok(()) => {
            tracing::warn!(path = %path.display(), "others could use the file; now only its owner can");
            Ok(())
        }
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            refuse("belongs to another user, who can read and change it")
        }
        Err(e) => Err(failed(path, e)),
    }
}

#[cfg(not(unix))]
fn tighten(_: &Path) -> Result<()> {
    Ok(())
}

/// The user that this process makes files as.
#[cfg(unix)]
fn owner_of_new_files(beside: &Path) -> Result<u32> {
    use std::os::unix::fs::MetadataExt;
    let name = format!(".chainfer-relayer.{}.owner", std::process::id());
    let probe = beside.with_file_name(name);
    let made: Result<Metadata> =
        create(&probe).and_then(|f| f.metadata().map_err(|e| failed(&probe, e)));
    // It may not have come into being.
    let _ = std::fs::remove_file(&probe);
    Ok(made?.uid())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::store::Store;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    fn beside(path: &Path, side: &str) -> PathBuf {
        PathBuf::from(format!("{}{side}", path.display()))
    }

    #[tokio::test]
    async fn new_state_and_what_is_beside_it_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let store = Store::open(&path).unwrap();
        store.bind_chain(1, Default::default()).await.unwrap();
        for side in ["", "-wal", "-shm"] {
            assert_eq!(mode(&beside(&path, side)), 0o600, "{side}");
        }
        let copy = folder.path().join("copy.sqlite");
        Store::backup(&path, &copy).unwrap();
        assert_eq!(mode(&copy), 0o600);
    }

    #[tokio::test]
    async fn state_that_others_could_read_is_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let store = Store::open(&path).unwrap();
        store.bind_chain(1, Default::default()).await.unwrap();
        for side in ["", "-wal", "-shm"] {
            let loose = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(beside(&path, side), loose).unwrap();
        }
        let _again = Store::open(&path).unwrap();
        for side in ["", "-wal", "-shm"] {
            assert_eq!(mode(&beside(&path, side)), 0o600, "{side}");
        }
    }

    #[test]
    fn own_link_is_followed_and_its_target_is_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("there"), folder.path().join("state"));
        std::fs::write(&target, "").unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o666)).unwrap();
        symlink(&target, &link).unwrap();
        prepare(&link).unwrap();
        assert_eq!(mode(&target), 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn link_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("there"), folder.path().join("state"));
        std::fs::write(&target, "").unwrap();
        symlink(&target, &link).unwrap();
        // Only root can give a link away; others cannot set this scene.
        if std::os::unix::fs::lchown(&link, Some(12_345), None).is_err() {
            assert_ne!(folder.path().metadata().unwrap().uid(), 0);
            return;
        }
        let refused = prepare(&link).unwrap_err().to_string();
        assert!(refused.contains("another user made"), "{refused}");
    }

    #[test]
    fn create_does_not_follow_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink(folder.path().join("elsewhere"), &link).unwrap();
        assert!(create(&link).is_err());
        assert!(!folder.path().join("elsewhere").exists());
    }
}
