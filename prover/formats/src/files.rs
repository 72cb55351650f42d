//! Files that are either whole or absent when they are written, and regular and of a known largest size when they are read.
//!
//! A bundle may come from a stranger. What is read or written in one is never reached through a symbolic link: it could lead to a
//! device that never ends, to a FIFO that never answers, or to somebody else's file. The path to the bundle itself may have links.

use crate::error::{FormatError, Result};
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Write},
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

/// Removes what [`temporary_sibling`] named for `path`, if the process that made it is gone: it was killed while it wrote.
pub fn remove_abandoned_siblings(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let name = name.to_string_lossy();
    let here = folder.as_os_str().is_empty();
    remove_abandoned(if here { Path::new(".") } else { folder }, |n| n == name);
}

/// As [`remove_abandoned_siblings`], for all names in a folder that `concerns` picks.
pub fn remove_abandoned(folder: &Path, concerns: impl Fn(&str) -> bool) {
    // Where the system does not show its processes, nothing is removed.
    let processes = Path::new("/proc");
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    if !processes.join("self").exists() {
        return;
    }
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // .NAME.PID-COUNT-TIME.tmp
        let parts = name
            .strip_prefix('.')
            .and_then(|rest| rest.strip_suffix(".tmp"))
            .and_then(|rest| rest.rsplit_once('.'))
            .filter(|(name, _)| concerns(name));
        let writer = parts
            .and_then(|(_, unique)| unique.split('-').next())
            .and_then(|pid| pid.parse::<u32>().ok());
        let gone = writer.is_some_and(|pid| !processes.join(pid.to_string()).exists());
        if gone {
            let is_folder = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
            let _ = if is_folder {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
        }
    }
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
/// The file system refuses, or a symbolic link is there.
pub fn create_dir(path: &Path, access: Access) -> Result<()> {
    fs::create_dir_all(path).map_err(FormatError::io("create", path))?;
    require_folder(path)?;
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

/// Writes `bytes` to a path where nothing is yet. Of several that write to it at once, one succeeds.
///
/// # Errors
/// Something is there, a symbolic link included, or the file system refuses.
pub fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let temporary = temporary_sibling(path);
    write_atomic(&temporary, bytes, access)?;
    // A rename would replace what is there; a link does not.
    let linked = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // A file system without links.
            create(path, access).and_then(|mut file| {
                file.write_all(bytes)
                    .and_then(|()| file.sync_all())
                    .map_err(FormatError::io("write", path))
            })
        }
        linked => linked.map_err(FormatError::io("create", path)),
    };
    let _ = fs::remove_file(&temporary);
    linked?;
    sync_parent(path);
    Ok(())
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

/// Refuses anything but a folder, symbolic links to one included.
///
/// # Errors
/// The path is something else, or missing.
pub fn require_folder(path: &Path) -> Result<()> {
    let found = fs::symlink_metadata(path).map_err(FormatError::io("look at", path))?;
    if found.is_dir() {
        return Ok(());
    }
    Err(FormatError::WrongFileType {
        path: path.to_owned(),
        expected: "a folder",
        found: type_name(found.file_type()),
    })
}

/// Reads a file of a bundle whole.
///
/// # Errors
/// As [`open`], or it has more bytes than `max_bytes`.
pub fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let (file, _) = open(path, max_bytes)?;
    read_up_to(file, path, max_bytes)
}

/// Reads a file that the user named. It may be reached through a symbolic link, and may be a pipe.
///
/// # Errors
/// It is a folder or a device, it has more bytes than `max_bytes`, or the file system refuses.
pub fn read_named(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    // Looked at first: to open a device can have an effect.
    let found = fs::metadata(path).map_err(FormatError::io("read", path))?;
    if !found.is_file() && !is_pipe(found.file_type()) {
        return Err(FormatError::WrongFileType {
            path: path.to_owned(),
            expected: "a file or a pipe",
            found: type_name(found.file_type()),
        });
    }
    if found.is_file() {
        check_size(path, found.len(), max_bytes)?;
    }
    let file = File::open(path).map_err(FormatError::io("read", path))?;
    read_up_to(file, path, max_bytes)
}

/// Opens a file of a bundle for reading; returns its size, too.
///
/// # Errors
/// It is no regular file (a symbolic link is none), it has more bytes than `max_bytes`, or the file system refuses.
pub fn open(path: &Path, max_bytes: u64) -> Result<(File, u64)> {
    let (file, found) = open_regular(path, Links::Refused, OpenOptions::new().read(true))?;
    check_size(path, found.len(), max_bytes)?;
    Ok((file, found.len()))
}

/// Opens a file that the user named for reading, with what the system says about it. It may be reached through a symbolic link, but
/// is no pipe: what has to be read twice, or in any order, is a regular file. Its size is for the caller to judge.
///
/// # Errors
/// It is no regular file, or the file system refuses.
pub fn open_named(path: &Path) -> Result<(File, Metadata)> {
    open_regular(path, Links::Followed, OpenOptions::new().read(true))
}

/// Opens a file of a bundle that is there for its lock.
///
/// # Errors
/// It is no regular file, or the file system refuses.
pub fn open_lock(path: &Path) -> Result<File> {
    Ok(open_regular(path, Links::Refused, OpenOptions::new().write(true))?.0)
}

/// What happens where the last part of a path is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    Refused,
    Followed,
}

fn open_regular(path: &Path, links: Links, options: &mut OpenOptions) -> Result<(File, Metadata)> {
    // Looked at first: to open a device can have an effect.
    look(path, links).and_then(|found| require_regular(path, &found))?;
    // And again, as somebody may have put something else there meanwhile.
    open_and_look(path, links, options)
}

/// Opens what is there without waiting for anybody, and refuses it unless it is a regular file.
fn open_and_look(path: &Path, links: Links, options: &mut OpenOptions) -> Result<(File, Metadata)> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        // Does not wait at a FIFO; for a regular file it means nothing.
        let mut flags = OFlags::NONBLOCK;
        if links == Links::Refused {
            flags |= OFlags::NOFOLLOW;
        }
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) => {
            // The system's reason would not say what is there.
            if let Ok(found) = look(path, links) {
                require_regular(path, &found)?;
            }
            return Err(FormatError::io("open", path)(error));
        }
    };
    let found = file.metadata().map_err(FormatError::io("open", path))?;
    require_regular(path, &found)?;
    Ok((file, found))
}

fn look(path: &Path, links: Links) -> Result<Metadata> {
    match links {
        Links::Refused => fs::symlink_metadata(path),
        Links::Followed => fs::metadata(path),
    }
    .map_err(FormatError::io("open", path))
}

fn require_regular(path: &Path, found: &Metadata) -> Result<()> {
    if found.is_file() {
        return Ok(());
    }
    Err(FormatError::WrongFileType {
        path: path.to_owned(),
        expected: "a regular file",
        found: type_name(found.file_type()),
    })
}

fn check_size(path: &Path, size: u64, max_bytes: u64) -> Result<()> {
    if size <= max_bytes {
        return Ok(());
    }
    Err(FormatError::TooLarge {
        path: path.to_owned(),
        max_bytes,
    })
}

/// Reads an open file to its end. What is read counts: a file can grow, and nobody knows how long a pipe is.
///
/// # Errors
/// It has more bytes than `max_bytes`, or the file system refuses. `path` is named in the error.
pub fn read_up_to(file: File, path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(FormatError::io("read", path))?;
    check_size(path, bytes.len() as u64, max_bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn is_pipe(found: fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    found.is_fifo()
}

#[cfg(not(unix))]
fn is_pipe(_: fs::FileType) -> bool {
    false
}

fn type_name(found: fs::FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if found.is_fifo() {
            return "a FIFO";
        }
        if found.is_socket() {
            return "a socket";
        }
        if found.is_char_device() || found.is_block_device() {
            return "a device";
        }
    }
    if found.is_symlink() {
        "a symbolic link"
    } else if found.is_dir() {
        "a folder"
    } else if found.is_file() {
        "a file"
    } else {
        "something else"
    }
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
        assert_eq!(read(&path, 9).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        write_atomic(&path, b"new", Access::Public).unwrap();
        assert_eq!(read(&path, 9).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn new_file_replaces_nothing_and_one_of_many_writers_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let written: Vec<bool> = std::thread::scope(|scope| {
            let path = &path;
            let write =
                |i: u8| scope.spawn(move || write_new(path, &[i; 9], Access::Private).is_ok());
            let writers: Vec<_> = (0..8).map(write).collect();
            writers.into_iter().map(|w| w.join().unwrap()).collect()
        });
        let winner = written.iter().position(|written| *written).unwrap() as u8;
        assert_eq!(written.iter().filter(|written| **written).count(), 1);
        assert_eq!(read(&path, 9).unwrap(), [winner; 9]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            let link = dir.path().join("link");
            std::os::unix::fs::symlink("nowhere", &link).unwrap();
            assert!(write_new(&link, b"a", Access::Public).is_err());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn abandoned_siblings_are_those_of_processes_that_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut child = process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let gone = child.id();
        let mine = temporary_sibling(&path);
        fs::create_dir(&mine).unwrap();
        let [folder, file, other, odd] = [
            format!(".out.{gone}-0-1f.tmp"),
            format!(".out.{gone}-1-1f.tmp"),
            format!(".other.{gone}-0-1f.tmp"),
            ".out.tmp".to_owned(),
        ]
        .map(|name| dir.path().join(name));
        fs::create_dir_all(folder.join("private")).unwrap();
        for path in [&file, &other, &odd] {
            fs::write(path, b"").unwrap();
        }
        remove_abandoned_siblings(&path);
        let left = [&folder, &file, &other, &odd, &mine].map(|path| path.exists());
        assert_eq!(left, [false, false, true, true, true]);
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
        let path = Path::new("/nonexistent/f.json");
        for error in [read(path, 9), read_named(path, 9)].map(Result::unwrap_err) {
            assert!(error.to_string().contains("/nonexistent/f.json"), "{error}");
        }
    }

    #[test]
    fn file_of_more_bytes_than_allowed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, [7; 10]).unwrap();
        for read in [read, read_named] {
            assert_eq!(read(&path, 10).unwrap().len(), 10);
            let error = read(&path, 9).unwrap_err();
            assert!(matches!(error, FormatError::TooLarge { max_bytes: 9, .. }));
        }
        // A hole takes no room on the disk, and would take all of the memory.
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(1 << 40))
            .unwrap();
        for read in [read, read_named] {
            let error = read(&path, 1 << 20).unwrap_err();
            assert!(matches!(error, FormatError::TooLarge { .. }), "{error}");
        }
    }

    #[cfg(unix)]
    mod unix {
        use super::*;
        use std::os::unix::{fs::symlink, net::UnixListener};

        fn says(error: FormatError, path: &Path, found: &str) {
            let error = error.to_string();
            assert!(
                error.contains(&format!("expected a regular file, got {found}")),
                "{error}"
            );
            assert!(error.contains(&path.display().to_string()), "{error}");
        }

        fn refused(path: &Path, found: &str) {
            says(read(path, 99).unwrap_err(), path, found);
            says(open_lock(path).unwrap_err(), path, found);
            // Put there after the first look.
            let late = open_and_look(path, Links::Refused, OpenOptions::new().read(true));
            says(late.unwrap_err(), path, found);
        }

        fn named_refused(path: &Path, found: &str) {
            says(open_named(path).unwrap_err(), path, found);
            let late = open_and_look(path, Links::Followed, OpenOptions::new().read(true));
            says(late.unwrap_err(), path, found);
        }

        #[test]
        fn what_is_no_regular_file_of_a_bundle_is_refused_by_name() {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::write(at("real"), "x").unwrap();
            for (name, target) in [
                ("link", at("real")),
                ("endless", "/dev/zero".into()),
                ("dangling", at("nothing")),
            ] {
                symlink(target, at(name)).unwrap();
                refused(&at(name), "a symbolic link");
            }
            fs::create_dir(at("folder")).unwrap();
            refused(&at("folder"), "a folder");
            rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
            refused(&at("fifo"), "a FIFO");
            let _listener = UnixListener::bind(at("socket")).unwrap();
            refused(&at("socket"), "a socket");
            refused(Path::new("/dev/null"), "a device");
            assert_eq!(read(&at("real"), 1).unwrap(), b"x");
        }

        #[test]
        fn opened_named_file_may_be_a_link_but_leads_to_a_regular_file() {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::write(at("real"), "xyz").unwrap();
            symlink(at("real"), at("link")).unwrap();
            for path in [at("real"), at("link")] {
                let (file, found) = open_named(&path).unwrap();
                assert_eq!(found.len(), 3);
                assert_eq!(read_up_to(file, &path, 3).unwrap(), b"xyz");
                let (file, _) = open_named(&path).unwrap();
                let error = read_up_to(file, &path, 2).unwrap_err();
                assert!(matches!(error, FormatError::TooLarge { max_bytes: 2, .. }));
            }
            fs::create_dir(at("folder")).unwrap();
            rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
            let _listener = UnixListener::bind(at("socket")).unwrap();
            for (target, found) in [
                (at("folder"), "a folder"),
                (at("fifo"), "a FIFO"),
                (at("socket"), "a socket"),
                ("/dev/zero".into(), "a device"),
            ] {
                named_refused(&target, found);
                let link = at(&format!("link to {found}"));
                symlink(&target, &link).unwrap();
                named_refused(&link, found);
            }
            symlink(at("nothing"), at("dangling")).unwrap();
            for missing in [at("dangling"), at("nothing")] {
                let error = open_named(&missing).unwrap_err();
                assert!(
                    matches!(error, FormatError::Io { action: "open", .. }),
                    "{error}"
                );
                assert!(error.to_string().contains(&missing.display().to_string()));
            }
        }

        #[test]
        fn named_file_may_be_a_link_or_a_pipe_but_no_device() {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::write(at("real"), "x").unwrap();
            symlink(at("real"), at("link")).unwrap();
            assert_eq!(read_named(&at("link"), 9).unwrap(), b"x");
            symlink("/dev/zero", at("endless")).unwrap();
            let error = read_named(&at("endless"), 9).unwrap_err();
            assert!(error.to_string().contains("a device"), "{error}");
            for (bytes, taken) in [(9, true), (10, false)] {
                let fifo = at(&format!("fifo{bytes}"));
                rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
                let writer = std::thread::spawn({
                    let fifo = fifo.clone();
                    move || fs::write(fifo, vec![1; bytes])
                });
                assert_eq!(read_named(&fifo, 9).is_ok(), taken);
                let _ = writer.join().unwrap();
            }
        }

        #[test]
        fn written_file_replaces_a_link_and_leaves_its_target_alone() {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::write(at("victim"), "untouched").unwrap();
            symlink(at("victim"), at("f.json")).unwrap();
            write_atomic(&at("f.json"), b"new", Access::Public).unwrap();
            assert_eq!(fs::read(at("victim")).unwrap(), b"untouched");
            assert_eq!(read(&at("f.json"), 9).unwrap(), b"new");
        }

        #[test]
        fn create_does_not_follow_a_link() {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::write(at("victim"), "untouched").unwrap();
            for (name, target) in [("link", "victim"), ("dangling", "nothing")] {
                symlink(at(target), at(name)).unwrap();
                assert!(create(&at(name), Access::Private).is_err());
            }
            assert_eq!(fs::read(at("victim")).unwrap(), b"untouched");
            assert!(!at("nothing").exists());
        }

        #[test]
        fn create_dir_refuses_a_link_to_a_folder() {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::create_dir(at("elsewhere")).unwrap();
            symlink(at("elsewhere"), at("deployments")).unwrap();
            for access in [Access::Public, Access::Private] {
                let error = create_dir(&at("deployments"), access).unwrap_err();
                assert!(error.to_string().contains("a symbolic link"), "{error}");
            }
            create_dir(&at("real"), Access::Public).unwrap();
            create_dir(&at("real"), Access::Public).unwrap();
        }
    }
}
