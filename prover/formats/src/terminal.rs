//! Text that strangers chose, made harmless for a terminal.
//!
//! A URI on a chain, the name of a tensor, what a node or a service answers: printed as it is, it could move the cursor and write over
//! a verdict, or turn it around for the reader. So the programs print through here. Text of any language stays as it is.

use std::fmt::Write;

/// Longest text of one value. A page's verdict must not be scrolled away by what it is about.
const MAX_CHARS: usize = 4_000;
/// Blanks side by side. With more, text could reach the next line of the terminal and look like one of this program's.
const MAX_BLANKS: usize = 4;

/// The text in one line, with every character escaped that a terminal obeys or that the eye does not see, as `\u{202e}`, and long blanks.
pub fn line(text: &str) -> String {
    escape(text, MAX_BLANKS)
}

fn escape(text: &str, max_blanks: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut blanks = 0;
    for char in text.chars() {
        blanks = if is_blank(char) { blanks + 1 } else { 0 };
        if is_harmless(char) && blanks <= max_blanks {
            shown.push(char);
        } else {
            // To a string, this cannot fail.
            let _ = write!(shown, "{}", char.escape_unicode());
        }
    }
    shown
}

/// As [`line()`], and cut after 4,000 characters, with the count of the rest.
pub fn value(text: &str) -> String {
    let left = text.chars().skip(MAX_CHARS).count();
    if left == 0 {
        return line(text);
    }
    let kept: String = text.chars().take(MAX_CHARS).collect();
    format!("{}… {left} more characters", line(&kept))
}

/// As [`line()`], for text of several lines, such as a compiler's messages: all but the first are indented, so that none can pass for a
/// line of this program's.
pub fn lines(text: &str) -> String {
    // Compilers indent what they quote.
    let lines = text.trim_end().lines();
    let lines: Vec<String> = lines.map(|line| escape(line, usize::MAX)).collect();
    lines.join("\n    ")
}

/// Serialised JSON with the same characters escaped as JSON escapes them. Outside strings it has none of them but line breaks, and
/// inside strings those are escaped already.
pub fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_harmless(char) || char == '\n' {
            shown.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

/// Whether a character shows what it is and changes nothing else.
fn is_harmless(char: char) -> bool {
    !char.is_control() && !is_invisible(char) && !turns_text(char)
}

/// Characters that leave a place empty: Unicode's spaces, and a Braille pattern without dots.
fn is_blank(char: char) -> bool {
    char.is_whitespace() || char == '\u{2800}'
}

/// Marks that order text from right to left or back (UAX #9).
fn turns_text(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that are shown as nothing (Unicode's `Default_Ignorable_Code_Point`, less those of [`turns_text`]), separators of lines,
/// and marks of annotations.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_escaped() {
        for (text, shown) in [
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}[2K\u{1b}[1A", "\\u{1b}[2K\\u{1b}[1A"),
            ("a\rVALID", "a\\u{d}VALID"),
            ("a\nVALID", "a\\u{a}VALID"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{7f}\u{8}", "a\\u{7f}\\u{8}"),
            ("\u{202e}DILAV", "\\u{202e}DILAV"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("step\u{1bca2}", "step\\u{1bca2}"),
            ("x      VALID", "x    \\u{20}\\u{20}VALID"),
            (
                "x \u{3000}\u{2003}\u{a0}\u{2800}VALID",
                "x \u{3000}\u{2003}\u{a0}\\u{2800}VALID",
            ),
        ] {
            assert_eq!(line(text), shown);
        }
    }

    #[test]
    fn text_of_any_language_stays_as_it_is() {
        for text in [
            "ipfs://bundle",
            "größe",
            "模型",
            "ελληνικά",
            "עברית",
            "हिन्दी",
            "cafe\u{301}",
            "2^16 · 3 … ×",
            "🙂",
            "",
        ] {
            assert_eq!(line(text), text);
            assert_eq!(value(text), text);
            assert_eq!(json(text), text);
        }
    }

    #[test]
    fn long_value_is_cut_with_the_count_of_the_rest() {
        let shown = value(&"x".repeat(MAX_CHARS + 7));
        assert!(shown.ends_with("x… 7 more characters"), "{shown}");
        assert_eq!(value(&"x".repeat(MAX_CHARS)).len(), MAX_CHARS);
    }

    #[test]
    fn later_lines_are_indented() {
        assert_eq!(
            lines("a\nVALID: b\r\n\u{1b}c\n"),
            "a\n    VALID: b\n    \\u{1b}c"
        );
    }

    #[test]
    fn json_stays_json_and_keeps_its_values() {
        let document = serde_json::json!({
            "uri": "\u{1b}[2J\u{9b}\u{202e}\u{e0041}\u{7f}\r\n\"\\x", "ok": [1, "größe 🙂"],
        });
        let shown = json(&format!("{document:#}"));
        assert!(
            shown.chars().all(|c| is_harmless(c) || c == '\n'),
            "{shown}"
        );
        assert!(
            shown.contains("\\u202e") && shown.contains("\\udb40\\udc41"),
            "{shown}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            document
        );
    }
}
