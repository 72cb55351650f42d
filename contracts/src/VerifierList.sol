// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IRegistryGovernance} from "./interfaces/IRegistryGovernance.sol";
import {VerifierStatus} from "./types/RegistryTypes.sol";

/// @title VerifierList
/// @notice The registry's owner, guardian and list of verifier shapes; see `IRegistryGovernance`.
abstract contract VerifierList is Ownable2Step, IRegistryGovernance {
    /// @dev Code hash of an account that exists and has no code (EIP-1052).
    bytes32 private constant EMPTY_CODE_HASH = keccak256("");

    /// @dev Sets of one status: two to the power of its number.
    uint256 private constant UNKNOWN = 1;
    uint256 private constant ACTIVE = 2;
    uint256 private constant FROZEN = 4;

    address private _guardian;
    mapping(bytes32 => VerifierStatus) private _verifiers;

    modifier onlyGuardian() {
        if (msg.sender != _guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
        _;
    }

    /// @param owner_ The owner; a timelock in production.
    /// @param guardian_ The guardian; zero for none.
    /// @param codeHashes Code hashes of the verifier shapes that are listed from the start.
    constructor(address owner_, address guardian_, bytes32[] memory codeHashes) Ownable(owner_) {
        _setGuardian(guardian_);
        for (uint256 i; i < codeHashes.length; ++i) {
            _addVerifier(codeHashes[i]);
        }
    }

    /// @inheritdoc IRegistryGovernance
    function addVerifier(bytes32 codeHash) external override onlyOwner {
        _addVerifier(codeHash);
    }

    /// @inheritdoc IRegistryGovernance
    function unfreezeVerifier(bytes32 codeHash) external override onlyOwner {
        _move(codeHash, FROZEN, VerifierStatus.Active);
        emit VerifierUnfrozen(codeHash);
    }

    /// @inheritdoc IRegistryGovernance
    function removeVerifier(bytes32 codeHash) external override onlyOwner {
        _move(codeHash, ACTIVE | FROZEN, VerifierStatus.Removed);
        emit VerifierRemoved(codeHash);
    }

    /// @inheritdoc IRegistryGovernance
    function setGuardian(address guardian_) external override onlyOwner {
        _setGuardian(guardian_);
    }

    /// @inheritdoc IRegistryGovernance
    function freezeVerifier(bytes32 codeHash) external override onlyGuardian {
        _move(codeHash, ACTIVE, VerifierStatus.Frozen);
        emit VerifierFrozen(codeHash, msg.sender);
    }

    /// @inheritdoc IRegistryGovernance
    function guardian() external view override returns (address) {
        return _guardian;
    }

    /// @inheritdoc IRegistryGovernance
    function verifierStatus(bytes32 codeHash) external view override returns (VerifierStatus) {
        return _verifiers[codeHash];
    }

    /// @dev Reverts unless the chunk's verifier is active.
    function _checkActive(uint256 chunk, bytes32 codeHash) internal view {
        VerifierStatus status = _verifiers[codeHash];
        if (status != VerifierStatus.Active) revert VerifierNotActive(chunk, codeHash, status);
    }

    function _addVerifier(bytes32 codeHash) private {
        if (codeHash == bytes32(0) || codeHash == EMPTY_CODE_HASH) revert InvalidVerifierCodeHash(codeHash);
        _move(codeHash, UNKNOWN, VerifierStatus.Active);
        emit VerifierAdded(codeHash);
    }

    /// @dev Changes the status, which must be one of the set `from`.
    function _move(bytes32 codeHash, uint256 from, VerifierStatus to) private {
        VerifierStatus status = _verifiers[codeHash];
        if ((from >> uint256(status)) & 1 == 0) revert UnexpectedVerifierStatus(codeHash, status);
        _verifiers[codeHash] = to;
    }

    function _setGuardian(address guardian_) private {
        emit GuardianChanged(_guardian, guardian_);
        _guardian = guardian_;
    }
}
