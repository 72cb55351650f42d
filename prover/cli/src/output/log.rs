//! Where the libraries' log messages go.

use super::plain::plain_lines;
use std::io::{self, Write};

/// Stderr, for messages that may quote strangers: see [`super::plain`].
#[derive(Debug)]
pub(crate) struct PlainStderr;

impl Write for PlainStderr {
    /// Takes a whole message, as the logger writes it.
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(message);
        writeln!(io::stderr().lock(), "{}", plain_lines(&text))?;
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
