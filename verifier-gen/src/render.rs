//! Fills in the contract's template.

use std::fmt::Write;

use sha3::{Digest, Keccak256};

use crate::{
    data::{Data, INSTRUCTION_LEN, Section},
    layout::{Layout, Segment},
    program::{INSTRUCTIONS_PER_WORD, Operand},
    protocol::Protocol,
};

const TEMPLATE: &str = include_str!("template/Verifier.sol");

/// Where the proof's bytes start in canonical calldata.
pub(crate) const PROOF_OFFSET: usize = 0x64;

/// The errors that assembly raises, with their argument types.
const ERRORS: [(&str, &str); 6] = [
    ("InstanceOutOfRange", "(uint256)"),
    ("ScalarOutOfRange", "(uint256)"),
    ("InvalidPoint", "(uint256)"),
    ("DegenerateChallenge", "()"),
    ("PrecompileFailed", "(uint256)"),
    ("UnexpectedMemoryLayout", "()"),
];

/// What the template needs besides the protocol and the memory map.
#[derive(Debug)]
pub(crate) struct Contract<'a> {
    pub(crate) name: &'a str,
    pub(crate) protocol: &'a Protocol,
    pub(crate) layout: &'a Layout,
    pub(crate) data: &'a Data,
    pub(crate) denominator: Operand,
    pub(crate) lagrange_factor: Operand,
    /// Temporaries that the first program writes.
    pub(crate) first_results: usize,
    pub(crate) scaled_commitments: usize,
}

impl Contract<'_> {
    pub(crate) fn render(&self) -> String {
        let (protocol, layout) = (self.protocol, self.layout);
        let instances = PROOF_OFFSET + protocol.proof_len() + 32;
        let opening = PROOF_OFFSET + protocol.proof_len() - 128;
        let parameter = |index: usize| address(layout.parameters + 32 * index);
        let mut values: Vec<(&str, String)> = vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("name", self.name.to_owned()),
            ("k", protocol.k.to_string()),
            ("num_instances", protocol.total_instances().to_string()),
            ("proof_len", protocol.proof_len().to_string()),
            ("num_points", protocol.num_points.to_string()),
            ("num_scalars", protocol.num_scalars.to_string()),
            ("scaled", self.scaled_commitments.to_string()),
            ("cd_instances", address(instances)),
            (
                "cd_end",
                address(instances + 32 * protocol.total_instances()),
            ),
            ("cd_scalars", address(opening - 32 * protocol.num_scalars)),
            ("cd_opening", address(opening)),
            ("cd_last_point", address(opening + 64)),
            ("digest", address(layout.digest)),
            ("tau_g2", address(layout.tau_g2)),
            ("neg_g2", address(layout.neg_g2)),
            ("order", parameter(0)),
            ("base_modulus", parameter(1)),
            ("omega", parameter(2)),
            ("omega_first", parameter(3)),
            ("program_1", address(layout.first_program)),
            ("program_2", address(layout.second_program)),
            ("schedule", address(layout.schedule)),
            ("schedule_end", address(layout.schedule_end)),
            ("last_point", address(layout.last_point)),
            ("x", address(layout.challenge(protocol.challenges.x))),
            ("lagrange", address(layout.lagrange)),
            ("lagrange_len", address(32 * layout.num_rows)),
            ("denominator", address(layout.operand(self.denominator))),
            (
                "lagrange_factor",
                address(layout.operand(self.lagrange_factor)),
            ),
            ("inverse", address(layout.inverse)),
            ("combination", address(layout.combination)),
            ("results_1", address(layout.temporaries)),
            (
                "results_2",
                address(layout.temporaries + 32 * self.first_results),
            ),
            ("memory_end", address(layout.end)),
            ("run_body", run_body()),
            ("run_step", address(32 * INSTRUCTIONS_PER_WORD)),
            (
                "transcript",
                transcript(&layout.segments, layout.challenges),
            ),
            ("data", literal(self.data.sections())),
        ];
        values.extend(
            ERRORS
                .iter()
                .map(|(name, arguments)| (*name, selector(name, arguments))),
        );
        fill(&values)
    }
}

/// Replaces every `{{name}}`.
fn fill(values: &[(&str, String)]) -> String {
    let mut source = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        source.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            source.push_str(value);
        }
        rest = after;
    }
    source.push_str(rest);
    source
}

fn address(value: usize) -> String {
    format!("{value:#06x}")
}

fn selector(name: &str, arguments: &str) -> String {
    let hash = Keccak256::digest(format!("{name}{arguments}"));
    format!("0x{}", hex::encode(&hash[..4]))
}

/// The interpreter's unrolled body: as many instructions as one word holds.
fn run_body() -> String {
    let operand = |index: usize| {
        let shift = 256 - 16 * (index + 1);
        if index == 0 {
            format!("mload(shr({shift}, w))")
        } else {
            format!("mload(and(shr({shift}, w), 0xffff))")
        }
    };
    let lines: Vec<String> = (0..INSTRUCTIONS_PER_WORD)
        .map(|i| {
            let to = if i == 0 {
                "to".to_owned()
            } else {
                format!("add(to, {:#x})", 32 * i)
            };
            let [a, b, c] = [3 * i, 3 * i + 1, 3 * i + 2].map(operand);
            format!("{INDENT}    mstore({to}, addmod(mulmod({a}, {b}, r), {c}, r))")
        })
        .collect();
    lines.join("\n")
}

const INDENT: &str = "                ";

fn transcript(segments: &[Segment], challenges: usize) -> String {
    let mut lines = Vec::new();
    let mut challenge = challenges;
    for segment in segments {
        let address = segment.address;
        if segment.len() == 32 {
            lines.push("hash := again(hash)".to_owned());
        } else {
            lines.push(format!("mstore({address:#06x}, hash)"));
            if segment.instance_len > 0 {
                lines.push(format!(
                    "calldatacopy({:#06x}, INSTANCES, {:#x})",
                    address + 32,
                    segment.instance_len
                ));
            }
            if segment.proof_len > 0 {
                let to = address + 32 + segment.instance_len;
                let from = PROOF_OFFSET + segment.proof_offset;
                lines.push(format!(
                    "calldatacopy({to:#06x}, {from:#06x}, {:#x})",
                    segment.proof_len
                ));
            }
            lines.push(format!(
                "hash := keccak256({address:#06x}, {:#x})",
                segment.len()
            ));
        }
        for i in 0..segment.challenges {
            if i > 0 {
                lines.push("hash := again(hash)".to_owned());
            }
            lines.push(format!("mstore({challenge:#06x}, mod(hash, r))"));
            challenge += 32;
        }
    }
    lines
        .iter()
        .map(|line| format!("{INDENT}{line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Adjacent hex literals, a word or a point a line; Solidity joins them.
fn literal<'a>(sections: impl Iterator<Item = &'a Section>) -> String {
    let mut lines = String::new();
    for section in sections.filter(|section| !section.bytes.is_empty()) {
        let line = if section.bytes.len() < 256 {
            64
        } else {
            10 * INSTRUCTION_LEN
        };
        let line = if section.name == "constants" {
            32
        } else {
            line
        };
        let _ = writeln!(lines, "            // {}", section.name);
        for chunk in section.bytes.chunks(line) {
            let _ = writeln!(lines, "            hex\"{}\"", hex::encode(chunk));
        }
    }
    lines.truncate(lines.trim_end().len());
    lines
}
