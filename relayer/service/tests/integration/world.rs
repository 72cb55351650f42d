//! Registry and model on an anvil, with the contracts' test-only `StubVerifier` and `StubKey` in place of real ones:
//! for a key and an instance column it accepts exactly one proof, and this file can make it.

use super::anvil::{Anvil, KEYS, root, tool};
use alloy::primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolValue;
use chainfer_chain::registry::Registration;
use chainfer_chain::wallet::WalletConfig;
use chainfer_formats::chain_model::key_hash;
use chainfer_formats::manifest::MANIFEST;
use chainfer_formats::proof::Statement;
use chainfer_formats::{
    Binding, ChunkProof, Manifest, OutputValues, ProofFile, Scalar, SrsSpec, Visibility, ids,
};
use chainfer_relayer::client::{
    ChunkCode, ClientConfig, DeployPlan, Deployment, KeyPlacement, NewRegistry, RegistryPlan,
    VerifierCode, deploy,
};
use chainfer_relayer::engine::Engine;
use chainfer_relayer::store::Location;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// Chunks of the test model.
pub const CHUNKS: u16 = 3;

/// Verifiers of the test model: the first two chunks share one.
pub const VERIFIERS: usize = 2;

/// Seed of a chunk's verifier.
fn verifier_of(chunk: u16) -> usize {
    usize::from(chunk / 2)
}

/// Digest of a chunk's key.
fn key_digest(chunk: u16) -> U256 {
    U256::from(0x6b65_7900 + u32::from(chunk))
}

/// Creation code of a contract; compiles the contracts when that has not been done.
pub fn creation_code(contract: &str) -> Bytes {
    static BUILT: OnceLock<()> = OnceLock::new();
    let artefact = root().join(format!("contracts/out/{contract}.sol/{contract}.json"));
    BUILT.get_or_init(|| {
        if !artefact.exists() {
            let status = Command::new(tool("forge"))
                .args(["build", "contracts/src", "contracts/test/stubs"])
                .env("FOUNDRY_LINT_LINT_ON_BUILD", "false")
                .current_dir(root())
                .status()
                .expect("forge starts");
            assert!(status.success(), "forge build failed");
        }
    });
    let json = self::artefact(contract);
    hex::decode(json["bytecode"]["object"].as_str().unwrap())
        .unwrap()
        .into()
}

/// Creation code of the registry that the program is built with.
pub fn registry_code() -> Bytes {
    let path = root().join("contracts/artefacts/ChainferRegistry.json");
    let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    hex::decode(json["bytecode"].as_str().unwrap())
        .unwrap()
        .into()
}

/// What forge wrote about a contract.
pub fn artefact(contract: &str) -> Value {
    let path = root().join(format!("contracts/out/{contract}.sol/{contract}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn wallet(account: usize) -> WalletConfig {
    WalletConfig::PrivateKey(KEYS[account].into())
}

pub fn address(account: usize) -> Address {
    let key: PrivateKeySigner = KEYS[account].parse().unwrap();
    key.address()
}

/// A client with the waits of a test.
pub fn client(url: &str, account: usize, state: Option<Location>) -> ClientConfig {
    let mut config = ClientConfig::new(url, wallet(account));
    config.state = state;
    config.limit = Duration::from_secs(60);
    config.rpc.backoff = Duration::from_millis(10);
    config.rpc.stuck = Duration::from_secs(600);
    let engine = &mut config.engine;
    engine.confirmations = Some(1);
    engine.poll = Duration::from_millis(30);
    engine.resend_after = Duration::from_millis(100);
    engine.rebroadcast_after = Duration::from_millis(400);
    engine.bump_after = Duration::from_secs(30);
    engine.finality_poll = Duration::ZERO;
    engine.retry_after = Duration::from_secs(1);
    engine.oracle_poll = Duration::ZERO;
    config
}

/// The same, with a gas cap under which one of the stub's chunks fits and two do not (one takes about 225k, a further one 34k).
pub fn one_chunk_client(url: &str, account: usize) -> ClientConfig {
    let mut config = client(url, account, None);
    config.engine.gas_margin_percent = 0;
    config.engine.gas_slack = 20_000;
    config.engine.gas_cap = Some(262_000);
    config
}

/// A node with registry and model.
pub struct World {
    pub anvil: Anvil,
    pub deployment: Deployment,
    pub manifest: Manifest,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(arguments: &[&str]) -> Self {
        let anvil = Anvil::start(arguments);
        anvil.place_proxy().await;
        let manifest = manifest();
        let plan = deploy_plan(&manifest);
        let deployment = deploy(&client(&anvil.url, 0, None), &plan).await.unwrap();
        Self {
            anvil,
            deployment,
            manifest,
        }
    }

    pub fn registry(&self) -> Address {
        self.deployment.file.registry
    }

    /// An engine of account 1.
    pub async fn engine(&self, state: Option<Location>) -> Engine {
        client(&self.anvil.url, 1, state).connect().await.unwrap()
    }

    /// A proof that the stubs accept; each `nonce` is another inference.
    pub fn proof(&self, nonce: u64) -> ProofFile {
        let model = self.deployment.file.model_id;
        let binding = Binding {
            chain_id: self.deployment.file.chain_id,
            registry: self.registry(),
            requester: address(2),
            nonce: B256::from(U256::from(nonce)),
        };
        let context = ids::context(&binding, model);
        let root = Scalar::from_u64(0xabcdef + nonce);
        let chunks = (0..CHUNKS)
            .map(|index| {
                let mut public = vec![Scalar::from_u64(1000 * u64::from(index) + nonce)];
                if index == 0 {
                    public.push(Scalar::from_u64(nonce));
                }
                let mut instances = vec![root.value(), context.value()];
                instances.extend(public.iter().map(|v| v.value()));
                ChunkProof {
                    index: index.into(),
                    public_values: public,
                    proof: stub_proof(index, &instances),
                }
            })
            .collect();
        let statement = Statement {
            manifest_id: self.manifest.manifest_id,
            model_id: Some(model),
            root,
            context,
            binding: Some(binding),
        };
        let output = OutputValues {
            name: "logits".to_owned(),
            shape: vec![1, 10],
            visibility: Visibility::Public,
            raw: Some(vec![1, 2, 3]),
            values: Some(vec![0.1, 0.2, 0.3]),
        };
        let mut proof = ProofFile::new(statement, chunks, vec![output]).unwrap();
        proof.model = Some(self.deployment.file.model.clone());
        proof.check().unwrap();
        proof
    }

    /// How many `InferenceProven` events the registry has emitted.
    pub async fn proven_events(&self) -> usize {
        let topic = keccak256("InferenceProven(bytes32,uint256,address,bytes32,address)");
        let filter = json!([{
            "fromBlock": "0x0", "toBlock": "latest",
            "address": self.registry(), "topics": [topic],
        }]);
        self.anvil
            .rpc("eth_getLogs", filter)
            .await
            .as_array()
            .unwrap()
            .len()
    }

    /// Transactions that an account has in blocks.
    pub async fn sent(&self, account: usize) -> u64 {
        let count = self
            .anvil
            .rpc(
                "eth_getTransactionCount",
                json!([address(account), "latest"]),
            )
            .await;
        u64::from_str_radix(count.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }
}

/// What `StubVerifier.proofFor` gives.
fn stub_proof(chunk: u16, instances: &[U256]) -> Bytes {
    let seed = U256::from(verifier_of(chunk));
    keccak256((seed, stub_key(chunk), instances.to_vec()).abi_encode_params())
        .abi_encode()
        .into()
}

/// Creation code of a stub with one constructor argument.
fn stub_code(contract: &str, argument: U256) -> Bytes {
    let mut code = creation_code(contract).to_vec();
    code.extend(argument.abi_encode());
    code.into()
}

/// A chunk's stub key: the setup of `StubSetup`, the generator, a digest, the shape.
pub fn stub_key(chunk: u16) -> Bytes {
    static SOURCE: &str = include_str!("../../../../contracts/test/stubs/StubKey.sol");
    let (_, setup) = SOURCE.split_once("SRS =").expect("the stub's setup");
    let (setup, _) = setup.split_once(';').unwrap();
    let setup: String = setup
        .split("hex\"")
        .filter_map(|piece| Some(piece.split_once('"')?.0))
        .collect();
    let mut key = hex::decode(setup).unwrap();
    assert_eq!(key.len(), 256);
    for word in [U256::from(1), U256::from(2), key_digest(chunk)] {
        key.extend(word.to_be_bytes::<32>());
    }
    let mut shape = [0; 32];
    shape[..10].copy_from_slice(b"test shape");
    key.extend(shape);
    key.into()
}

pub fn deploy_plan(manifest: &Manifest) -> DeployPlan {
    DeployPlan {
        registry: RegistryPlan::New(NewRegistry::of_sender(registry_code())),
        verifiers: (0..VERIFIERS)
            .map(|seed| VerifierCode {
                name: format!("StubVerifier{seed}"),
                creation_code: stub_code("StubVerifier", U256::from(seed)),
                runtime_code: None,
            })
            .collect(),
        chunks: (0..CHUNKS)
            .map(|chunk| ChunkCode {
                verifier: verifier_of(chunk),
                key_name: format!("StubKey{chunk}"),
                key: stub_key(chunk),
            })
            .collect(),
        keys: KeyPlacement::Code,
        registration: Registration::from_manifest(manifest, "ipfs://test").unwrap(),
    }
}

/// Two committed inputs and a public output; the chunks expose 2, 1 and 1 public values.
pub fn manifest() -> Manifest {
    let word = |byte: u8| B256::repeat_byte(byte).to_string();
    let shape = json!({
        "k": 8, "range": 64, "limbs": 1, "lanes": 1, "taps": 1, "weights_per_row": 4, "hash_lanes": 1,
        "pooling": false, "stacked": false,
    });
    let lists: [[&[usize]; 3]; 3] = [
        [&[0, 1], &[3], &[0, 1]],
        [&[2, 3], &[4], &[2]],
        [&[4], &[5], &[5]],
    ];
    let chunks: Vec<Value> = (0..CHUNKS)
        .zip(lists)
        .map(|(i, [reads, writes, exposes])| {
            let contract = format!("Verifier{}", verifier_of(i));
            json!({
                "index": i, "contract": contract, "source": format!("solidity/{contract}.sol"),
                "source_digest": B256::repeat_byte(20 + verifier_of(i) as u8),
                "key_code_hash": key_hash(&stub_key(i)), "num_public": if i == 0 { 2 } else { 1 },
                "vk_digest": word(7), "proof_length": 1024, "shape": shape, "hide_rows": 64 + i,
                "reads": reads, "writes": writes, "exposes": exposes,
            })
        })
        .collect();
    let leaf = |name: &str, class: &str, visibility: &str, length: usize| json!({ "name": name, "class": class, "visibility": visibility, "length": length });
    let input = |name: &str, leaf: usize, chunk: usize, offset: usize, length: usize| {
        json!({
            "name": name, "leaf": leaf, "chunk": chunk, "offset": offset, "length": length,
            "zero_point": 5, "scale": 0.25, "shape": [1, length], "visibility": "committed",
        })
    };
    let srs = SrsSpec::new(vec![1; 64].into(), vec![2; 128].into());
    let mut json = json!({
        "format": "chainfer.manifest", "version": 3, "manifest_id": word(0), "range": 64, "chunks": chunks,
        "leaves": [
            leaf("image", "input", "committed", 20),
            leaf("mask", "input", "committed", 20),
            leaf("bias", "input", "committed", 4),
            leaf("cut", "cut", "committed", 7),
            leaf("hidden", "cut", "committed", 7),
            leaf("logits", "output", "public", 10),
        ],
        "inputs": [
            input("image", 0, 0, 0, 20),
            input("mask", 1, 0, 1, 20),
            input("bias", 2, 1, 0, 4),
        ],
        "outputs": [{
            "name": "logits", "leaf": 5, "chunk": 2, "offset": 0, "length": 10, "zero_point": 3,
            "scale": 0.5, "shape": [1, 10], "visibility": "public",
        }],
        "srs": srs, "key_set": word(5),
        "something_else": "is ignored",
    });
    let unchecked: Manifest = MANIFEST.parse(json.to_string().as_bytes()).unwrap();
    json["manifest_id"] = unchecked.recompute_id().to_string().into();
    Manifest::parse(json.to_string().as_bytes()).unwrap()
}
