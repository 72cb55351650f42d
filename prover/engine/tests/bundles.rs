//! Bundles on disk: what is written, what is refused, how the hiding budget ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_circuits::HideWeights;
use chainfer_engine::{
    EngineError,
    bundle::{Bundle, CompileOptions, PublicBundle, VerifierRequest, VerifierSource, compile},
    inference::{ContextSource, ProveOptions, prepare, prove_inference, verify_inference},
    srs::SrsStore,
};
use chainfer_formats::{
    B256, Binding, FormatError, Manifest, SetupPolicy, digest::keccak256, setup::SetupRefusal,
};
use chainfer_model::{
    executor::{ClampTable, FloatClamp},
    quantise::SaturationPolicy,
};
use common::{compiled, context, inputs, two_chunks, word};
use halo2curves::{
    bn256::G1Affine,
    group::{GroupEncoding as _, prime::PrimeCurveAffine as _},
};
use std::{fs, path::Path};

fn options(seed: u8) -> CompileOptions<'static> {
    CompileOptions {
        hide_weights: HideWeights::Rows(3),
        hiding_seed: Some([seed; 32]),
        ..Default::default()
    }
}

#[test]
fn compile_is_deterministic_and_the_seed_changes_the_keys() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let id = |i: usize, seed| {
        let (bundle, _) = compiled(&two_chunks(), &options(seed), dirs[i].path());
        bundle.public().manifest().manifest_id
    };
    let first = id(0, 1);
    assert_eq!(first, id(1, 1));
    assert_ne!(first, id(2, 2));
}

#[test]
fn compile_existing_folder_is_kept_and_failure_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = SrsStore::new(dir.path().join("cache")).unwrap();
    let out = dir.path().join("bundle");
    fs::create_dir(&out).unwrap();
    let result = compile(&two_chunks(), &options(1), &store, &out);
    assert!(matches!(result, Err(EngineError::OutputExists { .. })));
    fs::remove_dir(&out).unwrap();
    let refuse = |_: VerifierRequest<'_>| Err("no compiler".to_owned());
    let failing = CompileOptions {
        emit_verifier: Some(&refuse),
        ..options(1)
    };
    let result = compile(&two_chunks(), &failing, &store, &out);
    assert!(matches!(
        result,
        Err(EngineError::VerifierSource { chunk: 0, .. })
    ));
    let mut left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.retain(|n| n != "cache");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn emitted_verifiers_are_in_the_folder_and_in_the_id() {
    let dir = tempfile::tempdir().unwrap();
    let emit = |request: VerifierRequest<'_>| {
        Ok(VerifierSource {
            // Both chunks share it.
            contract: "Shared".to_owned(),
            source: "contract Shared {}".to_owned(),
            key_code_hash: word(100 * request.chunk as u64 + request.num_instances as u64),
        })
    };
    let with = CompileOptions {
        emit_verifier: Some(&emit),
        ..options(1)
    };
    let (bundle, store) = compiled(&two_chunks(), &with, dir.path());
    let chunk = &bundle.public().manifest().chunks[1];
    let path = bundle.public().dir().join(chunk.source.as_ref().unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "contract Shared {}");
    let source = bundle.public().verifier_source(1).unwrap();
    assert_eq!(source.as_deref(), Some("contract Shared {}"));
    fs::write(path, "contract Shared { }").unwrap();
    assert!(matches!(
        bundle.public().verifier_source(1),
        Err(EngineError::DigestMismatch { .. })
    ));
    assert_eq!(
        chunk.source_digest,
        Some(keccak256(&[b"contract Shared {}"]))
    );
    assert_eq!(chunk.key_code_hash, Some(word(103)));
    let other = &bundle.public().manifest().chunks[0];
    assert_eq!(
        (&other.contract, &other.source),
        (&chunk.contract, &chunk.source)
    );
    assert_ne!(other.key_code_hash, chunk.key_code_hash);
    let plain = compile(
        &two_chunks(),
        &options(1),
        &store,
        &dir.path().join("plain"),
    )
    .unwrap();
    assert_ne!(
        plain.bundle.public().manifest().manifest_id,
        bundle.public().manifest().manifest_id
    );
}

#[test]
fn verifiers_of_one_name_that_differ_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = SrsStore::new(dir.path().join("cache")).unwrap();
    let named = |contract: &'static str| {
        move |request: VerifierRequest<'_>| {
            Ok(VerifierSource {
                contract: contract.to_owned(),
                source: format!("// {}", request.chunk),
                key_code_hash: word(1),
            })
        }
    };
    for (name, chunk) in [("Same", 1), ("../Odd", 0), ("", 0)] {
        let emit = named(name);
        let with = CompileOptions {
            emit_verifier: Some(&emit),
            ..options(1)
        };
        let result = compile(&two_chunks(), &with, &store, &dir.path().join("out"));
        assert!(
            matches!(result, Err(EngineError::VerifierSource { chunk: c, .. }) if c == chunk),
            "{name}"
        );
    }
}

#[test]
fn manifest_that_tells_verifiers_apart_wrongly_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let emit = |_: VerifierRequest<'_>| {
        Ok(VerifierSource {
            contract: "Shared".to_owned(),
            source: "contract Shared {}".to_owned(),
            key_code_hash: word(1),
        })
    };
    let with = CompileOptions {
        emit_verifier: Some(&emit),
        ..options(1)
    };
    let (bundle, _) = compiled(&two_chunks(), &with, dir.path());
    let good = bundle.public().manifest();
    type Change = fn(&mut Manifest);
    let changes: [Change; 6] = [
        |m| m.chunks[0].contract = Some("../Odd".to_owned()),
        |m| m.chunks[0].contract = None,
        |m| m.chunks[0].source = Some("elsewhere.sol".to_owned()),
        |m| m.chunks[0].source_digest = None,
        |m| m.chunks[0].source_digest = Some(word(5)),
        |m| m.chunks[0].key_code_hash = None,
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad);
        bad.manifest_id = bad.recompute_id();
        assert!(bad.validate().is_err(), "change {i}");
    }
    // The key's code is part of the model's identity.
    let mut other = good.clone();
    other.chunks[1].key_code_hash = Some(word(2));
    assert_ne!(other.recompute_id(), good.manifest_id);
}

#[cfg(unix)]
#[test]
fn private_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    compiled(&two_chunks(), &options(1), dir.path());
    let private = dir.path().join("bundle/private");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&private), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(&private).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
        files += 1;
    }
    // model, seed; key, count and lock a chunk
    assert_eq!(files, 2 + 3 * 2);
}

#[test]
fn one_row_of_blinders_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = SrsStore::new(dir.path()).unwrap();
    let one = CompileOptions {
        hide_weights: HideWeights::Rows(1),
        ..options(1)
    };
    let result = compile(&two_chunks(), &one, &store, &dir.path().join("bundle"));
    assert!(matches!(result, Err(EngineError::Inconsistent(_))));
}

#[test]
fn hiding_budget_of_three_rows_ends_after_two_proofs() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, store) = compiled(&two_chunks(), &options(1), dir.path());
    let prove = |bundle: &Bundle| {
        prove_inference(
            bundle,
            &store,
            &inputs(),
            context(bundle),
            &ProveOptions::default(),
        )
    };
    assert_eq!(bundle.proofs_left(0).unwrap(), Some(2));
    prove(&bundle).unwrap();
    prove(&bundle).unwrap();
    assert_eq!(bundle.proofs_left(1).unwrap(), Some(0));
    let reopened = Bundle::open(&dir.path().join("bundle")).unwrap();
    assert!(matches!(
        prove(&reopened),
        Err(EngineError::HidingBudgetSpent { limit: 2, .. })
    ));
}

#[test]
fn open_any_changed_byte_of_a_verifying_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    compiled(&two_chunks(), &options(1), dir.path());
    let public = dir.path().join("bundle/public");
    let path = public.join("chunk0.vk");
    let good = fs::read(&path).unwrap();
    let mut spoilt: Vec<Vec<u8>> = (0..good.len())
        .step_by(7)
        .chain(0..40)
        .map(|at| {
            let mut bytes = good.clone();
            bytes[at] ^= if at % 2 == 0 { 1 } else { 0x80 };
            bytes
        })
        .collect();
    spoilt.extend([0, 1, 8, 20, good.len() - 1].map(|n| good[..n].to_vec()));
    spoilt.push([&good[..], &[0]].concat());
    spoilt.push(fs::read(public.join("chunk1.vk")).unwrap());
    for bytes in spoilt {
        fs::write(&path, bytes).unwrap();
        let error = PublicBundle::open(&public).unwrap_err();
        assert!(
            matches!(
                error,
                EngineError::Malformed { .. } | EngineError::DigestMismatch { .. }
            ),
            "{error}"
        );
    }
    fs::write(&path, good).unwrap();
    PublicBundle::open(&public).unwrap();
}

/// A column that is 0 everywhere, whatever the manifest says of the key.
#[test]
fn open_key_with_the_point_at_infinity_is_refused() {
    const HEAD: usize = 18;
    let dir = tempfile::tempdir().unwrap();
    let (bundle, _) = compiled(&two_chunks(), &options(1), dir.path());
    let vk = bundle.public().verifying_key(0).unwrap();
    let fixed = vk.fixed_commitments().len();
    let path = bundle.public().dir().join("chunk0.vk");
    let good = fs::read(&path).unwrap();
    let points = (good.len() - HEAD) / 32;
    assert_eq!(points, fixed + vk.permutation().commitments().len());
    for at in 0..points {
        let place = HEAD + 32 * at..HEAD + 32 * (at + 1);
        let mut bytes = good.clone();
        bytes[place].copy_from_slice(G1Affine::identity().to_bytes().as_ref());
        fs::write(&path, bytes).unwrap();
        let error = PublicBundle::open(bundle.public().dir()).unwrap_err();
        let column = match at.checked_sub(fixed) {
            None => format!("fixed column {at}"),
            Some(at) => format!("permutation column {at}"),
        };
        let said = error.to_string();
        assert!(matches!(error, EngineError::Malformed { .. }), "{said}");
        assert!(
            said.contains(&format!("{column} is the point at infinity")),
            "{said}"
        );
    }
}

#[test]
fn open_changed_manifest_fields_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    compiled(&two_chunks(), &options(1), dir.path());
    let public = dir.path().join("bundle/public");
    let path = public.join("manifest.json");
    let good: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let open = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        change(&mut value);
        fs::write(&path, value.to_string()).unwrap();
        PublicBundle::open(&public)
    };
    open(&|_| ()).unwrap();
    // fields of later releases are ignored
    open(&|m| m["note"] = "x".into()).unwrap();
    let refused: [&dyn Fn(&mut serde_json::Value); 8] = [
        &|m| m["outputs"][0]["scale"] = 0.25.into(),
        &|m| m["outputs"][0]["zero_point"] = 21.into(),
        &|m| m["chunks"][0]["hide_rows"] = 300.into(),
        &|m| m["chunks"][0]["num_public"] = 2.into(),
        &|m| m["leaves"][1]["length"] = 17.into(),
        &|m| m["srs"]["insecure"] = false.into(),
        &|m| m["manifest_id"] = B256::ZERO.to_string().into(),
        &|m| m["chunks"].as_array_mut().unwrap().swap(0, 1),
    ];
    for change in refused {
        assert!(matches!(
            open(change),
            Err(EngineError::Format(FormatError::Inconsistent { field, .. })) if field == "manifest_id"
        ));
    }
    for (field, value) in [
        ("source", "../../x"),
        ("contract", "X"),
        ("proof_length", "1"),
    ] {
        let value: serde_json::Value = value.parse::<u64>().map_or(value.into(), |n| n.into());
        let error = open(&|m| m["chunks"][0][field] = value.clone()).unwrap_err();
        assert!(
            matches!(
                error,
                EngineError::Malformed { .. }
                    | EngineError::Format(FormatError::Inconsistent { .. })
            ),
            "{field}: {error}"
        );
    }
    let error = open(&|m| m["version"] = 9.into()).unwrap_err();
    assert!(matches!(
        error,
        EngineError::Format(FormatError::Version { got: 9, .. })
    ));
    for shape in ["k", "range", "lanes", "hash_lanes"] {
        let error =
            open(&|m| m["chunks"][0]["shape"][shape] = 4_000_000_000u32.into()).unwrap_err();
        let path = format!("chunks[0].shape.{shape}");
        assert!(
            matches!(&error, EngineError::Format(FormatError::Inconsistent { field, .. }) if *field == path),
            "{shape}: {error}"
        );
    }
    fs::write(&path, b"[").unwrap();
    assert!(matches!(
        PublicBundle::open(&public),
        Err(EngineError::Format(FormatError::Malformed { .. }))
    ));
}

#[test]
fn open_damaged_private_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = compiled(&two_chunks(), &options(1), dir.path());
    let root = dir.path().join("bundle");
    let damage = |file: &str| {
        let path = root.join("private").join(file);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 0x55;
        fs::write(&path, bad).unwrap();
        (path, good)
    };
    let (path, good) = damage("model.bin");
    assert!(matches!(
        Bundle::open(&root),
        Err(EngineError::DigestMismatch { .. })
    ));
    fs::write(path, good).unwrap();
    let (path, good) = damage("chunk1.pk");
    let bundle = Bundle::open(&root).unwrap();
    let left = bundle.proofs_left(1).unwrap();
    assert!(left.is_some_and(|left| left > 0));
    let result = prove_inference(
        &bundle,
        &store,
        &inputs(),
        context(&bundle),
        &ProveOptions::default(),
    );
    assert!(matches!(result, Err(EngineError::DigestMismatch { .. })));
    // No proof can have told anything of the weights of a key that was not read.
    assert_eq!(bundle.proofs_left(1).unwrap(), left);
    fs::write(path, good).unwrap();
    // the model of another bundle
    let other = compile(
        &two_chunks(),
        &options(2),
        &store,
        &dir.path().join("other"),
    )
    .unwrap();
    drop(other);
    fs::copy(
        dir.path().join("other/private/model.bin"),
        root.join("private/model.bin"),
    )
    .unwrap();
    assert!(matches!(
        Bundle::open(&root),
        Err(EngineError::DigestMismatch { .. })
    ));
}

#[test]
fn insecure_setup_is_refused_for_a_real_chain() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, _) = compiled(&two_chunks(), &options(1), dir.path());
    let ContextSource::Binding { binding, model_id } = context(&bundle) else {
        panic!()
    };
    let real = ContextSource::Binding {
        binding: Binding {
            chain_id: 1,
            ..binding
        },
        model_id,
    };
    let result = prepare(&bundle, &inputs(), real, &ProveOptions::default());
    assert!(matches!(
        result,
        Err(EngineError::Setup(SetupRefusal::Development {
            chain_id: 1
        }))
    ));
    let allowed = ProveOptions {
        setups: SetupPolicy {
            allow_development: true,
            ..Default::default()
        },
        ..Default::default()
    };
    prepare(&bundle, &inputs(), real, &allowed).unwrap();
}

#[test]
fn saturation_is_refused_where_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let refuse = ProveOptions {
        saturation: SaturationPolicy::Refuse,
        ..Default::default()
    };
    let (bundle, store) = compiled(&two_chunks(), &options(1), dir.path());
    let result = prepare(&bundle, &inputs(), context(&bundle), &refuse);
    assert!(
        matches!(result, Err(EngineError::Inconsistent(_))),
        "no clamp table"
    );
    let table = |clamp| CompileOptions {
        clamps: Some(ClampTable(vec![clamp; 2])),
        ..options(1)
    };
    let free = table(FloatClamp {
        low: true,
        high: true,
    });
    let bundle = compile(&two_chunks(), &free, &store, &dir.path().join("free"))
        .unwrap()
        .bundle;
    prepare(&bundle, &inputs(), context(&bundle), &refuse).unwrap();
}

#[test]
fn memory_limit_below_one_chunk_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, store) = compiled(&two_chunks(), &options(1), dir.path());
    let prove = |bytes| {
        let options = ProveOptions {
            max_memory: Some(bytes),
            ..Default::default()
        };
        prove_inference(&bundle, &store, &inputs(), context(&bundle), &options)
    };
    assert!(matches!(
        prove(1 << 20),
        Err(EngineError::MemoryLimit {
            limit: 1_048_576,
            ..
        })
    ));
    prove(1 << 30).unwrap();
}

/// With the key and the setup in their files, and few columns at once.
#[test]
fn memory_limit_that_is_the_least_makes_a_proof_that_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, store) = compiled(&two_chunks(), &options(1), dir.path());
    let mut bytes = 1 << 20;
    let proved = loop {
        let options = ProveOptions {
            max_memory: Some(bytes),
            ..Default::default()
        };
        match prove_inference(&bundle, &store, &inputs(), context(&bundle), &options) {
            Ok(proved) => break proved,
            Err(EngineError::MemoryLimit { needed, limit, .. }) => {
                assert!(needed > limit && limit == bytes);
                bytes = needed;
            }
            Err(other) => panic!("{other}"),
        }
    };
    verify_inference(bundle.public(), &proved.proof).unwrap();
}

/// The registry would refuse it: two outputs that contradict each other could not be shown in one transaction.
#[test]
fn compile_output_too_long_to_contradict_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = SrsStore::new(dir.path().join("cache")).unwrap();
    let mut model = two_chunks();
    model.graph.tensors[2].dims.c = 15 * 991 + 1;
    let out = dir.path().join("bundle");
    let refused = compile(&model, &options(1), &store, &out).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("4011 words") && said.contains("--output-visibility committed"),
        "{said}"
    );
    assert!(!out.exists());
}
