//! Bundles whose keys were made by hand, consistent in digest, id and Solidity: they open, and prove what no network computes. Both audits
//! refuse each by the column that was changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;

use chainfer_circuits::{
    ChunkCircuit, ChunkPlan, ChunkWitness, HideWeights, InferenceCommitment, Objective,
    PlanOptions, chunk_instances,
};
use chainfer_engine::EngineError;
use chainfer_engine::audit::{Audit, ModelAgain, audit_model, audit_structure, stored_seed};
use chainfer_engine::bundle::{
    Bundle, CompileOptions, PublicBundle, Recipe, StructureFile, VerifierRequest, VerifierSource,
    compile,
};
use chainfer_engine::field::{to_fr, to_scalar};
use chainfer_engine::inference::verify_inference;
use chainfer_engine::key_set;
use chainfer_engine::keys::{self, VerifyingKey, encode_vk, vk_digest};
use chainfer_engine::prove;
use chainfer_engine::srs::SrsStore;
use chainfer_formats::{
    B256, ChunkProof, OutputValues, ProofFile, Scalar, manifest::MANIFEST_FILE, proof::Statement,
};
use chainfer_model::executor::{execute, linear_accumulators, requantise};
use chainfer_model::frontend::LoadOptions;
use chainfer_model::partitioned::{ChunkSpec, Leaf, LeafClass, PartitionedModel, Visibility};
use chainfer_model::quantized::{
    ConvMap, Dims, QLayer, QLinear, QMaxPool, QTensor, QTerm, QuantParams, QuantizedGraph,
    TensorId, TermMap,
};
use chainfer_verifier_gen::GeneratorOptions;
use forge::{Change, Copied, Forged, with};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

const RANGE: u32 = 64;

/// A convolution, a maximum and a dense layer in one chunk: every chip has rows.
fn network() -> PartitionedModel {
    let tensor = |name: &str, (c, h, w): (usize, usize, usize)| QTensor {
        name: name.to_owned(),
        dims: Dims { c, h, w },
        external_shape: vec![1, c * h * w],
        element_order: None,
        quant: QuantParams {
            scale: 0.25,
            zero_point: 3,
        },
        factors: None,
        before: None,
    };
    let weights = |n: i64| {
        (0..n)
            .map(|i| (i * 37 + 11) % 41 - 20)
            .collect::<Vec<i64>>()
    };
    let bias = |n: i64| {
        (0..n)
            .map(|i| 25 * i64::from(RANGE) + 17 * i + 32)
            .collect()
    };
    let graph = QuantizedGraph {
        tables: Vec::new(),
        range: RANGE,
        tensors: vec![
            tensor("image", (1, 4, 4)),
            tensor("features", (2, 4, 4)),
            tensor("pooled", (2, 2, 2)),
            tensor("logits", (3, 1, 1)),
        ],
        layers: vec![
            QLayer::Linear(QLinear {
                name: "conv".to_owned(),
                output: TensorId(1),
                terms: vec![QTerm {
                    input: TensorId(0),
                    map: TermMap::Conv(ConvMap {
                        pre_pool: [1, 1],
                        kernel: [3, 3],
                        stride: [1, 1],
                        pad: [1, 1],
                        groups: 1,
                        weights: weights(18),
                    }),
                }],
                element_bias: bias(32),
            }),
            QLayer::MaxPool(QMaxPool {
                name: "pool".to_owned(),
                input: TensorId(1),
                output: TensorId(2),
                kernel: [2, 2],
                stride: [2, 2],
                pad: [0, 0],
            }),
            QLayer::Linear(QLinear {
                name: "dense".to_owned(),
                output: TensorId(3),
                terms: vec![QTerm {
                    input: TensorId(2),
                    map: TermMap::Dense {
                        weights: weights(24),
                    },
                }],
                element_bias: bias(3),
            }),
        ],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(3)],
    };
    PartitionedModel {
        graph,
        leaves: vec![
            Leaf {
                tensor: TensorId(0),
                class: LeafClass::Input,
                visibility: Visibility::Committed,
            },
            Leaf {
                tensor: TensorId(3),
                class: LeafClass::Output,
                visibility: Visibility::Public,
            },
        ],
        chunks: vec![ChunkSpec {
            first_layer: 0,
            end_layer: 3,
            reads: vec![0],
            writes: vec![1],
            exposes: vec![0, 1],
        }],
    }
}

/// As the command line makes verifiers.
fn emit(request: VerifierRequest<'_>) -> Result<VerifierSource, String> {
    let options = GeneratorOptions::shared();
    let instances = [request.num_instances];
    let made = chainfer_verifier_gen::generate(request.vk, request.params, &instances, &options)
        .map_err(|e| e.to_string())?;
    let key = made.key.ok_or("a shared verifier has a key")?;
    Ok(VerifierSource {
        contract: made.contract_name,
        source: made.solidity,
        key_code_hash: B256::from(key.code_hash),
    })
}

struct Workshop {
    dir: tempfile::TempDir,
    model: PartitionedModel,
    recipe: Recipe,
    bundle: Bundle,
    store: SrsStore,
    plan: Arc<ChunkPlan>,
}

impl Workshop {
    fn new(objective: Objective, hide: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SrsStore::new(std::env::temp_dir().join("chainfer-tests-srs")).unwrap();
        let model = network();
        let options = CompileOptions {
            objective,
            hide_weights: HideWeights::Rows(hide),
            emit_verifier: Some(&emit),
            ..Default::default()
        };
        let compiled = compile(&model, &options, &store, &dir.path().join("bundle")).unwrap();
        let seed = stored_seed(&dir.path().join("bundle")).unwrap().unwrap();
        let plan = PlanOptions {
            shape: None,
            objective,
            k: None,
            hide_weights: HideWeights::Rows(hide),
            hiding_seed: seed,
        };
        let plan = Arc::new(ChunkPlan::new(&model, 0, &plan).unwrap());
        assert_eq!(plan.shape().stacked, objective == Objective::Gas);
        assert!(plan.shape().pooling);
        Self {
            dir,
            recipe: Recipe {
                objective,
                hide_weights: HideWeights::Rows(hide),
                ..Recipe::default()
            },
            model,
            bundle: compiled.bundle,
            store,
            plan,
        }
    }

    fn circuit(&self) -> Forged {
        Forged(ChunkCircuit::for_keygen(Arc::clone(&self.plan)).unwrap())
    }

    fn key(&self, change: Change) -> (VerifyingKey, Vec<Copied>) {
        let srs = self.store.development(self.plan.shape().k).unwrap();
        with(change, || keys::generate_vk(&srs, &self.circuit()).unwrap())
    }

    /// Puts a key in the bundle, with everything that follows from it. The bundle opens.
    fn install(&self, vk: &VerifyingKey) -> PublicBundle {
        self.place(vk).unwrap()
    }

    fn place(&self, vk: &VerifyingKey) -> Result<PublicBundle, EngineError> {
        let public = self.bundle.public();
        let mut manifest = public.manifest().clone();
        let entry = &mut manifest.chunks[0];
        let made = emit(VerifierRequest {
            chunk: 0,
            vk,
            params: &public.verifier_params()[0],
            num_instances: 2 + entry.num_public,
        })
        .unwrap();
        fs::write(public.dir().join(entry.vk_file()), encode_vk(vk)).unwrap();
        entry.vk_digest = vk_digest(vk, entry.num_public);
        entry.key_code_hash = Some(made.key_code_hash);
        // Nothing in the contract tells the keys apart.
        assert_eq!(public.verifier_source(0).unwrap().unwrap(), made.source);
        manifest.key_set =
            key_set::set_digest(&[
                key_set::vk_key_digest(&entry.shape, entry.num_public, vk).unwrap()
            ]);
        manifest.manifest_id = manifest.recompute_id();
        manifest.write(&public.dir().join(MANIFEST_FILE)).unwrap();
        PublicBundle::open(public.dir())
    }

    fn against_structure(&self, bundle: &PublicBundle) -> Audit {
        let stated = StructureFile::read(bundle.dir()).unwrap();
        audit_structure(bundle, &stated, Some(&emit), &self.store).unwrap()
    }

    fn against_model(&self, bundle: &PublicBundle) -> Audit {
        let again = ModelAgain {
            model: &self.model,
            recipe: self.recipe.clone(),
            reading: LoadOptions::default(),
            clamps: None,
            seed: stored_seed(&self.dir.path().join("bundle")).unwrap(),
        };
        audit_model(bundle, &again, Some(&emit), &self.store).unwrap()
    }

    /// A fixed column by its name.
    fn column(&self, name: &str) -> usize {
        let columns = self.plan.fixed_columns();
        columns.iter().position(|c| c.name == name).unwrap()
    }
}

/// What differs in the key itself.
fn of_key(audit: &Audit) -> Vec<&str> {
    let of_key = audit.differences.iter().filter(|d| d.chunk == Some(0));
    of_key.map(|d| d.what.as_str()).collect()
}

/// The key, its code and the id differ besides what was changed.
fn assert_consequences(audit: &Audit) {
    let names: Vec<&str> = audit.differences.iter().map(|d| d.what.as_str()).collect();
    for field in [
        "chunks[0].vk_digest",
        "chunks[0].key_code_hash",
        "manifest_id",
    ] {
        assert!(names.contains(&field), "{names:?}");
    }
}

fn every_fixed_column_is_compared(objective: Objective) {
    let workshop = Workshop::new(objective, 2);
    let honest = workshop.key(Change::Nothing).0;
    let bundle = workshop.install(&honest);
    assert!(workshop.against_structure(&bundle).passed());
    assert!(workshop.against_model(&bundle).is_as_compiled());
    let mut refused = Vec::new();
    for (index, column) in workshop.plan.fixed_columns().into_iter().enumerate() {
        // No column of an honest key is empty, and a key with one does not even open.
        let (empty, _) = workshop.key(Change::Zero(index));
        let refusal = workshop.place(&empty).unwrap_err().to_string();
        let named = format!("fixed column {index} is the point at infinity");
        assert!(refusal.contains(&named), "{refusal}");
        let (key, _) = workshop.key(Change::Almost(index));
        assert_ne!(encode_vk(&key), encode_vk(&honest));
        let bundle = workshop.install(&key);
        let what = format!("fixed column {}", column.name);
        let structure = workshop.against_structure(&bundle);
        if column.holds_weights {
            assert!(structure.passed(), "{:?}", structure.differences);
            let full = workshop.against_model(&bundle);
            assert_eq!(of_key(&full), [what.as_str()]);
            assert_consequences(&full);
        } else {
            assert_eq!(of_key(&structure), [what.as_str()]);
            assert_consequences(&structure);
            refused.push(column.name);
        }
    }
    // At least: the table, the rows that gates act on, the check's coefficient and selectors, hashing, words, windows.
    let needed: &[&str] = match objective {
        Objective::Gas => &[
            "selector: rows",
            "selector: D",
            "selector: maximum",
            "selector: window 0",
        ],
        _ => &[
            "linear: enters D 0",
            "linear: D steps",
            "max: row",
            "window: mask 0.0",
        ],
    };
    let always = [
        "lookup table",
        "active",
        "poseidon: constant",
        "product",
        "selector: carry of alpha",
        "selector: load of alpha",
        "selector: gamma",
        "selector: words",
        "selector: round 0",
        "selector: round 1",
    ];
    for name in always.iter().chain(needed) {
        assert!(refused.iter().any(|r| r == name), "{name}: {refused:?}");
    }
}

#[test]
fn every_fixed_column_of_the_wide_arrangement_is_compared() {
    every_fixed_column_is_compared(Objective::Time);
}

#[test]
fn every_fixed_column_of_the_compact_arrangement_is_compared() {
    every_fixed_column_is_compared(Objective::Gas);
}

fn every_kind_of_copy_is_compared(objective: Objective) {
    let workshop = Workshop::new(objective, 2);
    let (honest, copies) = workshop.key(Change::Nothing);
    // The first and the last of every pair of columns: operands of the check, packing, wiring of hashes, instances.
    let mut kinds: BTreeMap<[&str; 2], [usize; 2]> = BTreeMap::new();
    for (index, [(left, _), (right, _)]) in copies.iter().enumerate() {
        let ends = kinds.entry([left, right]).or_insert([index, index]);
        ends[1] = index;
    }
    assert!(
        kinds.len() >= if objective == Objective::Gas { 4 } else { 8 },
        "{kinds:?}"
    );
    for ends in kinds.values() {
        for index in ends {
            let (key, _) = workshop.key(Change::LeaveOut(*index));
            assert_ne!(encode_vk(&key), encode_vk(&honest), "{:?}", copies[*index]);
            let bundle = workshop.install(&key);
            let audit = workshop.against_structure(&bundle);
            let names = of_key(&audit);
            assert!(!names.is_empty());
            let copied = |name: &&str| name.starts_with("copy constraints of ");
            assert!(names.iter().all(copied), "{names:?}");
            assert_consequences(&audit);
        }
    }
}

#[test]
fn every_kind_of_copy_of_the_wide_arrangement_is_compared() {
    every_kind_of_copy_is_compared(Objective::Time);
}

#[test]
fn every_kind_of_copy_of_the_compact_arrangement_is_compared() {
    every_kind_of_copy_is_compared(Objective::Gas);
}

#[test]
fn single_cells_of_tables_selectors_and_constants_are_compared() {
    for objective in [Objective::Time, Objective::Gas] {
        let workshop = Workshop::new(objective, 2);
        let (honest, _) = workshop.key(Change::Nothing);
        // A table with an entry beyond the range; other columns with a number that is no encoding, in the first rows and far behind.
        let changes = [
            ("lookup table", RANGE as usize - 1, 1 << 20),
            ("active", 3, 0),
            ("poseidon: constant", 40, 77),
            ("product", 2, 77),
            ("selector: gamma", 0, 77),
            ("selector: gamma", 90, 77),
            ("selector: words", 1, 77),
        ];
        for (name, row, to) in changes {
            let column = workshop.column(name);
            let (key, _) = workshop.key(Change::Set { column, row, to });
            assert_ne!(encode_vk(&key), encode_vk(&honest), "{name} {row}");
            let bundle = workshop.install(&key);
            let what = format!("fixed column {name}");
            assert_eq!(
                of_key(&workshop.against_structure(&bundle)),
                [what.as_str()]
            );
        }
    }
}

/// The values of every tensor for one image.
fn honest_values(model: &PartitionedModel) -> Vec<Vec<u32>> {
    let image: Vec<u32> = (0..16).map(|i| (i * 7 + 5) % RANGE).collect();
    execute(&model.graph, &[image]).unwrap().tensors
}

/// The values of a dense layer that was computed from maxima which are not those of the features.
fn forged_values(model: &PartitionedModel) -> Vec<Vec<u32>> {
    let mut values = honest_values(model);
    let honest = values[3].clone();
    values[2] = vec![RANGE - 1; 8];
    let QLayer::Linear(dense) = &model.graph.layers[2] else {
        panic!("the last layer is dense");
    };
    let accumulators = linear_accumulators(&model.graph, dense, &values);
    values[3] = accumulators
        .into_iter()
        .map(|acc| requantise(acc, RANGE))
        .collect();
    assert_ne!(values[3], honest);
    values
}

/// A proof of these values, whether they are a trace or not; cells are computed layer by layer, so that only relations fail.
fn proof_of(
    workshop: &Workshop,
    key: &keys::ProvingKey,
    manifest_id: B256,
    values: Vec<Vec<u32>>,
) -> ProofFile {
    let model = &workshop.model;
    let commitment = InferenceCommitment::new(model, &values, &[7; 32]);
    let context = Scalar::from_u64(99);
    let instances = chunk_instances(model, 0, &values, &commitment, to_fr(context));
    let raw = values[3].clone();
    let witness = ChunkWitness {
        values: Arc::new(values),
        commitment: Arc::new(commitment),
    };
    let circuit = ChunkCircuit::for_proof(Arc::clone(&workshop.plan), &witness).unwrap();
    let srs = workshop.store.development(workshop.plan.shape().k).unwrap();
    let proof = prove::create(&srs, key, circuit, &instances).unwrap();
    let spec = &workshop.bundle.public().manifest().outputs[0];
    let statement = Statement {
        manifest_id,
        model_id: None,
        root: to_scalar(&instances[0]),
        context,
        binding: None,
    };
    let chunk = ChunkProof {
        index: 0,
        public_values: instances[2..].iter().map(to_scalar).collect(),
        proof: proof.into(),
    };
    let output = OutputValues {
        name: spec.name.clone(),
        shape: spec.shape.clone(),
        visibility: spec.visibility,
        values: Some(spec.dequantise(&raw)),
        raw: Some(raw),
    };
    ProofFile::new(statement, vec![chunk], vec![output]).unwrap()
}

/// The key without zero flags opens, and proves an output that the network does not have; so the attack is real.
#[test]
fn key_without_relations_proves_any_output_and_is_refused() {
    for objective in [Objective::Time, Objective::Gas] {
        let workshop = Workshop::new(objective, 2);
        let srs = workshop.store.development(workshop.plan.shape().k).unwrap();
        let keygen = || keys::generate(&srs, &workshop.circuit()).unwrap();
        // "Hold, and be 0" becomes "hold".
        let change = Change::Replace {
            column: workshop.column("selector: gamma"),
            from: 3,
            to: 1,
        };
        let (honest, _) = with(Change::Nothing, keygen);
        let (forged, _) = with(change, keygen);
        for (key, holds) in [(&honest, false), (&forged, true)] {
            let bundle = workshop.install(key.get_vk());
            let manifest_id = bundle.manifest().manifest_id;
            let values = forged_values(&workshop.model);
            let proof = proof_of(&workshop, key, manifest_id, values);
            let verdict = verify_inference(&bundle, &proof);
            assert_eq!(verdict.is_ok(), holds, "{verdict:?}");
            let (structure, full) = (
                workshop.against_structure(&bundle),
                workshop.against_model(&bundle),
            );
            assert_eq!(structure.passed(), !holds);
            assert_eq!(full.is_as_compiled(), !holds);
            if holds {
                for audit in [&structure, &full] {
                    assert_eq!(of_key(audit), ["fixed column selector: gamma"]);
                }
            }
        }
    }
}

/// Numbers beyond every bound may stand in weight columns, which an audit of the structure does not see. Such a key proves nothing that
/// contradicts the network of those numbers; here it proves nothing at all.
#[test]
fn weights_of_any_size_pass_the_structure_and_prove_nothing_else() {
    for (objective, hide) in [(Objective::Time, 0), (Objective::Gas, 2)] {
        let workshop = Workshop::new(objective, hide);
        let srs = workshop.store.development(workshop.plan.shape().k).unwrap();
        let keygen = || keys::generate(&srs, &workshop.circuit()).unwrap();
        let names = workshop.plan.fixed_columns().into_iter();
        let of_weights: Vec<String> = names
            .map(|c| c.name)
            .filter(|n| n.starts_with("weight"))
            .collect();
        let change = Change::Replace {
            column: workshop.column(&of_weights[0]),
            from: 20,
            to: 1 << 62,
        };
        let (honest, _) = with(Change::Nothing, keygen);
        let (forged, _) = with(change, keygen);
        for (key, holds) in [(&honest, true), (&forged, false)] {
            let bundle = workshop.install(key.get_vk());
            assert!(workshop.against_structure(&bundle).passed());
            let full = workshop.against_model(&bundle);
            assert_eq!(full.is_as_compiled(), holds);
            if !holds {
                assert_eq!(of_key(&full), [format!("fixed column {}", of_weights[0])]);
            }
            let manifest_id = bundle.manifest().manifest_id;
            let values = honest_values(&workshop.model);
            let proof = proof_of(&workshop, key, manifest_id, values);
            assert_eq!(verify_inference(&bundle, &proof).is_ok(), holds);
            let lie = proof_of(&workshop, key, manifest_id, forged_values(&workshop.model));
            assert!(verify_inference(&bundle, &lie).is_err());
        }
    }
}
