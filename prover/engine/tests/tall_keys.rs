//! A small file may stand for a key with many rows, and a bundle has up to 256 of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(target_os = "linux")]

use chainfer_circuits::{ChunkCircuit, catalogue::ENTRIES};
use chainfer_engine::{
    bundle::{MANIFEST_FILE, PublicBundle},
    key_set,
    keys::{decode_vk, proof_length, vk_digest},
    srs::Srs,
};
use chainfer_formats::{
    ChunkEntry, Manifest, TensorSpec, Visibility, boundary::LeafClass, manifest::LeafEntry,
};
use halo2_proofs::plonk::{Circuit as _, ConstraintSystem};
use halo2curves::{
    bn256::{Fr, G1Affine},
    group::GroupEncoding as _,
};
use std::{fs, path::Path};

/// Rows of each key: about 56 MiB when it is decoded.
const K: u32 = 17;
const CHUNKS: usize = 10;

/// A bundle of chunks in a row, every commitment of whose keys is the generator.
fn write(folder: &Path) {
    let shape = ENTRIES[0].shape(K);
    let mut cs = ConstraintSystem::<Fr>::default();
    ChunkCircuit::configure_with_params(&mut cs, shape.clone()).unwrap();
    let (fixed, copied) = (cs.num_fixed_columns(), cs.permutation().get_columns().len());
    let mut bytes = b"cfrvk\0\0\x01\x02".to_vec();
    bytes.extend(K.to_le_bytes());
    bytes.push(0);
    bytes.extend(u32::try_from(fixed).unwrap().to_le_bytes());
    bytes.extend(
        G1Affine::generator()
            .to_bytes()
            .as_ref()
            .repeat(fixed + copied),
    );
    let vk = decode_vk::<ChunkCircuit>(&bytes, K, shape.clone()).unwrap();

    let (mut chunks, mut digests) = (Vec::new(), Vec::new());
    for index in 0..CHUNKS {
        let mut exposes = Vec::new();
        exposes.extend((index == 0).then_some(0));
        exposes.extend((index + 1 == CHUNKS).then_some(CHUNKS));
        let num_public = exposes.len();
        digests.push(key_set::vk_key_digest(&shape, num_public, &vk).unwrap());
        chunks.push(ChunkEntry {
            index,
            contract: None,
            source: None,
            source_digest: None,
            key_code_hash: None,
            num_public,
            vk_digest: vk_digest(&vk, num_public),
            proof_length: proof_length(&vk),
            shape: shape.clone(),
            hide_rows: 0,
            reads: vec![index],
            writes: vec![index + 1],
            exposes,
        });
        fs::write(folder.join(format!("chunk{index}.vk")), &bytes).unwrap();
    }
    let leaf = |index: usize| LeafEntry {
        name: format!("t{index}"),
        class: match index {
            0 => LeafClass::Input,
            CHUNKS => LeafClass::Output,
            _ => LeafClass::Cut,
        },
        visibility: Visibility::Committed,
        length: 1,
    };
    let spec = |leaf: usize, chunk: usize| TensorSpec {
        name: format!("t{leaf}"),
        leaf,
        chunk,
        offset: 0,
        length: 1,
        zero_point: 0,
        scale: 1.0,
        shape: vec![1],
        visibility: Visibility::Committed,
        element_order: None,
        factors: None,
        before: None,
    };
    let ends = (vec![spec(0, 0)], vec![spec(CHUNKS, CHUNKS - 1)]);
    let setup = Srs::development(4).unwrap().spec().clone();
    let leaves = (0..=CHUNKS).map(leaf).collect();
    let keys = (setup, key_set::set_digest(&digests));
    let manifest = Manifest::new(4064, chunks, leaves, ends, keys).unwrap();
    manifest.write(&folder.join(MANIFEST_FILE)).unwrap();
}

fn resident_mib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() / 1024
}

/// Two keys are kept, and the others decoded one at a time: kept together they would take more than 500 MiB.
#[test]
fn open_many_tall_keys_takes_the_memory_of_a_few() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let before = resident_mib();
    let bundle = PublicBundle::open(folder.path()).unwrap();
    for vk in bundle.verifying_keys() {
        assert_eq!(vk.unwrap().get_domain().k(), K);
    }
    let grown = resident_mib() - before;
    assert!(grown < 300, "{grown} MiB");
}
