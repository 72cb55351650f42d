//! Where the libraries' log messages go.

use chainfer_formats::terminal;
use std::io::{self, Write};

/// Stderr, for messages that may quote strangers: see [`terminal`].
#[derive(Debug)]
pub(crate) struct PlainStderr;

impl Write for PlainStderr {
    /// Takes a whole message, as the logger writes it.
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(message);
        writeln!(io::stderr().lock(), "{}", terminal::lines(&text))?;
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
