//! Whose a file is, and who else can put files beside it.

use crate::error::{Error, Result};
use std::path::Path;

/// Refuses a file that neither this process's user nor root owns: whoever owns it can change it at any time.
///
/// # Errors
/// [`Error::Config`] with the remedy.
#[cfg(unix)]
pub(crate) fn check_file(path: &Path, found: &std::fs::Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let (user, _) = this_process()?;
    if [user, 0].contains(&found.uid()) {
        return Ok(());
    }
    Err(Error::Config(format!(
        "{} belongs to another user (id {}, this process has {user}); run this as that user, or name a file of your own",
        path.display(),
        found.uid()
    )))
}

/// Refuses a folder in which others can put files: SQLite reads what has the right name beside a database.
///
/// # Errors
/// [`Error::Config`] with the remedy.
#[cfg(unix)]
pub(crate) fn check_folder(of: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let named = of.parent().filter(|p| !p.as_os_str().is_empty());
    let named = named.unwrap_or(Path::new("."));
    let io = |source| Error::Io {
        path: named.display().to_string(),
        source,
    };
    let folder = named.canonicalize().map_err(io)?;
    let refuse = |which: &Path, why: &str| {
        Err(Error::Config(format!(
            "the folder {} {why}, so others can put files beside {} that are taken for part of it; make a folder of your own for it \
             (mkdir -m 700 FOLDER)",
            which.display(),
            of.display()
        )))
    };
    let (user, group) = this_process()?;
    let found = folder.metadata().map_err(io)?;
    if ![user, 0].contains(&found.uid()) {
        return refuse(&folder, "belongs to another user");
    }
    if found.mode() & 0o002 != 0 {
        return refuse(&folder, "can be written by everybody");
    }
    // Many users have a group of their own, which may write where they do.
    if found.mode() & 0o020 != 0 && group != Some(found.gid()) {
        return refuse(
            &folder,
            "can be written by a group that is not this process's own",
        );
    }
    for above in folder.ancestors().skip(1) {
        let mode = above.metadata().map_err(io)?.mode();
        // With the sticky bit others cannot rename what is not theirs.
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            return refuse(above, "can be written by everybody");
        }
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_file(_: &Path, _: &std::fs::Metadata) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_folder(_: &Path) -> Result<()> {
    Ok(())
}

/// Effective user of this process, and its effective group where that is known.
#[cfg(unix)]
pub(crate) fn this_process() -> Result<(u32, Option<u32>)> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    if let Ok(found) = Path::new("/proc/self").metadata() {
        return Ok((found.uid(), Some(found.gid())));
    }
    // Without /proc: the owner of a new file.
    let probe = std::env::temp_dir().join(format!("chainfer-relayer.{}.owner", std::process::id()));
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&probe)
        .and_then(|file| file.metadata());
    let made = made.map_err(|source| Error::Io {
        path: probe.display().to_string(),
        source,
    })?;
    // A rest of it does no harm.
    let _ = std::fs::remove_file(&probe);
    Ok((made.uid(), None))
}
