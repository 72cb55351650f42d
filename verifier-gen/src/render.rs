//! Fills in the contract's template.

use std::fmt::Write;

use halo2curves::{
    bn256::{Fq, Fr},
    ff::PrimeField,
};
use sha3::{Digest, Keccak256};

use crate::{
    data::INSTRUCTION_LEN,
    fold::Folding,
    generate::{Style, is_compact},
    graph::Inactive,
    inline::Inline,
    key::{Section, big_endian},
    lagrange::InstanceLoop,
    layout::Layout,
    opening::root_power,
    options::Mode,
    program::INSTRUCTIONS_PER_WORD,
    protocol::Protocol,
};

const TEMPLATE: &str = include_str!("template/Verifier.sol");

/// The errors that assembly raises, with their argument types.
const ERRORS: [(&str, &str); 6] = [
    ("InstanceOutOfRange", "(uint256)"),
    ("ScalarOutOfRange", "(uint256)"),
    ("InvalidPoint", "(uint256)"),
    ("DegenerateChallenge", "()"),
    ("PrecompileFailed", "(uint256)"),
    ("InvalidKey", "(address)"),
];
/// Public inputs, and scalars of the proof, up to which a shared verifier writes their range checks out.
const UNROLLED_INSTANCES: usize = 32;
const UNROLLED_SCALARS: usize = 256;
/// Checks in one round of a loop.
const CHECKS_PER_ROUND: usize = 8;
/// Public inputs of one column from which the loop over them is unrolled.
const UNROLL_FROM: usize = 16;
/// Checks in one expression: they nest, and the stack is 16 deep.
const CHECKS_PER_LINE: usize = 4;

/// Names of the functions behind the inversion.
const PARTS: [&str; 2] = ["constraints", "openings"];

/// What the template needs.
#[derive(Debug)]
pub(crate) struct Contract<'a> {
    pub(crate) name: &'a str,
    pub(crate) mode: Mode,
    pub(crate) protocol: &'a Protocol,
    pub(crate) layout: &'a Layout,
    pub(crate) style: &'a Style,
    pub(crate) loops: &'a [InstanceLoop],
    pub(crate) loops_over_rows: bool,
    pub(crate) folding: &'a Folding,
    /// Positions of the proof's points that are not folded.
    pub(crate) unused_points: &'a [usize],
    /// Bytes that the contract carries.
    pub(crate) data: &'a [Section],
    /// The last word of a key that the contract takes.
    pub(crate) shape_id: &'a [u8; 32],
}

impl Contract<'_> {
    pub(crate) fn render(&self) -> String {
        let (protocol, layout) = (self.protocol, self.layout);
        let shared = self.mode == Mode::Shared;
        let text =
            |embedded: &str, in_shared: &str| if shared { in_shared } else { embedded }.to_owned();
        let style = match self.style {
            Style::Inline { .. } => "as straight-line code",
            Style::Interpreted { .. } => "by two programs of one instruction that are data",
        };
        let denominator = match self.style {
            Style::Inline { denominator, .. } => denominator.clone(),
            Style::Interpreted { denominator, .. } => format!("mload({})", address(*denominator)),
        };
        let functions = match self.style {
            Style::Inline { before, after, .. } => {
                let mut lines = declarations("denominators", before);
                for (part, name) in after.iter().zip(PARTS) {
                    lines.extend(declarations(name, part));
                }
                indented(3, &lines)
            }
            Style::Interpreted { .. } => format!("\n{}", run_function()),
        };
        let mut values: Vec<(&str, String)> = vec![
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
            ("fold_functions", indented(3, &self.folding.functions)),
            ("order", order()),
            ("base_modulus", modulus(Fq::MODULUS)),
            ("load", self.load()),
            ("functions", functions),
            ("prologue", self.prologue()),
            ("scalars", self.scalars()),
            ("transcript", self.transcript()),
            ("before", self.before()),
            ("denominator", denominator),
            ("after", self.after()),
            ("fold", indented(3, &self.folding.statements)),
        ];
        values.extend(
            ERRORS
                .iter()
                .map(|(name, arguments)| (*name, selector(name, arguments))),
        );
        let source = fill(&values);
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

    fn prologue(&self) -> String {
        let layout = self.layout;
        let mut lines = Vec::new();
        if self.mode == Mode::Shared {
            // The code's first byte goes in front of the key.
            let (code, len) = (
                address(layout.key - 1),
                format!("{:#x}", layout.key_len + 1),
            );
            lines.push(format!("extcodecopy(key, {code}, 0, {len})"));
            lines.push("// The key's last word names the one shape that it is for.".to_owned());
            lines.push(format!(
                "let mismatch := xor(mload({}), 0x{})",
                address(layout.key + layout.key_len - 32),
                hex::encode(self.shape_id)
            ));
            lines.push(format!(
                "if or(mismatch, or(xor(extcodesize(key), {len}), byte(0, mload({code})))) {{ failAt({}, key) }}",
                selector("InvalidKey", "(address)")
            ));
        }
        for point in self.unused_points {
            let at = layout.cd_proof + point;
            lines.push(format!(
                "checkPoints({}, {})",
                address(at),
                address(at + 64)
            ));
        }
        indented(3, &lines)
    }

    /// Range checks of all scalars: failure paths find the first bad one.
    fn scalars(&self) -> String {
        let protocol = self.protocol;
        let instances = format!(
            "checkScalars(INSTANCES, CALLDATA_END, INSTANCES, {}, r)",
            selector("InstanceOutOfRange", "(uint256)")
        );
        let scalars = format!(
            "checkScalars(PROOF_SCALARS, PROOF_OPENING, PROOF, {}, r)",
            selector("ScalarOutOfRange", "(uint256)")
        );
        if matches!(self.style, Style::Interpreted { .. }) {
            return indented(3, &[instances, scalars]);
        }
        let layout = self.layout;
        let total = protocol.total_instances();
        let mut lines = Vec::new();
        for (first, count, unrolled) in [
            (layout.cd_instances, total, UNROLLED_INSTANCES),
            (layout.cd_scalars, protocol.num_scalars, UNROLLED_SCALARS),
        ] {
            let looped = if is_compact(protocol, self.mode) || count > unrolled {
                count / CHECKS_PER_ROUND * CHECKS_PER_ROUND
            } else {
                0
            };
            let end = first + 32 * looped;
            if looped > 0 {
                lines.push(format!(
                    "for {{ let at := {} }} lt(at, {}) {{ at := add(at, {:#x}) }} {{",
                    address(first),
                    address(end),
                    32 * CHECKS_PER_ROUND
                ));
                let words: Vec<String> = (0..CHECKS_PER_ROUND)
                    .map(|i| match i {
                        0 => "at".to_owned(),
                        _ => format!("add(at, {:#04x})", 32 * i),
                    })
                    .collect();
                lines.extend(checks(&words).map(|line| format!("    {line}")));
                lines.push("}".to_owned());
            }
            let words: Vec<String> = (looped..count).map(|i| address(first + 32 * i)).collect();
            lines.extend(checks(&words));
        }
        lines.push("if iszero(ok) {".to_owned());
        if total > 0 {
            lines.push(format!("    {instances}"));
        }
        lines.push(format!("    {scalars}"));
        lines.push("}".to_owned());
        indented(3, &lines)
    }

    fn transcript(&self) -> String {
        let layout = self.layout;
        let again = ["mstore(0, hash)", "hash := keccak256(0, 0x21)"].map(str::to_owned);
        let mut lines = vec![
            // The challenge behind one that nothing followed is the hash of the hash and this byte.
            "mstore8(0x20, 1)".to_owned(),
            format!("let hash := mload({})", address(layout.digest())),
        ];
        let mut challenge = layout.challenges;
        for segment in &layout.segments {
            if segment.len() == 32 {
                lines.extend(again.clone());
            } else {
                lines.push(format!("mstore({}, hash)", address(segment.address)));
                let mut to = segment.address + 32;
                for (from, len) in [
                    (layout.cd_instances, segment.instance_len),
                    (layout.cd_proof + segment.proof_offset, segment.proof_len),
                ] {
                    if len > 0 {
                        lines.push(format!(
                            "calldatacopy({}, {}, {len:#x})",
                            address(to),
                            address(from)
                        ));
                        to += len;
                    }
                }
                lines.push(format!(
                    "hash := keccak256({}, {:#x})",
                    address(segment.address),
                    segment.len()
                ));
            }
            for i in 0..segment.challenges {
                if i > 0 {
                    lines.extend(again.clone());
                }
                lines.push(format!("mstore({}, mod(hash, r))", address(challenge)));
                challenge += 32;
            }
        }
        indented(4, &lines)
    }

    /// Everything up to the inversion.
    fn before(&self) -> String {
        let mut lines = Vec::new();
        let x = address(self.layout.challenge(self.protocol.challenges.x));
        for (i, instances) in self.loops.iter().enumerate() {
            let start = self.layout.cd_instances + 32 * instances.first;
            let unrolled = if instances.count < UNROLL_FROM { 1 } else { 4 };
            let looped = instances.count / unrolled * unrolled;
            let end = start + 32 * looped;
            let (numerator, denominator) = self.layout.instance_loop(i);
            let summand = |from: String| {
                [
                    // Distance and sum may exceed r: both are two reduced values together.
                    "distance := add(z, sub(r, 1))".to_owned(),
                    format!(
                        "sum := add(mulmod(sum, distance, r), mulmod(calldataload({from}), product, r))"
                    ),
                    "product := mulmod(product, distance, r)".to_owned(),
                    "z := mulmod(z, step, r)".to_owned(),
                ]
            };
            lines.extend([
                "{".to_owned(),
                "    // The sum of value / (z - 1), as a fraction, where z is x over the row's root of unity.".to_owned(),
                format!("    let step := {}", word(&root_power(self.protocol.omega, -1))),
                format!("    let z := {}", match instances.row {
                    0 => format!("mload({x})"),
                    row => format!("mulmod(mload({x}), {}, r)", word(&root_power(self.protocol.omega, -row))),
                }),
                "    let sum := 0".to_owned(),
                "    let product := 1".to_owned(),
                "    let distance".to_owned(),
                format!(
                    "    for {{ let at := {} }} lt(at, {}) {{ at := add(at, {:#04x}) }} {{",
                    address(start),
                    address(end),
                    32 * unrolled
                ),
            ]);
            for index in 0..unrolled {
                let from = match index {
                    0 => "at".to_owned(),
                    _ => format!("add(at, {:#04x})", 32 * index),
                };
                lines.extend(summand(from).map(|line| format!("        {line}")));
            }
            lines.push("    }".to_owned());
            for at in (end..start + 32 * instances.count).step_by(32) {
                lines.extend(summand(address(at)).map(|line| format!("    {line}")));
            }
            lines.extend([
                format!("    mstore({}, mod(sum, r))", address(numerator)),
                format!("    mstore({}, product)", address(denominator)),
                "}".to_owned(),
            ]);
        }
        if self.loops_over_rows {
            let to = |part| address(self.layout.inactive(part));
            lines.extend([
                "{".to_owned(),
                "    // Of the last usable row and the blinded ones: the distance is x over the row's root of unity, less one.".to_owned(),
                format!("    let z := mload({x})"),
                "    let sum := 0".to_owned(),
                "    let product := 1".to_owned(),
                "    let blinded".to_owned(),
                format!(
                    "    for {{ let left := {} }} left {{ left := sub(left, 1) }} {{",
                    self.protocol.blinding_factors + 1
                ),
                format!("        z := mulmod(z, {}, r)", word(&self.protocol.omega)),
                "        let distance := add(z, sub(r, 1))".to_owned(),
                "        sum := addmod(mulmod(sum, distance, r), product, r)".to_owned(),
                "        blinded := product".to_owned(),
                "        product := mulmod(product, distance, r)".to_owned(),
                "    }".to_owned(),
                format!("    mstore({}, sum)", to(Inactive::Sum)),
                format!("    mstore({}, blinded)", to(Inactive::Blinded)),
                format!("    mstore({}, product)", to(Inactive::Product)),
                "}".to_owned(),
            ]);
        }
        match self.style {
            Style::Inline { before, .. } => lines.extend(block("denominators", before)),
            Style::Interpreted { .. } => lines.push(format!(
                "run({}, {}, {}, r)",
                address(self.layout.first_program),
                address(self.layout.second_program),
                address(self.layout.temporaries)
            )),
        }
        indented(3, &lines)
    }

    /// Everything behind the inversion.
    fn after(&self) -> String {
        let lines = match self.style {
            Style::Inline { after, .. } => {
                let parts = after.iter().zip(PARTS);
                parts.flat_map(|(part, name)| block(name, part)).collect()
            }
            Style::Interpreted { first_results, .. } => vec![format!(
                "run({}, {}, {}, r)",
                address(self.layout.second_program),
                address(self.layout.programs_end),
                address(self.layout.temporaries + 32 * first_results)
            )],
        };
        indented(3, &lines)
    }
}

/// Range checks of the words at these places in calldata.
fn checks(places: &[String]) -> impl Iterator<Item = String> {
    places.chunks(CHECKS_PER_LINE).map(|chunk| {
        let check = chunk.iter().fold("ok".to_owned(), |rest, at| {
            format!("and(lt(calldataload({at}), r), {rest})")
        });
        format!("ok := {check}")
    })
}

/// Calls of the functions that hold a part's statements.
fn block(name: &str, inline: &Inline) -> Vec<String> {
    let mut lines = vec!["{".to_owned()];
    lines.extend(inline.variables.iter().map(|line| format!("    {line}")));
    for (i, (variables, _)) in inline.functions().iter().enumerate() {
        lines.push(format!("    {name}{i}({})", arguments(variables)));
    }
    lines.push("}".to_owned());
    lines
}

fn declarations(name: &str, inline: &Inline) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, (variables, statements)) in inline.functions().iter().enumerate() {
        lines.push(String::new());
        lines.push(format!("function {name}{i}({}) {{", arguments(variables)));
        lines.extend(statements.iter().map(|line| format!("    {line}")));
        lines.push("}".to_owned());
    }
    lines
}

/// The order and these variables, as parameters and as arguments.
fn arguments(variables: &[String]) -> String {
    let mut names = vec!["r"];
    names.extend(variables.iter().map(String::as_str));
    names.join(", ")
}

fn indented(levels: usize, lines: &[String]) -> String {
    lines
        .iter()
        .map(|line| format!("{}{line}", "    ".repeat(levels)))
        .collect::<Vec<_>>()
        .join("\n")
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

fn word(value: &Fr) -> String {
    format!("0x{}", hex::encode(big_endian(value.to_repr())))
}

fn modulus(hex: &str) -> String {
    format!("0x{:0>64}", hex.trim_start_matches("0x"))
}

fn order() -> String {
    modulus(Fr::MODULUS)
}

fn selector(name: &str, arguments: &str) -> String {
    let hash = Keccak256::digest(format!("{name}{arguments}"));
    format!("0x{}", hex::encode(&hash[..4]))
}

/// The interpreter: each instruction takes 6 bytes, the addresses of a, b and c; results are stored one after another. The body
/// is unrolled over as many as one word holds.
fn run_function() -> String {
    let operand = |index: usize| {
        let shift = 256 - 16 * (index + 1);
        if index == 0 {
            format!("mload(shr({shift}, w))")
        } else {
            format!("mload(and(shr({shift}, w), 0xffff))")
        }
    };
    let mut lines = vec![
        "// Runs instructions a * b + c; results are stored one after another.".to_owned(),
        "function run(at, end, to, r) {".to_owned(),
        "    for {} lt(at, end) { at := add(at, 0x1e) } {".to_owned(),
        "        let w := mload(at)".to_owned(),
    ];
    for i in 0..INSTRUCTIONS_PER_WORD {
        let to = if i == 0 {
            "to".to_owned()
        } else {
            format!("add(to, {:#x})", 32 * i)
        };
        let [a, b, c] = [3 * i, 3 * i + 1, 3 * i + 2].map(operand);
        lines.push(format!(
            "        mstore({to}, addmod(mulmod({a}, {b}, r), {c}, r))"
        ));
    }
    lines.push(format!(
        "        to := add(to, {:#x})",
        32 * INSTRUCTIONS_PER_WORD
    ));
    lines.push("    }".to_owned());
    lines.push("}".to_owned());
    indented(3, &lines)
}

/// Adjacent hex literals, a word or a point a line; Solidity joins them.
fn literal(sections: &[Section]) -> String {
    let mut lines = String::new();
    for section in sections.iter().filter(|section| !section.bytes.is_empty()) {
        let line = match section.name.as_str() {
            "constants" => 32,
            name if name.starts_with("program") => 10 * INSTRUCTION_LEN,
            _ => 64,
        };
        let _ = writeln!(lines, "            // {}", section.name);
        for chunk in section.bytes.chunks(line) {
            let _ = writeln!(lines, "            hex\"{}\"", hex::encode(chunk));
        }
    }
    lines.truncate(lines.trim_end().len());
    lines
}
