// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Chunk{{chunk}}Key} from "../src/keys/Chunk{{chunk}}Key.sol";
{{other_imports}}import {{{verifier}}} from "../src/verifiers/{{verifier}}.sol";
import {Deployment, Target, Targets} from "./base/Target.sol";
import {Acceptance} from "./suite/Acceptance.sol";
import {Accumulator} from "./suite/Accumulator.sol";
import {Encoding} from "./suite/Encoding.sol";
import {Keys} from "./suite/Keys.sol";
import {Lengths} from "./suite/Lengths.sol";
import {Mutations} from "./suite/Mutations.sol";
import {Points} from "./suite/Points.sol";
import {Precompiles} from "./suite/Precompiles.sol";
import {Ranges} from "./suite/Ranges.sol";

string constant FIXTURE = "{{fixture}}";

function deployChunk() returns (Deployment memory) {
    address shared = address(new {{verifier}}());
    return Targets.deploy(shared, Chunk{{chunk}}Key.CREATION_CODE, Chunk{{chunk}}Key.CODE_HASH);
}

/// @notice The verifier of chunk {{chunk}} with its key pinned. To test a verifier of your own, return it here.
contract Chunk{{chunk}}Test is Acceptance, Ranges, Encoding, Lengths, Mutations, Points, Precompiles {
    function target() internal override returns (Target memory) {
        return Targets.bound(deployChunk());
    }

    function fixture() internal pure override returns (string memory) {
        return FIXTURE;
    }

    function snapshotGroup() internal pure override returns (string memory) {
        return "chunk{{chunk}}";
    }
}

/// @notice `accumulate` of the same verifier.
contract Chunk{{chunk}}AccumulateTest is Accumulator, Ranges, Encoding, Lengths {
    function target() internal override returns (Target memory) {
        return Targets.boundAccumulate(deployChunk());
    }

    function fixture() internal pure override returns (string memory) {
        return FIXTURE;
    }

    function snapshotGroup() internal pure override returns (string memory) {
        return "chunk{{chunk}}";
    }
}

/// @notice The shared verifier itself, and the keys that it may be asked with.
contract Chunk{{chunk}}KeyTest is Keys, Ranges, Encoding, Lengths {
    function target() internal override returns (Target memory) {
        return Targets.shared(deployChunk());
    }

    function fixture() internal pure override returns (string memory) {
        return FIXTURE;
    }

    function otherKeys() internal pure override returns (bytes[] memory keys) {
        keys = new bytes[]({{other_count}});
{{other_keys}}    }
}
