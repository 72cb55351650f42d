// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {BoundVerifier} from "../../src/BoundVerifier.sol";
import {IPinnedVerifierErrors} from "../../src/interfaces/IPinnedVerifierErrors.sol";
import {IHalo2Verifier} from "../../src/interfaces/IHalo2Verifier.sol";
import {Targets} from "../base/Target.sol";
import {VerifierErrors} from "../base/VerifierErrors.sol";
import {VerifierTest} from "../base/VerifierTest.sol";
import {vm} from "../../script/Vm.sol";

/// @notice The shared verifier takes nothing but a key contract for a key, and a proof only under its own key; a
/// BoundVerifier takes only the key that it was given the hash of. The target is the shared verifier.
abstract contract Keys is VerifierTest {
    /// @dev Where keys are planted that nobody would deploy.
    address private constant PLANTED = address(0xc0de);

    /// @dev Creation codes of the keys of the other chunks.
    function otherKeys() internal pure virtual returns (bytes[] memory);

    function test_key_isCodeAsData() public {
        bytes memory code = deployment.key.code;
        assertTrue(
            keccak256(code) == deployment.keyCodeHash, "the key's code has another hash than it was generated with"
        );
        assertEq(uint8(code[0]), 0, "first byte");
        assertTrue(code.length <= 24_576, "the key is over the limit of EIP-170");
        (bool success, bytes memory answer) = deployment.key.call{gas: CALL_GAS}(honestCall());
        assertTrue(success && answer.length == 0, "a call of the key does something");
    }

    function test_key_rejectsAccountsWithoutAKey() public view {
        address[7] memory accounts =
            [address(0), address(1), address(8), PLANTED, address(this), deployment.shared, address(type(uint160).max)];
        for (uint256 i; i < accounts.length; ++i) {
            rejectsAsNoKey(accounts[i], nth("account", i));
        }
    }

    function test_key_rejectsOtherLengths() public {
        bytes memory code = deployment.key.code;
        uint256[8] memory lengths = [
            uint256(1),
            32,
            code.length - 64,
            code.length - 32,
            code.length - 1,
            code.length + 1,
            code.length + 32,
            24_576
        ];
        for (uint256 i; i < lengths.length; ++i) {
            vm.etch(PLANTED, resized(code, lengths[i]));
            rejectsAsNoKey(PLANTED, nth("a key of", lengths[i]));
        }
    }

    function test_key_rejectsOtherFirstBytes() public {
        bytes memory code = deployment.key.code;
        for (uint256 first = 1; first < 256; ++first) {
            // forge-lint: disable-next-line(unsafe-typecast)
            code[0] = bytes1(uint8(first));
            vm.etch(PLANTED, code);
            rejectsAsNoKey(PLANTED, nth("a key that begins with", first));
        }
    }

    /// @dev The key's own code at another address is a key: it is the code that counts.
    function test_key_acceptsItsCodeElsewhere() public {
        vm.etch(PLANTED, deployment.key.code);
        assertAccepts(callWith(PLANTED), "the same code at another address");
    }

    function test_key_rejectsEveryWordChanged() public {
        bytes memory code = deployment.key.code;
        for (uint256 word; 32 * word + 32 < code.length; ++word) {
            // Another byte and another bit in each.
            rejectsFlip(code, 1 + 32 * word + word % 32, bytes1(uint8(1 << (word % 8))));
        }
    }

    function testFuzz_key_rejectsAnyByteChanged(uint256 index, bytes1 mask) public {
        bytes memory code = deployment.key.code;
        if (mask == 0) mask = 0x01;
        rejectsFlip(code, 1 + index % (code.length - 1), mask);
    }

    /// @dev The SRS part holds [tau]_2 and -[1]_2; exchanged, they are still points.
    function test_key_rejectsSwappedSetup() public {
        bytes memory code = deployment.key.code;
        for (uint256 i = 1; i <= 128; ++i) {
            (code[i], code[i + 128]) = (code[i + 128], code[i]);
        }
        vm.etch(PLANTED, code);
        assertRejectsWith(callWith(PLANTED), VerifierErrors.ProofRejected.selector, "a swapped setup");
    }

    function test_key_rejectsThoseOfOtherChunks() public {
        bytes[] memory creations = otherKeys();
        for (uint256 i; i < creations.length; ++i) {
            bytes memory creation = creations[i];
            address other;
            assembly ("memory-safe") {
                other := create(0, add(creation, 0x20), mload(creation))
            }
            if (other.code.length != deployment.key.code.length) rejectsAsNoKey(other, nth("another key", i));
            else assertRejects(callWith(other), nth("another key", i));
        }
    }

    /// @dev The address is a word of calldata like any other: its upper 12 bytes are zero.
    function test_key_rejectsDirtyAddresses() public view {
        bytes memory data = honestCall();
        uint256 honest = get(data, 4);
        for (uint256 bit = 160; bit < 256; ++bit) {
            set(data, 4, honest | (1 << bit));
            assertRejects(data, nth("an address with bit", bit));
        }
    }

    /// @dev Under a setup of zeros every pairing holds, and whoever makes a setup can forge proofs under it: a shared verifier
    /// is only as good as the key that it is asked with. That is what pinning is for.
    function test_bound_rejectsAKeyThatChanged() public {
        address bound = Targets.pin(deployment);
        bytes memory data = encodeAs(bound);
        bytes memory code = deployment.key.code;
        rejectsChangedKey(bound, data, new bytes(code.length));
        rejectsChangedKey(bound, data, "");
        rejectsChangedKey(bound, data, resized(code, code.length - 1));
        for (uint256 i = 1; i < code.length; i += 32) {
            code[i] ^= 0x01;
            rejectsChangedKey(bound, data, code);
            code[i] ^= 0x01;
        }
        vm.etch(deployment.key, code);
        (bool success,) = bound.staticcall{gas: CALL_GAS}(data);
        assertTrue(success, "the honest key is refused");
    }

    function test_bound_rejectsOtherHashes() public {
        address shared = deployment.shared;
        address key = deployment.key;
        bytes32 codeHash = shared.codehash;
        bytes32 keyHash = deployment.keyCodeHash;
        rejectsBinding(shared, ~codeHash, key, keyHash, IPinnedVerifierErrors.VerifierCodeHashMismatch.selector);
        rejectsBinding(shared, codeHash, key, ~keyHash, IPinnedVerifierErrors.KeyCodeHashMismatch.selector);
        rejectsBinding(PLANTED, codeHash, key, keyHash, IPinnedVerifierErrors.VerifierWithoutCode.selector);
        rejectsBinding(PLANTED, keccak256(""), key, keyHash, IPinnedVerifierErrors.VerifierWithoutCode.selector);
        rejectsBinding(shared, codeHash, PLANTED, keyHash, IPinnedVerifierErrors.InvalidKeyContract.selector);
        rejectsBinding(shared, codeHash, PLANTED, keccak256(""), IPinnedVerifierErrors.InvalidKeyContract.selector);
        rejectsBinding(shared, codeHash, shared, codeHash, IPinnedVerifierErrors.InvalidKeyContract.selector);
        bytes memory runnable = key.code;
        runnable[0] = 0xfe;
        vm.etch(PLANTED, runnable);
        rejectsBinding(
            shared, codeHash, PLANTED, keccak256(runnable), IPinnedVerifierErrors.InvalidKeyContract.selector
        );
    }

    /// @dev Constructs a BoundVerifier on behalf of `rejectsBinding`, which needs a call to catch.
    function bind(address shared, bytes32 codeHash, address key, bytes32 keyHash) external {
        new BoundVerifier(shared, codeHash, key, keyHash);
    }

    function rejectsBinding(address shared, bytes32 codeHash, address key, bytes32 keyHash, bytes4 refusal) private {
        try this.bind(shared, codeHash, key, keyHash) {
            revert("a binding to other code is not refused");
        } catch (bytes memory reason) {
            assertEq(resized(reason, 4), abi.encodePacked(refusal), "a binding to other code");
        }
    }

    /// @dev The honest call in the form that a BoundVerifier takes.
    function encodeAs(address bound) private returns (bytes memory data) {
        (bytes4 entry, bytes memory words) = (selector, leading);
        selector = IHalo2Verifier.verifyProof.selector;
        leading = "";
        data = honestCall();
        (bool success,) = bound.staticcall{gas: CALL_GAS}(data);
        assertTrue(success, "the honest proof is refused by its BoundVerifier");
        (selector, leading) = (entry, words);
    }

    function rejectsChangedKey(address bound, bytes memory data, bytes memory code) private {
        vm.etch(deployment.key, code);
        (bool success, bytes memory reason) = bound.staticcall{gas: CALL_GAS}(data);
        assertTrue(!success, "a key that changed is not refused");
        bytes4 refusal = IPinnedVerifierErrors.KeyCodeHashMismatch.selector;
        assertEq(resized(reason, 4), abi.encodePacked(refusal), "a key that changed");
    }

    function rejectsFlip(bytes memory code, uint256 index, bytes1 mask) private {
        code[index] ^= mask;
        vm.etch(PLANTED, code);
        assertRejects(callWith(PLANTED), nth("a key with another byte", index));
        code[index] ^= mask;
    }

    function rejectsAsNoKey(address key, string memory what) private view {
        assertRejectsWith(callWith(key), abi.encodeWithSelector(VerifierErrors.InvalidKey.selector, key), what);
    }

    /// @dev The honest call with another key.
    function callWith(address key) private view returns (bytes memory data) {
        data = honestCall();
        set(data, 4, uint160(key));
    }
}
