// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IChainferRegistry} from "../interfaces/IChainferRegistry.sol";
import {Attestation, ISchemaResolver} from "../interfaces/standards/ISchemaResolver.sol";
import {ModelId} from "../types/ModelId.sol";
import {Inference} from "../types/RegistryTypes.sol";

/// @title EASResolver
/// @notice Resolver of the Ethereum Attestation Service for the schema `bytes32 modelId,uint256 root,uint256 nonce`: an attestation
/// passes if the registry confirms (`requireAttested`) the inference of this model, root and nonce whose requester is the recipient.
/// Anyone can attest.
/// @dev An attestation was true when it was made. It can be revoked once, and only once, the registry no longer confirms it, which is
/// when the model is frozen; so whoever relies on one should ask the registry again (`requireAttested`). The prover names the
/// recipient: an attestation is no evidence that the recipient asked for it or knows about it.
contract EASResolver is ISchemaResolver {
    /// @notice The sender is not the Ethereum Attestation Service.
    error NotAttestationService(address sender);
    /// @notice The resolver does not accept ether.
    error NotPayable();
    /// @notice The attestation's data is not three words.
    error InvalidData(uint256 length);

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

    /// @dev The recipient is part of the inference's id, so an inference of another requester is an unknown one.
    function _checkAttestation(Attestation calldata attestation) private view {
        (ModelId modelId, uint256 root, uint256 nonce) = _decode(attestation.data);
        REGISTRY.requireAttested(
            modelId, REGISTRY.inferenceIdOf(Inference(modelId, root, attestation.recipient, nonce))
        );
    }

    function _mayRevoke(Attestation calldata attestation) private view returns (bool) {
        (ModelId modelId,,) = _decode(attestation.data);
        return REGISTRY.model(modelId).frozen;
    }

    function _decode(bytes calldata data) private pure returns (ModelId, uint256, uint256) {
        if (data.length != 96) revert InvalidData(data.length);
        return abi.decode(data, (ModelId, uint256, uint256));
    }
}
