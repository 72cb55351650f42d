//! The outputs of a file, and the model.

use super::Walk;
use crate::error::Result;
use crate::frontend::onnx::importer::Value;
use crate::frontend::onnx::inputs::output_shape;
use crate::frontend::onnx::node::malformed;
use crate::frontend::onnx::operators;
use crate::frontend::onnx::scores::Scores;
use crate::frontend::survey::{LoadedModel, Survey};
use tract_onnx::pb::ValueInfoProto;

impl Walk<'_> {
    /// The model, if nothing is in its way.
    pub(super) fn finish(mut self, declared: &[ValueInfoProto]) -> Result<Survey> {
        let mut ids = Vec::with_capacity(declared.len());
        let mut warnings = Vec::new();
        for output in declared {
            let name = &output.name;
            let value = self.importer.value(name);
            let value =
                value.ok_or_else(|| malformed(format!("output {name}: no node computes it")))?;
            match *value {
                Value::Tensor(id) => {
                    if self.importer.unrounded.contains(&id) {
                        warnings.push(format!(
                            "output {name} is quantised in the file: it is given without rounding"
                        ));
                    }
                    let declared = Some(output).filter(|_| !self.is_reshaped);
                    ids.push((id, declared, name.clone()));
                }
                Value::Scores(Scores {
                    of,
                    function,
                    complement: false,
                }) if ids.iter().all(|(id, ..)| *id != of) => {
                    ids.push((of, None, format!("{name}_scores")));
                    self.importer.builder.leave_out(of, function);
                    warnings.push(format!(
                        "output {name}: the scores before its {function} are the output {name}_scores instead (--drop-final-softmax)"
                    ));
                }
                Value::Scores(_) => warnings.push(format!(
                    "output {name} is left out: it follows from the scores of another output"
                )),
                Value::Dropped(what) => warnings.push(format!(
                    "output {name} is left out: {what}, which is not proved; it follows from the scores"
                )),
                Value::Constant(_) => {
                    return Err(malformed(format!(
                        "output {name} does not depend on any input"
                    )));
                }
                Value::Unknown => {}
            }
        }
        let mut builder = self.importer.builder;
        self.collector.finish(operators::supported(), move || {
            if ids.is_empty() {
                return Err(malformed(format!(
                    "no output remains that can be proved: {}; make the scores an output when you export the model",
                    warnings.join("; ")
                )));
            }
            for (id, output, name) in &ids {
                if let Some(output) = output {
                    output_shape(output, builder.shape(*id))?;
                }
                builder.rename(*id, name);
            }
            let ids: Vec<_> = ids.into_iter().map(|(id, ..)| id).collect();
            Ok(LoadedModel {
                graph: builder.finish(&ids)?,
                warnings,
            })
        })
    }
}
