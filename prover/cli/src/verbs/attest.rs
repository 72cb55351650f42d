//! `chainfer attest`: sends an inference proof to the registry.

use super::{deploy::transactions_table, setup::require_for_chain, verify::read};
use crate::{
    args::AttestArgs,
    chain::{self, Transaction},
    output::{Page, Progress, Report, thousands},
};
use chainfer_chain::rpc::Rpc;
use chainfer_engine::inference::verify_inference;
use chainfer_relayer::engine::RegistryCode;
use serde_json::json;

/// Checks the proof here, and the registry and the model on the chain; sends the proof, and reports the transactions and the inference's status.
pub(crate) fn run(args: AttestArgs, progress: Progress) -> anyhow::Result<Report> {
    let policy = args.setup.policy()?;
    let (bundle, proof) = read(&args.bundle, &args.proof)?;
    let proof = proof?;
    // The registry would refuse an invalid proof too, but that costs gas.
    verify_inference(&bundle, &proof)?;
    progress.say("the proof is valid");
    let manifest = bundle.manifest();
    let trusted = args.registry.as_deref();
    let trusted = trusted
        .map(|text| chain::address("--registry", text))
        .transpose()?;
    let report = chain::block_on(async {
        let mut client = chain::client(args.sender).await?;
        let chain_id = chain::chain_id(&client.rpc).await?;
        require_for_chain(&policy, &manifest.srs, chain_id, progress)?;
        let deployment = chain::deployed::read(bundle.dir(), chain_id, manifest)?;
        let rpc = Rpc::new(client.rpc.clone())?;
        chain::deployed::check(&rpc, &deployment, trusted).await?;
        progress.say("registry and model are those of the bundle");
        if !args.allow_deprecated {
            chain::deployed::check_counts(&rpc, &deployment).await?;
        }
        let rules = chain::budget::rules(&rpc).await?;
        let outlay = chain::budget::attestation(&bundle, &proof, &rules)?;
        let limit = chain::budget::limit(&rpc, &outlay, args.max_spend).await?;
        client.max_spend = Some(limit);
        if trusted.is_some() {
            client.engine.registry_code = Some(RegistryCode::Any);
        }
        progress.say(format_args!(
            "sending the proof to registry {} on chain {chain_id}, for at most {limit}",
            deployment.registry
        ));
        Ok(chainfer_relayer::client::attest(&client, &proof, manifest, &deployment).await?)
    })?;
    let transactions: Vec<Transaction> = report
        .transactions
        .iter()
        .filter_map(Transaction::from_report)
        .collect();
    let json = json!({
        "inference_id": report.inference_id,
        "model_id": report.model_id,
        "registry": report.registry,
        "chain_id": report.chain_id,
        "job_id": report.job_id,
        "status": report.status,
        "block": report.block,
        "transactions": transactions,
        "total_gas": report.total_gas,
        "wall_s": progress.elapsed_s(),
    });
    let page = Page::new()
        .heading(format!("Attested on chain {}", report.chain_id))
        .fact("inference id", report.inference_id)
        .fact("model id", report.model_id)
        .fact("registry", report.registry)
        .fact("status", report.status);
    let page = if transactions.is_empty() {
        page.text("  the registry has this inference already: nothing was sent")
    } else {
        page.heading(format!("Total gas: {}", thousands(report.total_gas)))
            .table(transactions_table(&transactions))
    };
    Report::new(&json, page)
}
