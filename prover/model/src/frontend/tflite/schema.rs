//! The parts of TensorFlow Lite's schema, version 3, that are read: `tensorflow/lite/schema/schema.fbs` numbers the fields.

use super::flat::Table;
use super::malformed;
use super::names::Builtin;
use crate::error::Result;

/// Lists are at most this long: models have some thousands of tensors.
const MAX_LIST: usize = 1 << 16;
/// An operator reads and writes at most so many tensors.
const MAX_OPERANDS: usize = 1 << 12;
/// Tensors have at most so many axes.
pub(super) const MAX_RANK: usize = 8;
/// Tensors, operands and scales of a file are at most so many, so that lists that are stated once and used often take no memory.
const MAX_TOTAL: usize = 1 << 22;

/// What may still be read.
struct Budget(usize);

impl Budget {
    fn spend(&mut self, count: usize) -> Result<()> {
        self.0 = self.0.checked_sub(count).ok_or_else(|| {
            malformed(format!(
                "more than {MAX_TOTAL} tensors, operands and scales"
            ))
        })?;
        Ok(())
    }
}

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Float32,
    Float16,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Bool,
    /// The handle of a variable.
    Resource,
    Other(u8),
}

impl Type {
    fn of(code: u8) -> Self {
        match code {
            0 => Self::Float32,
            1 => Self::Float16,
            2 => Self::Int32,
            3 => Self::Uint8,
            4 => Self::Int64,
            6 => Self::Bool,
            7 => Self::Int16,
            9 => Self::Int8,
            10 => Self::Float64,
            13 => Self::Resource,
            other => Self::Other(other),
        }
    }

    pub(super) fn name(self) -> String {
        let name = match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Float64 => "float64",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Bool => "bool",
            Self::Resource => "resource",
            Self::Other(5) => "string",
            Self::Other(8 | 11) => "complex",
            Self::Other(12) => "uint64",
            Self::Other(14) => "variant",
            Self::Other(15) => "uint32",
            Self::Other(16) => "uint16",
            Self::Other(17) => "int4",
            Self::Other(18) => "bfloat16",
            Self::Other(code) => return format!("type {code}"),
        };
        name.to_owned()
    }

    /// Bytes of an element; `None` for types that are not read.
    pub(super) fn width(self) -> Option<usize> {
        match self {
            Self::Int8 | Self::Uint8 | Self::Bool => Some(1),
            Self::Float16 | Self::Int16 => Some(2),
            Self::Float32 | Self::Int32 => Some(4),
            Self::Float64 | Self::Int64 => Some(8),
            Self::Resource | Self::Other(_) => None,
        }
    }

    pub(super) fn is_real(self) -> bool {
        matches!(self, Self::Float32 | Self::Float16 | Self::Float64)
    }

    /// The whole numbers that an element can be.
    pub(super) fn range(self) -> Option<[f64; 2]> {
        match self {
            Self::Int8 => Some([-128.0, 127.0]),
            Self::Uint8 => Some([0.0, 255.0]),
            Self::Int16 => Some([-32768.0, 32767.0]),
            _ => None,
        }
    }
}

/// What numbers of a quantised tensor stand for: `scale * (number - zero point)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Quantisation {
    /// One, or one for each place along the axis.
    pub(super) scales: Vec<f64>,
    /// As many, or one.
    pub(super) zero_points: Vec<i64>,
    pub(super) axis: i32,
}

impl Quantisation {
    pub(super) fn is_none(&self) -> bool {
        self.scales.is_empty()
    }

    pub(super) fn zero_point(&self, n: usize) -> f64 {
        let point = self.zero_points.get(n).or(self.zero_points.first());
        point.map_or(0.0, |p| *p as f64)
    }
}

/// A tensor of the graph.
#[derive(Clone, Debug)]
pub(super) struct Tensor<'f> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Axes whose length the file leaves open.
    pub(super) open: Vec<usize>,
    pub(super) kind: Type,
    pub(super) buffer: usize,
    pub(super) quantisation: Quantisation,
    pub(super) is_variable: bool,
    pub(super) sparsity: Option<Table<'f>>,
}

/// An operation.
#[derive(Clone, Debug)]
pub(super) struct Operator<'f> {
    /// Name of the operator.
    pub(super) title: String,
    /// Tensors; -1 for one that is left out.
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    pub(super) options: Option<Table<'f>>,
}

/// A graph of the file.
#[derive(Clone, Debug)]
pub(super) struct Subgraph<'f> {
    pub(super) tensors: Vec<Tensor<'f>>,
    pub(super) inputs: Vec<i32>,
    pub(super) outputs: Vec<i32>,
    pub(super) operators: Vec<Operator<'f>>,
}

/// A file.
#[derive(Debug)]
pub(super) struct Model<'f> {
    pub(super) subgraphs: Vec<Subgraph<'f>>,
    pub(super) buffers: Vec<&'f [u8]>,
}

impl<'f> Model<'f> {
    pub(super) fn parse(file: &'f [u8]) -> Result<Self> {
        if file.get(4..8) != Some(b"TFL3") {
            return Err(malformed(
                "not a TensorFlow Lite file: its identifier is not TFL3",
            ));
        }
        let root = Table::root(file, "the model")?;
        let version = root.u32(0)?;
        if version != 3 {
            return Err(malformed(format!(
                "schema version {version}; supported: 3; convert the model again"
            )));
        }
        let mut codes = Vec::new();
        for code in root.tables(1, MAX_LIST, "operator codes")? {
            let old = i32::from(code.u8(0, 0)?.cast_signed());
            let builtin = Builtin(old.max(code.i32(3, 0)?));
            let custom = code.text(1, "the name of a custom operator")?;
            codes.push((builtin, custom));
        }
        let mut buffers = Vec::new();
        for buffer in root.tables(4, 1 << 20, "buffers")? {
            buffers.push(content(file, &buffer)?);
        }
        let mut budget = Budget(MAX_TOTAL);
        let mut subgraphs = Vec::new();
        for table in root.tables(2, 1 << 10, "subgraphs")? {
            subgraphs.push(subgraph(&table, &codes, &mut budget)?);
        }
        if subgraphs.is_empty() {
            return Err(malformed("the file holds no graph"));
        }
        Ok(Self { subgraphs, buffers })
    }
}

/// The bytes of a buffer: in the file's tables, or behind them.
fn content<'f>(file: &'f [u8], buffer: &Table<'f>) -> Result<&'f [u8]> {
    let (offset, size) = (buffer.u64(1)?, buffer.u64(2)?);
    // An offset of 0 or 1 says that there is nothing behind the tables.
    if offset <= 1 {
        return buffer.bytes(0, "a buffer");
    }
    let range = usize::try_from(offset)
        .ok()
        .zip(usize::try_from(size).ok())
        .and_then(|(offset, size)| file.get(offset..offset.checked_add(size)?));
    range.ok_or_else(|| {
        malformed(format!(
            "a buffer of {size} bytes at byte {offset} lies outside of the file; is the file complete?"
        ))
    })
}

fn subgraph<'f>(
    table: &Table<'f>,
    codes: &[(Builtin, String)],
    budget: &mut Budget,
) -> Result<Subgraph<'f>> {
    let mut tensors = Vec::new();
    for (n, table) in table.tables(0, MAX_LIST, "tensors")?.iter().enumerate() {
        let tensor = tensor(n, table)?;
        let quantisation = &tensor.quantisation;
        budget.spend(1 + quantisation.scales.len() + quantisation.zero_points.len())?;
        tensors.push(tensor);
    }
    let exist = |list: Vec<i32>, what: &str| {
        let known = |n: &i32| *n == -1 || usize::try_from(*n).is_ok_and(|n| n < tensors.len());
        match list.iter().find(|n| !known(n)) {
            Some(n) => Err(malformed(format!("{what}: there is no tensor {n}"))),
            None => Ok(list),
        }
    };
    let mut operators = Vec::new();
    for (n, operator) in table.tables(3, MAX_LIST, "operators")?.iter().enumerate() {
        let code = operator.u32(0)? as usize;
        let (builtin, custom) = codes
            .get(code)
            .ok_or_else(|| malformed(format!("operator {n}: there is no operator code {code}")))?;
        let place = format!("operator {n}");
        let inputs = operator.ints(1, MAX_OPERANDS, "inputs of an operator")?;
        let outputs = operator.ints(2, MAX_OPERANDS, "outputs of an operator")?;
        budget.spend(1 + inputs.len() + outputs.len())?;
        operators.push(Operator {
            title: builtin.title(custom),
            inputs: exist(inputs, &place)?,
            outputs: exist(outputs, &place)?,
            options: operator.table(4, "options of an operator")?,
        });
    }
    Ok(Subgraph {
        inputs: exist(
            table.ints(1, MAX_LIST, "inputs of a graph")?,
            "inputs of the graph",
        )?,
        outputs: exist(
            table.ints(2, MAX_LIST, "outputs of a graph")?,
            "outputs of the graph",
        )?,
        tensors,
        operators,
    })
}

fn tensor<'f>(index: usize, table: &Table<'f>) -> Result<Tensor<'f>> {
    let name = table.text(3, "the name of a tensor")?;
    let name = if name.is_empty() {
        format!("tensor_{index}")
    } else {
        name
    };
    let declared = table.ints(0, MAX_RANK, "a shape")?;
    let signature = table.ints(7, MAX_RANK, "a shape signature")?;
    let mut shape = Vec::with_capacity(declared.len());
    let mut open = Vec::new();
    for (axis, length) in declared.iter().enumerate() {
        if *length < 0 || signature.get(axis).is_some_and(|d| *d < 0) {
            open.push(axis);
        }
        shape.push(usize::try_from(*length).unwrap_or(1));
    }
    let quantisation = match table.table(4, "quantisation")? {
        None => Quantisation::default(),
        Some(q) => Quantisation {
            scales: q.floats(2, MAX_LIST, "scales")?,
            zero_points: q.longs(3, MAX_LIST, "zero points")?,
            axis: q.i32(6, 0)?,
        },
    };
    Ok(Tensor {
        name,
        shape,
        open,
        kind: Type::of(table.u8(1, 0)?),
        buffer: table.u32(2)? as usize,
        quantisation,
        is_variable: table.flag(5)?,
        sparsity: table.table(6, "sparsity")?,
    })
}
