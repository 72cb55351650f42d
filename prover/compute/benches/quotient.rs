//! Constraints on all rows, on one thread: our programs on portable and vector arithmetic, and the same operations one by one in halo2curves'
//! arithmetic, as halo2 evaluates its gates.
//!
//! `cargo bench -p chainfer-compute --bench quotient`, or with a part of a name, such as `12/`. Times are those on the wall, so nothing else
//! should run.

mod support;

use chainfer_compute::lanes::Arithmetic;
use chainfer_compute::quotient::{Builder, Program, Value};
use criterion::Criterion;
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

const GATES: usize = 16;
/// A selector and three columns of the witness each.
const COLUMNS: usize = 4 * GATES;

/// The sum of all gates times powers of y, with gates of degree 5: selector · (a·b·(a + c) - next(c) - 3).
fn gates() -> Program {
    let mut b = Builder::new();
    let three = b.constant(Fr::from(3));
    let y = b.parameter(0);
    let mut terms: Vec<Value> = Vec::new();
    for gate in 0..GATES {
        let [selector, first, second, third] = [0, 1, 2, 3].map(|i| b.column(4 * gate + i, 0));
        let next = b.column(4 * gate + 3, 1);
        let product = b.multiply(first, second);
        let sum = b.add(first, third);
        let cubic = b.multiply(product, sum);
        let rest = b.subtract(cubic, next);
        let rest = b.subtract(rest, three);
        terms.push(b.multiply(selector, rest));
    }
    let folded = b.horner(&terms, y);
    b.compile(&[folded])
}

fn one_by_one(columns: &[&[Fr]], y: Fr, output: &mut [Fr]) {
    let (rows, three) = (output.len(), Fr::from(3));
    for (row, out) in output.iter_mut().enumerate() {
        let mut sum = Fr::ZERO;
        for gate in columns.chunks_exact(4) {
            let (a, b, c) = (gate[1][row], gate[2][row], gate[3][row]);
            let next = gate[3][(row + 1) % rows];
            sum = sum * y + gate[0][row] * (a * b * (a + c) - next - three);
        }
        *out = sum;
    }
}

fn quotients(criterion: &mut Criterion) {
    if !support::use_one_thread() {
        return;
    }
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let program = gates();
    let y = Fr::random(&mut rng);
    for k in [10u32, 12, 14, 16] {
        let mut group = criterion.benchmark_group(format!("2^{k}"));
        let mut column = || (0..1 << k).map(|_| Fr::random(&mut rng)).collect();
        let columns: Vec<Vec<Fr>> = (0..COLUMNS).map(|_| column()).collect();
        let columns: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
        let mut output = vec![Fr::ZERO; 1 << k];
        let mut expected = output.clone();
        one_by_one(&columns, y, &mut expected);
        for arithmetic in Arithmetic::available() {
            program.evaluate(arithmetic, &columns, &[y], &mut output);
            assert_eq!(output, expected, "{}", arithmetic.name());
            group.bench_function(arithmetic.name(), |bencher| {
                bencher.iter(|| program.evaluate(arithmetic, &columns, &[y], &mut output));
            });
        }
        group.bench_function("one by one", |bencher| {
            bencher.iter(|| one_by_one(&columns, y, &mut output));
        });
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    quotients(&mut criterion);
}
