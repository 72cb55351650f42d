//! The contract's source: fills in the template.

use std::fmt::Write;

use halo2curves::{
    bn256::{Fq, Fr},
    ff::PrimeField,
};

use super::{
    arithmetic::Style,
    checks,
    errors::{DEGENERATE_CHALLENGE, INVALID_POINT, PRECOMPILE_FAILED},
    fold::Folding,
    interpreter::{run, run_function},
    layout::Layout,
    rows,
    section::Section,
    transcript::transcript,
};
use crate::{
    field::lagrange::InstanceLoop,
    options::Mode,
    protocol::Protocol,
    template::fill,
    yul::{Block, Expression, Literal, Statement, mload, print},
};

const TEMPLATE: &str = include_str!("template/Verifier.sol");
/// How deep the template's assembly is.
const LEVEL: usize = 3;

/// What the template needs.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) mode: Mode,
    pub(crate) protocol: &'a Protocol,
    pub(crate) layout: &'a Layout,
    pub(crate) style: &'a Style,
    pub(crate) loops: &'a [InstanceLoop],
    pub(crate) loops_over_rows: bool,
    pub(crate) folding: &'a Folding,
    /// Bytes that the contract carries.
    pub(crate) data: &'a [Section],
    /// The last word of a key that the contract takes.
    pub(crate) shape_id: &'a [u8; 32],
}

impl Source<'_> {
    pub(crate) fn write(&self) -> String {
        let (protocol, layout) = (self.protocol, self.layout);
        let shared = self.mode == Mode::Shared;
        let text =
            |embedded: &str, in_shared: &str| if shared { in_shared } else { embedded }.to_owned();
        let style = match self.style {
            Style::Inline { .. } => "as straight-line code",
            Style::Interpreted { .. } => "by two programs of one instruction that are data",
        };
        let address = |at| Literal::address(at).to_string();
        let values = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("name", self.name.to_owned()),
            ("style", style.to_owned()),
            (
                "scope",
                text("one circuit", "all circuits of one constraint system"),
            ),
            (
                "key_step",
                text(
                    "",
                    " the verifying key is read from the key contract's code;",
                ),
            ),
            (
                "key_error",
                text(
                    "",
                    "    /// @notice The account's code is no key of this constraint system.\n    error InvalidKey(address key);\n",
                ),
            ),
            (
                "layout_error",
                if self.data.is_empty() {
                    String::new()
                } else {
                    "    /// @notice The compiler laid memory out otherwise than this code was generated for.\n    error UnexpectedMemoryLayout();\n".to_owned()
                },
            ),
            (
                "key_param",
                text(
                    "",
                    "\n    /// @param key A contract whose code is a verifying key. Who calls decides which one to trust.",
                ),
            ),
            (
                "parameters",
                text(
                    "bytes calldata proof, uint256[] calldata instances",
                    "address key, bytes calldata proof, uint256[] calldata instances",
                ),
            ),
            (
                "arguments",
                text("proof, instances", "key, proof, instances"),
            ),
            ("k", protocol.k.to_string()),
            ("num_instances", protocol.total_instances().to_string()),
            ("proof_len", protocol.proof_len().to_string()),
            ("num_points", protocol.num_points.to_string()),
            ("num_scalars", protocol.num_scalars.to_string()),
            ("scaled", self.folding.multiplications.to_string()),
            ("cd_proof", address(layout.cd_proof)),
            ("cd_scalars", address(layout.cd_scalars)),
            ("cd_opening", address(layout.cd_opening)),
            ("cd_last_point", address(layout.cd_opening + 64)),
            ("cd_instances", address(layout.cd_instances)),
            ("cd_end", address(layout.cd_end)),
            ("tau_g2", address(layout.tau_g2())),
            ("neg_g2", address(layout.neg_g2())),
            ("accumulator", address(layout.scratch)),
            ("pairing", address(layout.pairing())),
            ("inverse", address(layout.inverse)),
            ("fold_functions", print(&self.folding.functions, LEVEL)),
            ("order", modulus(Fr::MODULUS)),
            ("base_modulus", modulus(Fq::MODULUS)),
            ("load", self.load()),
            ("functions", print(&self.functions(), LEVEL)),
            ("prologue", print(&self.prologue(), LEVEL)),
            ("scalars", print(&self.scalars(), LEVEL)),
            ("points", print(&[checks::points(layout)], LEVEL)),
            ("transcript", print(&transcript(layout), LEVEL + 1)),
            ("before", print(&self.before(), LEVEL)),
            ("denominator", self.denominator().to_string()),
            ("after", print(&self.after(), LEVEL)),
            ("fold", print(&self.folding.statements, LEVEL)),
            (INVALID_POINT.name, INVALID_POINT.selector().to_string()),
            (
                DEGENERATE_CHALLENGE.name,
                DEGENERATE_CHALLENGE.selector().to_string(),
            ),
            (
                PRECOMPILE_FAILED.name,
                PRECOMPILE_FAILED.selector().to_string(),
            ),
        ];
        let source = fill(TEMPLATE, &values);
        // Empty parts leave empty lines.
        let mut lines: Vec<&str> = Vec::new();
        for line in source.lines() {
            let blank = line.trim().is_empty();
            if !(blank && lines.last().is_some_and(|last| last.trim().is_empty())) {
                lines.push(if blank { "" } else { line });
            }
        }
        lines.join("\n") + "\n"
    }

    /// Solidity that brings the carried data to memory.
    fn load(&self) -> String {
        if self.data.is_empty() {
            return String::new();
        }
        format!(
            "        assembly {{\n            // The array that `accumulate` declares is never used.\n            mstore(0x40, 0x80)\n        }}\n        bytes memory data =\n{};\n        bool expected;\n        assembly {{\n            expected := eq(data, 0x80)\n        }}\n        if (!expected) revert UnexpectedMemoryLayout();",
            literal(self.data)
        )
    }

    /// What is checked first: a shared verifier's key.
    fn prologue(&self) -> Block {
        match self.mode {
            Mode::Shared => checks::key(self.layout, self.shape_id),
            Mode::Embedded => Vec::new(),
        }
    }

    fn scalars(&self) -> Block {
        match self.style {
            Style::Inline { .. } => checks::ranges_unrolled(self.protocol, self.layout, self.mode),
            Style::Interpreted { .. } => checks::ranges_looped(),
        }
    }

    /// The functions that hold the arithmetic.
    fn functions(&self) -> Block {
        match self.style {
            Style::Inline { before, after, .. } => std::iter::once(before)
                .chain(after.iter())
                .flat_map(|part| part.declarations())
                .collect(),
            Style::Interpreted { .. } => {
                let mut statements = vec![Statement::Blank];
                statements.extend(run_function());
                statements
            }
        }
    }

    /// The product of all denominators.
    fn denominator(&self) -> Expression {
        match self.style {
            Style::Inline { denominator, .. } => denominator.clone(),
            Style::Interpreted { denominator, .. } => mload(Literal::address(*denominator)),
        }
    }

    /// Everything up to the inversion.
    fn before(&self) -> Block {
        let (protocol, layout) = (self.protocol, self.layout);
        let mut statements: Block = self
            .loops
            .iter()
            .enumerate()
            .map(|(i, column)| rows::instances(protocol, layout, i, column))
            .collect();
        if self.loops_over_rows {
            statements.push(rows::inactive(protocol, layout));
        }
        statements.push(match self.style {
            Style::Inline { before, .. } => before.calls(),
            Style::Interpreted { .. } => run(
                layout.first_program..layout.second_program,
                layout.temporaries,
            ),
        });
        statements
    }

    /// Everything after the inversion.
    fn after(&self) -> Block {
        let layout = self.layout;
        match self.style {
            Style::Inline { after, .. } => after.iter().map(|part| part.calls()).collect(),
            Style::Interpreted { first_results, .. } => vec![run(
                layout.second_program..layout.programs_end,
                layout.temporaries + 32 * first_results,
            )],
        }
    }
}

fn modulus(hex: &str) -> String {
    format!("0x{:0>64}", hex.trim_start_matches("0x"))
}

/// Hex literals on adjacent lines, which Solidity joins.
fn literal(sections: &[Section]) -> String {
    let mut lines = String::new();
    for section in sections.iter().filter(|section| !section.bytes.is_empty()) {
        let _ = writeln!(lines, "            // {}", section.name);
        for chunk in section.bytes.chunks(section.line) {
            let _ = writeln!(lines, "            hex\"{}\"", hex::encode(chunk));
        }
    }
    lines.truncate(lines.trim_end().len());
    lines
}
