// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IProofVerifier} from "../../src/interfaces/standards/IERC8274.sol";

/// @notice TEST ONLY: the interface of ERC-8274 for agents, draft of 2026-08-10.
interface IAgentVerifier {
    event VerificationCompleted(
        bytes32 indexed taskId,
        bytes32 indexed agentId,
        bytes32 indexed verificationDigest,
        bool valid,
        bytes32 inputHash,
        bytes32 outputHash,
        bytes32 agentProofProfile,
        uint256 timestamp,
        bytes instanceId,
        bytes chainId
    );

    function verify(bytes32 taskId, bytes32 agentId, bytes32 inputHash, bytes32 outputHash, bytes calldata proof)
        external
        returns (bool valid, bytes32 verificationDigest);
}

/// @notice TEST ONLY: an agent's verifier as the draft describes it: one agent, one proof system with its metadata, each task once,
/// and the draft's digest.
contract StubAgentVerifier is IAgentVerifier {
    IProofVerifier private immutable VERIFIER;
    bytes32 private immutable AGENT_ID;
    bytes private _metadata;
    mapping(bytes32 taskId => bool) private _used;

    constructor(IProofVerifier verifier, bytes32 agentId, bytes memory metadata) {
        (VERIFIER, AGENT_ID, _metadata) = (verifier, agentId, metadata);
    }

    function verify(bytes32 taskId, bytes32 agentId, bytes32 inputHash, bytes32 outputHash, bytes calldata proof)
        external
        override
        returns (bool valid, bytes32 digest)
    {
        if (!_used[taskId] && agentId == AGENT_ID) {
            valid = VERIFIER.verify(inputHash, outputHash, _metadata, proof);
            _used[taskId] = valid;
        }
        bytes32 profile = VERIFIER.proofProfile();
        bytes memory instance = abi.encodePacked(address(this));
        bytes memory chain = abi.encode(block.chainid);
        digest = keccak256(
            abi.encode(taskId, agentId, inputHash, outputHash, valid, profile, block.timestamp, instance, chain)
        );
        emit VerificationCompleted(
            taskId, agentId, digest, valid, inputHash, outputHash, profile, block.timestamp, instance, chain
        );
    }
}
