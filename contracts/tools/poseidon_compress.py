#!/usr/bin/env python3
"""Generates contracts/src/libraries/PoseidonCompress.sol.

    python3 contracts/tools/poseidon_compress.py > contracts/src/libraries/PoseidonCompress.sol
    scripts/foundry forge fmt contracts/src/libraries/PoseidonCompress.sol

The permutation is Poseidon over the BN254 scalar field as circomlib instantiates it: width 3, x^5, 8 full and 57 partial
rounds, constants from the Grain LFSR of the Poseidon paper (https://eprint.iacr.org/2019/458, appendix E).

The 57 partial rounds share five coefficients, and each has one constant of its own, so that they are a loop over few data:

- The constants of the two words that skip the S-box move on to the next round, as in appendix B of the paper.
- These two words, y, are held in the basis (a, b) = (w y, w A y), where the mixing matrix is [[m, w], [v, A]]. A round
  h' = m x + w y, y' = A y + v x then becomes, by Cayley and Hamilton (A^2 = tr A - det),
  h' = m x + a, a' = b + (w v) x, b' = tr b - det a + (w A v) x: five products, with the same coefficients in every round.
"""

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
WIDTH, FULL, PARTIAL, BITS = 3, 8, 57, 254
UNROLLED = 8  # partial rounds an iteration of the loop, after a first one; even, so that two names can take turns
CHAIN_TAG = 2**64 + 5


def grain():
    """The Grain LFSR, self-shrinking: yields one bit at a time."""
    state = [
        int(bit)
        for bit in f"{1:02b}{0:04b}{BITS:012b}{WIDTH:012b}{FULL:010b}{PARTIAL:010b}" + "1" * 30
    ]

    def step():
        bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0]
        state.pop(0)
        state.append(bit)
        return bit

    for _ in range(160):
        step()
    while True:
        keep, bit = step(), step()
        if keep:
            yield bit


def integer(bits):
    value = 0
    for _ in range(BITS):
        value = value << 1 | next(bits)
    return value


def parameters():
    """Round constants, by round, and the Cauchy mixing matrix."""
    bits = grain()
    flat = []
    while len(flat) < WIDTH * (FULL + PARTIAL):
        value = integer(bits)
        if value < R:
            flat.append(value)
    constants = [flat[i : i + WIDTH] for i in range(0, len(flat), WIDTH)]
    points = [integer(bits) % R for _ in range(2 * WIDTH)]
    assert len(set(points)) == 2 * WIDTH
    xs, ys = points[:WIDTH], points[WIDTH:]
    return constants, [[pow(x + y, -1, R) for y in ys] for x in xs]


def apply(matrix, state):
    return [sum(a * b for a, b in zip(row, state)) % R for row in matrix]


def reference(state, constants, mix):
    for index, row in enumerate(constants):
        state = [(s + c) % R for s, c in zip(state, row)]
        if FULL // 2 <= index < FULL // 2 + PARTIAL:
            state[0] = pow(state[0], 5, R)
        else:
            state = [pow(s, 5, R) for s in state]
        state = apply(mix, state)
    return state


def loop_form(constants, mix):
    """What the loops read: constants by full round, constants by partial round, coefficients, and both changes of basis."""
    half = FULL // 2
    constants = [list(row) for row in constants]
    for index in range(half, half + PARTIAL):
        carried = apply(mix, [0, *constants[index][1:]])
        constants[index][1:] = [0, 0]
        constants[index + 1] = [(a + b) % R for a, b in zip(constants[index + 1], carried)]
    full = constants[:half] + constants[half + PARTIAL :]
    partial = [row[0] for row in constants[half : half + PARTIAL]]
    assert (PARTIAL - 1) % UNROLLED == 0 and UNROLLED % 2 == 0

    m, w = mix[0][0], mix[0][1:]
    v, inner = [row[0] for row in mix[1:]], [row[1:] for row in mix[1:]]
    enter = [w, [sum(w[i] * inner[i][j] for i in range(2)) % R for j in range(2)]]
    trace, det = (inner[0][0] + inner[1][1]) % R, determinant(inner)
    first, second = apply(enter, v)
    inverse = pow(determinant(enter), -1, R)
    leave = [
        [enter[1][1] * inverse % R, -enter[0][1] * inverse % R],
        [-enter[1][0] * inverse % R, enter[0][0] * inverse % R],
    ]
    return full, partial, (m, first, second, -det % R, trace), enter, leave


def determinant(matrix):
    (a, b), (c, d) = matrix
    return (a * d - b * c) % R


def optimised(state, mix, form):
    full, partial, (m, first, second, p, q), enter, leave = form

    def round_of(state, row):
        return apply(mix, [pow(s + c, 5, R) for s, c in zip(state, row)])

    for row in full[: FULL // 2]:
        state = round_of(state, row)
    h, (a, b) = state[0], apply(enter, state[1:])
    for constant in partial:
        x = pow(h + constant, 5, R)
        h, a, b = (m * x + a) % R, (b + first * x) % R, (p * a + q * b + second * x) % R
    state = [h, *apply(leave, [a, b])]
    for row in full[FULL // 2 :]:
        state = round_of(state, row)
    return state


def hexword(value):
    return "0x%064x" % value


def solidity(mix, form):
    full, partial, (m, first, second, p, q), enter, leave = form
    half = FULL // 2
    header = [R, m, first, second, p, q]
    first_rounds, last_rounds = ([word for row in rows for word in row] for rows in (full[:half], full[half:]))
    data = first_rounds + header + partial + last_rounds
    out = []

    def emit(line, depth):
        out.append(" " * (12 + 4 * depth) + line)

    def term(name, coefficient):
        return f"mulmod({name}, {hexword(coefficient)}, r)"

    def power(target, spare, depth):
        emit(f"{spare} := mulmod({target}, {target}, r)", depth)
        emit(f"{target} := mulmod(mulmod({spare}, {spare}, r), {target}, r)", depth)

    def change(matrix, depth):
        emit(f"t := add({term('a', matrix[0][0])}, {term('b', matrix[0][1])})", depth)
        emit(f"b := add({term('a', matrix[1][0])}, {term('b', matrix[1][1])})", depth)
        emit("a := t", depth)

    def partial_round(place, old, new, depth):
        """A round on (s, c, old), which leaves (s, c, new): h, a and b under names that the library has not taken."""
        emit(f"x := add(s, mload({place}))", depth)
        power("x", new, depth)
        emit("s := add(mulmod(x, m, r), c)", depth)
        # Reduced once, so that s and a constant still fit 256 bits: old < 2r, c < 3r, s < 4r.
        emit(f"{new} := add(mulmod(x, v, r), addmod(mulmod(c, p, r), mulmod({old}, q, r), r))", depth)
        emit(f"c := add(mulmod(x, u, r), {old})", depth)

    def partial_rounds():
        emit("function partialRounds(end, from, s0, c0, d0) -> s, c, d {", 0)
        for target in "scd":
            emit(f"{target} := {target}0", 1)
        emit("let i := from", 1)
        for place, name in enumerate("rmuvpq"):
            emit(f"let {name} := mload(sub(from, {32 * (len(header) - place)}))", 1)
        emit("let x", 1)
        emit("let y", 1)
        partial_round("i", "d", "y", 1)
        emit(f"for {{ i := add(i, 32) }} lt(i, end) {{ i := add(i, {32 * UNROLLED}) }} {{", 1)
        for offset in range(UNROLLED):
            place = f"add(i, {32 * offset})" if offset else "i"
            partial_round(place, *(("y", "d"), ("d", "y"))[offset % 2], 2)
        emit("}", 1)
        emit("d := y", 1)
        emit("}", 0)

    def full_rounds(end, depth):
        emit(f"for {{ let end := add(at, {end}) }} lt(at, end) {{ at := add(at, {32 * WIDTH}) }} {{", depth)
        for offset, (target, source) in enumerate(zip("xyz", "hab")):
            place = f"add(at, {32 * offset})" if offset else "at"
            emit(f"{target} := add({source}, mload({place}))", depth + 1)
            power(target, "t", depth + 1)
        for target, row in zip("hab", mix):
            terms = [term(name, c) for name, c in zip("xyz", row)]
            emit(f"{target} := add(add({terms[0]}, {terms[1]}), {terms[2]})", depth + 1)
        emit("}", depth)

    partial_rounds()
    for line in STATE:
        emit(line, 0)
    emit("for { let half := 0 } lt(half, 2) { half := add(half, 1) } {", 0)
    full_rounds(32 * WIDTH * half, 1)
    emit("if half { break }", 1)
    emit(f"at := add(at, {32 * len(header)})", 1)
    emit("// To the basis of the partial rounds.", 1)
    change(enter, 1)
    emit(f"h, a, b := partialRounds(add(at, {32 * PARTIAL}), at, h, a, b)", 1)
    emit(f"at := add(at, {32 * PARTIAL})", 1)
    emit("// Back from it.", 1)
    change(leave, 1)
    emit("}", 0)
    emit("out := mod(h, r)", 0)
    return (
        HEADER.replace("@DATA@", "".join("%064x" % word for word in data))
        + "\n".join(out)
        + "\n        }\n    }\n}\n"
    )


HEADER = """// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated by contracts/tools/poseidon_compress.py. Do not edit.
pragma solidity ^0.8.24;

import {ScalarField} from "./ScalarField.sol";

/// @title PoseidonCompress
/// @notice The compression function of chainfer's leaves and trees: `compress(h, a, b)` is the first word of the
/// Poseidon permutation of `[h, a, b]`, with circomlib's constants for width 3 over the BN254 scalar field.
/// @dev Nodes take h = 0, which makes `compress(0, l, r)` circomlib's `Poseidon([l, r])`. Leaves absorb pairs, h
/// starting as the tag; that is circomlib's `PoseidonEx(2, 1)` with an initial state.
///
/// The partial rounds are rewritten so that all of them have the same coefficients (see the generator), which makes the
/// permutation two loops over little data; a test checks them against the plain form with constants derived afresh. Sums
/// of up to five reduced words fit in 256 bits, so most additions are left unreduced.
library PoseidonCompress {
    /// @notice The constants in memory: those of the first full rounds, order and coefficients of the partial rounds, and the other
    /// round constants. Load them once for any number of compressions.
    function constants() internal pure returns (bytes memory) {
        return hex"@DATA@";
    }

    /// @notice Compresses two field elements into a chaining value.
    /// @dev Reverts `ScalarField.NotAScalar` for an argument that is not below the order of the field: reduction would
    /// give one leaf several openings.
    /// @param rounds What `constants` returns.
    /// @param h The chaining value, or the tag, or zero.
    /// @param a The first element.
    /// @param b The second element.
    /// @return out The new chaining value, reduced.
    function compress(bytes memory rounds, uint256 h, uint256 a, uint256 b) internal pure returns (uint256 out) {
        ScalarField.check(h);
        ScalarField.check(a);
        ScalarField.check(b);
        assembly ("memory-safe") {
            // A function has room on the stack for the coefficients.
"""

# The order is in memory: as a literal, an optimizer would write it out at each use.
STATE = [
    f"let r := mload(add(rounds, {32 + 32 * WIDTH * FULL // 2}))",
    "let at := add(rounds, 32)",
    *(f"let {name}" for name in "xyzt"),
]


def main():
    constants, mix = parameters()
    form = loop_form(constants, mix)
    vectors = {
        (0, 1, 2): 0x115CC0F5E7D690413DF64C6B9662E9CF2A3617F2743245519E19607A4417189A,
        (CHAIN_TAG, 1, 2): 0x2166BE046B1EB1AFD0614A80DA758FECCA7E72EF287701788EA65B0053FA0229,
    }
    for state, expected in vectors.items():
        assert reference(list(state), constants, mix)[0] == expected
        assert optimised(list(state), mix, form)[0] == expected
    print(solidity(mix, form), end="")


if __name__ == "__main__":
    main()
