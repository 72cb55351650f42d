// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2SharedVerifier} from "../src/interfaces/IHalo2SharedVerifier.sol";
import {IPinnedVerifierErrors} from "../src/interfaces/IPinnedVerifierErrors.sol";
import {Context} from "../src/types/Context.sol";
import {ModelId} from "../src/types/ModelId.sol";
import {ChunkProof, ChunkSpec, ModelRegistration} from "../src/types/RegistryTypes.sol";
import {RegistryTest} from "./helpers/RegistryTest.sol";
import {StubKey, StubSetup} from "./stubs/StubKey.sol";

/// @notice The registry knows keys by their hash alone: whatever a caller hands in, the verifier gets the registered key or nothing.
contract ChainferRegistryKeysTest is RegistryTest {
    address internal constant HOLDER = address(0x6E7);

    ModelId internal modelId;
    ChunkSpec internal spec;
    bytes internal key;

    function setUp() public override {
        super.setUp();
        modelId = register(classifierRegistration());
        spec = chunkOf(modelId, 1);
        key = keyOf(spec.keyHash);
    }

    // ---------------------------------------------------------------------------------------------------- Both forms

    function testFuzz_attest_keysInCalldataOrInContracts_endAlike(uint256 inContracts) public {
        ChunkProof[] memory proofs = honestProofs(modelId, ROOT);
        uint256 snapshot = vm.snapshotState();
        attest(modelId, ROOT, proofs);
        bytes memory expected = abi.encode(stateOf(modelId, ROOT));
        assertTrue(vm.revertToState(snapshot));
        for (uint256 i; i < 3; ++i) {
            if ((inContracts >> i) & 1 == 1) proofs[i].key = holderOf(chunkOf(modelId, i).keyHash);
        }
        attest(modelId, ROOT, proofs);
        assertEq(abi.encode(stateOf(modelId, ROOT)), expected);
        registry.requireAttested(modelId, idOf(modelId, ROOT));
    }

    /// @dev The key itself, never the address that stands for it.
    function test_attest_theVerifierGetsTheKey() public {
        ChunkProof memory proof = honestProof(modelId, ROOT, 1);
        uint256[] memory instances = new uint256[](2);
        (instances[0], instances[1]) = (ROOT, Context.unwrap(contextOf(modelId, REQUESTER, NONCE)));
        bytes memory call = abi.encodeCall(IHalo2SharedVerifier.accumulate, (key, proof.proof, instances));
        vm.expectCall(spec.verifier, call, 1);
        attest(modelId, ROOT, only(proof));
        proof = honestProof(modelId, ROOT + 1, 1);
        proof.key = holderOf(spec.keyHash);
        instances[0] = ROOT + 1;
        call = abi.encodeCall(IHalo2SharedVerifier.accumulate, (key, proof.proof, instances));
        vm.expectCall(spec.verifier, call, 1);
        attest(modelId, ROOT + 1, only(proof));
    }

    /// @dev A key's name is the code hash of a contract that has it.
    function test_keyHash_isTheCodeHashOfItsContract() public {
        assertEq(address(new StubKey(key)).codehash, spec.keyHash);
        assertEq(keccak256(bytes.concat(hex"00", key)), spec.keyHash);
    }

    // ------------------------------------------------------------------------------------------------------ Calldata

    function testFuzz_attest_revertsWhenAnyBitOfTheKeyIsAnother(uint256 at, uint8 bit) public {
        bytes memory other = key;
        other[at % other.length] ^= bytes1(uint8(1 << (bit % 8)));
        _expectMismatch(other, StubSetup.hashOf(other));
    }

    function test_attest_revertsWhenTheKeyIsAnotherChunks() public {
        bytes32 keyHash = chunkOf(modelId, 0).keyHash;
        _expectMismatch(keyOf(keyHash), keyHash);
        bytes memory holder = holderOf(keyHash);
        _expectMismatch(holder, keyHash);
    }

    function test_attest_revertsWhenTheKeyIsCutOrExtended() public {
        bytes memory longer = bytes.concat(key, hex"00");
        _expectMismatch(longer, StubSetup.hashOf(longer));
        longer = bytes.concat(key, new bytes(32));
        _expectMismatch(longer, StubSetup.hashOf(longer));
        // What a contract has in front of its key is no part of it.
        longer = bytes.concat(hex"00", key);
        _expectMismatch(longer, StubSetup.hashOf(longer));
        _expectInvalid(_cut(key, key.length - 1));
    }

    /// @dev A key longer than the least one, cut by a byte.
    function test_attest_revertsWhenALongKeyIsCut() public {
        bytes memory long = bytes.concat(StubSetup.key("long"), new bytes(640));
        ModelRegistration memory registration = registered(modelId);
        registration.manifestId = "long";
        registration.chunks[1].keyHash = noteKey(long);
        ModelId longId = register(registration);
        ChunkProof memory proof = honestProof(longId, ROOT, 1);
        attest(longId, ROOT, only(proof));
        proof = honestProof(longId, ROOT + 1, 1);
        proof.key = _cut(long, long.length - 1);
        bytes32 expected = StubSetup.hashOf(long);
        bytes32 actual = StubSetup.hashOf(proof.key);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.KeyHashMismatch.selector, 1, expected, actual));
        attest(longId, ROOT + 1, only(proof));
    }

    function test_attest_revertsWhenTheKeyIsTooShort() public {
        uint256[9] memory sizes = [uint256(0), 1, 19, 21, 32, 255, 256, 320, 383];
        for (uint256 i; i < sizes.length; ++i) {
            _expectInvalid(_cut(key, sizes[i]));
        }
    }

    // ----------------------------------------------------------------------------------------------------- Addresses

    function test_attest_revertsWhenNoContractIsAtTheAddress() public {
        _expectInvalid(abi.encodePacked(HOLDER));
        _expectInvalid(abi.encodePacked(address(0)));
        // An account that exists.
        vm.deal(HOLDER, 1);
        _expectInvalid(abi.encodePacked(HOLDER));
        // The address with a byte more or less, where the key is.
        vm.etch(HOLDER, bytes.concat(hex"00", key));
        _expectInvalid(bytes.concat(hex"00", abi.encodePacked(HOLDER)));
        _expectInvalid(_cut(abi.encodePacked(HOLDER), 19));
        _expectInvalid(abi.encode(HOLDER));
    }

    function test_attest_revertsWhenThereIsNoStop() public {
        // The first byte is taken for it, so this is a key without its first byte, and too short.
        _expectInvalidHolder(key);
        bytes memory rest = bytes.concat(_tail(key, 1), hex"00");
        _expectMismatchOfHolder(bytes.concat(key, hex"00"), StubSetup.hashOf(rest));
    }

    /// @dev What is hashed is what is used, and the first byte is neither.
    function testFuzz_attest_theFirstByteOfAContract_doesNotMatter(bytes1 first) public {
        vm.etch(HOLDER, bytes.concat(first == 0xef ? bytes1(0) : first, key));
        ChunkProof memory proof = honestProof(modelId, ROOT, 1);
        proof.key = abi.encodePacked(HOLDER);
        attest(modelId, ROOT, only(proof));
        assertEq(stateOf(modelId, ROOT).provenChunks, 2);
    }

    function test_attest_revertsWhenTheContractHasAnotherCode() public {
        bytes memory code = bytes.concat(hex"00", key);
        code[code.length - 1] ^= 0x01;
        _expectMismatchOfHolder(code, keccak256(code));
        code = bytes.concat(hex"00", key, hex"00");
        _expectMismatchOfHolder(code, keccak256(code));
        _expectInvalidHolder(hex"00");
        _expectInvalidHolder(_cut(code, 384));
        // A contract whose code the verifier would be called with: that of the verifier.
        code = spec.verifier.code;
        _expectMismatchOfHolder(code, StubSetup.hashOf(_tail(code, 1)));
    }

    /// @dev An account that delegates to the key's contract has not its code.
    function test_attest_revertsWhenTheAccountDelegates() public {
        address holder = address(new StubKey(key));
        _expectInvalidHolder(abi.encodePacked(hex"ef0100", holder));
    }

    /// @dev The code is read at each call: what was right before is not taken for right.
    function test_attest_revertsWhenTheContractHasChanged() public {
        vm.etch(HOLDER, bytes.concat(hex"00", key));
        ChunkProof memory proof = honestProof(modelId, ROOT, 1);
        proof.key = abi.encodePacked(HOLDER);
        attest(modelId, ROOT, only(proof));
        bytes memory code = bytes.concat(hex"00", key);
        code[300] ^= 0x80;
        _expectMismatchOfHolder(code, keccak256(code));
        _expectInvalidHolder("");
    }

    // -------------------------------------------------------------------------------------------------------- Setups

    /// @dev All chunks of a call share a pairing, so all their keys must be of one setup; registration does not see the keys.
    function testFuzz_attest_revertsWhenAKeyIsOfAnotherSetup(uint256 which, uint256 at, uint8 bit) public {
        which = bound(which, 1, 2);
        ModelRegistration memory registration = registered(modelId);
        registration.manifestId = "setups";
        bytes memory other = keyOf(registration.chunks[which].keyHash);
        other[at % 256] ^= bytes1(uint8(1 << (bit % 8)));
        registration.chunks[which].keyHash = noteKey(other);
        ModelId mixed = register(registration);
        ChunkProof[] memory proofs = honestProofs(mixed, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.SrsMismatch.selector, which));
        attest(mixed, ROOT, proofs);
        // In another order it is the other key that does not match the first.
        (proofs[0], proofs[which]) = (proofs[which], proofs[0]);
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.SrsMismatch.selector, which == 1 ? 0 : 1));
        attest(mixed, ROOT, proofs);
        // Alone, its proof is held against its own setup, under which the stub's points do not hold.
        proofs[0] = proofWith(inferenceOf(mixed, ROOT), uint16(which), honestValues(mixed, ROOT, which));
        ChunkProof[] memory alone = only(proofs[0]);
        vm.expectRevert();
        this.attestAlone(mixed, alone);
    }

    function attestAlone(ModelId id, ChunkProof[] memory proofs) external {
        // A point that is none takes all the gas of the pairing.
        registry.attest{gas: 5_000_000}(inferenceOf(id, ROOT), recordOf(id), chunksOf(id), proofs);
    }

    // ------------------------------------------------------------------------------------------------------- Helpers

    function _expectMismatch(bytes memory given, bytes32 actual) private {
        ChunkProof memory proof = honestProof(modelId, ROOT + 9, 1);
        proof.key = given;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.KeyHashMismatch.selector, 1, spec.keyHash, actual));
        attest(modelId, ROOT + 9, only(proof));
    }

    function _expectInvalid(bytes memory given) private {
        ChunkProof memory proof = honestProof(modelId, ROOT + 9, 1);
        proof.key = given;
        vm.expectRevert(abi.encodeWithSelector(IPinnedVerifierErrors.InvalidKey.selector, 1));
        attest(modelId, ROOT + 9, only(proof));
    }

    function _expectMismatchOfHolder(bytes memory code, bytes32 actual) private {
        vm.etch(HOLDER, code);
        _expectMismatch(abi.encodePacked(HOLDER), actual);
    }

    function _expectInvalidHolder(bytes memory code) private {
        vm.etch(HOLDER, code);
        _expectInvalid(abi.encodePacked(HOLDER));
    }

    function _cut(bytes memory data, uint256 length) private pure returns (bytes memory cut) {
        cut = new bytes(length);
        for (uint256 i; i < length; ++i) {
            cut[i] = data[i];
        }
    }

    function _tail(bytes memory data, uint256 start) private pure returns (bytes memory tail) {
        tail = new bytes(data.length - start);
        for (uint256 i; i < tail.length; ++i) {
            tail[i] = data[start + i];
        }
    }
}
