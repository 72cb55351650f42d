// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @notice TEST ONLY: the Poseidon permutation in its plain form, with constants derived from scratch by the Grain LFSR
/// (https://eprint.iacr.org/2019/458, appendix E). Slow, and independent of the optimised library.
contract PoseidonReference {
    uint256 internal constant R =
        21_888_242_871_839_275_222_246_405_745_257_275_088_548_364_400_416_034_343_698_204_186_575_808_495_617;
    uint256 internal constant WIDTH = 3;
    uint256 internal constant FULL = 8;
    uint256 internal constant PARTIAL = 57;
    uint256 internal constant BITS = 254;

    uint256[WIDTH * (FULL + PARTIAL)] private _constants;
    uint256[WIDTH * WIDTH] private _mix;

    constructor() {
        // 80 bits, the first to leave on top: field 1, S-box 0, sizes, thirty ones.
        uint256 state = ((((uint256(1) << 4 | 0) << 12 | BITS) << 12 | WIDTH) << 10 | FULL) << 10 | PARTIAL;
        state = state << 30 | (1 << 30) - 1;
        for (uint256 i; i < 160; ++i) {
            (state,) = _step(state);
        }
        uint256 value;
        for (uint256 i; i < _constants.length;) {
            (state, value) = _integer(state);
            if (value < R) _constants[i++] = value;
        }
        uint256[2 * WIDTH] memory points;
        for (uint256 i; i < points.length; ++i) {
            (state, value) = _integer(state);
            points[i] = value % R;
        }
        for (uint256 i; i < _mix.length; ++i) {
            _mix[i] = _inverse(addmod(points[i / WIDTH], points[WIDTH + i % WIDTH], R));
        }
    }

    function compress(uint256 h, uint256 a, uint256 b) external view returns (uint256) {
        uint256[WIDTH] memory state = [h, a, b];
        for (uint256 round; round < FULL + PARTIAL; ++round) {
            for (uint256 i; i < WIDTH; ++i) {
                state[i] = addmod(state[i], _constants[round * WIDTH + i], R);
            }
            bool partly = round >= FULL / 2 && round < FULL / 2 + PARTIAL;
            for (uint256 i; i < (partly ? 1 : WIDTH); ++i) {
                uint256 square = mulmod(state[i], state[i], R);
                state[i] = mulmod(mulmod(square, square, R), state[i], R);
            }
            uint256[WIDTH] memory mixed;
            for (uint256 i; i < WIDTH; ++i) {
                for (uint256 j; j < WIDTH; ++j) {
                    mixed[i] = addmod(mixed[i], mulmod(_mix[i * WIDTH + j], state[j], R), R);
                }
            }
            state = mixed;
        }
        return state[0];
    }

    function _step(uint256 state) private pure returns (uint256 next, uint256 bit) {
        bit = ((state >> 79) ^ (state >> 66) ^ (state >> 56) ^ (state >> 41) ^ (state >> 28) ^ (state >> 17)) & 1;
        next = (state << 1 | bit) & (1 << 80) - 1;
    }

    function _integer(uint256 state) private pure returns (uint256, uint256 value) {
        for (uint256 count; count < BITS;) {
            uint256 keep;
            uint256 bit;
            (state, keep) = _step(state);
            (state, bit) = _step(state);
            if (keep == 1) {
                value = value << 1 | bit;
                ++count;
            }
        }
        return (state, value);
    }

    function _inverse(uint256 value) private view returns (uint256) {
        (bool success, bytes memory result) = address(0x05).staticcall(abi.encode(32, 32, 32, value, R - 2, R));
        require(success, "modexp");
        return abi.decode(result, (uint256));
    }
}
