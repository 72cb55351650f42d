// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2SharedVerifier} from "../../src/interfaces/IHalo2SharedVerifier.sol";
import {IHalo2Verifier} from "../../src/interfaces/IHalo2Verifier.sol";
import {StubSetup} from "./StubKey.sol";

/// @notice TEST ONLY, proves nothing: stands in for a generated verifier where only its caller's logic is under test.
/// It accepts exactly one proof for a key and an instance column, the one that `proofFor` gives, so the tests see whether
/// the right key, root, context and public values are passed on. As with a real verifier, a proof of the wrong length
/// reverts, while `accumulate` answers a wrong one with points for which the pairing fails. Each seed gives another code hash.
contract StubVerifier is IHalo2SharedVerifier {
    error StubProofInvalid();

    uint256 private immutable SEED;

    constructor(uint256 seed) {
        SEED = seed;
    }

    function verifyProof(bytes calldata key, bytes calldata proof, uint256[] calldata instances)
        external
        view
        override
        returns (bool)
    {
        if (keccak256(proof) != keccak256(proofFor(key, instances))) revert StubProofInvalid();
        return true;
    }

    function accumulate(bytes calldata key, bytes calldata proof, uint256[] calldata instances)
        external
        view
        override
        returns (uint256[4] memory points)
    {
        if (proof.length != 32) revert StubProofInvalid();
        bool valid = keccak256(proof) == keccak256(proofFor(key, instances));
        uint256[2] memory lhs = _mul([uint256(1), 2], uint256(keccak256(proof)));
        uint256[2] memory rhs = _mul(lhs, valid ? StubSetup.TAU : StubSetup.TAU + 1);
        return [lhs[0], lhs[1], rhs[0], rhs[1]];
    }

    function proofFor(bytes calldata key, uint256[] calldata instances) public view returns (bytes memory) {
        return abi.encode(keccak256(abi.encode(SEED, key, instances)));
    }

    function _mul(uint256[2] memory point, uint256 scalar) private view returns (uint256[2] memory product) {
        (bool success, bytes memory answer) = address(7).staticcall(abi.encode(point, scalar));
        require(success && answer.length == 64);
        return abi.decode(answer, (uint256[2]));
    }
}

/// @notice TEST ONLY, proves nothing: a stub with the interface of a verifier that has its key inside.
contract StubEmbeddedVerifier is IHalo2Verifier {
    error StubProofInvalid();

    uint256 private immutable SEED;

    constructor(uint256 seed) {
        SEED = seed;
    }

    function verifyProof(bytes calldata proof, uint256[] calldata instances) external view override returns (bool) {
        if (keccak256(proof) != keccak256(proofFor(instances))) revert StubProofInvalid();
        return true;
    }

    function proofFor(uint256[] calldata instances) public view returns (bytes memory) {
        return abi.encode(keccak256(abi.encode(SEED, instances)));
    }
}

/// @notice TEST ONLY: answers every call with fixed bytes, as a broken or hostile verifier might.
contract AnsweringVerifier {
    bytes private _answer;
    bool private _reverts;

    constructor(bytes memory answer, bool reverts) {
        _answer = answer;
        _reverts = reverts;
    }

    fallback() external {
        bytes memory answer = _answer;
        bool reverts = _reverts;
        assembly ("memory-safe") {
            if reverts { revert(add(answer, 0x20), mload(answer)) }
            return(add(answer, 0x20), mload(answer))
        }
    }
}
