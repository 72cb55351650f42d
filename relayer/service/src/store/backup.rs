//! A copy of a database that is in use.

use super::handle::Store;
use super::private_file;
use super::sql::corrupt;
use crate::error::{Error, Result};
use crate::owner;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pages that are copied before writers get a turn.
const PAGES: i32 = 512;

impl Store {
    /// Copies the database file `from` to `to` while others use it. `to` appears complete and checked, or
    /// not at all; an older backup of that name is replaced.
    ///
    /// # Errors
    /// `from` is no database of this program, `to` is `from` or a file that belongs to it, or a file cannot be read or written.
    pub fn backup(from: &Path, to: &Path) -> Result<()> {
        refuse_own_files(from, to)?;
        let partial = partial_name(to);
        let result = copy(from, &partial).and_then(|()| {
            let io = |source| Error::Io {
                path: to.display().to_string(),
                source,
            };
            File::open(&partial)
                .and_then(|f| f.sync_all())
                .map_err(io)?;
            std::fs::rename(&partial, to).map_err(io)?;
            let folder = to.parent().filter(|p| !p.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))
                .and_then(|f| f.sync_all())
                .map_err(io)
        });
        if result.is_err() {
            // It may not have come into being.
            let _ = std::fs::remove_file(&partial);
        }
        result
    }
}

/// Refuses the database itself, and what SQLite keeps beside it, under whatever name: replaced, it would be lost, and with it what a
/// running relayer goes on to write.
fn refuse_own_files(from: &Path, to: &Path) -> Result<()> {
    // A database that is not there is told of by whoever opens it.
    let Ok(real) = from.canonicalize() else {
        return Ok(());
    };
    let own: Vec<PathBuf> = std::iter::once(real.clone())
        .chain(private_file::sides(&real))
        .chain(private_file::sides(from))
        .collect();
    let place = resolved(to);
    let is_own = |file: &PathBuf| Some(file) == place.as_ref() || is_same_file(file, to);
    if !own.iter().any(is_own) {
        return Ok(());
    }
    Err(Error::Config(format!(
        "{} is the state {} itself, or a file that belongs to it; name another file for the backup",
        to.display(),
        from.display()
    )))
}

/// The path of a file that need not be there; `None` if its folder is not there either.
fn resolved(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// Whether two names lead to one file, over links of either kind.
fn is_same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino()));
        matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
    }
    #[cfg(not(unix))]
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// In the same folder, so that renaming is atomic.
fn partial_name(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.{}.partial", std::process::id()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.exists() {
        private_file::check(from)?;
    }
    owner::check_folder(to)?;
    // Never creates: a mistyped name is an error, not an empty backup.
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.busy_timeout(Duration::from_secs(10))?;
    source.query_row("SELECT count(*) FROM jobs", [], |_| Ok(()))?;
    private_file::create(to)?;
    let mut target = Connection::open(to)?;
    Backup::new(&source, &mut target)?.run_to_completion(PAGES, Duration::from_millis(2), None)?;
    let verdict: String = target.query_row("PRAGMA quick_check", [], |r| r.get(0))?;
    if verdict != "ok" {
        return Err(corrupt(format!("the backup: {verdict}")));
    }
    // One file, without a log beside it.
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    target.close().map_err(|(_, e)| e.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn backup_onto_the_state_or_what_belongs_to_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let state = at("state.sqlite");
        let store = Store::open(&state).unwrap();
        store.bind_chain(1, Default::default()).await.unwrap();
        std::fs::create_dir(at("inner")).unwrap();
        std::fs::hard_link(&state, at("hard.sqlite")).unwrap();
        std::fs::hard_link(at("state.sqlite-wal"), at("hard-wal")).unwrap();
        symlink(&state, at("soft.sqlite")).unwrap();
        symlink(folder.path(), at("folder")).unwrap();
        let files = || {
            let mut names: Vec<_> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        let (before, content) = (files(), std::fs::read(at("state.sqlite-wal")).unwrap());
        for to in [
            "state.sqlite",
            "inner/../state.sqlite",
            "folder/state.sqlite",
            "hard.sqlite",
            "soft.sqlite",
            "state.sqlite-wal",
            "state.sqlite-shm",
            // Not there at the moment.
            "state.sqlite-journal",
            "folder/state.sqlite-journal",
            "hard-wal",
            // What SQLite keeps is beside what a link leads to.
            "soft.sqlite-wal",
        ] {
            for from in ["state.sqlite", "soft.sqlite"] {
                if (from, to) == ("state.sqlite", "soft.sqlite-wal") {
                    continue;
                }
                let refused = Store::backup(&at(from), &at(to)).unwrap_err();
                assert!(matches!(refused, Error::Config(_)), "{to}: {refused}");
                assert!(refused.to_string().contains("name another file"), "{to}");
            }
        }
        assert_eq!(files(), before);
        assert_eq!(std::fs::read(at("state.sqlite-wal")).unwrap(), content);
        Store::backup(&state, &at("copy.sqlite")).unwrap();
        Store::backup(&state, &at("copy.sqlite")).unwrap();
        drop(Store::open(&at("copy.sqlite")).unwrap());
    }

    #[test]
    fn backup_of_a_relative_name_onto_itself_is_refused() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let name = PathBuf::from(folder.path().file_name().unwrap()).join("state.sqlite");
        drop(Store::open(&name).unwrap());
        let dotted = Path::new(".").join(&name);
        for to in [&name, &dotted] {
            let refused = Store::backup(&name, to).unwrap_err();
            assert!(matches!(refused, Error::Config(_)), "{refused}");
        }
    }
}
