//! Deployment.

use crate::anvil::Anvil;
use crate::proxy::{Fault, Proxy};
use crate::world::{World, address, client, deploy_plan, manifest, registry_code};
use alloy::primitives::{B256, keccak256};
use alloy::sol_types::SolCall;
use chainfer_chain::abi::{ChainferRegistry, VerifierStatus, Visibility};
use chainfer_formats::DeploymentFile;
use chainfer_relayer::Error;
use chainfer_relayer::client::{
    DeployPlan, KeyPlacement, NewRegistry, RegistryPlan, call_contract, deploy, deploy_contract,
};
use chainfer_relayer::store::Store;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn deploy_twice_reads_back_the_registered_model() {
    let world = World::new().await;
    let first = &world.deployment;
    assert_eq!(
        first.transactions.len(),
        9,
        "registry, two verifiers and their listing, three keys, registration"
    );
    let mut plan = deploy_plan(&world.manifest);
    plan.registry = RegistryPlan::Existing(world.registry());
    let second = deploy(&client(&world.anvil.url, 0, None), &plan)
        .await
        .unwrap();
    assert!(second.transactions.is_empty());
    let chunks = &first.file.model.chunks;
    assert_eq!(chunks[0].verifier, chunks[1].verifier);
    assert_ne!(chunks[0].key, chunks[1].key);
    assert_eq!(
        (second.file.model_id, &second.file.model),
        (first.file.model_id, &first.file.model)
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deployments/31337.json");
    first.file.write(&path).unwrap();
    assert_eq!(DeploymentFile::read(&path).unwrap(), first.file);
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_interrupted_goes_on_and_deploys_nothing_twice() {
    interrupted(false).await;
}

/// The last transaction reaches the chain after the process has stopped: it is the deployment's own, and not somebody else's contract.
#[tokio::test(flavor = "multi_thread")]
async fn deploy_interrupted_reports_what_went_through_meanwhile() {
    interrupted(true).await;
}

async fn interrupted(goes_through: bool) {
    let anvil = Anvil::start(&[]);
    let proxy = Proxy::start(&anvil.url).await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.sqlite");
    // The registry gets through, then every send is swallowed.
    let mut config = client(&proxy.url, 0, Some(state.clone().into()));
    config.limit = std::time::Duration::from_millis(1500);
    let plan = deploy_plan(&manifest());
    let registry = NewRegistry::of_sender(registry_code());
    let code = registry.init_code(address(0));
    deploy_contract(&config, "registry", &code).await.unwrap();
    proxy.inject("eth_sendRawTransaction", Fault::Swallow, usize::MAX);
    assert!(matches!(
        deploy(&config, &plan).await,
        Err(Error::Timeout { .. })
    ));
    if goes_through {
        let store = Store::connect(&state.clone().into()).await.unwrap();
        let pending = store.all_intents().await.unwrap().pop().unwrap();
        let attempt = store.attempts(pending.id).await.unwrap().pop().unwrap();
        anvil
            .rpc("eth_sendRawTransaction", json!([attempt.tx.raw]))
            .await;
    }
    proxy.clear();
    let deployment = deploy(&client(&anvil.url, 0, Some(state.clone().into())), &plan)
        .await
        .unwrap();
    assert_eq!(deployment.transactions.len(), 9);
    let sent = anvil
        .rpc(
            "eth_getTransactionCount",
            json!([deployment.file.registrant, "latest"]),
        )
        .await;
    assert_eq!(sent, "0x9");
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_key_that_is_not_the_manifests_is_refused() {
    let anvil = Anvil::start(&[]);
    let mut plan = deploy_plan(&manifest());
    plan.chunks[1].key = plan.chunks[0].key.clone();
    let result = deploy(&client(&anvil.url, 0, None), &plan).await;
    assert!(
        matches!(&result, Err(Error::Mismatch { field: "key_hashes", expected, .. })
            if expected.ends_with("for chunk 1")),
        "{result:?}"
    );

    // The same against a model that is registered.
    let world = World::new().await;
    let mut plan = deploy_plan(&world.manifest);
    plan.registry = RegistryPlan::Existing(world.registry());
    plan.registration.key_hashes[2] = plan.registration.key_hashes[0];
    plan.chunks[2].key = plan.chunks[0].key.clone();
    let result = deploy(&client(&world.anvil.url, 0, None), &plan).await;
    assert!(
        matches!(&result, Err(Error::Mismatch { field: "record", expected, .. })
            if expected.starts_with("chunks[2].key_hash")),
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
    hashes.registration.key_hashes.pop();
    let mut budgets = good.clone();
    budgets.registration.hiding_budgets.pop();
    let mut stray = good.clone();
    stray.chunks[2].verifier = 2;
    for (plan, field) in [
        (fewer, "chunks"),
        (hashes, "key_hashes"),
        (budgets, "hiding_budgets"),
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
    let refused = matches!(
        result,
        Err(Error::Chain(chainfer_chain::Error::Reverted { .. }))
    );
    assert!(refused, "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_contract_reports_address_and_code_hash() {
    let anvil = Anvil::start(&[]);
    let registry = NewRegistry::of_sender(registry_code());
    let code = registry.init_code(address(0));
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

#[tokio::test(flavor = "multi_thread")]
async fn deploy_registers_what_the_manifest_says() {
    let world = World::new().await;
    let planned = deploy_plan(&world.manifest).registration;
    let registry = world.engine(None).await.registry(world.registry());
    let id = world.deployment.file.model_id;
    let model = registry.model(id).await.unwrap().unwrap();
    assert_eq!(model.registrant, address(0));
    let record = world.deployment.file.model.record;
    assert_eq!(model.recordHash, record.hash());
    let found = registry.registered(id, model.recordHash, 0).await.unwrap();
    let found = found.unwrap();
    assert_eq!(found.block, world.deployment.file.block);
    let registered = found.registration;
    assert_eq!(
        registered,
        planned.with_chunks(&world.deployment.file.model)
    );
    assert_eq!(registered.uri, "ipfs://test");
    assert_eq!(registered.leafLengths, [20, 20, 4, 7, 7, 10]);
    for (chunk, spec) in (0u32..).zip(&registered.chunks) {
        assert_eq!(spec.numPublic, if chunk == 0 { 2 } else { 1 });
        assert_eq!(spec.hidingBudget, 64 + chunk);
    }
    let input = &registered.inputs[1];
    assert_eq!(
        (input.leaf, input.chunk, input.offset, input.length),
        (1, 0, 1, 20)
    );
    assert_eq!(input.visibility, Visibility::Committed.to_abi());
    let output = &registered.outputs[0];
    assert_eq!((output.leaf, output.chunk, output.zeroPoint), (5, 2, 3));
    assert_eq!(output.scaleWad.to_string(), "500000000000000000");
    // Of another record, or from a later block on, there is none.
    world.anvil.mine(1).await;
    assert_eq!(registry.registered(id, B256::ZERO, 0).await.unwrap(), None);
    let later = registry
        .registered(id, model.recordHash, found.block + 1)
        .await;
    assert_eq!(later.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_tensor_that_is_not_the_registered_one_is_refused() {
    let world = World::new().await;
    let mut good = deploy_plan(&world.manifest);
    good.registry = RegistryPlan::Existing(world.registry());
    let mut input = good.clone();
    input.registration.inputs[0].zeroPoint = 6;
    let mut output = good.clone();
    output.registration.outputs[0].offset = 1;
    let mut leaf = good.clone();
    leaf.registration.leaf_lengths[1] = 8;
    let mut budget = good.clone();
    budget.registration.hiding_budgets[2] = 0;
    for (plan, what) in [
        (input, "inputs[0].zero_point: 6"),
        (output, "outputs[0].offset: 1"),
        (leaf, "leaf_lengths: [20, 8,"),
        (budget, "chunks[2].hiding_budget: 0"),
    ] {
        let result = deploy(&client(&world.anvil.url, 0, None), &plan).await;
        assert!(
            matches!(&result, Err(Error::Mismatch { field: "record", expected, .. })
                if expected.starts_with(what)),
            "{result:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_deployed_only_where_that_is_cheaper() {
    let anvil = Anvil::start(&[]);
    let mut plan = deploy_plan(&manifest());
    let config = client(&anvil.url, 0, None);
    // A stub's key costs about 150,000 gas as code, and 3,224 gas a call more as calldata.
    let mut keys_deployed = async |keys: KeyPlacement, manifest: u8| {
        plan.keys = keys;
        plan.registration.manifest_id = B256::repeat_byte(manifest);
        let deployment = deploy(&config, &plan).await.unwrap();
        let names = deployment.transactions.iter().map(|step| &step.what);
        let deployed = names.filter(|what| what.contains("StubKey")).count();
        let in_code = deployment.file.model.chunks.iter();
        (
            deployed,
            in_code.filter(|c| c.key_contract().is_some()).count(),
        )
    };
    let few = KeyPlacement::Cheaper { inferences: 10 };
    assert_eq!(keys_deployed(few, 1).await, (0, 0));
    assert_eq!(keys_deployed(KeyPlacement::Calldata, 2).await, (0, 0));
    assert_eq!(keys_deployed(KeyPlacement::default(), 3).await, (3, 3));
    // What is there costs nothing.
    assert_eq!(keys_deployed(few, 4).await, (0, 3));
}

/// The plan of another model, with the verifiers' code known beforehand, as that of generated verifiers is.
async fn plan_with_known_code(world: &World) -> DeployPlan {
    let mut plan = deploy_plan(&world.manifest);
    plan.registration.manifest_id = B256::repeat_byte(2);
    let engine = world.engine(None).await;
    for (verifier, chunk) in plan.verifiers.iter_mut().zip([0, 2]) {
        let address = world.deployment.file.model.chunks[chunk].verifier;
        verifier.runtime_code = Some(engine.rpc().code(address).await.unwrap());
    }
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_for_another_owner_lists_known_verifiers_at_once() {
    let world = World::new().await;
    let mut plan = plan_with_known_code(&world).await;
    plan.registry = RegistryPlan::New(NewRegistry {
        creation_code: registry_code(),
        owner: Some(address(1)),
        guardian: Some(address(2)),
        listed: vec![B256::repeat_byte(3)],
    });
    let deployment = deploy(&client(&world.anvil.url, 0, None), &plan)
        .await
        .unwrap();
    let steps: Vec<&str> = deployment
        .transactions
        .iter()
        .map(|step| step.what.as_str())
        .collect();
    assert_eq!(
        steps,
        ["deploy registry", "register model",],
        "verifiers and keys are where the first deployment left them"
    );
    let registry = world.engine(None).await.registry(deployment.file.registry);
    assert_eq!(registry.owner().await.unwrap(), address(1));
    let known = plan.verifiers[0].runtime_code.as_ref().unwrap();
    for shape in [B256::repeat_byte(3), keccak256(known)] {
        let status = registry.verifier_status(shape).await.unwrap();
        assert_eq!(status, VerifierStatus::Active);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_unlistable_verifier_is_refused_before_sending() {
    let world = World::new().await;
    let plan = plan_with_known_code(&world).await;
    let shapes: Vec<B256> = plan
        .verifiers
        .iter()
        .map(|v| keccak256(v.runtime_code.as_ref().unwrap()))
        .collect();
    // A registry that lists the first shape only, and whose owner is another account.
    let registry = NewRegistry {
        creation_code: registry_code(),
        owner: Some(address(1)),
        guardian: None,
        listed: shapes[..1].to_vec(),
    };
    let code = registry.init_code(address(0));
    let sender = client(&world.anvil.url, 0, None);
    let owner = client(&world.anvil.url, 1, None);
    let registry = deploy_contract(&sender, "registry", &code).await.unwrap();
    let mut plan = plan;
    plan.registry = RegistryPlan::Existing(registry.address);
    let refusal = async |words: [String; 2]| {
        let before = world.sent(0).await;
        let error = deploy(&sender, &plan).await.unwrap_err();
        assert!(matches!(error, Error::VerifierNotListed { .. }), "{error}");
        for words in words {
            assert!(error.to_string().contains(&words), "{error}");
        }
        assert_eq!(world.sent(0).await, before);
    };
    let shape = shapes[1];
    refusal([
        format!("{} has to call addVerifier({shape})", address(1)),
        "not on the registry's list".to_owned(),
    ])
    .await;
    let govern = async |data: Vec<u8>| {
        call_contract(&owner, registry.address, data.into())
            .await
            .unwrap();
    };
    govern(ChainferRegistry::addVerifierCall { codeHash: shape }.abi_encode()).await;
    govern(ChainferRegistry::freezeVerifierCall { codeHash: shape }.abi_encode()).await;
    refusal(["is frozen".to_owned(), format!("unfreezeVerifier({shape})")]).await;
    govern(ChainferRegistry::unfreezeVerifierCall { codeHash: shape }.abi_encode()).await;
    deploy(&sender, &plan).await.unwrap();
    govern(ChainferRegistry::removeVerifierCall { codeHash: shape }.abi_encode()).await;
    plan.registration.manifest_id = B256::repeat_byte(3);
    let error = deploy(&sender, &plan).await.unwrap_err().to_string();
    assert!(error.contains("removed for good"), "{error}");
}
