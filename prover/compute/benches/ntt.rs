//! Transforms to coefficients on one thread, a column: ours on portable and vector arithmetic, halo2-axiom's and arkworks'.
//!
//! `cargo bench -p chainfer-compute --bench ntt`, or with a part of a name, such as `12/`. Times are those on the wall, so nothing else
//! should run.

mod support;

use ark_ff::UniformRand as _;
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
use chainfer_compute::lanes::Arithmetic;
use chainfer_compute::ntt::Domain;
use criterion::Criterion;
use halo2_proofs::poly::EvaluationDomain;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

fn transforms(criterion: &mut Criterion) {
    if !support::use_one_thread() {
        return;
    }
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for k in [10u32, 12, 14, 16, 18] {
        let mut group = criterion.benchmark_group(format!("2^{k}"));
        let values: Vec<Fr> = (0..1 << k).map(|_| Fr::random(&mut rng)).collect();
        for arithmetic in Arithmetic::available() {
            let domain = Domain::new(arithmetic, k);
            let mut columns = [values.clone()];
            group.bench_function(arithmetic.name(), |bencher| {
                bencher.iter(|| domain.to_coefficients().in_place(&mut columns));
            });
        }
        let domain = EvaluationDomain::<Fr>::new(5, k);
        group.bench_function("halo2-axiom", |bencher| {
            bencher.iter(|| domain.lagrange_to_coeff(domain.lagrange_from_vec(values.clone())));
        });
        if let Some(domain) = Radix2EvaluationDomain::<ark_bn254::Fr>::new(1 << k) {
            let mut values: Vec<ark_bn254::Fr> =
                (0..1 << k).map(|_| ark_bn254::Fr::rand(&mut rng)).collect();
            group.bench_function("arkworks", |bencher| {
                bencher.iter(|| domain.ifft_in_place(&mut values));
            });
        }
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    transforms(&mut criterion);
}
