//! `chainfer attest`: an inference proof to the registry.

use super::{deploy::transactions_table, verify::read};
use crate::{
    args::AttestArgs,
    chain::{self, Transaction},
    failure::bad_input,
    output::{Page, Progress, Report, thousands},
};
use chainfer_engine::inference::verify_inference;
use chainfer_relayer::proof_file::{DeploymentFile, Manifest, ProofFile};
use serde_json::json;

/// Runs the verb.
pub(crate) fn run(args: AttestArgs, progress: Progress) -> anyhow::Result<Report> {
    let (bundle, proof) = read(&args.bundle, &args.proof)?;
    let proof = proof?;
    // A proof that does not verify here is refused there, for gas.
    verify_inference(&bundle, &proof)?;
    progress.say("the proof verifies; nothing is sent before that");
    let manifest = Manifest::read(&bundle.dir().join("manifest.json"))?;
    let proof = ProofFile::read(&args.proof)?;
    let report = chain::block_on(async {
        let client = chain::client(args.node, args.wallet, args.state).await?;
        let chain_id = chain::chain_id(&client.rpc).await?;
        chain::check_srs(
            manifest.srs.insecure,
            chain_id,
            args.development_srs.allowed,
        )?;
        let path = bundle
            .dir()
            .join("deployments")
            .join(format!("{chain_id}.json"));
        let deployment = DeploymentFile::read(&path).map_err(|e| {
            bad_input(format!(
                "no deployment of the bundle on chain {chain_id} ({e}); run `chainfer deploy` first"
            ))
        })?;
        progress.say(format_args!(
            "publishing to registry {} on chain {chain_id}",
            deployment.registry
        ));
        Ok(chainfer_relayer::client::attest(&client, &proof, &manifest, &deployment).await?)
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
        page.text("  the registry had it already: nothing was sent")
    } else {
        page.heading(format!("{} gas in all", thousands(report.total_gas)))
            .table(transactions_table(&transactions))
    };
    Report::new(&json, page)
}
