//! A setup for proving and key generation, whose points are in memory only while somebody needs them.

use super::{Srs, stored::StoredPoints};
use chainfer_compute::{backend::Cpu, msm::Bases};
use chainfer_formats::{B256, SrsSpec};
use chainfer_plonk::{PlonkError, PointSource, Setup};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// A setup of one size, in the cache or in memory.
pub struct ProverSetup {
    spec: SrsSpec,
    points: Points,
    is_checked: bool,
    /// The points in memory, as the processor takes them, while somebody has them.
    held: Mutex<Weak<Setup<Bases>>>,
}

enum Points {
    Stored(Arc<StoredPoints>),
    Held(Srs),
}

impl fmt::Debug for ProverSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProverSetup")
            .field("k", &self.k())
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl From<&Srs> for ProverSetup {
    fn from(srs: &Srs) -> Self {
        Self::held(srs.clone(), false)
    }
}

impl ProverSetup {
    pub(super) fn stored(points: StoredPoints, is_checked: bool) -> Self {
        ProverSetup {
            spec: points.spec().clone(),
            points: Points::Stored(Arc::new(points)),
            is_checked,
            held: Mutex::default(),
        }
    }

    pub(super) fn held(srs: Srs, is_checked: bool) -> Self {
        ProverSetup {
            spec: srs.spec().clone(),
            points: Points::Held(srs),
            is_checked,
            held: Mutex::default(),
        }
    }

    /// Whether all points were checked.
    pub(super) fn is_checked(&self) -> bool {
        self.is_checked
    }

    /// What a verifier needs of it.
    pub fn spec(&self) -> &SrsSpec {
        &self.spec
    }

    /// Identity of the setup; the same for every size of it.
    pub fn digest(&self) -> B256 {
        self.spec.digest
    }

    /// log2 of the number of powers.
    pub fn k(&self) -> u32 {
        self.points().k()
    }

    /// The points.
    pub fn points(&self) -> &dyn PointSource {
        match &self.points {
            Points::Stored(points) => points.as_ref(),
            Points::Held(srs) => srs.params(),
        }
    }

    /// For the processor: points in memory, shared by all who have them at a time.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn in_memory(&self) -> Result<Arc<Setup<Bases>>, PlonkError> {
        if let Points::Held(srs) = &self.points {
            return srs.setup();
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(setup) = held.upgrade() {
            return Ok(setup);
        }
        let made = Arc::new(Setup::from_source(&Cpu::detect(), self.points())?);
        *held = Arc::downgrade(&made);
        Ok(made)
    }

    /// For the processor: points that are read for every step that commits, where they are in a file.
    ///
    /// # Errors
    /// As [`in_memory`](Self::in_memory).
    pub fn streamed(&self) -> Result<Arc<Setup<Bases>>, PlonkError> {
        match &self.points {
            Points::Stored(points) => {
                let source: Arc<dyn PointSource> = Arc::clone(points) as _;
                Ok(Arc::new(Setup::streamed(source)))
            }
            Points::Held(srs) => srs.setup(),
        }
    }
}
