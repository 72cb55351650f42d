// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ModelId} from "../types/ModelId.sol";
import {VerifierStatus} from "../types/RegistryTypes.sol";

/// @title IRegistryGovernance
/// @notice What the registry's owner and guardian may do. Everybody else can only register, commit, prove and report contradictions.
/// The owner, usually a timelock, adds verifiers; the guardian can freeze without delay. Neither can change a model or an inference,
/// and a removed verifier can never be listed again.
/// @dev Verifiers are listed by code hash: a shared verifier has no state and no constructor arguments, so one shape has one
/// hash wherever it is deployed, and a faulty one cannot come back at another address. Keys are not listed: they are data.
/// Ownership changes in two steps (OpenZeppelin's `Ownable2Step`).
interface IRegistryGovernance {
    // ---------------------------------------------------------------------------------------------------- Events

    /// @notice A verifier shape was listed and may be used.
    event VerifierAdded(bytes32 indexed codeHash);
    /// @notice A verifier shape was frozen and cannot be used until it is unfrozen.
    event VerifierFrozen(bytes32 indexed codeHash, address indexed by);
    /// @notice A frozen verifier shape may be used again.
    event VerifierUnfrozen(bytes32 indexed codeHash);
    /// @notice A verifier shape was removed for good.
    event VerifierRemoved(bytes32 indexed codeHash);
    /// @notice A model was frozen: until it is unfrozen, it takes no proofs and `requireAttested` reverts.
    event ModelFrozen(ModelId indexed modelId, address indexed by);
    /// @notice A frozen model was unfrozen.
    event ModelUnfrozen(ModelId indexed modelId);
    /// @notice The guardian was replaced.
    event GuardianChanged(address indexed previous, address indexed current);

    // ---------------------------------------------------------------------------------------------------- Errors

    /// @notice The sender is neither the guardian nor the owner.
    error NotGuardian(address account);
    /// @notice No verifier can have this code hash: it is zero or that of an account without code.
    error InvalidVerifierCodeHash(bytes32 codeHash);
    /// @notice The verifier's status does not allow this change. A removed verifier allows none.
    error UnexpectedVerifierStatus(bytes32 codeHash, VerifierStatus status);
    /// @notice The chunk's verifier is not on the list, frozen or removed.
    error VerifierNotActive(uint256 chunk, bytes32 codeHash, VerifierStatus status);
    /// @notice The model is frozen.
    error ModelIsFrozen(ModelId modelId);
    /// @notice The model is not frozen.
    error ModelIsNotFrozen(ModelId modelId);

    // ---------------------------------------------------------------------------------------------------- Owner

    /// @notice Lists a verifier shape. By the owner; only one that was never listed.
    function addVerifier(bytes32 codeHash) external;

    /// @notice Unfreezes a verifier shape. By the owner.
    function unfreezeVerifier(bytes32 codeHash) external;

    /// @notice Removes an active or frozen verifier shape for good. By the owner.
    function removeVerifier(bytes32 codeHash) external;

    /// @notice Unfreezes a model. By the owner. If a contradiction froze it, anyone can freeze it again with the same contradiction.
    function unfreezeModel(ModelId modelId) external;

    /// @notice Replaces the guardian; zero means that there is none. By the owner.
    function setGuardian(address guardian_) external;

    // ------------------------------------------------------------------------------------------------- Guardian

    /// @notice Freezes an active verifier shape. By the guardian or the owner.
    /// @dev Inferences that it verified before stay proven. If they are in doubt, their models should be frozen too.
    function freezeVerifier(bytes32 codeHash) external;

    /// @notice Freezes a model. By the guardian or the owner.
    function freezeModel(ModelId modelId) external;

    // ----------------------------------------------------------------------------------------------------- Views

    /// @notice The account that may freeze without delay.
    function guardian() external view returns (address);

    /// @notice Status of a verifier shape.
    function verifierStatus(bytes32 codeHash) external view returns (VerifierStatus);
}
