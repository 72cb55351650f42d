//! Files that only their owner may read: the state tells who proves what, and what was spent.

use crate::error::{Error, Result};
use crate::owner;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What SQLite keeps beside a database file.
const SIDES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Creates the file if it is missing, and takes it and the files beside it away from everybody else. SQLite gives the files that it
/// makes beside it the same mode.
///
/// # Errors
/// A file belongs to somebody else, or is a symbolic link of somebody else's; or others can put files beside it.
pub(super) fn prepare(path: &Path) -> Result<()> {
    owner::check_folder(path)?;
    if is_missing(path)? {
        match create(path) {
            // Another process was faster.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(drop),
        }
    }
    check(path)
}

/// What [`prepare`] asks of a file that is there.
///
/// # Errors
/// Those of [`prepare`].
pub(super) fn check(path: &Path) -> Result<()> {
    owner::check_folder(path)?;
    tighten(path)?;
    // SQLite follows a link, and keeps the other files beside what it leads to.
    let real = path.canonicalize().map_err(|e| failed(path, e))?;
    owner::check_folder(&real)?;
    for side in sides(&real) {
        if !is_missing(&side)? {
            tighten(&side)?;
        }
    }
    Ok(())
}

/// What SQLite keeps beside a database file, or may come to keep there.
pub(super) fn sides(file: &Path) -> [PathBuf; 3] {
    SIDES.map(|side| {
        let mut name = file.as_os_str().to_owned();
        name.push(side);
        name.into()
    })
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
        let (me, _) = owner::this_process()?;
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
    owner::check_file(path, &found)?;
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

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(path: &Path) -> String {
        Store::open(path).unwrap_err().to_string()
    }

    #[test]
    fn folder_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        for mode in [0o707, 0o777, 0o1777] {
            set_mode(folder.path(), mode);
            let refused = refusal(&path);
            assert!(refused.contains("mkdir -m 700"), "{mode:o}: {refused}");
            assert!(!path.exists(), "{mode:o}");
        }
        // The own group may write; a folder that everybody can rename is refused as one that everybody can write.
        set_mode(folder.path(), 0o770);
        drop(Store::open(&path).unwrap());
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        set_mode(&inner, 0o700);
        set_mode(folder.path(), 0o777);
        assert!(refusal(&inner.join("state.sqlite")).contains("mkdir -m 700"));
        set_mode(folder.path(), 0o700);
        if std::os::unix::fs::chown(folder.path(), None, Some(12_345)).is_ok() {
            drop(Store::open(&path).unwrap());
            set_mode(folder.path(), 0o770);
            assert!(refusal(&path).contains("a group that is not"));
        }
    }

    #[test]
    fn backup_reads_nothing_in_a_folder_that_others_can_write() {
        let folder = tempfile::tempdir().unwrap();
        let (open, own) = (folder.path().join("open"), folder.path().join("own"));
        for path in [&open, &own] {
            std::fs::create_dir(path).unwrap();
            drop(Store::open(&path.join("state.sqlite")).unwrap());
        }
        set_mode(&open, 0o1777);
        for (from, to) in [(&open, &own), (&own, &open)] {
            let copied = Store::backup(&from.join("state.sqlite"), &to.join("copy.sqlite"));
            let refused = copied.unwrap_err().to_string();
            assert!(refused.contains("mkdir -m 700"), "{refused}");
        }
        assert!(!open.join("copy.sqlite").exists());
    }

    #[test]
    fn files_of_another_user_are_refused_the_journal_too() {
        for side in ["", "-wal", "-shm", "-journal"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state.sqlite");
            drop(Store::open(&path).unwrap());
            let planted = beside(&path, side);
            let file = OpenOptions::new().create(true).append(true).open(&planted);
            drop(file.unwrap());
            set_mode(&planted, 0o600);
            // Only root can give a file away; others cannot set this scene.
            if std::os::unix::fs::chown(&planted, Some(12_345), None).is_err() {
                assert_ne!(folder.path().metadata().unwrap().uid(), 0);
                return;
            }
            let refused = refusal(&path);
            assert!(
                refused.contains("belongs to another user"),
                "{side}: {refused}"
            );
            let copied = Store::backup(&path, &folder.path().join("copy"));
            assert!(copied.is_err(), "{side}");
        }
    }

    #[test]
    fn journal_that_others_can_write_is_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        drop(Store::open(&path).unwrap());
        let journal = beside(&path, "-journal");
        std::fs::write(&journal, "").unwrap();
        set_mode(&journal, 0o666);
        prepare(&path).unwrap();
        assert_eq!(mode(&journal), 0o600);
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
