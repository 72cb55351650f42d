//! Why a setup file is refused.

use thiserror::Error;

/// Why a setup file is refused. Sections are named as in the documentation of their format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A folder, a pipe or a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// No format that is read has this beginning and length.
    #[error(
        "it is no setup file: neither a .ptau (magic `ptau`), nor a powers-of-tau challenge or response, nor raw halo2 \
         parameters, whose lengths follow from their size; it has {length} bytes{hint}"
    )]
    UnknownFormat {
        /// Bytes in the file.
        length: u64,
        /// What it may have been.
        hint: String,
    },
    /// The file ends, or goes on, where it should not.
    #[error("it has {got} bytes, its header implies {expected}")]
    Length {
        /// Bytes that the header implies.
        expected: u64,
        /// Bytes in the file.
        got: u64,
    },
    /// A version that this program does not read.
    #[error("version {got} of .ptau files is not supported, only 1")]
    Version {
        /// Version in the file.
        got: u32,
    },
    /// A setup over another curve.
    #[error("it is a setup over another curve than BN254")]
    OtherCurve,
    /// A header that contradicts itself.
    #[error("its header is wrong: {0}")]
    Header(String),
    /// A section that is missing, repeated, unknown, of the wrong length, or beyond the end of the file.
    #[error("its section table is wrong: {0}")]
    SectionTable(String),
    /// The list of contributions in a .ptau is wrong.
    #[error("its list of contributions is wrong: {0}")]
    Contributions(String),
    /// More powers were asked for than there are.
    #[error("it has 2^{got} powers, 2^{asked} were asked for")]
    TooSmall {
        /// log2 of the powers asked for.
        asked: u32,
        /// log2 of the powers in the file.
        got: u32,
    },
    /// The file is not the one that was expected.
    #[error("its {algorithm} hash is {got}, expected {expected}")]
    Hash {
        /// Name of the hash function.
        algorithm: &'static str,
        /// Hash asked for.
        expected: String,
        /// Hash of the file.
        got: String,
    },
    /// A coordinate that is not below the modulus, or wrong flag bits.
    #[error("section {section}, point {index}: not a canonical encoding")]
    NotCanonical {
        /// Name of the section.
        section: String,
        /// Position in it.
        index: u64,
    },
    /// A point off the curve.
    #[error("section {section}, point {index}: not on the curve")]
    OffCurve {
        /// Name of the section.
        section: String,
        /// Position in it.
        index: u64,
    },
    /// The point at infinity.
    #[error("section {section}, point {index}: the point at infinity")]
    Infinity {
        /// Name of the section.
        section: String,
        /// Position in it.
        index: u64,
    },
    /// A point on the curve outside the group of prime order.
    #[error("section {section}, point {index}: not in the subgroup")]
    OutsideSubgroup {
        /// Name of the section.
        section: String,
        /// Position in it.
        index: u64,
    },
    /// The first power is not the generator.
    #[error("section {section}: the first point is not the generator")]
    NotTheGenerator {
        /// Name of the section.
        section: String,
    },
    /// The points are not the powers of one tau.
    #[error("section {section}: the points are not consecutive powers of the tau in G2")]
    NotPowers {
        /// Name of the section.
        section: String,
    },
    /// beta in G1 and in G2 differ.
    #[error("section {section}: beta in G2 is not the beta in G1")]
    OtherBeta {
        /// Name of the section.
        section: String,
    },
    /// A tau that anybody can find.
    #[error("tau is {0}: anybody can forge proofs under it")]
    WeakTau(String),
    /// The development setup, whose tau is in the source code.
    #[error(
        "it is the development setup, whose tau is public; `chainfer srs dev` makes it, no file is needed"
    )]
    DevelopmentTau,
    /// A power that repeats.
    #[error("section {section}: power {index} is the generator again")]
    Repeated {
        /// Name of the section.
        section: String,
        /// The exponent.
        index: u64,
    },
    /// The Lagrange basis is not that of the powers.
    #[error("section {section}: it is not the Lagrange basis of the powers of tau for 2^{k}")]
    NotLagrange {
        /// Name of the section.
        section: String,
        /// Size of the domain.
        k: u32,
    },
    /// tau is a root of unity of the domain.
    #[error("tau is a root of unity of order 2^{k}, so polynomials of that size are not hidden")]
    TauInDomain {
        /// Size of the domain.
        k: u32,
    },
}
