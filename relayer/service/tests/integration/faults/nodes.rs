//! Nodes that fail, lag, fork, or are of another chain.

use crate::anvil::Anvil;
use crate::proxy::{Fault, Proxy};
use crate::scene::{RELAYER, Scene, number, only_intent, until};
use crate::world::{World, address};
use chainfer_relayer::Error;
use chainfer_relayer::client::ClientConfig;
use chainfer_relayer::state::JobState;
use serde_json::json;
use std::time::Duration;

const SEND: &str = "eth_sendRawTransaction";

const METHODS: [&str; 8] = [
    "eth_chainId",
    "eth_getBlockByNumber",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
    "eth_call",
    "eth_estimateGas",
    "eth_feeHistory",
    SEND,
];

fn break_all(proxy: &Proxy, fault: Fault) {
    for method in METHODS {
        proxy.inject(method, fault, usize::MAX);
    }
}

/// Two ways to the scene's node; the first is the scene's proxy.
async fn two_nodes(scene: &Scene) -> (Proxy, ClientConfig) {
    let second = Proxy::start(&scene.world.anvil.url).await;
    let mut config = scene.config();
    config.rpc.fallbacks = vec![second.url.clone()];
    config.rpc.cooldown = Duration::from_millis(200);
    (second, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_of_the_first_node_is_bridged_by_the_second() {
    let scene = Scene::new().await;
    let (second, mut config) = two_nodes(&scene).await;
    config.rpc.cooldown = Duration::from_millis(50);
    let engine = config.connect().await.unwrap();
    for fault in [
        Fault::Reset,
        Fault::Status(500),
        Fault::Status(401),
        Fault::LoseReply,
    ] {
        break_all(&scene.proxy, fault);
        engine.tick().await.unwrap();
        scene.proxy.clear();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    break_all(&scene.proxy, Fault::Reset);
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    assert_eq!((scene.proxy.count(SEND), second.count(SEND)), (0, 1));
    // Left alone for a while after each failure, so that a look that asks it finds it failed.
    let mut left_alone = false;
    for _ in 0..50 {
        engine.tick().await.unwrap();
        let health = engine.rpc().health();
        left_alone |= !health[0].healthy && health[1].healthy;
    }
    assert!(left_alone);

    // The first in order is the first again once it answers.
    scene.proxy.clear();
    // The longest rest is 32 times the shortest.
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    let asked = second.count("eth_getBlockByNumber");
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(second.count("eth_getBlockByNumber"), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_of_the_only_node_only_delays() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    scene.proxy.redirect("http://127.0.0.1:1");
    for _ in 0..3 {
        assert!(engine.tick().await.unwrap_err().is_transient());
    }
    scene.proxy.redirect(&scene.world.anvil.url);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_reset_at_every_method_only_delays() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    for method in METHODS {
        scene.proxy.inject(method, Fault::Reset, 5);
    }
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_replies_at_every_method_only_delay() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    for method in METHODS {
        scene.proxy.inject(method, Fault::LoseReply, 5);
    }
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn overloaded_node_is_asked_again_later() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    for method in METHODS {
        scene.proxy.inject(method, Fault::Status(429), 5);
    }
    let id = scene.submit(&engine, 1).await;
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn first_node_that_stands_still_is_left_for_one_that_goes_on() {
    let scene = Scene::new().await;
    let (second, mut config) = two_nodes(&scene).await;
    config.rpc.stuck = Duration::from_millis(200);
    let engine = config.connect().await.unwrap();
    engine.tick().await.unwrap();
    let head = number(&scene.world.anvil.rpc("eth_blockNumber", json!([])).await);
    // Without peers: it answers, but gets neither blocks nor transactions.
    scene.proxy.lag(Some(head));
    let taken =
        Fault::Answer("\"0x1111111111111111111111111111111111111111111111111111111111111111\"");
    scene.proxy.inject(SEND, taken, usize::MAX);
    let id = scene.submit(&engine, 1).await;
    for _ in 0..200 {
        scene.world.anvil.mine(1).await;
        let _ = engine.tick().await;
        if second.count(SEND) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(second.count(SEND) > 0);
    scene.proxy.lag(None);
    scene.proxy.clear();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lagging_node_is_passed_over() {
    let scene = Scene::new().await;
    let (second, config) = two_nodes(&scene).await;
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    scene.world.anvil.mine(5).await;
    engine.tick().await.unwrap();
    // From here on the first node knows nothing of it.
    scene.proxy.lag(Some(1));
    let sent = scene.proxy.count(SEND) + second.count(SEND);
    for _ in 0..5 {
        engine.tick().await.unwrap();
    }
    let job = engine.store().job(id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Confirmed, "{job:?}");
    let next = scene.submit(&engine, 2).await;
    until(&engine, next, JobState::Confirmed).await;
    assert_eq!(second.count(SEND), 1);
    scene.proxy.lag(None);
    let finalized = [id, next].map(|id| (id, JobState::Finalized));
    scene.settle(&engine, &finalized, 0).await;
    assert_eq!(scene.proxy.count(SEND) + second.count(SEND), sent + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_node_that_falls_behind_makes_nothing_be_sent_twice() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    scene.proxy.lag(Some(1));
    for _ in 0..20 {
        let _ = engine.tick().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.proxy.lag(None);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(only_intent(engine.store(), id).await.1.len(), 1);
    assert_eq!(scene.counts().await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn forked_node_is_followed_like_a_reorganisation_and_left_again() {
    // Both chains begin with the same block and go apart from the next one on.
    let genesis = ["--timestamp", "1700000000"];
    let scene = Scene::with(&genesis).await;
    let fork = World::with(&genesis).await;
    assert_eq!(fork.registry(), scene.world.registry());
    let second = Proxy::start(&fork.anvil.url).await;
    let mut config = scene.config();
    config.rpc.fallbacks = vec![second.url.clone()];
    config.rpc.cooldown = Duration::from_millis(500);
    let engine = config.connect().await.unwrap();
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    break_all(&scene.proxy, Fault::Reset);
    for _ in 0..5 {
        let _ = engine.tick().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scene.proxy.clear();
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
    assert_eq!(
        only_intent(engine.store(), id).await.1.len(),
        1,
        "the same bytes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn node_of_another_chain_among_several_is_refused_at_the_start() {
    let scene = Scene::new().await;
    let other = Anvil::start(&["--chain-id", "4242"]);
    let mut config = scene.config();
    config.rpc.fallbacks = vec![other.url.clone()];
    let refused = config.connect().await;
    let wrong = Error::WrongChain {
        expected: 31337,
        got: 4242,
    };
    assert_eq!(refused.unwrap_err().to_string(), wrong.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_turns_into_another_chain_is_passed_over() {
    let scene = Scene::new().await;
    let (second, config) = two_nodes(&scene).await;
    let engine = config.connect().await.unwrap();
    let other = Anvil::start(&["--chain-id", "4242"]);
    scene.proxy.redirect(&other.url);
    scene.proxy.inject("eth_getBlockByNumber", Fault::Reset, 2);
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    assert_eq!(second.count(SEND), 1);
    let account = json!([address(RELAYER), "latest"]);
    let sent = other.rpc("eth_getTransactionCount", account).await;
    assert_eq!(sent, "0x0");
    scene.proxy.redirect(&scene.world.anvil.url);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_reset_while_running_is_refused_until_it_is_back() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    until(&engine, id, JobState::Confirmed).await;
    // The address answers all the time; only the chain behind it is another one, and shorter.
    let fresh = Anvil::start(&["--timestamp", "1600000000"]);
    scene.proxy.redirect(&fresh.url);
    for _ in 0..3 {
        let refused = engine.tick().await.unwrap_err();
        assert!(matches!(refused, Error::WrongGenesis { .. }), "{refused}");
        assert!(refused.to_string().contains("use another state file"));
    }
    let job = engine.store().job(id).await.unwrap().unwrap();
    assert_eq!(job.state, JobState::Confirmed);
    scene.proxy.redirect(&scene.world.anvil.url);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_swapped_for_another_chain_is_noticed_on_reconnect() {
    let scene = Scene::new().await;
    let engine = scene.engine().await;
    let id = scene.submit(&engine, 1).await;
    let other = Anvil::start(&["--chain-id", "31337", "--timestamp", "1600000000"]);
    scene.proxy.redirect(&other.url);
    let method = "eth_getBlockByNumber";
    scene.proxy.inject(method, Fault::Status(502), 8);
    let mut refused = false;
    for _ in 0..6 {
        let result = engine.tick().await;
        refused |= matches!(result, Err(Error::WrongGenesis { .. }));
    }
    assert!(refused);
    let account = json!([address(RELAYER), "latest"]);
    let sent = other.rpc("eth_getTransactionCount", account).await;
    assert_eq!(sent, "0x0");
    scene.proxy.redirect(&scene.world.anvil.url);
    scene.settle(&engine, &[(id, JobState::Finalized)], 0).await;
}
