//! Golden files: what must not change by accident. `scripts/golden` writes them anew.
#![allow(dead_code, reason = "every test file takes what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Whether golden files are to be written instead of compared.
pub(crate) fn regenerating() -> bool {
    std::env::var_os("CHAINFER_BLESS").is_some()
}

/// A file below `tests/fixtures/golden`.
pub(crate) fn golden(repository: &Path, name: &str) -> PathBuf {
    repository.join("tests/fixtures/golden").join(name)
}

/// Compares an object with the golden file, entry by entry, or writes the file.
pub(crate) fn compare(repository: &Path, name: &str, made: &Value) {
    let path = golden(repository, name);
    if regenerating() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, serde_json::to_string_pretty(made).unwrap() + "\n").unwrap();
        return;
    }
    let stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let differences = differences(name, &stored, made);
    assert!(
        differences.is_empty(),
        "{} of {} differ; if that is meant, run scripts/golden and say why in the commit:\n{}",
        differences.len(),
        path.display(),
        differences.join("\n")
    );
}

fn differences(at: &str, stored: &Value, made: &Value) -> Vec<String> {
    let (Value::Object(stored), Value::Object(made)) = (stored, made) else {
        return if stored == made {
            vec![]
        } else {
            vec![format!("{at}: stored {stored}, now {made}")]
        };
    };
    let none = Value::Null;
    let keys: std::collections::BTreeSet<&String> = stored.keys().chain(made.keys()).collect();
    let child = |map: &Map<String, Value>, key: &str| map.get(key).unwrap_or(&none).clone();
    keys.into_iter()
        .flat_map(|key| {
            differences(
                &format!("{at}/{key}"),
                &child(stored, key),
                &child(made, key),
            )
        })
        .collect()
}

/// Arguments and flags with their values, defaults and variables, as a verb's short help lists them; the wording is left
/// out.
pub(crate) fn flags_in_help(help: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in help.lines().filter(|line| line.starts_with("  ")) {
        let line = line.trim_start();
        let (head, notes) = line.split_once("  ").unwrap_or((line, line));
        if line.starts_with(['-', '<', '[']) {
            found.push(head.trim().to_owned());
        }
        // A description stands on the flag's line or on those below.
        if let Some(last) = found.last_mut() {
            notes.split('[').skip(1).for_each(|part| {
                let note = part.split(']').next().unwrap_or_default();
                if let Some(variable) = note.strip_prefix("env: ") {
                    // Its present value is no part of it.
                    let name = variable.split('=').next().unwrap_or_default();
                    last.push_str(&format!(" [env: {name}]"));
                } else if note.starts_with("default: ") || note.starts_with("possible values: ") {
                    last.push_str(&format!(" [{note}]"));
                }
            });
        }
    }
    found.sort();
    found
}

/// The verbs that a program's help lists.
pub(crate) fn verbs_in_help(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}
