// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2SharedVerifier} from "../interfaces/IHalo2SharedVerifier.sol";
import {IPinnedVerifierErrors} from "../interfaces/IPinnedVerifierErrors.sol";
import {Pin} from "../types/Pin.sol";
import {KeyData} from "./KeyData.sol";
import {ScalarField} from "./ScalarField.sol";
import {VerifierCall} from "./VerifierCall.sol";

/// @title ProofBatch
/// @notice Verifies N proofs with one pairing. Each verifier reduces its proof to two points, lhs and rhs; the proof is valid if
/// e(lhs, [tau]_2) * e(rhs, -[1]_2) = 1. Instead of N such equations one is checked, over the sums of rho^i lhs_i and of
/// rho^i rhs_i.
/// @dev If one of the N equations fails, the equation of the sums holds for at most N-1 of the r-1 values of rho. rho is a hash of
/// all calls and all answers, so it cannot be known when a proof or an answer is chosen.
///
/// Usage: `open` with room for all proofs, `add` each of them, then `settle`. Nothing is verified before `settle` returns. All keys
/// of a batch must belong to one trusted setup, which is compared.
library ProofBatch {
    /// @dev Size of an answer: two points.
    uint256 private constant ANSWER = 0x80;

    /// @dev Where calldata begins in a transcript, after the length word: the verifier comes first, then the selector at the end of a
    /// word of its own.
    uint256 private constant QUESTION = 0x3c;

    /// @dev Where the key begins in a transcript, after the length word: behind the verifier, the selector, the three words of the
    /// arguments' head and its own length.
    uint256 private constant KEY = 0xc0;

    /// @dev Order of BN254's base field (EIP-196).
    uint256 private constant BASE_MODULUS =
        21_888_242_871_839_275_222_246_405_745_257_275_088_696_311_157_297_823_662_689_037_894_645_226_208_583;

    /// @param count Number of proofs so far.
    /// @param chain Hash over all calls and answers, in order; zero for a batch of capacity one, which needs no weights.
    /// @param points The SRS part of the first proof's key, for the pairing; then the answers: lhs.x, lhs.y, rhs.x, rhs.y for each proof.
    /// @param head The instances that every proof's instance column begins with.
    struct Batch {
        uint256 count;
        bytes32 chain;
        bytes points;
        uint256[] head;
    }

    /// @notice An empty batch with room for `capacity` proofs, all of whose instance columns begin with `head`.
    function open(uint256 capacity, uint256[] memory head) internal pure returns (Batch memory batch) {
        batch.head = head;
        batch.points = new bytes(KeyData.SRS_SIZE + ANSWER * capacity);
    }

    /// @notice Calls the verifier of one proof and keeps its answer. Reverts unless the answer is two points of G1.
    /// @dev The instance column is the batch's head followed by `values`. Must not be called more often than `open` made room for.
    /// @param chunk Number of the proof in errors.
    /// @param key The pinned key, or the address of a contract that has it; see `KeyData`.
    function add(
        Batch memory batch,
        uint256 chunk,
        Pin memory pin,
        bytes calldata key,
        bytes calldata proof,
        uint256[] calldata values
    ) internal view {
        VerifierCall.checkHash(chunk, pin.verifier, pin.codeHash);
        bytes memory transcript = _withKey(chunk, pin, key);
        _checkSrs(batch, chunk, transcript);
        _complete(transcript, batch.head, proof, values);
        _ask(batch, chunk, pin.verifier, transcript);
    }

    /// @notice Reverts unless every proof of the batch is valid.
    function settle(Batch memory batch) internal view {
        if (batch.count == 0) revert IPinnedVerifierErrors.EmptyBatch();
        uint256 rho = weight(batch);
        uint256 srsSize = KeyData.SRS_SIZE;
        uint256 failed;
        bool holds;
        assembly ("memory-safe") {
            // Computes a sum by Horner's rule, from the last point to the first, at `to`, which has room for 0x80 bytes.
            function fold(to, first, count, scalar) -> ok {
                ok := 1
                let at := add(first, mul(sub(count, 1), ANSWER))
                mcopy(to, at, 0x40)
                for {} gt(at, first) {} {
                    at := sub(at, ANSWER)
                    mstore(add(to, 0x40), scalar)
                    // Arguments are evaluated from right to left, so returndatasize is read after the call.
                    ok := and(and(eq(returndatasize(), 0x40), staticcall(gas(), 7, to, 0x60, to, 0x40)), ok)
                    mcopy(add(to, 0x40), at, 0x40)
                    ok := and(and(eq(returndatasize(), 0x40), staticcall(gas(), 6, to, 0x80, to, 0x40)), ok)
                }
            }

            let input := mload(0x40)
            let srs := add(mload(add(batch, 0x40)), 0x20)
            let points := add(srs, srsSize)
            // The pairing's input is lhs, [tau]_2, rhs, -[1]_2. The sums are computed first because they need room behind them.
            if iszero(fold(input, points, mload(batch), rho)) { failed := 7 }
            if iszero(fold(add(input, 0xc0), add(points, 0x40), mload(batch), rho)) { failed := 7 }
            mcopy(add(input, 0x40), srs, 0x80)
            mcopy(add(input, 0x100), add(srs, 0x80), 0x80)
            if iszero(failed) {
                let ok := staticcall(gas(), 8, input, 0x180, 0x00, 0x20)
                if iszero(and(ok, eq(returndatasize(), 0x20))) { failed := 8 }
                holds := eq(mload(0x00), 1)
            }
        }
        if (failed != 0) revert IPinnedVerifierErrors.PrecompileFailed(failed);
        if (!holds) revert IPinnedVerifierErrors.BatchRejected();
    }

    /// @notice The batch's rho: never zero, and different for different calls or answers.
    function weight(Batch memory batch) internal pure returns (uint256) {
        bytes32 seed = keccak256(abi.encode(batch.chain, batch.count));
        return uint256(seed) % (ScalarField.ORDER - 1) + 1;
    }

    /// @dev Calls the verifier and keeps what the batch needs.
    function _ask(Batch memory batch, uint256 chunk, address verifier, bytes memory transcript) private view {
        uint256 question;
        uint256 answer;
        assembly ("memory-safe") {
            question := add(add(transcript, 0x20), QUESTION)
            answer := sub(add(add(transcript, 0x20), mload(transcript)), ANSWER)
        }
        VerifierCall.ask(chunk, verifier, question, answer - question, answer, ANSWER);
        if (!_areOnCurve(answer)) revert IPinnedVerifierErrors.PointNotOnCurve(chunk);

        uint256 start = 0x20 + KeyData.SRS_SIZE;
        assembly ("memory-safe") {
            let count := mload(batch)
            let points := mload(add(batch, 0x40))
            mcopy(add(add(points, start), mul(count, ANSWER)), answer, ANSWER)
            if gt(mload(points), sub(add(start, ANSWER), 0x20)) {
                mstore(0x00, mload(add(batch, 0x20)))
                mstore(0x20, keccak256(add(transcript, 0x20), mload(transcript)))
                mstore(add(batch, 0x20), keccak256(0x00, 0x40))
            }
            mstore(batch, add(count, 1))
            // The transcript is no longer needed: the next one reuses its memory.
            mstore(0x40, transcript)
        }
    }

    /// @dev The SRS part of the first key is kept; that of every other must be the same.
    function _checkSrs(Batch memory batch, uint256 chunk, bytes memory transcript) private pure {
        uint256 size = KeyData.SRS_SIZE;
        bool same = true;
        assembly ("memory-safe") {
            let srs := add(mload(add(batch, 0x40)), 0x20)
            let own := add(add(transcript, 0x20), KEY)
            switch mload(batch)
            case 0 { mcopy(srs, own, size) }
            default { same := eq(keccak256(srs, size), keccak256(own, size)) }
        }
        if (!same) revert IPinnedVerifierErrors.SrsMismatch(chunk);
    }

    /// @dev The first part of one call of a verifier, as it is hashed: verifier, the selector's word, the arguments' head, and the key,
    /// which must be the pinned one. Memory behind it is free and not yet allocated.
    function _withKey(uint256 chunk, Pin memory pin, bytes calldata key)
        private
        view
        returns (bytes memory transcript)
    {
        uint256 size = KeyData.sizeOf(chunk, key);
        uint256 selector = uint32(IHalo2SharedVerifier.accumulate.selector);
        uint256 at;
        assembly ("memory-safe") {
            transcript := mload(0x40)
            at := add(add(transcript, 0x20), KEY)
            mstore(sub(add(at, and(add(size, 0x1f), not(0x1f))), 0x20), 0)
        }
        KeyData.copyTo(at, size, chunk, key, pin.keyHash);
        assembly ("memory-safe") {
            mstore(sub(at, 0xc0), mload(pin))
            mstore(sub(at, 0xa0), selector)
            mstore(sub(at, 0x80), 0x60)
            mstore(sub(at, 0x20), size)
            // The length so far, rounded up to a word.
            mstore(transcript, add(KEY, and(add(size, 0x1f), not(0x1f))))
        }
    }

    /// @dev The rest of the call: the proof, the instance column, and room for the answer.
    function _complete(bytes memory transcript, uint256[] memory head, bytes calldata proof, uint256[] calldata values)
        private
        pure
    {
        assembly ("memory-safe") {
            let start := add(transcript, 0x20)
            let at := add(start, mload(transcript))
            // Offsets count from the arguments' head, behind verifier and selector.
            let base := add(start, 0x40)
            mstore(add(base, 0x20), sub(at, base))
            mstore(at, proof.length)
            at := add(at, 0x20)
            let padded := and(add(proof.length, 0x1f), not(0x1f))
            if padded { mstore(sub(add(at, padded), 0x20), 0) }
            calldatacopy(at, proof.offset, proof.length)
            at := add(at, padded)

            let headSize := shl(5, mload(head))
            let valuesSize := shl(5, values.length)
            mstore(add(base, 0x40), sub(at, base))
            mstore(at, add(mload(head), values.length))
            at := add(at, 0x20)
            mcopy(at, add(head, 0x20), headSize)
            at := add(at, headSize)
            calldatacopy(at, values.offset, valuesSize)
            at := add(at, add(valuesSize, ANSWER))

            mstore(transcript, sub(at, start))
            mstore(0x40, at)
        }
    }

    /// @dev Whether the four words at `at` are two points of G1: every point on the curve is in G1, because its order is prime.
    /// Precompiles would consume all gas for a point that is not on the curve.
    function _areOnCurve(uint256 at) private pure returns (bool ok) {
        uint256 q = BASE_MODULUS;
        assembly ("memory-safe") {
            let x := mload(at)
            let y := mload(add(at, 0x20))
            let curve := eq(mulmod(y, y, q), addmod(mulmod(x, mulmod(x, x, q), q), 3, q))
            // (0, 0) is the identity.
            ok := and(and(lt(x, q), lt(y, q)), or(curve, iszero(or(x, y))))
            x := mload(add(at, 0x40))
            y := mload(add(at, 0x60))
            curve := eq(mulmod(y, y, q), addmod(mulmod(x, mulmod(x, x, q), q), 3, q))
            ok := and(ok, and(and(lt(x, q), lt(y, q)), or(curve, iszero(or(x, y)))))
        }
    }
}
