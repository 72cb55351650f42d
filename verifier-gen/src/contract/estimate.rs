//! Gas and code size of a contract before it is compiled.

use super::{arithmetic::Style, fold::Folding, layout::Layout};
use crate::{field::lagrange::InstanceLoop, options::Mode, protocol::Protocol};

/// Upper bound of the bytes of code that every contract has, compiled with the optimizer.
const CODE_OVERHEAD: usize = 2_050;
/// Upper bound of the gas that a check of one point takes.
const POINT_GAS: usize = 150;
/// Upper bound of the bytes with which a shared verifier reads its key.
const KEY_BYTES: usize = 450;
/// Upper bound of the bytes of a loop over public inputs.
const LOOP_BYTES: usize = 250;

/// Upper bound of the runtime code's size.
pub(crate) fn code_size(
    protocol: &Protocol,
    layout: &Layout,
    style: &Style,
    folding: &Folding,
    loops: &[InstanceLoop],
    data_len: usize,
) -> usize {
    let arithmetic = match style {
        Style::Inline { before, after, .. } => {
            let arithmetic = before.bytes + after.iter().map(|part| part.bytes).sum::<usize>();
            let instances = match layout.mode() {
                Mode::Embedded => protocol.total_instances().min(32),
                Mode::Shared => 4,
            };
            arithmetic + 9 * (protocol.num_scalars + instances) + 150
        }
        Style::Interpreted { .. } => 350,
    };
    let transcript: usize = layout
        .segments
        .iter()
        .map(|segment| 35 + 22 * segment.challenges)
        .sum();
    let key = match layout.mode() {
        Mode::Embedded => 0,
        Mode::Shared => KEY_BYTES,
    };
    CODE_OVERHEAD
        + key
        + LOOP_BYTES * loops.len()
        + data_len
        + arithmetic
        + transcript
        + folding.bytes
}

/// Gas of a verifying transaction. Every byte of calldata counts as non-zero.
pub(crate) fn gas(
    protocol: &Protocol,
    layout: &Layout,
    style: &Style,
    folding: &Folding,
    loops: &[InstanceLoop],
    instructions: usize,
    temporaries: usize,
) -> u64 {
    let calldata = layout.calldata_len(protocol);
    let memory = layout.words(temporaries).max(layout.hashed_words(protocol));
    let scalars = protocol.num_scalars + protocol.total_instances();
    let arithmetic = match style {
        Style::Inline { before, after, .. } => {
            before.gas + after.iter().map(|part| part.gas).sum::<usize>() + 20 * scalars
        }
        Style::Interpreted { .. } => 97 * instructions + 66 * scalars,
    };
    let looped = loops
        .iter()
        .map(|instances| protocol.num_instances[instances.column]);
    let looped: usize = looped.sum();
    let key = match layout.mode() {
        Mode::Embedded => 300,
        Mode::Shared => 2_500,
    };
    let gas = 21_000
        + 16 * calldata
        + 3 * memory
        + memory * memory / 512
        + 15 * (calldata / 32)
        + 80 * protocol.challenges.count
        + POINT_GAS * protocol.num_points
        + arithmetic
        + 150 * looped
        + folding.gas
        + 6_000 * folding.multiplications
        + 150 * folding.additions
        + key
        + 45_000
        + 2 * 34_000
        + 4_048
        + 2_500;
    gas as u64
}
