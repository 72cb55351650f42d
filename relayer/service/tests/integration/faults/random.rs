//! Random interleavings of what can happen, from a seed.
//!
//! `CHAINFER_FAULT_SEED=<n>` repeats one; `CHAINFER_LONG=1` tries many more.

use crate::proxy::Fault;
use crate::scene::{Scene, newest_hash};
use chainfer_relayer::engine::Engine;
use chainfer_relayer::state::JobState;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::time::Duration;

const STEPS: usize = 60;

const JOBS: usize = 6;

const METHODS: [&str; 7] = [
    "eth_getBlockByNumber",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
    "eth_call",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_sendRawTransaction",
];

const FAULTS: [Fault; 6] = [
    Fault::Reset,
    Fault::LoseReply,
    Fault::Swallow,
    Fault::Status(429),
    Fault::Status(502),
    Fault::Refuse("header not found"),
];

async fn connect(scene: &Scene) -> Engine {
    let mut config = scene.config();
    config.rpc.retries = 1;
    config.rpc.backoff = Duration::from_millis(1);
    config.engine.bump_after = Duration::from_millis(80);
    config.engine.rebroadcast_after = Duration::from_millis(60);
    config.engine.resend_after = Duration::from_millis(20);
    config.engine.max_stalls = 100;
    config.engine.max_in_flight = 4;
    config.connect().await.unwrap()
}

async fn run(seed: u64) {
    // The test's output is shown when it fails.
    eprintln!("seed {seed}: CHAINFER_FAULT_SEED={seed} repeats this");
    let mut rng = StdRng::seed_from_u64(seed);
    let scene = Scene::new().await;
    let anvil = &scene.world.anvil;
    let mut engine = connect(&scene).await;
    engine.tick().await.unwrap();
    let mut jobs = Vec::new();
    let mut cancelled = Vec::new();
    let mut mining = true;
    for step in 0..STEPS {
        let choice = rng.gen_range(0..100);
        eprintln!("step {step}: {choice}");
        match choice {
            0..=14 if jobs.len() < JOBS => {
                jobs.push(scene.submit(&engine, jobs.len() as u64).await);
            }
            15..=29 => {
                let method = METHODS.choose(&mut rng).unwrap();
                let fault = *FAULTS.choose(&mut rng).unwrap();
                scene.proxy.inject(method, fault, rng.gen_range(1..5));
            }
            30..=36 => {
                mining = !mining;
                anvil.rpc("evm_setAutomine", json!([mining])).await;
            }
            37..=42 => anvil.mine(rng.gen_range(1..4)).await,
            43..=47 => {
                let head = crate::scene::number(&anvil.rpc("eth_blockNumber", json!([])).await);
                // Not below the deployment, which would be another test.
                let deepest = head.saturating_sub(scene.deployed_at()).min(3);
                if deepest > 0 {
                    let depth = rng.gen_range(1..=deepest);
                    anvil.rpc("anvil_reorg", json!([depth, []])).await;
                }
            }
            48..=52 => {
                anvil.rpc("anvil_dropAllTransactions", json!([])).await;
            }
            53..=56 => {
                scene.foreign().await;
            }
            57..=60 if !jobs.is_empty() => {
                let id = *jobs.choose(&mut rng).unwrap();
                engine.cancel(id).await.unwrap();
                cancelled.push(id);
            }
            61..=65 => {
                drop(engine);
                scene.proxy.clear();
                engine = connect(&scene).await;
            }
            66..=68 => {
                engine.pause("random".to_owned()).await.unwrap();
            }
            69..=72 => {
                engine.resume().await.unwrap();
            }
            73..=75 => {
                let base = rng.gen_range(1..60) * 1_000_000_000_u64;
                let base = json!([format!("{base:#x}")]);
                anvil.rpc("anvil_setNextBlockBaseFeePerGas", base).await;
            }
            76..=78 if !jobs.is_empty() => {
                // One transaction is lost from the pool, not all.
                let id = *jobs.choose(&mut rng).unwrap();
                if let Some(hash) = newest_hash(engine.store(), id).await {
                    scene.drop_from_pool(hash).await;
                }
            }
            _ => {
                let _ = engine.tick().await;
                tokio::time::sleep(Duration::from_millis(rng.gen_range(0..40))).await;
            }
        }
    }
    scene.proxy.clear();
    engine.resume().await.unwrap();
    scene.drain(&engine).await;
    let mut expected = Vec::new();
    for id in jobs {
        let job = engine.store().job(id).await.unwrap().unwrap();
        let fine = match job.state {
            JobState::Finalized => true,
            JobState::Cancelled => cancelled.contains(&id),
            _ => false,
        };
        assert!(fine, "seed {seed}: {job:#?}");
        expected.push((id, job.state));
    }
    scene.check_all(&engine, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_faults_in_random_order_leave_everything_in_order() {
    let seeds: Vec<u64> = match std::env::var("CHAINFER_FAULT_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => {
            let long = std::env::var_os("CHAINFER_LONG").is_some();
            let count = if long { 40 } else { 4 };
            (0..count).map(|_| rand::random()).collect()
        }
    };
    for seed in seeds {
        run(seed).await;
    }
}
