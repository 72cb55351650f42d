//! Model files of other formats, which are told by their first bytes, with the way to ONNX.

use crate::error::ModelError;
use crate::file::extension;
use std::path::Path;

const TORCH: &str = "torch.onnx.export(model.eval(), example_input, \"model.onnx\")";
const KERAS: &str = "model.export(\"model.onnx\", format=\"onnx\") of Keras 3";

/// A format that is not read: its name, and how models of it become ONNX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Foreign {
    name: &'static str,
    export: &'static str,
}

const fn foreign(name: &'static str, export: &'static str) -> Option<Foreign> {
    Some(Foreign { name, export })
}

/// The error for a file or folder of a known format that is not read.
pub(super) fn refuse(path: &Path, bytes: &[u8]) -> Option<ModelError> {
    let found = of_bytes(bytes).or_else(|| of_name(path))?;
    Some(error(path, found))
}

/// The error for a folder of a known format.
pub(super) fn refuse_folder(path: &Path) -> Option<ModelError> {
    let found = if path.join("saved_model.pb").is_file() {
        SAVED_MODEL
    } else if extension(path) == "mlpackage" {
        CORE_ML
    } else {
        None
    };
    found.map(|found| error(path, found))
}

fn error(path: &Path, found: Foreign) -> ModelError {
    ModelError::Malformed {
        format: "model",
        detail: format!(
            "{} is {}; supported: ONNX, TensorFlow Lite, and zkml's msgpack; to export it as ONNX: {}",
            path.display(),
            found.name,
            found.export
        ),
    }
}

const SAVED_MODEL: Option<Foreign> = foreign(
    "a TensorFlow SavedModel",
    "python -m tf2onnx.convert --saved-model FOLDER --output model.onnx",
);
const CORE_ML: Option<Foreign> = foreign(
    "a Core ML model",
    "export the model that it was converted from",
);
const PICKLE: Option<Foreign> = foreign(
    "a Python pickle (PyTorch, scikit-learn)",
    "torch.onnx.export or skl2onnx.to_onnx, in the program that made it",
);

fn of_bytes(bytes: &[u8]) -> Option<Foreign> {
    let at = |from: usize, magic: &[u8]| bytes.get(from..).is_some_and(|b| b.starts_with(magic));
    if at(4, b"ORTM") {
        return foreign(
            "a model in ONNX Runtime's own format",
            "use the .onnx file that it was made from",
        );
    }
    if at(0, b"\x89HDF\r\n\x1a\n") {
        return foreign("a Keras model or other HDF5 file", KERAS);
    }
    if at(0, b"GGUF") || at(0, b"lmgg") || at(0, b"tjgg") {
        return foreign(
            "a GGUF file with the weights of a language model",
            "there is no way: language models are not supported",
        );
    }
    if at(0, b"PK\x03\x04") {
        // The names of the archive's files stand before their contents; those at its end are enough for the rest.
        let start = &bytes[..bytes.len().min(1 << 16)];
        let end = &bytes[bytes.len().saturating_sub(1 << 16)..];
        let holds = |name: &[u8]| {
            let found = |part: &[u8]| part.windows(name.len()).any(|w| w == name);
            found(start) || found(end)
        };
        return if holds(b"data.pkl") {
            foreign("a PyTorch model", TORCH)
        } else if holds(b"model.weights.h5") {
            foreign("a Keras model", KERAS)
        } else {
            foreign("a zip archive", "unpack it, if it holds a model")
        };
    }
    if let [0x80, 2..=5, ..] = bytes {
        return PICKLE;
    }
    if let Some((length, rest)) = bytes.split_first_chunk::<8>()
        && rest.first() == Some(&b'{')
        && u64::from_le_bytes(*length) <= rest.len() as u64
    {
        return foreign(
            "a safetensors file, which has weights but no network",
            "load them into their model, and use torch.onnx.export",
        );
    }
    None
}

/// Protobuf files of other formats begin as ONNX does, or nearly so.
fn of_name(path: &Path) -> Option<Foreign> {
    let name = path.file_name()?.to_string_lossy();
    match (name.as_ref(), extension(path).as_str()) {
        ("saved_model.pb", _) => SAVED_MODEL,
        (_, "mlmodel") => CORE_ML,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_told_with_the_way_to_onnx() {
        let zip = |name: &str| [b"PK\x03\x04", name.as_bytes(), &[0; 40]].concat();
        for (file, bytes, says) in [
            (
                "a.ort",
                b"\x1c\0\0\0ORTM....".to_vec(),
                "ONNX Runtime's own",
            ),
            ("a.h5", b"\x89HDF\r\n\x1a\n".to_vec(), "Keras"),
            ("a.gguf", b"GGUF\x03".to_vec(), "language model"),
            ("a.pt", zip("archive/data.pkl"), "torch.onnx.export"),
            ("a.keras", zip("model.weights.h5"), "Keras"),
            ("a.zip", zip("readme"), "zip archive"),
            ("a.pth", b"\x80\x02\x8a\x0al\xfc".to_vec(), "Python pickle"),
            ("a.pkl", b"\x80\x04\x95".to_vec(), "skl2onnx"),
            (
                "a.safetensors",
                b"\x02\0\0\0\0\0\0\0{}".to_vec(),
                "safetensors",
            ),
            ("x/saved_model.pb", b"\x08\x01".to_vec(), "SavedModel"),
            ("a.mlmodel", b"\x08\x01".to_vec(), "Core ML"),
        ] {
            let refused = refuse(Path::new(file), &bytes).unwrap().to_string();
            assert!(refused.contains(says), "{refused}");
            assert!(
                refused.contains(file) && refused.contains("supported: ONNX"),
                "{refused}"
            );
        }
    }

    #[test]
    fn formats_that_are_read_are_not_taken_for_others() {
        for bytes in [
            &b""[..],
            b"\x08\x08\x12",
            b"\x86\xa9",
            b"\x80",
            b"{\"a\": 1}",
            b"\x0a\x00",
        ] {
            assert!(refuse(Path::new("a.onnx"), bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn folder_of_a_saved_model_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refuse_folder(folder.path()).is_none());
        std::fs::write(folder.path().join("saved_model.pb"), "").unwrap();
        let refused = refuse_folder(folder.path()).unwrap().to_string();
        assert!(refused.contains("--saved-model"), "{refused}");
    }
}
