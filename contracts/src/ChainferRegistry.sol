// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {CircuitBreaker} from "./CircuitBreaker.sol";
import {IChainferRegistry} from "./interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "./interfaces/IRegistryGovernance.sol";
import {ModelRecords} from "./libraries/ModelRecords.sol";
import {ProofBatch} from "./libraries/ProofBatch.sol";
import {ScalarField} from "./libraries/ScalarField.sol";
import {ShownValues} from "./libraries/ShownValues.sol";
import {TensorOpenings} from "./TensorOpenings.sol";
import {Context} from "./types/Context.sol";
import {InferenceId} from "./types/InferenceId.sol";
import {Pin} from "./types/Pin.sol";
import {ChunkProof, ChunkSpec, Inference, InferenceStatus, ModelRecord} from "./types/RegistryTypes.sol";
import {VerifierList} from "./VerifierList.sol";

/// @title ChainferRegistry
/// @notice See `IChainferRegistry`. Holds no funds. Calls only verifiers and its own `TensorOpenings`, by static calls, and creates
/// only the latter.
contract ChainferRegistry is CircuitBreaker, IERC165 {
    /// @dev What is known of an inference while its chunks are verified.
    struct Progress {
        InferenceId id;
        Context context;
        uint256 provenChunks;
        uint208 valuesHash;
    }

    /// @param owner_ The owner: a timelock in production.
    /// @param guardian_ Account that may freeze without delay; zero for none.
    /// @param codeHashes Code hashes of the verifier shapes that are listed from the start.
    constructor(address owner_, address guardian_, bytes32[] memory codeHashes)
        VerifierList(owner_, guardian_, codeHashes)
    {
        // The first contract that this one creates, which is how `openings` finds it.
        new TensorOpenings(this);
    }

    // ---------------------------------------------------------------------------------------------------- Actions

    /// @inheritdoc IChainferRegistry
    function commit(Inference calldata inference) external override returns (InferenceId id) {
        Context context;
        (id, context) = _idOf(inference);
        _commit(inference, id, context);
    }

    /// @inheritdoc IChainferRegistry
    function prove(
        Inference calldata inference,
        ModelRecord calldata record,
        ChunkSpec[] calldata chunks,
        ChunkProof[] calldata proofs
    ) external override returns (InferenceId) {
        Progress memory progress = _start(inference);
        if (_inferences[inference.modelId][progress.id].status == InferenceStatus.None) {
            revert InferenceNotCommitted(progress.id);
        }
        _prove(inference, progress, record, chunks, proofs);
        return progress.id;
    }

    /// @inheritdoc IChainferRegistry
    function attest(
        Inference calldata inference,
        ModelRecord calldata record,
        ChunkSpec[] calldata chunks,
        ChunkProof[] calldata proofs
    ) external override returns (InferenceId) {
        Progress memory progress = _start(inference);
        _commit(inference, progress.id, progress.context);
        _prove(inference, progress, record, chunks, proofs);
        return progress.id;
    }

    // ------------------------------------------------------------------------------------------------------ Views

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure override returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IChainferRegistry).interfaceId
            || interfaceId == type(IRegistryGovernance).interfaceId;
    }

    // --------------------------------------------------------------------------------------------------- Internals

    function _start(Inference calldata inference) private view returns (Progress memory progress) {
        (progress.id, progress.context) = _idOf(inference);
    }

    function _commit(Inference calldata inference, InferenceId id, Context context) private {
        _usable(inference.modelId);
        InferenceSlots storage slots = _inferences[inference.modelId][id];
        if (slots.status != InferenceStatus.None) return;
        slots.status = InferenceStatus.Committed;
        slots.time = uint40(block.timestamp);
        emit InferenceCommitted(
            inference.modelId, inference.root, msg.sender, id, inference.requester, inference.nonce, context
        );
    }

    /// @dev The only external calls are static calls to verifiers, so no function that writes can be re-entered. What views say
    /// changes only after the pairing check.
    function _prove(
        Inference calldata inference,
        Progress memory progress,
        ModelRecord calldata record,
        ChunkSpec[] calldata chunks,
        ChunkProof[] calldata proofs
    ) private {
        if (proofs.length == 0) revert NoChunkProofs();
        _usable(inference.modelId);
        _checkRecord(inference.modelId, record);
        if (ModelRecords.hashOf(chunks) != record.chunks) revert RecordMismatch(inference.modelId);
        InferenceSlots storage slots = _inferences[inference.modelId][progress.id];
        if (slots.status == InferenceStatus.Proven) return;

        uint256 before = slots.provenChunks;
        progress.provenChunks = before;
        progress.valuesHash = slots.valuesHash;
        ProofBatch.Batch memory batch = _openBatch(inference.root, progress.context, proofs.length);
        for (uint256 i; i < proofs.length; ++i) {
            _proveChunk(inference, progress, chunks, batch, proofs[i]);
        }
        if (progress.provenChunks == before) return;
        ProofBatch.settle(batch);
        _store(inference, progress, slots, before, chunks.length);
    }

    /// @dev Every instance column begins with root and context.
    function _openBatch(uint256 root, Context context, uint256 capacity)
        private
        pure
        returns (ProofBatch.Batch memory)
    {
        uint256[] memory head;
        assembly ("memory-safe") {
            head := mload(0x40)
            mstore(head, 2)
            mstore(add(head, 0x20), root)
            mstore(add(head, 0x40), context)
            mstore(0x40, add(head, 0x60))
        }
        return ProofBatch.open(capacity, head);
    }

    /// @dev Adds a chunk to the batch and to the progress, unless it is proven.
    function _proveChunk(
        Inference calldata inference,
        Progress memory progress,
        ChunkSpec[] calldata chunks,
        ProofBatch.Batch memory batch,
        ChunkProof calldata proof
    ) private {
        uint256 chunk = proof.chunk;
        if (chunk >= chunks.length) revert ChunkOutOfRange(chunk, chunks.length);
        if ((progress.provenChunks >> chunk) & 1 == 1) return;
        ChunkSpec calldata spec = chunks[chunk];
        uint256[] calldata values = proof.publicValues;
        if (values.length != spec.numPublic) revert PublicValueCountMismatch(chunk, spec.numPublic, values.length);
        bytes32 codeHash = spec.codeHash;
        _checkActive(chunk, codeHash);
        _checkCanonical(chunk, values);
        ProofBatch.add(batch, chunk, Pin(spec.verifier, codeHash, spec.keyHash), proof.key, proof.proof, values);
        progress.valuesHash = ShownValues.chain(progress.valuesHash, chunk, ShownValues.digestOf(values));
        progress.provenChunks |= uint256(1) << chunk;
        emit ChunkProven(inference.modelId, inference.root, msg.sender, progress.id, chunk, values);
    }

    function _store(
        Inference calldata inference,
        Progress memory progress,
        InferenceSlots storage slots,
        uint256 before,
        uint256 chunkCount
    ) private {
        slots.valuesHash = progress.valuesHash;
        if (progress.provenChunks != type(uint256).max >> (MAX_CHUNKS - chunkCount)) {
            slots.provenChunks = progress.provenChunks;
            return;
        }
        slots.status = InferenceStatus.Proven;
        slots.time = uint40(block.timestamp);
        if (before != 0) slots.provenChunks = 0;
        emit InferenceProven(inference.modelId, inference.root, msg.sender, progress.id, inference.requester);
    }

    /// @dev Verifiers check the ranges as well, but the registry does not rely on that.
    function _checkCanonical(uint256 chunk, uint256[] calldata values) private pure {
        for (uint256 i; i < values.length; ++i) {
            if (!ScalarField.isCanonical(values[i])) revert PublicValueNotCanonical(chunk, i);
        }
    }
}
