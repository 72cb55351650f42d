//! Small TensorFlow Lite files for tests: the tables of the schema, written front to back.

/// A field of a table.
#[derive(Clone, Debug)]
pub(crate) enum Field {
    Byte(u8),
    Int(i32),
    Long(u64),
    Real(f32),
    Text(&'static str),
    Bytes(Vec<u8>),
    Ints(Vec<i32>),
    Longs(Vec<i64>),
    Reals(Vec<f32>),
    Table(Fields),
    Tables(Vec<Fields>),
}

/// A table: fields by their numbers.
pub(crate) type Fields = Vec<(usize, Field)>;

fn align(out: &mut Vec<u8>, to: usize) {
    while !out.len().is_multiple_of(to) {
        out.push(0);
    }
}

fn patch(out: &mut [u8], at: usize) {
    let offset = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&offset.to_le_bytes());
}

fn vector(out: &mut Vec<u8>, len: usize, elements: &[u8]) {
    out.extend((len as u32).to_le_bytes());
    out.extend(elements);
}

/// Writes a table and what it leads to.
fn write(out: &mut Vec<u8>, at: usize, table: &Fields) {
    align(out, 8);
    let fields = table.iter().map(|(n, _)| n + 1).max().unwrap_or(0);
    let vtable = out.len();
    let size = 4 + 2 * fields;
    out.extend((size as u16).to_le_bytes());
    out.extend(vec![0; size - 2]);
    align(out, 8);
    patch(out, at);
    let start = out.len();
    out.extend(((start - vtable) as i32).to_le_bytes());
    out.extend([0; 4]);
    let mut later = Vec::new();
    for (n, field) in table {
        let place = out.len();
        out[vtable + 4 + 2 * n..][..2].copy_from_slice(&((place - start) as u16).to_le_bytes());
        match field {
            Field::Byte(v) => out.push(*v),
            Field::Int(v) => out.extend(v.to_le_bytes()),
            Field::Long(v) => out.extend(v.to_le_bytes()),
            Field::Real(v) => out.extend(v.to_le_bytes()),
            reference => {
                out.extend([0; 4]);
                later.push((place, reference));
            }
        }
        align(out, 8);
    }
    let own = ((out.len() - start) as u16).to_le_bytes();
    out[vtable + 2..vtable + 4].copy_from_slice(&own);
    for (place, field) in later {
        align(out, 8);
        match field {
            Field::Table(table) => write(out, place, table),
            Field::Tables(tables) => {
                patch(out, place);
                vector(out, tables.len(), &vec![0; 4 * tables.len()]);
                let first = out.len() - 4 * tables.len();
                for (n, table) in tables.iter().enumerate() {
                    write(out, first + 4 * n, table);
                }
            }
            other => {
                patch(out, place);
                let bytes: Vec<u8> = match other {
                    Field::Text(t) => t.bytes().collect(),
                    Field::Bytes(b) => b.clone(),
                    Field::Ints(l) => l.iter().flat_map(|v| v.to_le_bytes()).collect(),
                    Field::Longs(l) => l.iter().flat_map(|v| v.to_le_bytes()).collect(),
                    Field::Reals(l) => l.iter().flat_map(|v| v.to_le_bytes()).collect(),
                    _ => Vec::new(),
                };
                let len = match other {
                    Field::Ints(l) => l.len(),
                    Field::Longs(l) => l.len(),
                    Field::Reals(l) => l.len(),
                    _ => bytes.len(),
                };
                vector(out, len, &bytes);
            }
        }
    }
}

/// A tensor of a model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<i32>,
    /// Number of the element type; 0 is float32.
    pub(crate) kind: u8,
    pub(crate) data: Vec<u8>,
    /// Scales, zero points and their axis.
    pub(crate) quantisation: Option<(Vec<f32>, Vec<i64>, i32)>,
    pub(crate) signature: Vec<i32>,
    pub(crate) sparsity: Option<Fields>,
}

/// An operator: its number, options with their number in the union, inputs and outputs.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) code: i32,
    pub(crate) options: Fields,
    pub(crate) inputs: Vec<i32>,
    pub(crate) outputs: Vec<i32>,
}

/// A model of one graph, whose tensors are called t0, t1, ...
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) operators: Vec<Operator>,
    pub(crate) inputs: Vec<i32>,
    pub(crate) outputs: Vec<i32>,
    /// Data stands behind the tables instead of in them.
    pub(crate) behind: bool,
    pub(crate) custom: Option<&'static str>,
}

/// A tensor that is computed.
pub(crate) fn computed(shape: &[i32]) -> Tensor {
    Tensor {
        shape: shape.to_vec(),
        ..Tensor::default()
    }
}

/// A constant of real numbers.
pub(crate) fn reals(shape: &[i32], values: &[f32]) -> Tensor {
    Tensor {
        shape: shape.to_vec(),
        data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Tensor::default()
    }
}

/// A constant of whole numbers of 32 bits.
pub(crate) fn ints(shape: &[i32], values: &[i32]) -> Tensor {
    Tensor {
        shape: shape.to_vec(),
        kind: 2,
        data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Tensor::default()
    }
}

const NAMES: [&str; 10] = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"];

impl Model {
    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let first = self.encode(&[]);
        if !self.behind {
            return first;
        }
        // Lengths of the tables do not depend on the offsets that they state.
        let mut at = first.len() as u64;
        let mut offsets = Vec::new();
        for tensor in &self.tensors {
            offsets.push(at);
            at += tensor.data.len() as u64;
        }
        let mut bytes = self.encode(&offsets);
        self.tensors.iter().for_each(|t| bytes.extend(&t.data));
        bytes
    }

    fn encode(&self, offsets: &[u64]) -> Vec<u8> {
        use Field::*;
        let mut buffers: Vec<Fields> = vec![vec![]];
        let mut tensors = Vec::new();
        for (n, tensor) in self.tensors.iter().enumerate() {
            let mut table: Fields = vec![
                (0, Ints(tensor.shape.clone())),
                (1, Byte(tensor.kind)),
                (3, Text(NAMES[n])),
            ];
            if !tensor.data.is_empty() {
                table.push((2, Int(buffers.len() as i32)));
                buffers.push(match self.behind {
                    true => vec![
                        (1, Long(offsets.get(n).copied().unwrap_or(2))),
                        (2, Long(tensor.data.len() as u64)),
                    ],
                    false => vec![(0, Bytes(tensor.data.clone()))],
                });
            }
            if let Some((scales, zeros, axis)) = &tensor.quantisation {
                let own = vec![
                    (2, Reals(scales.clone())),
                    (3, Longs(zeros.clone())),
                    (6, Int(*axis)),
                ];
                table.push((4, Table(own)));
            }
            if let Some(sparsity) = &tensor.sparsity {
                table.push((6, Table(sparsity.clone())));
            }
            if !tensor.signature.is_empty() {
                table.push((7, Ints(tensor.signature.clone())));
            }
            tensors.push(table);
        }
        let mut codes = Vec::new();
        let mut operators = Vec::new();
        for (n, operator) in self.operators.iter().enumerate() {
            let mut code = vec![
                (0, Byte(operator.code.min(127) as u8)),
                (3, Int(operator.code)),
            ];
            code.extend(self.custom.map(|name| (1, Text(name))));
            codes.push(code);
            operators.push(vec![
                (0, Int(n as i32)),
                (1, Ints(operator.inputs.clone())),
                (2, Ints(operator.outputs.clone())),
                (3, Byte(1)),
                (4, Table(operator.options.clone())),
            ]);
        }
        let graph = vec![
            (0, Tables(tensors)),
            (1, Ints(self.inputs.clone())),
            (2, Ints(self.outputs.clone())),
            (3, Tables(operators)),
        ];
        let model = vec![
            (0, Int(3)),
            (1, Tables(codes)),
            (2, Tables(vec![graph])),
            (4, Tables(buffers)),
        ];
        let mut out = vec![0; 4];
        out.extend(b"TFL3");
        write(&mut out, 0, &model);
        out
    }
}
