// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Deploy} from "../script/Deploy.s.sol";
import {DeterministicDeployment} from "../script/DeterministicDeployment.sol";
import {Governance, RegistryDeployment} from "../script/RegistryDeployment.sol";
import {VerifierCatalogue} from "../script/VerifierCatalogue.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../src/interfaces/IRegistryGovernance.sol";
import {RegistryTimelock} from "../src/RegistryTimelock.sol";
import {VerifierStatus} from "../src/types/RegistryTypes.sol";
import {DeterministicProxy} from "./helpers/DeterministicProxy.sol";

interface IRegistryOfOpenings {
    function REGISTRY() external view returns (IChainferRegistry);
}

contract DeployTest is Test {
    bytes32 internal constant SHAPE = keccak256("shape");
    address internal constant PROPOSER = address(0x9209);
    address internal constant GUARDIAN = address(0x6A4D);

    Deploy internal script;

    function setUp() public {
        DeterministicProxy.install();
        script = new Deploy();
    }

    function test_run_deploysARegistryThatTheSenderOwns() public {
        IChainferRegistry registry = script.run();
        bytes32[] memory shapes = VerifierCatalogue.codeHashes();
        assertGt(shapes.length, 0);
        for (uint256 i; i < shapes.length; ++i) {
            assertEq(uint256(registry.verifierStatus(shapes[i])), uint256(VerifierStatus.Active));
        }
        assertEq(address(registry).code, vm.getDeployedCode("ChainferRegistry.sol:ChainferRegistry"));
        assertEq(_ownable(registry).owner(), msg.sender);
        assertEq(registry.guardian(), address(0));
        assertEq(address(IRegistryOfOpenings(address(registry.openings())).REGISTRY()), address(registry));
    }

    /// @dev The code of the default settings, which is what contracts/artefacts has and what `check-registry` derives addresses from.
    function test_deploy_theTimelockIsThatOfTheArtefacts() public {
        (RegistryTimelock timelock,) = _deploy();
        bytes memory code = bytes.concat(
            vm.parseJsonBytes(vm.readFile("contracts/artefacts/RegistryTimelock.json"), ".bytecode"),
            abi.encode(2 days, _proposers(), GUARDIAN)
        );
        assertEq(address(timelock), DeterministicDeployment.addressOf(0, code));
    }

    function test_run_recordsWhatTheAddressesAreMadeOf() public {
        address[] memory proposers = new address[](1);
        proposers[0] = PROPOSER;
        Governance memory governance = _governance(proposers);
        (address timelock, IChainferRegistry registry) = script.deploy("salt", governance);
        string memory json = script.record(registry, timelock, "salt", governance);
        assertEq(vm.parseJsonAddress(json, ".registry"), address(registry));
        assertEq(vm.parseJsonAddress(json, ".openings"), address(registry.openings()));
        assertEq(vm.parseJsonAddress(json, ".owner"), timelock);
        assertEq(vm.parseJsonAddressArray(json, ".proposers"), proposers);
        assertEq(vm.parseJsonUint(json, ".delay"), 2 days);
        assertEq(vm.parseJsonAddress(json, ".guardian"), GUARDIAN);
        assertEq(vm.parseJsonBytes32Array(json, ".verifiers"), governance.codeHashes);
        assertEq(vm.parseJsonBytes32(json, ".salt"), "salt");
        assertEq(vm.parseJsonUint(json, ".chain_id"), block.chainid);
    }

    /// @dev The record is of the deployment, not of whoever owns the registry by now.
    function test_deploy_afterAHandOver_stillNamesTheTimelock() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        _execute(timelock, registry, abi.encodeCall(Ownable2Step.transferOwnership, (address(2))));
        vm.prank(address(2));
        _ownable(registry).acceptOwnership();
        address[] memory proposers = new address[](1);
        proposers[0] = PROPOSER;
        (address owner, IChainferRegistry again) = script.deploy(0, _governance(proposers));
        assertEq(owner, address(timelock));
        assertEq(address(again), address(registry));
    }

    function test_checkGovernance_elsewhere_revertsWithoutGuardian() public {
        Governance memory governance = _governance(_proposers());
        governance.guardian = address(0);
        script.checkGovernance(governance);
        vm.chainId(1);
        vm.expectRevert(Deploy.GuardianIsZero.selector);
        script.checkGovernance(governance);
    }

    function test_checkGovernance_revertsWhenTheDelayIsUnderAnHour() public {
        Governance memory governance = _governance(_proposers());
        vm.chainId(1);
        for (uint256 delay; delay < 3600; delay += 3599) {
            governance.delay = delay;
            vm.expectRevert(abi.encodeWithSelector(Deploy.DelayTooShort.selector, 3600, delay));
            script.checkGovernance(governance);
        }
        governance.delay = 3600;
        script.checkGovernance(governance);
        governance.delay = 0;
        vm.chainId(31_337);
        script.checkGovernance(governance);
    }

    function test_run_elsewhere_revertsForAWeakGovernance() public {
        vm.chainId(1);
        vm.expectRevert(Deploy.GuardianIsZero.selector);
        script.run();
    }

    function test_checkRecord_revertsWhenTheFileIsOfAnotherRegistry() public {
        string memory path = "deployments/test-forge-registry/1.json";
        vm.createDir("deployments/test-forge-registry", true);
        script.checkRecord(path, address(1));
        vm.writeFile(path, string.concat('{"registry": "', vm.toString(address(1)), '"}'));
        script.checkRecord(path, address(1));
        bytes4 selector = Deploy.RecordOfAnotherRegistry.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, path, address(1), address(2)));
        script.checkRecord(path, address(2));
        vm.removeDir("deployments/test-forge-registry", true);
    }

    function test_deploy_revertsWithoutProposers() public {
        vm.expectRevert(RegistryDeployment.NoProposers.selector);
        script.deploy(0, _governance(new address[](0)));
    }

    function test_deploy_again_findsWhatIsThere() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        vm.prank(address(0xB0B));
        (RegistryTimelock timelockAgain, IChainferRegistry registryAgain) = _deploy();
        assertEq(address(timelockAgain), address(timelock));
        assertEq(address(registryAgain), address(registry));
    }

    function test_deploy_otherGovernance_isAtAnotherAddress() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        address[] memory proposers = new address[](1);
        proposers[0] = address(0xBAD);
        (address otherTimelock, IChainferRegistry otherRegistry) = script.deploy(0, _governance(proposers));
        assertNotEq(otherTimelock, address(timelock));
        assertNotEq(address(otherRegistry), address(registry));
    }

    function test_deploy_theTimelockOwnsFromTheStart() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        assertEq(_ownable(registry).owner(), address(timelock));
        assertEq(registry.guardian(), GUARDIAN);
        assertEq(uint256(registry.verifierStatus(SHAPE)), uint256(VerifierStatus.Active));
        assertTrue(timelock.hasRole(timelock.PROPOSER_ROLE(), PROPOSER));
        assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(this)));
        assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), PROPOSER));
    }

    function test_timelock_addsAVerifierAfterItsDelayAndNotBefore() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        bytes32 shape = keccak256("another shape");
        bytes memory call = abi.encodeCall(IRegistryGovernance.addVerifier, (shape));
        bytes32 id = timelock.hashOperation(address(registry), 0, call, 0, 0);
        vm.prank(PROPOSER);
        timelock.schedule(address(registry), 0, call, 0, 0, 2 days);

        skip(2 days - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockUnexpectedOperationState.selector,
                id,
                bytes32(1 << uint8(TimelockController.OperationState.Ready))
            )
        );
        timelock.execute(address(registry), 0, call, 0, 0);
        skip(1);
        timelock.execute(address(registry), 0, call, 0, 0);
        assertEq(uint256(registry.verifierStatus(shape)), uint256(VerifierStatus.Active));
    }

    function test_guardian_freezesAtOnce_andOnlyTheTimelockUnfreezes() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        vm.startPrank(GUARDIAN);
        registry.freezeVerifier(SHAPE);
        assertEq(uint256(registry.verifierStatus(SHAPE)), uint256(VerifierStatus.Frozen));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN));
        registry.unfreezeVerifier(SHAPE);
        vm.stopPrank();

        _execute(timelock, registry, abi.encodeCall(IRegistryGovernance.unfreezeVerifier, (SHAPE)));
        assertEq(uint256(registry.verifierStatus(SHAPE)), uint256(VerifierStatus.Active));
    }

    /// @dev A proposer's key is stolen: what the guardian froze stays frozen, and no shape is listed.
    function test_guardian_cancelsAnUnfreezingAndAListing() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        vm.prank(GUARDIAN);
        registry.freezeVerifier(SHAPE);
        _cancelAndExpectNothing(timelock, registry, abi.encodeCall(IRegistryGovernance.unfreezeVerifier, (SHAPE)));
        bytes32 forged = keccak256("forged shape");
        _cancelAndExpectNothing(timelock, registry, abi.encodeCall(IRegistryGovernance.addVerifier, (forged)));
        assertEq(uint256(registry.verifierStatus(SHAPE)), uint256(VerifierStatus.Frozen));
        assertEq(uint256(registry.verifierStatus(forged)), uint256(VerifierStatus.Unknown));
    }

    function test_guardian_cancelsAndDoesNoMore() public {
        (RegistryTimelock timelock,) = _deploy();
        assertTrue(timelock.hasRole(timelock.CANCELLER_ROLE(), GUARDIAN));
        assertFalse(timelock.hasRole(timelock.PROPOSER_ROLE(), GUARDIAN));
        assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), GUARDIAN));
        assertFalse(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(0)));
    }

    function test_timelock_withoutGuardian_letsNobodyElseCancel() public {
        address[] memory proposers = new address[](1);
        proposers[0] = PROPOSER;
        RegistryTimelock timelock = new RegistryTimelock(2 days, proposers, address(0));
        assertFalse(timelock.hasRole(timelock.CANCELLER_ROLE(), address(0)));
        assertTrue(timelock.hasRole(timelock.CANCELLER_ROLE(), PROPOSER));
        assertTrue(timelock.hasRole(timelock.EXECUTOR_ROLE(), address(0)));
    }

    /// @dev As the runbook has it: the office in the registry and the role in the timelock, in one batch.
    function test_timelock_replacesAGuardianInOneBatch() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        bytes32 role = timelock.CANCELLER_ROLE();
        address[] memory targets = new address[](3);
        bytes[] memory calls = new bytes[](3);
        (targets[0], targets[1], targets[2]) = (address(registry), address(timelock), address(timelock));
        calls[0] = abi.encodeCall(IRegistryGovernance.setGuardian, (address(1)));
        calls[1] = abi.encodeCall(timelock.grantRole, (role, address(1)));
        calls[2] = abi.encodeCall(timelock.revokeRole, (role, GUARDIAN));
        vm.prank(PROPOSER);
        timelock.scheduleBatch(targets, new uint256[](3), calls, 0, 0, 2 days);
        skip(2 days);
        timelock.executeBatch(targets, new uint256[](3), calls, 0, 0);
        assertEq(registry.guardian(), address(1));
        assertTrue(timelock.hasRole(role, address(1)));
        assertFalse(timelock.hasRole(role, GUARDIAN));
    }

    function test_timelock_changesGuardianAndOwner() public {
        (RegistryTimelock timelock, IChainferRegistry registry) = _deploy();
        _execute(timelock, registry, abi.encodeCall(IRegistryGovernance.setGuardian, (address(1))));
        assertEq(registry.guardian(), address(1));
        _execute(timelock, registry, abi.encodeCall(Ownable2Step.transferOwnership, (address(2))));
        assertEq(_ownable(registry).owner(), address(timelock));
        vm.prank(address(2));
        _ownable(registry).acceptOwnership();
        assertEq(_ownable(registry).owner(), address(2));
    }

    function _proposers() private pure returns (address[] memory proposers) {
        proposers = new address[](1);
        proposers[0] = PROPOSER;
    }

    function _deploy() private returns (RegistryTimelock timelock, IChainferRegistry registry) {
        address owner;
        (owner, registry) = script.deploy(0, _governance(_proposers()));
        timelock = RegistryTimelock(payable(owner));
    }

    function _ownable(IChainferRegistry registry) private pure returns (Ownable2Step) {
        return Ownable2Step(address(registry));
    }

    function _execute(RegistryTimelock timelock, IChainferRegistry registry, bytes memory call) private {
        vm.prank(PROPOSER);
        timelock.schedule(address(registry), 0, call, 0, 0, 2 days);
        skip(2 days);
        timelock.execute(address(registry), 0, call, 0, 0);
    }

    function _cancelAndExpectNothing(RegistryTimelock timelock, IChainferRegistry registry, bytes memory call) private {
        vm.prank(PROPOSER);
        timelock.schedule(address(registry), 0, call, 0, 0, 2 days);
        bytes32 id = timelock.hashOperation(address(registry), 0, call, 0, 0);
        vm.prank(GUARDIAN);
        timelock.cancel(id);
        skip(2 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockUnexpectedOperationState.selector,
                id,
                bytes32(1 << uint8(TimelockController.OperationState.Ready))
            )
        );
        timelock.execute(address(registry), 0, call, 0, 0);
    }

    function _governance(address[] memory proposers) private pure returns (Governance memory) {
        return Governance({delay: 2 days, proposers: proposers, guardian: GUARDIAN, codeHashes: _only(SHAPE)});
    }

    function _only(bytes32 codeHash) private pure returns (bytes32[] memory codeHashes) {
        codeHashes = new bytes32[](1);
        codeHashes[0] = codeHash;
    }
}
