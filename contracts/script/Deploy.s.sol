// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Script, VmSafe, console2} from "forge-std/Script.sol";
import {IChainferRegistry} from "../src/interfaces/IChainferRegistry.sol";
import {RegistryTimelock} from "../src/RegistryTimelock.sol";
import {Governance, RegistryDeployment} from "./RegistryDeployment.sol";
import {VerifierCatalogue} from "./VerifierCatalogue.sol";

/// @notice Deploys the registry and the timelock that owns it, and records them in deployments/<chain id>.json. Run again, it
/// deploys what is missing. `chainfer check-registry` compares the record, the chain and the build.
///
///     CHAINFER_PROPOSERS=0x... CHAINFER_GUARDIAN=0x... scripts/foundry forge script contracts/script/Deploy.s.sol \
///         --rpc-url http://127.0.0.1:8545 --private-key ... --broadcast
///
/// Without --broadcast nothing is sent and nothing is written. The wallet flags are forge's. The environment says who governs,
/// and the addresses are derived from all of it:
///
/// CHAINFER_PROPOSERS    addresses, comma-separated, that propose to the timelock
/// CHAINFER_DELAY        seconds that a proposal waits; two days if not given, an hour at least
/// CHAINFER_GUARDIAN     who freezes at once and cancels proposals
/// CHAINFER_VERIFIERS    code hashes of verifier shapes, comma-separated, that are listed from the start; the catalogue's if not
///                       given, none if empty
/// CHAINFER_SALT         32 bytes, for a second registry of the same governance; zero if not given
/// CHAINFER_DEPLOYMENTS  folder of the record; `deployments` if not given
/// CHAINFER_WEAK_GOVERNANCE  true: no guardian, or a shorter delay, is intended
///
/// On a development chain (31337) there need be neither guardian nor delay, and without proposers the sender owns the registry.
contract Deploy is Script {
    /// @notice Nobody could look at a proposal in time, and cancel it. Give CHAINFER_DELAY, or say that it is intended:
    /// CHAINFER_WEAK_GOVERNANCE=true.
    error DelayTooShort(uint256 minimum, uint256 actual);
    /// @notice Nobody could freeze anything before the delay is over. Give CHAINFER_GUARDIAN, or say that it is intended:
    /// CHAINFER_WEAK_GOVERNANCE=true.
    error GuardianIsZero();
    /// @notice The file records another registry, which another salt or another governance makes. Give another folder
    /// (CHAINFER_DEPLOYMENTS), or move the file.
    error RecordOfAnotherRegistry(string path, address recorded, address deployed);

    uint256 private constant DEVELOPMENT_CHAIN = 31_337;
    uint256 private constant MINIMUM_DELAY = 1 hours;

    function run() external returns (IChainferRegistry registry) {
        Governance memory governance = Governance({
            delay: vm.envOr("CHAINFER_DELAY", uint256(2 days)),
            proposers: vm.envOr("CHAINFER_PROPOSERS", ",", new address[](0)),
            guardian: vm.envOr("CHAINFER_GUARDIAN", address(0)),
            codeHashes: listed()
        });
        bytes32 salt = vm.envOr("CHAINFER_SALT", bytes32(0));
        if (!vm.envOr("CHAINFER_WEAK_GOVERNANCE", false)) checkGovernance(governance);

        vm.startBroadcast();
        // The owner that the address is derived from, whoever owns the registry by now; the record describes the deployment.
        address owner;
        if (governance.proposers.length == 0 && block.chainid == DEVELOPMENT_CHAIN) {
            (, owner,) = vm.readCallers();
            registry = RegistryDeployment.deploy(salt, owner, governance);
        } else {
            (owner, registry) = deploy(salt, governance);
        }
        vm.stopBroadcast();

        string memory folder = vm.envOr("CHAINFER_DEPLOYMENTS", string("deployments"));
        string memory path = string.concat(folder, "/", vm.toString(block.chainid), ".json");
        // A rehearsal says so too; nothing has been sent yet. A development chain is thrown away, and its record with it.
        if (block.chainid != DEVELOPMENT_CHAIN) checkRecord(path, address(registry));
        string memory json = record(registry, owner, salt, governance);
        console2.log(json);
        if (vm.isContext(VmSafe.ForgeContext.ScriptBroadcast)) {
            vm.createDir(folder, true);
            vm.writeJson(json, path);
        }
    }

    /// @notice The shapes that are listed from the start.
    function listed() public view returns (bytes32[] memory) {
        if (!vm.envExists("CHAINFER_VERIFIERS")) return VerifierCatalogue.codeHashes();
        if (bytes(vm.envString("CHAINFER_VERIFIERS")).length == 0) return new bytes32[](0);
        return vm.envBytes32("CHAINFER_VERIFIERS", ",");
    }

    /// @notice Reverts for a governance that could stop nothing, except on a development chain.
    function checkGovernance(Governance memory governance) public view {
        if (block.chainid == DEVELOPMENT_CHAIN) return;
        if (governance.guardian == address(0)) revert GuardianIsZero();
        if (governance.delay < MINIMUM_DELAY) revert DelayTooShort(MINIMUM_DELAY, governance.delay);
    }

    /// @notice Reverts if the file records another registry: records are never overwritten.
    function checkRecord(string memory path, address registry) public view {
        if (!vm.exists(path)) return;
        address recorded = vm.parseJsonAddress(vm.readFile(path), ".registry");
        if (recorded != registry) revert RecordOfAnotherRegistry(path, recorded, registry);
    }

    /// @notice Deploys what is missing; the owner is the timelock that the governance derives.
    function deploy(bytes32 salt, Governance memory governance)
        public
        returns (address timelock, IChainferRegistry registry)
    {
        (RegistryTimelock derived, IChainferRegistry deployed) = RegistryDeployment.deploy(salt, governance);
        return (address(derived), deployed);
    }

    /// @notice What is deployed and everything that its addresses are derived from.
    function record(IChainferRegistry registry, address owner, bytes32 salt, Governance memory governance)
        public
        returns (string memory)
    {
        string memory key = "registry";
        vm.serializeString(key, "format", "chainfer.registry");
        vm.serializeUint(key, "version", 1);
        vm.serializeUint(key, "chain_id", block.chainid);
        vm.serializeAddress(key, "registry", address(registry));
        vm.serializeAddress(key, "openings", address(registry.openings()));
        vm.serializeAddress(key, "owner", owner);
        vm.serializeUint(key, "delay", governance.delay);
        vm.serializeAddress(key, "proposers", governance.proposers);
        vm.serializeAddress(key, "guardian", governance.guardian);
        vm.serializeBytes32(key, "verifiers", governance.codeHashes);
        return vm.serializeBytes32(key, "salt", salt);
    }
}
