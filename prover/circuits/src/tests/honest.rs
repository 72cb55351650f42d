//! Honest traces of every kind of layer satisfy their circuits.

use super::assert_honest;
use super::builder::{Builder, Conv, square};
use crate::PlanOptions;
use chainfer_model::partitioned::Visibility;

const R: u32 = 240;

#[test]
fn dense_two_layers() {
    let mut b = Builder::new(R, 1);
    let x = b.input(1, 1, 7);
    let h = b.dense(&[x], 5);
    let y = b.dense(&[h], 3);
    b.graph.outputs.push(y);
    assert_honest(b, &[1, 1]);
}

#[test]
fn conv_valid_then_dense() {
    let mut b = Builder::new(R, 2);
    let x = b.input(1, 5, 5);
    let h = b.conv(&[(x, square(3, 1, 0))], (2, 3, 3));
    let y = b.dense(&[h], 3);
    b.graph.outputs.push(y);
    assert_honest(b, &[2]);
}

#[test]
fn conv_same_padding() {
    let mut b = Builder::new(R, 3);
    let x = b.input(2, 5, 4);
    let h = b.conv(&[(x, square(3, 1, 1))], (2, 5, 4));
    let h = b.conv(&[(h, square(3, 1, 1))], (2, 5, 4));
    b.graph.outputs.push(h);
    assert_honest(b, &[1, 1]);
}

#[test]
fn conv_wide_padding() {
    let mut b = Builder::new(R, 4);
    let x = b.input(1, 4, 5);
    let h = b.conv(&[(x, square(5, 1, 2))], (2, 4, 5));
    let h = b.conv(&[(h, square(1, 1, 1))], (1, 6, 7));
    b.graph.outputs.push(h);
    assert_honest(b, &[2]);
}

#[test]
fn conv_strided() {
    let mut b = Builder::new(R, 5);
    let x = b.input(2, 7, 6);
    let h = b.conv(&[(x, square(3, 2, 1))], (3, 4, 3));
    let h = b.conv(&[(h, square(2, 2, 0))], (2, 2, 1));
    b.graph.outputs.push(h);
    assert_honest(b, &[2]);
}

#[test]
fn conv_uneven_stride_and_padding() {
    let mut b = Builder::new(R, 6);
    let x = b.input(1, 6, 7);
    let w = Conv {
        pre_pool: [1, 1],
        kernel: [2, 3],
        stride: [1, 2],
        pad: [0, 2],
        groups: 1,
    };
    let h = b.conv(&[(x, w)], (2, 5, 4));
    b.graph.outputs.push(h);
    assert_honest(b, &[1]);
}

#[test]
fn conv_groups_and_depthwise() {
    let mut b = Builder::new(R, 7);
    let x = b.input(4, 4, 4);
    let h = b.conv(
        &[(
            x,
            Conv {
                groups: 2,
                ..square(3, 1, 1)
            },
        )],
        (4, 4, 4),
    );
    let h = b.conv(
        &[(
            h,
            Conv {
                groups: 4,
                ..square(3, 1, 0)
            },
        )],
        (8, 2, 2),
    );
    b.graph.outputs.push(h);
    assert_honest(b, &[1, 1]);
}

#[test]
fn pooled_convolutions_chain() {
    // Average pooling folded in the next convolution, twice, as in the zkml MNIST network; odd sizes are trimmed.
    let mut b = Builder::new(R, 8);
    let x = b.input(1, 14, 13);
    let h = b.conv(&[(x, square(3, 1, 0))], (2, 12, 10));
    let h = b.conv(
        &[(
            h,
            Conv {
                pre_pool: [2, 2],
                ..square(3, 1, 0)
            },
        )],
        (2, 4, 3),
    );
    let h = b.conv(
        &[(
            h,
            Conv {
                pre_pool: [2, 2],
                ..square(1, 1, 0)
            },
        )],
        (2, 2, 1),
    );
    b.graph.outputs.push(h);
    assert_honest(b, &[3]);
}

#[test]
fn residual_skip_crosses_cuts() {
    let mut b = Builder::new(R, 9);
    let x = b.input(2, 4, 4);
    let a = b.conv(&[(x, square(3, 1, 1))], (2, 4, 4));
    let c = b.conv(&[(a, square(3, 1, 1))], (2, 4, 4));
    let d = b.conv(
        &[
            (c, square(3, 1, 1)),
            (
                a,
                Conv {
                    groups: 2,
                    ..square(1, 1, 0)
                },
            ),
        ],
        (2, 4, 4),
    );
    let y = b.dense(&[d, x], 3);
    b.graph.outputs.push(y);
    assert_honest(b, &[1, 1, 2]);
}

#[test]
fn max_pool_two_by_two() {
    let mut b = Builder::new(R, 10);
    let x = b.input(2, 5, 5);
    let h = b.max_pool(x, [2, 2], [2, 2], [0, 0], (2, 2));
    let h = b.conv(&[(h, square(2, 1, 1))], (2, 3, 3));
    let y = b.dense(&[h], 2);
    b.graph.outputs.push(y);
    assert_honest(b, &[1, 2]);
}

#[test]
fn max_pool_separated_with_padding() {
    let mut b = Builder::new(R, 11);
    let x = b.input(2, 5, 5);
    let h = b.conv(&[(x, square(3, 1, 1))], (2, 5, 5));
    let h = b.max_pool(h, [1, 3], [1, 2], [0, 1], (5, 3));
    let h = b.max_pool(h, [3, 1], [2, 1], [1, 0], (3, 3));
    let y = b.dense(&[h], 2);
    b.graph.outputs.push(y);
    assert_honest(b, &[4]);
}

#[test]
fn two_outputs_and_two_inputs() {
    let mut b = Builder::new(R, 12);
    let x = b.input(1, 1, 6);
    let w = b.input(2, 3, 3);
    let h = b.dense(&[x, w], 4);
    let y = b.dense(&[h], 2);
    let c = b.conv(&[(w, square(3, 1, 1))], (1, 3, 3));
    b.graph.outputs.extend([y, c]);
    assert_honest(b, &[1, 2]);
}

#[test]
fn range_over_the_table_takes_limbs() {
    for (range, limbs) in [(480, 2), (960, 4)] {
        let mut b = Builder::new(range, 13);
        let x = b.input(1, 4, 4);
        let h = b.conv(&[(x, square(3, 1, 1))], (2, 4, 4));
        let h = b.max_pool(h, [2, 2], [2, 2], [0, 0], (2, 2));
        let y = b.dense(&[h], 3);
        b.graph.outputs.push(y);
        let inputs = b.values();
        let model =
            super::builder::partition(&b.graph, &[3], Visibility::Committed, Visibility::Public);
        let options = PlanOptions {
            k: Some(8),
            ..PlanOptions::default()
        };
        let setup = super::setup(&model, &inputs, 0, &options);
        assert_eq!(setup.plan.shape().limbs, limbs);
        assert_eq!(super::failing(&setup, &setup.circuit).len(), 0);
    }
}
