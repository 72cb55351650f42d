// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Deploy} from "../script/Deploy.s.sol";
import {IHalo2Verifier} from "../src/interfaces/IHalo2Verifier.sol";
{{imports}}import {Assertions} from "./base/Assertions.sol";
import {vm} from "../script/Vm.sol";

/// @notice What the deployment script deploys is what the tests test, fits on a chain, and verifies.
contract DeployTest is Assertions {
    /// @dev Largest code of a contract (EIP-170).
    uint256 private constant CODE_LIMIT = 24_576;

    Deploy.Chunk[] private _chunks;

    function setUp() public {
        Deploy.Chunk[] memory chunks = new Deploy().run();
        for (uint256 i; i < chunks.length; ++i) {
            _chunks.push(chunks[i]);
        }
    }

    function test_deploy_deploysEveryChunk() public view {
        assertEq(_chunks.length, {{count}}, "chunks");
        bytes32[] memory codeHashes = new bytes32[]({{count}});
        bytes32[] memory keyCodeHashes = new bytes32[]({{count}});
{{hashes}}        for (uint256 i; i < _chunks.length; ++i) {
            assertTrue(_chunks[i].shared.codehash == codeHashes[i], nth("the verifier's code of chunk", i));
            assertTrue(_chunks[i].key.codehash == keyCodeHashes[i], nth("the key's code of chunk", i));
        }
    }

    function test_deploy_staysWithinTheCodeLimit() public view {
        for (uint256 i; i < _chunks.length; ++i) {
            assertTrue(_chunks[i].shared.code.length <= CODE_LIMIT, nth("the verifier of chunk", i));
            assertTrue(_chunks[i].key.code.length <= CODE_LIMIT, nth("the key of chunk", i));
            assertTrue(_chunks[i].bound.code.length <= CODE_LIMIT, nth("the BoundVerifier of chunk", i));
        }
    }

    function test_deploy_verifiesTheProofs() public view {
        string[] memory fixtures = new string[]({{count}});
{{fixtures}}        for (uint256 i; i < _chunks.length; ++i) {
            string memory json = vm.readFile(fixtures[i]);
            bytes memory proof = vm.parseJsonBytes(json, ".proof");
            uint256[] memory instances = vm.parseJsonUintArray(json, ".instances");
            assertTrue(IHalo2Verifier(_chunks[i].bound).verifyProof(proof, instances), nth("the proof of chunk", i));
        }
    }
}
