//! The log, on standard error.

use crate::cli::serve::LogFormat;
use chainfer_formats::terminal;
use std::io::{self, Write};
use tracing_subscriber::EnvFilter;

/// Starts logging.
pub(crate) fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    match format {
        // Colours are what the writer escapes.
        LogFormat::Text => log
            .with_ansi(false)
            .with_writer(|| PlainLines(io::stderr()))
            .init(),
        LogFormat::Json => log.json().with_writer(io::stderr).init(),
    }
}

/// One line a message. Nodes and clients choose words in them: they could move the cursor, or end a line and forge another one.
struct PlainLines<W>(W);

impl<W: Write> Write for PlainLines<W> {
    /// Takes a whole message, as the formatter writes it.
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(message);
        let mut shown = terminal::line(text.strip_suffix('\n').unwrap_or(&text));
        shown.push('\n');
        self.0.write_all(shown.as_bytes())?;
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_one_line_whatever_is_in_it() {
        let mut log = PlainLines(Vec::new());
        log.write_all(
            b"WARN said=\"\x1b[2J\r\n2026 INFO forged\xc2\x9b31m \xe2\x80\xae\" job=0x1\n",
        )
        .unwrap();
        log.write_all("größe \"x\\n\"\n".as_bytes()).unwrap();
        let written = String::from_utf8(log.0).unwrap();
        assert_eq!(
            written,
            "WARN said=\"\\u{1b}[2J\\u{d}\\u{a}2026 INFO forged\\u{9b}31m \\u{202e}\" job=0x1\ngröße \"x\\n\"\n"
        );
    }
}
