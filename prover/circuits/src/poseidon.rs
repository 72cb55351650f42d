//! Poseidon over BN254 `Fr` with t = 3, x^5, 8 full and 57 partial rounds: circomlib's parameters, on the host.
//!
//! The constants are not pasted in: they are generated at first use by the Grain LFSR of the Poseidon paper
//! (<https://eprint.iacr.org/2019/458>, appendix E; prime field, x^alpha S-box, n = 254, t = 3, R_F = 8,
//! R_P = 57) and checked in the tests against circomlibjs outputs. The same values are circuit constants.

use halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use std::sync::OnceLock;

/// Rounds with an S-box on every element; half of them come first, half last.
pub const FULL_ROUNDS: usize = 8;
/// Rounds with an S-box on the first element only.
pub const PARTIAL_ROUNDS: usize = 57;
/// All rounds.
pub const ROUNDS: usize = FULL_ROUNDS + PARTIAL_ROUNDS;
/// State elements.
pub const WIDTH: usize = 3;

/// Bits of the modulus of `Fr`.
const FIELD_BITS: u32 = 254;

/// Round constants and MDS matrix.
#[derive(Debug)]
struct Constants {
    round: [[Fr; WIDTH]; ROUNDS],
    mds: [[Fr; WIDTH]; WIDTH],
}

fn constants() -> &'static Constants {
    static CONSTANTS: OnceLock<Constants> = OnceLock::new();
    CONSTANTS.get_or_init(generate)
}

/// The constants that each round adds to the state, in round order.
pub fn round_constants() -> &'static [[Fr; WIDTH]; ROUNDS] {
    &constants().round
}

/// The MDS matrix: `new[i] = sum_j mds[i][j] * old[j]`.
pub fn mds() -> &'static [[Fr; WIDTH]; WIDTH] {
    &constants().mds
}

/// Whether the round with this index applies the S-box to every element.
pub const fn is_full_round(round: usize) -> bool {
    round < FULL_ROUNDS / 2 || round >= FULL_ROUNDS / 2 + PARTIAL_ROUNDS
}

/// The permutation: every round adds its constants, applies the S-box (to all three elements in a full round, to
/// the first in a partial one), multiplies by the MDS matrix.
pub fn permute(mut state: [Fr; WIDTH]) -> [Fr; WIDTH] {
    let constants = constants();
    for (round, add) in constants.round.iter().enumerate() {
        for (s, c) in state.iter_mut().zip(add) {
            *s += c;
        }
        let boxes = if is_full_round(round) { WIDTH } else { 1 };
        for s in state.iter_mut().take(boxes) {
            *s *= s.square().square();
        }
        state = mix(&constants.mds, &state);
    }
    state
}

/// One step of the sponge that builds leaves, and (with `h = 0`) a tree node: `permute([h, a, b])[0]`.
pub fn compress(h: Fr, a: Fr, b: Fr) -> Fr {
    permute([h, a, b])[0]
}

fn mix(mds: &[[Fr; WIDTH]; WIDTH], state: &[Fr; WIDTH]) -> [Fr; WIDTH] {
    let mut mixed = [Fr::ZERO; WIDTH];
    for (m, row) in mixed.iter_mut().zip(mds) {
        *m = row[0] * state[0] + row[1] * state[1] + row[2] * state[2];
    }
    mixed
}

fn generate() -> Constants {
    let mut grain = Grain::new();
    let mut round = [[Fr::ZERO; WIDTH]; ROUNDS];
    for constant in round.iter_mut().flatten() {
        *constant = grain.below_modulus();
    }
    // Cauchy matrix 1 / (x_i + y_j). The paper draws again should a value repeat or a sum vanish; with these
    // parameters the first draw is good, and the test vectors would notice otherwise.
    let mut points = [Fr::ZERO; 2 * WIDTH];
    for point in &mut points {
        *point = grain.reduced();
    }
    let mut mds = [[Fr::ZERO; WIDTH]; WIDTH];
    for (i, row) in mds.iter_mut().enumerate() {
        for (j, cell) in row.iter_mut().enumerate() {
            *cell = (points[i] + points[WIDTH + j]).invert().unwrap_or(Fr::ZERO);
        }
    }
    Constants { round, mds }
}

/// The self-shrinking 80-bit Grain LFSR that generates Poseidon's constants.
struct Grain {
    /// Bit 0 is the oldest.
    state: u128,
}

impl Grain {
    fn new() -> Self {
        let fields: [(u32, u32); 6] = [
            (2, 1),                      // prime field
            (4, 0),                      // S-box x^alpha
            (12, FIELD_BITS),            // n
            (12, WIDTH as u32),          // t
            (10, FULL_ROUNDS as u32),    // R_F
            (10, PARTIAL_ROUNDS as u32), // R_P
        ];
        let mut state = 0u128;
        let mut filled = 0;
        for (width, value) in fields {
            for bit in (0..width).rev() {
                state |= u128::from((value >> bit) & 1) << filled;
                filled += 1;
            }
        }
        for position in filled..80 {
            state |= 1 << position;
        }
        let mut grain = Grain { state };
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let tap = |i: u32| (self.state >> i) & 1;
        let new = tap(62) ^ tap(51) ^ tap(38) ^ tap(23) ^ tap(13) ^ tap(0);
        self.state = (self.state >> 1) | (new << 79);
        new == 1
    }

    /// The next output bit: of each pair of steps, the second counts if the first is set.
    fn bit(&mut self) -> bool {
        loop {
            let keep = self.step();
            let bit = self.step();
            if keep {
                return bit;
            }
        }
    }

    /// 254 bits, most significant first, as little-endian bytes.
    fn integer(&mut self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        for position in (0..FIELD_BITS as usize).rev() {
            bytes[position / 8] |= u8::from(self.bit()) << (position % 8);
        }
        bytes
    }

    /// The next integer that is below the modulus.
    fn below_modulus(&mut self) -> Fr {
        loop {
            if let Some(value) = Option::<Fr>::from(Fr::from_repr(self.integer())) {
                return value;
            }
        }
    }

    /// The next integer, reduced.
    fn reduced(&mut self) -> Fr {
        let byte = Fr::from(256);
        self.integer()
            .iter()
            .rev()
            .fold(Fr::ZERO, |acc, b| acc * byte + Fr::from(u64::from(*b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fr_hex(hex: &str) -> Fr {
        let mut bytes = [0u8; 32];
        for (i, b) in bytes.iter_mut().enumerate() {
            let at = 62 - 2 * i;
            *b = u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        }
        Fr::from_repr(bytes).unwrap()
    }

    #[test]
    fn permute_circomlib_poseidon_of_1_2_matches() {
        let out = compress(Fr::ZERO, Fr::from(1), Fr::from(2));
        assert_eq!(
            out,
            fr_hex("115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189a")
        );
    }

    #[test]
    fn permute_circomlib_initial_state_matches() {
        let tag = Fr::from(u64::MAX) + Fr::ONE + Fr::from(5);
        let out = compress(tag, Fr::from(1), Fr::from(2));
        assert_eq!(
            out,
            fr_hex("2166be046b1eb1afd0614a80da758fecca7e72ef287701788ea65b0053fa0229")
        );
    }

    #[test]
    fn round_constants_first_of_circomlib_matches() {
        assert_eq!(
            round_constants()[0][0],
            fr_hex("0ee9a592ba9a9518d05986d656f40c2114c4993c11bb29938d21d47304cd8e6e")
        );
    }
}
