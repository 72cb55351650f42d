//! Interpreted arithmetic as bytes: the constants and the two programs.

use crate::{
    key::{Section, big_endian},
    layout::Layout,
    program::{Instruction, Lowering},
};
use halo2curves::ff::PrimeField;

/// Bytes of one encoded instruction.
pub(crate) const INSTRUCTION_LEN: usize = 6;

/// The sections in their order in memory.
pub(crate) fn programs(
    layout: &Layout,
    programs: [&[Instruction]; 2],
    lowering: &Lowering<'_>,
) -> Vec<Section> {
    let constants = lowering
        .constants()
        .iter()
        .flat_map(|value| big_endian(value.to_repr()))
        .collect();
    vec![
        Section::new("constants", constants),
        Section::new("program 1", program(programs[0], layout)),
        Section::new("program 2", program(programs[1], layout)),
    ]
}

fn program(instructions: &[Instruction], layout: &Layout) -> Vec<u8> {
    instructions
        .iter()
        .flat_map(|instruction| [instruction.a, instruction.b, instruction.c])
        .flat_map(|operand| (layout.operand(operand) as u16).to_be_bytes())
        .collect()
}
