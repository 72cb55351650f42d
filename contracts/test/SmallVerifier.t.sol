// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {VerifierFixture} from "./helpers/VerifierFixture.sol";

/// @notice A generated verifier on a real chunk proof of the demo model (tests/fixtures/verifier_small.json).
contract SmallVerifierTest is VerifierFixture {
    Fixture internal fixture;

    function setUp() public {
        fixture = loadFixture("tests/fixtures/verifier_small.json");
    }

    function test_verifyProof_acceptsTheHonestProof() public view {
        assertAccepts(fixture);
    }

    function test_verifyProof_rejectsFlippedBytes() public view {
        assertRejectsFlippedBytes(fixture, 61);
    }

    function test_verifyProof_rejectsOtherInstances() public view {
        assertRejectsOtherInstances(fixture);
    }

    function test_verifyProof_rejectsOtherLengths() public view {
        assertRejectsOtherLengths(fixture);
    }
}
