//! Random geometries: layouts, windows and programs agree with the executor.

use super::assert_honest;
use super::builder::{Builder, Conv};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[test]
fn random_convolution_geometries_are_satisfied() {
    let long = std::env::var("CHAINFER_LONG").is_ok();
    let count = if long { 400 } else { 30 };
    for seed in 0..count {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut b = Builder::new(240, seed);
        let (h, w) = (rng.gen_range(2..8), rng.gen_range(2..8));
        let groups = [1, 1, 2][rng.gen_range(0..3)];
        let mut at = b.input(2, h, w);
        let (mut h, mut w) = (h, w);
        for _ in 0..2 {
            let pre_pool = if rng.gen_bool(0.3) {
                [2.min(h), 2.min(w)]
            } else {
                [1, 1]
            };
            let size = [h / pre_pool[0], w / pre_pool[1]];
            let kernel = [rng.gen_range(1..=3), rng.gen_range(1..=3)];
            let stride = [rng.gen_range(1..=2), rng.gen_range(1..=2)];
            let pad = [rng.gen_range(0..=2), rng.gen_range(0..=2)];
            let out = |axis: usize| {
                (size[axis] + 2 * pad[axis])
                    .checked_sub(kernel[axis])
                    .map(|d| d / stride[axis] + 1)
            };
            let (Some(oh), Some(ow)) = (out(0), out(1)) else {
                continue;
            };
            // The quantiser may trim trailing rows and columns.
            let (oh, ow) = (
                oh - usize::from(oh > 2 && rng.gen_bool(0.3)),
                ow - usize::from(ow > 2 && rng.gen_bool(0.3)),
            );
            at = b.conv(
                &[(
                    at,
                    Conv {
                        pre_pool,
                        kernel,
                        stride,
                        pad,
                        groups,
                    },
                )],
                (2, oh, ow),
            );
            (h, w) = (oh, ow);
        }
        if b.graph.layers.is_empty() {
            continue;
        }
        b.graph.outputs.push(at);
        let layers = b.graph.layers.len();
        println!("seed {seed}");
        assert_honest(b, &[layers]);
    }
}
