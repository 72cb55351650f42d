// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC8004ValidationRegistry} from "../../src/interfaces/standards/IERC8004.sol";

/// @notice TEST ONLY: agents, as ERC-721 tokens.
contract StubIdentityRegistry is ERC721("agents", "AGENT") {
    uint256 private _count;

    function register() external returns (uint256 agentId) {
        agentId = _count++;
        _mint(msg.sender, agentId);
    }
}

/// @notice TEST ONLY: a Validation Registry as ERC-8004 and its reference implementation have it: the owner or an operator of
/// the agent asks, a hash is taken for good by whoever asks first, only the validator that was asked answers, 0 to 100, as often as it
/// likes, and unknown hashes revert.
contract StubValidationRegistry is IERC8004ValidationRegistry {
    error Unauthorised(address account);
    error AlreadyRequested(bytes32 requestHash);
    error UnknownRequest(bytes32 requestHash);
    error ResponseTooHigh(uint8 response);
    error ValidatorIsZero();

    struct Validation {
        address validator;
        uint256 agentId;
        uint8 response;
        bytes32 responseHash;
        string tag;
        uint256 lastUpdate;
        bool answered;
    }

    StubIdentityRegistry private immutable IDENTITY;
    mapping(bytes32 requestHash => Validation) internal _validations;
    mapping(uint256 agentId => bytes32[]) private _ofAgent;
    mapping(address validator => bytes32[]) private _ofValidator;

    constructor(StubIdentityRegistry identity) {
        IDENTITY = identity;
    }

    function validationRequest(address validator, uint256 agentId, string calldata requestURI, bytes32 requestHash)
        external
        override
    {
        if (validator == address(0)) revert ValidatorIsZero();
        Validation storage validation = _validations[requestHash];
        if (validation.validator != address(0)) revert AlreadyRequested(requestHash);
        address owner = IDENTITY.ownerOf(agentId);
        bool allowed = msg.sender == owner || IDENTITY.isApprovedForAll(owner, msg.sender)
            || IDENTITY.getApproved(agentId) == msg.sender;
        if (!allowed) revert Unauthorised(msg.sender);
        validation.validator = validator;
        validation.agentId = agentId;
        validation.lastUpdate = block.timestamp;
        _ofAgent[agentId].push(requestHash);
        _ofValidator[validator].push(requestHash);
        emit ValidationRequest(validator, agentId, requestURI, requestHash);
    }

    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) public virtual override {
        Validation storage validation = _known(requestHash);
        if (msg.sender != validation.validator) revert Unauthorised(msg.sender);
        if (response > 100) revert ResponseTooHigh(response);
        validation.response = response;
        validation.responseHash = responseHash;
        validation.tag = tag;
        validation.lastUpdate = block.timestamp;
        validation.answered = true;
        emit ValidationResponse(msg.sender, validation.agentId, requestHash, response, responseURI, responseHash, tag);
    }

    function getValidationStatus(bytes32 requestHash)
        external
        view
        virtual
        override
        returns (address, uint256, uint8, bytes32, string memory, uint256)
    {
        return _statusOf(_known(requestHash));
    }

    function getSummary(uint256 agentId, address[] calldata validators, string calldata tag)
        external
        view
        override
        returns (uint64 count, uint8 average)
    {
        uint256 sum;
        bytes32[] storage requests = _ofAgent[agentId];
        for (uint256 i; i < requests.length; ++i) {
            Validation storage validation = _validations[requests[i]];
            bool counted = validation.answered && _isAmong(validation.validator, validators);
            if (bytes(tag).length != 0 && keccak256(bytes(tag)) != keccak256(bytes(validation.tag))) counted = false;
            if (!counted) continue;
            ++count;
            sum += validation.response;
        }
        if (count != 0) average = uint8(sum / count);
    }

    function getAgentValidations(uint256 agentId) external view override returns (bytes32[] memory) {
        return _ofAgent[agentId];
    }

    function getValidatorRequests(address validator) external view override returns (bytes32[] memory) {
        return _ofValidator[validator];
    }

    function getIdentityRegistry() external view override returns (address) {
        return address(IDENTITY);
    }

    function _known(bytes32 requestHash) private view returns (Validation storage validation) {
        validation = _validations[requestHash];
        if (validation.validator == address(0)) revert UnknownRequest(requestHash);
    }

    function _statusOf(Validation storage validation)
        internal
        view
        returns (address, uint256, uint8, bytes32, string memory, uint256)
    {
        return (
            validation.validator,
            validation.agentId,
            validation.response,
            validation.responseHash,
            validation.tag,
            validation.lastUpdate
        );
    }

    function _isAmong(address validator, address[] calldata validators) private pure returns (bool) {
        for (uint256 i; i < validators.length; ++i) {
            if (validators[i] == validator) return true;
        }
        return validators.length == 0;
    }
}

/// @notice TEST ONLY: answers zeros for an unknown hash, which the draft does not forbid.
contract LenientValidationRegistry is StubValidationRegistry {
    constructor(StubIdentityRegistry identity) StubValidationRegistry(identity) {}

    function getValidationStatus(bytes32 requestHash)
        external
        view
        override
        returns (address, uint256, uint8, bytes32, string memory, uint256)
    {
        return _statusOf(_validations[requestHash]);
    }
}

/// @notice TEST ONLY: calls back, once, before it records an answer.
contract ReentrantValidationRegistry is StubValidationRegistry {
    address private _target;
    bytes private _data;
    bool public succeeded;

    constructor(StubIdentityRegistry identity) StubValidationRegistry(identity) {}

    function callBack(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) public override {
        address target = _target;
        _target = address(0);
        if (target != address(0)) (succeeded,) = target.call(_data);
        super.validationResponse(requestHash, response, responseURI, responseHash, tag);
    }
}
