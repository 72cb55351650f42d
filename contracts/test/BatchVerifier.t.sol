// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BatchVerifier} from "../src/BatchVerifier.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {CodeData} from "../src/libraries/CodeData.sol";
import {Pin} from "../src/types/Pin.sol";
import {PinnedTest} from "./helpers/PinnedTest.sol";
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
        Pin[] memory many = new Pin[](228);
        for (uint256 i; i < 228; ++i) {
            many[i] = pins[i % 3];
        }
        vm.expectRevert(abi.encodeWithSelector(CodeData.CodeDataTooLarge.selector, 228 * 108));
        new BatchVerifier(many);
        assembly ("memory-safe") {
            mstore(many, 227)
        }
        assertEq(new BatchVerifier(many).COUNT(), 227);
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

        other = pins;
        other[0].keyCodeHash = 0;
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.KeyCodeHashMismatch.selector, 0, bytes32(0), pins[0].keyCodeHash
            )
        );
        new BatchVerifier(other);

        other = pins;
        other[2].key = other[2].verifier;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.InvalidKeyContract.selector, 2, other[2].key));
        new BatchVerifier(other);
    }

    function test_constructor_revertsWhenKeysAreOfTwoSetups() public {
        Pin[] memory other = pins;
        bytes memory code = other[1].key.code;
        code[40] ^= 0x01;
        vm.etch(other[1].key, code);
        other[1].keyCodeHash = keccak256(code);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.SrsMismatch.selector, 1));
        new BatchVerifier(other);
    }

    // ------------------------------------------------------------------------------------------------ verifyProofs

    function test_verifyProofs_acceptsHonestProofsWithOnePairing() public {
        vm.expectCall(address(8), "", 1);
        assertTrue(batch.verifyProofs(honestProofs(pins, instances), instances));
    }

    function test_verifyProofs_revertsWhenAnyProofIsWrong() public {
        for (uint256 bad; bad < 3; ++bad) {
            bytes[] memory proofs = honestProofs(pins, instances);
            proofs[bad][5] ^= 0x20;
            vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
            batch.verifyProofs(proofs, instances);
        }
    }

    function test_verifyProofs_revertsWhenAnyInstanceIsAnother() public {
        bytes[] memory proofs = honestProofs(pins, instances);
        instances[2][1] += 1;
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        batch.verifyProofs(proofs, instances);
    }

    function test_verifyProofs_revertsWhenProofsOfOneShapeAreSwapped() public {
        instances[2] = instances[1];
        bytes[] memory proofs = honestProofs(pins, instances);
        (proofs[1], proofs[2]) = (proofs[2], proofs[1]);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        batch.verifyProofs(proofs, instances);
    }

    function test_verifyProofs_revertsWhenAProofIsMalformed() public {
        bytes[] memory proofs = honestProofs(pins, instances);
        proofs[2] = "";
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 2, reason));
        batch.verifyProofs(proofs, instances);
    }

    function test_verifyProofs_revertsWhenThereAreMoreOrFewer() public {
        bytes[] memory proofs = honestProofs(pins, instances);
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofCountMismatch.selector, 3, 0, 0));
        batch.verifyProofs(new bytes[](0), new uint256[][](0));
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofCountMismatch.selector, 3, 4, 3));
        batch.verifyProofs(new bytes[](4), instances);
        vm.expectRevert(abi.encodeWithSelector(BatchVerifier.ProofCountMismatch.selector, 3, 3, 2));
        batch.verifyProofs(proofs, new uint256[][](2));
    }

    function test_verifyProofs_revertsWhenAContractIsGone() public {
        bytes[] memory proofs = honestProofs(pins, instances);
        vm.etch(pins[2].key, "");
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.KeyCodeHashMismatch.selector, 2, pins[2].keyCodeHash, pins[2].key.codehash
            )
        );
        batch.verifyProofs(proofs, instances);
        vm.etch(pins[0].verifier, "");
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 0, pins[0].codeHash, pins[0].verifier.codehash
            )
        );
        batch.verifyProofs(proofs, instances);
    }
}
