//! The tables of docs/operators.md are those of the front ends. `CHAINFER_BLESS=1` rewrites them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use chainfer_model::frontend::{OperatorInfo, onnx_operators, tflite_operators, zkml_layers};

/// The rows of one table. A format without versions has no column for them.
fn table(head: &str, operators: &[OperatorInfo]) -> String {
    let versions = operators.iter().any(|o| o.since.is_some());
    let row = |name: &str, since: &str, accepted: &str, becomes: &str| {
        let since = if versions {
            format!(" {since} |")
        } else {
            String::new()
        };
        format!("| {name} |{since} {accepted} | {becomes} |\n")
    };
    let mut text = row(head, "opset", "accepted", "becomes");
    text += if versions {
        "|---|---|---|---|\n"
    } else {
        "|---|---|---|\n"
    };
    // Operators of which the same is said share a row.
    let alike = |a: &OperatorInfo, b: &OperatorInfo| {
        !a.only.is_empty() && (a.only, a.accepts, a.becomes) == (b.only, b.accepts, b.becomes)
    };
    for (n, o) in operators.iter().enumerate() {
        if operators[..n].iter().any(|earlier| alike(earlier, o)) {
            continue;
        }
        let others = operators[n + 1..].iter().filter(|later| alike(o, later));
        let others: Vec<&str> = others.map(|later| later.name).collect();
        let since = o.since.map_or(String::new(), |v| format!("{v}+"));
        let label = if others.is_empty() {
            o.label()
        } else {
            format!("{}, {} ({})", o.name, others.join(", "), o.only)
        };
        text += &row(&label, &since, o.accepts, o.becomes);
    }
    text
}

/// The document with the part between a pair of markers replaced.
fn replaced(document: &str, marker: &str, part: &str) -> String {
    let (begin, end) = (
        format!("<!-- {marker}: begin -->\n"),
        format!("<!-- {marker}: end -->"),
    );
    let (before, rest) = document.split_once(&begin).expect("the first marker");
    let (_, after) = rest.split_once(&end).expect("the second marker");
    format!("{before}{begin}{part}{end}{after}")
}

#[test]
fn operator_tables_of_the_documentation_are_current() {
    let path = support::root().join("docs/operators.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let onnx: Vec<OperatorInfo> = onnx_operators().collect();
    let zkml: Vec<OperatorInfo> = zkml_layers().collect();
    let current = replaced(&written, "onnx", &table("operator", &onnx));
    let tflite: Vec<OperatorInfo> = tflite_operators().collect();
    let current = replaced(&current, "tflite", &table("operator", &tflite));
    let current = replaced(&current, "zkml", &table("layer", &zkml));
    if std::env::var_os("CHAINFER_BLESS").is_some() {
        std::fs::write(&path, &current).unwrap();
        return;
    }
    for (n, (got, expected)) in written.lines().zip(current.lines()).enumerate() {
        assert_eq!(
            got,
            expected,
            "docs/operators.md, line {}; CHAINFER_BLESS=1 rewrites it",
            n + 1
        );
    }
    assert_eq!(written.len(), current.len());
}

#[test]
fn operators_are_listed_once_in_order_and_described() {
    for operators in [
        onnx_operators().collect::<Vec<_>>(),
        tflite_operators().collect::<Vec<_>>(),
        zkml_layers().collect::<Vec<_>>(),
    ] {
        assert!(operators.windows(2).all(|pair| pair[0].name < pair[1].name));
        for o in &operators {
            assert!(!o.accepts.is_empty() && !o.becomes.is_empty(), "{}", o.name);
            let cells = format!("{}{}{}", o.label(), o.accepts, o.becomes);
            assert!(!cells.contains(['|', '\n']), "{}", o.name);
        }
    }
}
