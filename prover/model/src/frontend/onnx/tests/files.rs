//! Weights beside the model.

use super::*;
use std::fs;
use std::path::Path;
use tract_onnx::pb::StringStringEntryProto;

fn external(entries: &[(&str, &str)]) -> ModelProto {
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    let weights = TensorProto {
        name: "w".to_owned(),
        data_type: 1,
        dims: vec![2],
        data_location: Some(1),
        external_data: entries.iter().map(entry).collect(),
        ..TensorProto::default()
    };
    model(
        13,
        &["1", "2"],
        &[weights],
        &[node("Add", &["x", "w"], "y")],
    )
}

fn read_in(folder: &Path, entries: &[(&str, &str)]) -> Result<FloatGraph> {
    let survey = survey_proto(
        &external(entries),
        Folder::of(folder),
        &LoadOptions::default(),
    );
    Ok(survey?.model?.graph)
}

#[test]
fn weights_beside_the_model_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = [9f32, 5.0, 7.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/weights.bin"), bytes).unwrap();
    let entries = [
        ("location", "sub/weights.bin"),
        ("offset", "4"),
        ("length", "8"),
    ];
    let graph = read_in(folder.path(), &entries).unwrap();
    let values = graph.execute(&[vec![0.0, 1.0]]).unwrap();
    assert_eq!(graph.outputs_of(&values)[0], [5.0, 8.0]);
    // A model that is not a file has nothing beside it.
    let message = refusal(&external(&entries));
    assert!(
        message.contains("values of w are in another file"),
        "{message}"
    );
}

#[test]
fn weights_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    fs::write(folder.path().join("outside"), [0; 64]).unwrap();
    fs::write(model.join("weights"), [0; 8]).unwrap();
    let absolute = folder.path().join("outside");
    for location in [
        "../outside",
        "./../outside",
        absolute.to_str().unwrap(),
        "",
        "a\\b",
        ".",
    ] {
        let error = read_in(&model, &[("location", location)])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("not a path below the model's folder"),
            "{location}: {error}"
        );
    }
    for (entries, says) in [
        (
            &[("location", "weights"), ("offset", "1")][..],
            "weights has 8 bytes, 8 from byte 1 on",
        ),
        (
            &[("location", "weights"), ("offset", "18446744073709551615")],
            "has 8 bytes",
        ),
        (
            &[("location", "weights"), ("offset", "-1")],
            "offset \"-1\" is no number",
        ),
        (
            &[("location", "weights"), ("length", "4")],
            "length is 4, its type and shape take 8",
        ),
        (
            &[("location", "weights"), ("location", "weights")],
            "location is given twice",
        ),
        (&[("offset", "0")], "location is missing"),
        (&[("location", "none")], "none"),
    ] {
        let error = read_in(&model, entries).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn weights_behind_a_link_are_refused() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    fs::write(folder.path().join("weights"), [0; 8]).unwrap();
    symlink(folder.path().join("weights"), model.join("file")).unwrap();
    symlink(folder.path(), model.join("folder")).unwrap();
    for location in ["file", "folder/weights"] {
        let error = read_in(&model, &[("location", location)])
            .unwrap_err()
            .to_string();
        assert!(error.contains("through a link"), "{location}: {error}");
    }
}
