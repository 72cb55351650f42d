//! Keys of one chunk circuit: generation, files, digest, proof length.
//!
//! Verifying keys are exchanged in a canonical encoding (points compressed) and parsed strictly. Proving keys never
//! leave their machine; they are stored raw, coefficients only, sealed against damage.

use crate::{
    error::{EngineError, Result},
    field::{coordinate_word, to_scalar},
    srs::Srs,
};
use chainfer_formats::{B256, digest::Encoder};
use chainfer_plonk::{KeyColumns, PlonkError, Structure, keygen, verifying_key};
use chainfer_transcript::{POINT_LEN, SCALAR_LEN};
use halo2_proofs::{
    SerdeFormat,
    plonk::{self, Circuit, ConstraintSystem},
};
use halo2curves::{
    CurveAffine as _,
    bn256::{Fr, G1Affine},
    group::{GroupEncoding, prime::PrimeCurveAffine as _},
};

pub(crate) use crate::key_file::require_pk;
pub use crate::key_file::{KeyFile, generate_to_file, read_pk, write_pk};

/// Verifying key of a chunk.
pub type VerifyingKey = plonk::VerifyingKey<G1Affine>;

/// Proving key of a chunk: its verifying key, and its fixed and permutation columns.
#[derive(Clone, Debug)]
pub struct ProvingKey {
    pub(crate) vk: VerifyingKey,
    pub(crate) columns: KeyColumns,
}

impl ProvingKey {
    /// The verifying key.
    pub fn get_vk(&self) -> &VerifyingKey {
        &self.vk
    }

    /// The columns, as coefficients.
    pub fn columns(&self) -> &KeyColumns {
        &self.columns
    }

    /// Both.
    pub fn into_parts(self) -> (VerifyingKey, KeyColumns) {
        (self.vk, self.columns)
    }
}

/// Kind and version in front of a verifying key.
const VK_MAGIC: &[u8; 8] = b"cfrvk\0\0\x01";
/// halo2's version byte, k, flag of selector compression, number of fixed columns.
const VK_HEAD: usize = 1 + 4 + 1 + 4;
/// Bytes of a compressed point.
const COMPRESSED_POINT: usize = 32;

/// The constraint system of a circuit with selectors as fixed columns, as keys have it.
pub(crate) fn system<C: Circuit<Fr>>(params: C::Params) -> ConstraintSystem<Fr> {
    let mut cs = ConstraintSystem::default();
    C::configure_with_params(&mut cs, params);
    let selectors = vec![vec![false]; cs.num_selectors()];
    cs.directly_convert_selectors_to_fixed(selectors).0
}

/// Makes the keys of a circuit. Only its structure and fixed values matter.
///
/// # Errors
/// The circuit does not fit the setup, or assigns what it must not.
pub fn generate<C: Circuit<Fr>>(srs: &Srs, circuit: &C) -> Result<ProvingKey, PlonkError> {
    let _span = tracing::info_span!("keygen").entered();
    let (vk, columns) = keygen(&srs.cpu(), srs.setup()?.as_ref(), circuit)?;
    Ok(ProvingKey { vk, columns })
}

/// Makes the verifying key of a circuit.
///
/// # Errors
/// As [`generate`].
pub fn generate_vk<C: Circuit<Fr>>(srs: &Srs, circuit: &C) -> Result<VerifyingKey, PlonkError> {
    let _span = tracing::info_span!("keygen").entered();
    Structure::of(circuit, srs.k())?.verifying_key(&srs.cpu(), srs.setup()?.as_ref())
}

/// Refuses a key with a point that is none of the curve, or the point at infinity: a column that is 0 everywhere. No circuit of ours
/// has one ([unread blinders](../../../docs/security.md#unread-blinders)).
///
/// # Errors
/// Names the first such point.
pub fn check_points(vk: &VerifyingKey) -> Result<()> {
    let lists = [
        ("fixed column", vk.fixed_commitments().as_slice()),
        ("permutation column", vk.permutation().commitments()),
    ];
    for (kind, points) in lists {
        for (i, point) in points.iter().enumerate() {
            let what = if bool::from(point.is_identity()) {
                "is the point at infinity: the column is 0 everywhere"
            } else if !bool::from(point.is_on_curve()) {
                "is no point of the curve"
            } else {
                continue;
            };
            let detail = format!("the commitment of {kind} {i} {what}");
            return Err(EngineError::malformed("verifying key", detail));
        }
    }
    Ok(())
}

/// A key with the commitments of some fixed columns taken from another key of the same circuit parameters.
pub(crate) fn with_fixed_of<C: Circuit<Fr>>(
    vk: &VerifyingKey,
    other: &VerifyingKey,
    columns: &[usize],
    params: C::Params,
) -> Result<VerifyingKey> {
    const POINT: usize = 32;
    let (mut bytes, from) = (encode_vk(vk), encode_vk(other));
    for column in columns {
        let at = VK_MAGIC.len() + VK_HEAD + POINT * column;
        let place = at..at + POINT;
        if let (Some(to), Some(from)) = (bytes.get_mut(place.clone()), from.get(place)) {
            to.copy_from_slice(from);
        }
    }
    decode_vk::<C>(&bytes, vk.get_domain().k, params)
}

/// A key with the constraint system of these circuit parameters and made-up commitments, for whoever wants the constraint system
/// alone. It verifies nothing.
///
/// # Errors
/// halo2 cannot read such a key.
pub(crate) fn blank_vk<C: Circuit<Fr>>(k: u32, params: C::Params) -> Result<VerifyingKey>
where
    C::Params: Clone,
{
    let mut cs = ConstraintSystem::default();
    C::configure_with_params(&mut cs, params.clone());
    let (fixed, copied) = (cs.num_fixed_columns(), cs.permutation().get_columns().len());
    let mut bytes = VK_MAGIC.to_vec();
    // The head: halo2's version, and no compression of selectors.
    bytes.push(2);
    bytes.extend(k.to_le_bytes());
    bytes.push(0);
    bytes.extend((fixed as u32).to_le_bytes());
    for _ in 0..fixed + copied {
        bytes.extend(G1Affine::generator().to_bytes().as_ref());
    }
    decode_vk::<C>(&bytes, k, params)
}

/// The canonical bytes of a verifying key. The constraint system is not in them: the circuit's parameters fix it.
pub fn encode_vk(vk: &VerifyingKey) -> Vec<u8> {
    let mut bytes = VK_MAGIC.to_vec();
    bytes.extend(vk.to_bytes(SerdeFormat::Processed));
    bytes
}

/// Parses untrusted bytes as the verifying key of a circuit of type `C` with these parameters and 2^k rows.
///
/// `params` must have been validated: they fix the constraint system.
///
/// # Errors
/// [`EngineError::Malformed`] unless the bytes are exactly the canonical encoding of a key for that circuit.
pub fn decode_vk<C: Circuit<Fr>>(bytes: &[u8], k: u32, params: C::Params) -> Result<VerifyingKey> {
    let refuse = |detail: &str| EngineError::malformed("verifying key", detail);
    let body = bytes
        .strip_prefix(VK_MAGIC)
        .ok_or_else(|| refuse("not a verifying key of this version"))?;
    let head = body.get(..VK_HEAD).ok_or_else(|| refuse("too short"))?;
    // halo2 sizes its evaluation domain by k before it looks further.
    if head[1..5] != k.to_le_bytes() {
        return Err(refuse("its number of rows is not the circuit's"));
    }
    if head[5] != 0 {
        return Err(refuse("selector compression is not used here"));
    }
    let fixed = u32::from_le_bytes([head[6], head[7], head[8], head[9]]) as usize;
    if fixed > (body.len() - VK_HEAD) / COMPRESSED_POINT {
        return Err(refuse("too short for its number of columns"));
    }
    let cs = system::<C>(params);
    if fixed != cs.num_fixed_columns() {
        return Err(refuse("its number of fixed columns is not the circuit's"));
    }
    let copied = cs.permutation().get_columns().len();
    let points = &body[VK_HEAD..];
    if points.len() != COMPRESSED_POINT * (fixed + copied) {
        return Err(refuse("its length is not that of its columns"));
    }
    let point = |bytes: &[u8]| {
        let mut compressed = <G1Affine as GroupEncoding>::Repr::default();
        compressed.as_mut().copy_from_slice(bytes);
        Option::<G1Affine>::from(G1Affine::from_bytes(&compressed))
    };
    let points: Option<Vec<G1Affine>> = points.chunks_exact(COMPRESSED_POINT).map(point).collect();
    let mut fixed_points = points.ok_or_else(|| refuse("a point is none of the curve"))?;
    let sigmas = fixed_points.split_off(fixed);
    let vk = verifying_key(cs, k, fixed_points, sigmas);
    if encode_vk(&vk) != bytes {
        return Err(refuse(
            "the encoding is not canonical or has trailing bytes",
        ));
    }
    check_points(&vk)?;
    Ok(vk)
}

/// Identity of a verifying key with its number of public values (instances behind root and context).
///
/// Binds the constraint system (through halo2's own digest of it, which every proof's transcript absorbs), all
/// commitments, the domain and the instance length, which halo2 binds nowhere.
pub fn vk_digest(vk: &VerifyingKey, num_public: usize) -> B256 {
    let mut encoder = Encoder::new("chainfer.vk.v1");
    encoder.number(vk.get_domain().k.into()).count(num_public);
    encoder.word(&to_scalar(&vk.transcript_repr()).to_word());
    for points in [vk.fixed_commitments(), vk.permutation().commitments()] {
        encoder.count(points.len());
        for point in points {
            encoder
                .word(&coordinate_word(&point.x))
                .word(&coordinate_word(&point.y));
        }
    }
    encoder.digest()
}

/// Bytes of every proof under this key (SHPLONK, uncompressed points).
pub fn proof_length(vk: &VerifyingKey) -> usize {
    let cs = vk.cs();
    let degree = cs.degree();
    let columns = cs.permutation().get_columns().len();
    let products = columns.div_ceil(degree - 2);
    let lookups = cs.lookups().len();
    // advice; permuted input, table and product of each lookup; permutation products; the random polynomial;
    // the quotient's pieces; SHPLONK's two points
    let points = cs.num_advice_columns() + 3 * lookups + products + 1 + (degree - 1) + 2;
    // openings of advice, fixed, the random polynomial, the permutation's sigmas; three of each product, but two of
    // the last; five of each lookup
    let scalars = cs.advice_queries().len()
        + cs.fixed_queries().len()
        + 1
        + columns
        + (3 * products).saturating_sub(1)
        + 5 * lookups;
    POINT_LEN * points + SCALAR_LEN * scalars
}
