//! Compile, prove and verify a tiny network; every way to spoil the proof is refused for its own reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_circuits::HideWeights;
use chainfer_compute::{backend::Cpu, lanes::Arithmetic};
use chainfer_engine::{
    EngineError, VerifyError,
    bundle::{Bundle, CompileOptions, PublicBundle},
    inference::{
        ContextSource, InferenceProof, Opening, ProveOptions, open, prove_inference,
        verify_inference,
    },
    prove::Prover,
    srs::SrsStore,
};
use chainfer_formats::{B256, Bytes, FormatError, ProofFile, Scalar, SecretFile, U256};
use chainfer_model::{executor::execute, partitioned::Visibility};
use common::{compiled, context, inputs, model, two_chunks, word};
use std::sync::OnceLock;

struct Fixture {
    _dir: tempfile::TempDir,
    bundle: Bundle,
    store: SrsStore,
    proved: InferenceProof,
}

fn prove(bundle: &Bundle, store: &SrsStore) -> Result<InferenceProof, EngineError> {
    prove_inference(
        bundle,
        store,
        &inputs(),
        context(bundle),
        &ProveOptions::default(),
    )
}

/// One compiled bundle and one proof for all tests that only read them.
fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let (bundle, store) = compiled(&two_chunks(), &CompileOptions::default(), dir.path());
        let proved = prove(&bundle, &store).unwrap();
        Fixture {
            _dir: dir,
            bundle,
            store,
            proved,
        }
    })
}

/// The element with its lowest bit flipped.
fn flipped(scalar: Scalar) -> Scalar {
    Scalar::new(scalar.value() ^ U256::from(1)).unwrap()
}

fn edit(bytes: &mut Bytes, change: impl FnOnce(&mut Vec<u8>)) {
    let mut copy = bytes.to_vec();
    change(&mut copy);
    *bytes = copy.into();
}

fn refused(change: impl FnOnce(&mut ProofFile)) -> VerifyError {
    let fixture = fixture();
    let mut proof = fixture.proved.proof.clone();
    change(&mut proof);
    verify_inference(fixture.bundle.public(), &proof).unwrap_err()
}

#[test]
fn every_prover_makes_proofs_that_verify() {
    let f = fixture();
    let processors = Arithmetic::available()
        .into_iter()
        .map(|arithmetic| Prover::Cpu(Cpu::with(arithmetic)));
    for prover in processors.chain([Prover::Stock]) {
        let options = ProveOptions {
            prover: prover.clone(),
            ..ProveOptions::default()
        };
        let proved =
            prove_inference(&f.bundle, &f.store, &inputs(), context(&f.bundle), &options).unwrap();
        verify_inference(f.bundle.public(), &proved.proof).unwrap();
        let steps = proved.metrics.chunks.iter().map(|chunk| chunk.steps.len());
        assert_eq!(steps.sum::<usize>() == 0, matches!(prover, Prover::Stock));
    }
}

#[test]
fn honest_proof_verifies_from_files_and_public_folder_alone() {
    let f = fixture();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("proof.json");
    f.proved.proof.write(&path).unwrap();
    let read = ProofFile::read(&path).unwrap();
    assert_eq!(read, f.proved.proof);

    let public = dir.path().join("published");
    std::fs::create_dir(&public).unwrap();
    for file in ["manifest.json", "chunk0.vk", "chunk1.vk"] {
        std::fs::copy(f.bundle.public().dir().join(file), public.join(file)).unwrap();
    }
    verify_inference(&PublicBundle::open(&public).unwrap(), &read).unwrap();
}

#[test]
fn outputs_are_the_executors_in_user_order() {
    let f = fixture();
    let trace = execute(&f.bundle.model().graph, &inputs()).unwrap();
    let mut expected = trace.tensors[2].clone();
    expected.reverse();
    let output = &f.proved.proof.outputs[0];
    assert_eq!(output.raw.as_ref(), Some(&expected));
    let real: Vec<f64> = expected
        .iter()
        .map(|u| 0.125 * (f64::from(*u) - 20.0))
        .collect();
    assert_eq!(output.values.as_ref(), Some(&real));
}

#[test]
fn metrics_cover_every_chunk() {
    let metrics = &fixture().proved.metrics;
    assert_eq!(metrics.chunks.len(), 2);
    assert_eq!(
        metrics.proof_bytes,
        metrics.chunks.iter().map(|c| c.proof_bytes).sum::<usize>()
    );
    let json = serde_json::to_value(metrics).unwrap();
    for field in ["wall_s", "cpu_s", "peak_rss_bytes", "proof_bytes"] {
        assert!(json[field].is_number(), "{field}");
        assert!(json["chunks"][1][field].is_number(), "{field}");
    }
}

#[test]
fn changed_root_is_refused_by_the_first_chunk() {
    let error = refused(|p| p.root = flipped(p.root));
    assert!(
        matches!(error, VerifyError::ProofInvalid { chunk: 0, .. }),
        "{error}"
    );
}

#[test]
fn model_id_without_a_binding_is_refused() {
    let error = refused(|p| p.binding = None);
    assert!(matches!(error, VerifyError::UnboundModelId), "{error}");
}

#[test]
fn root_of_another_inference_is_refused() {
    let f = fixture();
    let other = prove(&f.bundle, &f.store).unwrap();
    assert_ne!(other.proof.root, f.proved.proof.root, "salts are fresh");
    let error = refused(|p| p.root = other.proof.root);
    assert!(matches!(error, VerifyError::ProofInvalid { chunk: 0, .. }));
    // and a single chunk of the other inference does not fit either
    let error = refused(|p| p.chunks[1] = other.proof.chunks[1].clone());
    assert!(matches!(error, VerifyError::ProofInvalid { chunk: 1, .. }));
}

#[test]
fn changed_context_differs_from_its_binding() {
    let error = refused(|p| p.context = flipped(p.context));
    assert!(matches!(error, VerifyError::ContextMismatch { .. }));
}

#[test]
fn changed_binding_differs_from_the_context() {
    let error = refused(|p| p.binding.as_mut().unwrap().requester.0[0] ^= 1);
    assert!(matches!(error, VerifyError::ContextMismatch { .. }));
    let error = refused(|p| p.model_id = None);
    assert_eq!(error, VerifyError::MissingModelId);
}

#[test]
fn context_changed_without_a_binding_is_refused_by_the_proof() {
    let error = refused(|p| {
        p.binding = None;
        p.model_id = None;
        p.context = flipped(p.context);
    });
    assert!(matches!(error, VerifyError::ProofInvalid { chunk: 0, .. }));
}

#[test]
fn changed_public_value_is_refused_by_its_chunk() {
    let error = refused(|p| p.chunks[1].public_values[0] = flipped(p.chunks[1].public_values[0]));
    assert!(matches!(error, VerifyError::ProofInvalid { chunk: 1, .. }));
    let error = refused(|p| p.chunks[0].public_values[0] = flipped(p.chunks[0].public_values[0]));
    assert!(matches!(error, VerifyError::ProofInvalid { chunk: 0, .. }));
}

#[test]
fn changed_readable_output_is_refused() {
    let error = refused(|p| p.outputs[0].raw.as_mut().unwrap()[0] ^= 1);
    assert!(matches!(error, VerifyError::OutputMismatch { .. }));
    let error = refused(|p| p.outputs[0].values.as_mut().unwrap()[0] += 1e-9);
    assert!(matches!(error, VerifyError::OutputMismatch { .. }));
    let error = refused(|p| p.outputs.clear());
    assert!(matches!(error, VerifyError::OutputMismatch { .. }));
}

#[test]
fn flipped_proof_bytes_are_refused() {
    let length = fixture().proved.proof.chunks[1].proof.len();
    for at in [0, 63, length / 2, length - 1] {
        let error = refused(|p| edit(&mut p.chunks[1].proof, |b| b[at] ^= 1));
        assert!(
            matches!(error, VerifyError::ProofInvalid { chunk: 1, .. }),
            "byte {at}"
        );
    }
}

#[test]
fn truncated_and_extended_proofs_are_refused() {
    let length = fixture().proved.proof.chunks[0].proof.len();
    let error = refused(|p| edit(&mut p.chunks[0].proof, |b| b.truncate(length - 1)));
    assert_eq!(
        error,
        VerifyError::ProofLength {
            chunk: 0,
            expected: length,
            got: length - 1
        }
    );
    let error = refused(|p| edit(&mut p.chunks[0].proof, |b| b.push(0)));
    assert_eq!(
        error,
        VerifyError::ProofLength {
            chunk: 0,
            expected: length,
            got: length + 1
        }
    );
}

#[test]
fn proofs_of_swapped_chunks_are_refused() {
    let error = refused(|p| {
        let (a, b) = p.chunks.split_at_mut(1);
        std::mem::swap(&mut a[0].proof, &mut b[0].proof);
    });
    assert!(matches!(
        error,
        VerifyError::ProofInvalid { chunk: 0, .. } | VerifyError::ProofLength { chunk: 0, .. }
    ));
}

#[test]
fn omitted_duplicated_and_unknown_chunks_are_refused() {
    let error = refused(|p| {
        p.chunks.remove(0);
    });
    assert_eq!(error, VerifyError::MissingChunk { chunk: 0 });
    let error = refused(|p| p.chunks.push(p.chunks[1].clone()));
    assert_eq!(error, VerifyError::DuplicateChunk { chunk: 1 });
    let error = refused(|p| p.chunks[1].index = 2);
    assert_eq!(
        error,
        VerifyError::UnknownChunk {
            chunk: 2,
            chunks: 2
        }
    );
    // the order of entries is free
    let f = fixture();
    let mut proof = f.proved.proof.clone();
    proof.chunks.reverse();
    verify_inference(f.bundle.public(), &proof).unwrap();
}

#[test]
fn instances_plus_modulus_are_refused() {
    let plus_modulus = |word: &serde_json::Value| {
        let word: U256 = word.as_str().unwrap().parse().unwrap();
        B256::from(word + Scalar::MODULUS).to_string().into()
    };
    let good = serde_json::to_value(&fixture().proved.proof).unwrap();
    for (pointer, path) in [
        ("/root", "root"),
        ("/chunks/1/public_values/0", "chunks[1].public_values[0]"),
        ("/context", "context"),
    ] {
        let mut other = good.clone();
        if path == "context" {
            other["binding"] = serde_json::Value::Null;
            other["model_id"] = serde_json::Value::Null;
        }
        let value = other.pointer_mut(pointer).unwrap();
        *value = plus_modulus(value);
        let error = ProofFile::parse(other.to_string().as_bytes()).unwrap_err();
        assert!(
            matches!(&error, FormatError::NotCanonical { field, .. } if field == path),
            "{error}"
        );
    }
}

#[test]
fn missing_or_extra_public_values_are_refused() {
    let error = refused(|p| p.chunks[1].public_values.clear());
    assert_eq!(
        error,
        VerifyError::PublicValueCount {
            chunk: 1,
            expected: 1,
            got: 0
        }
    );
    // trailing zeros are what halo2 itself would not notice
    let error = refused(|p| p.chunks[1].public_values.push(Scalar::ZERO));
    assert_eq!(
        error,
        VerifyError::PublicValueCount {
            chunk: 1,
            expected: 1,
            got: 2
        }
    );
}

#[test]
fn proof_for_another_manifest_is_refused() {
    let error = refused(|p| p.manifest_id.0[0] ^= 1);
    assert!(matches!(error, VerifyError::ManifestMismatch { .. }));
}

#[test]
fn malformed_proof_files_are_refused() {
    let good = serde_json::to_value(&fixture().proved.proof).unwrap();
    let parse = |value: &serde_json::Value| ProofFile::parse(value.to_string().as_bytes());
    parse(&good).unwrap();
    assert!(matches!(
        ProofFile::parse(b"\xff{"),
        Err(FormatError::Malformed { .. })
    ));
    let mut other = good.clone();
    other["version"] = 2.into();
    assert!(matches!(parse(&other), Err(FormatError::Version { .. })));
    for (field, value) in [
        ("root", serde_json::json!("0x12")),
        ("surprise", serde_json::json!(1)),
        ("chunks", serde_json::json!([{}])),
        ("outputs", serde_json::Value::Null),
    ] {
        let mut other = good.clone();
        other[field] = value;
        assert!(
            matches!(parse(&other), Err(FormatError::Malformed { .. })),
            "{field}"
        );
    }
}

#[test]
fn secret_opens_every_tensor_and_its_changes_are_noticed() {
    let f = fixture();
    let dir = tempfile::tempdir().unwrap();
    let path = SecretFile::path_beside(&dir.path().join("p.json"));
    f.proved.secret.write(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let secret = SecretFile::read(&path).unwrap();
    for (name, tensor) in [("pixels", 0), ("hidden", 1), ("logits", 2)] {
        let opening = open(&secret, name).unwrap();
        let trace = execute(&f.bundle.model().graph, &inputs()).unwrap();
        assert_eq!(opening.packed, trace.tensors[tensor]);
        assert_eq!(opening.root, f.proved.proof.root);
        opening.verify(f.bundle.public().manifest()).unwrap();
    }
    assert_eq!(
        open(&secret, "logits").unwrap().raw,
        f.proved.proof.outputs[0].raw.clone().unwrap()
    );
    assert!(matches!(
        open(&secret, "nothing"),
        Err(EngineError::NoSuchTensor { .. })
    ));
    let mut bad = secret.clone();
    bad.tensors[0].values[0] ^= 1;
    assert!(matches!(
        open(&bad, "pixels"),
        Err(EngineError::Verify(VerifyError::BadOpening { .. }))
    ));
    let mut bad = secret.clone();
    bad.tensors[1].salt = Scalar::from_u64(1);
    assert!(matches!(
        open(&bad, "pixels"),
        Err(EngineError::Verify(VerifyError::BadOpening { .. }))
    ));
    assert!(!format!("{secret:?}{:?}", secret.tensors[0]).contains("salt"));
}

#[test]
fn opening_with_any_changed_field_is_refused() {
    let f = fixture();
    let manifest = f.bundle.public().manifest();
    let good = open(&f.proved.secret, "logits").unwrap();
    good.verify(manifest).unwrap();
    type Change = fn(&mut Opening);
    let changes: [(&str, Change); 17] = [
        ("name", |o| o.name = "hidden".to_owned()),
        ("position", |o| o.leaf_index = 1),
        ("upper bits of the position", |o| o.leaf_index += 4),
        ("top bit of the position", |o| o.leaf_index += 1 << 63),
        ("leaf", |o| o.leaf = flipped(o.leaf)),
        ("salt", |o| o.salt = Scalar::from_u64(1)),
        ("sibling", |o| o.path[1] = flipped(o.path[1])),
        ("shorter path", |o| o.path.truncate(1)),
        ("longer path", |o| o.path.push(Scalar::ZERO)),
        ("root", |o| o.root = flipped(o.root)),
        ("shape", |o| o.shape = vec![3, 1]),
        ("packed value", |o| o.packed[0] ^= 1),
        ("fewer packed values", |o| o.packed.truncate(2)),
        ("raw value", |o| o.raw[0] ^= 1),
        ("order of raw values", |o| o.raw.reverse()),
        ("real value", |o| o.values[0] += 1e-9),
        ("number of real values", |o| o.values.truncate(2)),
    ];
    for (what, change) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        assert_ne!(bad, good, "{what}");
        let refused = bad.verify(manifest).unwrap_err();
        assert!(matches!(refused, VerifyError::BadOpening { .. }), "{what}");
    }
    // Of a cut tensor, the manifest knows name and length.
    let good = open(&f.proved.secret, "hidden").unwrap();
    good.verify(manifest).unwrap();
    let changes: [Change; 5] = [
        |o| o.name = "logits".to_owned(),
        |o| o.shape = vec![17],
        |o| o.raw.swap(0, 1),
        |o| o.values.truncate(17),
        |o| o.leaf_index += 4,
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad);
        assert_ne!(bad, good, "change {i}");
        assert!(bad.verify(manifest).is_err(), "change {i}");
    }
}

#[test]
fn secret_with_another_shape_is_not_opened() {
    let mut secret = fixture().proved.secret.clone();
    secret.tensors[0].shape = vec![2, 3];
    assert!(matches!(
        open(&secret, "pixels"),
        Err(EngineError::Verify(VerifyError::BadOpening { .. }))
    ));
}

#[test]
fn other_visibilities_and_an_explicit_context_prove() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(Visibility::Public, Visibility::Committed, 1);
    let options = CompileOptions {
        hide_weights: HideWeights::Rows(0),
        ..Default::default()
    };
    let (bundle, store) = compiled(&model, &options, dir.path());
    let context = ContextSource::Explicit(word(99));
    let proved = prove_inference(
        &bundle,
        &store,
        &inputs(),
        context,
        &ProveOptions::default(),
    )
    .unwrap();
    verify_inference(bundle.public(), &proved.proof).unwrap();
    assert_eq!(proved.proof.outputs[0].raw, None);
    assert_eq!(bundle.proofs_left(0).unwrap(), None);
    // the packed input, then the output's leaf
    let public_values = &proved.proof.chunks[0].public_values;
    assert_eq!(
        public_values[0].to_word()[22..],
        [0, 40, 0, 17, 0, 0, 0, 63, 0, 3]
    );
    assert_eq!(
        public_values[1],
        open(&proved.secret, "logits").unwrap().leaf
    );
}

#[test]
fn wrong_inputs_are_refused_before_proving() {
    let f = fixture();
    let left = f.bundle.proofs_left(0).unwrap();
    for bad in [vec![], vec![vec![1, 2]], vec![vec![common::RANGE; 5]]] {
        let result = prove_inference(
            &f.bundle,
            &f.store,
            &bad,
            context(&f.bundle),
            &ProveOptions::default(),
        );
        assert!(matches!(result, Err(EngineError::Model(_))));
    }
    assert!(f.bundle.proofs_left(0).unwrap() <= left);
}

#[test]
fn openings_have_the_factors_of_inputs_and_cut_tensors() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = two_chunks();
    let factors = [vec![1.0, 0.5, 0.25, 1.0, 2.0], vec![0.5; 18]];
    for (tensor, factors) in model.graph.tensors.iter_mut().zip(&factors) {
        tensor.factors = Some(factors.clone());
    }
    let (bundle, store) = compiled(&model, &CompileOptions::default(), dir.path());
    // As it is read from model.bin.
    assert_eq!(bundle.model().graph, model.graph);
    let proved = prove(&bundle, &store).unwrap();
    let manifest = bundle.public().manifest();
    for (name, factors) in ["pixels", "hidden"].into_iter().zip(&factors) {
        let mut opening = open(&proved.secret, name).unwrap();
        let real = |(u, f): (&u32, &f64)| f * 0.125 * (f64::from(*u) - 20.0);
        let expected: Vec<f64> = opening.packed.iter().zip(factors).map(real).collect();
        assert_eq!(opening.values, expected, "{name}");
        opening.verify(manifest).unwrap();
        // The manifest states what an input's integers stand for.
        opening.values[1] *= 2.0;
        assert_eq!(opening.verify(manifest).is_err(), name == "pixels");
    }
    let mut secret = proved.secret.clone();
    secret.tensors[0].factors = Some(vec![1.0; 3]);
    assert!(open(&secret, "pixels").is_err());
}
