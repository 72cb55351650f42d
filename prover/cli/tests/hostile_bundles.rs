//! Bundles, proofs and models from strangers: files that are none, links that lead elsewhere, names that talk to the terminal, and a
//! deployment that nobody made. Needs the tools that `npm ci` brings.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::primitives::{B256, keccak256};
use chainfer_formats::{ChainChunk, chain_model::chunks_digest};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};
use support::{
    Run, chainfer, chainfer_in, fixture,
    node::{Anvil, KEY, OTHER, OWNER, cast, prove_bound, root, send},
};

fn compile(model: &str, bundle: &Path) {
    chainfer(args!["compile", fixture(model), "-o", bundle]).expect(0);
}

/// What a stranger may put in a file's place, and what the error calls it.
const PLANTED: [(&str, &str); 4] = [
    ("endless", "a symbolic link"),
    ("fifo", "a FIFO"),
    ("folder", "a folder"),
    ("sparse", "at most"),
];

fn plant(kind: &str, at: &Path) {
    match kind {
        "endless" => symlink("/dev/zero", at).unwrap(),
        "fifo" => assert!(Command::new("mkfifo").arg(at).status().unwrap().success()),
        "folder" => fs::create_dir(at).unwrap(),
        _ => File::create(at).unwrap().set_len(1 << 43).unwrap(),
    }
}

/// Puts each of them in the place of `file`, and runs.
fn refuses(file: &Path, run: impl Fn() -> Run) {
    let kept = file.with_extension("kept");
    fs::rename(file, &kept).unwrap();
    for (kind, called) in PLANTED {
        // A lock is opened and not read.
        if kind == "sparse" && file.extension().is_some_and(|e| e == "lock") {
            continue;
        }
        plant(kind, file);
        let name = file.file_name().unwrap().to_str().unwrap();
        run().expect(2).says(&[name, called]);
        match kind {
            "folder" => fs::remove_dir(file).unwrap(),
            _ => fs::remove_file(file).unwrap(),
        }
    }
    fs::rename(&kept, file).unwrap();
}

#[test]
fn every_file_of_a_bundle_must_be_a_file_of_a_sensible_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = path("bundle");
    compile("ops/gemm.onnx", &bundle);
    let inspect = || chainfer(args!["inspect", bundle]);
    let prove = || {
        let input = fixture("ops/gemm.json");
        chainfer(args!["prove", bundle, "--input", input, "-o", path("p")])
    };
    let solidity = || {
        let solc = root().join("scripts/solc");
        chainfer(args!["solidity", bundle, "-o", path("s"), "--solc", solc])
    };
    for name in ["manifest.json", "layout.json", "chunk0.vk"] {
        refuses(&bundle.join("public").join(name), inspect);
    }
    let sources = bundle.join("public/solidity");
    let source = fs::read_dir(sources).unwrap().next().unwrap().unwrap();
    refuses(&source.path(), solidity);
    for name in [
        "model.bin",
        "hiding.seed",
        "chunk0.pk",
        "chunk0.count",
        "chunk0.lock",
        "origin.json",
    ] {
        refuses(&bundle.join("private").join(name), prove);
    }
    let deployments = bundle.join("public/deployments");
    fs::create_dir(&deployments).unwrap();
    fs::write(deployments.join("31337.json"), "{}").unwrap();
    refuses(&deployments.join("31337.json"), || {
        prove_bound(&bundle, Path::new("i"), &path("p"))
    });
    inspect().expect(0);
}

#[test]
fn folder_of_a_bundle_may_not_be_a_link_but_the_bundle_may() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = path("bundle");
    compile("ops/gemm.onnx", &bundle);
    symlink(&bundle, path("link")).unwrap();
    chainfer(args!["inspect", path("link")]).expect(0);
    let run = |verb: &str| match verb {
        "inspect" => chainfer(args!["inspect", bundle]),
        "audit" => {
            let model = root().join("tests/fixtures/models/ops/gemm.onnx");
            chainfer(args!["audit", bundle, model])
        }
        _ => {
            let solc = root().join("scripts/solc");
            chainfer(args!["solidity", bundle, "-o", path("s"), "--solc", solc])
        }
    };
    for (name, verb) in [
        ("public", "inspect"),
        ("private", "inspect"),
        ("private", "audit"),
        ("public/solidity", "solidity"),
    ] {
        let kept = path("kept");
        fs::rename(bundle.join(name), &kept).unwrap();
        symlink(&kept, bundle.join(name)).unwrap();
        run(verb).expect(2).says(&[name, "a symbolic link"]);
        fs::remove_file(bundle.join(name)).unwrap();
        fs::rename(&kept, bundle.join(name)).unwrap();
    }
}

#[test]
fn file_that_the_user_names_may_be_a_link_or_a_pipe_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = path("bundle");
    symlink(fixture("ops/gemm.onnx"), path("model.onnx")).unwrap();
    chainfer(args!["compile", path("model.onnx"), "-o", bundle]).expect(0);
    let (proof, again) = (path("p.json"), path("again.json"));
    let input = fixture("ops/gemm.json");
    chainfer(args!["prove", bundle, "--input", input, "-o", proof]).expect(0);
    symlink(&proof, &again).unwrap();
    chainfer(args!["verify", bundle, again]).expect(0);

    plant("fifo", &path("pipe.json"));
    let writer = std::thread::spawn({
        let (pipe, bytes) = (path("pipe.json"), fs::read(&proof).unwrap());
        move || fs::write(pipe, bytes)
    });
    chainfer(args!["verify", bundle, path("pipe.json")]).expect(0);
    writer.join().unwrap().unwrap();

    for (kind, called) in [("endless", "a device"), ("sparse", "at most")] {
        let at = path(&format!("{kind}.json"));
        plant(kind, &at);
        let name = at.file_name().unwrap().to_str().unwrap();
        let runs = [
            chainfer(args!["verify", bundle, at]),
            chainfer(args!["open", at, "--tensor", "y"]),
            chainfer(args!["run", bundle, "--input", at]),
            chainfer(args!["check-registry", at, "-r", "http://127.0.0.1:1"]),
        ];
        for run in runs {
            // A device is no file, so it is not taken for a registry's record.
            if kind == "endless" && run.stderr.contains("REGISTRY") {
                run.expect(2);
                continue;
            }
            run.expect(2).says(&[name, called]);
        }
        for (flag, extension) in [
            ("", "onnx"),
            ("--calibration", "json"),
            ("--hiding-seed", "s"),
        ] {
            let at = path(&format!("{kind}.{extension}"));
            if !at.exists() {
                plant(kind, &at);
            }
            let mut args = args!["compile", "-o", path("other")].to_vec();
            if flag.is_empty() {
                args.push(at.into());
            } else {
                args.extend([fixture("ops/gemm.onnx").into(), flag.into(), at.into()]);
            }
            chainfer(args).expect(2).says(&[kind, called]);
        }
    }
}

#[test]
fn what_is_written_replaces_a_link_and_leaves_its_target_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = path("bundle");
    compile("ops/gemm.onnx", &bundle);
    let victim = path("victim");
    fs::write(&victim, "mine").unwrap();
    for name in ["p.json", "p.json.secret"] {
        symlink(&victim, path(name)).unwrap();
    }
    let input = fixture("ops/gemm.json");
    for name in ["p.json", "p.json.secret"] {
        chainfer(args![
            "prove",
            bundle,
            "--input",
            input,
            "-o",
            path("p.json"),
            "--force"
        ])
        .expect(2)
        .says(&[name, "not a regular file"]);
        fs::remove_file(path(name)).unwrap();
    }
    for name in ["there", "nowhere"] {
        let out = path(&format!("link-{name}"));
        symlink(path(name), &out).unwrap();
        let model = fixture("ops/gemm.onnx");
        chainfer(args!["compile", model, "-o", out])
            .expect(2)
            .says(&["exists"]);
        let solc = root().join("scripts/solc");
        chainfer(args!["solidity", bundle, "-o", out, "--solc", solc])
            .expect(2)
            .says(&["exists"]);
        assert!(!path(name).exists());
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}

/// What no terminal may be shown.
fn assert_plain(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let evil = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}".contains(c);
        assert!(!text.contains(evil), "{text:?}");
    }
}

#[test]
fn names_of_a_model_and_of_a_proof_cannot_repaint_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut model = fs::read(fixture("ops/mlp.onnx")).unwrap();
    // As long as the name that it replaces.
    let evil = "\u{202e}\u{1b}[J".as_bytes();
    let places: Vec<usize> = (0..model.len() - 6)
        .filter(|at| &model[*at..at + 6] == b"hidden")
        .collect();
    assert!(places.len() >= 2);
    for at in places {
        model[at..at + 6].copy_from_slice(evil);
    }
    let file = path("model\u{1b}]0;x\u{7}.onnx");
    fs::write(&file, model).unwrap();
    let shown = "\\u{202e}\\u{1b}[J";
    let described = chainfer(args!["inspect", file]).expect(0);
    assert!(described.stdout.contains(shown), "{}", described.stdout);
    assert_plain(&described);
    let machine = chainfer(args!["inspect", file, "--json"]).expect(0);
    assert_plain(&machine);
    let names: Vec<Value> = machine.json()["nodes"].as_array().unwrap().clone();
    assert!(
        names
            .iter()
            .any(|n| n["name"].as_str().unwrap().contains('\u{202e}'))
    );
    assert_plain(&chainfer(args!["compile", file, "-o", path("b"), "-vv"]).expect(0));
    assert_plain(
        &chainfer(args![
            "compile",
            path("\u{1b}[2Jmissing.onnx"),
            "-o",
            path("c")
        ])
        .expect(2),
    );

    let (bundle, proof) = (path("b"), path("p.json"));
    let input = fixture("ops/mlp.json");
    chainfer(args!["prove", bundle, "--input", input, "-o", proof]).expect(0);
    let mut forged: Value = serde_json::from_slice(&fs::read(&proof).unwrap()).unwrap();
    forged["outputs"][0]["name"] = json!("y\u{1b}[1A\r\nVALID: 1 chunk proofs\u{200b}");
    fs::write(&proof, forged.to_string()).unwrap();
    for machine in [false, true] {
        let mut args = args!["verify", bundle, proof].to_vec();
        args.extend(machine.then(|| "--json".into()));
        let run = chainfer(args).expect(1);
        assert_plain(&run);
        assert!(
            !run.stdout.lines().any(|l| l.starts_with("VALID")),
            "{}",
            run.stdout
        );
        if machine {
            assert_eq!(run.json()["valid"], false);
        }
    }
}

/// A deployed bundle with a proof, and a node.
struct Scene {
    folder: tempfile::TempDir,
    node: Anvil,
    registry: String,
}

impl Scene {
    const URI: &str = "ipfs://x\u{1b}]0;t\u{7}\u{1b}[9A\rAS COMPILED\u{202e}";

    fn check_model(&self, further: &[&str]) -> Run {
        let mut args = args![
            "check-model",
            self.path("bundle"),
            "-r",
            self.node.url,
            "--registry",
            self.registry,
            "--solc",
            root().join("scripts/solc")
        ]
        .to_vec();
        args.extend(further.iter().map(OsString::from));
        chainfer(args)
    }

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node = Anvil::start("31337");
        let mut scene = Self {
            folder,
            node,
            registry: String::new(),
        };
        let bundle = scene.path("bundle");
        compile("ops/mlp.onnx", &bundle);
        // A link in the place of what `deploy` writes.
        fs::write(scene.path("victim"), "mine").unwrap();
        fs::create_dir(bundle.join("public/deployments")).unwrap();
        symlink(scene.path("victim"), scene.record()).unwrap();
        let solc = root().join("scripts/solc");
        let deployed = scene
            .send(&args!["deploy", bundle, "--solc", solc, "--uri", Self::URI])
            .expect(0);
        assert_plain(&deployed);
        scene.registry = deployed.json()["registry"].as_str().unwrap().to_owned();
        let input = fixture("ops/mlp.json");
        prove_bound(&bundle, &input, &scene.path("p")).expect(0);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn record(&self) -> PathBuf {
        self.path("bundle/public/deployments/31337.json")
    }

    /// Runs a verb that sends.
    fn send(&self, args: &[OsString]) -> Run {
        send(&self.node.url, &self.path("state"), args)
    }

    fn attest(&self, further: &[&str]) -> Run {
        let mut args = args!["attest", self.path("bundle"), self.path("p")].to_vec();
        args.extend(further.iter().map(OsString::from));
        self.send(&args)
    }

    /// Number of transactions that the sender has sent.
    fn sent(&self) -> String {
        cast(&["nonce", "--rpc-url", &self.node.url, OWNER])
    }

    fn read_record(&self) -> Value {
        serde_json::from_slice(&fs::read(self.record()).unwrap()).unwrap()
    }

    fn write_record(&self, record: &Value) {
        fs::write(self.record(), record.to_string()).unwrap();
    }

    fn set_code(&self, at: &str, code: &str) {
        cast(&[
            "rpc",
            "--rpc-url",
            &self.node.url,
            "anvil_setCode",
            at,
            code,
        ]);
    }

    fn code(&self, at: &str) -> String {
        cast(&["code", "--rpc-url", &self.node.url, at])
    }
}

/// The id that the registry gives a model of this registrant.
fn model_id(record: &Value, bundle: &Path, registrant: &str) -> String {
    let manifest = fs::read(bundle.join("public/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let manifest_id: B256 = manifest["manifest_id"].as_str().unwrap().parse().unwrap();
    let id = chainfer_formats::ids::model_id(manifest_id, registrant.parse().unwrap());
    assert_ne!(record["model_id"], id.to_string());
    id.to_string()
}

#[test]
fn attest_sends_nothing_to_what_an_unsigned_record_names() {
    let scene = Scene::new();
    assert_eq!(fs::read_to_string(scene.path("victim")).unwrap(), "mine");
    let honest = scene.read_record();
    let sent = scene.sent();
    let refused = |what: &str, says: &[&str]| {
        let run = scene.attest(&[]).expect(2).says(says);
        assert_eq!(scene.sent(), sent, "{what}");
        assert_plain(&run);
    };

    // Another contract: any code, that of no contract, the registry's with one byte changed.
    for code in ["0x5b5b5b5600", "0x"] {
        scene.set_code(OTHER, code);
        let mut record = honest.clone();
        record["registry"] = json!(OTHER.to_lowercase());
        scene.write_record(&record);
        refused("another registry", &[OTHER, "--registry"]);
    }
    scene.write_record(&honest);
    let code = scene.code(&scene.registry);
    let mut other = code.clone();
    other.replace_range(
        other.len() - 2..,
        if code.ends_with("00") { "01" } else { "00" },
    );
    scene.set_code(&scene.registry, &other);
    let hash = keccak256(alloy::hex::decode(&other).unwrap()).to_string();
    refused("changed code", &[&hash, "--registry"]);
    // Whoever knows that registry may name it, and no other.
    scene
        .attest(&["--registry", OTHER])
        .expect(2)
        .says(&[OTHER, "deployed with"]);
    scene.set_code(&scene.registry, &code);

    // A record that does not fit the manifest.
    for (field, value) in [
        ("chain_id", json!(1)),
        ("model_id", json!(format!("0x{}", "12".repeat(32)))),
        ("registrant", json!(OTHER.to_lowercase())),
        ("model", json!({})),
    ] {
        let mut record = honest.clone();
        record[field] = value;
        scene.write_record(&record);
        refused(field, &["31337"]);
    }
    // One that fits, of a model that is not registered.
    let mut record = honest.clone();
    record["registrant"] = json!(OTHER.to_lowercase());
    record["model_id"] = json!(model_id(&honest, &scene.path("bundle"), OTHER));
    scene.write_record(&record);
    refused("not registered", &["does not know"]);
    // Contracts that are not the registered ones.
    let with = |contract: &str| {
        let mut record = honest.clone();
        record["model"]["chunks"][0][contract] = json!(OTHER.to_lowercase());
        record
    };
    let mut record = with("verifier");
    scene.write_record(&record);
    refused("verifier", &["model.record.chunks"]);
    // With a digest that fits, the registry has another record.
    let chunks: Vec<ChainChunk> =
        serde_json::from_value(record["model"]["chunks"].clone()).unwrap();
    record["model"]["record"]["chunks"] = json!(chunks_digest(&chunks).to_string());
    scene.write_record(&record);
    refused("record", &["the registered model is not the bundle's"]);
    let mut record = honest.clone();
    record["model"]["record"]["inputs"] = json!(format!("0x{}", "12".repeat(32)));
    scene.write_record(&record);
    refused("inputs", &["field `model`", "of the manifest"]);
    prove_bound(
        &scene.path("bundle"),
        &fixture("ops/mlp.json"),
        &scene.path("none"),
    )
    .expect(2)
    .says(&["field `model`", "of the manifest"]);
    assert!(!scene.path("none").exists());
    scene.write_record(&with("key"));
    refused("key", &["chunk 0", "key", OTHER, "not the code"]);
    scene.write_record(&honest);
    for contract in ["verifier", "key"] {
        let at = honest["model"]["chunks"][0][contract].as_str().unwrap();
        let code = scene.code(at);
        scene.set_code(at, "0x00");
        refused(contract, &["chunk 0", contract, "not the code"]);
        scene.set_code(at, &code);
    }
    // More than it may cost.
    scene
        .attest(&["--max-spend", "1gwei"])
        .expect(2)
        .says(&["--max-spend", "0.000000001 ether"]);
    assert_eq!(scene.sent(), sent);

    let attested = scene.attest(&["--max-spend", "1ether"]).expect(0);
    assert_eq!(attested.json()["status"], "confirmed");
    // What was sent stays within what is expected at most.
    assert_eq!(
        scene
            .attest(&["--registry", &scene.registry])
            .expect(0)
            .json()["status"],
        "confirmed"
    );
}

#[test]
fn attest_pays_for_no_model_that_does_not_count_unless_asked_to() {
    let scene = Scene::new();
    let model = scene.read_record()["model_id"].as_str().unwrap().to_owned();
    let (url, registry) = (scene.node.url.as_str(), scene.registry.as_str());
    cast(&[
        "send",
        "--rpc-url",
        url,
        "--private-key",
        KEY,
        registry,
        "deprecateModel(bytes32)",
        &model,
    ]);
    let sent = scene.sent();
    scene
        .attest(&[])
        .expect(2)
        .says(&["is deprecated", "nothing was sent", "--allow-deprecated"]);
    assert_eq!(scene.sent(), sent);
    let attested = scene.attest(&["--allow-deprecated"]).expect(0);
    assert_eq!(attested.json()["status"], "confirmed");
}

#[test]
fn uri_on_the_chain_cannot_repaint_a_verdict() {
    let scene = Scene::new();
    let page = scene.check_model(&[]).expect(0);
    assert_plain(&page);
    assert!(
        page.stdout.contains("ipfs://x\\u{1b}]0;t\\u{7}"),
        "{}",
        page.stdout
    );
    let machine = scene.check_model(&["--json"]).expect(0);
    assert_plain(&machine);
    assert_eq!(machine.json()["uri"], Scene::URI);
}

/// Waits for several provers that write to one file.
fn race(bundle: &Path, proof: &Path) -> Vec<bool> {
    let input = fixture("ops/gemm.json");
    let prove = || {
        std::thread::scope(|scope| {
            let run = || chainfer(args!["prove", bundle, "--input", input, "-o", proof]);
            let runs: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
            runs.into_iter()
                .map(|run| run.join().unwrap().code == 0)
                .collect()
        })
    };
    prove()
}

#[test]
fn proof_replaces_nothing_unless_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = path("bundle");
    compile("ops/gemm.onnx", &bundle);
    let input = fixture("ops/gemm.json");
    let prove = |proof: &Path| chainfer(args!["prove", bundle, "--input", input, "-o", proof]);
    let forced = |proof: &Path| {
        chainfer(args![
            "prove", bundle, "--input", input, "-o", proof, "--force"
        ])
    };
    let root_of = |path: &Path| -> Value {
        serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap()["root"].take()
    };
    let (proof, secret) = (path("p.json"), path("p.json.secret"));

    let succeeded = race(&bundle, &proof);
    assert_eq!(succeeded.iter().filter(|ok| **ok).count(), 1);
    let first = root_of(&proof);
    assert_eq!(first, root_of(&secret));

    prove(&proof).expect(2).says(&["p.json exists", "--force"]);
    fs::rename(&proof, path("elsewhere")).unwrap();
    prove(&proof)
        .expect(2)
        .says(&["p.json.secret exists", "--force"]);
    assert!(!proof.exists());
    forced(&proof).expect(0);
    assert_ne!(root_of(&proof), first);
    assert_eq!(root_of(&proof), root_of(&secret));

    for (kind, called) in [
        ("fifo", "is not a regular file"),
        ("endless", "is not a regular file"),
    ] {
        let odd = path(kind);
        plant(kind, &odd);
        for run in [prove(&odd), forced(&odd)] {
            run.expect(2).says(&[kind, called]);
        }
        assert!(!fs::symlink_metadata(&odd).unwrap().is_file());
        let odd = path(&format!("{kind}.json"));
        plant(kind, &odd.with_extension("json.secret"));
        forced(&odd).expect(2).says(&["json.secret", called]);
    }
}

#[test]
fn compile_removes_what_a_killed_one_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let left = folder
        .path()
        .join(format!(".bundle.{}-0-1f.tmp", child.id()));
    fs::create_dir_all(left.join("private")).unwrap();
    compile("ops/gemm.onnx", &folder.path().join("bundle"));
    assert!(!left.exists());
}

#[test]
fn layout_that_contradicts_the_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    compile("ops/gemm.onnx", &bundle);
    let file = bundle.join("public/layout.json");
    let honest: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let page = chainfer(args!["inspect", bundle]).expect(0).stdout;
    assert!(page.contains("`chainfer audit` compares them"), "{page}");
    for (place, value, expected) in [
        ("/chunks/0/usable_rows", json!(1u64 << 40), "usable_rows"),
        ("/chunks/0/value_rows", json!(1u64 << 40), "rows taken"),
        ("/chunks/0/hide_rows", json!(7), "hide_rows"),
        ("/chunks/0/shape/k", json!(9), "shape"),
        ("/chunks", json!([]), "0 chunks"),
    ] {
        let mut changed = honest.clone();
        *changed.pointer_mut(place).unwrap() = value;
        fs::write(&file, changed.to_string()).unwrap();
        chainfer(args!["inspect", bundle])
            .expect(2)
            .says(&["layout.json", expected]);
    }
}

#[test]
fn model_of_a_registry_with_other_code_is_not_checked_unless_told_to() {
    let scene = Scene::new();
    let record = ["--record-only"];
    let page = scene.check_model(&record).expect(0).stdout;
    assert!(page.contains("check-registry"), "{page}");
    // The same contract, with its storage, but for one byte that is never run.
    let code = cast(&["code", "-r", &scene.node.url, &scene.registry]);
    let other = format!("{code}00");
    let set = [
        "rpc",
        "-r",
        &scene.node.url,
        "anvil_setCode",
        &scene.registry,
        &other,
    ];
    cast(&set);
    scene
        .check_model(&record)
        .expect(2)
        .says(&["other code", "--other-registry"]);
    let page = scene
        .check_model(&["--record-only", "--other-registry"])
        .expect(0)
        .stdout;
    assert!(page.contains("it may answer what it likes"), "{page}");
    let outcome = scene.check_model(&["--record-only", "--other-registry", "--json"]);
    assert_eq!(outcome.expect(0).json()["registry_as_built"], false);
}

#[test]
fn model_id_of_a_proof_is_shown_as_its_own_word_unless_it_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bundle = path("bundle");
    compile("ops/gemm.onnx", &bundle);
    let manifest: Value =
        serde_json::from_slice(&fs::read(bundle.join("public/manifest.json")).unwrap()).unwrap();
    let manifest_id: B256 = manifest["manifest_id"].as_str().unwrap().parse().unwrap();
    let id = |registrant: &str| {
        let registrant = registrant.parse().unwrap();
        chainfer_formats::ids::model_id(manifest_id, registrant).to_string()
    };
    let prove = |requester: &str, model_id: &str, proof: &Path| {
        chainfer(args![
            "prove",
            bundle,
            "--input",
            fixture("ops/gemm.json"),
            "-o",
            proof,
            "--chain-id",
            "31337",
            "--registry",
            OTHER,
            "--requester",
            requester,
            "--nonce",
            "7",
            "--model-id",
            model_id
        ])
    };
    let zero = "0x0000000000000000000000000000000000000000";
    prove(zero, &id(OWNER), &path("zero"))
        .expect(2)
        .says(&["--requester", "zero"]);
    let (right, wrong) = (path("right"), path("wrong"));
    prove(OTHER, &id(OWNER), &right).expect(0);
    prove(OTHER, &format!("0x{}", "22".repeat(32)), &wrong).expect(0);
    for proof in [&right, &wrong] {
        let page = chainfer(args!["verify", bundle, proof]).expect(0).stdout;
        assert!(page.contains("as the proof names it"), "{page}");
    }
    let checked = |proof: &Path, registrant: &str| {
        chainfer(args![
            "verify",
            bundle,
            proof,
            "--registrant",
            registrant,
            "--json"
        ])
    };
    let outcome = checked(&right, OWNER).expect(0).json();
    assert_eq!(outcome["model_id_checked"], true);
    assert_eq!(outcome["model_id"], id(OWNER));
    for (proof, registrant) in [(&wrong, OWNER), (&right, OTHER)] {
        let outcome = checked(proof, registrant).expect(1).json();
        assert_eq!(outcome["valid"], false);
        assert!(outcome["reason"].as_str().unwrap().contains("model id"));
    }
}

#[test]
fn list_of_setups_passes_over_what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    plant("fifo", &folder.path().join("srs-804edc57d41a5af7-k10.bin"));
    let listed = chainfer_in(folder.path(), ["srs", "list"]).expect(0);
    assert!(listed.stdout.contains("k10.bin"), "{listed:?}");
}
