// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BatchVerifier} from "../src/BatchVerifier.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {CodeData} from "../src/libraries/CodeData.sol";
import {Pin} from "../src/types/Pin.sol";
import {PinnedTest} from "./helpers/PinnedTest.sol";
import {StubSetup} from "./stubs/StubKey.sol";
import {StubVerifier} from "./stubs/StubVerifier.sol";

contract BatchVerifierTest is PinnedTest {
    Pin[] internal pins;
    BatchVerifier internal batch;
    uint256[][] internal instances;

    function setUp() public {
        Pin[] memory pins_ = stubPins(3);
        // The last two are of one shape.
        (pins_[2].verifier, pins_[2].codeHash) = (pins_[1].verifier, pins_[1].codeHash);
        for (uint256 i; i < 3; ++i) {
            pins.push(pins_[i]);
        }
        batch = new BatchVerifier(pins_);
        instances = columns(3);
    }

    // ------------------------------------------------------------------------------------------------- Constructor

    function test_constructor_pinsAll() public {
        assertEq(batch.COUNT(), 3);
        for (uint256 i; i < 3; ++i) {
            assertEq(abi.encode(batch.pinOf(i)), abi.encode(pins[i]));
        }
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.PinOutOfRange.selector, 3, 3));
        batch.pinOf(3);
    }

    function test_constructor_revertsWhenThereAreNoPins() public {
        vm.expectRevert(IPinnedVerifierErrors.EmptyBatch.selector);
        new BatchVerifier(new Pin[](0));
    }

    function test_constructor_revertsWhenThereAreTooManyPins() public {
        Pin[] memory many = new Pin[](293);
        for (uint256 i; i < 293; ++i) {
            many[i] = pins[i % 3];
        }
        vm.expectRevert(abi.encodeWithSelector(CodeData.CodeDataTooLarge.selector, 293 * 84));
        new BatchVerifier(many);
        assembly ("memory-safe") {
            mstore(many, 292)
        }
        assertEq(new BatchVerifier(many).COUNT(), 292);
    }

    function test_constructor_revertsWhenAPinDoesNotHold() public {
        Pin[] memory other = pins;
        other[1].codeHash = 0;
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 1, bytes32(0), pins[1].codeHash
            )
        );
        new BatchVerifier(other);

        other = pins;
        other[2].verifier = address(0xE0A);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.VerifierWithoutCode.selector, 2, address(0xE0A)));
        new BatchVerifier(other);
    }

    // ------------------------------------------------------------------------------------------------ verifyProofs

    function test_verifyProofs_acceptsHonestProofsWithOnePairing() public {
        vm.expectCall(address(8), "", 1);
        assertTrue(batch.verifyProofs(keysOf(pins), honestProofs(pins, instances), instances));
    }

    function test_verifyProofs_revertsWhenAnyProofIsWrong() public {
        for (uint256 bad; bad < 3; ++bad) {
            bytes[] memory proofs = honestProofs(pins, instances);
            proofs[bad][5] ^= 0x20;
            vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
            batch.verifyProofs(keysOf(pins), proofs, instances);
        }
    }

    function test_verifyProofs_revertsWhenAnyInstanceIsAnother() public {
        bytes[] memory proofs = honestProofs(pins, instances);
        instances[2][1] += 1;
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        batch.verifyProofs(keysOf(pins), proofs, instances);
    }

    function test_verifyProofs_revertsWhenProofsOfOneShapeAreSwapped() public {
        instances[2] = instances[1];
        bytes[] memory proofs = honestProofs(pins, instances);
        (proofs[1], proofs[2]) = (proofs[2], proofs[1]);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        batch.verifyProofs(keysOf(pins), proofs, instances);
    }

    function test_verifyProofs_revertsWhenAProofIsMalformed() public {
        bytes[] memory proofs = honestProofs(pins, instances);
        proofs[2] = "";
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 2, reason));
        batch.verifyProofs(keysOf(pins), proofs, instances);
    }

    function test_verifyProofs_revertsWhenThereAreMoreOrFewer() public {
        bytes[] memory proofs = honestProofs(pins, instances);
        bytes[] memory keys = keysOf(pins);
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofCountMismatch.selector, 3, 0, 0, 0));
        batch.verifyProofs(new bytes[](0), new bytes[](0), new uint256[][](0));
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofCountMismatch.selector, 3, 3, 4, 3));
        batch.verifyProofs(keys, new bytes[](4), instances);
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofCountMismatch.selector, 3, 3, 3, 2));
        batch.verifyProofs(keys, proofs, new uint256[][](2));
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofCountMismatch.selector, 3, 2, 3, 3));
        batch.verifyProofs(new bytes[](2), proofs, instances);
    }

    function test_verifyProofs_revertsWhenAVerifierIsGone() public {
        bytes[] memory proofs = honestProofs(pins, instances);
        vm.etch(pins[0].verifier, "");
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 0, pins[0].codeHash, pins[0].verifier.codehash
            )
        );
        batch.verifyProofs(keysOf(pins), proofs, instances);
    }

    // --------------------------------------------------------------------------------------------------------- Keys

    function test_verifyProofs_acceptsKeysInContracts() public {
        bytes[] memory keys = keysOf(pins);
        keys[1] = holderOf(pins[1].keyHash);
        assertTrue(batch.verifyProofs(keys, honestProofs(pins, instances), instances));
    }

    /// @dev Any bit of any key.
    function testFuzz_verifyProofs_revertsWhenAKeyIsAnother(uint256 which, uint256 at, uint8 bit) public {
        which %= 3;
        bytes[] memory keys = keysOf(pins);
        bytes[] memory proofs = honestProofs(pins, instances);
        keys[which][at % 384] ^= bytes1(uint8(1 << (bit % 8)));
        bytes32 actual = StubSetup.hashOf(keys[which]);
        vm.expectRevert(
            abi.encodeWithSelector(IPinnedVerifierErrors.KeyHashMismatch.selector, which, pins[which].keyHash, actual)
        );
        batch.verifyProofs(keys, proofs, instances);
    }

    function test_verifyProofs_revertsWhenKeysAreSwapped() public {
        bytes[] memory keys = keysOf(pins);
        bytes[] memory proofs = honestProofs(pins, instances);
        (keys[1], keys[2]) = (keys[2], keys[1]);
        vm.expectRevert(
            abi.encodeWithSelector(IPinnedVerifierErrors.KeyHashMismatch.selector, 1, pins[1].keyHash, pins[2].keyHash)
        );
        batch.verifyProofs(keys, proofs, instances);
    }

    function test_verifyProofs_revertsWhenAKeyIsNone() public {
        bytes[] memory keys = keysOf(pins);
        bytes[] memory proofs = honestProofs(pins, instances);
        keys[2] = abi.encodePacked(address(0xE0A));
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.InvalidKey.selector, 2));
        batch.verifyProofs(keys, proofs, instances);
        keys[2] = "";
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.InvalidKey.selector, 2));
        batch.verifyProofs(keys, proofs, instances);
    }

    /// @dev The pins do not say which setup a key belongs to; the keys do.
    function test_verifyProofs_revertsWhenKeysAreOfTwoSetups() public {
        Pin[] memory other = pins;
        bytes memory key = keyOf(other[1].keyHash);
        key[39] ^= 0x01;
        other[1].keyHash = noteKey(key);
        BatchVerifier mixed = new BatchVerifier(other);
        bytes[] memory proofs = honestProofs(other, instances);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.SrsMismatch.selector, 1));
        mixed.verifyProofs(keysOf(other), proofs, instances);
    }
}
