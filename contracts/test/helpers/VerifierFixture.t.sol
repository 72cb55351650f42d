// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {StubEmbeddedVerifier} from "../stubs/StubVerifier.sol";
import {VerifierFixture} from "./VerifierFixture.sol";

/// @notice The fixture helper itself, on a stub: it must see acceptance, and must not call a broken verifier sound.
contract VerifierFixtureTest is VerifierFixture {
    function test_parseFixture_deploysAndReadsBack() public {
        Fixture memory fixture = parseFixture(_json(type(StubEmbeddedVerifier).creationCode));
        assertEq(fixture.instances.length, 3);
        assertEq(fixture.instances[0], 11);
        assertEq(fixture.instances[2], 33);
        assertAccepts(fixture);
        assertRejectsFlippedBytes(fixture, 1);
        assertRejectsOtherInstances(fixture);
        assertRejectsOtherLengths_exceptTrailing(fixture);
    }

    function test_accepts_isFalseForABrokenVerifier() public {
        // Returns 2.
        Fixture memory fixture;
        fixture.verifier = StubEmbeddedVerifier(deploy(hex"600a600c600039600a6000f3600260005260206000f3"));
        assertFalse(accepts(fixture, fixture.proof, new uint256[](0)));
    }

    /// @dev Solidity's decoder lets trailing calldata pass, which generated verifiers must not: expect that finding.
    function assertRejectsOtherLengths_exceptTrailing(Fixture memory fixture) private {
        vm.expectRevert("trailing calldata is accepted");
        this.otherLengths(fixture);
    }

    function otherLengths(Fixture memory fixture) external view {
        assertRejectsOtherLengths(fixture);
    }

    function _json(bytes memory creationCode) private returns (string memory) {
        bytes memory code = bytes.concat(creationCode, abi.encode(uint256(5)));
        uint256[] memory instances = new uint256[](3);
        (instances[0], instances[1], instances[2]) = (11, 22, 33);
        bytes memory proof = new StubEmbeddedVerifier(5).proofFor(instances);
        return string.concat(
            "{\"creationCode\":\"",
            vm.toString(code),
            "\",\"proof\":\"",
            vm.toString(proof),
            "\",\"instances\":[\"",
            vm.toString(bytes32(instances[0])),
            "\",\"",
            vm.toString(bytes32(instances[1])),
            "\",\"",
            vm.toString(bytes32(instances[2])),
            "\"]}"
        );
    }
}
