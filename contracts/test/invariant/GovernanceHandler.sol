// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IChainferRegistry} from "../../src/interfaces/IChainferRegistry.sol";
import {IRegistryGovernance} from "../../src/interfaces/IRegistryGovernance.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {Inference, VerifierStatus} from "../../src/types/RegistryTypes.sol";

/// @notice Governs the registry, lawfully and not, by several accounts, and keeps its own books: who owns, who guards, where
/// each verifier and each model stands. An entry changes only when the rules allow the sender to change it.
abstract contract GovernanceHandler is Test {
    /// @dev Actors are ordinary accounts; the first owner and the first guardian are none of them.
    uint256 internal constant ACTORS = 4;

    IChainferRegistry public immutable REGISTRY;

    address internal constant FIRST_OWNER = address(0x0E4);
    address public owner = FIRST_OWNER;
    address public pendingOwner;
    address public guardian = address(0x6A4D);

    bytes32[] public shapes;
    mapping(bytes32 => VerifierStatus) public verifierStatus;
    ModelId[] public models;
    mapping(ModelId => bool) public frozen;
    /// @notice When; zero for a model that is not.
    mapping(ModelId => uint256) public deprecatedAt;
    mapping(ModelId => address) public registrantOf;

    /// @notice What should never have happened, in words.
    string public violation;
    /// @notice How often each kind of call went through.
    mapping(bytes32 => uint256) public calls;

    constructor() {
        bytes memory arguments = abi.encode(owner, guardian, new bytes32[](0));
        REGISTRY = IChainferRegistry(vm.deployCode("ChainferRegistry.sol:ChainferRegistry", arguments));
    }

    // ------------------------------------------------------------------------------------------------------ Actions

    /// @dev One attempt to move a verifier, a model or an office, by anyone.
    function govern(uint256 how, uint256 which, uint256 who) external {
        bytes32 shape = shapes[which % shapes.length];
        // Now and then a shape that nobody has listed.
        if (which % 5 == 0) shape = keccak256(abi.encode("unused shape", which % 3));
        ModelId modelId = models[which % models.length];
        address sender = _sender(who);
        VerifierStatus status = verifierStatus[shape];
        bool owns = sender == owner;
        bool guards = owns || sender == guardian;
        how %= 8;
        if (how == 0) {
            bool lawful = owns && status == VerifierStatus.Unknown;
            _attempt(sender, abi.encodeCall(IRegistryGovernance.addVerifier, (shape)), lawful);
            if (lawful) _list(shape);
        } else if (how == 1) {
            bool lawful = guards && status == VerifierStatus.Active;
            _attempt(sender, abi.encodeCall(IRegistryGovernance.freezeVerifier, (shape)), lawful);
            if (lawful) verifierStatus[shape] = VerifierStatus.Frozen;
        } else if (how == 2) {
            bool lawful = owns && status == VerifierStatus.Frozen;
            _attempt(sender, abi.encodeCall(IRegistryGovernance.unfreezeVerifier, (shape)), lawful);
            if (lawful) verifierStatus[shape] = VerifierStatus.Active;
        } else if (how == 3) {
            // Rarely, for it is final.
            if (which % 4 != 0) return;
            bool lawful = owns && (status == VerifierStatus.Active || status == VerifierStatus.Frozen);
            _attempt(sender, abi.encodeCall(IRegistryGovernance.removeVerifier, (shape)), lawful);
            if (lawful) verifierStatus[shape] = VerifierStatus.Removed;
        } else if (how == 4) {
            bool lawful = guards && !frozen[modelId];
            _attempt(sender, abi.encodeCall(IRegistryGovernance.freezeModel, (modelId)), lawful);
            if (lawful) frozen[modelId] = true;
        } else if (how == 5) {
            bool lawful = owns && frozen[modelId];
            _attempt(sender, abi.encodeCall(IRegistryGovernance.unfreezeModel, (modelId)), lawful);
            if (lawful) frozen[modelId] = false;
        } else if (how == 6) {
            _attempt(sender, abi.encodeCall(IRegistryGovernance.setGuardian, (_actor(which))), owns);
            if (owns) guardian = _actor(which);
        } else {
            if (which % 4 != 0) return;
            bool lawful = sender == registrantOf[modelId] && deprecatedAt[modelId] == 0;
            _attempt(sender, abi.encodeCall(REGISTRY.deprecateModel, (modelId)), lawful);
            if (lawful) deprecatedAt[modelId] = block.timestamp;
        }
    }

    function handOver(uint256 how, uint256 to, uint256 who) external {
        address sender = _sender(who);
        // Rarely, for it is final: nobody lists, unfreezes or removes after that.
        if (how % 64 == 63) {
            bool lawful = sender == owner;
            _attempt(sender, abi.encodeCall(Ownable.renounceOwnership, ()), lawful);
            if (!lawful) return;
            (owner, pendingOwner) = (address(0), address(0));
            ++calls["renounced"];
        } else if (how % 2 == 0) {
            _attempt(sender, abi.encodeCall(Ownable2Step.transferOwnership, (_actor(to))), sender == owner);
            if (sender == owner) pendingOwner = _actor(to);
        } else {
            bool lawful = sender == pendingOwner;
            _attempt(sender, abi.encodeCall(Ownable2Step.acceptOwnership, ()), lawful);
            if (lawful) (owner, pendingOwner) = (sender, address(0));
        }
    }

    /// @dev Any call with any value, and calls that go through without one.
    function pay(bytes calldata call, uint256 amount, uint256 how, uint256 who) external {
        amount = 1 + amount % 1 ether;
        address sender = _sender(who);
        bytes memory valid = how % 3 == 0
            ? abi.encodeCall(REGISTRY.commit, (Inference(models[how % models.length], 1 + how % 7, sender, how)))
            : abi.encodeCall(REGISTRY.openings, ());
        vm.deal(sender, amount);
        vm.prank(sender);
        (bool success,) = address(REGISTRY).call{value: amount}(how % 2 == 0 ? call : valid);
        if (success) violation = "a call with value went through";
    }

    // -------------------------------------------------------------------------------------------------------- Books

    function shapesLength() external view returns (uint256) {
        return shapes.length;
    }

    function modelsLength() external view returns (uint256) {
        return models.length;
    }

    /// @dev Commitments and proofs of the model are taken.
    function _usable(ModelId modelId) internal view returns (bool) {
        return !frozen[modelId];
    }

    function _list(bytes32 shape) internal {
        if (verifierStatus[shape] == VerifierStatus.Unknown) shapes.push(shape);
        verifierStatus[shape] = VerifierStatus.Active;
    }

    function _attempt(address sender, bytes memory call, bool lawful) internal {
        vm.prank(sender);
        (bool success,) = address(REGISTRY).call(call);
        if (success && !lawful) violation = "an unlawful change went through";
        if (!success && lawful) violation = "a lawful change was refused";
        ++calls[success ? bytes32("lawful") : bytes32("unlawful")];
    }

    function _actor(uint256 who) internal pure returns (address) {
        return address(uint160(0x1000 + who % ACTORS));
    }

    /// @dev Owner and guardian as often as all others together; once nobody owns, the first owner, who may do nothing any more.
    function _sender(uint256 who) internal view returns (address) {
        uint256 kind = (who >> 8) % 4;
        if (kind == 0) return owner == address(0) ? FIRST_OWNER : owner;
        return kind == 1 ? guardian : _actor(who);
    }
}
