// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BoundVerifier} from "../src/BoundVerifier.sol";
import {IHalo2SharedVerifier} from "../src/interfaces/IHalo2SharedVerifier.sol";
import {IHalo2Verifier} from "../src/interfaces/IHalo2Verifier.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {Pin} from "../src/types/Pin.sol";
import {PinnedTest} from "./helpers/PinnedTest.sol";
import {StubKey} from "./stubs/StubKey.sol";
import {AnsweringVerifier, StubVerifier} from "./stubs/StubVerifier.sol";

contract BoundVerifierTest is PinnedTest {
    Pin internal pin;
    bytes internal key;
    address internal holder;
    BoundVerifier internal bound_;

    function setUp() public {
        pin = stubPin(1);
        key = keyOf(pin.keyHash);
        holder = address(new StubKey(key));
        bound_ = _bind(pin);
    }

    // ------------------------------------------------------------------------------------------------- Constructor

    function test_constructor_pinsBoth() public view {
        assertEq(bound_.VERIFIER(), pin.verifier);
        assertEq(bound_.KEY(), holder);
        assertEq(bound_.CODE_HASH(), pin.codeHash);
        assertEq(bound_.KEY_HASH(), pin.keyHash);
    }

    function test_constructor_revertsWhenTheVerifierHasNoCode() public {
        pin.verifier = address(0xE0A);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.VerifierWithoutCode.selector, 0, pin.verifier));
        _bind(pin);
        vm.etch(pin.verifier, abi.encodePacked(hex"ef0100", address(bound_)));
        pin.codeHash = pin.verifier.codehash;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.VerifierWithoutCode.selector, 0, pin.verifier));
        _bind(pin);
    }

    function test_constructor_revertsWhenTheVerifiersCodeHashDiffers() public {
        bytes32 actual = pin.codeHash;
        pin.codeHash = 0;
        vm.expectRevert(
            abi.encodeWithSelector(IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 0, bytes32(0), actual)
        );
        _bind(pin);
    }

    function test_constructor_revertsWhenTheKeyIsTooShort() public {
        bytes[3] memory codes = [bytes(""), hex"00", key];
        for (uint256 i; i < 3; ++i) {
            vm.etch(holder, codes[i]);
            pin.keyHash = holder.codehash;
            vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.InvalidKey.selector, 0));
            _bind(pin);
        }
        vm.etch(holder, abi.encodePacked(hex"ef0100", new StubKey(key)));
        pin.keyHash = holder.codehash;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.InvalidKey.selector, 0));
        _bind(pin);
    }

    function test_constructor_revertsWhenTheKeysHashDiffers() public {
        bytes32 actual = pin.keyHash;
        pin.keyHash = 0;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.KeyHashMismatch.selector, 0, bytes32(0), actual));
        _bind(pin);
    }

    /// @dev A key's hash begins with a STOP.
    function testFuzz_constructor_revertsWhenTheKeysContractHasNoStop(bytes1 first) public {
        vm.assume(first != 0 && first != 0xef);
        vm.etch(holder, bytes.concat(first, key));
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.KeyHashMismatch.selector, 0, pin.keyHash, keccak256(bytes.concat(first, key))
            )
        );
        _bind(pin);
        // Bound by the hash of that code, it verifies nothing.
        bytes32 actual = pin.keyHash;
        pin.keyHash = holder.codehash;
        BoundVerifier other = _bind(pin);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.KeyHashMismatch.selector, 0, pin.keyHash, actual));
        other.verifyProof("", new uint256[](0));
    }

    // ----------------------------------------------------------------------------------------------------- Forwards

    function testFuzz_verifyProof_forwardsWithTheKey(bytes memory proof, uint256[] memory instances) public {
        bytes memory forwarded = abi.encodeCall(IHalo2SharedVerifier.verifyProof, (key, proof, instances));
        vm.mockCall(pin.verifier, forwarded, abi.encode(true));
        vm.expectCall(pin.verifier, forwarded, 1);
        assertTrue(bound_.verifyProof(proof, instances));
    }

    function testFuzz_accumulate_forwardsWithTheKey(bytes memory proof, uint256[] memory instances) public {
        bytes memory forwarded = abi.encodeCall(IHalo2SharedVerifier.accumulate, (key, proof, instances));
        uint256[4] memory points = [uint256(1), 2, 3, type(uint256).max];
        vm.mockCall(pin.verifier, forwarded, abi.encode(points));
        vm.expectCall(pin.verifier, forwarded, 1);
        assertEq(abi.encode(bound_.accumulate(proof, instances)), abi.encode(points));
    }

    /// @dev Keys of any length, with what is not a whole word at their end.
    function testFuzz_verifyProof_forwardsKeysOfAnyLength(uint256 tail, bytes memory proof) public {
        key = bytes.concat(key, new bytes(bound(tail, 0, 200)));
        key[key.length - 1] = 0xff;
        pin = pinOf(pin.verifier, key);
        holder = address(new StubKey(key));
        bound_ = _bind(pin);
        uint256[] memory instances = columns(4)[3];
        bytes memory forwarded = abi.encodeCall(IHalo2SharedVerifier.verifyProof, (key, proof, instances));
        vm.mockCall(pin.verifier, forwarded, abi.encode(true));
        vm.expectCall(pin.verifier, forwarded, 1);
        assertTrue(bound_.verifyProof(proof, instances));
    }

    function test_verifyProof_acceptsTheHonestProofOnly() public {
        uint256[] memory instances = columns(4)[3];
        bytes memory proof = honest(pin, instances);
        assertTrue(bound_.verifyProof(proof, instances));
        instances[0] += 1;
        vm.expectRevert(StubVerifier.StubProofInvalid.selector);
        bound_.verifyProof(proof, instances);
    }

    /// @dev What is not canonical here is not canonical there either.
    function test_verifyProof_forwardsOddCalldataAsItIs() public {
        uint256[] memory instances = columns(4)[3];
        bytes memory call = abi.encodeCall(IHalo2Verifier.verifyProof, (honest(pin, instances), instances));
        // One word lies between the head and the proof, and a byte after the end.
        bytes memory odd = new bytes(call.length + 33);
        for (uint256 i; i < call.length; ++i) {
            odd[i < 0x44 ? i : i + 0x20] = call[i];
        }
        odd[0x23] = 0x60;
        odd[0x43] = bytes1(uint8(call[0x43]) + 0x20);
        odd[odd.length - 1] = 0xaa;

        // Three offsets and the key in front; what two of them point to is further on by a word and the key with its length.
        uint256 further = 0x20 + 0x20 + key.length;
        bytes memory expected = bytes.concat(
            IHalo2SharedVerifier.verifyProof.selector,
            abi.encode(0x60, 0x60 + further, uint256(uint8(call[0x43])) + 0x20 + further, key.length),
            key
        );
        uint256 head = expected.length;
        expected = bytes.concat(expected, new bytes(odd.length - 0x44));
        for (uint256 i = 0x44; i < odd.length; ++i) {
            expected[head + i - 0x44] = odd[i];
        }
        vm.expectCall(pin.verifier, expected, 1);
        (bool success,) = address(bound_).staticcall(odd);
        assertTrue(success);
    }

    function test_verifyProof_revertsWhenTheVerifierDoesNotReturnTrue() public {
        bytes[6] memory answers =
            [bytes(""), hex"01", abi.encode(false), abi.encode(2), abi.encode(true, true), new bytes(31)];
        for (uint256 i; i < answers.length; ++i) {
            BoundVerifier other = _answering(answers[i], false);
            vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.VerifierMisbehaved.selector, 0));
            other.verifyProof("", new uint256[](0));
        }
        assertTrue(_answering(abi.encode(true), false).verifyProof("", new uint256[](0)));
    }

    function test_accumulate_revertsWhenTheAnswerHasAnotherSize() public {
        uint256[4] memory sizes = [uint256(0), 32, 127, 129];
        for (uint256 i; i < sizes.length; ++i) {
            BoundVerifier other = _answering(new bytes(sizes[i]), false);
            vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.VerifierMisbehaved.selector, 0));
            other.accumulate("", new uint256[](0));
        }
    }

    function test_verifyProof_bubblesErrors_upToALimit() public {
        bytes memory reason = abi.encodeWithSelector(StubVerifier.StubProofInvalid.selector, 7);
        BoundVerifier other = _answering(reason, true);
        vm.expectRevert(reason);
        other.verifyProof("", new uint256[](0));
        vm.expectRevert(reason);
        other.accumulate("", new uint256[](0));
        other = _answering(new bytes(20_000), true);
        vm.expectRevert(new bytes(256));
        other.verifyProof("", new uint256[](0));
    }

    function test_verifyProof_revertsWhenTheVerifiersCodeIsAnother() public {
        bytes memory alwaysTrue = hex"600160005260206000f3";
        vm.etch(pin.verifier, alwaysTrue);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPinnedVerifierErrors.VerifierCodeHashMismatch.selector, 0, pin.codeHash, keccak256(alwaysTrue)
            )
        );
        bound_.verifyProof("", new uint256[](0));
    }

    function test_accumulate_revertsWhenTheKeyIsGoneOrAnother() public {
        vm.etch(holder, "");
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.InvalidKey.selector, 0));
        bound_.accumulate("", new uint256[](0));
        bytes memory code = bytes.concat(hex"00", key);
        code[code.length - 1] ^= 0x01;
        vm.etch(holder, code);
        vm.expectRevert(
            abi.encodeWithSelector(IPinnedVerifierErrors.KeyHashMismatch.selector, 0, pin.keyHash, keccak256(code))
        );
        bound_.accumulate("", new uint256[](0));
        vm.expectRevert(
            abi.encodeWithSelector(IPinnedVerifierErrors.KeyHashMismatch.selector, 0, pin.keyHash, keccak256(code))
        );
        bound_.verifyProof("", new uint256[](0));
    }

    // ------------------------------------------------------------------------------------------------------ Helpers

    function _bind(Pin memory pin_) private returns (BoundVerifier) {
        return new BoundVerifier(pin_.verifier, pin_.codeHash, holder, pin_.keyHash);
    }

    function _answering(bytes memory answer, bool reverts) private returns (BoundVerifier) {
        return _bind(pinOf(address(new AnsweringVerifier(answer, reverts)), key));
    }
}
