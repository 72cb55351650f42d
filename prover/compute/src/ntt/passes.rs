//! The passes of a transform over rows of lanes.

use super::{Parameters, eight_powers, powers};
use crate::lanes::{LANES, Lanes};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;

/// Rows whose layers are done together: 2^9 rows of 320 bytes stay in the second-level cache.
const BLOCK_BITS: u32 = 9;

/// The factors of one transform.
#[derive(Debug)]
pub(super) struct Passes<L: Lanes> {
    /// log2 of the number of rows
    bits: u32,
    /// For the layer that joins halves of 2^s rows, the factors of the 2^s rows of its second half.
    layers: Vec<Vec<L::Constant>>,
    /// Whether the factors of the first two layers are 1, but for one.
    from_domain: bool,
    lanes: LaneStep<L>,
}

/// The factors of the step across lanes.
#[derive(Debug)]
struct LaneStep<L: Lanes> {
    /// Lane c of number l multiplies row c: scale · into^l · (root^l · out)^c.
    start: [[Fr; LANES]; LANES],
    /// From eight rows to the next: (root^l · out)^8.
    step: [L::Constant; LANES],
    /// The first, second and third power of a primitive eighth root of unity.
    eighths: [L::Constant; 3],
    /// out^(q·m), where out is not 1.
    out: Option<[L::Constant; LANES]>,
    /// Whether number 0 is multiplied by 1.
    first_is_one: bool,
}

/// Memory that a transform works in: 40 bytes an element.
#[derive(Debug)]
pub(super) struct Scratch<L> {
    pub(super) rows: Vec<L>,
    strided: Vec<L>,
}

impl<L: Lanes<F = Fr>> Scratch<L> {
    #[inline(always)]
    pub(super) fn new(passes: &Passes<L>) -> Self {
        let strided = passes.bits.saturating_sub(BLOCK_BITS);
        Scratch {
            rows: vec![L::zero(); 1 << passes.bits],
            strided: vec![L::zero(); 1 << strided],
        }
    }
}

impl<L: Lanes<F = Fr>> Passes<L> {
    pub(super) fn new(k: u32, parameters: &Parameters) -> Self {
        let Parameters {
            root,
            into,
            out,
            scale,
        } = *parameters;
        let bits = k - LANES.ilog2();
        let rows = 1u64 << bits;
        let layer = |s: u32| {
            // Halves of 2^s rows: the points of the joined transform are shift · step^j.
            let joined = LANES as u64 * (rows >> (s + 1));
            let (shift, step) = (into.pow_vartime([joined]), root.pow_vartime([joined]));
            let factors = powers(step, 1 << s);
            factors.iter().map(|f| L::constant(&(*f * shift))).collect()
        };
        let column = |l: usize| {
            (
                root.pow_vartime([l as u64]) * out,
                into.pow_vartime([l as u64]),
            )
        };
        let eighth = root.pow_vartime([rows]);
        let lanes = LaneStep {
            start: std::array::from_fn(|l| {
                let (base, shift) = column(l);
                eight_powers(scale * shift, base)
            }),
            step: std::array::from_fn(|l| L::constant(&column(l).0.pow_vartime([LANES as u64]))),
            eighths: [1, 2, 3].map(|power: u64| L::constant(&eighth.pow_vartime([power]))),
            out: (out != Fr::ONE).then(|| {
                eight_powers(Fr::ONE, out.pow_vartime([rows])).map(|power| L::constant(&power))
            }),
            first_is_one: scale == Fr::ONE && out == Fr::ONE,
        };
        Passes {
            bits,
            layers: (0..bits).map(layer).collect(),
            from_domain: into == Fr::ONE,
            lanes,
        }
    }

    /// Reads the elements and transforms every lane. Bounds, in multiples of p: 3 when read, at most 12 behind the first two layers,
    /// and 2 more with each of at most 23 further layers: 58.
    #[inline(always)]
    pub(super) fn rows(&self, from: &[Fr], scratch: &mut Scratch<L>) {
        let (elements, _) = from.as_chunks::<LANES>();
        let unused = usize::BITS - self.bits;
        for (i, eight) in elements.iter().enumerate() {
            let reversed = i.reverse_bits() >> unused;
            scratch.rows[reversed] = L::load(eight).reduce();
        }
        let block_bits = self.bits.min(BLOCK_BITS);
        for block in scratch.rows.chunks_exact_mut(1 << block_bits) {
            self.layers_from_one(block, block_bits);
        }
        let mut done = block_bits;
        while done < self.bits {
            let now = (self.bits - done).min(BLOCK_BITS);
            self.strided(scratch, done, now);
            done += now;
        }
    }

    /// The first layers, on consecutive rows.
    #[inline(always)]
    fn layers_from_one(&self, block: &mut [L], bits: u32) {
        let mut s = 0;
        if self.from_domain && bits >= 2 {
            let quarter = &self.layers[1][1];
            for four in block.chunks_exact_mut(4) {
                let (a, b, c, d) = (four[0], four[1], four[2], four[3]);
                // Bound 6.
                let (sum, difference) = (a.add(b), a.sub::<3>(b));
                let (sum2, difference2) = (c.add(d), c.sub::<3>(d).mul_constant(quarter));
                // Bounds 12, 8.
                four[0] = sum.add(sum2);
                four[2] = sum.sub::<6>(sum2);
                four[1] = difference.add(difference2);
                four[3] = difference.sub::<2>(difference2);
            }
            s = 2;
        }
        self.butterflies(block, s, bits, 0, 0);
    }

    /// Layers `done` to `done + count`: rows p, p + 2^done, p + 2·2^done, … of a block go through them by themselves.
    #[inline(always)]
    fn strided(&self, scratch: &mut Scratch<L>, done: u32, count: u32) {
        let Scratch { rows, strided } = scratch;
        let buffer = &mut strided[..1 << count];
        for block in rows.chunks_exact_mut(1 << (done + count)) {
            for p in 0..1usize << done {
                for (r, to) in buffer.iter_mut().enumerate() {
                    *to = block[p + (r << done)];
                }
                self.butterflies(buffer, 0, count, done, p);
                for (r, from) in buffer.iter().enumerate() {
                    block[p + (r << done)] = *from;
                }
            }
        }
    }

    /// Layers `s` to `end` of a buffer whose row r is row p + r·2^done of a block: two layers a pass.
    #[inline(always)]
    fn butterflies(&self, buffer: &mut [L], mut s: u32, end: u32, done: u32, p: usize) {
        if (end - s) % 2 == 1 {
            let layer = &self.layers[(done + s) as usize];
            let half = 1usize << s;
            for block in buffer.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (r, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let product = b.mul_constant(&layer[p + (r << done)]);
                    (*a, *b) = (a.add(product), a.sub::<2>(product));
                }
            }
            s += 1;
        }
        while s < end {
            let (first, second) = (
                &self.layers[(done + s) as usize],
                &self.layers[(done + s + 1) as usize],
            );
            let half = 1usize << s;
            for block in buffer.chunks_exact_mut(4 * half) {
                let (low, high) = block.split_at_mut(2 * half);
                let (x0, x1) = low.split_at_mut(half);
                let (x2, x3) = high.split_at_mut(half);
                for r in 0..half {
                    let at = p + (r << done);
                    let w = &first[at];
                    let (b, d) = (x1[r].mul_constant(w), x3[r].mul_constant(w));
                    let (a, c) = (x0[r], x2[r]);
                    let (low_sum, low_difference) = (a.add(b), a.sub::<2>(b));
                    let (high_sum, high_difference) = (c.add(d), c.sub::<2>(d));
                    let e = high_sum.mul_constant(&second[at]);
                    let f = high_difference.mul_constant(&second[at + (half << done)]);
                    x0[r] = low_sum.add(e);
                    x2[r] = low_sum.sub::<2>(e);
                    x1[r] = low_difference.add(f);
                    x3[r] = low_difference.sub::<2>(f);
                }
            }
            s += 2;
        }
    }

    /// The step across lanes, and the writing of the elements.
    #[inline(always)]
    pub(super) fn lanes(&self, scratch: &Scratch<L>, to: &mut [Fr]) {
        let step = &self.lanes;
        let rows = scratch.rows.len();
        // By 1, whose product has a lower bound than what is only reduced: rows of the largest domains need it.
        let one = L::constant(&Fr::ONE);
        let mut factors: [L; LANES] =
            std::array::from_fn(|l| L::load(&step.start[l]).mul_constant(&one));
        let (eights, _) = scratch.rows.as_chunks::<LANES>();
        for (block, eight) in eights.iter().enumerate() {
            let mut z = L::transpose(*eight);
            // Rows are below 58 and factors below 2: bounds 3.
            z[0] = if step.first_is_one {
                z[0].reduce()
            } else {
                z[0].mul(factors[0])
            };
            for l in 1..LANES {
                z[l] = z[l].mul(factors[l]);
            }
            let skipped = usize::from(step.first_is_one);
            for (factor, step) in factors.iter_mut().zip(&step.step).skip(skipped) {
                *factor = factor.mul_constant(step);
            }
            let values = eight_points(z, &step.eighths);
            for (q, mut value) in values.into_iter().enumerate() {
                if let Some(out) = &step.out {
                    value = value.mul_constant(&out[q]);
                }
                let at = q * rows + block * LANES;
                if let Some(to) = to[at..].first_chunk_mut::<LANES>() {
                    value.store(to);
                }
            }
        }
    }
}

/// The transform of eight points with a primitive eighth root w: number q is the sum over l of w^(l·q) z_l. Bounds from 3 to 12.
#[inline(always)]
fn eight_points<L: Lanes>(z: [L; LANES], eighths: &[L::Constant; 3]) -> [L; LANES] {
    let [w1, w2, w3] = eighths;
    // Of the elements with even number, as a transform of four with w^2; then of the odd ones. Bounds 6, 8.
    let (a0, a1) = (z[0].add(z[4]), z[0].sub::<3>(z[4]));
    let (a2, a3) = (z[2].add(z[6]), z[2].sub::<3>(z[6]).mul_constant(w2));
    let even = [
        a0.add(a2).reduce(),
        a1.add(a3),
        a0.sub::<6>(a2).reduce(),
        a1.sub::<2>(a3),
    ];
    let (b0, b1) = (z[1].add(z[5]), z[1].sub::<3>(z[5]));
    let (b2, b3) = (z[3].add(z[7]), z[3].sub::<3>(z[7]).mul_constant(w2));
    let odd = [
        b0.add(b2).reduce(),
        b1.add(b3).mul_constant(w1),
        b0.sub::<6>(b2).mul_constant(w2),
        b1.sub::<2>(b3).mul_constant(w3),
    ];
    let mut out = [z[0]; LANES];
    for i in 0..4 {
        out[i] = even[i].add(odd[i]);
        out[i + 4] = even[i].sub::<3>(odd[i]);
    }
    out
}
