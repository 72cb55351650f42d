#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod backend;
pub mod lanes;
pub mod msm;
pub mod ntt;
pub mod poly;
pub mod quotient;
pub mod scalar;
