//! `chainfer srs`: manages trusted setups.

use crate::{
    args::{SrsArgs, SrsCommand},
    output::{Page, Progress, Report, seconds},
};
use chainfer_engine::srs::SrsStore;
use serde_json::json;

/// Runs the subcommand of `chainfer srs`.
pub(crate) fn run(args: &SrsArgs, progress: Progress) -> anyhow::Result<Report> {
    match args.command {
        SrsCommand::Dev { k } => dev(k, progress),
    }
}

fn dev(k: u32, progress: Progress) -> anyhow::Result<Report> {
    let store = SrsStore::user()?;
    progress.say(format_args!("development SRS with 2^{k} powers"));
    let srs = store.development(k)?;
    let (wall_s, folder) = (progress.elapsed_s(), store.dir());
    let json = json!({
        "k": srs.k(), "insecure": srs.insecure(), "digest": srs.digest(), "cache": folder, "wall_s": wall_s,
    });
    let page = Page::new()
        .heading(format!("INSECURE development SRS with 2^{k} powers, in {}", seconds(wall_s)))
        .fact("digest", srs.digest())
        .fact("cache", folder.display())
        .text("  the secret behind it is public, so anybody can forge proofs: for local chains and tests only");
    Report::new(&json, page)
}
