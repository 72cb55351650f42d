//! Interpreted arithmetic: the constants and the two programs as bytes, and the loop that runs a program.

use halo2curves::ff::PrimeField;

use super::{
    layout::Layout,
    section::{Section, big_endian},
};
use crate::{
    field::program::{INSTRUCTIONS_PER_WORD, Instruction, Lowering},
    yul::{Expression, Literal, Statement, add, addmod, and, lt, mload, mstore, mulmod, shr},
};

/// Bytes of one encoded instruction: the addresses of a, b and c.
pub(crate) const INSTRUCTION_LEN: usize = 6;
/// Instructions that the source has in one line.
const PER_LINE: usize = 10;

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
        Section::new("constants", constants, 32),
        program("program 1", programs[0], layout),
        program("program 2", programs[1], layout),
    ]
}

fn program(name: &str, instructions: &[Instruction], layout: &Layout) -> Section {
    let bytes = instructions
        .iter()
        .flat_map(|instruction| [instruction.a, instruction.b, instruction.c])
        .flat_map(|operand| (layout.operand(operand) as u16).to_be_bytes())
        .collect();
    Section::new(name, bytes, PER_LINE * INSTRUCTION_LEN)
}

/// The function that runs a program and stores the results one after another. Its body is unrolled over as many instructions as
/// one word holds.
pub(crate) fn run_function() -> Vec<Statement> {
    let step = |name: &'static str, by| Statement::assign(name, add(name, Literal::hex(by)));
    let operand = |index: usize| {
        let shifted = shr(Literal::decimal(256 - 16 * (index as u64 + 1)), "w");
        mload(match index {
            0 => shifted,
            _ => and(shifted, Literal::hex(0xffff)),
        })
    };
    let mut body = vec![Statement::declare("w", mload("at"))];
    for i in 0..INSTRUCTIONS_PER_WORD {
        let to = match i {
            0 => Expression::from("to"),
            _ => add("to", Literal::hex(32 * i)),
        };
        let [a, b, c] = [3 * i, 3 * i + 1, 3 * i + 2].map(operand);
        body.push(mstore(to, addmod(mulmod(a, b, "r"), c, "r")).into());
    }
    body.push(step("to", 32 * INSTRUCTIONS_PER_WORD));
    let word = INSTRUCTIONS_PER_WORD * INSTRUCTION_LEN;
    vec![
        Statement::Comment("Runs instructions a * b + c; results are stored one after another."),
        Statement::function(
            "run",
            ["at", "end", "to", "r"],
            vec![Statement::repeat(
                None,
                lt("at", "end"),
                step("at", word),
                body,
            )],
        ),
    ]
}

/// Runs the program between two addresses.
pub(crate) fn run(program: std::ops::Range<usize>, results: usize) -> Statement {
    let addresses = [program.start, program.end, results].map(Literal::address);
    let arguments = addresses.into_iter().map(Expression::from);
    Expression::call("run", arguments.chain(["r".into()])).into()
}
