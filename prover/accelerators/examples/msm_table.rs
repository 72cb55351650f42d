//! Multi-scalar multiplication on the processor and on a device of ICICLE, for 2^12 to 2^18 points, one column and a batch of eight a call:
//! `cargo run --release -p chainfer-accelerators --example msm_table -- CUDA:0`. One JSON object a line on stdout.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use chainfer_accelerators::icicle::{Icicle, Options};
use chainfer_compute::backend::{Compute, ComputeError, Cpu};
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::ff::Field as _;
use halo2curves::group::{Curve as _, Group as _};
use rand::thread_rng;
use std::error::Error;
use std::time::Instant;

const SIZES: [u32; 4] = [12, 14, 16, 18];
const BATCH: usize = 8;
const RUNS: u32 = 5;

fn points(count: usize) -> Vec<G1Affine> {
    let step = G1::random(thread_rng());
    let sums = std::iter::successors(Some(step), |point| Some(*point + step)).take(count);
    let mut points = vec![G1Affine::default(); count];
    G1::batch_normalize(&sums.collect::<Vec<_>>(), &mut points);
    points
}

/// Milliseconds of a commitment to one column, and to each of a batch.
fn times<C: Compute>(compute: &C, points: &[G1Affine]) -> Result<[f64; 2], ComputeError> {
    let bases = compute.bases(points.to_vec())?;
    let column = || {
        (0..points.len())
            .map(|_| Fr::random(thread_rng()))
            .collect()
    };
    let columns: Vec<C::Column> = (0..BATCH)
        .map(|_| compute.column(column()))
        .collect::<Result<_, _>>()?;
    let columns: Vec<&C::Column> = columns.iter().collect();
    let mut out = [0.0; 2];
    for (out, columns) in out.iter_mut().zip([&columns[..1], &columns[..]]) {
        compute.commit(&bases, columns)?;
        let started = Instant::now();
        for _ in 0..RUNS {
            compute.commit(&bases, columns)?;
        }
        *out = started.elapsed().as_secs_f64() * 1e3 / f64::from(RUNS) / columns.len() as f64;
    }
    Ok(out)
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "CUDA:0".to_owned());
    let icicle = Icicle::open(&Options {
        device: device.clone(),
        k: SIZES[SIZES.len() - 1],
        libraries: None,
        backends: None,
    })?;
    for k in SIZES {
        let points = points(1 << k);
        for (name, [one, batch]) in [
            ("cpu", times(&Cpu::detect(), &points)?),
            (device.as_str(), times(&icicle, &points)?),
        ] {
            println!(
                r#"{{"k": {k}, "device": "{name}", "one_ms": {one:.3}, "batch_ms": {batch:.3}}}"#
            );
        }
    }
    Ok(())
}
