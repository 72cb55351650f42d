//! Accelerators that make proofs, with the processor behind them.

use crate::{
    prove::{Request, StepCost},
    srs::ProverSetup,
};
use chainfer_accelerators::{
    Checked, Guard, GuardError, LoadError,
    icicle::{Icicle, Options},
    plugin::Plugin,
};
use chainfer_compute::backend::Compute;
use chainfer_formats::B256;
use chainfer_plonk::{PlonkError, Setup, Witness};
use halo2curves::bn256::Fr;
use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// An accelerator, opened once for any number of proofs. Its commitments and transforms are checked, its proofs verified; where it fails, the
/// processor proves, with a warning, and from then on alone.
///
/// A library that stops the process takes this one with it: whoever must not stop proves in a child process.
pub struct Accelerator {
    device: Device,
    guard: Guard,
}

enum Device {
    Icicle(Held<Icicle>),
    Plugin(Held<Plugin>),
}

impl fmt::Debug for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accelerator")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

type Proof = (Vec<u8>, Vec<StepCost>);

impl Accelerator {
    /// A device of ICICLE (`CUDA:0`, `CPU`), for circuits of up to 2^k rows.
    ///
    /// # Errors
    /// ICICLE is not there or lacks a function, or the device is not there.
    pub fn icicle(device: &str, k: u32) -> Result<Self, LoadError> {
        let options = Options {
            device: device.to_owned(),
            k,
            libraries: None,
            backends: None,
        };
        Ok(Self::of(Device::Icicle(Held::new(Icicle::open(&options)?))))
    }

    /// A device of a library with the interface of `chainfer_compute.h`.
    ///
    /// # Errors
    /// The library is not there, has another interface, or does not give the device.
    pub fn plugin(library: &Path, device: &str) -> Result<Self, LoadError> {
        Ok(Self::of(Device::Plugin(Held::new(Plugin::open(
            library, device,
        )?))))
    }

    fn of(device: Device) -> Self {
        Accelerator {
            device,
            guard: Guard::default(),
        }
    }

    /// Its name for reports.
    pub fn name(&self) -> String {
        match &self.device {
            Device::Icicle(held) => held.compute.name(),
            Device::Plugin(held) => held.compute.name(),
        }
    }

    /// A proof that `verifies`, from the accelerator or else from the processor.
    pub(crate) fn create<W: Witness>(
        &self,
        request: &Request<'_>,
        witness: impl Fn() -> Result<W, PlonkError>,
        instances: &[Fr],
        verifies: impl Fn(&[u8]) -> bool,
    ) -> Result<Proof, PlonkError> {
        let accelerated = || match &self.device {
            Device::Icicle(held) => held.create(request, witness()?, instances),
            Device::Plugin(held) => held.create(request, witness()?, instances),
        };
        let on_processor = || request.create(witness()?, instances);
        let made = self
            .guard
            .prove(accelerated, on_processor, |(proof, _)| verifies(proof));
        made.map_err(|error| match error {
            GuardError::Prover(error) => error,
            GuardError::Rejected => PlonkError::Witness(error.to_string()),
        })
    }
}

/// The setups that a device has, by digest and k.
type Setups<B> = HashMap<(B256, u32), Arc<Setup<B>>>;

/// A device with the setups that it was given.
struct Held<C: Compute> {
    compute: Checked<C>,
    setups: Mutex<Setups<<Checked<C> as Compute>::Bases>>,
}

impl<C: Compute> Held<C> {
    fn new(device: C) -> Self {
        Held {
            compute: Checked::new(device),
            setups: Mutex::default(),
        }
    }

    fn setup(
        &self,
        of: &ProverSetup,
    ) -> Result<Arc<Setup<<Checked<C> as Compute>::Bases>>, PlonkError> {
        let key = (of.digest(), of.k());
        let lock = || self.setups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(setup) = lock().get(&key) {
            return Ok(Arc::clone(setup));
        }
        let made = Arc::new(Setup::from_source(&self.compute, of.points())?);
        Ok(Arc::clone(lock().entry(key).or_insert(made)))
    }

    fn create<W: Witness>(
        &self,
        request: &Request<'_>,
        witness: W,
        instances: &[Fr],
    ) -> Result<Proof, PlonkError> {
        let setup = self.setup(request.setup)?;
        request.create_on(&self.compute, &setup, witness, instances)
    }
}
