//! The digest of a model's keys against a second implementation, in integers, written from docs/formats.md alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use chainfer_circuits::{CircuitShape, Objective};
use chainfer_engine::{
    bundle::CompileOptions,
    key_set::{KeyParts, key_digest, set_digest, vk_key_digest},
    keys::vk_digest,
};
use chainfer_formats::{Scalar, U256};
use common::{compiled, two_chunks};
use halo2curves::{
    bn256::{Fq, Fr, G1Affine},
    ff::{Field as _, PrimeField},
    group::Curve as _,
};
use num_bigint::BigUint;
use std::collections::{BTreeSet, VecDeque};

/// Poseidon of the paper with its LFSR, in integers.
struct Poseidon {
    r: BigUint,
    constants: Vec<BigUint>,
    matrix: Vec<BigUint>,
}

impl Poseidon {
    fn new() -> Self {
        let r: BigUint =
            "21888242871839275222246405745257275088548364400416034343698204186575808495617"
                .parse()
                .unwrap();
        // Prime field, S-box x^5, n = 254, t = 3, 8 full and 57 partial rounds, then ones; 160 bits are dropped.
        let fields = [(2, 1u32), (4, 0), (12, 254), (12, 3), (10, 8), (10, 57)];
        let mut state: VecDeque<bool> = VecDeque::new();
        for (width, value) in fields {
            state.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
        }
        state.resize(80, true);
        let mut step = move || {
            let new = [62, 51, 38, 23, 13, 0]
                .iter()
                .fold(false, |sum, tap| sum ^ state[*tap]);
            state.pop_front();
            state.push_back(new);
            new
        };
        for _ in 0..160 {
            step();
        }
        let mut integer = || {
            let mut value = BigUint::ZERO;
            for _ in 0..254 {
                let bit = loop {
                    let (keep, bit) = (step(), step());
                    if keep {
                        break bit;
                    }
                };
                value = (value << 1u32) + u32::from(bit);
            }
            value
        };
        let mut constants = Vec::new();
        while constants.len() < 3 * 65 {
            let drawn = integer();
            if drawn < r {
                constants.push(drawn);
            }
        }
        let points: Vec<BigUint> = (0..6).map(|_| integer() % &r).collect();
        let inverse = |x: BigUint| x.modpow(&(&r - 2u32), &r);
        let matrix = (0..9)
            .map(|i| inverse(&points[i / 3] + &points[3 + i % 3]))
            .collect();
        Poseidon {
            r,
            constants,
            matrix,
        }
    }

    fn first_of_permutation(&self, mut state: [BigUint; 3]) -> BigUint {
        for round in 0..65 {
            for (i, word) in state.iter_mut().enumerate() {
                *word += &self.constants[3 * round + i];
                if i == 0 || !(4..61).contains(&round) {
                    *word = word.modpow(&5u32.into(), &self.r);
                }
            }
            state = [0, 1, 2].map(|i| {
                let row = &self.matrix[3 * i..3 * i + 3];
                let sum: BigUint = row.iter().zip(&state).map(|(m, word)| m * word).sum();
                sum % &self.r
            });
        }
        state[0].clone()
    }

    fn sponge(&self, tag: u64, elements: &[BigUint]) -> BigUint {
        let mut state = (BigUint::from(tag) << 64u32) + elements.len();
        for pair in elements.chunks(2) {
            let second = pair.get(1).cloned().unwrap_or_default();
            state = self.first_of_permutation([state, pair[0].clone(), second]);
        }
        state
    }

    fn key(&self, key: &KeyParts<'_>) -> BigUint {
        let shape = key.shape;
        let parameters = [
            shape.range as usize,
            shape.limbs as usize,
            shape.lanes,
            shape.taps,
            shape.weights_per_row,
            shape.hash_lanes,
            usize::from(shape.pooling),
            usize::from(shape.stacked),
            usize::from(shape.functions),
            usize::from(shape.products),
        ];
        let shape_element: BigUint = (parameters.iter().enumerate())
            .map(|(i, value)| BigUint::from(*value) << (24 * i))
            .sum();
        let mut elements = vec![
            shape_element,
            shape.k.into(),
            key.num_public.into(),
            integer(key.transcript),
            key.fixed.len().into(),
            key.permutation.len().into(),
        ];
        for point in key.fixed.iter().chain(key.permutation) {
            let [x, y] = [point.x, point.y].map(|c: Fq| BigUint::from_bytes_le(&c.to_repr()));
            let limb = BigUint::from(1u32) << 88u32;
            for i in 0..3u32 {
                let [x, y] = [&x, &y].map(|c| (c >> (88 * i)) % &limb);
                elements.push(x + y * &limb);
            }
        }
        self.sponge(2, &elements)
    }
}

fn integer(scalar: Scalar) -> BigUint {
    BigUint::from_bytes_be(&scalar.to_word().0)
}

fn hex(scalar: Scalar) -> String {
    scalar.to_word().to_string()
}

/// The points 1 G, 2 G, …
fn multiples(from: u64, count: u64) -> Vec<G1Affine> {
    (from..from + count)
        .map(|i| (G1Affine::generator() * Fr::from(i)).to_affine())
        .collect()
}

/// The shape of the catalogue's second entry, with 2^12 rows.
fn shape() -> CircuitShape {
    chainfer_circuits::catalogue::ENTRIES[1].shape(12)
}

#[test]
fn vectors_of_the_documentation() {
    let (fixed, permutation) = (multiples(1, 3), multiples(4, 2));
    let shape = shape();
    let key = KeyParts {
        shape: &shape,
        num_public: 2,
        transcript: Scalar::from_u64(7),
        fixed: &fixed,
        permutation: &permutation,
    };
    let first = key_digest(&key).unwrap();
    let other = CircuitShape {
        k: 13,
        ..shape.clone()
    };
    let second = key_digest(&KeyParts {
        shape: &other,
        num_public: 0,
        ..key
    })
    .unwrap();
    let poseidon = Poseidon::new();
    let set = set_digest(&[first, second]);
    let expected = [
        poseidon.key(&key),
        poseidon.key(&KeyParts {
            shape: &other,
            num_public: 0,
            ..key
        }),
        poseidon.sponge(3, &[integer(first), integer(second)]),
        poseidon.sponge(3, &[integer(first)]),
    ];
    let found = [first, second, set, set_digest(&[first])];
    assert_eq!(found.map(integer), expected);
    let docs = include_str!("../../../docs/formats.md");
    for digest in found {
        assert!(
            docs.contains(&hex(digest)),
            "docs/formats.md lacks {}",
            hex(digest)
        );
    }
}

#[test]
fn digest_of_a_compiled_model_is_that_of_its_keys() {
    let dir = tempfile::tempdir().unwrap();
    let options = CompileOptions {
        objective: Objective::Gas,
        ..Default::default()
    };
    let (bundle, _) = compiled(&two_chunks(), &options, dir.path());
    let manifest = bundle.public().manifest();
    let poseidon = Poseidon::new();
    let digests: Vec<BigUint> = manifest
        .chunks
        .iter()
        .zip(bundle.public().verifying_keys())
        .map(|(chunk, vk)| {
            let vk = vk.unwrap();
            let transcript = U256::from_le_bytes(vk.transcript_repr().to_repr());
            poseidon.key(&KeyParts {
                shape: &chunk.shape,
                num_public: chunk.num_public,
                transcript: Scalar::new(transcript).unwrap(),
                fixed: vk.fixed_commitments(),
                permutation: vk.permutation().commitments(),
            })
        })
        .collect();
    assert_eq!(integer(manifest.key_set), poseidon.sponge(3, &digests));
}

/// Whatever the digest covers, a change of it gives another one.
#[test]
fn every_part_of_a_key_is_bound() {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, _) = compiled(&two_chunks(), &CompileOptions::default(), dir.path());
    let vk = bundle.public().verifying_key(0).unwrap();
    let chunk = &bundle.public().manifest().chunks[0];
    let (fixed, permutation) = (vk.fixed_commitments(), vk.permutation().commitments());
    let base = KeyParts {
        shape: &chunk.shape,
        num_public: 1,
        transcript: Scalar::from_u64(7),
        fixed,
        permutation,
    };
    let mut digests = vec![key_digest(&base).unwrap()];
    let mut add = |key: &KeyParts<'_>| digests.push(key_digest(key).unwrap());
    type Change = fn(&mut CircuitShape);
    let changes: [Change; 11] = [
        |s| s.k += 1,
        |s| s.range += 2,
        |s| s.limbs += 1,
        |s| s.lanes += 1,
        |s| s.taps += 1,
        |s| s.weights_per_row += 1,
        |s| s.hash_lanes += 1,
        |s| s.pooling = !s.pooling,
        |s| s.stacked = !s.stacked,
        |s| s.functions = !s.functions,
        |s| s.products = !s.products,
    ];
    for change in changes {
        let mut shape = chunk.shape.clone();
        change(&mut shape);
        add(&KeyParts {
            shape: &shape,
            ..base
        });
    }
    add(&KeyParts {
        num_public: 2,
        ..base
    });
    add(&KeyParts {
        transcript: Scalar::from_u64(8),
        ..base
    });
    // The same points, in other lists.
    let mut all = fixed.to_vec();
    all.extend_from_slice(permutation);
    let (left, right) = all.split_at(fixed.len() - 1);
    add(&KeyParts {
        fixed: left,
        permutation: right,
        ..base
    });
    for at in 0..all.len() {
        let mut other = all.clone();
        other[at] = -other[at];
        let (left, right) = other.split_at(fixed.len());
        add(&KeyParts {
            fixed: left,
            permutation: right,
            ..base
        });
    }
    let distinct: BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());

    let (a, b) = (digests[0], digests[1]);
    let sets = [
        set_digest(&[a, b]),
        set_digest(&[b, a]),
        set_digest(&[a]),
        set_digest(&[a, b, Scalar::ZERO]),
    ];
    let distinct: BTreeSet<_> = sets.iter().collect();
    assert_eq!(distinct.len(), sets.len());
    // Nothing but the digest of the manifest tells how many public values a key has.
    assert_ne!(
        vk_key_digest(&chunk.shape, 1, &vk).unwrap(),
        vk_key_digest(&chunk.shape, 2, &vk).unwrap()
    );
    assert_ne!(vk_digest(&vk, 1), vk_digest(&vk, 2));
}

#[test]
fn coordinates_that_are_equal_modulo_r_are_told_apart() {
    // As elements of the scalar field 5 and 5 + r are the same; both are below q.
    let r = Fq::from_repr((-Fr::ONE).to_repr()).unwrap() + Fq::ONE;
    let coordinates = [Fq::from(5), Fq::from(5) + r];
    let shape = shape();
    let digests: BTreeSet<Scalar> = coordinates
        .into_iter()
        .flat_map(|c| {
            let points = [G1Affine { x: c, y: Fq::ONE }, G1Affine { x: Fq::ONE, y: c }];
            points.map(|point| {
                key_digest(&KeyParts {
                    shape: &shape,
                    num_public: 0,
                    transcript: Scalar::ZERO,
                    fixed: &[point],
                    permutation: &[],
                })
                .unwrap()
            })
        })
        .collect();
    assert_eq!(digests.len(), 4);
}

#[test]
fn shape_that_does_not_fit_its_element_is_refused() {
    let mut shape = shape();
    shape.taps = 1 << 24;
    let key = KeyParts {
        shape: &shape,
        num_public: 0,
        transcript: Scalar::ZERO,
        fixed: &[],
        permutation: &[],
    };
    let error = key_digest(&key).unwrap_err().to_string();
    assert!(error.contains("taps"), "{error}");
}
