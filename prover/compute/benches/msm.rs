//! Multi-scalar multiplication on one thread: ours without and with a table, on portable and vector arithmetic, and those of
//! halo2curves and arkworks.
//!
//! `cargo bench -p chainfer-compute --bench msm`, or with a part of a name, such as `12, 254 bits`. Times are those on the wall, so
//! nothing else should run.

mod support;

use ark_ec::VariableBaseMSM as _;
use ark_ff::PrimeField as _;
use chainfer_compute::lanes::Arithmetic;
use chainfer_compute::msm::{Bases, msm_batch};
use criterion::Criterion;
use halo2curves::bn256::{Fr, G1, G1Affine};
use halo2curves::ff::{Field as _, PrimeField as _};
use halo2curves::group::{Curve as _, Group as _, prime::PrimeCurveAffine as _};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

fn points(rng: &mut ChaCha20Rng, count: usize) -> Vec<G1Affine> {
    let step = G1::random(&mut *rng);
    let mut point = step;
    let points: Vec<G1> = (0..count)
        .map(|_| {
            point = point.double() + step;
            point
        })
        .collect();
    let mut out = vec![G1Affine::identity(); count];
    G1::batch_normalize(&points, &mut out);
    out
}

fn scalars(rng: &mut ChaCha20Rng, count: usize, bits: u32) -> Vec<Fr> {
    (0..count)
        .map(|_| match bits {
            254 => Fr::random(&mut *rng),
            _ => Fr::from(rng.gen_range(0..1u64 << bits)),
        })
        .collect()
}

fn arkworks_point(point: &G1Affine) -> ark_bn254::G1Affine {
    let coordinate = |bytes: [u8; 32]| ark_bn254::Fq::from_le_bytes_mod_order(&bytes);
    ark_bn254::G1Affine::new_unchecked(coordinate(point.x.to_repr()), coordinate(point.y.to_repr()))
}

fn arkworks_scalar(scalar: &Fr) -> ark_bn254::Fr {
    ark_bn254::Fr::from_le_bytes_mod_order(&scalar.to_repr())
}

fn sums(criterion: &mut Criterion) {
    if !support::use_one_thread() {
        return;
    }
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for k in [10, 12, 14, 16] {
        let points = points(&mut rng, 1 << k);
        let of_arkworks: Vec<_> = points.iter().map(arkworks_point).collect();
        let bases = [
            ("", Bases::new(&points)),
            (", table", Bases::with_table(Arithmetic::detect(), &points)),
        ];
        for bits in [1, 12, 16, 254] {
            let column = scalars(&mut rng, 1 << k, bits);
            let of_scalars: Vec<_> = column.iter().map(arkworks_scalar).collect();
            let mut group = criterion.benchmark_group(format!("2^{k}, {bits} bits"));
            group.sample_size(10);
            group.bench_function("halo2curves", |bencher| {
                bencher.iter(|| halo2curves::msm::msm_best(&column, &points));
            });
            group.bench_function("arkworks", |bencher| {
                bencher.iter(|| ark_bn254::G1Projective::msm(&of_arkworks, &of_scalars));
            });
            for arithmetic in Arithmetic::available() {
                for (name, bases) in &bases {
                    group.bench_function(format!("{}{name}", arithmetic.name()), |bencher| {
                        bencher.iter(|| msm_batch(arithmetic, bases, &[&column]));
                    });
                }
            }
            group.finish();
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    sums(&mut criterion);
    criterion.final_summary();
}
