//! Text output: headings, aligned facts and tables. Whatever is added to a page is made harmless first.

use chainfer_formats::terminal;
use std::fmt;

/// Alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

/// A table with a heading line.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            columns: columns.iter().map(|(n, a)| ((*n).to_owned(), *a)).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells that are missing at its end are empty, and long ones are cut: one would widen all rows.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let plain = cells.into_iter().map(|cell| terminal::line(&shorten(cell)));
        self.rows.push(plain.collect());
    }
}

/// Characters of a cell: more than a digest has.
const MAX_CELL: usize = 80;

fn shorten(cell: String) -> String {
    if cell.chars().count() <= MAX_CELL {
        return cell;
    }
    let kept: String = cell.chars().take(MAX_CELL - 1).collect();
    kept + "…"
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let cell = |row: &[String], i: usize| row.get(i).cloned().unwrap_or_default();
        let lines: Vec<&[String]> = std::iter::once(&head[..])
            .chain(self.rows.iter().map(|r| &r[..]))
            .collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|i| {
                lines
                    .iter()
                    .map(|l| cell(l, i).chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for line in lines {
            let mut text = String::new();
            for (i, (_, align)) in self.columns.iter().enumerate() {
                let (cell, width) = (cell(line, i), widths[i]);
                text += &match align {
                    Align::Left => format!("  {cell:<width$}"),
                    Align::Right => format!("  {cell:>width$}"),
                };
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Block {
    Heading(String),
    Facts(Vec<(String, String)>),
    Table(Table),
    Text(String),
}

/// A page of text, made of blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    blocks: Vec<Block>,
}

impl Page {
    /// An empty page.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a heading, with an empty line before it unless it comes first.
    pub(crate) fn heading(mut self, text: impl Into<String>) -> Self {
        let text = terminal::value(&text.into());
        self.blocks.push(Block::Heading(text));
        self
    }

    /// Adds a name and a value; consecutive facts are aligned.
    pub(crate) fn fact(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        let fact = (
            terminal::value(&name.into()),
            terminal::value(&value.to_string()),
        );
        match self.blocks.last_mut() {
            Some(Block::Facts(facts)) => facts.push(fact),
            _ => self.blocks.push(Block::Facts(vec![fact])),
        }
        self
    }

    /// Adds a table.
    pub(crate) fn table(mut self, table: Table) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }

    /// Adds a line of text.
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(terminal::line(&text.into())));
        self
    }

    /// Adds a text of this program's own, which is printed as it is, and a newline at its end.
    pub(crate) fn verbatim(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, block) in self.blocks.iter().enumerate() {
            match block {
                Block::Heading(text) => {
                    if i > 0 {
                        writeln!(f)?;
                    }
                    writeln!(f, "{text}")?;
                }
                Block::Facts(facts) => {
                    let width = facts
                        .iter()
                        .map(|(n, _)| n.chars().count())
                        .max()
                        .unwrap_or(0);
                    for (name, value) in facts {
                        writeln!(f, "  {name:<width$}  {value}")?;
                    }
                }
                Block::Table(table) => write!(f, "{table}")?,
                Block::Text(text) => writeln!(f, "{}", text.trim_end_matches('\n'))?,
            }
        }
        Ok(())
    }
}

/// Formats a duration.
pub(crate) fn seconds(s: f64) -> String {
    if s < 60.0 {
        format!("{s:.1} s")
    } else {
        let whole = s.round() as u64;
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

/// Formats a size in bytes.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 10_000 {
        return format!("{} B", thousands(count));
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Formats a number with commas between thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_cell_is_cut() {
        let mut table = Table::new(&[("name", Align::Left)]);
        table.row(["é".repeat(MAX_CELL)]);
        table.row(["é".repeat(MAX_CELL + 1)]);
        let shown = table.to_string();
        let lengths: Vec<usize> = shown.lines().map(|l| l.trim().chars().count()).collect();
        assert_eq!(lengths, [4, MAX_CELL, MAX_CELL]);
        assert!(shown.ends_with("…\n"), "{shown}");
    }

    #[test]
    fn numbers_are_formatted_with_units_and_separators() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.04, 59.94, 61.0].map(seconds),
            ["0.0 s", "59.9 s", "1 min 01 s"]
        );
        assert_eq!(
            [9_999, 10_240, 12 << 20].map(bytes),
            ["9,999 B", "10.0 KiB", "12.0 MiB"]
        );
    }

    #[test]
    fn page_escapes_what_would_repaint_it() {
        let evil = "\u{1b}[1A\u{1b}]0;x\u{7}\r\nVALID\u{202e}";
        let mut table = Table::new(&[("name", Align::Left)]);
        table.row([evil.to_owned()]);
        let page = Page::new()
            .heading(evil)
            .fact(evil, evil)
            .table(table)
            .text(format!("INVALID: {evil}"))
            .to_string();
        assert_eq!(page.lines().count(), 5, "{page}");
        assert!(
            !page.lines().any(|line| line.starts_with("VALID")),
            "{page}"
        );
        assert_eq!(page.matches("\\u{202e}").count(), 5, "{page}");
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page}");
    }

    #[test]
    fn page_aligns_consecutive_facts_and_columns() {
        let mut table = Table::new(&[("name", Align::Left), ("gas", Align::Right)]);
        table.row(["a".to_owned(), "1,000".to_owned()]);
        let page = Page::new()
            .heading("Head")
            .fact("x", 1)
            .fact("long", 2)
            .table(table);
        assert_eq!(
            page.to_string(),
            "Head\n  x     1\n  long  2\n  name    gas\n  a     1,000\n"
        );
    }
}
