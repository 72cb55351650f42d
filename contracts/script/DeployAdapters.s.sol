// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Script, VmSafe, console2} from "forge-std/Script.sol";
import {EASResolver} from "../src/adapters/EASResolver.sol";
import {ERC7992Adapter} from "../src/adapters/ERC7992Adapter.sol";
import {ProvenValues} from "../src/ProvenValues.sol";
import {DeterministicDeployment} from "./DeterministicDeployment.sol";

/// @notice Deploys what stands beside a registry, at addresses that follow from it: `ProvenValues` and the adapters. Records them in
/// deployments/<chain id>.adapters.json. They govern nothing and hold nothing.
///
///     CHAINFER_REGISTRY=0x... CHAINFER_EAS=0x... scripts/foundry forge script contracts/script/DeployAdapters.s.sol \
///         --rpc-url ... --private-key ... --broadcast
///
/// CHAINFER_REGISTRY  the registry
/// CHAINFER_EAS       the Ethereum Attestation Service of the chain; without it there is no resolver
/// CHAINFER_DEPLOYMENTS  folder of the record; `deployments` if not given
contract DeployAdapters is Script {
    /// @notice There is no contract at the address.
    error NoCode(address account);

    /// @notice The file records adapters of another registry. Give another folder (CHAINFER_DEPLOYMENTS), or move the file.
    error RecordOfAnotherRegistry(string path, address recorded, address registry);

    uint256 private constant DEVELOPMENT_CHAIN = 31_337;

    /// @notice What was deployed. The resolver is zero without a service.
    struct Adapters {
        address provenValues;
        address erc7992;
        address easResolver;
    }

    function run() external returns (Adapters memory adapters) {
        address registry = vm.envAddress("CHAINFER_REGISTRY");
        address eas = vm.envOr("CHAINFER_EAS", address(0));
        adapters = deploy(registry, eas);
        string memory folder = vm.envOr("CHAINFER_DEPLOYMENTS", string("deployments"));
        string memory path = string.concat(folder, "/", vm.toString(block.chainid), ".adapters.json");
        // A development chain is thrown away, and its record with it.
        if (block.chainid != DEVELOPMENT_CHAIN) checkRecord(path, registry);
        string memory json = record(registry, eas, adapters);
        if (vm.isContext(VmSafe.ForgeContext.ScriptBroadcast)) {
            vm.createDir(folder, true);
            vm.writeJson(json, path);
        }
    }

    /// @notice What is deployed and everything that its addresses are derived from. Without a service, both it and the resolver
    /// are zero.
    function record(address registry, address eas, Adapters memory adapters) public returns (string memory) {
        string memory key = "adapters";
        vm.serializeString(key, "format", "chainfer.adapters");
        vm.serializeUint(key, "version", 1);
        vm.serializeUint(key, "chain_id", block.chainid);
        vm.serializeAddress(key, "registry", registry);
        vm.serializeAddress(key, "proven_values", adapters.provenValues);
        vm.serializeAddress(key, "erc7992", adapters.erc7992);
        vm.serializeAddress(key, "eas", eas);
        return vm.serializeAddress(key, "eas_resolver", adapters.easResolver);
    }

    /// @notice Reverts if the file records another registry: records are never overwritten.
    function checkRecord(string memory path, address registry) public view {
        if (!vm.exists(path)) return;
        address recorded = vm.parseJsonAddress(vm.readFile(path), ".registry");
        if (recorded != registry) revert RecordOfAnotherRegistry(path, recorded, registry);
    }

    /// @notice Deploys what is missing; the resolver only for a service.
    function deploy(address registry, address eas) public returns (Adapters memory adapters) {
        if (registry.code.length == 0) revert NoCode(registry);
        if (eas != address(0) && eas.code.length == 0) revert NoCode(eas);
        vm.startBroadcast();
        adapters.provenValues = _deploy(type(ProvenValues).creationCode, abi.encode(registry));
        adapters.erc7992 = _deploy(type(ERC7992Adapter).creationCode, abi.encode(registry));
        if (eas != address(0)) {
            adapters.easResolver = _deploy(type(EASResolver).creationCode, abi.encode(eas, registry));
        }
        vm.stopBroadcast();
        console2.log("ProvenValues", adapters.provenValues);
        console2.log("ERC-7992 adapter", adapters.erc7992);
        console2.log("EAS resolver", adapters.easResolver);
    }

    function _deploy(bytes memory code, bytes memory arguments) private returns (address) {
        return DeterministicDeployment.deploy(0, bytes.concat(code, arguments));
    }
}
