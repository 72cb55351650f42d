use super::*;
use crate::srs::Srs;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner};
use halo2_proofs::plonk::{Advice, Column, Error, Fixed};
use halo2_proofs::poly::Rotation;
use std::fs;

/// A fixed column and two that are copied.
#[derive(Clone)]
struct Small;

impl Circuit<Fr> for Small {
    type Config = (Column<Fixed>, [Column<Advice>; 2]);
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Small
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Self::Config {
        let fixed = meta.fixed_column();
        let advice = [meta.advice_column(), meta.advice_column()];
        for column in advice {
            meta.enable_equality(column);
        }
        meta.create_gate("equal", |meta| {
            let here = meta.query_advice(advice[0], Rotation::cur());
            vec![meta.query_fixed(fixed, Rotation::cur()) * here]
        });
        (fixed, advice)
    }

    fn synthesize(
        &self,
        (fixed, advice): Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> std::result::Result<(), Error> {
        layouter.assign_region(
            || "",
            |mut region| {
                for row in 0..20 {
                    region.assign_fixed(fixed, row, Fr::from(row as u64 * 3));
                }
                use halo2_proofs::circuit::Value;
                let a = region.assign_advice(advice[0], 1, Value::known(Fr::one()));
                let b = region.assign_advice(advice[1], 4, Value::known(Fr::one()));
                region.constrain_equal(a.cell(), b.cell());
                Ok(())
            },
        )
    }
}

const K: u32 = 6;

fn written(path: &Path) -> ProvingKey {
    let srs = Srs::development(K).unwrap();
    let structure = Structure::of(&Small, K).unwrap();
    let vk = generate_to_file(path, 3, structure, &srs.setup().unwrap()).unwrap();
    let key = crate::keys::generate(&srs, &Small).unwrap();
    assert_eq!(vk.transcript_repr(), key.get_vk().transcript_repr());
    key
}

const COLUMNS: [KeyColumn; 3] = [
    KeyColumn::Fixed(0),
    KeyColumn::Sigma(0),
    KeyColumn::Sigma(1),
];

#[test]
fn file_of_a_key_has_the_columns_of_the_key_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let key = written(&path);
    let read = read_pk::<Small>(&path, K, ()).unwrap();
    assert_eq!(read.columns().fixed, key.columns().fixed);
    assert_eq!(read.columns().sigmas, key.columns().sigmas);
    let (vk, file) = KeyFile::open::<Small>(&path, K, ()).unwrap();
    assert_eq!(vk.transcript_repr(), key.get_vk().transcript_repr());
    for column in COLUMNS {
        assert_eq!(
            file.column(column).unwrap(),
            key.columns().column(column).unwrap()
        );
    }
    for none in [KeyColumn::Fixed(1), KeyColumn::Sigma(2)] {
        assert!(file.column(none).is_err());
    }
    require_pk::<Small>(&path, K, ()).unwrap();
    assert!(read_pk::<Small>(&path, K - 1, ()).is_err());
    // A key that was in memory is written alike.
    let other = dir.path().join("other");
    write_pk(&other, &key).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(&other).unwrap());
}

#[test]
fn file_that_changes_after_it_was_opened_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    written(&path);
    let bytes = fs::read(&path).unwrap();
    let column = SCALAR_LEN << K;
    for place in 0..COLUMNS.len() {
        for at in [0, 7, 31, column / 2 + 3, column - 1] {
            fs::write(&path, &bytes).unwrap();
            let (_, file) = KeyFile::open::<Small>(&path, K, ()).unwrap();
            let mut changed = bytes.clone();
            changed[MAGIC.len() + place * column + at] ^= 0x80;
            fs::write(&path, &changed).unwrap();
            for (other, name) in COLUMNS.into_iter().enumerate() {
                let read = file.column(name);
                assert_eq!(read.is_ok(), other != place, "column {place}, byte {at}");
            }
        }
    }
    for left in [0, 1, MAGIC.len() + column, bytes.len() / 2] {
        fs::write(&path, &bytes).unwrap();
        let (_, file) = KeyFile::open::<Small>(&path, K, ()).unwrap();
        fs::write(&path, &bytes[..left]).unwrap();
        assert!(matches!(
            file.column(KeyColumn::Sigma(1)),
            Err(PlonkError::Load(_))
        ));
    }
}

#[test]
fn damaged_or_cut_file_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    written(&path);
    let bytes = fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(97) {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert!(KeyFile::open::<Small>(&path, K, ()).is_err(), "byte {at}");
        assert!(read_pk::<Small>(&path, K, ()).is_err(), "byte {at}");
        fs::write(&path, &bytes[..at]).unwrap();
        assert!(KeyFile::open::<Small>(&path, K, ()).is_err(), "length {at}");
    }
}
