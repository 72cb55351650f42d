// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {IERCZKMLRegistry, IERCZKMLVerifier} from "../interfaces/standards/IERC7992.sol";
import {ModelRecords} from "../libraries/ModelRecords.sol";
import {ModelId, ModelIdLibrary} from "../types/ModelId.sol";
import {ChunkSpec, Model, ModelRecord} from "../types/RegistryTypes.sol";

/// @title ERC7992Models
/// @notice The registry's models in terms of ERC-7992. Every model of the registry exists here under the same id, owned by its
/// registrant, with a commitment that follows from the record: modelHash is the manifest id, circuitHash the hash of the
/// verifiers' code hashes, vkHash that of the keys' hashes, in the order of the chunks.
/// @dev The registry has only the hash of the record, so somebody, anybody, shows it here once (`showRecord`). `registerModel` then
/// announces a model that the registry has, and the registrant says its URI, which is not part of the record. Models are immutable, so
/// `updateModel` reverts. A deprecation by this contract applies only here; a deprecation in the registry applies here too. As the
/// standard demands, no inference of a deprecated model verifies here, not even those proven before, which the registry still confirms.
abstract contract ERC7992Models is IERCZKMLRegistry {
    /// @dev What follows from a model's record. The model's hash is zero if the record was not shown.
    struct Shown {
        bytes32 modelHash;
        bytes32 circuitHash;
        bytes32 vkHash;
        string uri;
        bool announced;
    }

    /// @notice The record of a model was shown.
    event RecordShown(uint256 indexed modelId, bytes32 indexed modelHash, bytes32 circuitHash, bytes32 vkHash);

    /// @notice The model was announced before.
    error ModelIsRegistered(uint256 modelId);
    /// @notice The commitment does not match the registry's record of the model.
    error CommitmentMismatch(uint256 modelId);
    /// @notice Models are never updated.
    error ModelIsImmutable(uint256 modelId);
    /// @notice The registry has the model, but nobody has shown its record here yet (`showRecord`).
    error RecordNotShown(uint256 modelId);

    /// @notice The proof system of all models: "halo2-kzg-bn254-v1".
    bytes4 public constant PROOF_SYSTEM_ID = bytes4(keccak256("halo2-kzg-bn254-v1"));

    /// @notice The registry that holds the models.
    IChainferRegistry public immutable CHAINFER;

    mapping(uint256 => Shown) private _shown;
    mapping(uint256 => bool) private _deprecated;

    constructor(IChainferRegistry chainfer) {
        CHAINFER = chainfer;
    }

    /// @notice Shows the record of a model, so that `registerModel` and `getModel` know its commitment. By anyone; doing it again changes
    /// nothing.
    /// @dev Reverts `ModelNotFound`, `RecordMismatch`.
    /// @param manifestId The manifest id, which the model's id is derived from.
    /// @param record The model's record.
    /// @param chunks Its part with the chunks.
    function showRecord(uint256 modelId, bytes32 manifestId, ModelRecord calldata record, ChunkSpec[] calldata chunks)
        external
    {
        Model memory model = _modelOf(modelId);
        ModelId id = _toId(modelId);
        if (
            ModelIdLibrary.derive(manifestId, model.registrant) != id || ModelRecords.hashOf(record) != model.recordHash
                || ModelRecords.hashOf(chunks) != record.chunks
        ) revert IChainferRegistry.RecordMismatch(id);
        Shown storage shown = _shown[modelId];
        if (shown.modelHash != bytes32(0)) return;
        (bytes32 circuitHash, bytes32 vkHash) = _hashesOf(chunks);
        (shown.modelHash, shown.circuitHash, shown.vkHash) = (manifestId, circuitHash, vkHash);
        emit RecordShown(modelId, manifestId, circuitHash, vkHash);
    }

    /// @inheritdoc IERCZKMLRegistry
    function registerModel(ModelCommitment calldata commitment) external override returns (uint256 modelId) {
        if (commitment.proofSystemId != PROOF_SYSTEM_ID) {
            revert IERCZKMLVerifier.UnsupportedProofSystem(commitment.proofSystemId);
        }
        modelId = uint256(ModelId.unwrap(ModelIdLibrary.derive(commitment.modelHash, msg.sender)));
        _modelOf(modelId);
        Shown storage shown = _shownOf(modelId);
        if (commitment.circuitHash != shown.circuitHash || commitment.vkHash != shown.vkHash) {
            revert CommitmentMismatch(modelId);
        }
        if (shown.announced) revert ModelIsRegistered(modelId);
        shown.announced = true;
        shown.uri = commitment.uri;
        emit ModelRegistered(modelId, msg.sender, commitment);
    }

    /// @inheritdoc IERCZKMLRegistry
    function updateModel(uint256 modelId, ModelCommitment calldata) external view override {
        _checkOwner(modelId);
        revert ModelIsImmutable(modelId);
    }

    /// @inheritdoc IERCZKMLRegistry
    function deprecateModel(uint256 modelId) external override {
        _checkOwner(modelId);
        if (_isDeprecated(modelId)) revert ModelIsDeprecated(modelId);
        _deprecated[modelId] = true;
        emit ModelDeprecated(modelId);
    }

    /// @inheritdoc IERCZKMLRegistry
    /// @dev The URI is empty until the registrant announces the model. Reverts `ModelNotFound`, `RecordNotShown`.
    function getModel(uint256 modelId)
        external
        view
        override
        returns (ModelCommitment memory commitment, bool deprecated, address owner)
    {
        deprecated = _isDeprecated(modelId);
        owner = _modelOf(modelId).registrant;
        Shown storage shown = _shownOf(modelId);
        commitment = ModelCommitment({
            modelHash: shown.modelHash,
            circuitHash: shown.circuitHash,
            vkHash: shown.vkHash,
            proofSystemId: PROOF_SYSTEM_ID,
            uri: shown.uri
        });
    }

    function _toId(uint256 modelId) internal pure returns (ModelId) {
        return ModelId.wrap(bytes32(modelId));
    }

    /// @dev The record of a model. Reverts if it is not registered.
    function _modelOf(uint256 modelId) internal view returns (Model memory) {
        try CHAINFER.model(_toId(modelId)) returns (Model memory model) {
            return model;
        } catch (bytes memory reason) {
            // A call that ran out of gas says nothing about the model.
            // forge-lint: disable-next-line(unsafe-typecast)
            if (bytes4(reason) == IChainferRegistry.ModelNotRegistered.selector) revert ModelNotFound(modelId);
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }

    /// @dev Reverts if there is no such model.
    function _isDeprecated(uint256 modelId) internal view returns (bool) {
        return _modelOf(modelId).deprecatedAt != 0 || _deprecated[modelId];
    }

    function _shownOf(uint256 modelId) private view returns (Shown storage shown) {
        shown = _shown[modelId];
        if (shown.modelHash == bytes32(0)) revert RecordNotShown(modelId);
    }

    function _checkOwner(uint256 modelId) private view {
        if (msg.sender != _modelOf(modelId).registrant) revert NotModelOwner(modelId, msg.sender);
    }

    function _hashesOf(ChunkSpec[] calldata chunks) private pure returns (bytes32 circuitHash, bytes32 vkHash) {
        bytes32[] memory codeHashes = new bytes32[](chunks.length);
        bytes32[] memory keyHashes = new bytes32[](chunks.length);
        for (uint256 i; i < chunks.length; ++i) {
            (codeHashes[i], keyHashes[i]) = (chunks[i].codeHash, chunks[i].keyHash);
        }
        return (keccak256(abi.encodePacked(codeHashes)), keccak256(abi.encodePacked(keyHashes)));
    }
}
