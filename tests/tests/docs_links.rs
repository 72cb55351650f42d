//! Links in Markdown, and references from code to `docs/`, lead to a file and to a heading that exist; tests that a page
//! names exist too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders that are not ours, or are made by tools.
const SKIPPED: [&str; 7] = [
    ".git",
    "target",
    "node_modules",
    "lib",
    "out",
    "cache",
    "broadcast",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Files below a folder with one of these endings, and those without any where `""` is among them.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                files(&path, endings, found);
            }
        } else if endings.contains(&path.extension().map_or("", |e| e.to_str().unwrap_or("?"))) {
            found.push(path);
        }
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

/// The lines of a Markdown file outside of fenced code.
fn prose(markdown: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push(line);
        }
    }
    lines
}

/// Anchors of a page's headings, as GitHub makes them.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for line in prose(markdown) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let slug: String = (heading.trim().to_lowercase().chars())
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let count = seen.entry(slug.clone()).or_default();
        all.insert(if *count == 0 {
            slug.clone()
        } else {
            format!("{slug}-{count}")
        });
        *count += 1;
    }
    all
}

/// Targets of `[text](target)`, inline code left out.
fn links(markdown: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(markdown) {
        let visible: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for part in visible.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// Resolves `.` and `..` without asking the file system, so that links cannot leave the repository unnoticed.
fn join(folder: &Path, relative: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in Path::new(relative).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// What is wrong with a reference, if anything.
fn fault(from: &Path, target: &str, root: &Path) -> Option<String> {
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let path = if file.is_empty() {
        from.to_owned()
    } else {
        join(from.parent()?, file)
    };
    let broken = |why: &str| {
        let from = from.strip_prefix(root).unwrap_or(from);
        Some(format!("{}: {target}: {why}", from.display()))
    };
    if !path.starts_with(root) {
        return broken("leaves the repository");
    }
    if !path.exists() {
        return broken("no such file");
    }
    match anchor {
        Some(anchor) if path.extension().is_some_and(|e| e == "md") => {
            (!anchors(&text(&path)).contains(anchor)).then(|| broken("no such heading"))?
        }
        _ => None,
    }
}

/// Every `docs/….md` with its anchor in a source file.
fn references(source: &str) -> Vec<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '#');
    let mut found = Vec::new();
    for (at, _) in source.match_indices("docs/") {
        let before = source[..at].chars().next_back();
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.')) {
            continue;
        }
        let end = source[at..]
            .find(|c| !allowed(c))
            .map_or(source.len(), |e| at + e);
        let reference = source[at..end].trim_end_matches(['.', '#']);
        if reference.contains(".md") || reference.contains(".svg") {
            found.push(reference.to_owned());
        }
    }
    found
}

#[test]
fn markdown_links_resolve() {
    let root = root();
    let mut pages = Vec::new();
    files(&root, &["md"], &mut pages);
    assert!(pages.len() > 20, "only {} pages", pages.len());
    let mut faults = Vec::new();
    for page in &pages {
        for target in links(&text(page)) {
            let external = ["http://", "https://", "mailto:"]
                .iter()
                .any(|s| target.starts_with(s));
            if !external {
                faults.extend(fault(page, &target, &root));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn code_references_to_docs_resolve() {
    let root = root();
    let mut sources = Vec::new();
    files(
        &root,
        &["rs", "sol", "py", "toml", "yul", "sql", ""],
        &mut sources,
    );
    let mut faults = Vec::new();
    for source in sources
        .iter()
        .filter(|s| !s.ends_with("tests/docs_links.rs"))
    {
        for reference in references(&text(source)) {
            let target = format!("./{reference}");
            let at = root.join("README.md");
            faults.extend(fault(&at, &target, &root).map(|f| format!("{}: {f}", source.display())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn tests_named_in_security_page_exist() {
    let root = root();
    let mut sources = Vec::new();
    files(&root, &["rs", "sol"], &mut sources);
    let code: Vec<String> = sources.iter().map(|s| text(s)).collect();
    let page = text(&root.join("docs/security.md"));
    let mut named = 0;
    for paragraph in page.split("\n\n").filter(|p| p.starts_with("Tests:")) {
        for test in paragraph.split('`').skip(1).step_by(2) {
            named += 1;
            let declared = format!("fn {test}(");
            assert!(
                code.iter().any(|c| c.contains(&declared)),
                "there is no test {test}"
            );
        }
    }
    assert!(named >= 6, "only {named} tests are named");
}

#[test]
fn readme_is_short_and_its_contract_is_the_example() {
    let root = root();
    let readme = text(&root.join("README.md"));
    assert!(readme.lines().count() <= 130);
    let example = text(&root.join("contracts/src/examples/LabelConsumer.sol"));
    let mut rest = example.lines();
    let block = readme.split("```solidity\n").nth(1).unwrap();
    for line in block.lines().take_while(|l| *l != "```") {
        let found = line.is_empty() || rest.any(|l| l == line);
        assert!(found, "LabelConsumer.sol does not go on with: {line}");
    }
}
