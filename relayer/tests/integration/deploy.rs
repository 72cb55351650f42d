//! Deployment.

use crate::anvil::Anvil;
use crate::proxy::{Fault, Proxy};
use crate::world::{World, client, creation_code, deploy_plan, manifest};
use alloy::primitives::keccak256;
use chainfer_relayer::Error;
use chainfer_relayer::client::{deploy, deploy_contract};
use chainfer_relayer::proof_file::DeploymentFile;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn deploy_twice_reads_back_the_registered_model() {
    let world = World::new().await;
    let first = &world.deployment;
    assert_eq!(
        first.transactions.len(),
        7,
        "registry, two verifiers, three keys, registration"
    );
    let mut plan = deploy_plan(&world.manifest);
    plan.registry = Some(world.registry());
    let second = deploy(&client(&world.anvil.url, 0, None), &plan)
        .await
        .unwrap();
    assert!(second.transactions.is_empty());
    assert_eq!(second.file.chunks, first.file.chunks);
    assert_eq!(first.file.chunks[0].verifier, first.file.chunks[1].verifier);
    assert_ne!(first.file.chunks[0].key, first.file.chunks[1].key);
    assert_eq!(
        (
            second.file.model_id,
            &second.code_hashes,
            &second.key_code_hashes
        ),
        (
            first.file.model_id,
            &first.code_hashes,
            &first.key_code_hashes
        )
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deployments/31337.json");
    first.file.write(&path).unwrap();
    assert_eq!(DeploymentFile::read(&path).unwrap(), first.file);
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_interrupted_goes_on_and_deploys_nothing_twice() {
    let anvil = Anvil::start(&[]);
    let proxy = Proxy::start(&anvil.url).await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    // The registry and one verifier get through, then every send is swallowed.
    let mut config = client(&proxy.url, 0, Some(&state));
    config.limit = std::time::Duration::from_millis(1500);
    let plan = deploy_plan(&manifest());
    deploy_contract(
        &config,
        "registry",
        plan.registry_creation_code.as_ref().unwrap(),
    )
    .await
    .unwrap();
    proxy.inject("eth_sendRawTransaction", Fault::Swallow, usize::MAX);
    assert!(matches!(
        deploy(&config, &plan).await,
        Err(Error::Timeout { .. })
    ));
    proxy.clear();
    let deployment = deploy(&client(&anvil.url, 0, Some(&state)), &plan)
        .await
        .unwrap();
    assert_eq!(deployment.transactions.len(), 7);
    let sent = anvil
        .rpc(
            "eth_getTransactionCount",
            json!([deployment.file.registrant, "latest"]),
        )
        .await;
    assert_eq!(sent, "0x7");
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_key_that_is_not_the_manifests_is_refused() {
    let anvil = Anvil::start(&[]);
    let mut plan = deploy_plan(&manifest());
    plan.chunks[1].key_creation_code = plan.chunks[0].key_creation_code.clone();
    let result = deploy(&client(&anvil.url, 0, None), &plan).await;
    assert!(
        matches!(&result, Err(Error::Mismatch { field: "deployed code", expected, .. })
            if expected.starts_with("StubKey1")),
        "{result:?}"
    );

    // The same against a model that is registered.
    let world = World::new().await;
    let mut plan = deploy_plan(&world.manifest);
    plan.registry = Some(world.registry());
    plan.registration.key_code_hashes[2] = plan.registration.key_code_hashes[0];
    let result = deploy(&client(&world.anvil.url, 0, None), &plan).await;
    assert!(
        matches!(&result, Err(Error::Mismatch { field: "key", .. })),
        "{result:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_plan_that_does_not_fit_sends_nothing() {
    let anvil = Anvil::start(&[]);
    let config = client(&anvil.url, 0, None);
    let good = deploy_plan(&manifest());
    let mut fewer = good.clone();
    fewer.chunks.pop();
    let mut hashes = good.clone();
    hashes.registration.key_code_hashes.pop();
    let mut stray = good.clone();
    stray.chunks[2].verifier = 2;
    for (plan, field) in [
        (fewer, "chunks"),
        (hashes, "key_code_hashes"),
        (stray, "chunks.verifier"),
    ] {
        let result = deploy(&config, &plan).await;
        assert!(
            matches!(&result, Err(Error::Mismatch { field: f, .. }) if *f == field),
            "{result:?}"
        );
    }
    let block = anvil.rpc("eth_blockNumber", json!([])).await;
    assert_eq!(block, "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_code_that_reverts_is_refused_before_sending() {
    let anvil = Anvil::start(&[]);
    // PUSH1 0, PUSH1 0, REVERT
    let code = vec![0x60, 0, 0x60, 0, 0xfd].into();
    let result = deploy_contract(&client(&anvil.url, 0, None), "broken", &code).await;
    assert!(matches!(result, Err(Error::Reverted { .. })), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_contract_reports_address_and_code_hash() {
    let anvil = Anvil::start(&[]);
    let code = creation_code("ChainferRegistry");
    let deployed = deploy_contract(&client(&anvil.url, 0, None), "registry", &code)
        .await
        .unwrap();
    let on_chain = anvil
        .rpc("eth_getCode", json!([deployed.address, "latest"]))
        .await;
    let on_chain = alloy::hex::decode(on_chain.as_str().unwrap()).unwrap();
    assert_eq!(
        (keccak256(&on_chain), on_chain.len()),
        (deployed.code_hash, deployed.code_size)
    );
}
