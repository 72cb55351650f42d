//! The Keccak transcript: hashes the key's digest, the public inputs and the proof, and keeps the challenges.

use super::layout::{Instances, Layout, Segment};
use crate::yul::{
    Block, Expression, Literal, Statement, add, calldatacopy, calldatasize, keccak256, modulo,
    mstore, mstore8, sub,
};

/// The statements; the hash so far is a variable of their own.
pub(crate) fn transcript(layout: &Layout) -> Block {
    let mut statements = vec![
        // The challenge after one that nothing followed is the hash of the hash and this byte.
        mstore8(Literal::offset(0x20), Literal::decimal(1)).into(),
        Statement::declare("hash", layout.digest().load()),
    ];
    let mut challenge = layout.challenges;
    for segment in &layout.segments {
        match segment.instances {
            Instances::Known(_) if segment.len() == 32 => statements.extend(hash_again()),
            Instances::Known(instances) => {
                statements.extend(hash_known(layout, segment, instances));
            }
            Instances::OfKey => statements.extend(hash_to_the_end(layout, segment)),
        }
        for i in 0..segment.challenges {
            if i > 0 {
                statements.extend(hash_again());
            }
            let scalar = modulo("hash", "r");
            statements.push(mstore(Literal::address(challenge), scalar).into());
            challenge += 32;
        }
    }
    statements
}

/// Hashes a segment with so many bytes of public inputs.
fn hash_known(layout: &Layout, segment: &Segment, instances: usize) -> Block {
    let start = Literal::address(segment.address);
    let mut statements = vec![mstore(start, "hash").into()];
    let mut to = segment.address + 32;
    for (from, len) in [
        (layout.cd_instances, instances),
        (layout.cd_proof + segment.proof_offset, segment.proof_len),
    ] {
        if len > 0 {
            let [to, from] = [to, from].map(Literal::address);
            statements.push(calldatacopy(to, from, Literal::hex(len)).into());
        }
        to += len;
    }
    let hash = keccak256(start, Literal::hex(segment.len()));
    statements.push(Statement::assign("hash", hash));
    statements
}

/// Hashes a segment with all public inputs that calldata has.
fn hash_to_the_end(layout: &Layout, segment: &Segment) -> Block {
    let start = Literal::address(segment.address);
    let behind_hash = Literal::address(segment.address + 32);
    let instances = Literal::address(layout.cd_instances);
    let copy_proof = calldatacopy(
        add(behind_hash, "length"),
        Literal::address(layout.cd_proof + segment.proof_offset),
        Literal::hex(segment.proof_len),
    );
    let len: Expression = add(Literal::hex(segment.len()), "length");
    vec![
        mstore(start, "hash").into(),
        Statement::declare("length", sub(calldatasize(), instances)),
        calldatacopy(behind_hash, instances, "length").into(),
        copy_proof.into(),
        Statement::assign("hash", keccak256(start, len)),
    ]
}

fn hash_again() -> [Statement; 2] {
    let start = Literal::decimal(0);
    [
        mstore(start, "hash").into(),
        Statement::assign("hash", keccak256(start, Literal::hex(0x21))),
    ]
}
