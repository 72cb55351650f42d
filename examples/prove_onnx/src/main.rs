//! `prove-onnx MODEL INPUT FOLDER`: proves an inference and verifies the proof.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use anyhow::{Result, bail};
use prove_onnx::{prove, verify};
use std::path::PathBuf;

fn main() -> Result<()> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, input, folder] = &paths[..] else {
        bail!("usage: prove-onnx MODEL.onnx INPUT.json FOLDER");
    };
    let proof = prove(model, input, folder)?;
    let output = verify(&folder.join("bundle"), &proof)?;
    println!("proved and verified: {output:?}");
    Ok(())
}
