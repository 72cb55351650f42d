//! A bundle against what compiling again gives: honest bundles pass, and everything else is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_circuits::{HideWeights, Objective};
use chainfer_engine::{
    EngineError, Result,
    audit::{Audit, ModelAgain, audit_model, audit_structure, stored_seed},
    bundle::{
        Bundle, CompileOptions, EmitVerifier, LAYOUT_FILE, MANIFEST_FILE, PublicBundle, Recipe,
        SOLIDITY_DIR, STRUCTURE_FILE, StructureFile, VerifierRequest, VerifierSource,
    },
    keys::{encode_vk, vk_digest},
    srs::{Srs, SrsStore},
};
use chainfer_formats::{Manifest, Visibility, digest::keccak256};
use chainfer_model::{
    frontend::LoadOptions, partitioned::PartitionedModel, quantise::CalibrationSource,
    quantized::QLayer,
};
use common::{compiled, key_set_of, model, places, two_chunks, word};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};

/// Stands in for the Solidity generator: the source depends on the shape, the key on the whole verifying key.
fn emit(request: VerifierRequest<'_>) -> Result<VerifierSource, String> {
    let shape = request.vk.cs().num_advice_columns();
    Ok(VerifierSource {
        contract: format!("Shape{shape}Instances{}", request.num_instances),
        source: format!("// {shape} columns, {} instances", request.num_instances),
        key_code_hash: keccak256(&[&encode_vk(request.vk)]),
    })
}

const EMIT: &EmitVerifier<'static> = &emit;

fn options(objective: Objective, hide: u32) -> CompileOptions<'static> {
    CompileOptions {
        objective,
        hide_weights: HideWeights::Rows(hide),
        hiding_seed: Some([5; 32]),
        emit_verifier: Some(EMIT),
        ..Default::default()
    }
}

fn recipe(options: &CompileOptions<'_>) -> Recipe {
    Recipe {
        objective: options.objective,
        k: options.k,
        hide_weights: options.hide_weights,
        calibration: options.calibration,
        split: options.split,
        shapes: options.shapes.clone(),
    }
}

struct Fixture {
    dir: tempfile::TempDir,
    model: PartitionedModel,
    options: CompileOptions<'static>,
    bundle: Bundle,
    store: SrsStore,
}

impl Fixture {
    fn new(model: PartitionedModel, options: CompileOptions<'static>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (bundle, store) = compiled(&model, &options, dir.path());
        Self {
            dir,
            model,
            options,
            bundle,
            store,
        }
    }

    fn public(&self) -> &Path {
        self.bundle.public().dir()
    }

    fn open(&self) -> PublicBundle {
        PublicBundle::open(self.public()).unwrap()
    }

    fn against_structure(&self) -> Result<Audit> {
        let stated = StructureFile::read(self.public())?;
        audit_structure(&self.open(), &stated, Some(EMIT), &self.store)
    }

    fn against(&self, model: &PartitionedModel, seed: Option<[u8; 32]>) -> Audit {
        let again = ModelAgain {
            model,
            recipe: recipe(&self.options),
            reading: LoadOptions::default(),
            clamps: None,
            seed,
        };
        audit_model(&self.open(), &again, Some(EMIT), &self.store).unwrap()
    }

    /// Replaces the manifest, under an id that fits.
    fn rewrite(&self, change: impl FnOnce(&mut Manifest)) {
        let mut manifest = self.bundle.public().manifest().clone();
        change(&mut manifest);
        manifest.key_set = key_set_of(&manifest.chunks, self.bundle.public());
        manifest.manifest_id = manifest.recompute_id();
        manifest.write(&self.public().join(MANIFEST_FILE)).unwrap();
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.public().join(file)).unwrap()).unwrap()
    }

    fn write(&self, file: &str, value: &Value) {
        fs::write(self.public().join(file), value.to_string()).unwrap();
    }
}

fn names(audit: &Audit) -> Vec<String> {
    audit.differences.iter().map(|d| d.what.clone()).collect()
}

fn assert_names(audit: &Audit, expected: &str) {
    let names = names(audit);
    assert!(names.iter().any(|n| n == expected), "{expected}: {names:?}");
}

#[test]
fn honest_bundles_pass_with_and_without_weights() {
    use Visibility::{Committed, Public};
    let models = [
        (two_chunks(), Objective::Time, 0),
        (two_chunks(), Objective::Gas, 3),
        (model(Public, Committed, 1), Objective::Time, 3),
        (model(Public, Public, 1), Objective::Gas, 0),
    ];
    for (model, objective, hide) in models {
        let fixture = Fixture::new(model, options(objective, hide));
        let chunks = fixture.model.chunks.len();

        let audit = fixture.against_structure().unwrap();
        assert!(audit.passed(), "{:?}", audit.differences);
        assert!(!audit.is_as_compiled());
        assert_eq!(audit.coverage.len(), chunks);
        let of_weights = audit.unseen_weight_columns();
        assert!(of_weights >= chunks);
        assert_eq!(audit.on_trust.len(), 2);
        for (coverage, vk) in audit.coverage.iter().zip(fixture.open().verifying_keys()) {
            let vk = vk.unwrap();
            let seen = coverage.fixed_columns + coverage.unseen_weight_columns;
            assert_eq!(seen, vk.fixed_commitments().len());
            let copied = vk.permutation().commitments().len();
            assert_eq!(coverage.copied_columns, copied);
        }

        let without = fixture.against(&fixture.model, None);
        assert!(without.passed(), "{:?}", without.differences);
        assert_eq!(without.is_as_compiled(), hide == 0);
        let unseen = if hide == 0 { 0 } else { of_weights };
        assert_eq!(without.unseen_weight_columns(), unseen);

        // The seed that was given, and the one that follows from it.
        let stored = stored_seed(&fixture.dir.path().join("bundle"))
            .unwrap()
            .unwrap();
        for seed in [[5; 32], stored] {
            let all = fixture.against(&fixture.model, Some(seed));
            assert!(all.is_as_compiled(), "{:?}", all.differences);
        }
        let other = fixture.against(&fixture.model, Some([6; 32]));
        assert_eq!(other.passed(), hide == 0);
        if hide > 0 {
            let columns = names(&other);
            let of_weights = |what: &&String| what.starts_with("fixed column weight");
            assert!(columns.iter().any(|what| of_weights(&what)), "{columns:?}");
        }
    }
}

#[test]
fn other_weights_and_biases_are_seen_with_the_model_alone() {
    for objective in [Objective::Time, Objective::Gas] {
        let fixture = Fixture::new(two_chunks(), options(objective, 0));
        let change = |layer: usize, bias: bool| {
            let mut other = fixture.model.clone();
            let QLayer::Linear(linear) = &mut other.graph.layers[layer] else {
                panic!("the layers are linear");
            };
            match (&mut linear.terms[0].map, bias) {
                (_, true) => linear.element_bias[1] += 1,
                (chainfer_model::quantized::TermMap::Dense { weights }, false) => weights[2] += 1,
                _ => panic!("the layers are dense"),
            }
            other
        };
        for (layer, bias) in [(0, false), (0, true), (1, false), (1, true)] {
            let audit = fixture.against(&change(layer, bias), None);
            let of_keys: Vec<_> = audit
                .differences
                .iter()
                .filter(|d| d.chunk.is_some())
                .collect();
            assert_eq!(of_keys.len(), 1, "{of_keys:?}");
            assert_eq!(of_keys[0].chunk, Some(layer));
            let column = match (objective, bias) {
                (Objective::Time, true) => "fixed column linear: bias",
                _ => "fixed column weight",
            };
            assert!(of_keys[0].what.starts_with(column), "{of_keys:?}");
            for field in ["vk_digest", "key_code_hash"] {
                assert_names(&audit, &format!("chunks[{layer}].{field}"));
            }
            assert_names(&audit, "manifest_id");
        }
        assert!(fixture.against_structure().unwrap().passed());
    }
}

/// Output length, leaf, public values, key digest and id rewritten together: such a bundle opens.
#[test]
fn consistent_rewrite_of_an_output_is_refused_by_field() {
    let fixture = Fixture::new(two_chunks(), options(Objective::Time, 3));
    let key = fixture.bundle.public().verifying_key(1).unwrap();
    fixture.rewrite(|m| {
        m.outputs[0].length = 16;
        m.outputs[0].shape = vec![1, 16];
        m.outputs[0].element_order = None;
        m.leaves[2].length = 16;
        m.chunks[1].num_public = 2;
        m.chunks[1].vk_digest = vk_digest(&key, 2);
    });
    let stored = stored_seed(&fixture.dir.path().join("bundle")).unwrap();
    let full = fixture.against(&fixture.model, stored);
    let structure = fixture.against_structure().unwrap();
    for audit in [&full, &structure] {
        let expected = [
            "chunks[1].num_public",
            "chunks[1].vk_digest",
            "key_set",
            "leaves[2].length",
            "outputs[0].length",
            "manifest_id",
        ];
        for what in expected {
            assert_names(audit, what);
        }
    }
    assert_names(&full, "outputs[0].shape");
}

#[test]
fn fields_that_nothing_else_binds_are_compared() {
    type Change = fn(&mut Manifest);
    // The name, whether the structure shows it, and a change under which the bundle opens.
    let changes: [(&str, bool, Change); 10] = [
        ("chunks[0].hide_rows", true, |m| m.chunks[0].hide_rows += 1),
        ("chunks[1].key_code_hash", true, |m| {
            m.chunks[1].key_code_hash = Some(word(9));
        }),
        ("chunks[0].source_digest", true, |m| {
            m.chunks[0].source_digest = Some(word(9));
        }),
        ("leaves[1].length", true, |m| m.leaves[1].length += 1),
        ("leaves[1].name", false, |m| m.leaves[1].name.push('x')),
        ("inputs[0].scale", false, |m| m.inputs[0].scale *= 2.0),
        ("inputs[0].zero_point", false, |m| {
            m.inputs[0].zero_point += 1
        }),
        ("outputs[0].scale", false, |m| m.outputs[0].scale *= 2.0),
        ("outputs[0].shape", false, |m| m.outputs[0].shape = vec![3]),
        ("outputs[0].element_order", false, |m| {
            m.outputs[0].element_order = None;
        }),
    ];
    let fixture = Fixture::new(two_chunks(), options(Objective::Time, 3));
    for (what, shown, change) in changes {
        fixture.rewrite(change);
        let full = fixture.against(&fixture.model, None);
        let of_manifest = |audit: &Audit| {
            let mut names = names(audit);
            names.retain(|what| !what.ends_with(".sol") && what != "manifest_id");
            names
        };
        assert_eq!(of_manifest(&full), [what]);
        assert_names(&full, "manifest_id");
        let structure = fixture.against_structure().unwrap();
        if shown {
            assert_eq!(of_manifest(&structure), [what]);
        } else {
            assert!(structure.passed(), "{what}");
        }
    }
}

#[test]
fn another_setup_or_number_of_chunks_is_refused() {
    let fixture = Fixture::new(two_chunks(), options(Objective::Time, 0));
    let audit = fixture.against(&model(Visibility::Committed, Visibility::Public, 1), None);
    assert!(names(&audit).iter().any(|what| what == "chunks"));

    // The bundle's own setup is the one that is taken from the store; without it there is nothing to compare with.
    let other = Srs::development(4).unwrap();
    let tau = Srs::from_params(halo2_proofs::poly::kzg::commitment::ParamsKZG::setup(
        4,
        rand::rngs::OsRng,
    ))
    .unwrap();
    assert_ne!(other.digest(), tau.digest());
    fixture.rewrite(|m| m.srs = tau.spec().clone());
    assert!(matches!(
        fixture.against_structure(),
        Err(EngineError::SrsMissing { .. })
    ));
}

#[test]
fn generated_files_are_compared() {
    let fixture = Fixture::new(two_chunks(), options(Objective::Time, 3));
    let source = fixture.bundle.public().manifest().chunks[0]
        .source
        .clone()
        .unwrap();
    assert!(source.starts_with(SOLIDITY_DIR));
    let path = fixture.public().join(&source);
    let good = fs::read(&path).unwrap();
    for content in [Some(&b"contract Free {}"[..]), None] {
        match content {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        assert_names(&fixture.against_structure().unwrap(), &source);
        assert_names(&fixture.against(&fixture.model, None), &source);
    }
    // A source that its digest in the manifest fits.
    let lie = b"contract Free {}";
    fs::write(&path, lie).unwrap();
    fixture.rewrite(|m| {
        for chunk in &mut m.chunks {
            if chunk.source.as_ref() == Some(&source) {
                chunk.source_digest = Some(keccak256(&[lie]));
            }
        }
    });
    let audit = fixture.against_structure().unwrap();
    assert_names(&audit, &source);
    assert_names(&audit, "chunks[0].source_digest");
    fs::write(&path, good).unwrap();
    fixture.rewrite(|_| {});

    let good = fixture.json(LAYOUT_FILE);
    let mut lie = good.clone();
    lie["chunks"][1]["soundness_error_log2"] = json!(-300.0);
    fixture.write(LAYOUT_FILE, &lie);
    let what = "layout.json: chunks[1].soundness_error_log2";
    assert_eq!(names(&fixture.against_structure().unwrap()), [what]);
    fs::write(fixture.public().join(LAYOUT_FILE), "{").unwrap();
    assert_eq!(names(&fixture.against_structure().unwrap()), [LAYOUT_FILE]);
    fixture.write(LAYOUT_FILE, &good);
    assert!(fixture.against_structure().unwrap().passed());
}

#[test]
fn bundle_without_a_structure_says_what_to_do() {
    let fixture = Fixture::new(two_chunks(), options(Objective::Time, 0));
    let path = fixture.public().join(STRUCTURE_FILE);
    fs::remove_file(&path).unwrap();
    let error = fixture.against_structure().unwrap_err();
    assert!(matches!(&error, EngineError::NoStructure { path: p } if *p == path));
    assert!(
        error
            .to_string()
            .contains("audit the bundle against the model file")
    );
    // A model does without.
    assert!(fixture.against(&fixture.model, None).is_as_compiled());
    fs::create_dir(&path).unwrap();
    let error = fixture.against_structure().unwrap_err();
    assert!(!matches!(error, EngineError::NoStructure { .. }));
    assert!(error.to_string().contains(STRUCTURE_FILE), "{error}");
    assert_names(&fixture.against(&fixture.model, None), STRUCTURE_FILE);
}

#[test]
fn structure_of_a_bundle_depends_on_no_weight_scale_or_name() {
    let base = two_chunks();
    let mut other = base.clone();
    for tensor in &mut other.graph.tensors {
        tensor.name.push_str("-other");
        tensor.quant.scale *= 3.0;
        tensor.quant.zero_point += 1;
        tensor.external_shape = vec![tensor.dims.len()];
        tensor.element_order = None;
    }
    for layer in &mut other.graph.layers {
        let QLayer::Linear(linear) = layer else {
            continue;
        };
        linear.name.push_str("-other");
        linear.element_bias.iter_mut().for_each(|bias| *bias = 7);
        for term in &mut linear.terms {
            if let chainfer_model::quantized::TermMap::Dense { weights } = &mut term.map {
                weights.iter_mut().for_each(|weight| *weight = 0);
            }
        }
    }
    let text = |model: PartitionedModel| {
        let fixture = Fixture::new(model, options(Objective::Time, 3));
        fs::read(fixture.public().join(STRUCTURE_FILE)).unwrap()
    };
    assert_eq!(text(base), text(other));
}

#[test]
fn model_audit_compares_the_stated_structure_and_options() {
    let fixture = Fixture::new(
        two_chunks(),
        CompileOptions {
            calibration: Some(CalibrationSource::Given),
            ..options(Objective::Time, 0)
        },
    );
    let good = fixture.json(STRUCTURE_FILE);
    assert_eq!(good["options"]["calibration"], "given");
    let mut lie = good.clone();
    lie["options"]["calibration"] = json!("synthetic");
    lie["model"]["tensors"][1]["c"] = json!(19);
    fixture.write(STRUCTURE_FILE, &lie);
    assert_eq!(
        names(&fixture.against(&fixture.model, None)),
        [
            "structure.json: model.tensors[1].c",
            "structure.json: options.calibration",
        ]
    );
    assert!(!fixture.against_structure().unwrap().passed());
}

#[test]
fn tables_elements_and_operands_of_the_structure_are_compared() {
    for objective in [Objective::Time, Objective::Gas] {
        let fixture = Fixture::new(common::of_activations(), options(objective, 3));
        let audit = fixture.against_structure().unwrap();
        assert!(audit.passed(), "{:?}", audit.differences);
        let good = fixture.json(STRUCTURE_FILE);
        let layer = |at: usize, kind: &str, rest: &str| format!("/model/layers/{at}/{kind}/{rest}");
        let changes = [
            ("/model/tables/0/9".to_owned(), json!(3)),
            ("/model/tables/0/63".to_owned(), json!(0)),
            (layer(0, "gather", "elements/2"), json!(3)),
            (layer(0, "gather", "sources"), json!([1, 0])),
            (layer(1, "function", "input"), json!(0)),
            (layer(1, "function", "table"), json!(1)),
            (layer(2, "product", "left/tensor"), json!(2)),
            (layer(2, "product", "left/elements"), json!([0, 1, 3, 2])),
            (layer(2, "product", "right/elements/3"), json!(2)),
            (layer(3, "mat_mul", "left/elements/0"), json!(1)),
            (layer(3, "mat_mul", "left/elements"), json!([0, 1])),
            (layer(3, "mat_mul", "right"), json!(3)),
            (layer(3, "mat_mul", "matrices"), json!(1)),
            (layer(3, "mat_mul", "inner"), json!(4)),
            (layer(3, "mat_mul", "inner"), json!(u64::MAX)),
        ];
        for (place, other) in changes {
            let mut changed = good.clone();
            match changed.pointer_mut(&place) {
                Some(at) => *at = other,
                None => {
                    let (parent, field) = place.rsplit_once('/').unwrap();
                    changed.pointer_mut(parent).unwrap()[field] = other;
                }
            }
            fixture.write(STRUCTURE_FILE, &changed);
            let passes = fixture.against_structure().is_ok_and(|a| a.passed());
            assert!(!passes, "{place}");
        }
    }
}

/// A table that no function names is in no key.
#[test]
fn table_of_no_function_is_refused() {
    let fixture = Fixture::new(common::of_activations(), options(Objective::Time, 0));
    let mut lie = fixture.json(STRUCTURE_FILE);
    let tables = lie["model"]["tables"].as_array_mut().unwrap();
    tables.push(json!(vec![1; 64]));
    fixture.write(STRUCTURE_FILE, &lie);
    let error = fixture.against_structure().unwrap_err();
    assert!(error.to_string().contains("table"), "{error}");
}

/// A gather repeats integers: they stand for the same numbers in its sources and in its output.
#[test]
fn quantisation_of_what_a_gather_connects_is_compared() {
    let fixture = Fixture::new(common::of_activations(), options(Objective::Time, 0));
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 4] = [
        ("quantisation of w", |m| m.inputs[1].scale *= 2.0),
        ("quantisation of w", |m| m.inputs[1].zero_point += 1),
        ("quantisation of g", |m| m.outputs[0].scale *= 2.0),
        ("quantisation of g", |m| m.outputs[0].zero_point += 1),
    ];
    for (what, change) in changes {
        fixture.rewrite(change);
        assert_names(&fixture.against_structure().unwrap(), what);
    }
    // What a product connects may differ.
    fixture.rewrite(|m| m.outputs[1].scale *= 2.0);
    assert!(fixture.against_structure().unwrap().passed());
}

/// Other values for a place.
fn others(value: &Value) -> Vec<Value> {
    let mut others = match value {
        Value::Null => vec![json!(7), json!(20)],
        Value::Number(number) => {
            let n = number.as_u64().unwrap();
            let mut near = vec![json!(n + 1), json!(2 * n), json!(0), json!(u64::MAX)];
            near.extend([1 << 20, 1 << 28, 1 << 40].map(|large: u64| json!(large)));
            near.extend(n.checked_sub(1).map(|less| json!(less)));
            near
        }
        Value::String(_) => {
            let words = [
                "auto",
                "time",
                "gas",
                "memory",
                "public",
                "committed",
                "given",
            ];
            let mut others: Vec<Value> = words.into_iter().map(|word| json!(word)).collect();
            others.push(json!({ "rows": 5 }));
            others.push(json!({ "conv": {
                "pre_pool": [1, 1], "kernel": [1, 1], "stride": [1, 1], "pad": [0, 0], "groups": 1,
            } }));
            others
        }
        Value::Array(list) => {
            let mut others = vec![json!([])];
            for i in 0..list.len() {
                let mut fewer = list.clone();
                fewer.remove(i);
                others.push(json!(fewer));
                let mut more = list.clone();
                more.insert(i, list[i].clone());
                others.push(json!(more));
                let mut swapped = list.clone();
                swapped.swap(0, i);
                others.push(json!(swapped));
            }
            others
        }
        Value::Object(map) => {
            let mut more = map.clone();
            more.insert("further".to_owned(), json!(1));
            let without = |key: &String| {
                let mut fewer = map.clone();
                fewer.remove(key);
                json!(fewer)
            };
            map.keys().map(without).chain([json!(more)]).collect()
        }
        Value::Bool(_) => vec![],
    };
    others.retain(|other| other != value);
    others
}

#[test]
fn no_other_structure_passes_for_the_keys() {
    // With windows, groups and maxima: see `common`.
    let fixture = Fixture::new(common::with_windows(), options(Objective::Time, 0));
    let audit = fixture.against_structure().unwrap();
    assert!(audit.passed(), "{:?}", audit.differences);
    let good = fixture.json(STRUCTURE_FILE);
    let mut all = Vec::new();
    places(&good, "", &mut all);
    let (mut tried, mut passed) = (0, BTreeSet::new());
    for place in &all {
        for other in others(good.pointer(place).unwrap()) {
            let mut changed = good.clone();
            *changed.pointer_mut(place).unwrap() = other.clone();
            fixture.write(STRUCTURE_FILE, &changed);
            tried += 1;
            // Refused when it is read, or by difference; whatever it is, nothing panics.
            if fixture
                .against_structure()
                .is_ok_and(|audit| audit.passed())
            {
                passed.insert(format!("{place} = {other}"));
            }
        }
    }
    assert!(tried > 400, "{tried}");
    // Which says how, not what; and of a chunk that reads no window, how its one layer is cut.
    passed.retain(|place| !place.starts_with("/options/"));
    assert_eq!(passed, BTreeSet::new());
}

#[test]
fn structure_out_of_proportion_is_refused_before_it_is_planned() {
    let fixture = Fixture::new(common::with_windows(), options(Objective::Time, 0));
    let good = fixture.json(STRUCTURE_FILE);
    let conv = "/model/layers/0/linear/terms/0/map/conv";
    let huge = 1u64 << 40;
    let cases: [(String, Value, &str); 8] = [
        (
            "/model/tensors/0/h".into(),
            json!(huge),
            "values are allowed",
        ),
        ("/model/tensors/0/c".into(), json!(0), "values are allowed"),
        (format!("{conv}/groups"), json!(0), "do not make 0 groups"),
        (format!("{conv}/kernel/0"), json!(1 << 20), "room for"),
        (format!("{conv}/pad/0"), json!(1 << 20), "out of proportion"),
        (
            format!("{conv}/stride/1"),
            json!(1 << 20),
            "out of proportion",
        ),
        (
            "/model/layers/1/max_pool/output".into(),
            json!(99),
            "tensor 99",
        ),
        ("/model/inputs".into(), json!([]), "before it is written"),
    ];
    for (place, value, says) in cases {
        let mut changed = good.clone();
        *changed.pointer_mut(&place).unwrap() = value;
        fixture.write(STRUCTURE_FILE, &changed);
        let error = fixture.against_structure().unwrap_err().to_string();
        assert!(error.starts_with(STRUCTURE_FILE), "{place}: {error}");
        assert!(error.contains(says), "{place}: {error}");
    }
    // A chunk that is larger than its key has room for.
    let mut large = good.clone();
    large["model"]["tensors"][0]["h"] = json!(4000);
    fixture.write(STRUCTURE_FILE, &large);
    let audit = fixture.against_structure().unwrap();
    assert_eq!(names(&audit), ["structure.json: chunk"]);
    assert!(audit.differences[0].found.contains("has room for"));
    let mut long = good.to_string();
    long.push_str(&" ".repeat(1 << 26));
    fs::write(fixture.public().join(STRUCTURE_FILE), long).unwrap();
    let error = fixture.against_structure().unwrap_err().to_string();
    assert!(error.contains("at most 67108864 bytes"), "{error}");
}
