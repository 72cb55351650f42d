//! What a service says, made harmless for a terminal: its words could move the cursor, write over a line, or turn it around.

use std::fmt::Write as _;

/// A text in one line, with what a terminal obeys or the eye does not see escaped, as `\n` or `\u{202e}`.
pub(crate) fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_harmless(char) {
            shown.push(char);
        } else {
            shown.extend(char.escape_debug());
        }
    }
    shown
}

/// Serialised JSON with the same characters escaped as JSON escapes them. Outside strings it has none of them but line breaks, and
/// inside strings those are escaped already.
pub(crate) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_harmless(char) || char == '\n' {
            shown.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            // To a string, this cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

/// Whether a character shows what it is: Rust's own escapes are of those that do not, and of quotes.
fn is_harmless(char: char) -> bool {
    matches!(char, '\'' | '"' | '\\') || char.escape_debug().len() == 1
}
