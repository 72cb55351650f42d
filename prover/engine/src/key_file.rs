//! The file of a proving key.
//!
//! Proving keys never leave their machine; they are stored raw, coefficients only, sealed against damage: every element of every column
//! in Montgomery form, fixed columns first, then the commitments of the verifying key. A key is written as it is made, and can be proved
//! with as it is read: it is never in memory whole, where memory is scarce.

use crate::{
    error::{EngineError, Result},
    keys::{ProvingKey, VerifyingKey, system},
    sealed,
};
use chainfer_compute::backend::{Compute, Cpu};
use chainfer_formats::files::Access;
use chainfer_plonk::{
    KeyColumn, KeyColumns, KeySource, PlonkError, Setup, Structure, verifying_key,
};
use chainfer_transcript::{POINT_LEN, SCALAR_LEN};
use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::{
    bn256::{Fr, G1Affine},
    serde::SerdeObject as _,
};
use std::{
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
};

const MAGIC: sealed::Magic = *b"cfrpk\0\0\x03";

/// Makes the keys of a circuit and stores the proving key, readable for its owner alone, column by column.
///
/// # Errors
/// The setup has another size; the file cannot be written.
pub fn generate_to_file(
    path: &Path,
    chunk: usize,
    structure: Structure,
    setup: &Setup<<Cpu as Compute>::Bases>,
) -> Result<VerifyingKey> {
    let _span = tracing::info_span!("keygen").entered();
    let refused = |detail| EngineError::Keygen { chunk, detail };
    let mut made = None;
    let mut failed = None;
    let written = sealed::write(path, Access::Private, &MAGIC, |file| {
        let mut keep = |_, values: &[Fr]| write_column(file, values).map_err(PlonkError::Store);
        match structure.keys(&Cpu::detect(), setup, &mut keep) {
            Ok(vk) => {
                write_points(file, &vk)?;
                made = Some(vk);
                Ok(())
            }
            Err(PlonkError::Store(error)) => Err(error),
            Err(error) => {
                failed = Some(error);
                Err(io::Error::other("no key was made"))
            }
        }
    });
    if let Some(error) = failed {
        return Err(refused(error.to_string()));
    }
    written?;
    made.ok_or_else(|| refused("nothing was written".to_owned()))
}

fn write_column(mut file: &mut dyn Write, values: &[Fr]) -> io::Result<()> {
    values
        .iter()
        .try_for_each(|value| value.write_raw(&mut file))
}

fn write_points(mut file: &mut dyn Write, vk: &VerifyingKey) -> io::Result<()> {
    let points = vk.fixed_commitments().iter();
    let mut points = points.chain(vk.permutation().commitments());
    points.try_for_each(|point| point.write_raw(&mut file))
}

/// Stores a proving key, readable for its owner alone.
///
/// # Errors
/// The file cannot be written.
pub fn write_pk(path: &Path, pk: &ProvingKey) -> Result<()> {
    sealed::write(path, Access::Private, &MAGIC, |file| {
        let mut columns = pk.columns.fixed.iter().chain(&pk.columns.sigmas);
        columns.try_for_each(|column| write_column(file, column))?;
        write_points(file, &pk.vk)
    })
}

/// Numbers of columns and rows of a key.
#[derive(Clone, Copy, Debug)]
struct Size {
    k: u32,
    fixed: usize,
    copied: usize,
}

impl Size {
    fn of(cs: &ConstraintSystem<Fr>, k: u32) -> Self {
        Size {
            k,
            fixed: cs.num_fixed_columns(),
            copied: cs.permutation().get_columns().len(),
        }
    }

    fn columns(self) -> usize {
        self.fixed + self.copied
    }

    fn column_bytes(self) -> usize {
        SCALAR_LEN << self.k
    }

    /// Bytes of a key in a file.
    fn bytes(self) -> u64 {
        (self.columns() * (POINT_LEN + self.column_bytes())) as u64
    }

    /// The place of a column among all.
    fn place(self, column: KeyColumn) -> Option<usize> {
        match column {
            KeyColumn::Fixed(index) => (index < self.fixed).then_some(index),
            KeyColumn::Sigma(index) => (index < self.copied).then_some(self.fixed + index),
        }
    }
}

/// Checks that there is a file of the length of a proving key of a circuit of type `C` with these parameters.
///
/// # Errors
/// There is none.
pub(crate) fn require_pk<C: Circuit<Fr>>(path: &Path, k: u32, params: C::Params) -> Result<()> {
    sealed::require(path, Size::of(&system::<C>(params), k).bytes())
}

/// Reads a file once and checks it; every column is shown as its bytes.
fn scan<C: Circuit<Fr>>(
    path: &Path,
    k: u32,
    params: C::Params,
    mut show: impl FnMut(usize, &[u8]),
) -> Result<(VerifyingKey, Size, std::fs::File)> {
    let malformed = |detail: &str| EngineError::malformed(path.display().to_string(), detail);
    let cs = system::<C>(params);
    let size = Size::of(&cs, k);
    let mut file = sealed::read(path, &MAGIC, size.bytes())?;
    if file.left() != size.bytes() {
        return Err(malformed("not a proving key of this circuit"));
    }
    let mut bytes = vec![0u8; size.column_bytes()];
    for place in 0..size.columns() {
        file.fill(&mut bytes)?;
        show(place, &bytes);
    }
    let mut points = vec![0u8; size.columns() * POINT_LEN];
    file.fill(&mut points)?;
    let file = file.finish()?;
    let points: Option<Vec<G1Affine>> = points
        .chunks_exact(POINT_LEN)
        .map(G1Affine::from_raw_bytes)
        .collect();
    let mut fixed = points.ok_or_else(|| malformed("a point is none of the curve"))?;
    let sigmas = fixed.split_off(size.fixed);
    Ok((verifying_key(cs, k, fixed, sigmas), size, file))
}

fn elements(bytes: &[u8]) -> Vec<Fr> {
    let elements = bytes.chunks_exact(SCALAR_LEN);
    elements.map(Fr::from_raw_bytes_unchecked).collect()
}

/// Reads a proving key of a circuit of type `C` with these parameters, written by [`write_pk`] or [`generate_to_file`].
///
/// # Errors
/// The file is missing, damaged, or of another circuit.
pub fn read_pk<C: Circuit<Fr>>(path: &Path, k: u32, params: C::Params) -> Result<ProvingKey> {
    let mut all = Vec::new();
    let (vk, size, _) = scan::<C>(path, k, params, |_, bytes| all.push(elements(bytes)))?;
    let sigmas = all.split_off(size.fixed);
    let columns = KeyColumns { fixed: all, sigmas };
    Ok(ProvingKey { vk, columns })
}

/// A proving key in its file, whose columns are read when they are asked for. The file was checked whole when it was opened; a column that
/// is another one when it is read again is an error.
pub struct KeyFile {
    path: PathBuf,
    parts: sealed::Parts,
    size: Size,
    /// The hash of every column.
    hashes: Vec<blake3::Hash>,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl KeyFile {
    /// Checks a file as [`read_pk`] does, and keeps it open.
    ///
    /// # Errors
    /// As [`read_pk`].
    pub fn open<C: Circuit<Fr>>(
        path: &Path,
        k: u32,
        params: C::Params,
    ) -> Result<(VerifyingKey, Self)> {
        let mut hashes = Vec::new();
        let mut hash = |_, bytes: &[u8]| {
            hashes.push(blake3::Hasher::new().update_rayon(bytes).finalize());
        };
        let (vk, size, file) = scan::<C>(path, k, params, &mut hash)?;
        let key = KeyFile {
            path: path.to_owned(),
            parts: sealed::Parts::new(file),
            size,
            hashes,
        };
        Ok((vk, key))
    }
}

impl KeySource for KeyFile {
    fn column(&self, column: KeyColumn) -> Result<Vec<Fr>, PlonkError> {
        let refuse = |what: &str| {
            let path = self.path.display();
            PlonkError::Load(format!("{path}: {what}"))
        };
        let place = self.size.place(column);
        let place = place.ok_or_else(|| refuse("it has no such column"))?;
        // In parts, so that the bytes are not in memory beside the elements.
        const PART: usize = SCALAR_LEN << 13;
        let all = self.size.column_bytes();
        let mut buffer = vec![0u8; PART.min(all)];
        let mut values = Vec::with_capacity(1 << self.size.k);
        let mut hasher = blake3::Hasher::new();
        for at in (0..all).step_by(buffer.len()) {
            let from = (place * all + at) as u64;
            self.parts
                .fill(&mut buffer, from)
                .map_err(|error| refuse(&error.to_string()))?;
            hasher.update(&buffer);
            values.extend(
                buffer
                    .chunks_exact(SCALAR_LEN)
                    .map(Fr::from_raw_bytes_unchecked),
            );
        }
        if self.hashes.get(place) != Some(&hasher.finalize()) {
            return Err(refuse("it has been changed since it was opened"));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests;
