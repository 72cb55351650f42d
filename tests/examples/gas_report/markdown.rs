//! The figures as a page.

use std::fmt::Write;

use serde_json::Value;

/// Name of the contract that ours are compared with.
const THEIRS: &str = "EvmLoader";

const HEAD: &str = "# What a verification costs

Written by `scripts/gas-report` in one run; do not edit. `scripts/gas-report --check` measures again and fails on drift;
`gas.json` holds the same figures and more (the split by precompile).

Every figure is from one proof in one transaction to one contract, in revm. The yardstick is snark-verifier's generated
contract (`EvmLoader`) for the same key and the same proof. Ours are compiled as `foundry.toml` says, the yardstick with the
optimizer off, as it must be. A proof's zero bytes are cheaper calldata and differ from proof to proof: figures repeat to
0.5 %. A shared verifier gets its key in calldata: its transactions pay for that, its execution does not.

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

/// Our contracts as they are deployed.
const MODES: [&str; 2] = ["embedded", "shared"];
/// Other entry points and code styles.
const OTHERS: [&str; 4] = [
    "embedded accumulate",
    "shared accumulate",
    "embedded interpreted",
    "shared interpreted",
];

fn name(statement: &Value) -> String {
    statement["name"].as_str().unwrap_or_default().to_owned()
}

/// One measure of every statement: ours, the yardstick, and how they compare.
fn comparison(text: &mut String, title: &str, statements: &[Value], field: &str) {
    let _ = write!(text, "\n### {title}\n\n");
    header(
        text,
        &[
            "proof of",
            THEIRS,
            "embedded",
            "difference",
            "embedded / theirs",
            "shared",
            "difference",
            "shared / theirs",
        ],
    );
    for statement in statements {
        let verifiers = &statement["verifiers"];
        let theirs = &verifiers[THEIRS][field];
        let mut cells = vec![name(statement), number(theirs)];
        for mode in MODES {
            let ours = &verifiers[mode][field];
            cells.extend([number(ours), difference(ours, theirs), ratio(ours, theirs)]);
        }
        row(text, cells);
    }
}

/// Every table about a list of statements.
fn statements(text: &mut String, statements: &[Value]) {
    for (title, field) in [
        ("Execution gas", "execution"),
        ("Runtime bytes", "runtime_bytes"),
        ("Transaction gas", "transaction"),
        (
            "Gas outside precompiles, less calls",
            "outside_without_calls",
        ),
        ("Deployment gas", "deployment_gas"),
    ] {
        comparison(text, title, statements, field);
    }
    text.push_str("\n### Transaction gas of other entry points and styles\n\n");
    let names: Vec<&str> = std::iter::once("proof of").chain(OTHERS).collect();
    header(text, &names);
    for statement in statements {
        let cost = |mode| number(&statement["verifiers"][mode]["transaction"]);
        row(
            text,
            std::iter::once(name(statement)).chain(OTHERS.map(cost)),
        );
    }
}

fn properties(text: &mut String, statements: &[Value]) {
    let fields = [
        "k",
        "proof_bytes",
        "instances",
        "scaled_commitments",
        "instructions",
    ];
    header(
        text,
        &[
            "proof of",
            "k",
            "proof bytes",
            "public inputs",
            "scaled commitments",
            "instructions",
            "key bytes",
            "CPU-s to prove",
        ],
    );
    for statement in statements {
        let cpu = &statement["proving_cpu_seconds"];
        let mut cells = vec![name(statement)];
        cells.extend(fields.map(|field| number(&statement[field])));
        cells.push(number(&statement["verifiers"]["shared"]["key_bytes"]));
        cells.push(if cpu.is_null() {
            "-".into()
        } else {
            cpu.to_string()
        });
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
        "scaled commitments at most",
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
                name(batch),
                number(&batch["scaled_commitments"]),
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

/// The report as one Markdown page.
pub(crate) fn render(report: &Value) -> String {
    let mut text = HEAD.to_owned();
    let _ = write!(
        text,
        "\nRules: {}; solc {}.\n",
        report["evm"].as_str().unwrap_or_default(),
        report["solc"].as_str().unwrap_or_default()
    );
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let shapes = list("shapes");
    text.push_str(
        "\n## Shapes\n\nSmall circuits, one for each feature of a constraint system, and one of a chunk's size (`Large`, 20 of \
         whose fixed columns are zero: an embedded verifier leaves them out, as the yardstick does, a shared one cannot know). \
         `LowQuotient` has no yardstick: its proofs hold identity points, which that contract refuses.\n\n",
    );
    properties(&mut text, &shapes);
    statements(&mut text, &shapes);
    let models = list("models");
    let collect = |field: &str| -> Vec<Value> {
        models
            .iter()
            .flat_map(|model| model[field].as_array().cloned().unwrap_or_default())
            .collect()
    };
    let (chunks, mut all_batches) = (collect("parts"), list("batches"));
    all_batches.extend(collect("batches"));
    text.push_str(
        "\n## Chunks of models\n\nEach chunk of the demo model and of zkml's MNIST network, for two objectives of `--optimize` (the \
         name's last word but one). Proving took CPU-seconds of a shared 2-core machine: only their proportions mean something.\n\n",
    );
    properties(&mut text, &chunks);
    statements(&mut text, &chunks);
    batches(&mut text, &all_batches);
    text
}
