//! Where a setup file has its points. Formats are told apart by content; every length must be exact.

use super::{error::ImportError, points::Encoding};
use crate::srs::MAX_K;
use halo2curves::{bn256::Fq, ff::PrimeField};
use serde::Serialize;
use std::io::{self, Read, Seek, SeekFrom};

/// Largest log2 of the powers of a ceremony over BN254: its scalar field has roots of unity of order 2^28.
const MAX_POWER: u32 = 28;

/// What a setup file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// snarkjs's `.ptau`.
    Ptau,
    /// A challenge of the perpetual powers of tau.
    Challenge,
    /// A response of the perpetual powers of tau.
    Response,
    /// halo2's parameters, raw.
    Halo2,
}

impl FileFormat {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Ptau => "snarkjs .ptau",
            Self::Challenge => "powers-of-tau challenge",
            Self::Response => "powers-of-tau response",
            Self::Halo2 => "raw halo2 parameters",
        }
    }
}

/// What a section's points are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// `tau^i` in G1.
    Powers,
    /// `tau^i` in G2.
    PowersG2,
    /// `alpha tau^i` or `beta tau^i` in G1.
    Shifted,
    /// beta in G2, after the section of `beta tau^i`.
    BetaG2,
    /// Lagrange bases in G1 for 2^first to 2^last, one after the other, in the order of the powers of `root`.
    Lagrange { first: u32, last: u32, root: Root },
    /// Nothing that is used here, in G1.
    OtherG1,
    /// Nothing that is used here, in G2.
    OtherG2,
    /// The list of contributions of a .ptau, which is no list of points.
    Contributions,
}

/// Which generator of the scalar field the roots of unity come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// halo2's: 7.
    Halo2,
    /// snarkjs's: 5.
    Snarkjs,
}

/// A run of points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) encoding: Encoding,
    pub(super) offset: u64,
    /// Bytes of it.
    pub(super) length: u64,
}

/// A file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: FileFormat,
    /// log2 of the powers that a circuit can use.
    pub(super) k: u32,
    /// In the order in which they are checked: powers in G2 and G1 first.
    pub(super) sections: Vec<Section>,
}

/// What can go wrong while reading.
pub(super) enum ReadError {
    Io(io::Error),
    Refused(ImportError),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ImportError> for ReadError {
    fn from(error: ImportError) -> Self {
        Self::Refused(error)
    }
}

impl Layout {
    /// Recognises a file of this length.
    pub(super) fn detect<R: Read + Seek>(file: &mut R, length: u64) -> Result<Self, ReadError> {
        let mut head = [0u8; 4];
        if length >= 4 {
            file.seek(SeekFrom::Start(0))?;
            file.read_exact(&mut head)?;
        }
        if &head == b"ptau" {
            return ptau(file, length);
        }
        let k = u32::from_le_bytes(head);
        if (1..=MAX_POWER).contains(&k) && length == halo2_length(k) {
            return Ok(halo2(k));
        }
        let ceremony = (1..=MAX_POWER).find_map(|k| {
            [FileFormat::Challenge, FileFormat::Response]
                .into_iter()
                .map(|format| ceremony(format, k))
                .find(|layout| layout.end() == length)
        });
        if let Some(layout) = ceremony {
            return Ok(layout);
        }
        let hint = if (1..=MAX_POWER).contains(&k) {
            let expected = halo2_length(k);
            format!("; raw halo2 parameters with 2^{k} powers have {expected}")
        } else {
            String::new()
        };
        Err(ImportError::UnknownFormat { length, hint }.into())
    }

    fn end(&self) -> u64 {
        self.sections
            .iter()
            .map(|s| s.offset + s.length)
            .max()
            .unwrap_or(0)
    }

    /// log2 of the most powers that this program can keep of it.
    pub(super) fn usable_k(&self) -> u32 {
        self.k.min(MAX_K)
    }
}

fn halo2_length(k: u32) -> u64 {
    4 + ((2 * 64) << k) + 2 * 128
}

fn halo2(k: u32) -> Layout {
    let n = 64u64 << k;
    let section = |name, role, offset, length| Section {
        name,
        role,
        encoding: Encoding::Montgomery,
        offset,
        length,
    };
    let basis = Role::Lagrange {
        first: k,
        last: k,
        root: Root::Halo2,
    };
    Layout {
        format: FileFormat::Halo2,
        k,
        sections: vec![
            section("g2", Role::PowersG2, 4 + 2 * n, 2 * 128),
            section("g", Role::Powers, 4, n),
            section("g_lagrange", basis, 4 + n, n),
        ],
    }
}

/// Challenges and responses: 64 bytes of hash, the accumulator, and in a response the contributor's public key.
fn ceremony(format: FileFormat, k: u32) -> Layout {
    let encoding = if format == FileFormat::Challenge {
        Encoding::Uncompressed
    } else {
        Encoding::Compressed
    };
    let shrink = u32::from(encoding == Encoding::Compressed);
    let n = 1u64 << k;
    let parts = [
        ("tau in G1", Role::Powers, ((2 * n - 1) * 64) >> shrink),
        ("tau in G2", Role::PowersG2, (n * 128) >> shrink),
        ("alpha tau in G1", Role::Shifted, (n * 64) >> shrink),
        ("beta tau in G1", Role::Shifted, (n * 64) >> shrink),
        ("beta in G2", Role::BetaG2, 128 >> shrink),
    ];
    let key = [
        ("public key in G1", Role::OtherG1, 6 * 64),
        ("public key in G2", Role::OtherG2, 3 * 128),
    ];
    let mut offset = 64;
    let mut sections = Vec::new();
    let mut add = |(name, role, length), encoding| {
        sections.push(Section {
            name,
            role,
            encoding,
            offset,
            length,
        });
        offset += length;
    };
    parts.into_iter().for_each(|part| add(part, encoding));
    if format == FileFormat::Response {
        // The key is never compressed.
        key.into_iter().for_each(|p| add(p, Encoding::Uncompressed));
    }
    sections.swap(0, 1);
    Layout {
        format,
        k,
        sections,
    }
}

const PTAU_HEADER: u32 = 1;
const PTAU_CONTRIBUTIONS: u32 = 7;
/// Sections of a file that is prepared for a second phase.
const PTAU_PREPARED: [u32; 4] = [12, 13, 14, 15];
/// More sections than any .ptau has.
const MAX_SECTIONS: u32 = 64;

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u32,
    offset: u64,
    length: u64,
}

fn ptau<R: Read + Seek>(file: &mut R, length: u64) -> Result<Layout, ReadError> {
    let table = ptau_table(file, length)?;
    let entry = |id: u32| table.iter().find(|e| e.id == id).copied();
    let needed = |id: u32| {
        entry(id).ok_or_else(|| ImportError::SectionTable(format!("section {id} is missing")))
    };
    let header = needed(PTAU_HEADER)?;
    let k = ptau_header(file, header)?;
    let n = 1u64 << k;
    let contributions = needed(PTAU_CONTRIBUTIONS)?;
    let bases = |g: Role| (g, 2 * n - 1);
    // Prepared bases go from 2^0 to 2^k; those of tau in G1 go on to 2^(k+1), except in files of early snarkjs.
    let to = match entry(12) {
        Some(found) if found.length == (2 * n - 1) * 64 => k,
        _ => k + 1,
    };
    let known = [
        (3, "3 (tau in G2)", (Role::PowersG2, n), 128),
        (2, "2 (tau in G1)", (Role::Powers, 2 * n - 1), 64),
        (4, "4 (alpha tau in G1)", (Role::Shifted, n), 64),
        (5, "5 (beta tau in G1)", (Role::Shifted, n), 64),
        (6, "6 (beta in G2)", (Role::BetaG2, 1), 128),
        (
            12,
            "12 (Lagrange, tau in G1)",
            (
                Role::Lagrange {
                    first: 0,
                    last: to,
                    root: Root::Snarkjs,
                },
                (2 << to) - 1,
            ),
            64,
        ),
        (13, "13 (Lagrange, tau in G2)", bases(Role::OtherG2), 128),
        (
            14,
            "14 (Lagrange, alpha tau in G1)",
            bases(Role::OtherG1),
            64,
        ),
        (
            15,
            "15 (Lagrange, beta tau in G1)",
            bases(Role::OtherG1),
            64,
        ),
    ];
    let prepared = PTAU_PREPARED.iter().any(|id| entry(*id).is_some());
    let mut sections = Vec::new();
    for (id, name, (role, points), size) in known {
        if PTAU_PREPARED.contains(&id) && !prepared {
            continue;
        }
        let found = needed(id)?;
        let expected = points * size;
        if found.length != expected {
            return Err(ImportError::SectionTable(format!(
                "section {name} has {} bytes, the header implies {expected}",
                found.length
            ))
            .into());
        }
        sections.push(Section {
            name,
            role,
            encoding: Encoding::Montgomery,
            offset: found.offset,
            length: found.length,
        });
    }
    sections.push(Section {
        name: "7 (contributions)",
        role: Role::Contributions,
        encoding: Encoding::Montgomery,
        offset: contributions.offset,
        length: contributions.length,
    });
    Ok(Layout {
        format: FileFormat::Ptau,
        k,
        sections,
    })
}

/// The sections, which must fill the file one after the other.
fn ptau_table<R: Read + Seek>(file: &mut R, length: u64) -> Result<Vec<Entry>, ReadError> {
    const START: u64 = 12;
    if length < START {
        return Err(ImportError::Length {
            expected: START,
            got: length,
        }
        .into());
    }
    file.seek(SeekFrom::Start(4))?;
    let version = read_u32(file)?;
    if version != 1 {
        return Err(ImportError::Version { got: version }.into());
    }
    let count = read_u32(file)?;
    if count > MAX_SECTIONS {
        return Err(ImportError::SectionTable(format!("it announces {count} sections")).into());
    }
    let mut table: Vec<Entry> = Vec::new();
    let mut at = START;
    for index in 0..count {
        if length - at < 12 {
            return Err(ImportError::SectionTable(format!(
                "the file ends before section {} of {count}",
                index + 1
            ))
            .into());
        }
        file.seek(SeekFrom::Start(at))?;
        let id = read_u32(file)?;
        let size = read_u64(file)?;
        let offset = at + 12;
        if size > length - offset {
            return Err(ImportError::SectionTable(format!(
                "section {id} has {size} bytes, {} are left in the file",
                length - offset
            ))
            .into());
        }
        if !(PTAU_HEADER..=PTAU_CONTRIBUTIONS).contains(&id) && !PTAU_PREPARED.contains(&id) {
            return Err(ImportError::SectionTable(format!("there is no section {id}")).into());
        }
        if table.iter().any(|e| e.id == id) {
            return Err(ImportError::SectionTable(format!("section {id} is there twice")).into());
        }
        table.push(Entry {
            id,
            offset,
            length: size,
        });
        at = offset + size;
    }
    if at != length {
        return Err(ImportError::Length {
            expected: at,
            got: length,
        }
        .into());
    }
    Ok(table)
}

fn ptau_header<R: Read + Seek>(file: &mut R, header: Entry) -> Result<u32, ReadError> {
    const LENGTH: u64 = 4 + 32 + 4 + 4;
    let wrong = |detail: String| ReadError::Refused(ImportError::Header(detail));
    file.seek(SeekFrom::Start(header.offset))?;
    if header.length < 4 {
        return Err(wrong(format!("it has {} bytes", header.length)));
    }
    if read_u32(file)? != 32 {
        return Err(ImportError::OtherCurve.into());
    }
    if header.length != LENGTH {
        let got = header.length;
        return Err(wrong(format!("it has {got} bytes, expected {LENGTH}")));
    }
    let mut modulus = [0u8; 32];
    file.read_exact(&mut modulus)?;
    // The modulus is the one number that is the largest element plus one.
    let mut largest = (-Fq::from(1)).to_repr();
    largest[0] += 1;
    if modulus != largest {
        return Err(ImportError::OtherCurve.into());
    }
    let (power, ceremony) = (read_u32(file)?, read_u32(file)?);
    if !(1..=MAX_POWER).contains(&power) {
        return Err(wrong(format!(
            "the power is {power}, allowed 1 to {MAX_POWER}"
        )));
    }
    if !(power..=MAX_POWER).contains(&ceremony) {
        return Err(wrong(format!(
            "the ceremony's power is {ceremony}, allowed {power} to {MAX_POWER}"
        )));
    }
    Ok(power)
}

fn read_u32(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0u8; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_u64(file: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0u8; 8];
    file.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
