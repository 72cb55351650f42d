// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice TEST ONLY: a trusted setup whose secret everybody knows, so that points can be made that a pairing accepts.
library StubSetup {
    /// @dev The bytes of "chainfer test setup, not secret".
    uint256 internal constant TAU = 0x636861696e66657220746573742073657475702c206e6f7420736563726574;

    /// @dev [tau]_2 and -[1]_2, each x.c1, x.c0, y.c1, y.c0.
    bytes internal constant SRS = hex"2ab83a80d3d765f548d0f78c909d6a69716056011a7a9a7b138faebc62f33dfa"
        hex"2bde6020602a2511b01638539abad4d5fca7ad09e71a79376ce1ab155076dbef"
        hex"2da2119dbb2daac66b8fcaf6c463a20f91ee07867ae45175aa33f288a412b70e"
        hex"2936e9fbd35941c92a95e0886513797d1775893909112d7986dabb1482956d8e"
        hex"198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
        hex"1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
        hex"275dc4a288d1afb3cbb1ac09187524c7db36395df7be3b99e673b13a075a65ec"
        hex"1d9befcd05a5323e6da4d435f3b617cdb3af83285c2df711ef39c01571827f9d";

    /// @dev A key without commitments; the digest tells stub keys apart.
    function key(bytes32 digest) internal pure returns (bytes memory) {
        return abi.encodePacked(SRS, uint256(1), uint256(2), digest, bytes32("test shape"));
    }

    /// @dev The name of a key, as docs/formats.md defines it.
    function hashOf(bytes memory key_) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", key_));
    }
}

/// @notice TEST ONLY: a contract that has a key as its code, after a STOP.
contract StubKey {
    constructor(bytes memory key) {
        bytes memory code = bytes.concat(hex"00", key);
        assembly ("memory-safe") {
            return(add(code, 0x20), mload(code))
        }
    }
}
