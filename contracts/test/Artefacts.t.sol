// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";

/// @notice The code in contracts/artefacts, which is what gets deployed, is the code of these sources.
contract ArtefactsTest is Test {
    function test_artefacts_areTheCodeOfTheSources() public view {
        string[11] memory names = [
            "ChainferRegistry",
            "TensorOpenings",
            "BatchVerifier",
            "BoundVerifier",
            "ERC7992Adapter",
            "EASResolver",
            "ProvenValues",
            "ClassificationPayout",
            "ModelAllowList",
            "ProvenContentToken",
            "RegistryTimelock"
        ];
        for (uint256 i; i < names.length; ++i) {
            assertEq(
                keccak256(field(names[i], ".bytecode")),
                keccak256(vm.getCode(string.concat(names[i], ".sol:", names[i]))),
                string.concat(names[i], " is stale: run scripts/artefacts and commit the result")
            );
        }
    }

    function test_runtimeCodeOfTheRegistry_needsNoConstructor() public {
        bytes memory arguments = abi.encode(address(this), address(1), new bytes32[](0));
        address registry = vm.deployCode("ChainferRegistry.sol:ChainferRegistry", arguments);
        assertEq(registry.codehash, keccak256(field("ChainferRegistry", ".deployedBytecode")));
        assertEq(registry.codehash, keccak256(vm.getDeployedCode("ChainferRegistry.sol:ChainferRegistry")));
    }

    function field(string memory name, string memory key) private view returns (bytes memory) {
        return vm.parseJsonBytes(vm.readFile(string.concat("contracts/artefacts/", name, ".json")), key);
    }
}
