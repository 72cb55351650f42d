//! A small model from file to verified proof, and what happens when something is changed on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use chainfer_compute::lanes::Arithmetic;
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};
use support::{chainfer, fixture};
use tempfile::TempDir;

const CONTEXT: &str = "0x0000000000000000000000000000000000000000000000000000000000000007";

/// A bundle of the fixture `ops/NAME`, calibrated with its own samples.
struct Setup {
    folder: TempDir,
    bundle: PathBuf,
    input: PathBuf,
    compiled: Value,
}

impl Setup {
    fn new(name: &str, chunks: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        let input = fixture(&format!("ops/{name}.json"));
        let model = fixture(&format!("ops/{name}.onnx"));
        let run = chainfer(args![
            "compile",
            model,
            "--calibration",
            input,
            "--chunks",
            chunks,
            "-o",
            bundle,
            "--json"
        ]);
        let compiled = run.expect(0).json();
        Self {
            folder,
            bundle,
            input,
            compiled,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The expected outputs in the fixture, flat.
    fn expected(&self) -> Vec<f64> {
        let json: Value = serde_json::from_str(&fs::read_to_string(&self.input).unwrap()).unwrap();
        json["expected"][0]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    }
}

fn values(output: &Value) -> Vec<f64> {
    output["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn write(path: &Path, value: &Value) {
    fs::write(path, serde_json::to_vec(value).unwrap()).unwrap();
}

#[test]
fn every_back_end_is_chosen_or_refused_by_name() {
    let setup = Setup::new("gemm", "1");
    let bundle = &setup.bundle;
    let prove = |name: &str, flags: &[&str]| {
        let proof = setup.path(name);
        let mut command = args![
            "prove",
            bundle,
            "--input",
            setup.input,
            "-o",
            proof,
            "--json"
        ]
        .to_vec();
        command.extend(flags.iter().map(OsString::from));
        (proof, chainfer(command))
    };
    for (name, flags) in [
        ("stock", ["--prover", "stock"]),
        ("portable", ["--backend", "cpu-portable"]),
        ("limited", ["--max-memory", "60M"]),
    ] {
        let (proof, run) = prove(name, &flags);
        assert!(run.expect(0).json()["chunks"][0].get("steps").is_none());
        chainfer(args!["verify", bundle, proof]).expect(0);
    }
    let (proof, run) = prove("avx2", &["--backend", "cpu-avx2"]);
    match Arithmetic::avx2() {
        Ok(_) => {
            run.expect(0);
            chainfer(args!["verify", bundle, proof]).expect(0);
        }
        Err(missing) => {
            run.expect(2).says(&[&missing.to_string(), "--backend cpu"]);
        }
    }
    let (_, run) = prove("stats", &["--stats"]);
    let proved = run.expect(0).json();
    let steps = proved["chunks"][0]["steps"].as_array().unwrap();
    assert!(
        steps
            .iter()
            .any(|step| step["step"] == "MSM" && step["columns"].as_u64() > Some(0))
    );
    let (_, run) = prove("plugin", &["--backend", "plugin"]);
    run.expect(2).says(&["--plugin"]);
    let (proof, run) = prove(
        "missing",
        &["--backend", "plugin", "--plugin", "/nowhere/libnone.so"],
    );
    run.expect(2)
        .says(&["/nowhere/libnone.so", "--backend cpu"]);
    assert!(!proof.exists());
    let (_, run) = prove("little", &["--max-memory", "1M"]);
    run.expect(2).says(&["memory"]);
}

#[test]
fn mlp_in_two_chunks_compiles_proves_and_verifies() {
    let setup = Setup::new("mlp", "2");
    let (bundle, proof) = (&setup.bundle, setup.path("proof.json"));
    assert_eq!(setup.compiled["chunks"].as_array().unwrap().len(), 2);
    assert_eq!(setup.compiled["quantisation"]["calibration"], "given");
    let manifest = read(&bundle.join("public/manifest.json"));
    for chunk in manifest["chunks"].as_array().unwrap() {
        let source = chunk["source"].as_str().unwrap();
        assert!(bundle.join("public").join(source).is_file(), "{source}");
    }

    let ran = chainfer(args!["run", bundle, "--input", setup.input, "--json"])
        .expect(0)
        .json();
    let run = chainfer(args![
        "prove",
        bundle,
        "--input",
        setup.input,
        "--context",
        CONTEXT,
        "--jobs",
        "2",
        "-o",
        proof,
        "--json"
    ]);
    let proved = run.expect(0).json();
    assert_eq!(proved["context"], CONTEXT);
    assert_eq!(proved["outputs"][0]["raw"], ran["outputs"][0]["raw"]);
    for (got, expected) in values(&proved["outputs"][0]).iter().zip(setup.expected()) {
        assert!((got - expected).abs() < 0.02, "{got} against {expected}");
    }
    let per_chunk: u64 = proved["chunks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["proof_bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(proved["proof_bytes"].as_u64(), Some(per_chunk));
    for figure in ["wall_s", "cpu_s"] {
        assert!(proved[figure].as_f64().unwrap() > 0.0, "{figure}");
        assert!(
            proved["chunks"][0][figure].as_f64().unwrap() > 0.0,
            "{figure}"
        );
    }
    assert!(proved["peak_rss_bytes"].as_u64().unwrap() > 1 << 20);

    let verified = chainfer(args!["verify", bundle, proof, "--json"])
        .expect(0)
        .json();
    assert_eq!(verified["valid"], true);
    assert_eq!(verified["root"], proved["root"]);
    // the public part is enough
    chainfer(args!["verify", bundle.join("public"), proof]).expect(0);

    tampered_proofs_are_refused(&setup, &proof);
    tensors_open(&setup, &proof, &proved);
    bad_inputs_are_refused(&setup);
    private_files_are_private(&setup, &proof);
    descriptions(&setup);
}

fn tampered_proofs_are_refused(setup: &Setup, proof: &Path) {
    let good = read(proof);
    let refuse = |what: &str, change: &dyn Fn(&mut Value), reason: &str| {
        let mut bad = good.clone();
        change(&mut bad);
        assert_ne!(bad, good, "{what}");
        let path = setup.path("tampered.json");
        write(&path, &bad);
        let run = chainfer(args!["verify", setup.bundle, path, "--json"]).expect(1);
        let answer = run.json();
        assert_eq!(answer["valid"], false, "{what}");
        assert!(
            answer["reason"].as_str().unwrap().contains(reason),
            "{what}: {answer}"
        );
    };
    let flip = |text: &Value, at: usize| {
        let mut text = text.as_str().unwrap().to_owned().into_bytes();
        text[at] = if text[at] == b'0' { b'1' } else { b'0' };
        json!(String::from_utf8(text).unwrap())
    };
    let byte = |v: &mut Value| {
        let text = v["chunks"][1]["proof"].as_str().unwrap().len();
        v["chunks"][1]["proof"] = flip(&v["chunks"][1]["proof"], text / 2 / 64 * 64 + 1);
    };
    refuse("a byte of a proof", &byte, "chunk 1");
    refuse("root", &|v| v["root"] = flip(&v["root"], 65), "chunk 0");
    refuse(
        "context",
        &|v| v["context"] = flip(&v["context"], 65),
        "chunk 0",
    );
    let output = |v: &mut Value| {
        let word = flip(&v["chunks"][1]["public_values"][0], 65);
        v["chunks"][1]["public_values"][0] = word;
    };
    refuse("public output", &output, "chunk 1");
    refuse(
        "shown output",
        &|v| v["outputs"][0]["raw"][0] = json!(1),
        "output",
    );
    refuse(
        "chunk left out",
        &|v| drop(v["chunks"].as_array_mut().unwrap().pop()),
        "chunk 1",
    );
    let swap = |v: &mut Value| {
        let other = v["chunks"][0]["proof"].clone();
        v["chunks"][1]["proof"] = other;
    };
    refuse("proof of another chunk", &swap, "chunk 1");
    let shorten = |v: &mut Value| {
        let text = v["chunks"][0]["proof"].as_str().unwrap();
        v["chunks"][0]["proof"] = json!(text[..text.len() - 64]);
    };
    refuse("truncated", &shorten, "bytes");
    let modulus = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    refuse(
        "root above the modulus",
        &|v| v["root"] = json!(modulus),
        "modulus",
    );

    let path = setup.path("tampered.json");
    fs::write(&path, "{}").unwrap();
    chainfer(args!["verify", setup.bundle, path])
        .expect(2)
        .says(&["tampered.json"]);
}

fn tensors_open(setup: &Setup, proof: &Path, proved: &Value) {
    let mut secret = proof.as_os_str().to_owned();
    secret.push(".secret");
    let name = proved["outputs"][0]["name"].as_str().unwrap();
    let opened = chainfer(args!["open", secret, "--tensor", name, "--json"])
        .expect(0)
        .json();
    assert_eq!(opened["root"], proved["root"]);
    assert_eq!(opened["raw"], proved["outputs"][0]["raw"]);
    chainfer(args!["open", secret, "--tensor", "no-such"])
        .expect(2)
        .says(&["no-such", name]);
    let mut changed = read(Path::new(&secret));
    changed["tensors"][0]["values"][0] =
        json!(changed["tensors"][0]["values"][0].as_u64().unwrap() ^ 1);
    let path = setup.path("changed.secret");
    write(&path, &changed);
    chainfer(args!["open", path, "--tensor", name]).expect(1);

    // Somebody who is shown the opening checks it against the bundle, and its root against a proof.
    let bundle = &setup.bundle;
    let shown = setup.path("opening.json");
    write(&shown, &opened);
    let verify = |opening: &Path| chainfer(args!["open", "--verify", opening, "--bundle", bundle]);
    assert!(
        verify(&shown)
            .expect(0)
            .stdout
            .contains("the root was not compared")
    );
    let with_proof = |file: &Path| {
        let args = args![
            "open", "--verify", shown, "--bundle", bundle, "--proof", file, "--json"
        ];
        chainfer(args)
    };
    assert_eq!(with_proof(proof).expect(0).json()["root_is_proven"], true);
    chainfer(args!["open", secret, "--tensor", name, "--bundle", bundle]).expect(0);
    let lie = setup.path("lie.json");
    for (field, value) in [
        ("name", json!("other")),
        ("values", json!([1.5])),
        ("salt", json!(CONTEXT)),
        ("path", json!([])),
    ] {
        let mut changed = opened.clone();
        changed[field] = value;
        write(&lie, &changed);
        let said = verify(&lie).expect(1).stdout;
        assert!(said.contains("INVALID"), "{field}: {said}");
    }
    // Of a tensor that crosses a cut, real values and shape are the prover's word: they are not shown under a verdict.
    let spec = read(&bundle.join("public/manifest.json"));
    let leaves = spec["leaves"].as_array().unwrap();
    if let Some(cut) = leaves.iter().find(|leaf| leaf["class"] == "cut") {
        let cut = cut["name"].as_str().unwrap();
        let mut opened = chainfer(args!["open", secret, "--tensor", cut, "--json"])
            .expect(0)
            .json();
        let count = opened["values"].as_array().unwrap().len();
        opened["values"] = json!(vec![31337.0; count]);
        write(&lie, &opened);
        let page = verify(&lie).expect(0).stdout;
        assert!(
            page.contains("VALID") && page.contains("Integers"),
            "{page}"
        );
        assert!(!page.contains("31337"), "{page}");
        let args = args![
            "open", "--verify", lie, "--bundle", bundle, "--proof", proof, "--json"
        ];
        let json = chainfer(args)
            .expect(0)
            .says(&["setup: development"])
            .json();
        assert_eq!(json["setup"], "development");
        assert!(json["opening"]["values"].is_null() && json["opening"]["shape"].is_null());
        assert_eq!(json["opening"]["raw"], opened["raw"]);
    }
    write(&lie, &json!({ "name": name }));
    verify(&lie).expect(2).says(&["is not an opening"]);
    chainfer(args!["open", "--verify", shown])
        .expect(2)
        .says(&["--bundle"]);
    // Two tensors of one name.
    let mut twice = read(Path::new(&secret));
    let first = twice["tensors"][0].clone();
    twice["tensors"].as_array_mut().unwrap().push(first.clone());
    write(&path, &twice);
    let named = first["name"].as_str().unwrap();
    chainfer(args!["open", path, "--tensor", named])
        .expect(1)
        .says(&["several tensors of this name"]);
}

fn bad_inputs_are_refused(setup: &Setup) {
    let (path, out) = (setup.path("input.json"), setup.path("never.json"));
    let cases: [(&str, &str); 5] = [
        ("{\"input_data\": [[1.0, 2.0]]}", "10 values"),
        ("{\"input_data\": [[0], [0]]}", "1 input"),
        ("{\"input_data\": \"x\"}", "input.json"),
        ("not json", "input.json"),
        (
            "{\"input_data\": [[1e999,0,0,0,0,0,0,0,0,0]]}",
            "input.json",
        ),
    ];
    for (content, message) in cases {
        fs::write(&path, content).unwrap();
        let run = chainfer(args!["prove", setup.bundle, "--input", path, "-o", out]);
        run.expect(2).says(&[message]);
        chainfer(args!["run", setup.bundle, "--input", path]).expect(2);
    }
    let missing = setup.path("missing.json");
    chainfer(args!["prove", setup.bundle, "--input", missing, "-o", out])
        .expect(2)
        .says(&["missing.json"]);
    let nowhere = setup.path("no/such/folder/proof.json");
    let run = chainfer(args![
        "prove",
        setup.bundle,
        "--input",
        setup.input,
        "-o",
        nowhere
    ]);
    run.expect(2).says(&["folder"]);
    let far = setup.path("far.json");
    fs::write(
        &far,
        "{\"input_data\": [[900,900,900,900,900,900,900,900,900,900]]}",
    )
    .unwrap();
    let run = chainfer(args!["run", setup.bundle, "--input", far, "--json"]);
    let run = run
        .expect(0)
        .says(&["warning: tensor ", "10 of 10 values saturate"]);
    let input = &run.json()["saturation"][0];
    assert_eq!(
        (&input["saturated"], &input["values"]),
        (&json!(10), &json!(10))
    );
    let calm = chainfer(args!["run", setup.bundle, "--input", setup.input, "--json"]);
    assert_eq!(calm.expect(0).json()["saturation"], json!([]));
    let run = chainfer(args![
        "prove",
        setup.bundle,
        "--input",
        far,
        "--refuse-saturation",
        "-o",
        out
    ]);
    run.expect(2).says(&["range"]);
    assert!(!out.exists());
}

fn private_files_are_private(setup: &Setup, proof: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let private = setup.bundle.join("private");
        assert_eq!(mode(&private), 0o700);
        for entry in fs::read_dir(&private).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        let mut secret = proof.as_os_str().to_owned();
        secret.push(".secret");
        assert_eq!(mode(Path::new(&secret)), 0o600);
    }
}

fn descriptions(setup: &Setup) {
    let inspected = chainfer(args!["inspect", setup.bundle, "--json"])
        .expect(0)
        .json();
    assert_eq!(
        inspected["manifest"]["manifest_id"],
        setup.compiled["manifest_id"]
    );
    let text = chainfer(args!["inspect", setup.bundle]).expect(0).stdout;
    assert!(text.contains("proofs left"), "{text}");
    assert!(text.contains("INSECURE"), "{text}");
    let model = chainfer(args!["inspect", fixture("ops/mlp.onnx")])
        .expect(0)
        .stdout;
    assert!(model.contains("Operations"), "{model}");

    let folder = setup.path("sol");
    let run = chainfer(args![
        "solidity",
        setup.bundle,
        "-o",
        folder,
        "--solc",
        "/nonexistent/solc"
    ]);
    run.expect(2).says(&["/nonexistent/solc"]);
    let manifest: Value =
        serde_json::from_slice(&fs::read(setup.bundle.join("public/manifest.json")).unwrap())
            .unwrap();
    let name = manifest["chunks"][0]["contract"].as_str().unwrap();
    assert!(name.starts_with("Halo2Verifier"), "{name}");
    let source = setup.bundle.join(format!("public/solidity/{name}.sol"));
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("pragma", "// pragma")).unwrap();
    chainfer(args!["solidity", setup.bundle, "-o", folder])
        .expect(2)
        .says(&[&format!("{name}.sol"), "digest"]);
    fs::write(&source, text).unwrap();
}

#[test]
fn convolution_with_everything_public_states_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, proof) = (folder.path().join("b"), folder.path().join("p.json"));
    let input = fixture("ops/conv_relu_maxpool.json");
    let model = fixture("ops/conv_relu_maxpool.onnx");
    let run = chainfer(args![
        "compile",
        model,
        "--calibration",
        input,
        "--chunks",
        "1",
        "--input-visibility",
        "public",
        "--output-visibility",
        "committed",
        "--hide-weights",
        "0",
        "-o",
        bundle,
        "--json"
    ]);
    assert_eq!(run.expect(0).json()["chunks"][0]["hide_rows"], 0);
    let proved = chainfer(args![
        "prove", bundle, "--input", input, "-o", proof, "--json"
    ])
    .expect(0)
    .json();
    assert_eq!(proved["outputs"][0]["visibility"], "committed");
    assert!(proved["outputs"][0]["raw"].is_null());
    assert!(proved["binding"].is_null());
    chainfer(args!["verify", bundle, proof]).expect(0);
}
