// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Assertions} from "./Assertions.sol";
import {Curve} from "./Curve.sol";
import {Deployment, Target} from "./Target.sol";
import {VerifierErrors} from "./VerifierErrors.sol";
import {vm} from "../../script/Vm.sol";

/// @notice A verifier under test and an honest proof for it. The suites build on this; a test contract says what to deploy.
/// @dev Calldata is built once and changed in place, so that thousands of calls stay cheap.
abstract contract VerifierTest is Assertions {
    /// @dev The gas that a transaction may have (EIP-7825). A refusal may burn all that a call got: every call is bounded.
    uint256 internal constant CALL_GAS = 1 << 24;
    /// @dev Points of the proof behind its scalars: the two of the opening.
    uint256 internal constant OPENING_POINTS = 2;

    /// @dev Who is asked.
    address internal verifier;
    /// @dev The entry that is asked.
    bytes4 internal selector;
    /// @dev The key that the entry takes, or nothing.
    bytes internal key;
    /// @dev The contracts behind `verifier`.
    Deployment internal deployment;
    /// @dev Gas that the honest call takes.
    uint256 internal honestGas;
    /// @dev Scalars of the proof.
    uint256 internal scalars;
    bytes private _honestProof;
    uint256[] private _honestInstances;

    /// @dev Deploys what is tested.
    function target() internal virtual returns (Target memory);

    /// @dev The JSON file with the proof, by its path in this project.
    function fixture() internal pure virtual returns (string memory);

    /// @dev Whether the verifier reverts with the errors in `VerifierErrors`. For a verifier that has others, override it:
    /// then the suites ask only that it reverts.
    function hasTypedErrors() internal pure virtual returns (bool) {
        return true;
    }

    function setUp() public virtual {
        string memory json = vm.readFile(fixture());
        _honestProof = vm.parseJsonBytes(json, ".proof");
        _honestInstances = vm.parseJsonUintArray(json, ".instances");
        scalars = vm.parseJsonUint(json, ".scalars");
        Target memory tested = target();
        verifier = tested.verifier;
        selector = tested.selector;
        key = tested.key;
        deployment = tested.deployment;
        bytes memory data = honestCall();
        honestGas = gasleft();
        (bool success,) = ask(data);
        honestGas -= gasleft();
        assertTrue(success, "the honest proof is refused");
    }

    function honestProof() internal view returns (bytes memory) {
        return _honestProof;
    }

    function honestInstances() internal view returns (uint256[] memory) {
        return _honestInstances;
    }

    /// @dev Calldata of the honest call.
    function honestCall() internal view returns (bytes memory) {
        return encode(_honestProof, _honestInstances);
    }

    function encode(bytes memory proof, uint256[] memory instances) internal view returns (bytes memory) {
        return encodeWith(key, proof, instances);
    }

    /// @dev The same with another key. Without any, it is the call of a verifier that takes none.
    function encodeWith(bytes memory otherKey, bytes memory proof, uint256[] memory instances)
        internal
        view
        returns (bytes memory)
    {
        bytes memory first = otherKey.length == 0 ? bytes("") : abi.encode(0x60);
        bytes memory keyPart = otherKey.length == 0 ? bytes("") : encodeBytes(otherKey);
        bytes memory proofPart = encodeBytes(proof);
        uint256 proofAt = 0x40 + first.length + keyPart.length;
        return bytes.concat(
            selector,
            first,
            abi.encode(proofAt, proofAt + proofPart.length),
            keyPart,
            proofPart,
            abi.encodePacked(instances.length, instances)
        );
    }

    /// @dev Length, bytes, and zeros up to a whole word.
    function encodeBytes(bytes memory data) internal pure returns (bytes memory) {
        return bytes.concat(abi.encode(data.length), resized(data, (data.length + 31) / 32 * 32));
    }

    // --- Words of the proof -----------------------------------------------------------------------------------------

    function proofWords() internal view returns (uint256) {
        return _honestProof.length / 32;
    }

    function instanceCount() internal view returns (uint256) {
        return _honestInstances.length;
    }

    function firstScalar() internal view returns (uint256) {
        return proofWords() - 2 * OPENING_POINTS - scalars;
    }

    function firstOpeningWord() internal view returns (uint256) {
        return proofWords() - 2 * OPENING_POINTS;
    }

    function isScalar(uint256 word) internal view returns (bool) {
        return word >= firstScalar() && word < firstOpeningWord();
    }

    /// @dev The word at which the point that holds `word` starts.
    function pointOf(uint256 word) internal view returns (uint256) {
        uint256 base = word < firstScalar() ? 0 : firstOpeningWord();
        return base + (word - base) / 2 * 2;
    }

    /// @dev Words at which the points of the proof start.
    function pointStarts() internal view returns (uint256[] memory starts) {
        uint256 before = firstScalar() / 2;
        starts = new uint256[](before + OPENING_POINTS);
        for (uint256 i; i < starts.length; ++i) {
            starts[i] = i < before ? 2 * i : firstOpeningWord() + 2 * (i - before);
        }
    }

    /// @dev Byte of calldata at which the offset of the proof starts; that of the instances follows.
    function headByte() internal view returns (uint256) {
        return key.length == 0 ? 4 : 4 + 0x20;
    }

    /// @dev Byte of calldata at which the proof's length starts.
    function proofTailByte() internal view returns (uint256) {
        return headByte() + 0x40 + (key.length == 0 ? 0 : encodeBytes(key).length);
    }

    /// @dev Byte of calldata at which a word of the proof starts.
    function proofByte(uint256 word) internal view returns (uint256) {
        return proofTailByte() + 0x20 + 32 * word;
    }

    /// @dev Byte of calldata at which an instance starts.
    function instanceByte(uint256 index) internal view returns (uint256) {
        return proofTailByte() + 0x40 + _honestProof.length + 32 * index;
    }

    function get(bytes memory data, uint256 offset) internal pure returns (uint256 word) {
        require(offset + 32 <= data.length, "no such word");
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }

    function set(bytes memory data, uint256 offset, uint256 word) internal pure {
        require(offset + 32 <= data.length, "no such word");
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), offset), word)
        }
    }

    /// @dev Negates the last point of the honest proof, which no challenge depends on: only the pairing can tell.
    function negateLastPoint(bytes memory data) internal view {
        uint256 y = proofByte(proofWords() - 1);
        set(data, y, Curve.negate(get(data, y)));
    }

    /// @dev A copy of `data`, cut or padded with zeros.
    function resized(bytes memory data, uint256 length) internal pure returns (bytes memory copy) {
        copy = new bytes(length);
        uint256 kept = length < data.length ? length : data.length;
        assembly ("memory-safe") {
            mcopy(add(copy, 0x20), add(data, 0x20), kept)
        }
    }

    /// @dev The error that the verifier owes for the honest call with this word of the proof changed.
    function errorOfProofWord(bytes memory data, uint256 word) internal view returns (bytes memory) {
        if (isScalar(word)) {
            if (get(data, proofByte(word)) >= Curve.R) {
                return abi.encodeWithSelector(VerifierErrors.ScalarOutOfRange.selector, word);
            }
        } else {
            uint256 start = pointOf(word);
            if (!Curve.isPoint(get(data, proofByte(start)), get(data, proofByte(start + 1)))) {
                return abi.encodeWithSelector(VerifierErrors.InvalidPoint.selector, start);
            }
        }
        return abi.encodeWithSelector(VerifierErrors.ProofRejected.selector);
    }

    // --- Calls ------------------------------------------------------------------------------------------------------

    function ask(bytes memory data) internal view returns (bool success, bytes memory answer) {
        return verifier.staticcall{gas: CALL_GAS}(data);
    }

    function assertAccepts(bytes memory data, string memory what) internal view {
        (bool success, bytes memory answer) = ask(data);
        if (!success) revert(string.concat(what, ": refused with ", vm.toString(answer)));
        assertEq(answer, abi.encode(true), what);
    }

    /// @dev Nothing but a revert is a refusal: an answer of false, or none, may be taken for success.
    function assertRejects(bytes memory data, string memory what) internal view {
        (bool success, bytes memory answer) = ask(data);
        if (success) revert(string.concat(what, ": not refused, the answer is ", vm.toString(answer)));
    }

    function assertRejectsWith(bytes memory data, bytes memory refusal, string memory what) internal view {
        (bool success, bytes memory answer) = ask(data);
        if (success) revert(string.concat(what, ": not refused, the answer is ", vm.toString(answer)));
        if (hasTypedErrors()) assertEq(answer, refusal, what);
    }

    function assertRejectsWith(bytes memory data, bytes4 refusal, string memory what) internal view {
        (bool success, bytes memory answer) = ask(data);
        if (success) revert(string.concat(what, ": not refused, the answer is ", vm.toString(answer)));
        if (hasTypedErrors()) assertEq(resized(answer, 4), abi.encodePacked(refusal), what);
    }
}
