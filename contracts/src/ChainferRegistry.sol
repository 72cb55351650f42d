// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {CircuitBreaker} from "./CircuitBreaker.sol";
import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "./interfaces/IRegistryGovernance.sol";
import {ITensorOpenings} from "./interfaces/ITensorOpenings.sol";
import {ProofBatch} from "./libraries/ProofBatch.sol";
import {ScalarField} from "./libraries/ScalarField.sol";
import {TensorOpenings} from "./TensorOpenings.sol";
import {Context} from "./types/Context.sol";
import {InferenceId, InferenceIdLibrary} from "./types/InferenceId.sol";
import {ModelId} from "./types/ModelId.sol";
import {Pin} from "./types/Pin.sol";
import {ChunkProof} from "./types/RegistryTypes.sol";
import {VerifierList} from "./VerifierList.sol";

/// @title ChainferRegistry
/// @notice See `IChainferRegistry`. Holds no funds. Calls only verifiers and its own `TensorOpenings`, by static calls, and creates
/// only the latter and tables of chunks, which are data.
contract ChainferRegistry is CircuitBreaker, IERC165 {
    /// @dev The inference that a call is about.
    struct Target {
        ModelId modelId;
        InferenceId inferenceId;
        uint256 root;
        Context context;
        address requester;
        uint256 nonce;
    }

    /// @dev Written only by the constructor. Not an immutable, so that every registry has the same code.
    ITensorOpenings private _openings;

    /// @param owner_ The owner: a timelock in production.
    /// @param guardian_ Account that may freeze without delay; zero for none.
    /// @param codeHashes Code hashes of the verifier shapes that are listed from the start.
    constructor(address owner_, address guardian_, bytes32[] memory codeHashes)
        VerifierList(owner_, guardian_, codeHashes)
    {
        _openings = new TensorOpenings(this);
    }

    // ---------------------------------------------------------------------------------------------------- Actions

    /// @inheritdoc IChainferRegistry
    function commit(ModelId modelId, uint256 root, address requester, uint256 nonce)
        external
        override
        returns (InferenceId)
    {
        Target memory target = _target(modelId, root, requester, nonce);
        _commit(target);
        return target.inferenceId;
    }

    /// @inheritdoc IChainferRegistry
    function prove(ModelId modelId, uint256 root, address requester, uint256 nonce, ChunkProof[] calldata proofs)
        external
        override
        returns (InferenceId)
    {
        Target memory target = _target(modelId, root, requester, nonce);
        if (_inferences[target.inferenceId].committedAt == 0) revert InferenceNotCommitted(target.inferenceId);
        _prove(target, proofs);
        return target.inferenceId;
    }

    /// @inheritdoc IChainferRegistry
    function attest(ModelId modelId, uint256 root, address requester, uint256 nonce, ChunkProof[] calldata proofs)
        external
        override
        returns (InferenceId)
    {
        Target memory target = _target(modelId, root, requester, nonce);
        _commit(target);
        _prove(target, proofs);
        return target.inferenceId;
    }

    // ------------------------------------------------------------------------------------------------------ Views

    /// @inheritdoc IChainferRegistry
    function openings() public view override returns (ITensorOpenings) {
        return _openings;
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure override returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IChainferRegistry).interfaceId
            || interfaceId == type(IRegistryGovernance).interfaceId;
    }

    // --------------------------------------------------------------------------------------------------- Internals

    function _target(ModelId modelId, uint256 root, address requester, uint256 nonce)
        private
        view
        returns (Target memory)
    {
        if (root == 0 || !ScalarField.isCanonical(root)) revert InvalidRoot(root);
        if (requester == address(0)) revert RequesterIsZero();
        Context context = _contextOf(modelId, requester, nonce);
        return Target({
            modelId: modelId,
            inferenceId: InferenceIdLibrary.derive(modelId, root, context),
            root: root,
            context: context,
            requester: requester,
            nonce: nonce
        });
    }

    function _commit(Target memory target) private {
        uint32 modelNumber = _usable(target.modelId).number;
        InferenceRecord storage record = _inferences[target.inferenceId];
        if (record.committedAt != 0) return;

        record.requester = target.requester;
        record.modelNumber = modelNumber;
        record.committedAt = uint32(block.timestamp);
        record.root = target.root;
        emit InferenceCommitted(
            target.modelId, target.root, msg.sender, target.inferenceId, target.requester, target.nonce, target.context
        );
    }

    /// @dev The only external calls are static calls to verifiers, so no function that writes can be re-entered. Views depend on
    /// `provenChunks`, which is written only after the pairing check.
    function _prove(Target memory target, ChunkProof[] calldata proofs) private {
        if (proofs.length == 0) revert NoChunkProofs();
        ModelRecord storage modelRecord = _usable(target.modelId);
        InferenceRecord storage record = _inferences[target.inferenceId];
        uint256 before = record.provenChunks;
        uint256 proven = before;
        ProofBatch.Batch memory batch = _openBatch(target, proofs.length);
        for (uint256 i; i < proofs.length; ++i) {
            proven = _proveChunk(target, modelRecord, record, batch, proofs[i], proven);
        }

        if (proven == before) return;
        ProofBatch.settle(batch);
        if (before == 0) record.nonce = target.nonce;
        record.provenChunks = proven;
        if (proven == type(uint256).max >> (MAX_CHUNKS - modelRecord.chunkCount)) {
            record.provenAt = uint32(block.timestamp);
            emit InferenceProven(target.modelId, target.root, msg.sender, target.inferenceId, target.requester);
        }
    }

    function _openBatch(Target memory target, uint256 capacity) private pure returns (ProofBatch.Batch memory) {
        uint256[] memory head = new uint256[](2);
        (head[0], head[1]) = (target.root, target.context.toUint());
        return ProofBatch.open(capacity, head);
    }

    /// @dev Adds a chunk to the batch and records it, unless it is among the `proven` chunks. Returns the bitmap with the chunk added.
    function _proveChunk(
        Target memory target,
        ModelRecord storage modelRecord,
        InferenceRecord storage record,
        ProofBatch.Batch memory batch,
        ChunkProof calldata proof,
        uint256 proven
    ) private returns (uint256) {
        uint256 chunk = proof.chunk;
        if (chunk >= modelRecord.chunkCount) revert ChunkOutOfRange(chunk, modelRecord.chunkCount);
        uint256[] calldata values = proof.publicValues;
        (Pin memory pin, uint256 numPublic) = _chunkOf(modelRecord, chunk);
        if (values.length != numPublic) revert PublicValueCountMismatch(chunk, numPublic, values.length);
        if ((proven >> chunk) & 1 == 1) {
            if (!_isRecorded(record, chunk, values)) revert PublicValuesConflict(target.inferenceId, chunk);
            return proven;
        }
        _checkActive(chunk, pin.codeHash);
        _checkCanonical(chunk, values);
        ProofBatch.add(batch, chunk, pin, proof.proof, values);
        _record(record, chunk, values);
        emit ChunkProven(target.modelId, target.root, msg.sender, target.inferenceId, chunk, values);
        return proven | (uint256(1) << chunk);
    }

    /// @dev Verifiers check the ranges as well, but the registry does not rely on that.
    function _checkCanonical(uint256 chunk, uint256[] calldata values) private pure {
        for (uint256 i; i < values.length; ++i) {
            if (!ScalarField.isCanonical(values[i])) revert PublicValueNotCanonical(chunk, i);
        }
    }
}
