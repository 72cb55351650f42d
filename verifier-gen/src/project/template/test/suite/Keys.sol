// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BoundVerifier} from "../../src/BoundVerifier.sol";
import {IPinnedVerifierErrors} from "../../src/interfaces/IPinnedVerifierErrors.sol";
import {IHalo2Verifier} from "../../src/interfaces/IHalo2Verifier.sol";
import {Deployment, Targets} from "../base/Target.sol";
import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";
import {vm} from "../../script/Vm.sol";

/// @notice The shared verifier takes nothing but a key of its shape, and a proof only under its own key; a BoundVerifier takes only
/// the key that it was given the hash of. The target is the shared verifier.
abstract contract Keys is VerifierTest {
    /// @dev Where keys are planted that nobody would deploy.
    address private constant PLANTED = address(0xc0de);
    /// @dev Where a key has its numbers: k and how many instances there are.
    uint256 private constant NUMBERS = 320;

    /// @dev Creation codes of the keys of the other chunks.
    function otherKeys() internal pure virtual returns (bytes[] memory);

    function test_key_isCodeAsData() public {
        bytes memory code = deployment.key.code;
        assertTrue(
            keccak256(code) == deployment.keyCodeHash, "the key's code has another hash than it was generated with"
        );
        assertEq(code, bytes.concat(hex"00", key), "the key's code is not a zero byte and the key");
        assertTrue(code.length <= 24_576, "the key is over the limit of EIP-170");
        (bool success, bytes memory answer) = deployment.key.call{gas: CALL_GAS}(honestCall());
        assertTrue(success && answer.length == 0, "a call of the key does something");
    }

    function test_key_rejectsOtherLengths() public view {
        uint256 length = key.length;
        uint256[10] memory lengths =
            [uint256(1), 20, 32, 256, length - 64, length - 32, length - 1, length + 1, length + 32, 24_576];
        for (uint256 i; i < lengths.length; ++i) {
            bytes memory refusal = abi.encodeWithSelector(VerifierErrors.InvalidKeyLength.selector, length, lengths[i]);
            assertRejectsWith(callWith(resized(key, lengths[i])), refusal, nth("a key of", lengths[i]));
        }
        // The address of the contract that has the key is no key.
        bytes memory refused = abi.encodeWithSelector(VerifierErrors.InvalidKeyLength.selector, length, 20);
        assertRejectsWith(callWith(abi.encodePacked(deployment.key)), refused, "the address of the key");
    }

    function test_key_rejectsEveryWordChanged() public view {
        bytes memory changed = key;
        for (uint256 word; 32 * word < changed.length; ++word) {
            // Another byte and another bit in each.
            rejectsFlip(changed, 32 * word + word % 32, bytes1(uint8(1 << (word % 8))));
        }
    }

    function testFuzz_key_rejectsAnyByteChanged(uint256 index, bytes1 mask) public view {
        if (mask == 0) mask = 0x01;
        rejectsFlip(key, index % key.length, mask);
    }

    /// @dev The number of instances is the key's: neither more nor fewer of them pass, whatever calldata says.
    function test_key_rejectsOtherNumbersOfInstances() public view {
        uint256 count = instanceCount();
        for (uint256 other; other < count + 40; ++other) {
            if (other == count) continue;
            bytes memory changed = key;
            set(changed, NUMBERS, other << 32 | get(changed, NUMBERS) & type(uint32).max);
            bytes memory refusal = abi.encodeWithSelector(VerifierErrors.InvalidInstanceCount.selector, other, count);
            assertRejectsWith(callWith(changed), refusal, nth("a key for instances:", other));
            uint256[] memory instances = new uint256[](other);
            for (uint256 i; i < other && i < count; ++i) {
                instances[i] = honestInstances()[i];
            }
            assertRejectsWith(
                encodeWith(changed, honestProof(), instances),
                VerifierErrors.ProofRejected.selector,
                nth("a key and instances:", other)
            );
        }
    }

    /// @dev 2^k rows: under another k the equation fails, and the field has no root of unity of an order above 2^28.
    function test_key_rejectsOtherNumbersOfRows() public view {
        uint256 numbers = get(key, NUMBERS);
        uint256 honest = numbers & type(uint32).max;
        for (uint256 k; k < 64; ++k) {
            if (k == honest) continue;
            bytes memory changed = key;
            set(changed, NUMBERS, numbers ^ honest ^ k);
            bytes memory data = callWith(changed);
            if (k <= 28) assertRejects(data, nth("a key for rows of k", k));
            else assertRejectsWith(data, VerifierErrors.InvalidKey.selector, nth("a key for rows of k", k));
        }
    }

    /// @dev The SRS part holds [tau]_2 and -[1]_2; exchanged, they are still points.
    function test_key_rejectsSwappedSetup() public view {
        bytes memory changed = key;
        for (uint256 i; i < 128; ++i) {
            (changed[i], changed[i + 128]) = (changed[i + 128], changed[i]);
        }
        assertRejectsWith(callWith(changed), VerifierErrors.ProofRejected.selector, "a swapped setup");
    }

    function test_key_rejectsThoseOfOtherChunks() public {
        bytes[] memory creations = otherKeys();
        for (uint256 i; i < creations.length; ++i) {
            Deployment memory other = Targets.deploy(deployment.shared, creations[i], 0);
            assertRejects(callWith(Targets.keyOf(other)), nth("another key", i));
        }
    }

    /// @dev A key of another shape is named, once it has the right length.
    function test_key_rejectsOtherShapes() public view {
        uint256 last = key.length - 32;
        for (uint256 bit; bit < 256; ++bit) {
            bytes memory changed = key;
            uint256 shape = get(changed, last) ^ (1 << bit);
            set(changed, last, shape);
            bytes memory refusal = abi.encodeWithSelector(VerifierErrors.InvalidKey.selector, shape);
            assertRejectsWith(callWith(changed), refusal, nth("a shape with bit", bit));
        }
    }

    /// @dev Every bit of the key's offset and length.
    function test_key_rejectsOtherPlaces() public view {
        bytes memory data = honestCall();
        uint256[2] memory offsets = [uint256(4), 4 + 0x60];
        for (uint256 i; i < offsets.length; ++i) {
            uint256 honest = get(data, offsets[i]);
            for (uint256 bit; bit < 256; ++bit) {
                set(data, offsets[i], honest ^ (1 << bit));
                assertRejects(data, nth(nth("the key's place", i), bit));
            }
            set(data, offsets[i], honest);
        }
    }

    /// @dev Under a setup of zeros every pairing holds, and whoever makes a setup can forge proofs under it: a shared verifier
    /// is only as good as the key that it is asked with. That is what pinning is for.
    function test_bound_rejectsAKeyThatChanged() public {
        address bound = Targets.pin(deployment);
        bytes memory data = encodeAs(bound);
        bytes memory code = deployment.key.code;
        bytes4 mismatch = IPinnedVerifierErrors.KeyHashMismatch.selector;
        rejectsChangedKey(bound, data, new bytes(code.length), mismatch);
        rejectsChangedKey(bound, data, "", IPinnedVerifierErrors.InvalidKey.selector);
        rejectsChangedKey(bound, data, resized(code, code.length - 1), mismatch);
        for (uint256 i = 1; i < code.length; i += 32) {
            code[i] ^= 0x01;
            rejectsChangedKey(bound, data, code, mismatch);
            code[i] ^= 0x01;
        }
        vm.etch(deployment.key, code);
        (bool success,) = bound.staticcall{gas: CALL_GAS}(data);
        assertTrue(success, "the honest key is refused");
    }

    function test_bound_rejectsOtherHashes() public {
        address shared = deployment.shared;
        address holder = deployment.key;
        bytes32 codeHash = shared.codehash;
        bytes32 keyHash = deployment.keyCodeHash;
        rejectsBinding(shared, ~codeHash, holder, keyHash, IPinnedVerifierErrors.VerifierCodeHashMismatch.selector);
        rejectsBinding(shared, codeHash, holder, ~keyHash, IPinnedVerifierErrors.KeyHashMismatch.selector);
        rejectsBinding(PLANTED, codeHash, holder, keyHash, IPinnedVerifierErrors.VerifierWithoutCode.selector);
        rejectsBinding(PLANTED, keccak256(""), holder, keyHash, IPinnedVerifierErrors.VerifierWithoutCode.selector);
        rejectsBinding(shared, codeHash, PLANTED, keyHash, IPinnedVerifierErrors.InvalidKey.selector);
        rejectsBinding(shared, codeHash, PLANTED, keccak256(""), IPinnedVerifierErrors.InvalidKey.selector);
        rejectsBinding(shared, codeHash, shared, keyHash, IPinnedVerifierErrors.KeyHashMismatch.selector);
    }

    /// @dev Constructs a BoundVerifier on behalf of `rejectsBinding`, which needs a call to catch.
    function bind(address shared, bytes32 codeHash, address holder, bytes32 keyHash) external {
        new BoundVerifier(shared, codeHash, holder, keyHash);
    }

    function rejectsBinding(address shared, bytes32 codeHash, address holder, bytes32 keyHash, bytes4 refusal) private {
        try this.bind(shared, codeHash, holder, keyHash) {
            revert("a binding to other code is not refused");
        } catch (bytes memory reason) {
            assertEq(resized(reason, 4), abi.encodePacked(refusal), "a binding to other code");
        }
    }

    /// @dev The honest call in the form that a BoundVerifier takes.
    function encodeAs(address bound) private returns (bytes memory data) {
        bytes4 entry = selector;
        selector = IHalo2Verifier.verifyProof.selector;
        data = encodeWith("", honestProof(), honestInstances());
        (bool success,) = bound.staticcall{gas: CALL_GAS}(data);
        assertTrue(success, "the honest proof is refused by its BoundVerifier");
        selector = entry;
    }

    function rejectsChangedKey(address bound, bytes memory data, bytes memory code, bytes4 refusal) private {
        vm.etch(deployment.key, code);
        (bool success, bytes memory reason) = bound.staticcall{gas: CALL_GAS}(data);
        assertTrue(!success, "a key that changed is not refused");
        assertEq(resized(reason, 4), abi.encodePacked(refusal), "a key that changed");
    }

    function rejectsFlip(bytes memory changed, uint256 index, bytes1 mask) private view {
        changed[index] ^= mask;
        assertRejects(callWith(changed), nth("a key with another byte", index));
        changed[index] ^= mask;
    }

    /// @dev The honest call with another key.
    function callWith(bytes memory other) private view returns (bytes memory) {
        return encodeWith(other, honestProof(), honestInstances());
    }
}
