// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2SharedVerifier} from "../../src/interfaces/IHalo2SharedVerifier.sol";
import {Pin} from "../../src/types/Pin.sol";
import {StubSetup} from "../stubs/StubKey.sol";
import {StubVerifier} from "../stubs/StubVerifier.sol";
import {KeyBook} from "./KeyBook.sol";

/// @notice Pins of stubs, honest proofs for them, and verifiers that answer what a test wants.
abstract contract PinnedTest is KeyBook {
    function stubPin(uint256 seed) internal returns (Pin memory) {
        return pinOf(address(new StubVerifier(seed)), StubSetup.key(bytes32(seed)));
    }

    function pinOf(address verifier, bytes memory key) internal returns (Pin memory) {
        return Pin({verifier: verifier, codeHash: verifier.codehash, keyHash: noteKey(key)});
    }

    function stubPins(uint256 count) internal returns (Pin[] memory pins) {
        pins = new Pin[](count);
        for (uint256 i; i < count; ++i) {
            pins[i] = stubPin(i);
        }
    }

    function keysOf(Pin[] memory pins) internal view returns (bytes[] memory keys) {
        keys = new bytes[](pins.length);
        for (uint256 i; i < pins.length; ++i) {
            keys[i] = keyOf(pins[i].keyHash);
        }
    }

    /// @dev Instance columns of different lengths, the first of them empty.
    function columns(uint256 count) internal pure returns (uint256[][] memory instances) {
        instances = new uint256[][](count);
        for (uint256 i; i < count; ++i) {
            instances[i] = new uint256[](i);
            for (uint256 j; j < i; ++j) {
                instances[i][j] = 100 * i + j;
            }
        }
    }

    function honest(Pin memory pin, uint256[] memory column) internal view returns (bytes memory) {
        return StubVerifier(pin.verifier).proofFor(keyOf(pin.keyHash), column);
    }

    function honestProofs(Pin[] memory pins, uint256[][] memory instances)
        internal
        view
        returns (bytes[] memory proofs)
    {
        proofs = new bytes[](pins.length);
        for (uint256 i; i < pins.length; ++i) {
            proofs[i] = honest(pins[i], instances[i]);
        }
    }

    /// @dev From now on the verifier gives this answer to whatever it is asked, under the same code.
    function answerWith(Pin memory pin, bytes memory answer) internal {
        vm.mockCall(pin.verifier, abi.encodeWithSelector(IHalo2SharedVerifier.accumulate.selector), answer);
    }
}
