// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BoundVerifier} from "../src/BoundVerifier.sol";
{{imports}}import {Vm, vm} from "./Vm.sol";

/// @notice Deploys the shared verifiers, the key contracts, and one BoundVerifier a chunk; checks their code, and writes the
/// addresses to deployments/CHAIN-ID.json once they are sent.
///
///     forge script script/Deploy.s.sol --rpc-url ... --account ... --broadcast
contract Deploy {
    /// @notice The deployed code is not the compiled code.
    error OtherCode(address account, bytes32 expected, bytes32 actual);

    /// @param shared The shared verifier.
    /// @param key The key contract.
    /// @param bound The verifier with its key pinned: what other contracts use.
    struct Chunk {
        address shared;
        address key;
        address bound;
    }

    /// @return chunks The contracts of each chunk; forge prints them.
    function run() external returns (Chunk[] memory chunks) {
        chunks = new Chunk[]({{count}});
        vm.startBroadcast();
{{chunks}}        vm.stopBroadcast();
        bool sent = vm.isContext(Vm.ForgeContext.ScriptBroadcast) || vm.isContext(Vm.ForgeContext.ScriptResume);
        if (sent) write(chunks);
    }

    function deployChunk(address shared, bytes32 codeHash, bytes memory keyCreation, bytes32 keyCodeHash)
        private
        returns (Chunk memory)
    {
        if (shared.codehash != codeHash) revert OtherCode(shared, codeHash, shared.codehash);
        address key;
        assembly ("memory-safe") {
            key := create(0, add(keyCreation, 0x20), mload(keyCreation))
        }
        if (key.codehash != keyCodeHash) revert OtherCode(key, keyCodeHash, key.codehash);
        return Chunk(shared, key, address(new BoundVerifier(shared, codeHash, key, keyCodeHash)));
    }

    function write(Chunk[] memory chunks) private {
        string memory json;
        for (uint256 i; i < chunks.length; ++i) {
            string memory chunk = string.concat("chunk", vm.toString(i));
            vm.serializeAddress(chunk, "shared", chunks[i].shared);
            vm.serializeAddress(chunk, "key", chunks[i].key);
            json = vm.serializeString("deployment", chunk, vm.serializeAddress(chunk, "bound", chunks[i].bound));
        }
        vm.createDir("deployments", true);
        vm.writeJson(json, string.concat("deployments/", vm.toString(block.chainid), ".json"));
    }
}
