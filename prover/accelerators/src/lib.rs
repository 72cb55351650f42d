//! Back ends of the prover that shared libraries provide, loaded at run time.
//!
//! * [`plugin::Plugin`]: any accelerator, by the small C interface of `include/chainfer_compute.h`;
//! * [`icicle::Icicle`]: ICICLE 3 and 4, on its CUDA or its CPU device;
//! * [`Checked`]: checks the expensive results of either;
//! * [`Guard`]: proves on the processor where an accelerator fails.
//!
//! A library runs in this process with all its rights: load none that you would not run. Checks are there against faults, of a device
//! or of its software.

mod checked;
mod element;
mod error;
mod guard;
mod host;
pub mod icicle;
pub mod plugin;

pub use checked::{Checked, CheckedBases};
pub use error::LoadError;
pub use guard::{Guard, GuardError};
