//! `chainfer audit`: what it says of bundles as they were compiled, with the options that they state, and of others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};
use support::{Run, chainfer, fixture};
use tempfile::TempDir;

struct Setup {
    folder: TempDir,
    bundle: PathBuf,
    model: PathBuf,
    samples: PathBuf,
}

impl Setup {
    /// A bundle of the two-layer network; `calibrated` with its own samples.
    fn new(calibrated: bool, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        let (model, samples) = (fixture("ops/mlp.onnx"), fixture("ops/mlp.json"));
        let mut args = args!["compile", model, "-o", bundle].to_vec();
        if calibrated {
            args.extend(args!["--calibration", samples]);
        }
        args.extend(options.iter().map(OsString::from));
        chainfer(args).expect(0);
        Self {
            folder,
            bundle,
            model,
            samples,
        }
    }

    fn audit(&self, further: &[&str]) -> Run {
        let mut args = args!["audit", self.bundle, self.model].to_vec();
        args.extend(further.iter().map(OsString::from));
        chainfer(args)
    }

    fn structure(&self, further: &[&str]) -> Run {
        let mut args = args!["audit", "--structure", self.bundle].to_vec();
        args.extend(further.iter().map(OsString::from));
        chainfer(args)
    }

    fn samples(&self) -> &str {
        self.samples.to_str().unwrap()
    }

    fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let path = self.bundle.join("public").join(file);
        let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut json);
        fs::write(&path, json.to_string()).unwrap();
    }

    /// Takes the private part out of the bundle.
    fn publish(&self) -> PathBuf {
        let private = self.folder.path().join("private");
        fs::rename(self.bundle.join("private"), &private).unwrap();
        private
    }
}

fn assert_remedy(run: &Run, text: &str) {
    assert!(run.stdout.contains("NOT AS COMPILED"), "{}", run.stdout);
    assert!(run.stdout.contains("remedy"), "{}", run.stdout);
    assert!(
        run.stdout.contains(text),
        "{text:?} is missing: {}",
        run.stdout
    );
}

#[test]
fn audit_of_a_calibrated_bundle_needs_its_samples_and_its_seed() {
    let setup = Setup::new(true, &["--chunks", "2"]);
    let calibration = ["--calibration", setup.samples()];
    let with = |further: &[&str]| setup.audit(&[&calibration[..], further].concat());

    // The private part is there, and with it the seed.
    let outcome = with(&["--json"]).expect(0).json();
    assert_eq!(outcome["verdict"], "as_compiled");
    assert_eq!(outcome["unseen_weight_columns"], 0);
    let on_trust = outcome["on_trust"].as_array().unwrap();
    assert_eq!(on_trust.len(), 1);
    assert!(
        on_trust[0]
            .as_str()
            .unwrap()
            .contains("calibration samples")
    );
    assert_eq!(outcome["ranges"].as_array().unwrap().len(), 2);
    assert_eq!(outcome["differences"], json!([]));
    assert_eq!(outcome["coverage"].as_array().unwrap().len(), 2);

    let private = setup.publish();
    let outcome = with(&["--json"]).expect(0).json();
    assert_eq!(outcome["verdict"], "as_compiled_except_weights");
    let unseen = outcome["unseen_weight_columns"].as_u64().unwrap();
    assert!(unseen >= 2);
    let said = with(&[]).expect(0).stdout;
    let words = format!("AS COMPILED except the values of {unseen} hidden weight columns");
    assert!(said.contains(&words), "{said}");
    assert!(said.contains("on trust"), "{said}");

    let seed = private.join("hiding.seed");
    let outcome = with(&["--hiding-seed", seed.to_str().unwrap(), "--json"]);
    assert_eq!(outcome.expect(0).json()["verdict"], "as_compiled");

    assert_remedy(
        &setup.audit(&[]).expect(1),
        "pass the same file with --calibration FILE",
    );
    // Other samples do for the front end, and give other weights.
    let other = setup.folder.path().join("other.json");
    let mut samples: Value = serde_json::from_slice(&fs::read(&setup.samples).unwrap()).unwrap();
    for sample in samples["samples"].as_array_mut().unwrap() {
        for value in sample["input_data"][0].as_array_mut().unwrap() {
            *value = json!(value.as_f64().unwrap() * 3.0);
        }
    }
    fs::write(&other, samples.to_string()).unwrap();
    let run = setup.audit(&["--calibration", other.to_str().unwrap()]);
    assert_remedy(&run.expect(1), "the calibration samples are not those");
}

#[test]
fn audit_takes_the_options_that_the_bundle_states() {
    let options = [
        "--chunks",
        "2",
        "--optimize",
        "gas",
        "--hide-weights",
        "3",
        "--input-visibility",
        "public",
        "--output-visibility",
        "committed",
    ];
    let setup = Setup::new(false, &options);
    let said = setup.audit(&[]).expect(0).stdout;
    assert!(said.contains("AS COMPILED\n"), "{said}");
    assert_remedy(
        &setup.audit(&["--calibration", setup.samples()]).expect(1),
        "leave --calibration out",
    );
    let run = setup.audit(&["--optimize", "time"]).expect(1);
    assert_remedy(&run, "laid out differently");
    assert!(
        run.stdout.contains("chunks[0].shape.stacked"),
        "{}",
        run.stdout
    );
    let run = setup.audit(&["--chunks", "1"]).expect(1);
    assert_remedy(&run, "--chunks");
    let run = setup.audit(&["--hide-weights", "4"]).expect(1);
    assert!(run.stdout.contains("chunks[0].hide_rows"), "{}", run.stdout);
    let run = setup.audit(&["--input-visibility", "committed"]).expect(1);
    assert!(
        run.stdout.contains("inputs[0].visibility"),
        "{}",
        run.stdout
    );
}

#[test]
fn audit_of_the_structure_shows_it_and_what_it_cannot_see() {
    let setup = Setup::new(true, &["--chunks", "2"]);
    setup.publish();
    let outcome = setup.structure(&["--json"]).expect(0).json();
    assert_eq!(outcome["verdict"], "structure_audited");
    assert_eq!(outcome["against"], "structure");
    assert_eq!(outcome["on_trust"].as_array().unwrap().len(), 2);
    let layers = outcome["layers"].as_array().unwrap();
    assert!(
        layers
            .iter()
            .all(|l| l.as_str().unwrap().contains("dense of")),
        "{layers:?}"
    );
    let said = setup.structure(&[]).expect(0).stdout;
    for words in [
        "STRUCTURE AUDITED",
        "on trust",
        "zero points",
        "dense of",
        "(input)",
    ] {
        assert!(said.contains(words), "{words:?}: {said}");
    }

    // A lie about the structure, and one in the manifest.
    setup.edit("structure.json", |json| {
        json["model"]["tensors"][1]["c"] = json!(1)
    });
    assert_eq!(
        setup.structure(&["--json"]).expect(1).json()["verdict"],
        "not_as_compiled"
    );
    setup.edit("structure.json", |json| {
        json["model"]["tensors"][1]["x"] = json!(1)
    });
    setup
        .structure(&[])
        .expect(2)
        .says(&["structure", "tensors[1]"]);
    fs::remove_file(setup.bundle.join("public/structure.json")).unwrap();
    setup.structure(&[]).expect(2).says(&[
        "structure.json is missing",
        "audit the bundle against the model file",
    ]);
    setup.audit(&["--calibration", setup.samples()]).expect(0);
}

#[test]
fn audit_with_another_model_is_refused() {
    let setup = Setup::new(false, &[]);
    let other = Setup {
        model: fixture("ops/gemm.onnx"),
        ..setup
    };
    other.audit(&["--chunks", "1"]).expect(1);
}

#[test]
fn audit_wants_a_model_or_the_structure_and_not_both() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, model) = (folder.path().join("bundle"), fixture("ops/mlp.onnx"));
    let wrong: [(&[&str], &str); 3] = [
        (&[], "Usage"),
        (&["--structure", "--chunks", "2"], "--structure"),
        (&["--structure", "MODEL"], "Usage"),
    ];
    for (further, says) in wrong {
        let mut args = args!["audit", bundle].to_vec();
        for arg in further {
            args.push(match *arg {
                "MODEL" => model.clone().into(),
                arg => arg.into(),
            });
        }
        chainfer(args).expect(2).says(&[says]);
    }
    let missing: &Path = &bundle;
    chainfer(args!["audit", missing, model])
        .expect(2)
        .says(&["bundle"]);
}

#[test]
fn audit_reads_the_model_as_the_bundle_states() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let model = fixture("ops/softmax.onnx");
    let said = chainfer(args![
        "compile",
        model,
        "-o",
        bundle,
        "--drop-final-softmax"
    ])
    .expect(0)
    .stdout;
    assert!(
        said.contains("scores before the model's final Softmax"),
        "{said}"
    );
    let read = |file: &str| -> Value {
        let path = bundle.join("public").join(file);
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    assert_eq!(read("manifest.json")["outputs"][0]["before"], "softmax");
    assert_eq!(
        read("structure.json")["reading"],
        json!({"drop_final_softmax": true})
    );

    let audit = |further: &[&str]| {
        let mut args = args!["audit", bundle, model].to_vec();
        args.extend(further.iter().map(OsString::from));
        chainfer(args)
    };
    let outcome = audit(&["--json"]).expect(0).json();
    assert_eq!(outcome["verdict"], "as_compiled");
    assert_eq!(outcome["read_with"], json!(["--drop-final-softmax"]));
    audit(&["--drop-final-softmax"]).expect(0);
    audit(&["--raw-scores"]).expect(0);
    audit(&["--dim", "rows=2"]).expect(2).says(&[
        "--dim rows=2 contradicts the bundle",
        "--drop-final-softmax",
    ]);

    // Whoever shows the outputs says what they are.
    let input = fixture("ops/softmax.json");
    let shown = chainfer(args!["run", bundle, "--input", input])
        .expect(0)
        .stdout;
    assert!(
        shown.contains("scores before the model's final Softmax"),
        "{shown}"
    );
    let json = chainfer(args!["run", bundle, "--input", input, "--json"])
        .expect(0)
        .json();
    assert_eq!(json["scores_before"], json!({"y_scores": "softmax"}));
    let page = chainfer(args!["inspect", bundle]).expect(0).stdout;
    assert!(
        page.contains("scores before the model's final Softmax"),
        "{page}"
    );

    // A manifest that does not say so is another model's.
    let path = bundle.join("public/manifest.json");
    let mut manifest = read("manifest.json");
    manifest["outputs"][0]
        .as_object_mut()
        .unwrap()
        .remove("before");
    fs::write(&path, manifest.to_string()).unwrap();
    chainfer(args!["inspect", bundle])
        .expect(2)
        .says(&["manifest_id"]);
}

#[test]
fn bundle_that_states_no_reading_takes_the_options() {
    let setup = Setup::new(false, &[]);
    assert!(
        !fs::read_to_string(setup.bundle.join("public/structure.json"))
            .unwrap()
            .contains("reading")
    );
    // The model has no Softmax: the option changes nothing of it.
    setup.audit(&["--drop-final-softmax"]).expect(0);
}
