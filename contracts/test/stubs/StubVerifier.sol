// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IHalo2Verifier} from "../../src/interfaces/IHalo2Verifier.sol";

/// @notice TEST ONLY, proves nothing: stands in for a generated verifier where only the registry's logic is under test.
/// It accepts exactly one proof an instance column, the one that `proofFor` gives, so the tests see whether the registry
/// passes on the right root, context and public values. Each seed gives another code hash.
contract StubVerifier is IHalo2Verifier {
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
