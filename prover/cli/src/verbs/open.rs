//! `chainfer open`: prints one committed tensor of an inference, with the Merkle path from its leaf to the root.

use crate::{
    args::OpenArgs,
    output::{Page, Report},
};
use anyhow::Context as _;
use chainfer_engine::inference::open;
use chainfer_formats::SecretFile;

/// Opens a tensor from the secret file alone; neither bundle nor chain is needed.
pub(crate) fn run(args: &OpenArgs) -> anyhow::Result<Report> {
    let secret = SecretFile::read(&args.secret)
        .with_context(|| format!("cannot use {}", args.secret.display()))?;
    let opening = open(&secret, &args.tensor)?;
    let shown: Vec<String> = opening.values.iter().map(|v| format!("{v:.4}")).collect();
    let mut page = Page::new()
        .heading(format!("Tensor {} {:?}", opening.name, opening.shape))
        .fact("root", opening.root)
        .fact(
            "leaf",
            format!("{} (position {})", opening.leaf, opening.leaf_index),
        )
        .fact("salt", opening.salt);
    for (level, sibling) in opening.path.iter().enumerate() {
        page = page.fact(format!("sibling {level}"), sibling);
    }
    page = page
        .heading("Values")
        .text(format!("  {}", shown.join(" ")));
    Report::new(&opening, page)
}
