//! Writes a folder of files, either completely or not at all.

use crate::failure::bad_input;
use anyhow::Context as _;
use chainfer_formats::files::{self, Access};
use chainfer_verifier_gen::project::ProjectFile;
use std::{fs, io::Write, path::Path};

/// Refuses a path that is taken, unless it is an empty folder.
///
/// # Errors
/// The path is a file or a folder with content, or cannot be read.
pub(crate) fn require_free(folder: &Path) -> anyhow::Result<()> {
    let taken = match fs::symlink_metadata(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) => return Err(e).with_context(|| format!("cannot look at {}", folder.display())),
        Ok(found) if found.is_dir() => fs::read_dir(folder)
            .with_context(|| format!("cannot look into {}", folder.display()))?
            .next()
            .is_some(),
        Ok(_) => true,
    };
    if taken {
        return Err(bad_input(format!(
            "{} exists already; choose another folder or remove it",
            folder.display()
        )));
    }
    Ok(())
}

/// Writes all files to a folder next to `folder`, and renames it at the end.
///
/// # Errors
/// The path is taken, or the files cannot be written.
pub(crate) fn write(folder: &Path, project: &[ProjectFile]) -> anyhow::Result<()> {
    require_free(folder)?;
    if folder.file_name().is_none() {
        let reason = format!("{} is not a name for a folder", folder.display());
        return Err(bad_input(reason));
    }
    files::remove_abandoned_siblings(folder);
    let staging = files::temporary_sibling(folder);
    let written = write_all(&staging, project).and_then(|()| {
        fs::rename(&staging, folder).with_context(|| {
            format!(
                "cannot rename {} to {}",
                staging.display(),
                folder.display()
            )
        })
    });
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&staging);
    }
    written
}

/// Nothing is there yet, and nothing is written over: what others may have put there stays.
fn write_all(staging: &Path, all: &[ProjectFile]) -> anyhow::Result<()> {
    fs::create_dir(staging).with_context(|| format!("cannot make {}", staging.display()))?;
    for file in all {
        let path = staging.join(&file.path);
        if let Some(parent) = path.parent() {
            files::create_dir(parent, Access::Public)?;
        }
        files::create(&path, Access::Public)?
            .write_all(file.contents.as_ref())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<ProjectFile> {
        vec![ProjectFile {
            path: "a/b.txt".to_owned(),
            contents: "text".to_owned(),
        }]
    }

    #[test]
    fn write_takes_a_free_folder_and_leaves_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("project");
        write(&folder, &files()).unwrap();
        assert_eq!(fs::read_to_string(folder.join("a/b.txt")).unwrap(), "text");
        let empty = root.path().join("empty");
        fs::create_dir(&empty).unwrap();
        write(&empty, &files()).unwrap();
        assert!(empty.join("a/b.txt").is_file());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn write_refuses_what_is_there() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("project");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("mine"), "x").unwrap();
        let error = write(&folder, &files()).unwrap_err();
        assert!(error.to_string().contains("exists"), "{error}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(write(&folder.join("mine"), &files()).is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
