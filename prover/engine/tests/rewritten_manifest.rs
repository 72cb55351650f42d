//! Honest keys under a rewritten manifest. Whoever writes a manifest can hash it, so an id that fits proves nothing:
//! everything that follows from something else must be compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_circuits::{
    ChunkCircuit, ChunkPlan, ChunkWitness, CircuitShape, HideWeights, InferenceCommitment,
    PlanOptions, chunk_instances,
};
use chainfer_engine::{
    EngineError,
    bundle::{Bundle, CompileOptions, PublicBundle, VerifierRequest, VerifierSource},
    field::{to_fr, to_scalar},
    inference::{ContextSource, ProveOptions, prove_inference, verify_inference},
    key_set,
    keys::{read_pk, vk_digest},
    prove,
    srs::SrsStore,
};
use chainfer_formats::{
    ChunkProof, FormatError, Manifest, OutputValues, ProofFile, Scalar, Visibility,
    manifest::{MANIFEST, MANIFEST_FILE},
    packing,
    proof::Statement,
};
use chainfer_model::{executor::execute, partitioned::PartitionedModel};
use common::{compiled, inputs, key_set_of, model, places, two_chunks, word};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

fn unhidden() -> CompileOptions<'static> {
    CompileOptions {
        hide_weights: HideWeights::Rows(0),
        ..Default::default()
    }
}

/// Replaces the bundle's manifest, under an id that fits, and opens what results.
fn rewrite(bundle: &Bundle, change: impl FnOnce(&mut Manifest)) -> (Manifest, OpenResult) {
    let public = bundle.public();
    let mut manifest = public.manifest().clone();
    change(&mut manifest);
    manifest.key_set = key_set_of(&manifest.chunks, public);
    manifest.manifest_id = manifest.recompute_id();
    manifest.write(&public.dir().join(MANIFEST_FILE)).unwrap();
    (manifest, PublicBundle::open(public.dir()))
}

type OpenResult = Result<PublicBundle, EngineError>;

/// The digest of the keys follows from them, whatever the id says.
#[test]
fn digest_of_other_keys_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, _) = compiled(&two_chunks(), &unhidden(), dir.path());
    let public = bundle.public();
    let keys = [0, 1].map(|chunk| public.verifying_key(chunk).unwrap());
    let chunks = &public.manifest().chunks;
    let lies = [
        Scalar::ZERO,
        Scalar::from_u64(1),
        key_set_of(&chunks[..1], public),
        key_set::set_digest(&[0, 0].map(|i| {
            key_set::vk_key_digest(&chunks[i].shape, chunks[i].num_public, &keys[i]).unwrap()
        })),
    ];
    for lie in lies {
        let mut manifest = public.manifest().clone();
        manifest.key_set = lie;
        manifest.manifest_id = manifest.recompute_id();
        assert_ne!(manifest.manifest_id, public.manifest().manifest_id);
        manifest.write(&public.dir().join(MANIFEST_FILE)).unwrap();
        assert_eq!(refused_field(PublicBundle::open(public.dir())), "key_set");
    }
}

fn refused_field(opened: OpenResult) -> String {
    match opened {
        Err(EngineError::Format(FormatError::Inconsistent { field, .. })) => field,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the rewritten manifest is accepted"),
    }
}

/// A valid proof of a chunk with instances behind those that its circuit constrains.
fn prove_with_free_words(
    (model, chunk): (&PartitionedModel, usize),
    witness: &ChunkWitness,
    (dir, store): (&Path, &SrsStore),
    free: &[Scalar],
) -> ChunkProof {
    let options = PlanOptions {
        hide_weights: HideWeights::Rows(0),
        ..Default::default()
    };
    let plan = ChunkPlan::new(model, chunk, &options).unwrap();
    let shape: CircuitShape = plan.shape().clone();
    let srs = store.development(shape.k).unwrap();
    let path = dir.join(format!("bundle/private/chunk{chunk}.pk"));
    let pk = read_pk::<ChunkCircuit>(&path, shape.k, shape).unwrap();
    let circuit = ChunkCircuit::for_proof(Arc::new(plan), witness).unwrap();
    let context = to_fr(Scalar::from_u64(99));
    let mut instances =
        chunk_instances(model, chunk, &witness.values, &witness.commitment, context);
    instances.extend(free.iter().map(|scalar| to_fr(*scalar)));
    let proof = prove::create(&srs, &pk, circuit, &instances).unwrap();
    ChunkProof {
        index: chunk,
        public_values: instances.iter().skip(2).map(to_scalar).collect(),
        proof: proof.into(),
    }
}

#[test]
fn free_public_word_as_the_output_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let model = two_chunks();
    let (bundle, store) = compiled(&model, &unhidden(), dir.path());
    let lie = packing::pack(&[1, 2, 3]);
    let (manifest, opened) = rewrite(&bundle, |m| {
        m.chunks[1].num_public += 1;
        m.chunks[1].vk_digest = vk_digest(&bundle.public().verifying_key(1).unwrap(), 2);
        m.outputs[0].offset = 1;
    });

    // The forgery is complete: under this manifest the proof verifies with an output that no network computed.
    let trace = execute(&model.graph, &inputs()).unwrap();
    let commitment = InferenceCommitment::new(&model, &trace.tensors, &[7; 32]);
    let root = to_scalar(&commitment.root());
    let witness = ChunkWitness {
        values: Arc::new(trace.tensors),
        commitment: Arc::new(commitment),
    };
    let chunks = (0..2)
        .map(|chunk| {
            let free: &[Scalar] = if chunk == 1 { &lie } else { &[] };
            prove_with_free_words((&model, chunk), &witness, (dir.path(), &store), free)
        })
        .collect();
    let spec = &manifest.outputs[0];
    let raw = spec.to_external(&[1, 2, 3]);
    let outputs = vec![OutputValues {
        name: spec.name.clone(),
        shape: spec.shape.clone(),
        visibility: spec.visibility,
        values: Some(spec.dequantise(&raw)),
        raw: Some(raw),
    }];
    let statement = Statement {
        manifest_id: manifest.manifest_id,
        model_id: None,
        root,
        context: Scalar::from_u64(99),
        binding: None,
    };
    let forged = ProofFile::new(statement, chunks, outputs).unwrap();
    if let Ok(public) = &opened {
        panic!("accepted: {:?}", verify_inference(public, &forged));
    }
    assert_eq!(refused_field(opened), "chunks[1].num_public");
}

#[test]
fn output_at_the_public_inputs_words_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(Visibility::Public, Visibility::Public, 1);
    let (bundle, store) = compiled(&model, &unhidden(), dir.path());
    let context = ContextSource::Explicit(word(99));
    let proved = prove_inference(
        &bundle,
        &store,
        &inputs(),
        context,
        &ProveOptions::default(),
    )
    .unwrap();
    let (manifest, opened) = rewrite(&bundle, |m| {
        m.outputs[0].offset = 0;
        m.outputs[0].length = 5;
        m.outputs[0].shape = vec![1, 5];
        m.outputs[0].element_order = None;
    });
    let mut forged = proved.proof;
    forged.manifest_id = manifest.manifest_id;
    forged.outputs[0].shape = vec![1, 5];
    forged.outputs[0].raw = Some(inputs().remove(0));
    forged.outputs[0].values = Some(manifest.outputs[0].dequantise(&inputs()[0]));
    if let Ok(public) = &opened {
        panic!("accepted: {:?}", verify_inference(public, &forged));
    }
    assert_eq!(refused_field(opened), "outputs[0].offset");
}

#[test]
fn key_of_another_number_of_instances_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, _) = compiled(&two_chunks(), &unhidden(), dir.path());
    let key = bundle.public().verifying_key(0).unwrap();
    let digest = bundle.public().manifest().chunks[0].vk_digest;
    assert_eq!(digest, vk_digest(&key, 1));
    assert_ne!(digest, vk_digest(&key, 2));
    // Without a digest that fits, the number of public values is refused for the key as well as for the leaves.
    let (_, opened) = rewrite(&bundle, |m| m.chunks[0].vk_digest = vk_digest(&key, 2));
    assert!(matches!(opened, Err(EngineError::DigestMismatch { .. })));
}

/// Other values of the same type.
fn mutations(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![json!(1)],
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Number(number) => match number.as_u64() {
            Some(n) => {
                let others = [
                    n + 1,
                    n.wrapping_sub(1),
                    2 * n,
                    0,
                    1,
                    u64::from(u32::MAX),
                    u64::MAX,
                ];
                others
                    .iter()
                    .filter(|o| **o != n)
                    .map(|o| json!(o))
                    .collect()
            }
            None => {
                let x = number.as_f64().unwrap();
                vec![json!(2.0 * x), json!(-x), json!(0.0)]
            }
        },
        Value::String(text) => {
            let mut others = vec![json!(format!("{text}x")), json!("")];
            for word in ["public", "committed", "input", "cut", "output"] {
                others.push(json!(word));
            }
            if let Some(digits) = text.strip_prefix("0x") {
                let flipped = if digits.ends_with('0') { "1" } else { "0" };
                others.push(json!(format!("{}{flipped}", &text[..text.len() - 1])));
            }
            others.retain(|other| other != value);
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
            if list.iter().all(Value::is_u64) {
                for extra in 0..3 {
                    let mut more = list.clone();
                    more.push(json!(extra));
                    others.push(json!(more));
                }
            }
            others.retain(|other| other != value);
            others
        }
        Value::Object(map) => map
            .keys()
            .map(|key| {
                let mut fewer = map.clone();
                fewer.remove(key);
                Value::Object(fewer)
            })
            .collect(),
    }
}

/// The fields that a forger may set at will, without any other change. All are bound by the manifest id.
fn free(two_chunks: bool) -> BTreeSet<String> {
    let mut free = vec![
        // How the model's author maps integers to real numbers, and the user's view of a flat list.
        "/inputs/0/scale",
        "/inputs/0/zero_point",
        "/inputs/0/shape",
        "/outputs/0/scale",
        "/outputs/0/zero_point",
        "/outputs/0/shape",
        // Another permutation, or none.
        "/outputs/0/element_order",
        "/outputs/0",
        // What the prover promises of its own secrets.
        "/chunks/0/hide_rows",
        // The key contract's code, which is generated again from the verifying key wherever it is used.
        "/chunks/0/key_code_hash",
    ];
    if two_chunks {
        free.extend([
            "/chunks/1/hide_rows",
            "/chunks/1/key_code_hash",
            // A cut tensor is not shown to anybody: its name is for openings, and an opening of another length does not
            // hash to the leaf.
            "/leaves/1/name",
            "/leaves/1/length",
        ]);
    } else {
        // Compared wherever the source is read, and here with the other chunk's where there are two of one name.
        free.push("/chunks/0/source_digest");
    }
    free.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_field_of_the_manifest_is_bound_or_known_to_be_free() {
    for two in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let emit = |request: VerifierRequest<'_>| {
            Ok(VerifierSource {
                contract: "Shared".to_owned(),
                source: "contract Shared {}".to_owned(),
                key_code_hash: word(16 + request.chunk as u64),
            })
        };
        let options = CompileOptions {
            emit_verifier: Some(&emit),
            hide_weights: HideWeights::Rows(3),
            ..Default::default()
        };
        let model = if two {
            two_chunks()
        } else {
            model(Visibility::Public, Visibility::Public, 1)
        };
        let (bundle, _) = compiled(&model, &options, dir.path());
        let public = bundle.public().dir();
        let path = public.join(MANIFEST_FILE);
        let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut all = Vec::new();
        places(&good, "", &mut all);
        let (mut tried, mut accepted) = (0, BTreeSet::new());
        for place in all.iter().filter(|p| *p != "/manifest_id") {
            for other in mutations(good.pointer(place).unwrap()) {
                let mut changed = good.clone();
                *changed.pointer_mut(place).unwrap() = other;
                tried += 1;
                let Ok(mut manifest) = MANIFEST.parse::<Manifest>(changed.to_string().as_bytes())
                else {
                    continue;
                };
                if manifest == *bundle.public().manifest() {
                    // A missing field that has a default, or an order of fields.
                    continue;
                }
                manifest.manifest_id = manifest.recompute_id();
                if manifest.validate().is_err() {
                    continue;
                }
                manifest.write(&path).unwrap();
                if PublicBundle::open(public).is_ok() {
                    accepted.insert(place.clone());
                }
            }
        }
        assert!(tried > 300, "{tried}");
        // Elements of free lists are free.
        accepted.retain(|place| {
            let inside = ["/shape/", "/element_order/"];
            !inside
                .iter()
                .any(|list| place.contains(list) && !place.contains("/chunks/"))
        });
        assert_eq!(accepted, free(two));
    }
}
