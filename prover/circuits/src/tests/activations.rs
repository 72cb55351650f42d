//! Honest traces of layers that compute with activations alone.

use super::builder::{Builder, partition, square};
use super::case::names;
use super::{assert_honest, failing, setup};
use crate::{Objective, PlanOptions};
use chainfer_model::partitioned::Visibility;

const R: u32 = 240;

#[test]
fn constants_take_no_input() {
    let mut b = Builder::new(R, 161);
    let x = b.input(1, 2, 2);
    let c = b.constants(2, 2, 2);
    let h = b.conv(&[(x, square(1, 1, 0)), (c, square(1, 1, 0))], (2, 2, 2));
    b.graph.outputs.extend([h]);
    assert_honest(b, &[1, 1]);
}

#[test]
fn gather_of_several_sources() {
    let mut b = Builder::new(R, 162);
    let (x, w) = (b.input(2, 3, 2), b.input(1, 1, 5));
    let p = b.max_pool(x, [2, 2], [1, 1], [0, 0], (2, 1));
    let g = b.gather(&[p, w, x], (2, 3, 3));
    let h = b.conv(&[(g, square(3, 1, 1))], (1, 3, 3));
    let y = b.gather(&[h], (1, 1, 4));
    b.graph.outputs.push(y);
    assert_honest(b, &[2, 2]);
}

#[test]
fn functions_of_one_and_two_tables() {
    let mut b = Builder::new(R, 163);
    let x = b.input(2, 3, 3);
    let (f, g) = (b.table(), b.table());
    let h = b.function(x, f);
    let h = b.conv(&[(h, square(3, 1, 1))], (2, 3, 3));
    let h = b.function(h, g);
    let h = b.function(h, f);
    let y = b.dense(&[h], 3);
    b.graph.outputs.push(y);
    assert_honest(b, &[1, 4]);
}

#[test]
fn function_beside_max_pooling() {
    let mut b = Builder::new(R, 164);
    let x = b.input(1, 4, 4);
    let f = b.table();
    let h = b.function(x, f);
    let h = b.max_pool(h, [2, 2], [2, 2], [0, 0], (2, 2));
    let y = b.function(h, f);
    b.graph.outputs.push(y);
    assert_honest(b, &[3]);
}

#[test]
fn function_of_every_argument() {
    let mut b = Builder::new(R, 165);
    let x = b.input(1, 1, R as usize);
    let f = b.table();
    let y = b.function(x, f);
    b.graph.outputs.push(y);
    let all: Vec<u32> = (0..R).collect();
    super::assert_honest_with(&b, &[1], &[all]);
}

#[test]
fn products_with_gaps_and_strides() {
    let mut b = Builder::new(R, 166);
    let (x, w) = (b.input(2, 4, 4), b.input(1, 1, 3));
    let h = b.product(x, w, (2, 4, 4));
    let h = b.conv(&[(h, square(3, 2, 1))], (3, 2, 2));
    let y = b.product(h, h, (1, 3, 4));
    b.graph.outputs.push(y);
    assert_honest(b, &[1, 2]);
}

#[test]
fn product_beside_max_pooling() {
    let mut b = Builder::new(R, 167);
    let x = b.input(1, 4, 4);
    let h = b.max_pool(x, [2, 2], [2, 2], [0, 0], (2, 2));
    let y = b.product(h, x, (1, 2, 2));
    b.graph.outputs.push(y);
    let inputs = b.values();
    let model = partition(&b.graph, &[2], Visibility::Committed, Visibility::Public);
    // Maxima of the wide arrangement take two lanes, a product stands in one.
    for objective in [Objective::Time, Objective::Gas, Objective::Memory] {
        let options = PlanOptions {
            objective,
            ..PlanOptions::default()
        };
        let setup = setup(&model, &inputs, 0, &options);
        assert!(setup.is_compact());
        assert_eq!(failing(&setup, &setup.circuit), names(&[]));
    }
}

#[test]
fn matrix_products() {
    for (seed, (matrices, rows)) in [(1, 1), (1, 4), (2, 3), (4, 1)].into_iter().enumerate() {
        let mut b = Builder::new(R, 168 + seed as u64);
        let (x, w) = (b.input(4, 3, 3), b.input(1, 1, 12));
        let h = b.mat_mul(w, x, matrices, rows);
        let h = b.conv(&[(h, square(3, 2, 1)), (x, square(3, 2, 1))], (2, 2, 2));
        let y = b.mat_mul(x, h, 1, 2);
        b.graph.outputs.push(y);
        assert_honest(b, &[1, 2]);
    }
}
