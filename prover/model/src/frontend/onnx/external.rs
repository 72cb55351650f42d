//! Weights in files beside the model. A model names those files, so nothing but what lies below the model's own folder is opened.

use super::node::malformed;
use crate::error::{ModelError, Result};
use crate::file::MAX_MODEL_BYTES;
use chainfer_formats::files;
use std::cell::Cell;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};
use tract_onnx::pb::TensorProto;

/// The folder that a model lies in.
#[derive(Debug)]
pub(super) struct Folder<'p> {
    path: Option<&'p Path>,
    /// Bytes that the model's constants may still take.
    left: Cell<u64>,
}

impl<'p> Folder<'p> {
    /// Of a model that is a file.
    pub(super) fn of(path: &'p Path) -> Self {
        Self {
            path: Some(path),
            left: Cell::new(MAX_MODEL_BYTES),
        }
    }

    /// Of a model that is not a file.
    pub(super) fn none() -> Self {
        Self {
            path: None,
            left: Cell::new(0),
        }
    }

    /// The bytes of a constant, which are `length`.
    pub(super) fn read(&self, tensor: &TensorProto, name: &str, length: usize) -> Result<Vec<u8>> {
        let bad =
            |what: String| malformed(format!("the values of {name} are in another file: {what}"));
        let Some(folder) = self.path else {
            return Err(bad(
                "they cannot be read here; save the model as one file (onnx.save with save_as_external_data=False)".into(),
            ));
        };
        let entry = |key: &str| {
            let mut found = tensor.external_data.iter().filter(|e| e.key == key);
            let first = found.next().map(|e| e.value.as_str());
            match found.next() {
                Some(_) => Err(bad(format!("{key} is given twice"))),
                None => Ok(first),
            }
        };
        let number = |key: &str, default: u64| match entry(key)? {
            None => Ok(default),
            Some(text) => {
                (text.parse::<u64>()).map_err(|_| bad(format!("{key} {text:?} is no number")))
            }
        };
        let location = entry("location")?.ok_or_else(|| bad("location is missing".into()))?;
        let (offset, wanted) = (number("offset", 0)?, length as u64);
        let stated = number("length", wanted)?;
        if stated != wanted {
            return Err(bad(format!(
                "length is {stated}, its type and shape take {wanted}"
            )));
        }
        let left = self.left.get().checked_sub(wanted);
        self.left.set(left.ok_or_else(|| {
            bad(format!(
                "all together they take more than {MAX_MODEL_BYTES} bytes"
            ))
        })?);
        let path = below(folder, location).map_err(|what| bad(format!("{location:?} {what}")))?;
        let (mut file, size) = files::open(&path, u64::MAX).map_err(ModelError::File)?;
        let end = offset.checked_add(wanted);
        if end.is_none_or(|end| end > size) {
            return Err(bad(format!(
                "{location} has {size} bytes, {wanted} from byte {offset} on are expected"
            )));
        }
        let failed = |source| ModelError::Read {
            path: path.clone(),
            source,
        };
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

/// The path of a file below a folder, reached without a link.
fn below(folder: &Path, location: &str) -> Result<std::path::PathBuf, &'static str> {
    let relative = Path::new(location);
    let plain = |c: Component<'_>| matches!(c, Component::Normal(_));
    if location.is_empty() || location.contains('\\') || !relative.components().all(plain) {
        return Err(
            "is not a path below the model's folder; supported: a relative path without ..",
        );
    }
    let mut path = if folder.as_os_str().is_empty() {
        Path::new(".").to_owned()
    } else {
        folder.to_owned()
    };
    for part in relative.components() {
        path.push(part);
        let is_link = fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
        if is_link {
            return Err("is reached through a link; supported: files below the model's folder");
        }
    }
    Ok(path)
}
