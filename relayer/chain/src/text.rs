//! Texts that nodes and contracts choose.

/// Longest text that is kept, in bytes: it goes into logs, into the state, and to clients.
const LONGEST: usize = 500;

/// The text, cut where it is long.
pub(crate) fn brief(mut text: String) -> String {
    let length = text.len();
    if length <= LONGEST {
        return text;
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    text.push_str(&format!("… ({length} bytes)"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_with_its_length() {
        for short in ["", "größe", &"x".repeat(LONGEST)] {
            assert_eq!(brief(short.to_owned()), short);
        }
        let cut = brief("ü".repeat(4_000_000));
        assert_eq!(cut.len(), LONGEST + "… (8000000 bytes)".len());
        assert!(cut.ends_with("ü… (8000000 bytes)"));
        assert!(brief(format!("x{}", "ü".repeat(300))).contains("ü… (601 bytes)"));
    }
}
