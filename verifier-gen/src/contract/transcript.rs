//! The Keccak transcript: hashes the key's digest, the public inputs and the proof, and keeps the challenges.

use super::layout::Layout;
use crate::yul::{
    Block, Literal, Statement, calldatacopy, keccak256, mload, modulo, mstore, mstore8,
};

/// The statements; the hash so far is a variable of their own.
pub(crate) fn transcript(layout: &Layout) -> Block {
    let mut statements = vec![
        // The challenge after one that nothing followed is the hash of the hash and this byte.
        mstore8(Literal::offset(0x20), Literal::decimal(1)).into(),
        Statement::declare("hash", mload(Literal::address(layout.digest()))),
    ];
    let mut challenge = layout.challenges;
    for segment in &layout.segments {
        if segment.len() == 32 {
            statements.extend(hash_again());
        } else {
            let start = Literal::address(segment.address);
            statements.push(mstore(start, "hash").into());
            let mut to = segment.address + 32;
            for (from, len) in [
                (layout.cd_instances, segment.instance_len),
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

fn hash_again() -> [Statement; 2] {
    let start = Literal::decimal(0);
    [
        mstore(start, "hash").into(),
        Statement::assign("hash", keccak256(start, Literal::hex(0x21))),
    ]
}
