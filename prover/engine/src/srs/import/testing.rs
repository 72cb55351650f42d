//! Writers of every setup file that is read, for tests: any tau, and of one's own choice what is wrong with it.

use super::layout::FileFormat;
use crate::srs::{GeneratorTable, affine, lagrange::from_powers, powers};
use halo2curves::{
    bn256::{Fq, Fq2, Fr, G1Affine, G2, G2Affine},
    ff::{BatchInvert, Field, PrimeField},
    group::{Curve, Group, prime::PrimeCurveAffine},
    serde::SerdeObject,
};
use rayon::prelude::*;

/// A ceremony whose secrets are known.
#[derive(Clone, Debug)]
pub(crate) struct Ceremony {
    pub(crate) k: u32,
    pub(crate) g1: Vec<G1Affine>,
    pub(crate) g2: Vec<G2Affine>,
    pub(crate) alpha: Vec<G1Affine>,
    pub(crate) beta: Vec<G1Affine>,
    pub(crate) beta_g2: G2Affine,
    tau: Fr,
}

impl Ceremony {
    pub(crate) fn new(k: u32, tau: Fr) -> Self {
        let n = 1usize << k;
        let (alpha, beta) = (tau + Fr::from(3), tau + Fr::from(5));
        let table = GeneratorTable::new();
        let weights = powers(tau, 2 * n - 1);
        let times = |factor: Fr| -> Vec<Fr> { weights[..n].iter().map(|w| *w * factor).collect() };
        Self {
            k,
            g1: table.multiply(&weights),
            g2: multiply_g2(&weights[..n]),
            alpha: table.multiply(&times(alpha)),
            beta: table.multiply(&times(beta)),
            beta_g2: (G2Affine::generator() * beta).to_affine(),
            tau,
        }
    }

    pub(crate) fn write(&self, format: FileFormat) -> Vec<u8> {
        match format {
            FileFormat::Ptau => self.ptau(true),
            FileFormat::Challenge => self.challenge(),
            FileFormat::Response => self.response(),
            FileFormat::Halo2 => self.halo2(),
        }
    }

    pub(crate) fn halo2(&self) -> Vec<u8> {
        let n = 1 << self.k;
        let mut bytes = self.k.to_le_bytes().to_vec();
        self.g1[..n].iter().for_each(|p| raw(&mut bytes, p));
        from_powers(&self.g1[..n])
            .iter()
            .for_each(|p| raw(&mut bytes, p));
        raw(&mut bytes, &G2Affine::generator());
        raw(&mut bytes, &self.g2[1]);
        bytes
    }

    pub(crate) fn challenge(&self) -> Vec<u8> {
        let mut bytes = vec![0xab; 64];
        let g1 = |bytes: &mut Vec<u8>, points: &[G1Affine]| {
            points.iter().for_each(|p| uncompressed_g1(bytes, p));
        };
        g1(&mut bytes, &self.g1);
        self.g2.iter().for_each(|p| uncompressed_g2(&mut bytes, p));
        g1(&mut bytes, &self.alpha);
        g1(&mut bytes, &self.beta);
        uncompressed_g2(&mut bytes, &self.beta_g2);
        bytes
    }

    pub(crate) fn response(&self) -> Vec<u8> {
        let mut bytes = vec![0xcd; 64];
        let g1 = |bytes: &mut Vec<u8>, points: &[G1Affine]| {
            points
                .iter()
                .for_each(|p| compressed(bytes, &[p.x], &p.y, &-p.y));
        };
        let g2 = |bytes: &mut Vec<u8>, p: &G2Affine| {
            let key = |y: &Fq2| if y.c1 == Fq::zero() { y.c0 } else { y.c1 };
            compressed(bytes, &[p.x.c1, p.x.c0], &key(&p.y), &-key(&p.y));
        };
        g1(&mut bytes, &self.g1);
        self.g2.iter().for_each(|p| g2(&mut bytes, p));
        g1(&mut bytes, &self.alpha);
        g1(&mut bytes, &self.beta);
        g2(&mut bytes, &self.beta_g2);
        for _ in 0..6 {
            uncompressed_g1(&mut bytes, &self.g1[1]);
        }
        for _ in 0..3 {
            uncompressed_g2(&mut bytes, &self.g2[1]);
        }
        bytes
    }

    /// With or without the bases for a second phase.
    pub(crate) fn ptau(&self, prepared: bool) -> Vec<u8> {
        let mut header = 32u32.to_le_bytes().to_vec();
        let mut modulus = (-Fq::one()).to_repr();
        modulus[0] += 1;
        header.extend(modulus);
        header.extend(self.k.to_le_bytes());
        header.extend(self.k.to_le_bytes());
        let g1 = |points: &[G1Affine]| {
            let mut bytes = Vec::new();
            points.iter().for_each(|p| raw(&mut bytes, p));
            bytes
        };
        let g2 = |points: &[G2Affine]| {
            let mut bytes = Vec::new();
            points.iter().for_each(|p| raw(&mut bytes, p));
            bytes
        };
        let mut sections = vec![
            (1, header),
            (2, g1(&self.g1)),
            (3, g2(&self.g2)),
            (4, g1(&self.alpha)),
            (5, g1(&self.beta)),
            (6, g2(&[self.beta_g2])),
            (7, self.contributions()),
        ];
        if prepared {
            let table = GeneratorTable::new();
            let bases = |last: u32, factor: Fr| -> Vec<Fr> {
                (0..=last)
                    .flat_map(|k| self.snarkjs_lagrange(k))
                    .map(|s| s * factor)
                    .collect()
            };
            let k = self.k;
            sections.extend([
                (12, g1(&table.multiply(&bases(k + 1, Fr::ONE)))),
                (13, g2(&multiply_g2(&bases(k, Fr::ONE)))),
                (14, g1(&table.multiply(&bases(k, Fr::from(3))))),
                (15, g1(&table.multiply(&bases(k, Fr::from(5))))),
            ]);
        }
        let mut bytes = b"ptau".to_vec();
        bytes.extend(1u32.to_le_bytes());
        bytes.extend((sections.len() as u32).to_le_bytes());
        for (id, content) in sections {
            let id: u32 = id;
            bytes.extend(id.to_le_bytes());
            bytes.extend((content.len() as u64).to_le_bytes());
            bytes.extend(content);
        }
        bytes
    }

    fn contributions(&self) -> Vec<u8> {
        let mut bytes = 1u32.to_le_bytes().to_vec();
        raw(&mut bytes, &self.g1[1]);
        raw(&mut bytes, &self.g2[1]);
        raw(&mut bytes, &self.alpha[0]);
        raw(&mut bytes, &self.beta[0]);
        raw(&mut bytes, &self.beta_g2);
        for _ in 0..6 {
            raw(&mut bytes, &self.g1[1]);
        }
        for _ in 0..3 {
            raw(&mut bytes, &self.g2[1]);
        }
        bytes.extend([0x11; 216 + 64]);
        bytes.extend(0u32.to_le_bytes());
        let name = b"\x01\x04test";
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend(name);
        bytes
    }

    /// The Lagrange polynomials at tau, in the order of snarkjs's roots of unity, whose generator is 5.
    fn snarkjs_lagrange(&self, k: u32) -> Vec<Fr> {
        let n = 1u64 << k;
        let exponent = {
            // (r - 1) / 2^28
            let mut value = num_bigint::BigUint::from_bytes_le(&(-Fr::ONE).to_repr());
            value >>= Fr::S;
            value.to_u64_digits()
        };
        let full = Fr::from(5).pow_vartime(exponent);
        let root = (k..Fr::S).fold(full, |w, _| w.square());
        assert_eq!(root.pow_vartime([n]), Fr::ONE);
        let roots = powers(root, n as usize);
        let mut values: Vec<Fr> = roots.iter().map(|w| self.tau - w).collect();
        values.iter_mut().batch_invert();
        let scale = (self.tau.pow_vartime([n]) - Fr::ONE) * Fr::from(n).invert().unwrap();
        values
            .iter()
            .zip(&roots)
            .map(|(v, w)| *v * w * scale)
            .collect()
    }
}

fn raw(bytes: &mut Vec<u8>, point: &impl SerdeObject) {
    point.write_raw(bytes).unwrap();
}

fn big_endian(bytes: &mut Vec<u8>, value: &Fq) {
    bytes.extend(value.to_repr().iter().rev());
}

fn uncompressed_g1(bytes: &mut Vec<u8>, p: &G1Affine) {
    [p.x, p.y].iter().for_each(|v| big_endian(bytes, v));
}

fn uncompressed_g2(bytes: &mut Vec<u8>, p: &G2Affine) {
    [p.x.c1, p.x.c0, p.y.c1, p.y.c0]
        .iter()
        .for_each(|v| big_endian(bytes, v));
}

fn compressed(bytes: &mut Vec<u8>, x: &[Fq], y: &Fq, minus: &Fq) {
    let at = bytes.len();
    x.iter().for_each(|v| big_endian(bytes, v));
    let number = |v: &Fq| num_bigint::BigUint::from_bytes_le(&v.to_repr());
    if number(y) > number(minus) {
        bytes[at] |= 0x80;
    }
}

/// Multiples of the generator of G2.
fn multiply_g2(scalars: &[Fr]) -> Vec<G2Affine> {
    let mut bases = vec![G2::generator()];
    for _ in 1..32 {
        let last = *bases.last().unwrap();
        bases.push((0..8).fold(last, |p, _| p.double()));
    }
    let table: Vec<Vec<G2Affine>> = bases
        .iter()
        .map(|base| {
            let multiples: Vec<G2> = std::iter::successors(Some(*base), |p| Some(p + base))
                .take(255)
                .collect();
            let mut affine = vec![G2Affine::identity(); 255];
            G2::batch_normalize(&multiples, &mut affine);
            affine
        })
        .collect();
    scalars
        .par_chunks(256)
        .flat_map(|chunk| {
            let points: Vec<G2> = chunk
                .iter()
                .map(|scalar| {
                    let digits = scalar.to_repr();
                    let digits = digits.iter().zip(&table).filter(|(d, _)| **d != 0);
                    digits.fold(G2::identity(), |sum, (d, row)| {
                        sum + row[usize::from(*d) - 1]
                    })
                })
                .collect();
            let mut affine = vec![G2Affine::identity(); points.len()];
            G2::batch_normalize(&points, &mut affine);
            affine
        })
        .collect()
}

/// A point of the twist outside the subgroup.
pub(crate) fn outside_subgroup() -> G2Affine {
    let mut x = Fq2 {
        c0: Fq::from(1),
        c1: Fq::from(3),
    };
    loop {
        x.c0 += Fq::one();
        let square = x.square() * x + <G2Affine as halo2curves::CurveAffine>::b();
        if let Some(y) = Option::<Fq2>::from(square.sqrt()) {
            return G2Affine { x, y };
        }
    }
}

/// Another point of the curve.
pub(crate) fn other_point() -> G1Affine {
    affine::normalise(&[G1Affine::generator() * Fr::from(77)])[0]
}
