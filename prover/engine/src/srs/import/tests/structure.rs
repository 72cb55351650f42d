//! Files that are not what their headers, tables and hashes say are refused by name.

use super::{FORMATS, K, ceremony, layout, open_with, refusal, section};
use crate::{
    error::EngineError,
    srs::import::{ImportError, ImportOptions, KeptSize, SetupFile, layout::Role},
};
use std::{fs, path::Path, process::Command};

#[test]
fn one_bit_in_any_section_is_refused_and_the_section_named() {
    let ceremony = ceremony();
    for format in FORMATS {
        let good = ceremony.write(format);
        for section in layout(&good).sections {
            let bytes_of_points = |offset: u64| (section.offset + offset) as usize;
            let places = match section.role {
                // tau, beta and a key's point of the contribution; count; length of its name
                Role::Contributions => vec![3, 70, 200, 330, 500, 900, 1505],
                _ => vec![0, section.length / 2 + 1, section.length - 1],
            };
            for place in places {
                let mut bad = good.clone();
                bad[bytes_of_points(place)] ^= 1;
                let message = refusal(&bad).to_string();
                let named = message.contains(section.name)
                    || section.role == Role::Contributions && message.contains("contribution");
                assert!(named, "{format:?} {} {place}: {message}", section.name);
            }
        }
    }
}

#[test]
fn one_bit_in_the_header_is_refused_by_name() {
    let good = ceremony().ptau(true);
    type Named = fn(&ImportError) -> bool;
    let version: Named = |e| matches!(e, ImportError::Version { .. });
    let unknown: Named = |e| matches!(e, ImportError::UnknownFormat { .. });
    let table: Named = |e| {
        matches!(
            e,
            ImportError::SectionTable(_) | ImportError::Length { .. } | ImportError::Header(_)
        )
    };
    let curve: Named = |e| matches!(e, ImportError::OtherCurve);
    let header: Named = |e| matches!(e, ImportError::Header(_) | ImportError::SectionTable(_));
    for (at, named) in [
        (0, unknown),
        (4, version),
        (8, table),
        (12, table),
        (16, table),
        (23, table),
        (24, curve),
        (28, curve),
        (59, curve),
        (60, header),
        (63, header),
        (67, header),
    ] {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            // A ceremony of more powers than the file has is no contradiction.
            let error = refusal(&bad);
            assert!(named(&error), "byte {at} bit {bit}: {error}");
        }
    }
}

#[test]
fn truncated_and_extended_files_are_refused() {
    let ceremony = ceremony();
    for format in FORMATS {
        let good = ceremony.write(format);
        for length in (0..200).chain(good.len() - 200..good.len()) {
            let error = refusal(&good[..length]);
            assert!(
                matches!(
                    error,
                    ImportError::UnknownFormat { .. }
                        | ImportError::Length { .. }
                        | ImportError::SectionTable(_)
                        | ImportError::OtherCurve
                        | ImportError::Header(_)
                ),
                "{format:?} {length}: {error}"
            );
        }
        let mut long = good.clone();
        long.push(0);
        assert!(matches!(
            refusal(&long),
            ImportError::UnknownFormat { .. } | ImportError::Length { .. }
        ));
    }
}

#[test]
fn lying_section_table_is_refused_without_reading_its_claims() {
    let good = ceremony().ptau(false);
    let second = 12 + 12 + 44;
    let cases: [(usize, &[u8], &str); 5] = [
        (16, &u64::MAX.to_le_bytes(), "are left in the file"),
        (16, &45u64.to_le_bytes(), "left in the file"),
        (second, &1u32.to_le_bytes(), "twice"),
        (second, &99u32.to_le_bytes(), "no section 99"),
        (8, &u32::MAX.to_le_bytes(), "announces"),
    ];
    for (at, bytes, expected) in cases {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        let message = refusal(&bad).to_string();
        let found = message.contains(expected) || at == 16 && message.contains("no section");
        assert!(found, "{message}");
    }
    // Lengths that fill the file, but are not those of the size.
    let mut bad = good.clone();
    let third = second + 12 + ((2 << K) - 1) * 64;
    let shorter = (((2u64 << K) - 2) * 64).to_le_bytes();
    bad[second + 4..second + 12].copy_from_slice(&shorter);
    bad.drain(third - 64..third);
    assert!(refusal(&bad).to_string().contains("the header implies"));
}

#[test]
fn wrong_size_in_the_header_is_refused() {
    let ceremony = ceremony();
    for k in [K - 1, K + 1, 0, 29] {
        let mut ptau = ceremony.ptau(true);
        ptau[60..64].copy_from_slice(&k.to_le_bytes());
        assert!(matches!(
            refusal(&ptau),
            ImportError::SectionTable(_) | ImportError::Header(_)
        ));
        let mut halo2 = ceremony.halo2();
        halo2[..4].copy_from_slice(&k.to_le_bytes());
        assert!(matches!(refusal(&halo2), ImportError::UnknownFormat { .. }));
    }
    let options = ImportOptions {
        size: KeptSize::Exactly(K + 1),
        ..ImportOptions::default()
    };
    assert!(matches!(
        open_with(&ceremony.ptau(true), &options),
        Err(EngineError::Import { source, .. })
            if *source == ImportError::TooSmall { asked: K + 1, got: K }
    ));
}

#[test]
fn expected_hash_is_compared_and_any_change_then_refused() {
    let good = ceremony().ptau(true);
    let hashes = open_with(&good, &ImportOptions::default())
        .unwrap()
        .hashes()
        .cloned()
        .unwrap();
    let options = ImportOptions {
        hash: Some(hashes.blake2b.parse().unwrap()),
        ..ImportOptions::default()
    };
    open_with(&good, &options).unwrap();
    // A byte of a hash among the contributions, which nothing else covers.
    let mut bad = good;
    let contributions = section(&bad, |s| s.role == Role::Contributions);
    bad[contributions.offset as usize + 1300] ^= 1;
    open_with(&bad, &ImportOptions::default()).unwrap();
    assert!(matches!(
        open_with(&bad, &options),
        Err(EngineError::Import { source, .. })
            if matches!(*source, ImportError::Hash { algorithm: "BLAKE2b", .. })
    ));
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_and_a_link_to_one_is_followed() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let open = |path: &Path| SetupFile::open(path, &ImportOptions::default(), &|_| ());
    let fifo = Command::new("mkfifo").arg(at("fifo")).status().unwrap();
    assert!(fifo.success());
    symlink("/dev/zero", at("link to a device")).unwrap();
    symlink(at("fifo"), at("link to a pipe")).unwrap();
    for path in [
        Path::new("/"),
        Path::new("/dev/zero"),
        &at("fifo"),
        &at("link to a device"),
        &at("link to a pipe"),
    ] {
        let Err(EngineError::Import {
            path: named,
            source,
        }) = open(path)
        else {
            panic!("{}", path.display());
        };
        assert_eq!((named.as_path(), *source), (path, ImportError::NotAFile));
    }
    symlink(at("nothing"), at("dangling")).unwrap();
    assert!(matches!(
        open(&at("dangling")),
        Err(EngineError::Io { action: "open", .. })
    ));
    fs::write(at("setup"), ceremony().challenge()).unwrap();
    symlink(at("setup"), at("link")).unwrap();
    open(&at("link")).unwrap();
}

#[test]
fn oversize_parameters_of_a_contribution_are_refused_by_name() {
    // A file whose last section ends with parameters of this length, all of them there.
    let with_parameters = |length: usize| {
        let mut bytes = ceremony().ptau(false);
        let old = b"\x01\x04test";
        assert!(bytes.ends_with(old));
        let section = section(&bytes, |s| s.role == Role::Contributions);
        let grown = section.length - old.len() as u64 + length as u64;
        bytes.truncate(bytes.len() - old.len() - 4);
        bytes.extend((length as u32).to_le_bytes());
        bytes.resize(bytes.len() + length, 1);
        let at = section.offset as usize - 8;
        bytes[at..at + 8].copy_from_slice(&grown.to_le_bytes());
        bytes
    };
    open_with(&with_parameters(4096), &ImportOptions::default()).unwrap();
    for length in [4097, 1 << 20] {
        assert_eq!(
            refusal(&with_parameters(length)),
            ImportError::Contributions(format!(
                "contribution 1 has {length} bytes of parameters, at most 4096 are expected"
            ))
        );
    }
    // Nothing is set aside for what the file only announces.
    let mut bytes = ceremony().ptau(false);
    let at = bytes.len() - 6 - 4;
    bytes[at..at + 4].fill(0xff);
    let message = refusal(&bytes).to_string();
    assert!(
        message.contains("contribution 1 has 4294967295 bytes of parameters"),
        "{message}"
    );
}
