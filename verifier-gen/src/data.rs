//! The bytes that a verifier carries: the verifying key and what its circuit's shape compiles to.

use halo2_proofs::{
    plonk::VerifyingKey,
    poly::{commitment::ParamsProver, kzg::commitment::ParamsKZG},
};
use halo2curves::{
    bn256::{Bn256, Fq, Fr, G1Affine, G2Affine},
    ff::PrimeField,
};

use crate::{
    layout::Layout,
    opening::{Destination, Group, root_power},
    program::{Instruction, Lowering},
    protocol::Protocol,
};

/// Bytes of one encoded instruction.
pub(crate) const INSTRUCTION_LEN: usize = 6;

/// A named run of bytes; the name becomes a comment in the generated source.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The data in two parts: `key` depends on the verifying key and the setup, `shape` on the constraint system alone. A verifier
/// that reads its key from another contract keeps the same memory map.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) key: Vec<Section>,
    pub(crate) shape: Vec<Section>,
}

impl Data {
    pub(crate) fn new(
        vk: &VerifyingKey<G1Affine>,
        params: &ParamsKZG<Bn256>,
        protocol: &Protocol,
        layout: &Layout,
        programs: [&[Instruction]; 2],
        groups: &[Group],
        lowering: &mut Lowering<'_>,
    ) -> Self {
        let generator = params.get_g().first().copied().unwrap_or_default();
        let mut key = vec![section(
            "digest of the verifying key",
            scalar(&vk.transcript_repr()).to_vec(),
        )];
        let commitments = |name: &str, points: &[G1Affine]| {
            let named = |(i, point): (usize, &G1Affine)| section(&format!("{name} {i}"), g1(point));
            points.iter().enumerate().map(named).collect::<Vec<_>>()
        };
        key.extend(commitments("fixed column", vk.fixed_commitments()));
        key.extend(commitments("permutation", vk.permutation().commitments()));
        key.push(section("setup: generator of G1", g1(&generator)));
        key.push(section("setup: tau on G2", g2(&params.s_g2())));
        key.push(section(
            "setup: minus the generator of G2",
            g2(&-params.g2()),
        ));

        let schedule = schedule(groups, layout, lowering);
        let parameters = [
            modulus(Fr::MODULUS),
            modulus(Fq::MODULUS),
            scalar(&protocol.omega),
            scalar(&root_power(protocol.omega, layout.first_row)),
        ];
        let mut shape = vec![
            section("moduli and roots of unity", parameters.concat()),
            section(
                "constants",
                lowering.constants().iter().flat_map(scalar).collect(),
            ),
            section("program 1", program(programs[0], layout)),
            section("program 2", program(programs[1], layout)),
            section("schedule", schedule),
        ];
        let len: usize = key
            .iter()
            .chain(&shape)
            .map(|section| section.bytes.len())
            .sum();
        shape.push(section("padding", vec![0; layout.data_len() - len]));
        Self { key, shape }
    }

    pub(crate) fn sections(&self) -> impl Iterator<Item = &Section> {
        self.key.iter().chain(&self.shape)
    }
}

/// Bytes of the encoded schedule.
pub(crate) fn schedule_len(groups: &[Group]) -> usize {
    groups.iter().map(|group| 8 + 2 * group.points.len()).sum()
}

fn schedule(groups: &[Group], layout: &Layout, lowering: &mut Lowering<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut word = |value: usize| bytes.extend((value as u16).to_be_bytes());
    for group in groups {
        word(match group.destination {
            Destination::Start => layout.combination,
            Destination::Add => 0,
            Destination::Quotient => layout.quotient,
        });
        word(
            group
                .scalar
                .map_or(0, |scalar| layout.operand(lowering.operand(scalar))),
        );
        word(layout.operand(lowering.operand(group.multiplier)));
        word(group.points.len());
        for point in &group.points {
            word(layout.point(*point));
        }
    }
    bytes
}

fn program(instructions: &[Instruction], layout: &Layout) -> Vec<u8> {
    instructions
        .iter()
        .flat_map(|instruction| [instruction.a, instruction.b, instruction.c])
        .flat_map(|operand| (layout.operand(operand) as u16).to_be_bytes())
        .collect()
}

fn section(name: &str, bytes: Vec<u8>) -> Section {
    Section {
        name: name.to_owned(),
        bytes,
    }
}

fn big_endian(repr: impl AsRef<[u8]>) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes
        .iter_mut()
        .zip(repr.as_ref().iter().rev())
        .for_each(|(to, from)| *to = *from);
    bytes
}

fn scalar(value: &Fr) -> [u8; 32] {
    big_endian(value.to_repr())
}

/// A point as the precompiles take it; the identity is (0, 0).
fn g1(point: &G1Affine) -> Vec<u8> {
    [point.x, point.y]
        .iter()
        .flat_map(|coordinate| big_endian(coordinate.to_repr()))
        .collect()
}

/// The imaginary part comes first, as EIP-197 wants it.
fn g2(point: &G2Affine) -> Vec<u8> {
    [point.x.c1, point.x.c0, point.y.c1, point.y.c0]
        .iter()
        .flat_map(|coordinate| big_endian(coordinate.to_repr()))
        .collect()
}

fn modulus(hex: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    let digits = hex.trim_start_matches("0x").as_bytes();
    for (i, digit) in digits.iter().rev().enumerate().take(64) {
        let value = char::from(*digit).to_digit(16).unwrap_or(0) as u8;
        bytes[31 - i / 2] |= value << (4 * (i % 2));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2curves::ff::Field;

    #[test]
    fn moduli_are_one_above_the_largest_element() {
        let mut order = scalar(&-Fr::ONE);
        order[31] += 1;
        assert_eq!(modulus(Fr::MODULUS), order);
        let mut base = big_endian((-Fq::ONE).to_repr());
        base[31] += 1;
        assert_eq!(modulus(Fq::MODULUS), base);
    }
}
