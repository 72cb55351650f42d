//! The report of the demo.

use super::{stages::Stage, tamper::Tampered};
use crate::{
    chain::Transaction,
    output::{Align, Page, Table, bytes, seconds, thousands},
    verbs::{
        deploy::transactions_table,
        shared::{ScoresBefore, outputs_page},
    },
};
use alloy::primitives::{Address, B256};
use chainfer_engine::inference::ChunkMetrics;
use chainfer_formats::{OutputValues, Scalar};
use serde::Serialize;
use std::path::PathBuf;

/// What the dApp contract did.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Dapp {
    pub(super) address: Address,
    /// The class that it read from the attestation.
    pub(super) label: u64,
    /// Why it did not pay before the attestation.
    pub(super) before_attestation: String,
    /// Amount that it paid to the requester.
    pub(super) paid_wei: String,
}

/// The results of the demo.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) root: Scalar,
    pub(super) context: Scalar,
    pub(super) manifest_id: B256,
    pub(super) model_id: B256,
    pub(super) inference_id: B256,
    pub(super) chain_id: u64,
    pub(super) registry: Address,
    pub(super) requester: Address,
    pub(super) outputs: Vec<OutputValues>,
    pub(super) predicted_label: usize,
    pub(super) transactions: Vec<Transaction>,
    pub(super) total_gas: u64,
    pub(super) dapp: Dapp,
    pub(super) tampered: Tampered,
    pub(super) chunks: Vec<ChunkMetrics>,
    pub(super) proof_bytes: usize,
    pub(super) stages: Vec<Stage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<PathBuf>,
}

/// The report as text.
pub(super) fn page(outcome: &Outcome) -> Page {
    let dapp = &outcome.dapp;
    let mut page = Page::new()
        .heading("Inference")
        .fact("root", outcome.root)
        .fact("context", outcome.context)
        .fact("model id", outcome.model_id)
        .fact("inference id", outcome.inference_id)
        .fact("registry", outcome.registry)
        .fact("requester", outcome.requester);
    page = outputs_page(page, &outcome.outputs, &ScoresBefore::default())
        .heading("Chunk proofs, made in parallel")
        .table(chunks(outcome))
        .heading(format!(
            "Transactions, total gas {}",
            thousands(outcome.total_gas)
        ))
        .table(transactions_table(&outcome.transactions))
        .heading(format!("dApp contract {}", dapp.address))
        .fact(
            "before attestation",
            format!("refused to pay: {}", dapp.before_attestation),
        )
        .fact(
            "after attestation",
            format!(
                "read label {} and paid {}",
                dapp.label,
                ether(&dapp.paid_wei)
            ),
        )
        .heading("Tampered proof")
        .fact(
            "one flipped bit",
            format!(
                "chunk {}, byte {}",
                outcome.tampered.chunk, outcome.tampered.byte
            ),
        )
        .fact("on chain", format!("refused: {}", outcome.tampered.error))
        .heading("Stages")
        .table(stages(&outcome.stages));
    if let Some(folder) = &outcome.kept {
        page = page.text(format!(
            "  bundle, proof and logs are kept in {}",
            folder.display()
        ));
    }
    page.heading(format!("Predicted label: {}", outcome.predicted_label)).text(format!(
        "  proved in {} chunks, attested on chain {}, and read by a contract, which paid the bounty",
        outcome.chunks.len(),
        outcome.chain_id
    ))
}

fn ether(wei: &str) -> String {
    match wei {
        "1000000000000000000" => "1 ether to the requester".to_owned(),
        other => format!("{other} wei to the requester"),
    }
}

fn chunks(outcome: &Outcome) -> Table {
    use Align::Right;
    let mut table = Table::new(&[
        ("chunk", Right),
        ("time", Right),
        ("CPU", Right),
        ("proof", Right),
    ]);
    for chunk in &outcome.chunks {
        table.row([
            chunk.index.to_string(),
            seconds(chunk.cost.wall_s),
            chunk.cost.cpu_s.map_or_else(|| "?".to_owned(), seconds),
            bytes(chunk.proof_bytes as u64),
        ]);
    }
    table
}

fn stages(stages: &[Stage]) -> Table {
    let mut table = Table::new(&[("stage", Align::Left), ("seconds", Align::Right)]);
    for stage in stages {
        table.row([stage.name.clone(), format!("{:.2}", stage.seconds)]);
    }
    let total: f64 = stages.iter().map(|s| s.seconds).sum();
    table.row(["total".to_owned(), format!("{total:.2}")]);
    table
}
