// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {PackedValues} from "../../src/libraries/PackedValues.sol";
import {ProvenValues} from "../../src/ProvenValues.sol";
import {InferenceId} from "../../src/types/InferenceId.sol";
import {ModelId} from "../../src/types/ModelId.sol";
import {ChunkValues, ModelRecord, ModelRegistration} from "../../src/types/RegistryTypes.sol";
import {Records} from "../helpers/Records.sol";
import {ReportHandler} from "./ReportHandler.sol";

/// @notice Reads results as a dApp does: they are what the books say, and nothing else is taken.
abstract contract ConsumerHandler is ReportHandler {
    ProvenValues public immutable READER;

    constructor() {
        READER = new ProvenValues(REGISTRY);
    }

    /// @dev Shows the values of an inference, or something else, and reads its scores.
    function read(uint256 which, uint256 how, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId id = _preferWhole(which);
        ModelId modelId = fixedOf[id].modelId;
        ModelRegistration memory parts = registered(modelId);
        ModelRecord memory record = recordOf(modelId);
        ChunkValues[] memory list = shownOf(id);
        bool altered = how % 2 == 0 && list.length != 0;
        if (altered) _alterReading(record, parts, list, how >> 8);
        bool lawful = _counts(id) && !altered;
        try READER.provenOutput(modelId, id, 0, record, parts.outputs, list) returns (uint256[] memory raw) {
            if (!lawful) violation = "what does not count was read";
            else if (_packed(raw) != _outputOf(id, 0)) violation = "another output was read";
            ++calls["read"];
        } catch {
            if (lawful) violation = "an output was not read";
            ++calls["not read"];
        }
    }

    /// @dev Has the values of an inference stored, or others, and reads what is stored.
    function store(uint256 which, uint256 how, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId id = _preferWhole(which);
        ModelId modelId = fixedOf[id].modelId;
        ChunkValues[] memory list = shownOf(id);
        bool altered = how % 2 == 0 && list.length != 0;
        if (altered) _alterValues(list, how >> 8);
        bool lawful = _isWhole(id) && !altered;
        try READER.store(modelId, id, list) {
            if (!lawful) violation = "other values were stored";
            ++calls["store"];
        } catch {
            if (lawful) violation = "values were not stored";
        }
        for (uint256 chunk; chunk < chunkCountOf(modelId); ++chunk) {
            try READER.publicValues(modelId, id, chunk) returns (uint256[] memory values) {
                if (Records.digestOf(values) != Records.digestOf(_values[id][chunk])) {
                    violation = "stored values are others";
                }
            } catch {
                if (lawful && _values[id][chunk].length != 0) violation = "stored values are lost";
            }
        }
    }

    /// @dev Reads the committed output, from the values of an execution.
    function readOpened(uint256 which, uint256 execution, uint256 who) external asSomeone(who) {
        if (inferences.length == 0) return;
        InferenceId id = _preferWhole(which);
        ModelId modelId = fixedOf[id].modelId;
        uint256 root = execution % 2 == 0 ? fixedOf[id].root : rootOf((execution >> 8) % (HONEST + 1));
        uint256[] memory words = openingOf(root, EMBEDDING).words;
        bool lawful = _counts(id) && opened[id][EMBEDDING] == Records.digestOf(words);
        try READER.openedOutput(modelId, id, 1, recordOf(modelId), registered(modelId).outputs, words) returns (
            uint256[] memory raw, int256[] memory
        ) {
            if (!lawful || _packed(raw) != words[0]) violation = "what was not opened was read";
            ++calls["read opened"];
        } catch {
            if (lawful) violation = "an opened output was not read";
        }
    }

    function _counts(InferenceId id) private view returns (bool) {
        ModelId modelId = fixedOf[id].modelId;
        uint256 end = deprecatedAt[modelId];
        return _isWhole(id) && !frozen[modelId] && (end == 0 || provenAt[id] <= end);
    }

    /// @dev The record, the outputs with or without the record that fits them, or the values.
    function _alterReading(
        ModelRecord memory record,
        ModelRegistration memory parts,
        ChunkValues[] memory list,
        uint256 how
    ) private pure {
        uint256 kind = how % 4;
        if (kind == 0) {
            record.keySet ^= 1;
        } else if (kind == 3) {
            _alterValues(list, how >> 8);
        } else {
            parts.outputs[0] = parts.inputs[0];
            if (kind == 1) record.outputs = Records.digestOf(parts.outputs);
        }
    }

    /// @dev One value, one chunk's number, one digest, or the last chunk left out.
    function _alterValues(ChunkValues[] memory list, uint256 how) private pure {
        ChunkValues memory entry = list[(how >> 8) % list.length];
        uint256 kind = how % 4;
        if (kind == 0 && entry.values.length != 0) {
            entry.values[(how >> 16) % entry.values.length] ^= 1;
        } else if (kind == 1) {
            entry.chunk ^= 1;
        } else if (kind == 2) {
            (entry.digest, entry.values) = ("another", new uint256[](0));
        } else {
            assembly ("memory-safe") {
                mstore(list, sub(mload(list), 1))
            }
        }
    }

    function _packed(uint256[] memory raw) private pure returns (uint256 word) {
        for (uint256 i = raw.length; i != 0; --i) {
            word = word << PackedValues.BITS | raw[i - 1];
        }
    }
}
