//! A relayer with a state behind a proxy, and what must hold after anything that happened to it.

use crate::proxy::Proxy;
use crate::state;
use crate::world::{World, address, client};
use alloy::primitives::{Address, B256, U256, keccak256};
use chainfer_relayer::Submitter;
use chainfer_relayer::client::ClientConfig;
use chainfer_relayer::engine::Engine;
use chainfer_relayer::money::Gwei;
use chainfer_relayer::state::{IntentState, JobState};
use chainfer_relayer::store::{Attempt, Intent, Location, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Account that relays.
pub const RELAYER: usize = 1;

/// Blocks after which anvil calls a block finalized, and some.
const FINAL: u64 = 70;

pub struct Scene {
    pub world: World,
    pub proxy: Proxy,
    folder: tempfile::TempDir,
    state: Location,
    deployed_at: u64,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(arguments: &[&str]) -> Self {
        let world = World::with(arguments).await;
        let proxy = Proxy::start(&world.anvil.url).await;
        let folder = tempfile::tempdir().unwrap();
        let state = state::fresh(&folder).await;
        let head = world.anvil.rpc("eth_blockNumber", json!([])).await;
        Self {
            world,
            proxy,
            folder,
            state,
            deployed_at: number(&head),
        }
    }

    /// A relayer of which one job's transaction waits in the pool: no blocks are made.
    pub async fn pending(configure: impl FnOnce(&mut ClientConfig)) -> (Self, Engine, B256) {
        let scene = Self::new().await;
        scene.stop_mining().await;
        let mut config = scene.config();
        configure(&mut config);
        let engine = config.connect().await.unwrap();
        let id = scene.submit(&engine, 1).await;
        engine.tick().await.unwrap();
        (scene, engine, id)
    }

    /// The block since which all contracts are there.
    pub fn deployed_at(&self) -> u64 {
        self.deployed_at
    }

    /// A place for files that is gone with the scene.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn state(&self) -> Location {
        self.state.clone()
    }

    /// The state file of a test that is about SQLite.
    pub fn state_file(&self) -> PathBuf {
        match &self.state {
            Location::File(path) => path.clone(),
            Location::Postgres(_) => panic!("this test is about SQLite's files"),
        }
    }

    /// Changes the state behind the relayer's back.
    pub async fn execute(&self, sql: &'static str) {
        state::execute(&self.state, sql).await;
    }

    pub fn config(&self) -> ClientConfig {
        client(&self.proxy.url, RELAYER, Some(self.state()))
    }

    pub async fn engine(&self) -> Engine {
        self.config().connect().await.unwrap()
    }

    pub async fn submit(&self, engine: &Engine, nonce: u64) -> B256 {
        let proof = self.world.proof(nonce);
        engine
            .submit(&proof, &Submitter::local())
            .await
            .unwrap()
            .job()
            .key
            .id
    }

    /// Blocks are made only by [`crate::anvil::Anvil::mine`] from now on.
    pub async fn stop_mining(&self) {
        self.world
            .anvil
            .rpc("evm_setAutomine", json!([false]))
            .await;
    }

    pub async fn start_mining(&self) {
        self.world.anvil.rpc("evm_setAutomine", json!([true])).await;
    }

    /// A transfer of nothing, signed by the relayer's key and sent past the relayer.
    pub async fn foreign(&self) -> B256 {
        let transfer = json!([{
            "from": address(RELAYER), "to": Address::ZERO, "gas": "0x5208",
            "maxFeePerGas": "0x174876e800", "maxPriorityFeePerGas": "0x3b9aca00",
        }]);
        let hash = self.world.anvil.rpc("eth_sendTransaction", transfer).await;
        hash.as_str().unwrap().parse().unwrap()
    }

    pub async fn drop_from_pool(&self, hash: B256) {
        let anvil = &self.world.anvil;
        anvil.rpc("anvil_dropTransaction", json!([hash])).await;
    }

    /// Nonces that the account has used, in blocks and with the node's pool.
    pub async fn counts(&self) -> (u64, u64) {
        let mut counts = [0; 2];
        for (count, tag) in counts.iter_mut().zip(["latest", "pending"]) {
            let parameters = json!([address(RELAYER), tag]);
            let anvil = &self.world.anvil;
            *count = number(&anvil.rpc("eth_getTransactionCount", parameters).await);
        }
        counts.into()
    }

    /// Brings every job to a terminal state, with blocks as needed, and checks what must hold then:
    ///
    /// - each job is in one terminal state, the one expected, which it reached once;
    /// - a finalized job's inference was proven by exactly one event, any other's by none;
    /// - no nonce gap and nothing pending, on chain and in the database;
    /// - the ledger covers what the chain took, and is within the caps;
    /// - every hash that was broadcast, and every transaction of the account on chain but `foreign` many, is in the
    ///   database.
    pub async fn settle(&self, engine: &Engine, expected: &[(B256, JobState)], foreign: usize) {
        self.drain(engine).await;
        assert_eq!(self.check_all(engine, expected).await, foreign);
    }

    /// What [`Self::settle`] checks, but for the number of foreign transactions, which is returned.
    pub async fn check_all(&self, engine: &Engine, expected: &[(B256, JobState)]) -> usize {
        let foreign = self.check(engine.store(), expected).await;
        self.check_money(engine).await;
        foreign
    }

    /// Ticks, with blocks as needed, until every job is in a terminal state and nothing is pending.
    pub async fn drain(&self, engine: &Engine) {
        self.start_mining().await;
        for round in 0..600 {
            let _ = engine.tick().await;
            let jobs = engine.store().jobs(None, 1_000).await.unwrap();
            let pending = engine
                .store()
                .intents_in(
                    engine.chain_id(),
                    engine.sender(),
                    IntentState::Pending,
                    1_000,
                )
                .await
                .unwrap();
            if pending.is_empty() && jobs.iter().all(|j| j.state.is_terminal()) {
                return;
            }
            let settled = |s: JobState| s.is_terminal() || s == JobState::Confirmed;
            let confirmed = jobs.iter().all(|j| settled(j.state));
            match round % 10 {
                _ if confirmed => self.world.anvil.mine(FINAL).await,
                9 => self.world.anvil.mine(1).await,
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:#?}", engine.store().jobs(None, 1_000).await.unwrap());
    }

    /// Returns how many transactions of the account on chain are not in the database.
    async fn check(&self, store: &Store, expected: &[(B256, JobState)]) -> usize {
        let proven = self.proven().await;
        for (id, state) in expected {
            let job = store.job(*id).await.unwrap().unwrap();
            assert_eq!(job.state, *state, "{job:#?}");
            let terminal = |s: &str| JobState::parse(s).is_some_and(JobState::is_terminal);
            let log = store.transitions(*id).await.unwrap();
            let ends = log
                .iter()
                .filter(|t| t.intent_id.is_none() && terminal(&t.to));
            assert_eq!(ends.count(), 1, "{log:#?}");
            let events = proven.get(&job.key.inference_id).copied().unwrap_or(0);
            let intents = store.intents_of(*id).await.unwrap();
            assert_eq!(
                events,
                usize::from(*state == JobState::Finalized),
                "{job:#?} {intents:#?} {log:#?}"
            );
        }
        let (latest, pending) = self.counts().await;
        assert_eq!(latest, pending, "a nonce gap or a stuck transaction");
        let mut known = HashSet::new();
        for intent in store.all_intents().await.unwrap() {
            assert_ne!(intent.state, IntentState::Pending, "{intent:#?}");
            let attempts = store.attempts(intent.id).await.unwrap();
            known.extend(attempts.into_iter().map(|a| a.tx.hash));
        }
        for hash in self.proxy.broadcast() {
            assert!(
                known.contains(&hash),
                "{hash} was broadcast and is not stored"
            );
        }
        let mined = self.mined().await;
        mined.iter().filter(|hash| !known.contains(*hash)).count()
    }

    async fn check_money(&self, engine: &Engine) {
        let (chain, sender) = (engine.chain_id(), engine.sender());
        let spend = engine.store().spend(chain, sender).await.unwrap();
        let mut cost = U256::ZERO;
        let intents = engine.store().all_intents().await.unwrap();
        for intent in intents.iter().filter(|i| i.sender == sender) {
            for attempt in engine.store().attempts(intent.id).await.unwrap() {
                let hash = json!([attempt.tx.hash]);
                let anvil = &self.world.anvil;
                let receipt = anvil.rpc("eth_getTransactionReceipt", hash).await;
                if !receipt.is_null() {
                    let gas = U256::from(number(&receipt["gasUsed"]));
                    cost += gas * U256::from(number(&receipt["effectiveGasPrice"]));
                }
            }
        }
        assert_eq!(spend.open, Gwei(0));
        assert!(U256::from(spend.total.0) * U256::from(1_000_000_000) >= cost);
        let caps = engine.config().caps;
        for (cap, spent) in [(caps.total, spend.total), (caps.hour, spend.hour)] {
            assert!(cap.is_none_or(|cap| spent <= cap), "{spend:?}");
        }
    }

    /// How often each inference was proven.
    async fn proven(&self) -> BTreeMap<B256, usize> {
        let topic = keccak256("InferenceProven(bytes32,uint256,address,bytes32,address)");
        let filter = json!([{
            "fromBlock": "0x0", "toBlock": "latest",
            "address": self.world.registry(), "topics": [topic],
        }]);
        let logs = self.world.anvil.rpc("eth_getLogs", filter).await;
        let mut proven = BTreeMap::new();
        for log in logs.as_array().unwrap() {
            let data = alloy::hex::decode(log["data"].as_str().unwrap()).unwrap();
            *proven.entry(B256::from_slice(&data[..32])).or_default() += 1;
        }
        proven
    }

    /// Transactions of the relaying account on chain.
    async fn mined(&self) -> Vec<B256> {
        let anvil = &self.world.anvil;
        let head = number(&anvil.rpc("eth_blockNumber", json!([])).await);
        let (count, _) = self.counts().await;
        let mut mined = Vec::new();
        for block in 0..=head {
            if mined.len() as u64 == count {
                break;
            }
            let parameters = json!([format!("{block:#x}"), true]);
            let block = anvil.rpc("eth_getBlockByNumber", parameters).await;
            for tx in block["transactions"].as_array().unwrap() {
                let from: Address = tx["from"].as_str().unwrap().parse().unwrap();
                if from == address(RELAYER) {
                    mined.push(tx["hash"].as_str().unwrap().parse().unwrap());
                }
            }
        }
        mined
    }
}

pub fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse::<U256>().unwrap().to()
}

/// The one transaction of a job, and its attempts.
pub async fn only_intent(store: &Store, job: B256) -> (Intent, Vec<Attempt>) {
    let mut intents = store.intents_of(job).await.unwrap();
    assert_eq!(intents.len(), 1, "{intents:#?}");
    let intent = intents.remove(0);
    let attempts = store.attempts(intent.id).await.unwrap();
    (intent, attempts)
}

/// Hash of a job's newest attempt.
pub async fn newest_hash(store: &Store, job: B256) -> Option<B256> {
    let intent = store.intents_of(job).await.unwrap().pop()?;
    let attempts = store.attempts(intent.id).await.unwrap();
    attempts.last().map(|a| a.tx.hash)
}

/// Ticks until the job is in that state. Confirmed is one that is finalized, too: EDR calls every block final.
pub async fn until(engine: &Engine, job: B256, state: JobState) {
    for _ in 0..400 {
        let _ = engine.tick().await;
        let now = engine.store().job(job).await.unwrap().unwrap().state;
        if now == state || (state, now) == (JobState::Confirmed, JobState::Finalized) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!(
        "never {state}: {:?}",
        engine.store().job(job).await.unwrap()
    );
}
