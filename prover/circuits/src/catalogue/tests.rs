//! Which shapes chunks get, and that two models get one.

use super::{CANONICAL, Catalogue, ENTRIES, MAX_ENTRIES, RANGE, entry_of};
use crate::arrangement::{self, compact::Compact, interface::Arrangement};
use crate::tests::builder::{Builder, partition as cut, square};
use crate::tests::{failing, setup_of};
use crate::{ChunkPlan, CircuitShape, HideWeights, Objective, PlanOptions};
use chainfer_model::io::load_samples;
use chainfer_model::load_model;
use chainfer_model::partition::{BoundaryVisibility, ChunkCount, CostModel, partition};
use chainfer_model::partitioned::{PartitionedModel, Visibility};
use chainfer_model::quantise::{QuantOptions, quantise};
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use std::collections::BTreeSet;
use std::path::Path;

fn gas() -> PlanOptions {
    PlanOptions {
        objective: Objective::Gas,
        ..PlanOptions::default()
    }
}

fn digits(chunks: usize) -> PartitionedModel {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models");
    let float = load_model(&models.join("digits.onnx")).unwrap();
    let samples = models.join("digits_calibration.json");
    let samples = load_samples(&samples, &float.input_specs(), float.fixed_point()).unwrap();
    let quantised = quantise(&float, &samples, &QuantOptions::default()).unwrap();
    let count = ChunkCount::Exactly(chunks);
    let visibility = BoundaryVisibility::default();
    partition(quantised.graph, count, visibility, &CostModel::default()).unwrap()
}

/// Three dense layers.
fn mlp() -> PartitionedModel {
    let mut b = Builder::new(RANGE, 151);
    let x = b.input(1, 1, 40);
    let h = b.dense(&[x], 16);
    let h = b.dense(&[h], 16);
    let y = b.dense(&[h], 3);
    b.graph.outputs.push(y);
    cut(&b.graph, &[3], Visibility::Committed, Visibility::Public)
}

fn convolution(range: u32, side: usize) -> PartitionedModel {
    let mut b = Builder::new(range, 152);
    let x = b.input(1, 12, 12);
    let out = 13 - side;
    let y = b.conv(&[(x, square(side, 1, 0))], (2, out, out));
    b.graph.outputs.push(y);
    cut(&b.graph, &[1], Visibility::Committed, Visibility::Public)
}

fn shapes(model: &PartitionedModel, options: &PlanOptions) -> Vec<CircuitShape> {
    (0..model.chunks.len())
        .map(|chunk| {
            ChunkPlan::new(model, chunk, options)
                .unwrap()
                .shape()
                .clone()
        })
        .collect()
}

fn names(model: &PartitionedModel) -> Vec<Option<&'static str>> {
    let shapes = shapes(model, &gas());
    shapes
        .iter()
        .map(|shape| entry_of(shape).map(|entry| entry.name))
        .collect()
}

fn pinned(shape: &CircuitShape) -> String {
    let mut system = ConstraintSystem::<Fr>::default();
    arrangement::configure(&mut system, shape).unwrap();
    format!("{:?}", system.pinned())
}

#[test]
fn last_entry_has_every_operator_and_each_holds_those_before() {
    assert!(ENTRIES.len() <= MAX_ENTRIES);
    let last = ENTRIES[ENTRIES.len() - 1].shape(12);
    for operator in Compact.operators() {
        assert!(operator.is_in(&last), "{operator:?}");
    }
    for pair in ENTRIES.windows(2) {
        assert!(pair[0].taps <= pair[1].taps && pair[0].pooling <= pair[1].pooling);
        assert!(pair[0].functions <= pair[1].functions && pair[0].products <= pair[1].products);
        assert_ne!(pair[0].name, pair[1].name);
    }
    assert_eq!(RANGE, QuantOptions::default().range);
    for entry in ENTRIES {
        assert_eq!(entry_of(&entry.shape(15)), Some(&entry));
        assert_eq!(pinned(&entry.shape(12)), pinned(&entry.shape(15)));
    }
}

/// One verifier for both.
#[test]
fn digits_and_a_perceptron_get_one_constraint_system() {
    let (digits, mlp) = (shapes(&digits(3), &gas()), shapes(&mlp(), &gas()));
    let [.., of_digits] = &digits[..] else {
        panic!()
    };
    let [of_mlp] = &mlp[..] else { panic!() };
    let entry = entry_of(of_digits).unwrap();
    assert_eq!(entry_of(of_mlp), Some(entry));
    assert_eq!(entry.name, "dense");
    assert_eq!(pinned(of_digits), pinned(of_mlp));
}

/// The demo model costs what it costs with shapes of its own, in one chunk and in three.
#[test]
fn digits_take_no_column_more_than_they_need() {
    for chunks in [1, 3] {
        let model = digits(chunks);
        let none = Catalogue {
            entries: &[],
            ..CANONICAL
        };
        for (chunk, shape) in shapes(&model, &gas()).iter().enumerate() {
            let own = ChunkPlan::within(&none, &model, chunk, &gas()).unwrap();
            assert_eq!(shape, own.shape());
        }
    }
    assert_eq!(names(&digits(1)), [Some("conv3pool")]);
    assert_eq!(
        names(&digits(3)),
        [Some("conv3pool"), Some("conv3"), Some("dense")]
    );
}

#[test]
fn chunk_takes_the_cheapest_entry_that_holds_it() {
    assert_eq!(names(&convolution(RANGE, 1)), [Some("conv3")]);
    assert_eq!(names(&convolution(RANGE, 3)), [Some("conv3")]);
    assert_eq!(names(&convolution(RANGE, 5)), [Some("full7")]);
    assert_eq!(names(&convolution(RANGE, 7)), [Some("full7")]);
    let mut b = Builder::new(RANGE, 153);
    let x = b.input(1, 4, 4);
    let y = b.max_pool(x, [2, 2], [2, 2], [0, 0], (2, 2));
    b.graph.outputs.push(y);
    let pool = cut(&b.graph, &[1], Visibility::Public, Visibility::Public);
    assert_eq!(names(&pool), [Some("conv3pool")]);
    // As many rows as were asked for, and as many blinders.
    let options = PlanOptions {
        k: Some(14),
        hide_weights: HideWeights::Rows(100),
        ..gas()
    };
    let [shape] = &shapes(&pool, &options)[..] else {
        panic!()
    };
    assert_eq!((shape.k, entry_of(shape)), (14, Some(&ENTRIES[2])));
}

#[test]
fn chunk_that_no_entry_holds_gets_a_shape_of_its_own() {
    for (range, side) in [(RANGE, 9), (2048, 3)] {
        let model = convolution(range, side);
        let [shape] = &shapes(&model, &gas())[..] else {
            panic!()
        };
        assert_eq!(entry_of(shape), None);
        assert_eq!((shape.stacked, shape.taps), (true, side));
    }
}

#[test]
fn other_objectives_take_what_a_chunk_needs() {
    for objective in [Objective::Time, Objective::Memory] {
        let options = PlanOptions {
            objective,
            ..PlanOptions::default()
        };
        let [shape] = &shapes(&convolution(RANGE, 5), &options)[..] else {
            panic!()
        };
        assert_eq!(shape.taps, 5);
    }
}

/// A chunk of one dense layer is proven in every canonical shape, whatever it does not use of it.
#[test]
fn every_entry_has_a_sample_that_is_satisfied() {
    let model = super::sample::model();
    for entry in ENTRIES {
        let plan = entry.sample().unwrap();
        assert_eq!(*plan.shape(), entry.shape(12));
        assert_eq!((plan.num_public(), plan.hide_rows()), (2, 0));
        let setup = setup_of(plan, &model, &[vec![1234]]);
        assert_eq!(failing(&setup, &setup.circuit), BTreeSet::new());
    }
}
