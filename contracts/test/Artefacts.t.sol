// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {BatchVerifier} from "../src/BatchVerifier.sol";
import {BoundVerifier} from "../src/BoundVerifier.sol";
import {ChainferRegistry} from "../src/ChainferRegistry.sol";
import {RegistryTimelock} from "../src/RegistryTimelock.sol";
import {TensorOpenings} from "../src/TensorOpenings.sol";
import {EASResolver} from "../src/adapters/EASResolver.sol";
import {ERC7992Adapter} from "../src/adapters/ERC7992Adapter.sol";
import {ClassificationPayout} from "../src/examples/ClassificationPayout.sol";

/// @notice The code in contracts/artefacts, which is what gets deployed, is the code of these sources.
contract ArtefactsTest is Test {
    function test_artefacts_areTheCodeOfTheSources() public view {
        assertKept("ChainferRegistry", type(ChainferRegistry).creationCode);
        assertKept("TensorOpenings", type(TensorOpenings).creationCode);
        assertKept("BatchVerifier", type(BatchVerifier).creationCode);
        assertKept("BoundVerifier", type(BoundVerifier).creationCode);
        assertKept("ERC7992Adapter", type(ERC7992Adapter).creationCode);
        assertKept("EASResolver", type(EASResolver).creationCode);
        assertKept("ClassificationPayout", type(ClassificationPayout).creationCode);
        assertKept("RegistryTimelock", type(RegistryTimelock).creationCode);
    }

    function test_runtimeCodeOfTheRegistry_needsNoConstructor() public {
        ChainferRegistry registry = new ChainferRegistry(address(this), address(1), new bytes32[](0));
        assertEq(address(registry).codehash, keccak256(field("ChainferRegistry", ".deployedBytecode")));
        assertEq(address(registry).codehash, keccak256(type(ChainferRegistry).runtimeCode));
    }

    function assertKept(string memory name, bytes memory creationCode) private view {
        assertEq(
            keccak256(field(name, ".bytecode")),
            keccak256(creationCode),
            string.concat(name, " is stale: run scripts/artefacts and commit the result")
        );
    }

    function field(string memory name, string memory key) private view returns (bytes memory) {
        return vm.parseJsonBytes(vm.readFile(string.concat("contracts/artefacts/", name, ".json")), key);
    }
}
