// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2SharedVerifier} from "../../src/interfaces/IHalo2SharedVerifier.sol";
import {IPinnedVerifierErrors} from "../../src/interfaces/IPinnedVerifierErrors.sol";
import {ProofBatch} from "../../src/libraries/ProofBatch.sol";
import {Pin} from "../../src/types/Pin.sol";
import {G1} from "../helpers/G1.sol";
import {PinnedTest} from "../helpers/PinnedTest.sol";
import {StubSetup} from "../stubs/StubKey.sol";
import {AnsweringVerifier, StubVerifier} from "../stubs/StubVerifier.sol";

/// @notice The library as a contract.
contract ProofBatchHarness {
    function verify(Pin[] calldata pins, bytes[] calldata keys, bytes[] calldata proofs, uint256[][] calldata instances)
        external
        view
        returns (uint256 rho)
    {
        ProofBatch.Batch memory batch = ProofBatch.open(pins.length, new uint256[](0));
        for (uint256 i; i < pins.length; ++i) {
            ProofBatch.add(batch, i, pins[i], keys[i], proofs[i], instances[i]);
        }
        ProofBatch.settle(batch);
        return ProofBatch.weight(batch);
    }

    function weigh(Pin[] calldata pins, bytes[] calldata keys, bytes[] calldata proofs, uint256[][] calldata instances)
        external
        view
        returns (uint256)
    {
        ProofBatch.Batch memory batch = ProofBatch.open(pins.length, new uint256[](0));
        for (uint256 i; i < pins.length; ++i) {
            ProofBatch.add(batch, i, pins[i], keys[i], proofs[i], instances[i]);
        }
        return ProofBatch.weight(batch);
    }
}

/// @notice Answers of all kinds, and what they do to the one pairing.
contract ProofBatchTest is PinnedTest {
    using G1 for G1.Point;

    uint256 internal constant R =
        21_888_242_871_839_275_222_246_405_745_257_275_088_548_364_400_416_034_343_698_204_186_575_808_495_617;

    ProofBatchHarness internal harness;

    function setUp() public {
        harness = new ProofBatchHarness();
    }

    // ------------------------------------------------------------------------------------------------------- Honest

    function test_settle_acceptsHonestProofs() public {
        for (uint256 count = 1; count < 6; ++count) {
            Pin[] memory pins = stubPins(count);
            uint256[][] memory instances = columns(count);
            harness.verify(pins, keysOf(pins), honestProofs(pins, instances), instances);
        }
    }

    function test_settle_manyProofs_askEachVerifierOnceAndPairOnce() public {
        Pin[] memory pins = stubPins(3);
        uint256[][] memory instances = columns(3);
        bytes[] memory proofs = honestProofs(pins, instances);
        for (uint256 i; i < 3; ++i) {
            vm.expectCall(
                pins[i].verifier,
                abi.encodeCall(IHalo2SharedVerifier.accumulate, (keyOf(pins[i].keyHash), proofs[i], instances[i])),
                1
            );
        }
        vm.expectCall(address(8), "", 1);
        vm.expectCall(address(7), "", 6 + 4);
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    function test_settle_revertsWhenThereIsNothing() public {
        vm.expectRevert(IPinnedVerifierErrors.EmptyBatch.selector);
        harness.verify(new Pin[](0), new bytes[](0), new bytes[](0), new uint256[][](0));
    }

    function testFuzz_add_asksWithTheCanonicalEncoding(bytes memory proof, uint256[] memory column) public {
        Pin[] memory pins = stubPins(1);
        answerWith(pins[0], G1.answer(G1.at(3), G1.at(0)));
        bytes[] memory proofs = new bytes[](1);
        uint256[][] memory instances = new uint256[][](1);
        (proofs[0], instances[0]) = (proof, column);
        vm.expectCall(
            pins[0].verifier,
            abi.encodeCall(IHalo2SharedVerifier.accumulate, (keyOf(pins[0].keyHash), proof, column)),
            1
        );
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    // ------------------------------------------------------------------------------------------------------ Attacks

    function test_settle_revertsWhenOneOfManyIsWrong() public {
        Pin[] memory pins = stubPins(5);
        uint256[][] memory instances = columns(5);
        for (uint256 bad; bad < 5; ++bad) {
            bytes[] memory proofs = honestProofs(pins, instances);
            proofs[bad][31] ^= 0x01;
            vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
            harness.verify(pins, keysOf(pins), proofs, instances);
        }
    }

    /// @dev Two wrong answers whose plain sum is right.
    function test_settle_revertsWhenErrorsCancelUnderEqualWeights() public {
        Pin[] memory pins = stubPins(2);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(2);
        (G1.Point memory lhs0, G1.Point memory lhs1) = (G1.at(11), G1.at(12));
        bytes memory answer0 = G1.answer(lhs0, G1.at(5));
        bytes memory answer1 = G1.answer(lhs1, G1.at(5).neg());
        assertTrue(G1.holds(lhs0.add(lhs1), _rhs(answer0).add(_rhs(answer1))), "the attack has no point");
        answerWith(pins[0], answer0);
        answerWith(pins[1], answer1);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    /// @dev Answers made to cancel under the weight of the honest answers: they change the weight.
    function test_settle_revertsWhenErrorsCancelUnderOtherWeights() public {
        Pin[] memory pins = stubPins(2);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(2);
        (G1.Point memory lhs0, G1.Point memory lhs1) = (G1.at(11), G1.at(12));
        answerWith(pins[0], G1.answer(lhs0, G1.at(0)));
        answerWith(pins[1], G1.answer(lhs1, G1.at(0)));
        uint256 rho = harness.verify(pins, keysOf(pins), proofs, instances);

        bytes memory answer0 = G1.answer(lhs0, G1.at(5).mul(rho));
        bytes memory answer1 = G1.answer(lhs1, G1.at(5).neg());
        assertTrue(
            G1.holds(lhs0.add(lhs1.mul(rho)), _rhs(answer0).add(_rhs(answer1).mul(rho))), "the attack has no point"
        );
        answerWith(pins[0], answer0);
        answerWith(pins[1], answer1);
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    function test_settle_revertsWhenAnAnswersPointsAreSwapped() public {
        Pin[] memory pins = stubPins(2);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(2);
        answerWith(pins[0], G1.answer(G1.at(7), G1.at(0)));
        bytes memory answer = G1.answer(G1.at(8), G1.at(0));
        answerWith(pins[1], abi.encode(_rhs(answer), G1.at(8)));
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    function test_settle_identityPoints() public {
        Pin[] memory pins = stubPins(2);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(2);
        answerWith(pins[0], G1.answer(G1.at(7), G1.at(0)));
        // Twice the identity holds, wherever it stands.
        answerWith(pins[1], new bytes(128));
        harness.verify(pins, keysOf(pins), proofs, instances);
        (pins[0], pins[1]) = (pins[1], pins[0]);
        harness.verify(pins, keysOf(pins), proofs, instances);
        answerWith(pins[1], new bytes(128));
        harness.verify(pins, keysOf(pins), proofs, instances);
        // One of the two alone does not.
        answerWith(pins[1], abi.encode(G1.at(0), G1.at(7)));
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        harness.verify(pins, keysOf(pins), proofs, instances);
        answerWith(pins[1], abi.encode(G1.at(7), G1.at(0)));
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    function testFuzz_settle_revertsWhenAnAnswerIsOff(uint256 lhs, uint256 off, uint256 which) public {
        Pin[] memory pins = stubPins(3);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(3);
        which %= 3;
        for (uint256 i; i < 3; ++i) {
            answerWith(pins[i], G1.answer(G1.at(lhs), G1.at(i == which ? bound(off, 1, R - 1) : 0)));
        }
        vm.expectRevert(IPinnedVerifierErrors.BatchRejected.selector);
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    // ------------------------------------------------------------------------------------------------------- Points

    function test_add_revertsWhenAPointIsNotOnTheCurve() public {
        _expectNotOnCurve(abi.encode(1, 3, 0, 0));
        _expectNotOnCurve(abi.encode(0, 0, 1, 3));
        _expectNotOnCurve(abi.encode(0, 1, 0, 0));
        _expectNotOnCurve(abi.encode(1, 0, 0, 0));
    }

    function test_add_revertsWhenACoordinateIsNotCanonical() public {
        _expectNotOnCurve(abi.encode(1 + G1.Q, 2, 0, 0));
        _expectNotOnCurve(abi.encode(1, 2 + G1.Q, 0, 0));
        _expectNotOnCurve(abi.encode(0, 0, G1.Q, 0));
        _expectNotOnCurve(abi.encode(0, 0, 0, G1.Q));
        _expectNotOnCurve(abi.encode(type(uint256).max, type(uint256).max, 0, 0));
    }

    /// @dev A precompile would take all the gas that it is given.
    function test_add_aPointThatIsNotOnTheCurve_costsLittle() public {
        Pin[] memory pins = stubPins(2);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(2);
        answerWith(pins[0], abi.encode(1, 3, 1, 3));
        uint256 before = gasleft();
        try harness.verify{gas: 10_000_000}(pins, keysOf(pins), proofs, instances) {
            fail();
        } catch {}
        assertLt(before - gasleft(), 100_000);
    }

    // ------------------------------------------------------------------------------------------------------ Answers

    function test_add_revertsWhenAnAnswerHasAnotherSize() public {
        uint256[5] memory sizes = [uint256(0), 32, 127, 129, 256];
        for (uint256 i; i < sizes.length; ++i) {
            _expectSecond(
                new bytes(sizes[i]), abi.encodeWithSelector(IPinnedVerifierErrors.VerifierMisbehaved.selector, 1)
            );
        }
    }

    function test_add_revertsWhenAVerifierRevertsWithALot_costsLittle() public {
        Pin[] memory pins = stubPins(1);
        bytes memory reason = new bytes(50_000);
        pins[0] = pinOf(address(new AnsweringVerifier(reason, true)), StubSetup.key(0));
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(1);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 0, new bytes(256)));
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    function test_add_revertsWhenAVerifierRejects() public {
        Pin[] memory pins = stubPins(2);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(2);
        answerWith(pins[0], new bytes(128));
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.ChunkRejected.selector, 1, reason));
        harness.verify(pins, keysOf(pins), proofs, instances);
    }

    function test_settle_revertsWhenTheSetupIsNoPointOfG2() public {
        Pin[] memory pins = stubPins(1);
        bytes memory key = keyOf(pins[0].keyHash);
        key[0] ^= 0x01;
        pins[0].keyHash = noteKey(key);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(1);
        answerWith(pins[0], G1.answer(G1.at(7), G1.at(0)));
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.PrecompileFailed.selector, 8));
        harness.verify{gas: 10_000_000}(pins, keysOf(pins), proofs, instances);
    }

    // --------------------------------------------------------------------------------------------------------- Keys

    /// @dev However a key is given, the verifier gets it, and the weight is the same.
    function test_add_aKeyInAContract_isTheSame() public {
        Pin[] memory pins = stubPins(3);
        uint256[][] memory instances = columns(3);
        bytes[] memory proofs = honestProofs(pins, instances);
        uint256 rho = harness.verify(pins, keysOf(pins), proofs, instances);
        for (uint256 given = 1; given < 8; ++given) {
            bytes[] memory keys = keysOf(pins);
            for (uint256 i; i < 3; ++i) {
                if ((given >> i) & 1 == 1) keys[i] = holderOf(pins[i].keyHash);
            }
            assertEq(harness.verify(pins, keys, proofs, instances), rho);
        }
    }

    /// @dev Keys of any length from the least on: the canonical encoding, and nothing of one call in the next.
    function testFuzz_add_keysOfAnyLength(uint256 first, uint256 second, bool inContracts) public {
        Pin[] memory pins = stubPins(2);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(2);
        bytes[] memory keys = new bytes[](2);
        for (uint256 i; i < 2; ++i) {
            bytes memory tail = new bytes(bound(i == 0 ? first : second, 0, 300));
            for (uint256 j; j < tail.length; ++j) {
                tail[j] = 0xff;
            }
            keys[i] = bytes.concat(StubSetup.key(bytes32(i)), tail);
            pins[i] = pinOf(pins[i].verifier, keys[i]);
            answerWith(pins[i], G1.answer(G1.at(7), G1.at(0)));
            vm.expectCall(
                pins[i].verifier, abi.encodeCall(IHalo2SharedVerifier.accumulate, (keys[i], proofs[i], instances[i])), 1
            );
        }
        if (inContracts) (keys[0], keys[1]) = (holderOf(pins[0].keyHash), holderOf(pins[1].keyHash));
        harness.verify(pins, keys, proofs, instances);
    }

    /// @dev The SRS part of the first key is what the pairing takes, so that of each other must be the same.
    function testFuzz_add_revertsWhenAKeyIsOfAnotherSetup(uint256 which, uint256 at, uint8 bit, bool inContract)
        public
    {
        Pin[] memory pins = stubPins(3);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(3);
        for (uint256 i; i < 3; ++i) {
            answerWith(pins[i], G1.answer(G1.at(7), G1.at(0)));
        }
        which = bound(which, 1, 2);
        bytes memory key = keyOf(pins[which].keyHash);
        key[bound(at, 0, 255)] ^= bytes1(uint8(1 << (bit % 8)));
        pins[which].keyHash = noteKey(key);
        bytes[] memory keys = keysOf(pins);
        if (inContract) keys[which] = holderOf(pins[which].keyHash);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.SrsMismatch.selector, which));
        harness.verify(pins, keys, proofs, instances);
    }

    // ------------------------------------------------------------------------------------------------------ Weights

    function test_weight_isTheSpecifiedHash() public {
        Pin[] memory pins = stubPins(3);
        uint256[][] memory instances = columns(3);
        bytes[] memory proofs = honestProofs(pins, instances);
        bytes32 chain;
        for (uint256 i; i < 3; ++i) {
            bytes memory call =
                abi.encodeCall(IHalo2SharedVerifier.accumulate, (keyOf(pins[i].keyHash), proofs[i], instances[i]));
            (, bytes memory answer) = pins[i].verifier.staticcall(call);
            bytes32 exchange = keccak256(bytes.concat(abi.encode(pins[i].verifier), bytes28(0), call, answer));
            chain = keccak256(abi.encode(chain, exchange));
        }
        uint256 expected = uint256(keccak256(abi.encode(chain, 3))) % (R - 1) + 1;
        assertEq(harness.weigh(pins, keysOf(pins), proofs, instances), expected);
        assertEq(harness.verify(pins, keysOf(pins), proofs, instances), expected);
    }

    /// @dev What is asked and what is answered all move the weight, the first exchange as well as the last.
    function testFuzz_weight_dependsOnEverything(uint256 which, uint256 at, uint8 bit) public {
        Pin[] memory pins = stubPins(3);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(3);
        which %= 3;
        for (uint256 i; i < 3; ++i) {
            answerWith(pins[i], G1.answer(G1.at(7), G1.at(0)));
        }
        uint256 base = harness.weigh(pins, keysOf(pins), proofs, instances);

        bytes1 flip = bytes1(uint8(1 << (bit % 8)));
        proofs[which][at % 200] ^= flip;
        assertNotEq(harness.weigh(pins, keysOf(pins), proofs, instances), base);
        proofs[which][at % 200] ^= flip;

        instances[which][at % 4] ^= 1 << (bit % 8);
        assertNotEq(harness.weigh(pins, keysOf(pins), proofs, instances), base);
        instances[which][at % 4] ^= 1 << (bit % 8);
        assertEq(harness.weigh(pins, keysOf(pins), proofs, instances), base);

        Pin memory pin = pins[which];
        pins[which] = pinOf(pin.verifier, StubSetup.key(bytes32(uint256(99))));
        assertNotEq(harness.weigh(pins, keysOf(pins), proofs, instances), base);
        pins[which] = pinOf(stubPin(99).verifier, keyOf(pin.keyHash));
        answerWith(pins[which], G1.answer(G1.at(7), G1.at(0)));
        assertNotEq(harness.weigh(pins, keysOf(pins), proofs, instances), base);
        pins[which] = pin;

        answerWith(pin, G1.answer(G1.at(7), G1.at(1)));
        assertNotEq(harness.weigh(pins, keysOf(pins), proofs, instances), base);
        answerWith(pin, G1.answer(G1.at(8), G1.at(0)));
        assertNotEq(harness.weigh(pins, keysOf(pins), proofs, instances), base);
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    /// @dev Proofs for verifiers that answer without looking.
    function _anyProofs(uint256 count) private pure returns (bytes[] memory proofs, uint256[][] memory instances) {
        proofs = new bytes[](count);
        instances = new uint256[][](count);
        for (uint256 i; i < count; ++i) {
            proofs[i] = new bytes(200 + i);
            instances[i] = new uint256[](4);
        }
    }

    function _rhs(bytes memory answer) private pure returns (G1.Point memory rhs) {
        (, rhs) = abi.decode(answer, (G1.Point, G1.Point));
    }

    function _expectNotOnCurve(bytes memory answer) private {
        _expectSecond(answer, abi.encodeWithSelector(IPinnedVerifierErrors.PointNotOnCurve.selector, 1));
    }

    /// @dev The second of two verifiers answers so.
    function _expectSecond(bytes memory answer, bytes memory revertData) private {
        Pin[] memory pins = stubPins(2);
        (bytes[] memory proofs, uint256[][] memory instances) = _anyProofs(2);
        answerWith(pins[0], G1.answer(G1.at(7), G1.at(0)));
        answerWith(pins[1], answer);
        vm.expectRevert(revertData);
        harness.verify(pins, keysOf(pins), proofs, instances);
    }
}
