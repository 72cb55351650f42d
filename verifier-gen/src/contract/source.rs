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
    numbers,
    place::Place,
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
const CALLDATA_OF_EMBEDDED: &str = include_str!("template/calldata/embedded.sol");
const CALLDATA_OF_SHARED: &str = include_str!("template/calldata/shared.sol");
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
        let address = address_of;
        let constant =
            |name, value: &str| format!("    uint256 private constant {name} = {value};");
        let (Place::Memory(tau_g2) | Place::Calldata(tau_g2)) = layout.tau_g2();
        let (Place::Memory(neg_g2) | Place::Calldata(neg_g2)) = layout.neg_g2();
        let setup = [
            constant("TAU_G2", &address(tau_g2)),
            constant("NEG_G2", &address(neg_g2)),
        ]
        .join("\n")
            + "\n";
        let num_instances = protocol.total_instances().to_string();
        let values = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("name", self.name.to_owned()),
            ("style", style.to_owned()),
            (
                "scope",
                text("one circuit", "all circuits of one constraint system"),
            ),
            (
                "size",
                match self.mode {
                    Mode::Embedded => {
                        format!("2^{} rows, {num_instances} public inputs", protocol.k)
                    }
                    Mode::Shared => "As many rows and public inputs as the key says".to_owned(),
                },
            ),
            (
                "key_step",
                text(
                    "",
                    " the key is for this constraint system and for so many public inputs;",
                ),
            ),
            (
                "key_error",
                text(
                    "",
                    "    /// @notice The key has the wrong length.\n    error InvalidKeyLength(uint256 expected, uint256 got);\n    /// @notice The key is for the constraint system of this shape, or has numbers that no key of this one has.\n    error InvalidKey(bytes32 shape);\n",
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
                    "\n    /// @param key A verifying key. Who calls decides which one to trust, and hashes the bytes that it passes.",
                ),
            ),
            (
                "parameters",
                text(
                    "bytes calldata proof, uint256[] calldata instances",
                    "bytes calldata key, bytes calldata proof, uint256[] calldata instances",
                ),
            ),
            (
                "arguments",
                text("proof, instances", "key, proof, instances"),
            ),
            (
                "constants",
                match self.mode {
                    Mode::Embedded => constant("NUM_INSTANCES", &num_instances),
                    Mode::Shared => {
                        let shape = Literal::word(*self.shape_id);
                        let len = constant("KEY_LENGTH", &layout.key_len.to_string());
                        format!("    bytes32 private constant SHAPE = {shape};\n{len}")
                    }
                },
            ),
            (
                "cd_key",
                match self.mode {
                    Mode::Embedded => String::new(),
                    Mode::Shared => constant("KEY", &address(layout.cd_key)) + "\n" + &setup,
                },
            ),
            (
                "cd_end",
                match self.mode {
                    Mode::Embedded => {
                        constant("CALLDATA_END", &address(layout.calldata_len(protocol))) + "\n"
                    }
                    Mode::Shared => String::new(),
                },
            ),
            (
                "memory",
                text("Memory: the setup's points of G2,", "Memory:"),
            ),
            ("setup", text(&setup, "")),
            ("copy_setup", text("mcopy", "calldatacopy")),
            ("proof_len", protocol.proof_len().to_string()),
            ("num_points", protocol.num_points.to_string()),
            ("num_scalars", protocol.num_scalars.to_string()),
            ("scaled", self.folding.multiplications.to_string()),
            ("cd_proof", address(layout.cd_proof)),
            ("cd_scalars", address(layout.cd_scalars)),
            ("cd_opening", address(layout.cd_opening)),
            ("cd_last_point", address(layout.cd_opening + 64)),
            ("cd_instances", address(layout.cd_instances)),
            ("accumulator", address(layout.scratch)),
            ("pairing", address(layout.pairing())),
            ("inverse", address(layout.inverse)),
            ("calldata", self.calldata()),
            ("fold_functions", print(&self.folding.functions, LEVEL)),
            ("order", modulus(Fr::MODULUS)),
            ("base_modulus", modulus(Fq::MODULUS)),
            ("load", self.load()),
            ("functions", print(&self.functions(), LEVEL)),
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

    /// Solidity that checks calldata's form, and a shared verifier's key.
    fn calldata(&self) -> String {
        let (protocol, layout) = (self.protocol, self.layout);
        match self.mode {
            Mode::Embedded => CALLDATA_OF_EMBEDDED.trim_end().to_owned(),
            Mode::Shared => {
                let columns = protocol.num_instances.len();
                let expected = numbers::total_instances(protocol, layout, columns);
                let values = [
                    ("valid", checks::key(protocol, layout).to_string()),
                    ("cd_shape", address_of(layout.key_shape())),
                    ("expected", expected.to_string()),
                ];
                fill(CALLDATA_OF_SHARED.trim_end(), &values)
            }
        }
    }

    fn scalars(&self) -> Block {
        match self.style {
            Style::Inline { .. } => checks::ranges_unrolled(self.protocol, self.layout, self.mode),
            Style::Interpreted { .. } => checks::ranges_looped(self.mode),
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
        let mut statements = Block::new();
        if self.mode == Mode::Shared {
            statements.push(rows::domain(protocol, layout));
        }
        let loops = self.loops.iter().enumerate();
        statements.extend(loops.map(|(i, column)| rows::instances(protocol, layout, i, column)));
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

fn address_of(at: usize) -> String {
    Literal::address(at).to_string()
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
