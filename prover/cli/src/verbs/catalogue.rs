//! `chainfer catalogue`: the verifiers that all models share, and where they are.

use crate::{
    args::CatalogueArgs,
    chain,
    output::{Align, Page, Progress, Report, Table, thousands},
    solidity::{Catalogue, Solc, catalogue, folder},
};
use alloy::primitives::{Address, B256, keccak256};
use chainfer_chain::rpc::{Rpc, RpcConfig};
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Outcome {
    /// The chain that was asked, if any.
    chain_id: Option<u64>,
    verifiers: Vec<Verifier>,
}

#[derive(Debug, Serialize)]
struct Verifier {
    /// Name of the canonical shape.
    name: String,
    taps: usize,
    pooling: bool,
    contract: String,
    address: Address,
    code_hash: B256,
    code_bytes: usize,
    key_bytes: usize,
    proof_bytes: usize,
    scaled_commitments: usize,
    /// Whether it is on the chain that was asked.
    deployed: Option<bool>,
}

/// Shows the catalogue, or writes it anew.
pub(crate) fn run(args: &CatalogueArgs, progress: Progress) -> anyhow::Result<Report> {
    if let Some(folder) = &args.write {
        let solc = Solc::find(&args.solc)?;
        progress.say("compiling the verifiers of all canonical shapes");
        folder::write(folder, &catalogue::generate(&solc)?)?;
        let page = Page::new().fact("catalogue", folder.display());
        return Report::new(&serde_json::json!({ "catalogue": folder }), page);
    }
    let mut verifiers: Vec<_> = Catalogue::embedded()?
        .verifiers
        .into_iter()
        .map(|verifier| Verifier {
            name: verifier.name,
            taps: verifier.taps,
            pooling: verifier.pooling,
            contract: verifier.contract,
            address: verifier.address,
            code_hash: verifier.code_hash,
            code_bytes: verifier.code_bytes,
            key_bytes: verifier.key_bytes,
            proof_bytes: verifier.proof_bytes,
            scaled_commitments: verifier.scaled_commitments,
            deployed: None,
        })
        .collect();
    let chain_id = match &args.rpc_url {
        None => None,
        Some(url) => Some(chain::block_on(look(url, &mut verifiers))?),
    };
    let outcome = Outcome {
        chain_id,
        verifiers,
    };
    Report::new(&outcome, page(&outcome))
}

/// Asks a node which of the verifiers its chain has.
async fn look(url: &str, verifiers: &mut [Verifier]) -> anyhow::Result<u64> {
    let config = RpcConfig::new(url);
    let chain_id = chain::chain_id(&config).await?;
    let rpc = Rpc::new(config)?;
    for verifier in verifiers {
        let code = rpc.code(verifier.address).await?;
        verifier.deployed = Some(keccak256(&code) == verifier.code_hash);
    }
    Ok(chain_id)
}

fn page(outcome: &Outcome) -> Page {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("shape", Left),
        ("taps", Right),
        ("max pooling", Left),
        ("code bytes", Right),
        ("key bytes", Right),
        ("proof bytes", Right),
        ("address", Left),
        ("on the chain", Left),
    ]);
    let answer = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    for verifier in &outcome.verifiers {
        table.row([
            verifier.name.clone(),
            verifier.taps.to_string(),
            answer(verifier.pooling),
            thousands(verifier.code_bytes as u64),
            thousands(verifier.key_bytes as u64),
            thousands(verifier.proof_bytes as u64),
            verifier.address.to_string(),
            verifier.deployed.map_or_else(|| "?".to_owned(), answer),
        ]);
    }
    let heading = match outcome.chain_id {
        Some(chain_id) => format!("Verifiers that all models share, on chain {chain_id}"),
        None => "Verifiers that all models share".to_owned(),
    };
    let mut page = Page::new().heading(heading).table(table);
    for verifier in &outcome.verifiers {
        page = page.fact(
            format!("code hash of {}", verifier.name),
            verifier.code_hash,
        );
    }
    if outcome.chain_id.is_none() {
        page = page.text("  pass --rpc-url to see which are on a chain");
    }
    page.text("  a model compiled with --optimize gas needs no other verifiers where they fit; `deploy` deploys those that are missing")
}
