//! The EVM's limit for code, and when generated code has to be short.

use crate::{options::Mode, protocol::Protocol};

/// The EVM's limit for runtime code (EIP-170).
pub(crate) const CODE_LIMIT: usize = 24_576;
/// Bytes of a proof from which an embedded verifier is compact.
const COMPACT_FROM: usize = 2_200;

/// Whether short code comes before gas: the key takes room in an embedded verifier.
pub(crate) fn is_compact(protocol: &Protocol, mode: Mode) -> bool {
    mode == Mode::Embedded && protocol.proof_len() >= COMPACT_FROM
}
