// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {RegistryTimelock} from "../src/RegistryTimelock.sol";

contract RegistryTimelockTest is Test {
    uint256 internal constant DELAY = 2 days;
    uint256 internal constant LONG = 30 days;
    address internal constant FIRST = address(0x9209);
    address internal constant SECOND = address(0x9210);
    address internal constant GUARDIAN = address(0x6A4D);
    address internal constant SUCCESSOR = address(0x5CC);

    RegistryTimelock internal timelock;
    IChainferRegistry internal registry;
    bytes32 internal proposing;
    bytes32 internal cancelling;

    address[] internal targets;
    bytes[] internal calls;

    function setUp() public {
        address[] memory proposers = new address[](2);
        (proposers[0], proposers[1]) = (FIRST, SECOND);
        timelock = new RegistryTimelock(DELAY, proposers, GUARDIAN);
        bytes memory arguments = abi.encode(timelock, GUARDIAN, new bytes32[](0));
        registry = IChainferRegistry(vm.deployCode("ChainferRegistry.sol:ChainferRegistry", arguments));
        (proposing, cancelling) = (timelock.PROPOSER_ROLE(), timelock.CANCELLER_ROLE());
        assertEq(timelock.REMOVAL_DELAY(), LONG);
    }

    // --------------------------------------------------------------------------------------------------- The guardian

    function test_cancel_revertsWhenTheGuardianCancelsItsReplacement() public {
        _replaceGuardian();
        bytes32 id = _schedule(FIRST, LONG);
        assertEq(timelock.removedBy(id), GUARDIAN);
        _cancelReverts(id, GUARDIAN);
        skip(LONG - 1);
        _cancelReverts(id, GUARDIAN);
        skip(1);
        _cancelReverts(id, GUARDIAN);
        _execute();
        assertEq(registry.guardian(), SUCCESSOR);
        assertFalse(timelock.hasRole(cancelling, GUARDIAN));
        assertTrue(timelock.hasRole(cancelling, SUCCESSOR));
    }

    function test_cancel_everybodyElseCancelsTheGuardiansReplacement() public {
        _replaceGuardian();
        for (uint256 i; i < 2; ++i) {
            bytes32 id = _schedule(FIRST, LONG);
            vm.prank(i == 0 ? FIRST : SECOND);
            timelock.cancel(id);
            assertFalse(timelock.isOperation(id));
        }
    }

    function test_cancel_theGuardianCancelsAReplacementThatIsNotDelayedForLong() public {
        _replaceGuardian();
        _cancels(_schedule(FIRST, LONG - 1), GUARDIAN);
        // The id does not contain the delay: what comes back is judged anew, either way.
        bytes32 id = _schedule(FIRST, LONG);
        _cancelReverts(id, GUARDIAN);
        _cancels(id, SECOND);
        _cancels(_schedule(FIRST, DELAY), GUARDIAN);
    }

    function test_schedule_aSingleRevocationIsARemoval() public {
        bytes memory call = _revoke(cancelling, GUARDIAN);
        bytes32 id = timelock.hashOperation(address(timelock), 0, call, 0, "salt");
        vm.expectEmit(address(timelock));
        emit RegistryTimelock.RemovalScheduled(id, GUARDIAN);
        vm.prank(FIRST);
        timelock.schedule(address(timelock), 0, call, 0, "salt", LONG);
        _cancelReverts(id, GUARDIAN);
        skip(LONG);
        timelock.execute(address(timelock), 0, call, 0, "salt");
        assertFalse(timelock.hasRole(cancelling, GUARDIAN));
    }

    /// @dev Anything else in the batch, and the guardian keeps its say.
    function test_cancel_theGuardianCancelsAReplacementWithAnythingElseInIt() public {
        bytes[9] memory others = [
            abi.encodeCall(timelock.updateDelay, (0)),
            _revoke(timelock.DEFAULT_ADMIN_ROLE(), GUARDIAN),
            _revoke(timelock.EXECUTOR_ROLE(), GUARDIAN),
            _grant(timelock.DEFAULT_ADMIN_ROLE(), FIRST),
            _revoke(proposing, SECOND),
            bytes.concat(_revoke(cancelling, GUARDIAN), "x"),
            abi.encodeCall(timelock.renounceRole, (cancelling, GUARDIAN)),
            bytes(""),
            abi.encodeCall(IRegistryGovernance.setGuardian, (SUCCESSOR))
        ];
        for (uint256 i; i < others.length; ++i) {
            for (uint256 first; first < 2; ++first) {
                _clear();
                if (first == 1) _add(address(timelock), others[i]);
                _add(address(timelock), _revoke(cancelling, GUARDIAN));
                if (first == 0) _add(address(timelock), others[i]);
                _cancels(_schedule(FIRST, LONG), GUARDIAN);
            }
        }
        bytes[5] memory ofRegistry = [
            abi.encodeCall(IRegistryGovernance.addVerifier, ("shape")),
            abi.encodeCall(IRegistryGovernance.unfreezeVerifier, ("shape")),
            abi.encodeCall(IRegistryGovernance.removeVerifier, ("shape")),
            abi.encodeCall(Ownable2Step.transferOwnership, (FIRST)),
            // Looks like a change of roles and is a call of another contract.
            _revoke(cancelling, GUARDIAN)
        ];
        for (uint256 i; i < ofRegistry.length; ++i) {
            _replaceGuardian();
            _add(address(registry), ofRegistry[i]);
            _cancels(_schedule(FIRST, LONG), GUARDIAN);
        }
    }

    function test_cancel_theGuardianCancelsWhatMovesEther() public {
        _replaceGuardian();
        uint256[] memory values = new uint256[](targets.length);
        values[0] = 1;
        vm.prank(FIRST);
        timelock.scheduleBatch(targets, values, calls, 0, 0, LONG);
        _cancels(timelock.hashOperationBatch(targets, values, calls, 0, 0), GUARDIAN);
    }

    function test_schedule_thatRemovesNobody_isCancelledByAll() public {
        _add(address(registry), abi.encodeCall(IRegistryGovernance.setGuardian, (SUCCESSOR)));
        _add(address(timelock), _grant(cancelling, SUCCESSOR));
        bytes32 id = _schedule(FIRST, LONG);
        assertEq(timelock.removedBy(id), address(0));
        _cancels(id, GUARDIAN);
    }

    // ------------------------------------------------------------------------------------------------------ Proposers

    /// @dev A stolen key of one proposer: it cannot hold on to its office, and the others can keep theirs.
    function test_cancel_aThiefOfOneProposerIsRemovedAndRemovesNobody() public {
        _removeProposer(FIRST);
        bytes32 id = _schedule(SECOND, LONG);
        _cancelReverts(id, FIRST);

        _removeProposer(SECOND);
        bytes32 counter = _schedule(FIRST, LONG);
        _cancelReverts(counter, SECOND);
        _cancels(counter, GUARDIAN);
        _replaceGuardian();
        bytes32 coup = _schedule(FIRST, LONG);
        _cancelReverts(coup, GUARDIAN);
        _cancels(coup, SECOND);

        skip(LONG);
        _removeProposer(FIRST);
        _execute();
        assertFalse(timelock.hasRole(proposing, FIRST));
        assertFalse(timelock.hasRole(cancelling, FIRST));
        assertTrue(timelock.hasRole(proposing, SECOND));
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, FIRST, proposing)
        );
        vm.prank(FIRST);
        timelock.scheduleBatch(targets, new uint256[](targets.length), calls, 0, "again", LONG);
    }

    /// @dev An operation's id does not contain its delay.
    function test_schedule_aRemovalDisplacesTheSameOperationOfTheThief() public {
        _removeProposer(FIRST);
        bytes32 id = _schedule(FIRST, DELAY);
        assertEq(timelock.removedBy(id), address(0));
        assertEq(_schedule(SECOND, LONG), id);
        assertEq(timelock.removedBy(id), FIRST);
        _cancelReverts(id, FIRST);
        vm.prank(FIRST);
        vm.expectRevert(abi.encodeWithSelector(RegistryTimelock.CannotCancelOwnRemoval.selector, id, FIRST));
        timelock.scheduleBatch(targets, new uint256[](targets.length), calls, 0, 0, 10 * LONG);
        skip(LONG);
        _execute();
        assertFalse(timelock.hasRole(proposing, FIRST));
    }

    /// @dev The removed account would cancel the predecessor.
    function test_schedule_withAPredecessor_isNoRemoval() public {
        bytes memory revoke = _revoke(cancelling, GUARDIAN);
        vm.startPrank(FIRST);
        timelock.schedule(address(timelock), 0, revoke, bytes32("before"), 0, LONG);
        bytes32 id = timelock.hashOperation(address(timelock), 0, revoke, bytes32("before"), 0);
        assertEq(timelock.removedBy(id), address(0));
        vm.stopPrank();
        _cancels(id, GUARDIAN);
    }

    /// @dev Two removals in one operation would leave nobody to cancel it.
    function test_cancel_removalOfSeveralIsCancelledByEachOfThem() public {
        _replaceGuardian();
        _add(address(timelock), _revoke(proposing, SECOND));
        _add(address(timelock), _revoke(cancelling, SECOND));
        _cancels(_schedule(FIRST, LONG), GUARDIAN);
        _cancels(_schedule(FIRST, LONG), SECOND);
    }

    function test_schedule_revertsWhenTheSenderIsNoProposer() public {
        _replaceGuardian();
        bytes memory expected =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, GUARDIAN, proposing);
        vm.startPrank(GUARDIAN);
        vm.expectRevert(expected);
        timelock.scheduleBatch(targets, new uint256[](targets.length), calls, 0, 0, LONG);
        vm.expectRevert(expected);
        timelock.schedule(targets[0], 0, calls[0], 0, 0, LONG);
        vm.stopPrank();
    }

    function test_cancel_revertsWhenTheSenderIsNoCanceller() public {
        _replaceGuardian();
        bytes32 id = _schedule(FIRST, LONG);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, SUCCESSOR, cancelling)
        );
        vm.prank(SUCCESSOR);
        timelock.cancel(id);
    }

    /// @dev Whatever the batch: at most one of those who can cancel cannot cancel it, only if it does nothing but change offices,
    /// and only with the long delay.
    function testFuzz_cancel_isDeniedToTheRemovedAccountAlone(uint256[] calldata seeds, uint256 delay) public {
        delay = bound(delay, DELAY, 2 * LONG);
        uint256 count = bound(seeds.length, 0, 5);
        address removed;
        bool pure_ = delay >= LONG;
        for (uint256 i; i < count; ++i) {
            address account = _account(seeds[i] >> 8);
            uint256 kind = seeds[i] % 6;
            if (kind == 0 || kind == 1) {
                _add(address(timelock), _revoke(kind == 0 ? proposing : cancelling, account));
                if (removed == address(0)) removed = account;
                else if (removed != account) pure_ = false;
            } else if (kind == 2) {
                _add(address(timelock), _grant(cancelling, account));
            } else if (kind == 3) {
                _add(address(registry), abi.encodeCall(IRegistryGovernance.setGuardian, (account)));
            } else if (kind == 4) {
                _add(address(registry), abi.encodeCall(IRegistryGovernance.addVerifier, (bytes32(seeds[i]))));
                pure_ = false;
            } else {
                _add(address(timelock), abi.encodeCall(timelock.updateDelay, (seeds[i])));
                pure_ = false;
            }
        }
        for (uint256 i; i < 3; ++i) {
            bytes32 id = _schedule(FIRST, delay);
            address account = _account(i);
            assertEq(timelock.removedBy(id), pure_ ? removed : address(0));
            if (pure_ && account == removed) _cancelReverts(id, account);
            else _cancels(id, account);
            // The next round schedules it again, so nobody's refusal may be left over.
            if (timelock.isOperation(id)) _cancels(id, account == FIRST ? SECOND : FIRST);
        }
    }

    // -------------------------------------------------------------------------------------------------------- Helpers

    function _account(uint256 which) private pure returns (address) {
        return [FIRST, SECOND, GUARDIAN][which % 3];
    }

    function _revoke(bytes32 role, address account) private view returns (bytes memory) {
        return abi.encodeCall(timelock.revokeRole, (role, account));
    }

    function _grant(bytes32 role, address account) private view returns (bytes memory) {
        return abi.encodeCall(timelock.grantRole, (role, account));
    }

    function _add(address to, bytes memory call) private {
        targets.push(to);
        calls.push(call);
    }

    function _clear() private {
        delete targets;
        delete calls;
    }

    /// @dev As the runbook has it.
    function _replaceGuardian() private {
        _clear();
        _add(address(registry), abi.encodeCall(IRegistryGovernance.setGuardian, (SUCCESSOR)));
        _add(address(timelock), _grant(cancelling, SUCCESSOR));
        _add(address(timelock), _revoke(cancelling, GUARDIAN));
    }

    function _removeProposer(address account) private {
        _clear();
        _add(address(timelock), _revoke(proposing, account));
        _add(address(timelock), _revoke(cancelling, account));
    }

    function _schedule(address by, uint256 delay) private returns (bytes32) {
        uint256[] memory values = new uint256[](targets.length);
        vm.prank(by);
        timelock.scheduleBatch(targets, values, calls, 0, 0, delay);
        return timelock.hashOperationBatch(targets, values, calls, 0, 0);
    }

    function _execute() private {
        timelock.executeBatch(targets, new uint256[](targets.length), calls, 0, 0);
    }

    function _cancels(bytes32 id, address by) private {
        vm.prank(by);
        timelock.cancel(id);
        assertFalse(timelock.isOperation(id));
    }

    function _cancelReverts(bytes32 id, address by) private {
        vm.expectRevert(abi.encodeWithSelector(RegistryTimelock.CannotCancelOwnRemoval.selector, id, by));
        vm.prank(by);
        timelock.cancel(id);
        assertTrue(timelock.isOperation(id));
    }
}
