//! The figures as a page.

use std::fmt::Write;

use serde_json::Value;

/// The yardstick.
const THEIRS: &str = "EvmLoader";

const HEAD: &str = "# What a verification costs

Written by `scripts/gas-report` in one run; do not edit. `scripts/gas-report --check` measures again and fails on drift;
`gas.json` holds the same figures and more (the split by precompile).

Every figure is from one proof in one transaction to one contract, in revm. The yardstick is snark-verifier's generated
contract (`EvmLoader`) for the same key and the same proof. Ours are compiled as `foundry.toml` says, the yardstick with the
optimizer off, as it must be. A proof's zero bytes are cheaper calldata and differ from proof to proof: figures repeat to
0.5 %.

- transaction: all that the sender pays.
- execution: without the base cost of 21,000 and the calldata.
- outside precompiles: without ecAdd, ecMul, the pairing and modexp, which the proof system fixes; *less calls*: nor the 100
  gas that each call of one costs.
";

fn number(value: &Value) -> String {
    let Some(value) = value.as_u64() else {
        return "-".into();
    };
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many times the one is the other.
fn ratio(ours: &Value, theirs: &Value) -> String {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => format!("{:.3}", ours / theirs),
        _ => "-".into(),
    }
}

fn difference(ours: &Value, theirs: &Value) -> String {
    match (ours.as_u64(), theirs.as_u64()) {
        (Some(ours), Some(theirs)) if ours <= theirs => {
            format!("-{}", number(&(theirs - ours).into()))
        }
        (Some(ours), Some(theirs)) => format!("+{}", number(&(ours - theirs).into())),
        _ => "-".into(),
    }
}

fn row(text: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn header(text: &mut String, names: &[&str]) {
    row(text, names.iter().map(|name| (*name).to_owned()));
    let line = names
        .iter()
        .enumerate()
        .map(|(i, _)| if i == 0 { "---" } else { "---:" });
    row(text, line.map(str::to_owned));
}

/// Our ways to verify that appear in a list of statements, in the order in which they were measured.
fn modes(statements: &[Value]) -> Vec<String> {
    let mut modes = Vec::new();
    for statement in statements {
        for name in statement["verifiers"].as_object().into_iter().flatten() {
            if name.0 != THEIRS && !modes.contains(name.0) {
                modes.push(name.0.clone());
            }
        }
    }
    modes
}

/// One measure of every statement: ours, the yardstick, and how they compare.
fn comparison(text: &mut String, title: &str, statements: &[Value], field: &str) {
    for mode in modes(statements) {
        let _ = write!(text, "\n### {title}, {mode}\n\n");
        header(
            text,
            &["proof of", "ours", THEIRS, "ours / theirs", "difference"],
        );
        for statement in statements {
            let verifiers = &statement["verifiers"];
            let (ours, theirs) = (&verifiers[&mode][field], &verifiers[THEIRS][field]);
            let name = statement["name"].as_str().unwrap_or_default().to_owned();
            let cells = [
                name,
                number(ours),
                number(theirs),
                ratio(ours, theirs),
                difference(ours, theirs),
            ];
            row(text, cells);
        }
    }
}

fn shapes(text: &mut String, shapes: &[Value]) {
    text.push_str(
        "\n## Shapes\n\nSmall circuits, one for each feature of a constraint system, and one of a chunk's size (`Large`). \
         `LowQuotient` has no yardstick: its proofs hold identity points, which that contract refuses.\n\n",
    );
    header(
        text,
        &[
            "shape",
            "k",
            "proof bytes",
            "public inputs",
            "scaled commitments",
            "instructions",
        ],
    );
    for shape in shapes {
        let name = shape["name"].as_str().unwrap_or_default().to_owned();
        let fields = [
            "k",
            "proof_bytes",
            "instances",
            "scaled_commitments",
            "instructions",
        ];
        row(
            text,
            std::iter::once(name).chain(fields.map(|field| number(&shape[field]))),
        );
    }
    for (title, field) in [
        ("Transaction", "transaction"),
        ("Execution", "execution"),
        ("Outside precompiles", "outside"),
        ("Outside precompiles less calls", "outside_without_calls"),
        ("Runtime bytes", "runtime_bytes"),
        ("Deployment", "deployment_gas"),
    ] {
        comparison(text, title, shapes, field);
    }
}

fn model(text: &mut String, model: &Value) {
    let (name, cpu) = (
        model["name"].as_str().unwrap_or_default(),
        &model["proving_cpu_seconds"],
    );
    let _ = write!(text, "\n### {name}: {cpu} CPU-s to prove\n\n");
    let parts = model["parts"].as_array().map_or(&[][..], Vec::as_slice);
    // The contracts as they are deployed; `gas.json` has the others.
    let mut modes = modes(parts);
    modes.retain(|mode| mode == "embedded" || mode == "shared");
    let mut names = vec!["chunk", "k", "CPU-s", "proof bytes", "scaled"];
    let titles: Vec<String> = modes
        .iter()
        .flat_map(|mode| {
            [
                mode.to_string(),
                format!("{mode}, execution"),
                format!("{mode}, outside less calls"),
                format!("{mode}, bytes"),
            ]
        })
        .collect();
    names.extend(titles.iter().map(String::as_str));
    names.extend([
        THEIRS,
        "execution",
        "outside less calls",
        "bytes",
        "ours / theirs",
    ]);
    header(text, &names);
    let fields = [
        "transaction",
        "execution",
        "outside_without_calls",
        "runtime_bytes",
    ];
    for part in parts {
        let verifiers = &part["verifiers"];
        let mut cells = vec![
            number(&part["chunk"]),
            number(&part["k"]),
            part["proving_cpu_seconds"].to_string(),
            number(&part["proof_bytes"]),
            number(&part["scaled_commitments"]),
        ];
        for mode in &modes {
            cells.extend(fields.map(|field| number(&verifiers[mode][field])));
        }
        cells.extend(fields.map(|field| number(&verifiers[THEIRS][field])));
        let ours = modes
            .first()
            .map_or(&Value::Null, |mode| &verifiers[mode]["transaction"]);
        cells.push(ratio(ours, &verifiers[THEIRS]["transaction"]));
        row(text, cells);
    }
}

fn batches(text: &mut String, batches: &[Value]) {
    text.push_str(
        "\n## Several proofs in one transaction\n\n`BatchVerifier` asks the shared verifiers for what is left to pair and does \
         one pairing for all. Whole transactions; the proofs are of different circuits.\n\n",
    );
    let names = [
        "proofs of",
        "batch",
        "one by one, embedded",
        "one by one, shared",
        "batch / embedded",
        "saved",
        "deployment of the batch verifier",
    ];
    header(text, &names);
    for batch in batches {
        let (ours, apart) = (&batch["batch"], &batch["embedded"]);
        row(
            text,
            [
                batch["name"].as_str().unwrap_or_default().to_owned(),
                number(ours),
                number(apart),
                number(&batch["shared"]),
                ratio(ours, apart),
                difference(ours, apart),
                number(&batch["deployment_gas"]),
            ],
        );
    }
}

/// The whole page.
pub(crate) fn render(report: &Value) -> String {
    let mut text = HEAD.to_owned();
    let _ = write!(
        text,
        "\nRules: {}; solc {}.\n",
        report["evm"].as_str().unwrap_or_default(),
        report["solc"].as_str().unwrap_or_default()
    );
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    shapes(&mut text, &list("shapes"));
    batches(&mut text, &list("batches"));
    text.push_str(
        "\n## Models\n\nGas of each chunk's transaction, for both objectives of `--optimize`, beside what proving took \
         (CPU-seconds of a shared 2-core machine; only their proportions mean something).\n",
    );
    for entry in list("models") {
        model(&mut text, &entry);
    }
    text
}
