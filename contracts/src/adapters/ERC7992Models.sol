// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {IERCZKMLRegistry, IERCZKMLVerifier} from "../interfaces/standards/IERC7992.sol";
import {ModelId} from "../types/ModelId.sol";
import {ChunkSpec, Model} from "../types/RegistryTypes.sol";

/// @title ERC7992Models
/// @notice The registry's models in terms of ERC-7992. Every model of the registry exists here under the same id, owned by its
/// registrant, with a commitment that follows from the record: modelHash is the manifest id, circuitHash the hash of the
/// verifiers' code hashes, vkHash that of the keys', in the order of the chunks.
/// @dev `registerModel` only announces a model that the registry has. Models are immutable, so `updateModel` reverts. A deprecation by
/// this contract applies only here; a deprecation in the registry applies here too. As the standard demands, no inference of a
/// deprecated model verifies here, not even those proven before, which the registry still confirms.
abstract contract ERC7992Models is IERCZKMLRegistry {
    /// @notice The model was announced before.
    error ModelIsRegistered(uint256 modelId);
    /// @notice The commitment does not match the registry's record of the model.
    error CommitmentMismatch(uint256 modelId);
    /// @notice Models are never updated.
    error ModelIsImmutable(uint256 modelId);

    /// @notice The proof system of all models: "halo2-kzg-bn254-v1".
    bytes4 public constant PROOF_SYSTEM_ID = bytes4(keccak256("halo2-kzg-bn254-v1"));

    /// @notice The registry that holds the models.
    IChainferRegistry public immutable CHAINFER;

    mapping(uint256 => bool) private _announced;
    mapping(uint256 => bool) private _deprecated;

    constructor(IChainferRegistry chainfer) {
        CHAINFER = chainfer;
    }

    /// @inheritdoc IERCZKMLRegistry
    function registerModel(ModelCommitment calldata commitment) external override returns (uint256 modelId) {
        if (commitment.proofSystemId != PROOF_SYSTEM_ID) {
            revert IERCZKMLVerifier.UnsupportedProofSystem(commitment.proofSystemId);
        }
        ModelId id = CHAINFER.modelIdOf(commitment.modelHash, msg.sender);
        modelId = uint256(ModelId.unwrap(id));
        ModelCommitment memory recorded = _commitmentOf(modelId, _modelOf(modelId));
        if (keccak256(abi.encode(commitment)) != keccak256(abi.encode(recorded))) revert CommitmentMismatch(modelId);
        if (_announced[modelId]) revert ModelIsRegistered(modelId);
        _announced[modelId] = true;
        emit ModelRegistered(modelId, msg.sender, recorded);
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
    function getModel(uint256 modelId)
        external
        view
        override
        returns (ModelCommitment memory commitment, bool deprecated, address owner)
    {
        Model memory model = _modelOf(modelId);
        return (_commitmentOf(modelId, model), _isDeprecated(modelId), model.registrant);
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

    /// @dev The model must exist.
    function _isDeprecated(uint256 modelId) internal view returns (bool) {
        return _deprecated[modelId] || CHAINFER.isDeprecated(_toId(modelId));
    }

    function _checkOwner(uint256 modelId) private view {
        if (msg.sender != _modelOf(modelId).registrant) revert NotModelOwner(modelId, msg.sender);
    }

    function _commitmentOf(uint256 modelId, Model memory model) private view returns (ModelCommitment memory) {
        bytes32[] memory codeHashes = new bytes32[](model.chunkCount);
        bytes32[] memory keyCodeHashes = new bytes32[](model.chunkCount);
        for (uint256 i; i < codeHashes.length; ++i) {
            ChunkSpec memory spec = CHAINFER.chunkSpec(_toId(modelId), i);
            codeHashes[i] = spec.codeHash;
            keyCodeHashes[i] = spec.keyCodeHash;
        }
        return ModelCommitment({
            modelHash: model.manifestId,
            circuitHash: keccak256(abi.encodePacked(codeHashes)),
            vkHash: keccak256(abi.encodePacked(keyCodeHashes)),
            proofSystemId: PROOF_SYSTEM_ID,
            uri: model.uri
        });
    }
}
