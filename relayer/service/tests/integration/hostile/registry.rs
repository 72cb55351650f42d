//! A contract that is called a registry, takes everything and records nothing.

use crate::scene::Scene;
use alloy::primitives::{Address, hex};
use alloy::sol_types::SolCall;
use chainfer_chain::abi::ChainferRegistry;
use chainfer_formats::proof::Statement;
use chainfer_formats::{ProofFile, ids};
use serde_json::json;

/// Where it is.
pub const HOSTILE: Address = Address::repeat_byte(0xbb);

/// Puts it there. Asked for an inference it answers that it has none; any other call writes five new slots.
pub async fn place(scene: &Scene) {
    place_writing(scene, 5).await;
}

/// The same, with so many new slots a call.
pub async fn place_writing(scene: &Scene, slots: usize) {
    let state = hex::encode(ChainferRegistry::stateOfCall::SELECTOR);
    // Selector; if it is that of `stateOf`, return four zero words; otherwise GAS GAS SSTORE so many times.
    let writes = "5a5a55".repeat(slots);
    let answer = 0x0f + 3 * slots;
    let code = format!("0x5f3560e01c63{state}1460{answer:02x}57{writes}005b60805ff3");
    let anvil = &scene.world.anvil;
    anvil.rpc("anvil_setCode", json!([HOSTILE, code])).await;
}

/// A proof of the world's, for another registry.
pub fn proof_for(scene: &Scene, registry: Address, nonce: u64) -> ProofFile {
    let good = scene.world.proof(nonce);
    let model = good.model_id.unwrap();
    let mut binding = good.binding.unwrap();
    binding.registry = registry;
    let statement = Statement {
        manifest_id: good.manifest_id,
        model_id: Some(model),
        root: good.root,
        context: ids::context(&binding, model),
        binding: Some(binding),
    };
    let mut proof = ProofFile::new(statement, good.chunks, Vec::new()).unwrap();
    proof.model = good.model;
    proof
}

/// The proof with that nonce, with other bytes of the same length in place of a chunk's.
pub fn garbage(scene: &Scene, nonce: u64, byte: u8) -> ProofFile {
    let mut json = serde_json::to_value(scene.world.proof(nonce)).unwrap();
    json["chunks"][2]["proof"] = format!("0x{}", hex::encode([byte; 32])).into();
    ProofFile::parse(json.to_string().as_bytes()).unwrap()
}
