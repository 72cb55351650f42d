// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {Attestation, ISchemaResolver} from "../interfaces/standards/ISchemaResolver.sol";
import {InferenceId} from "../types/InferenceId.sol";
import {ModelId} from "../types/ModelId.sol";

/// @title EASResolver
/// @notice Resolver of the Ethereum Attestation Service for the schema `bytes32 modelId,bytes32 inferenceId`: an attestation
/// passes if `requireAttested` of the registry does and the recipient is the requester of the inference. Anyone can attest.
/// @dev An attestation was true when it was made. It can be revoked once, and only once, the registry no longer confirms it, which is
/// when the model is frozen; so whoever relies on one should ask the registry again (`requireAttested`). The prover names the
/// recipient: an attestation is no evidence that the recipient asked for it or knows about it.
contract EASResolver is ISchemaResolver {
    /// @notice The sender is not the Ethereum Attestation Service.
    error NotAttestationService(address sender);
    /// @notice The resolver does not accept ether.
    error NotPayable();
    /// @notice The attestation's data is not two words.
    error InvalidData(uint256 length);
    /// @notice The inference is credited to another account.
    error RecipientMismatch(address expected, address actual);

    /// @notice The Ethereum Attestation Service of this chain.
    address public immutable EAS;
    /// @notice The registry that inferences are proven in.
    IChainferRegistry public immutable REGISTRY;

    /// @dev For every entry point: only the service may call it, without ether.
    modifier fromService() {
        if (msg.sender != EAS) revert NotAttestationService(msg.sender);
        if (msg.value != 0) revert NotPayable();
        _;
    }

    constructor(address eas, IChainferRegistry registry) {
        EAS = eas;
        REGISTRY = registry;
    }

    /// @inheritdoc ISchemaResolver
    function isPayable() external pure override returns (bool) {
        return false;
    }

    /// @inheritdoc ISchemaResolver
    function attest(Attestation calldata attestation) external payable override fromService returns (bool) {
        _checkAttestation(attestation);
        return true;
    }

    /// @inheritdoc ISchemaResolver
    function multiAttest(Attestation[] calldata attestations, uint256[] calldata)
        external
        payable
        override
        fromService
        returns (bool)
    {
        for (uint256 i; i < attestations.length; ++i) {
            _checkAttestation(attestations[i]);
        }
        return true;
    }

    /// @inheritdoc ISchemaResolver
    function revoke(Attestation calldata attestation) external payable override fromService returns (bool) {
        return _mayRevoke(attestation);
    }

    /// @inheritdoc ISchemaResolver
    function multiRevoke(Attestation[] calldata attestations, uint256[] calldata)
        external
        payable
        override
        fromService
        returns (bool)
    {
        for (uint256 i; i < attestations.length; ++i) {
            if (!_mayRevoke(attestations[i])) return false;
        }
        return true;
    }

    function _checkAttestation(Attestation calldata attestation) private view {
        (ModelId modelId, InferenceId inferenceId) = _decode(attestation.data);
        REGISTRY.requireAttested(modelId, inferenceId);
        address requester = REGISTRY.inference(inferenceId).requester;
        if (attestation.recipient != requester) revert RecipientMismatch(requester, attestation.recipient);
    }

    function _mayRevoke(Attestation calldata attestation) private view returns (bool) {
        (ModelId modelId,) = _decode(attestation.data);
        return REGISTRY.isFrozen(modelId);
    }

    function _decode(bytes calldata data) private pure returns (ModelId, InferenceId) {
        if (data.length != 64) revert InvalidData(data.length);
        return abi.decode(data, (ModelId, InferenceId));
    }
}
