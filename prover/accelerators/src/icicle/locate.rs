//! Where ICICLE is.

use crate::error::LoadError;
use std::env;
use std::path::{Path, PathBuf};

/// The environment's name for the directory of ICICLE's libraries.
const LIBRARIES: &str = "ICICLE_LIBRARY_DIR";
/// The environment's name for the directory of ICICLE's back ends: ICICLE's own.
const BACKENDS: &str = "ICICLE_BACKEND_INSTALL_DIR";
/// Where ICICLE's packages are unpacked.
const USUAL: [&str; 3] = ["/opt/icicle/lib", "/usr/local/lib", "/usr/lib"];

/// Where libraries and back ends are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) directory: PathBuf,
    pub(super) backends: Option<PathBuf>,
}

/// Those that are loaded: each needs the ones before.
const NAMES: [&str; 3] = ["icicle_device", "icicle_field_bn254", "icicle_curve_bn254"];

impl Places {
    /// As the caller says, or the environment, or where they usually are.
    pub(super) fn find(
        libraries: Option<&Path>,
        backends: Option<&Path>,
    ) -> Result<Self, LoadError> {
        let backends = backends
            .map(Path::to_owned)
            .or_else(|| env::var_os(BACKENDS).map(PathBuf::from));
        let said = libraries
            .map(Path::to_owned)
            .or_else(|| env::var_os(LIBRARIES).map(PathBuf::from));
        let candidates = match said {
            Some(directory) => vec![directory],
            None => USUAL.map(PathBuf::from).to_vec(),
        };
        let directory = candidates
            .iter()
            .find(|directory| directory.join(file(NAMES[0])).exists());
        match directory {
            Some(directory) => {
                let usual = directory.join("backend");
                Ok(Places {
                    directory: directory.clone(),
                    backends: backends.or_else(|| usual.is_dir().then_some(usual)),
                })
            }
            None => Err(LoadError::Open {
                path: candidates
                    .into_iter()
                    .next()
                    .unwrap_or_default()
                    .join(file(NAMES[0])),
                detail: format!("not there; {LIBRARIES} says where ICICLE is"),
            }),
        }
    }

    pub(super) fn libraries(&self) -> [PathBuf; 3] {
        NAMES.map(|name| self.directory.join(file(name)))
    }
}

fn file(name: &str) -> String {
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    format!("{prefix}{name}{suffix}")
}
