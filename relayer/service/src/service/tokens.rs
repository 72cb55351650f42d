//! Who may ask for what: tokens, the roles that they give, and the file that holds them.

use crate::error::{Error, Result};
use crate::submitter::Submitter;
use alloy::primitives::{B256, keccak256};
use chainfer_chain::wallet::Secret;
use chainfer_formats::{FormatError, files};
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

/// Shortest token, in bytes: 32 characters of hexadecimal are 128 bits.
const SHORTEST: usize = 32;

/// Longest token, in bytes.
const LONGEST: usize = 512;

/// Largest file of tokens, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

const REMEDY: &str = "make one with `openssl rand -hex 32`";

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Handing proofs in, and looking at the jobs that come of them.
    Submit,
    /// Lists, status, metrics, cancelling, pausing. Not handing proofs in.
    Admin,
}

/// Who asks, as its token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) name: Submitter,
    /// Any role when `None`: there are no tokens, and the address is on loopback.
    pub(super) role: Option<Role>,
}

impl Caller {
    pub(super) fn may(&self, role: Role) -> bool {
        self.role.is_none_or(|own| own == role)
    }
}

#[derive(Clone)]
struct Entry {
    name: Submitter,
    role: Role,
    /// Of the token, which is not kept.
    digest: B256,
}

/// The tokens that a service knows. They are kept as digests, and shown nowhere.
#[derive(Clone, Default)]
pub struct Tokens(Vec<Entry>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|e| (&e.name, e.role)))
            .finish()
    }
}

impl Tokens {
    /// Reads a file: one token a line as `NAME ROLE TOKEN`, with the role `submit` or `admin`; empty lines and those that
    /// begin with `#` are left out.
    ///
    /// # Errors
    /// [`Error::Config`] with file and line when it is not like this, or when other users can read it.
    pub fn read(path: &Path) -> Result<Self> {
        let mut tokens = Self::default();
        for (line, text) in read_secret(path)?.lines().enumerate() {
            let at = |why: String| {
                Error::Config(format!("{}, line {}: {why}", path.display(), line + 1))
            };
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = text.split_whitespace().collect();
            let [name, role, token] = words[..] else {
                let found = words.len();
                return Err(at(format!("expected NAME ROLE TOKEN, got {found} words")));
            };
            let name: Submitter = name.parse().map_err(|_| {
                at(
                    "a name is 1 to 64 of the characters A-Z, a-z, 0-9, '.', '_' and '-'"
                        .to_owned(),
                )
            })?;
            // Words that are out of place may be tokens, and are not repeated.
            let role = match role {
                "submit" => Role::Submit,
                "admin" => Role::Admin,
                _ => return Err(at("the role is neither submit nor admin".to_owned())),
            };
            tokens.add(name, role, &token.into()).map_err(at)?;
        }
        if tokens.0.is_empty() {
            return Err(Error::Config(format!(
                "{} holds no token: give lines of NAME ROLE TOKEN",
                path.display()
            )));
        }
        Ok(tokens)
    }

    /// Adds a token.
    ///
    /// # Errors
    /// What is wrong with it, and the remedy.
    pub fn add(
        &mut self,
        name: Submitter,
        role: Role,
        token: &Secret,
    ) -> std::result::Result<(), String> {
        let token = token.expose();
        let shown = shown(&name);
        if token.is_empty() {
            return Err(format!("the token of {shown} is empty: {REMEDY}"));
        }
        if !(SHORTEST..=LONGEST).contains(&token.len()) {
            let length = token.len();
            return Err(format!(
                "the token of {shown} has {length} bytes, not {SHORTEST} to {LONGEST}: {REMEDY}"
            ));
        }
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!(
                "the token of {shown} has spaces or characters beyond ASCII: {REMEDY}"
            ));
        }
        let digest = keccak256(token);
        if self.0.iter().any(|e| e.name == name) {
            return Err(format!("there are two tokens of {shown}: one a name"));
        }
        if let Some(other) = self.0.iter().find(|e| e.digest == digest) {
            let other = self::shown(&other.name);
            return Err(format!(
                "{shown} has the token of {other}: give each its own"
            ));
        }
        self.0.push(Entry { name, role, digest });
        Ok(())
    }

    /// Refuses to let strangers in.
    ///
    /// # Errors
    /// [`Error::Config`] when there are no tokens and `listen` is beyond this machine.
    pub fn check(&self, listen: SocketAddr) -> Result<()> {
        if self.0.is_empty() && !listen.ip().to_canonical().is_loopback() {
            return Err(Error::Config(format!(
                "{listen} is reachable from other machines, and there is no token: give --tokens FILE, or \
                 CHAINFER_RELAYER_TOKEN and CHAINFER_RELAYER_ADMIN_TOKEN"
            )));
        }
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many may hand proofs in.
    pub(super) fn submitters(&self) -> usize {
        self.0.iter().filter(|e| e.role == Role::Submit).count()
    }

    /// Who shows this token. Digests are compared, all of them and each to its end, so that the time it takes tells
    /// nothing about a token.
    pub(super) fn caller(&self, shown: Option<&str>) -> Option<Caller> {
        if self.0.is_empty() {
            return Some(Caller {
                name: Submitter::local(),
                role: None,
            });
        }
        let shown = keccak256(shown.filter(|t| t.len() <= LONGEST)?);
        let mut found = None;
        for entry in &self.0 {
            let differing = shown
                .iter()
                .zip(entry.digest)
                .fold(0, |bits, (a, b)| bits | (a ^ b));
            if std::hint::black_box(differing) == 0 {
                found = Some(Caller {
                    name: entry.name.clone(),
                    role: Some(entry.role),
                });
            }
        }
        found
    }
}

/// A name, unless it may be a token in the wrong place.
fn shown(name: &Submitter) -> String {
    let length = name.as_str().len();
    if length < SHORTEST {
        return name.to_string();
    }
    format!("a name of {length} characters, which may be a token in the wrong column,")
}

/// The token in a file that holds nothing else.
///
/// # Errors
/// [`Error::Config`] when other users can read the file, or when it is empty.
pub fn read_token(path: &Path) -> Result<Secret> {
    let text = read_secret(path)?;
    let token = text.trim_end_matches(['\r', '\n']);
    if token.is_empty() {
        return Err(Error::Config(format!(
            "{} is empty: a token is expected; {REMEDY}",
            path.display()
        )));
    }
    Ok(Secret::new(token))
}

/// A small file that nobody else can read.
fn read_secret(path: &Path) -> Result<String> {
    let wrong = |why: &str| Error::Config(format!("{}: {why}", path.display()));
    let refuse = |error| match error {
        FormatError::WrongFileType { .. } => wrong("a file of tokens is a plain file"),
        FormatError::TooLarge { .. } => wrong("a file of tokens has at most 1 MiB"),
        FormatError::Io { source, .. } => Error::Io {
            path: path.display().to_string(),
            source,
        },
        other => other.into(),
    };
    let (file, found) = files::open_named(path).map_err(refuse)?;
    crate::owner::check_file(path, &found)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(wrong(&format!(
                "other users can get at it (mode {mode:04o}): chmod 600 {}",
                path.display()
            )));
        }
    }
    let text = files::read_up_to(file, path, LARGEST_FILE).map_err(refuse)?;
    String::from_utf8(text).map_err(|_| wrong("a file of tokens is text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    const GOOD: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210";

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn file_gives_names_and_roles() {
        let text = format!("# name role token\n\nalice submit {GOOD}\n  ops\tadmin {OTHER}\r\n");
        let (_folder, path) = file(&text, 0o600);
        let tokens = Tokens::read(&path).unwrap();
        let alice = tokens.caller(Some(GOOD)).unwrap();
        assert_eq!(
            (alice.name.as_str(), alice.role),
            ("alice", Some(Role::Submit))
        );
        assert!(alice.may(Role::Submit) && !alice.may(Role::Admin));
        let ops = tokens.caller(Some(OTHER)).unwrap();
        assert!(ops.may(Role::Admin) && !ops.may(Role::Submit));
        let near = format!("{}0", &GOOD[..31]);
        for stranger in [
            None,
            Some(""),
            Some("alice"),
            Some(near.as_str()),
            Some(&GOOD[..31]),
        ] {
            assert_eq!(tokens.caller(stranger), None, "{stranger:?}");
        }
        assert_eq!(tokens.submitters(), 1);
        let shown = format!("{tokens:?}");
        assert!(
            shown.contains("alice") && !shown.contains(&GOOD[..8]),
            "{shown}"
        );
    }

    #[test]
    fn bad_files_are_refused_with_their_line_and_without_their_tokens() {
        let long = "a".repeat(513);
        for (text, told) in [
            (String::new(), "holds no token"),
            ("# nothing\n".to_owned(), "holds no token"),
            (
                format!("alice {GOOD}\n"),
                "line 1: expected NAME ROLE TOKEN, got 2 words",
            ),
            (format!("\nalice submit {GOOD} x"), "line 2: expected"),
            (format!("alice owner {GOOD}"), "neither submit nor admin"),
            (format!("a/b submit {GOOD}"), "a name is"),
            (
                format!("alice submit {}", &GOOD[..31]),
                "has 31 bytes, not 32 to 512",
            ),
            (format!("alice submit {long}"), "has 513 bytes"),
            (format!("alice submit {GOOD}ü"), "beyond ASCII"),
            (
                format!("alice submit {GOOD}\nalice admin {OTHER}"),
                "line 2: there are two tokens of alice",
            ),
            (
                format!("{GOOD} submit alice"),
                "line 1: the token of a name of 32 characters, which may be a token in the wrong column, has 5 bytes",
            ),
            (
                format!("{GOOD} submit {OTHER}\n{GOOD} admin {OTHER}"),
                "line 2: there are two tokens of a name",
            ),
            (
                format!("{GOOD} submit {OTHER}\nalice admin {OTHER}"),
                "line 2: alice has the token of a name",
            ),
            (
                format!("alice submit {GOOD}\nops admin {GOOD}"),
                "ops has the token of alice",
            ),
        ] {
            let (_folder, path) = file(&text, 0o600);
            let error = Tokens::read(&path).unwrap_err().to_string();
            assert!(error.contains(told), "{text:?}: {error}");
            assert!(!error.contains(&GOOD[..31]), "{error}");
        }
    }

    #[test]
    fn files_that_others_can_read_are_refused() {
        let text = format!("alice submit {GOOD}\n");
        for mode in [0o640, 0o604, 0o620, 0o644] {
            let (_folder, path) = file(&text, mode);
            let error = Tokens::read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("mode {mode:04o}")), "{error}");
            assert!(error.contains("chmod 600"), "{error}");
            assert!(read_token(&path).is_err());
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(Tokens::read(folder.path()).is_err());
        assert!(Tokens::read(&folder.path().join("none")).is_err());
        let (_folder, path) = file(&format!("{GOOD}\n"), 0o400);
        assert_eq!(read_token(&path).unwrap().expose(), GOOD);
        let (_folder, path) = file("\n", 0o600);
        assert!(read_token(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_holds_no_tokens() {
        use std::os::unix::fs::symlink;
        let (folder, good) = file(&format!("{GOOD}\n"), 0o600);
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("folder")).unwrap();
        let mkfifo = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(mkfifo.unwrap().success());
        symlink("/dev/zero", at("link to a device")).unwrap();
        symlink(at("fifo"), at("link to a pipe")).unwrap();
        for path in [
            at("folder"),
            at("fifo"),
            "/dev/zero".into(),
            at("link to a device"),
            at("link to a pipe"),
        ] {
            let shown = path.display().to_string();
            let errors = [
                Tokens::read(&path).unwrap_err(),
                read_token(&path).unwrap_err(),
            ];
            for error in errors.map(|e| e.to_string()) {
                assert!(
                    error.contains("a file of tokens is a plain file"),
                    "{error}"
                );
                assert!(error.contains(&shown), "{error}");
            }
        }
        symlink(at("nothing"), at("dangling")).unwrap();
        let error = read_token(&at("dangling")).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        // As secrets are mounted in containers.
        symlink(good, at("link")).unwrap();
        assert_eq!(read_token(&at("link")).unwrap().expose(), GOOD);
    }

    #[test]
    fn large_file_and_one_that_is_no_text_are_refused() {
        let comment = format!("alice submit {GOOD}\n#");
        let padded = |size: u64| comment.clone() + &" ".repeat(size as usize - comment.len());
        let (_folder, path) = file(&padded(LARGEST_FILE), 0o600);
        Tokens::read(&path).unwrap();
        for size in [LARGEST_FILE + 1, 4 * LARGEST_FILE] {
            let (_folder, path) = file(&padded(size), 0o600);
            let error = Tokens::read(&path).unwrap_err().to_string();
            assert!(error.contains("at most 1 MiB"), "{error}");
        }
        let (_folder, path) = file("", 0o600);
        std::fs::write(&path, [GOOD.as_bytes(), b"\xff"].concat()).unwrap();
        let error = read_token(&path).unwrap_err().to_string();
        assert!(
            error.contains("text in UTF-8") && !error.contains(GOOD),
            "{error}"
        );
    }

    #[test]
    fn empty_and_short_tokens_are_refused_with_the_remedy() {
        for token in ["", "sesame", &GOOD[..31]] {
            let error = Tokens::default()
                .add(Submitter::shared(), Role::Submit, &token.into())
                .unwrap_err();
            assert!(error.contains("openssl rand -hex 32"), "{error}");
        }
    }

    #[test]
    fn strangers_are_let_in_on_loopback_alone() {
        let none = Tokens::default();
        for open in [
            "127.0.0.1:1",
            "[::1]:1",
            "127.3.2.1:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            none.check(open.parse().unwrap()).unwrap();
        }
        let mut some = Tokens::default();
        some.add(Submitter::shared(), Role::Submit, &GOOD.into())
            .unwrap();
        for beyond in [
            "0.0.0.0:1",
            "[::]:1",
            "192.168.1.1:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            let listen = beyond.parse().unwrap();
            assert!(
                none.check(listen)
                    .unwrap_err()
                    .to_string()
                    .contains("--tokens")
            );
            some.check(listen).unwrap();
        }
        assert!(none.caller(None).unwrap().may(Role::Admin));
    }
}
