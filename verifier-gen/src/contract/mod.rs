//! From field arithmetic to a Solidity contract.
//!
//! [`shape`] collects what is to be computed; [`verifier`] chooses a code style and puts the parts together: the memory map
//! ([`layout`]), the assembly as Yul ([`checks`], [`transcript`], [`rows`], [`arithmetic`] or [`interpreter`], [`fold`]), the key
//! ([`key`]), the cost ([`estimate`]) and the text ([`source`], which fills in `template/Verifier.sol`).

pub(crate) mod abi;
mod arithmetic;
pub(crate) mod calldata;
mod checks;
mod errors;
mod estimate;
mod fold;
mod interpreter;
pub(crate) mod key;
mod layout;
pub(crate) mod limits;
pub(crate) mod numbers;
mod place;
mod rows;
mod section;
pub(crate) mod shape;
mod source;
mod transcript;
pub(crate) mod verifier;
