//! Deploying and attesting for programs: what the `chainfer` command line is made of.
//!
//! All sending goes through the [`crate::engine`], so that a call that was interrupted goes on where it was when it is made
//! again with the same state file, and sends nothing twice.

mod attest;
mod config;
mod deploy;
mod interrupted;
mod keys;
mod listing;
mod outlay;
mod place;
mod plan;
mod report;
mod transactions;

pub use attest::{AttestReport, attest};
pub use config::{ClientConfig, DEFAULT_SPEND_CAP};
pub use deploy::{Deployment, deploy};
pub use outlay::{Outlay, deployment_outlay};
pub use place::{DEPLOYMENT_PROXY, derived_address};
pub use plan::{
    ChunkCode, DeployPlan, EXPECTED_INFERENCES, KeyPlacement, NewRegistry, RegistryPlan,
    VerifierCode,
};
pub use report::TxReport;
pub use transactions::{Deployed, Step, call_contract, deploy_contract};
