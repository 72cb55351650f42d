//! Forged traces through the real prover: it makes a proof of whatever it is given, and the verifier refuses it.

use super::builder::{Builder, partition};
use super::way::Way;
use super::{Bumped, Setup, Witnessed, recounted};
use crate::columns::{CellRef, Col};
use crate::{HideWeights, PlanOptions};
use chainfer_model::partitioned::Visibility;
use chainfer_model::quantized::TensorId;
use chainfer_transcript::{EvmTranscriptRead, EvmTranscriptWrite};
use halo2_proofs::plonk::{Circuit, ProvingKey, create_proof, keygen_pk, keygen_vk, verify_proof};
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use halo2curves::bn256::{Bn256, Fr, G1Affine};
use rand::SeedableRng;
use rand::rngs::StdRng;

struct Keys {
    params: ParamsKZG<Bn256>,
    pk: ProvingKey<G1Affine>,
}

impl Keys {
    fn new(setup: &Setup) -> Self {
        let params = ParamsKZG::setup(setup.plan.shape().k, StdRng::seed_from_u64(91));
        let circuit = setup.circuit.circuit().without_witnesses();
        let vk = keygen_vk(&params, &circuit).unwrap();
        let pk = keygen_pk(&params, vk, &circuit).unwrap();
        Keys { params, pk }
    }

    /// Whether the verifier accepts what the prover makes of a circuit under these instances.
    fn accepts<C: Circuit<Fr>>(&self, circuit: C, instances: &[Fr]) -> bool {
        let mut transcript = EvmTranscriptWrite::init(vec![]);
        create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            &self.params,
            &self.pk,
            &[circuit],
            &[&[instances]],
            StdRng::seed_from_u64(92),
            &mut transcript,
        )
        .unwrap();
        let proof = transcript.finalize();
        let mut transcript = EvmTranscriptRead::init(&proof);
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            &self.params,
            self.pk.get_vk(),
            SingleStrategy::new(&self.params),
            &[&[instances]],
            &mut transcript,
        )
        .is_ok()
    }
}

fn cell(setup: &Setup, tensor: TensorId, col: fn(usize) -> Col) -> CellRef {
    let (row, lane) = setup.plan.layout.tensors[&tensor].cell(0);
    col(lane).at(row)
}

fn shifted(setup: &Setup, cells: &[CellRef], by: Fr) -> Witnessed {
    let changed = cells
        .iter()
        .map(|cell| (*cell, setup.circuit.get(*cell) + by));
    let forged = setup.circuit.tampered(&changed.collect::<Vec<_>>());
    recounted(setup, &forged)
}

fn assert_forgeries_of_activations_are_refused(way: Way, k: u32) {
    let mut b = Builder::new(64, 94);
    let x = b.input(1, 2, 2);
    let g = b.gather(&[x], (1, 1, 4));
    let f = b.table();
    let h = b.function(x, f);
    let p = b.product(h, x, (2, 2, 1));
    let y = b.mat_mul(g, p, 1, 2);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[4], Visibility::Committed, Visibility::Public);
    let options = PlanOptions {
        k: Some(k),
        hide_weights: HideWeights::Rows(2),
        ..PlanOptions::default()
    };
    let setup = way.setup(&model, &inputs, 0, &options);
    let keys = Keys::new(&setup);
    let instances = &setup.instances;
    assert!(keys.accepts(setup.circuit.circuit(), instances));
    let at = |tensor, col| cell(&setup, tensor, col);
    let pair = setup.plan.layout.pairs(p, "").unwrap().row(0);
    let forgeries: [(&str, Vec<CellRef>); 7] = [
        ("gather", vec![at(g, Col::Y), at(g, Col::V)]),
        ("value", vec![at(h, Col::Y), at(h, Col::V)]),
        ("argument", vec![at(h, Col::E)]),
        ("operand", vec![Col::Y(0).at(pair), Col::V(0).at(pair)]),
        ("product", vec![at(p, Col::Rem)]),
        ("matrix product", vec![at(y, Col::Rem)]),
        ("table", vec![Col::TableMult.at(1)]),
    ];
    for (name, cells) in forgeries {
        let mut forged = shifted(&setup, &cells, Fr::one());
        if name == "table" {
            let entry = cells[0];
            forged = setup
                .circuit
                .tampered(&[(entry, setup.circuit.get(entry) + Fr::one())]);
        }
        assert!(!keys.accepts(forged.circuit(), instances), "{name}");
    }
    // A sum that is kept for the checks, and what copies it.
    let kept = setup.plan.check.iter().position(|row| row.keeps).unwrap();
    let bumped = Bumped::new(&setup, Col::U.at(kept), Fr::one());
    assert!(!keys.accepts(bumped, instances), "kept sum");
}

#[test]
fn forged_proofs_of_layers_of_activations_are_refused() {
    for (way, k) in [(Way::Wide, 8), (Way::Compact, 10), (Way::Canonical, 10)] {
        assert_forgeries_of_activations_are_refused(way, k);
    }
}

fn assert_forgeries_are_refused(way: Way, k: u32) {
    let mut b = Builder::new(64, 93);
    let x = b.input(1, 2, 2);
    let h = b.max_pool(x, [1, 2], [1, 1], [0, 0], (2, 1));
    let y = b.dense(&[h], 2);
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[2], Visibility::Committed, Visibility::Public);
    let options = PlanOptions {
        k: Some(k),
        hide_weights: HideWeights::Rows(2),
        ..PlanOptions::default()
    };
    let setup = way.setup(&model, &inputs, 0, &options);
    let keys = Keys::new(&setup);
    let instances = &setup.instances;
    assert!(keys.accepts(setup.circuit.circuit(), instances));
    for at in [0, 2] {
        let mut claimed = instances.clone();
        claimed[at] += Fr::one();
        assert!(
            !keys.accepts(setup.circuit.circuit(), &claimed),
            "instance {at}"
        );
    }
    let at = |tensor, col| cell(&setup, tensor, col);
    let packed = setup
        .plan
        .grid
        .packing
        .value_at(setup.plan.grid.element_at(0).1, 0);
    let forgeries: [(&str, Vec<CellRef>, Fr); 5] = [
        ("output", vec![at(y, Col::Y), at(y, Col::V)], Fr::one()),
        ("remainder", vec![at(y, Col::Rem)], Fr::one()),
        ("range", vec![at(y, Col::Rem)], Fr::from(64)),
        ("maximum", vec![at(h, Col::Y)], Fr::one()),
        (
            "opening",
            vec![Col::Hash(0, packed.1).at(packed.0)],
            Fr::one(),
        ),
    ];
    for (name, cells, by) in forgeries {
        let forged = shifted(&setup, &cells, by).circuit();
        assert!(!keys.accepts(forged, instances), "{name}");
    }
    // The second phase, too: a check that ends at another sum.
    let end = setup.plan.check.iter().position(|row| row.zero).unwrap();
    let bumped = Bumped::new(&setup, Col::Gamma.at(end), Fr::one());
    assert!(!keys.accepts(bumped, instances), "gamma");
}

#[test]
fn forged_proofs_of_the_wide_arrangement_are_refused() {
    assert_forgeries_are_refused(Way::Wide, 8);
}

#[test]
fn forged_proofs_of_the_compact_arrangement_are_refused() {
    assert_forgeries_are_refused(Way::Compact, 10);
}

#[test]
fn forged_proofs_of_a_canonical_shape_are_refused() {
    assert_forgeries_are_refused(Way::Canonical, 10);
}
