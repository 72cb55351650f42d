//! A good file of each kind, as JSON.
#![allow(dead_code)]

use chainfer_formats::{
    Address, B256, Binding, Bytes, ChainChunk, ChainModel, Manifest, ModelRecord, SrsSpec, U256,
    chain_model::{chunks_digest, key_hash},
    ids,
    manifest::MANIFEST,
};
use serde_json::{Value, json};

pub(crate) fn word(value: u64) -> String {
    B256::from(U256::from(value)).to_string()
}

pub(crate) fn good_proof() -> Value {
    let binding = Binding {
        chain_id: 31337,
        registry: Address::repeat_byte(0x11),
        requester: Address::repeat_byte(0x22),
        nonce: B256::from(U256::from(9)),
    };
    let model = B256::repeat_byte(5);
    let context = ids::context(&binding, model);
    json!({
        "format": "chainfer.proof", "version": 1,
        "manifest_id": word(1), "model_id": model.to_string(),
        "root": word(3), "context": context.to_string(),
        "binding": {
            "chain_id": 31337, "registry": format!("{:#x}", binding.registry),
            "requester": format!("{:#x}", binding.requester), "nonce": word(9),
        },
        "chunks": [
            { "index": 0, "public_values": [word(1)], "proof": "0x0102" },
            { "index": 1, "public_values": [word(2)], "proof": "0x03" },
        ],
        "outputs": [{
            "name": "y", "shape": [1, 2], "visibility": "public", "raw": [1, 2], "values": [0.5, -1.0],
        }],
    })
}

pub(crate) fn good_secret() -> Value {
    json!({
        "format": "chainfer.secret", "version": 1,
        "manifest_id": word(1), "root": word(3), "context": word(4),
        "tensors": [
            { "name": "x", "class": "input", "visibility": "committed", "salt": word(7), "scale": 0.5,
              "zero_point": 1, "shape": [1, 2], "element_order": [1, 0], "values": [3, 4] },
            { "name": "y", "class": "output", "visibility": "public", "salt": word(0), "scale": 0.5,
              "zero_point": 0, "shape": [1], "element_order": null, "values": [5] },
        ],
    })
}

pub(crate) fn good_deployment() -> Value {
    let address = |byte| format!("{:#x}", Address::repeat_byte(byte));
    json!({
        "format": "chainfer.deployment", "version": 3, "chain_id": 1, "registry": address(1),
        "model_id": word(1), "registrant": address(2), "block": 5, "model": good_chain_model(),
    })
}

/// A chunk whose key is in a contract, and one whose key is here.
pub(crate) fn good_chain_model() -> ChainModel {
    let key = Bytes::from(vec![6; 384]);
    let chunk = |key_hash: B256, key: Bytes| ChainChunk {
        verifier: Address::repeat_byte(3),
        code_hash: B256::repeat_byte(4),
        key_hash,
        num_public: 1,
        hiding_budget: 3,
        key,
    };
    let chunks = vec![
        chunk(B256::repeat_byte(5), Bytes::from(vec![4; 20])),
        chunk(key_hash(&key), key),
    ];
    ChainModel {
        record: ModelRecord {
            key_set: B256::repeat_byte(7),
            chunks: chunks_digest(&chunks),
            inputs: B256::repeat_byte(8),
            outputs: B256::repeat_byte(9),
            leaf_lengths: B256::repeat_byte(10),
        },
        chunks,
    }
}

/// Two chunks in a row, a committed input of 5 values, a public output of 3.
pub(crate) fn good_manifest() -> Value {
    let srs = SrsSpec::new(vec![1; 64].into(), vec![2; 128].into());
    let shape = |lanes: usize| {
        json!({
            "k": 8, "range": 64, "limbs": 1, "lanes": lanes, "taps": 1, "weights_per_row": 4, "hash_lanes": 1,
            "pooling": false, "stacked": false,
        })
    };
    let chunk = |index: usize, lists: [&[usize]; 3]| {
        json!({
            "index": index, "contract": "Shared", "source": "solidity/Shared.sol", "source_digest": word(21),
            "key_code_hash": word(31 + index as u64), "num_public": 1, "vk_digest": word(41 + index as u64),
            "proof_length": 1024, "shape": shape(1 + index), "hide_rows": 3,
            "reads": lists[0], "writes": lists[1], "exposes": lists[2],
        })
    };
    let leaf = |name: &str, class: &str, visibility: &str, length: usize| json!({ "name": name, "class": class, "visibility": visibility, "length": length });
    let manifest = json!({
        "format": "chainfer.manifest", "version": 3, "manifest_id": word(0), "range": 64,
        "chunks": [chunk(0, [&[0], &[1], &[0]]), chunk(1, [&[1], &[2], &[2]])],
        "leaves": [
            leaf("x", "input", "committed", 5),
            leaf("hidden", "cut", "committed", 18),
            leaf("y", "output", "public", 3),
        ],
        "inputs": [{
            "name": "x", "leaf": 0, "chunk": 0, "offset": 0, "length": 5, "zero_point": 20, "scale": 0.125,
            "shape": [1, 5], "visibility": "committed",
        }],
        "outputs": [{
            "name": "y", "leaf": 2, "chunk": 1, "offset": 0, "length": 3, "zero_point": 0, "scale": 0.25,
            "shape": [1, 3], "visibility": "public", "element_order": [2, 1, 0],
        }],
        "srs": {
            "insecure": false, "digest": srs.digest.to_string(), "tau_g1": srs.tau_g1.to_string(),
            "tau_g2": srs.tau_g2.to_string(),
        },
        "key_set": word(51),
    });
    with_id(manifest)
}

/// The same manifest with the id that its content hashes to.
pub(crate) fn with_id(mut manifest: Value) -> Value {
    let parsed: Manifest = MANIFEST.parse(manifest.to_string().as_bytes()).unwrap();
    manifest["manifest_id"] = parsed.recompute_id().to_string().into();
    manifest
}
