// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {DeployVerifiers} from "../script/DeployVerifiers.s.sol";
import {VerifierCatalogue} from "../script/VerifierCatalogue.sol";
import {DeterministicProxy} from "./helpers/DeterministicProxy.sol";

contract DeployVerifiersTest is Test {
    DeployVerifiers internal script;

    function setUp() public {
        DeterministicProxy.install();
        script = new DeployVerifiers();
    }

    function test_run_deploysTheCatalogueAtItsAddresses() public {
        address[] memory verifiers = script.run();
        bytes32[] memory codeHashes = VerifierCatalogue.codeHashes();
        assertEq(verifiers.length, codeHashes.length);
        assertGt(verifiers.length, 0);
        for (uint256 i; i < verifiers.length; ++i) {
            assertEq(verifiers[i].codehash, codeHashes[i]);
        }
    }

    function test_run_again_changesNothing() public {
        assertEq(script.run(), script.run());
    }
}
