// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title IProofVerifier
/// @notice The interface of ERC-8274 for proof systems: stateless, and called by an agent's verifier, never by a settlement contract.
/// ERC-165 id 0x86761e49. Draft of 2026-08-10, an open pull request (https://github.com/ethereum/ERCs/pull/1771); this
/// interface is unchanged since 2026-06-13.
interface IProofVerifier {
    /// @notice Whether a proof shows that this input led to this output.
    /// @param inputHash Commitment to the input. Each proof system documents its own.
    /// @param outputHash Commitment to the output, likewise.
    /// @param metadata What is the same for all proofs of one agent.
    /// @param proof The evidence for one inference.
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        returns (bool);

    /// @notice The proof system, as "paradigm/variant"; the paradigms are zk, op, tee and attestation.
    function proofSystem() external view returns (string memory);

    /// @notice Identifies this deployment; should be keccak256 of the proof system's name and a constant of the deployment.
    function proofProfile() external view returns (bytes32);
}
