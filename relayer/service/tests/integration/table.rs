//! The fault matrix and the table of hostile clients in the README are those of the tests.

use crate::anvil::root;
use std::collections::BTreeSet;
use std::fs;

/// Tests in the source, those of `module` with its name before theirs, and those in the table's last column.
fn tests_and_rows(module: &str, title: &str) -> (BTreeSet<String>, Vec<String>) {
    let mut tests = BTreeSet::new();
    let folder = root().join("relayer/service/tests/integration");
    for (module, prefix) in [(module, format!("{module}::")), ("", String::new())] {
        for entry in fs::read_dir(folder.join(module)).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|e| e != "rs") {
                continue;
            }
            let file = path.file_stem().unwrap().to_string_lossy().into_owned();
            let source = fs::read_to_string(&path).unwrap();
            let mut lines = source.lines();
            while let Some(line) = lines.next() {
                if !line.starts_with("#[tokio::test") && !line.starts_with("#[test]") {
                    continue;
                }
                let next = lines.next().unwrap();
                let (_, name) = next.split_once("fn ").unwrap();
                let (name, _) = name.split_once('(').unwrap();
                tests.insert(format!("{prefix}{file}::{name}"));
            }
        }
    }
    let readme = fs::read_to_string(root().join("relayer/README.md")).unwrap();
    let (_, matrix) = readme.split_once(title).unwrap();
    let matrix = matrix.split("\n## ").next().unwrap();
    let rows = matrix
        .lines()
        .filter(|line| line.starts_with('|') && line.contains("::"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            assert_eq!(cells.len(), 3, "{line}");
            cells[2].trim().trim_matches('`').to_owned()
        })
        .collect();
    (tests, rows)
}

fn check(module: &str, title: &str) -> usize {
    let (tests, rows) = tests_and_rows(module, title);
    let named: BTreeSet<String> = rows.iter().cloned().collect();
    for row in &named {
        assert!(tests.contains(row), "no test {row}");
    }
    let prefix = format!("{module}::");
    for test in tests.iter().filter(|t| t.starts_with(&prefix)) {
        assert!(named.contains(test), "{test} is not in the table");
    }
    assert_eq!(named.len(), rows.len(), "a test is named twice");
    rows.len()
}

#[test]
fn fault_matrix_names_every_fault_test_and_no_other() {
    let rows = check("faults", "\n## Fault matrix");
    assert!(rows >= 40, "{rows} rows");
}

#[test]
fn hostile_matrix_names_every_hostile_test_and_no_other() {
    let rows = check("hostile", "\n## Hostile clients");
    assert!(rows >= 40, "{rows} rows");
}
