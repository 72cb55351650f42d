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
    /// `from` is no database of this program, or a file cannot be read or written.
    pub fn backup(from: &Path, to: &Path) -> Result<()> {
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
