//! Changes to an honest input.

use halo2curves::{
    CurveAffine,
    bn256::{Fq, Fr, G1, G1Affine},
    ff::{Field, PrimeField},
    group::{Curve, Group},
};
use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use revm::primitives::U256;

use super::{
    differences::order,
    input::{Input, ProofShape},
    prove::word,
};

/// What is done to one word, or to what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    FlipBit,
    Increment,
    Decrement,
    AddScalarOrder,
    SubtractScalarOrder,
    AddBaseModulus,
    Negate,
    Zero,
    Max,
    Order,
    SwapWords,
    CopyWord,
    RandomBytes,
    RandomScalar,
    IdentityPoint,
    NegatePoint,
    DoublePoint,
    RandomPoint,
    CopyPoint,
    SwapPoints,
    Truncate,
    Extend,
    DropInstance,
    AddInstance,
    /// Two of the others, one after the other.
    Two,
}

pub(crate) const KINDS: [Kind; 25] = [
    Kind::FlipBit,
    Kind::Increment,
    Kind::Decrement,
    Kind::AddScalarOrder,
    Kind::SubtractScalarOrder,
    Kind::AddBaseModulus,
    Kind::Negate,
    Kind::Zero,
    Kind::Max,
    Kind::Order,
    Kind::SwapWords,
    Kind::CopyWord,
    Kind::RandomBytes,
    Kind::RandomScalar,
    Kind::IdentityPoint,
    Kind::NegatePoint,
    Kind::DoublePoint,
    Kind::RandomPoint,
    Kind::CopyPoint,
    Kind::SwapPoints,
    Kind::Truncate,
    Kind::Extend,
    Kind::DropInstance,
    Kind::AddInstance,
    Kind::Two,
];

/// Modulus of the curve's coordinates.
pub(crate) fn base_modulus() -> U256 {
    let mut largest = (-Fq::ONE).to_repr();
    largest.reverse();
    U256::from_be_bytes(largest) + U256::ONE
}

/// A point as two words.
pub(crate) fn encode_point(point: &G1Affine) -> [u8; 64] {
    let mut bytes = [0; 64];
    if let Some(at) = Option::<halo2curves::Coordinates<G1Affine>>::from(point.coordinates()) {
        for (out, coordinate) in bytes.chunks_mut(32).zip([at.x(), at.y()]) {
            let mut repr = coordinate.to_repr();
            repr.reverse();
            out.copy_from_slice(&repr);
        }
    }
    bytes
}

pub(crate) fn decode_point(bytes: &[u8]) -> Option<G1Affine> {
    let coordinate = |bytes: &[u8]| {
        let mut repr: [u8; 32] = bytes.try_into().ok()?;
        repr.reverse();
        Option::<Fq>::from(Fq::from_repr(repr))
    };
    Option::from(G1Affine::from_xy(
        coordinate(&bytes[..32])?,
        coordinate(&bytes[32..64])?,
    ))
}

/// Applies a change; `at` counts the words of public inputs and proof together. Returns what was done, in words.
pub(crate) fn mutate(
    input: &mut Input,
    kind: Kind,
    at: usize,
    shape: ProofShape,
    rng: &mut StdRng,
) -> String {
    let num_instances = input.instances.len();
    let words = num_instances + input.proof.len() / 32;
    let place = |at: usize| match at.checked_sub(num_instances) {
        Some(word) => format!("word {word} of the proof"),
        None => format!("instance {at}"),
    };
    let points = shape.point_words();
    // The point at the word, or any.
    let here = at.checked_sub(num_instances).and_then(|word| {
        points
            .iter()
            .find(|point| (**point..**point + 2).contains(&word))
    });
    let point = *here.unwrap_or_else(|| points.choose(rng).unwrap());
    let other = rng.gen_range(0..words);
    let other_point = *points.choose(rng).unwrap();
    let value = get(input, at);
    let replacement = match kind {
        Kind::FlipBit => value ^ (U256::ONE << rng.gen_range(0..256)),
        Kind::Increment => value.wrapping_add(U256::ONE),
        Kind::Decrement => value.wrapping_sub(U256::ONE),
        Kind::AddScalarOrder => value.wrapping_add(order()),
        Kind::SubtractScalarOrder => value.wrapping_sub(order()),
        Kind::AddBaseModulus => value.wrapping_add(base_modulus()),
        Kind::Negate => order().wrapping_sub(value),
        Kind::Zero => U256::ZERO,
        Kind::Max => U256::MAX,
        Kind::Order => order(),
        Kind::CopyWord => get(input, other),
        Kind::RandomBytes => U256::from_be_bytes(rng.r#gen::<[u8; 32]>()),
        Kind::RandomScalar => U256::from_be_bytes(word(&Fr::random(&mut *rng))),
        Kind::SwapWords => {
            let replacement = get(input, other);
            set(input, other, value);
            replacement
        }
        Kind::IdentityPoint => {
            input.proof[32 * point..][..64].fill(0);
            return format!("identity at word {point} of the proof");
        }
        Kind::NegatePoint | Kind::DoublePoint | Kind::RandomPoint => {
            let old = decode_point(&input.proof[32 * point..]).unwrap_or_else(G1Affine::generator);
            let new = match kind {
                Kind::NegatePoint => -old,
                Kind::DoublePoint => G1::from(old).double().to_affine(),
                _ => G1::random(&mut *rng).to_affine(),
            };
            input.proof[32 * point..][..64].copy_from_slice(&encode_point(&new));
            return format!("{kind:?} at word {point} of the proof");
        }
        Kind::CopyPoint | Kind::SwapPoints => {
            let [here, there] =
                [point, other_point].map(|at| input.proof[32 * at..][..64].to_vec());
            input.proof[32 * point..][..64].copy_from_slice(&there);
            if kind == Kind::SwapPoints {
                input.proof[32 * other_point..][..64].copy_from_slice(&here);
            }
            return format!("{kind:?}, words {point} and {other_point} of the proof");
        }
        Kind::Truncate => {
            let bytes = *[1, 31, 32, 64, 96, input.proof.len()].choose(rng).unwrap();
            input.proof.truncate(input.proof.len() - bytes);
            return format!("proof {bytes} bytes shorter");
        }
        Kind::Extend => {
            let bytes = *[1, 31, 32, 64, 96].choose(rng).unwrap();
            let fill = if rng.r#gen() { 0 } else { rng.r#gen() };
            input.proof.resize(input.proof.len() + bytes, fill);
            return format!("proof {bytes} bytes {fill:#x} longer");
        }
        Kind::DropInstance => {
            let dropped = input.instances.pop();
            return format!("last instance dropped: {dropped:?}");
        }
        Kind::AddInstance => {
            input.instances.push([0; 32]);
            return "one instance more".into();
        }
        Kind::Two => {
            // Those that keep lengths, so that positions stay what they are.
            let kinds = &KINDS[..20];
            let [first, second] = [(); 2].map(|()| *kinds.choose(rng).unwrap());
            let one = mutate(input, first, at, shape, rng);
            return format!("{one}; {}", mutate(input, second, other, shape, rng));
        }
    };
    set(input, at, replacement);
    let partner = match kind {
        Kind::SwapWords | Kind::CopyWord => format!(", {}", place(other)),
        _ => String::new(),
    };
    format!("{kind:?}, {}{partner}", place(at))
}

fn get(input: &Input, at: usize) -> U256 {
    match at.checked_sub(input.instances.len()) {
        Some(word) => U256::from_be_slice(&input.proof[32 * word..][..32]),
        None => U256::from_be_bytes(input.instances[at]),
    }
}

fn set(input: &mut Input, at: usize, value: U256) {
    match at.checked_sub(input.instances.len()) {
        Some(word) => {
            input.proof[32 * word..][..32].copy_from_slice(&value.to_be_bytes::<32>());
        }
        None => input.instances[at] = value.to_be_bytes(),
    }
}
