//! The fault matrix in the README is that of the tests.

use crate::anvil::root;
use std::collections::BTreeSet;
use std::fs;

/// `faults::…` tests in the source, and those in the table's last column.
fn tests_and_rows() -> (BTreeSet<String>, Vec<String>) {
    let mut tests = BTreeSet::new();
    let folder = root().join("relayer/service/tests/integration");
    for (module, prefix) in [("faults", "faults::"), ("", "")] {
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
    let (_, matrix) = readme.split_once("## Fault matrix").unwrap();
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

#[test]
fn fault_matrix_names_every_fault_test_and_no_other() {
    let (tests, rows) = tests_and_rows();
    let named: BTreeSet<String> = rows.iter().cloned().collect();
    for row in &named {
        assert!(tests.contains(row), "no test {row}");
    }
    for test in tests.iter().filter(|t| t.starts_with("faults::")) {
        assert!(named.contains(test), "{test} is not in the table");
    }
    assert_eq!(named.len(), rows.len(), "a test is named twice");
    assert!(rows.len() >= 40, "{} rows", rows.len());
}
