// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IRegistryGovernance} from "./interfaces/IRegistryGovernance.sol";

/// @title RegistryTimelock
/// @notice The timelock that owns a registry. Anyone can execute, only the timelock itself administers it, and the registry's guardian
/// can cancel what is scheduled: otherwise a proposal could undo a freeze against the guardian's will. Nobody can cancel their own
/// removal, if it was scheduled with the longer `REMOVAL_DELAY`: otherwise whoever can cancel could stay for ever.
/// @dev OpenZeppelin's constructor lets proposers cancel and takes no other canceller; without an administrator the role can only be
/// granted here.
///
/// A removal is a batch of these calls, and of nothing else: `revokeRole` on this contract, once or more, of the roles to propose and to
/// cancel, and of one account alone; `grantRole` of those two roles; `setGuardian` on any registry. It waits for no predecessor,
/// which the account could cancel. Everybody else who can cancel still can. So a single account, whether a proposer or the guardian, cannot keep its office against all others, and a single
/// proposer cannot remove several others at once, or do anything else along with a removal.
contract RegistryTimelock is TimelockController {
    /// @notice An operation was scheduled that removes this account and that the account cannot cancel.
    event RemovalScheduled(bytes32 indexed id, address indexed account);

    /// @notice The operation removes the sender, who therefore cannot cancel it.
    error CannotCancelOwnRemoval(bytes32 id, address account);

    /// @notice Seconds for which a removal must be scheduled so that the removed account cannot cancel it.
    uint256 public constant REMOVAL_DELAY = 30 days;

    /// @dev Length of the calldata of `grantRole` and `revokeRole`.
    uint256 private constant ROLE_CALL = 4 + 2 * 32;

    mapping(bytes32 id => address) private _removedBy;

    /// @param minDelay Seconds between proposal and execution.
    /// @param proposers Accounts that can propose and cancel.
    /// @param guardian Account that can cancel but not propose; zero for none.
    constructor(uint256 minDelay, address[] memory proposers, address guardian)
        TimelockController(minDelay, proposers, new address[](1), address(0))
    {
        if (guardian != address(0)) _grantRole(CANCELLER_ROLE, guardian);
    }

    /// @inheritdoc TimelockController
    function schedule(
        address target,
        uint256 value,
        bytes calldata data,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) public override {
        bytes32 id = hashOperation(target, value, data, predecessor, salt);
        bool allowed = _makeRoom(id, delay) && predecessor == bytes32(0);
        super.schedule(target, value, data, predecessor, salt, delay);
        address account;
        if (allowed) (account, allowed) = _removal(target, value, data, address(0));
        _note(id, allowed ? account : address(0));
    }

    /// @inheritdoc TimelockController
    function scheduleBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) public override {
        bytes32 id = hashOperationBatch(targets, values, payloads, predecessor, salt);
        bool allowed = _makeRoom(id, delay) && predecessor == bytes32(0);
        super.scheduleBatch(targets, values, payloads, predecessor, salt, delay);
        address account;
        for (uint256 i; allowed && i < targets.length; ++i) {
            (account, allowed) = _removal(targets[i], values[i], payloads[i], account);
        }
        _note(id, allowed ? account : address(0));
    }

    /// @inheritdoc TimelockController
    /// @dev Reverts `CannotCancelOwnRemoval`.
    function cancel(bytes32 id) public override {
        if (msg.sender == _removedBy[id]) revert CannotCancelOwnRemoval(id, msg.sender);
        super.cancel(id);
    }

    /// @notice The account that an operation removes and that cannot cancel it; zero if everybody with the role can.
    function removedBy(bytes32 id) external view returns (address) {
        return _removedBy[id];
    }

    /// @dev Whether a delay is long enough for a removal. If it is, the same operation, scheduled before with any delay, gives way: the
    /// account that it removes could otherwise schedule it first, with a delay that lets it cancel.
    function _makeRoom(bytes32 id, uint256 delay) private returns (bool long) {
        long = delay >= REMOVAL_DELAY;
        if (long && isOperationPending(id)) cancel(id);
    }

    /// @dev The id says nothing about the delay, so an operation that was cancelled can come back with another one.
    function _note(bytes32 id, address account) private {
        if (_removedBy[id] != account) _removedBy[id] = account;
        if (account != address(0)) emit RemovalScheduled(id, account);
    }

    /// @dev Whether a call may be part of a removal, and the account that is removed so far.
    function _removal(address target, uint256 value, bytes calldata data, address account)
        private
        view
        returns (address, bool allowed)
    {
        if (value != 0 || data.length < 4) return (account, false);
        // At least four bytes, see above.
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes4 selector = bytes4(data);
        // Any target: this contract cannot know which registries it owns, and owning is what the call needs.
        if (selector == IRegistryGovernance.setGuardian.selector) return (account, target != address(this));
        if (target != address(this) || data.length != ROLE_CALL) return (account, false);
        bytes32 role = bytes32(data[4:36]);
        if (role != PROPOSER_ROLE && role != CANCELLER_ROLE) return (account, false);
        if (selector == this.grantRole.selector) return (account, true);
        if (selector != this.revokeRole.selector) return (account, false);
        address revoked = address(uint160(uint256(bytes32(data[36:]))));
        return (revoked, account == address(0) || account == revoked);
    }
}
