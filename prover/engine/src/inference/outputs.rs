//! The outputs that public values encode.

use crate::error::VerifyError;
use chainfer_formats::{ChunkProof, Manifest, OutputValues, TensorSpec, Visibility, packing};

/// The model's outputs in readable form.
///
/// # Errors
/// [`VerifyError::OutputMismatch`] if the public values encode none.
pub(super) fn decode(
    manifest: &Manifest,
    chunks: &[ChunkProof],
) -> Result<Vec<OutputValues>, VerifyError> {
    manifest
        .outputs
        .iter()
        .map(|spec| {
            let raw = match spec.visibility {
                Visibility::Committed => None,
                Visibility::Public => Some(raw_values(manifest.range, spec, chunks)?),
            };
            Ok(OutputValues {
                name: spec.name.clone(),
                shape: spec.shape.clone(),
                visibility: spec.visibility,
                values: raw.as_deref().map(|raw| spec.dequantise(raw)),
                raw,
            })
        })
        .collect()
}

fn raw_values(
    range: u32,
    spec: &TensorSpec,
    chunks: &[ChunkProof],
) -> Result<Vec<u32>, VerifyError> {
    let refuse = |detail: &str| VerifyError::OutputMismatch {
        name: spec.name.clone(),
        detail: detail.to_owned(),
    };
    let words = chunks
        .iter()
        .find(|c| c.index == spec.chunk)
        .and_then(|c| c.public_values.get(spec.offset..))
        .and_then(|rest| rest.get(..spec.words()))
        .ok_or_else(|| refuse("its public values are missing"))?;
    let packed = packing::unpack(words, spec.length, range)
        .ok_or_else(|| refuse("its public values are not packed values in range"))?;
    Ok(spec.to_external(&packed))
}
