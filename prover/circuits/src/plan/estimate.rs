//! What runs of layers cost, without a plan of each: every layer's rows are counted once, in a layout of the whole program, and added
//! up.
//!
//! A chunk of its own may need a few rows less, because tensors have fewer readers in it, or more, where powers of challenges are made
//! anew. Who chooses a cut by these figures plans its chunks before relying on them.

use super::PlanSummary;
use super::memory::ColumnCounts;
use super::options::{Objective, PlanOptions};
use super::rows::{Rows, geometries};
use super::search::{Columns, Needs, has_few_columns_for, reserve};
use crate::arrangement::{self, Arrangement, compact::Compact, wide::Wide};
use crate::chip::openings::grid::Grid;
use crate::chip::openings::plan::OpeningCounts;
use crate::chip::registry;
use crate::error::CircuitError;
use crate::layout::pairs::Pairs;
use crate::layout::place::{ChunkLayout, Geometry};
use crate::shape::{CircuitShape, MAX_K};
use chainfer_model::quantized::{QLayer, QuantizedGraph};
use std::collections::{BTreeSet, HashMap};

/// Rows at the end of a circuit that no gate acts on, at most.
const UNUSABLE: usize = 12;
/// Height of the commitment tree that openings are counted with.
const TREE_HEIGHT: usize = 5;
/// What a chunk costs besides its rows, in rows of its columns: so that of two cuts that cost the same the one with fewer chunks is
/// taken.
const ROWS_OF_A_CHUNK: f64 = 64.0;
/// Units of a cost: a millionth of what the planner compares.
const MICRO: f64 = 1e6;

/// What a run of layers comes to as a chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEstimate {
    /// The shape that the planner would choose, by these figures.
    pub shape: CircuitShape,
    /// Rows that activations, checks or hashing take in it, whichever takes the most.
    pub rows: usize,
    /// What a circuit of this shape costs, in millionths of the planner's unit.
    pub cost: u64,
    /// What the run would cost if circuits had as many rows as are needed, and not a power of two.
    pub work: u64,
    /// Bytes of memory that proving it takes at full speed.
    pub proving_bytes: u64,
    /// Public values: tensors of the model's ends that are public, packed, and one for each that is committed.
    pub num_public: usize,
}

/// Which of a model's ends are public.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublicEnds {
    /// The inputs.
    pub inputs: bool,
    /// The outputs.
    pub outputs: bool,
}

/// Rows by layer and tensor, in one arrangement with so many lanes.
struct Variant {
    arrangement: &'static dyn Arrangement,
    lanes: usize,
    /// Rows of each layer's output and of its operands.
    values: Vec<usize>,
    /// Rows of each layer's check, by the arrangement's numbers of weights in a row.
    checks: Vec<Vec<usize>>,
    taps: Vec<usize>,
    /// Rows of each tensor where a chunk reads it.
    reads: Vec<usize>,
    /// What each layer's operator requires of a shape.
    bases: Vec<CircuitShape>,
}

/// Costs of the runs of a program's layers.
pub struct Estimator<'g> {
    graph: &'g QuantizedGraph,
    objective: Objective,
    reserve: usize,
    ends: PublicEnds,
    variants: Vec<Variant>,
    /// Layer that writes each tensor; none for model inputs.
    producer: Vec<Option<usize>>,
    /// Last layer that reads each tensor; `usize::MAX` for outputs.
    last_read: Vec<usize>,
    is_output: Vec<bool>,
}

impl std::fmt::Debug for Estimator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Estimator")
            .field("objective", &self.objective)
            .field("layers", &self.graph.layers.len())
            .finish_non_exhaustive()
    }
}

impl<'g> Estimator<'g> {
    /// Counts the rows of every layer.
    ///
    /// # Errors
    /// The program breaks its rules, or has a layer that no chip proves.
    pub fn new(
        graph: &'g QuantizedGraph,
        options: &PlanOptions,
        ends: PublicEnds,
    ) -> Result<Self, CircuitError> {
        chainfer_model::executor::validate(graph)
            .map_err(|e| CircuitError::inconsistent("model", e.to_string()))?;
        let mut producer = vec![None; graph.tensors.len()];
        let mut last_read = vec![0; graph.tensors.len()];
        for (index, layer) in graph.layers.iter().enumerate() {
            producer[layer.output().0] = Some(index);
            layer.inputs().iter().for_each(|t| last_read[t.0] = index);
        }
        let mut is_output = vec![false; graph.tensors.len()];
        for output in &graph.outputs {
            last_read[output.0] = usize::MAX;
            is_output[output.0] = true;
        }
        let wide: &'static dyn Arrangement = &Wide;
        let mut kinds: Vec<(&'static dyn Arrangement, usize)> =
            wide.sizes().lanes.map(|lanes| (wide, lanes)).collect();
        // Layers that cannot share a wide circuit's rows are in a compact one, whatever is optimised for.
        kinds.push((&Compact, 1));
        let variants = kinds
            .into_iter()
            .map(|(arrangement, lanes)| Variant::new(graph, arrangement, lanes))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            graph,
            objective: options.objective,
            reserve: reserve(options),
            ends,
            variants,
            producer,
            last_read,
            is_output,
        })
    }

    /// The rows of a layer.
    pub fn layer(&self, index: usize) -> LayerRows {
        let least = |rows: fn(&Variant, usize) -> Option<usize>| {
            let rows = self.variants.iter().filter_map(|v| rows(v, index));
            rows.min().unwrap_or(0)
        };
        LayerRows {
            values: least(|variant, index| variant.values.get(index).copied()),
            check: least(|variant, index| variant.checks.get(index)?.iter().min().copied()),
        }
    }

    /// Estimates of the runs `first..first + 1`, `first..first + 2`, ...; the list ends before the first run that no circuit holds, or that
    /// `fits` refuses.
    pub fn runs(&self, first: usize, fits: impl Fn(&RunEstimate) -> bool) -> Vec<RunEstimate> {
        // A longer run may fit where a shorter one does not, because it opens another tensor.
        const MISSES: usize = 4;
        let mut runs = Vec::new();
        let mut known = HashMap::new();
        let mut run = Run::new(self, first);
        let mut missed = 0;
        for layer in first..self.graph.layers.len() {
            run.extend(self, layer);
            match run.estimate(self, &mut known) {
                Some(estimate) if fits(&estimate) => {
                    missed = 0;
                    runs.push(estimate);
                }
                _ if missed < MISSES => {
                    missed += 1;
                    runs.push(RunEstimate::none());
                }
                _ => break,
            }
        }
        while runs.last().is_some_and(|run| !run.is_possible()) {
            runs.pop();
        }
        runs
    }
}

/// Rows that a layer takes where it takes the fewest: of its output, and of its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerRows {
    /// Rows of activations.
    pub values: usize,
    /// Rows of weights and relations.
    pub check: usize,
}

impl LayerRows {
    /// The greater of the two.
    pub fn most(&self) -> usize {
        self.values.max(self.check)
    }
}

impl PlanSummary {
    /// Rows that activations, checks or hashing take, whichever takes the most.
    pub fn rows(&self) -> usize {
        let before =
            arrangement::of(&self.shape).first_value_row(self.combine_rows, self.hash_rows);
        (before + self.value_rows)
            .max(self.combine_rows)
            .max(self.hash_rows)
    }

    /// What a circuit of this shape costs, in the units of [`RunEstimate::cost`].
    pub fn cost(&self, objective: Objective) -> u64 {
        shape_cost(&self.shape, objective)
    }
}

/// What a circuit of a shape costs, in the units of [`RunEstimate::cost`].
pub fn shape_cost(shape: &CircuitShape, objective: Objective) -> u64 {
    let rows = (1u64 << shape.k) as f64 + ROWS_OF_A_CHUNK;
    micro(Columns::of(shape).cost(rows, objective))
}

fn micro(cost: f64) -> u64 {
    ((cost * MICRO) as u64).max(1)
}

impl RunEstimate {
    fn none() -> Self {
        Self {
            shape: CircuitShape::default(),
            rows: 0,
            cost: u64::MAX,
            work: u64::MAX,
            proving_bytes: u64::MAX,
            num_public: 0,
        }
    }

    /// Whether a circuit holds the run.
    pub fn is_possible(&self) -> bool {
        self.cost < u64::MAX
    }
}

impl Variant {
    fn new(
        graph: &QuantizedGraph,
        arrangement: &'static dyn Arrangement,
        lanes: usize,
    ) -> Result<Self, CircuitError> {
        let geometries = geometries(arrangement, &graph.layers, lanes)?;
        let geometry = Geometry {
            graph,
            inputs: &graph.inputs,
            layers: &geometries,
            lanes,
        };
        let layout = geometry.lay_out(0)?;
        let mut variant = Variant {
            arrangement,
            lanes,
            values: Vec::new(),
            checks: Vec::new(),
            taps: Vec::new(),
            reads: Vec::new(),
            bases: Vec::new(),
        };
        for tensor in 0..graph.tensors.len() {
            let placed = layout.tensor(chainfer_model::quantized::TensorId(tensor), "tensor")?;
            variant.reads.push(placed.rows().div_ceil(placed.stride));
        }
        for (layer, geometry) in graph.layers.iter().zip(&geometries) {
            variant.layer(layer, geometry.has_pairs, &layout)?;
        }
        Ok(variant)
    }

    fn layer(
        &mut self,
        layer: &QLayer,
        has_pairs: bool,
        layout: &ChunkLayout,
    ) -> Result<(), CircuitError> {
        let rows = layout.tensor(layer.output(), layer.name())?.rows();
        self.values.push(if has_pairs { 3 * rows } else { rows });
        let read = layer.inputs().into_iter();
        let of_inputs = read.map(|id| layout.columns(id).len()).max().unwrap_or(0);
        let of_pairs = if has_pairs { Pairs::TAPS } else { 0 };
        self.taps.push(of_inputs.max(of_pairs));
        let mut base = self.arrangement.base();
        let operators = self.arrangement.operators();
        for operator in registry::used(&operators, std::slice::from_ref(layer)) {
            operator.require(&mut base);
        }
        let has_room = self.arrangement.lanes_needed(&base) <= self.lanes
            && self.lanes <= self.arrangement.most_lanes(&base);
        self.bases.push(base);
        // No shape has the layer in these lanes.
        let checks = if has_room {
            let (count, _) = Rows::count(self.arrangement, std::slice::from_ref(layer), layout)?;
            let per_row = self.arrangement.sizes().weights_per_row.iter();
            per_row.map(|w| count.rows(*w)).collect()
        } else {
            Vec::new()
        };
        self.checks.push(checks);
        Ok(())
    }
}

/// What a run needs of a variant.
#[derive(Clone, Debug)]
struct Sums {
    possible: bool,
    values: usize,
    checks: Vec<usize>,
    taps: usize,
}

/// A run of layers while it grows.
struct Run {
    first: usize,
    base: CircuitShape,
    sums: Vec<Sums>,
    tables: BTreeSet<usize>,
    read: BTreeSet<usize>,
    openings: OpeningCounts,
}

type Known = HashMap<(usize, usize, usize, usize, u32, [bool; 3]), Columns>;

impl Run {
    fn new(of: &Estimator<'_>, first: usize) -> Self {
        let sums = |variant: &Variant| Sums {
            possible: true,
            values: 0,
            checks: vec![0; variant.arrangement.sizes().weights_per_row.len()],
            taps: 0,
        };
        Run {
            first,
            base: CircuitShape::default(),
            sums: of.variants.iter().map(sums).collect(),
            tables: BTreeSet::new(),
            read: BTreeSet::new(),
            openings: OpeningCounts {
                constants: 1,
                ..OpeningCounts::default()
            },
        }
    }

    /// Takes in the layer behind the run.
    fn extend(&mut self, of: &Estimator<'_>, index: usize) {
        let layer = &of.graph.layers[index];
        if let QLayer::Function(function) = layer {
            self.tables.insert(function.table);
        }
        let len = |tensor: usize| of.graph.tensors[tensor].dims.len();
        for input in layer.inputs() {
            let id = input.0;
            let own = of.producer[id].is_some_and(|p| p >= self.first);
            if own && of.last_read[id] == index {
                self.openings
                    .remove(OpeningCounts::inner(len(id), TREE_HEIGHT));
            } else if !own && self.read.insert(id) {
                let counts = if of.producer[id].is_none() {
                    OpeningCounts::leaf(len(id), TREE_HEIGHT, of.ends.inputs)
                } else {
                    OpeningCounts::inner(len(id), TREE_HEIGHT)
                };
                self.openings.add(counts);
                for (sums, variant) in self.sums.iter_mut().zip(&of.variants) {
                    sums.values += variant.reads[id];
                }
            }
        }
        let output = layer.output().0;
        if of.is_output[output] {
            let counts = OpeningCounts::leaf(len(output), TREE_HEIGHT, of.ends.outputs);
            self.openings.add(counts);
        } else if of.last_read[output] > index {
            self.openings
                .add(OpeningCounts::inner(len(output), TREE_HEIGHT));
        }
        for (sums, variant) in self.sums.iter_mut().zip(&of.variants) {
            sums.values += variant.values[index];
            sums.taps = sums.taps.max(variant.taps[index]);
            sums.possible &= !variant.checks[index].is_empty();
            for (sum, rows) in sums.checks.iter_mut().zip(&variant.checks[index]) {
                *sum += rows;
            }
        }
        if let Some(variant) = of.variants.first() {
            let base = &variant.bases[index];
            self.base.pooling |= base.pooling;
            self.base.functions |= base.functions;
            self.base.products |= base.products;
        }
    }

    /// The cheapest circuit that has room, if there is one.
    fn estimate(&self, of: &Estimator<'_>, known: &mut Known) -> Option<RunEstimate> {
        let mut best: Option<RunEstimate> = None;
        let mut work = f64::INFINITY;
        for (sums, variant) in self.sums.iter().zip(&of.variants) {
            let arrangement = variant.arrangement;
            let mut base = arrangement.base();
            (base.range, base.lanes, base.taps) = (of.graph.range, variant.lanes, sums.taps);
            (base.pooling, base.functions) = (self.base.pooling, self.base.functions);
            base.products = self.base.products;
            let has_room = arrangement.lanes_needed(&base) <= variant.lanes
                && variant.lanes <= arrangement.most_lanes(&base);
            // A tall circuit never proves faster.
            let is_last_resort = of.objective == Objective::Time && base.stacked && best.is_some();
            if !sums.possible || !has_room || is_last_resort {
                continue;
            }
            let sizes = arrangement.sizes();
            for (&weights_per_row, &check) in sizes.weights_per_row.iter().zip(&sums.checks) {
                for &limbs in sizes.limbs {
                    if !base.range.is_multiple_of(limbs) {
                        continue;
                    }
                    let shape = CircuitShape {
                        weights_per_row,
                        limbs,
                        ..base.clone()
                    };
                    self.consider(
                        (of, known),
                        shape,
                        (sums.values, check),
                        (&mut best, &mut work),
                    );
                }
            }
        }
        best.map(|best| RunEstimate {
            work: micro(work),
            ..best
        })
    }

    fn consider(
        &self,
        (of, known): (&Estimator<'_>, &mut Known),
        mut shape: CircuitShape,
        (values, check): (usize, usize),
        (best, work): (&mut Option<RunEstimate>, &mut f64),
    ) {
        let arrangement = arrangement::of(&shape);
        let hashing = |lanes: usize| {
            Grid::of(
                &self.openings,
                lanes,
                arrangement.packing(),
                arrangement.wiring(),
            )
            .rows()
        };
        let most = *arrangement.sizes().hash_lanes.end();
        let table = shape.table() as usize;
        let needs = |hashing: usize| Needs {
            values,
            check,
            tables: self.tables.len(),
            hashing,
        };
        let range = shape.range;
        let rows_with = |hashing| {
            needs(hashing)
                .rows(arrangement, range, of.reserve)
                .max(table)
        };
        let rows = |lanes: usize| rows_with(hashing(lanes));
        // As many hash lanes as hashing needs not to be what the rows are for.
        let lanes = (1..=most)
            .find(|lanes| hashing(*lanes) < rows(*lanes))
            .unwrap_or(most);
        if !has_few_columns_for(&shape, rows(lanes)) {
            return;
        }
        shape.hash_lanes = lanes;
        let columns = columns_of(&shape, known);
        let a_chunk = ROWS_OF_A_CHUNK;
        *work = work.min(columns.cost(rows(lanes) as f64 + a_chunk, of.objective));

        let least = (rows(most) + UNUSABLE).next_power_of_two().trailing_zeros();
        for k in least.max(5)..=(least + 2).min(MAX_K) {
            let capacity = (1usize << k) - UNUSABLE;
            let Some(lanes) = (1..=most).find(|lanes| rows(*lanes) <= capacity) else {
                continue;
            };
            shape.hash_lanes = lanes;
            shape.k = k;
            let columns = columns_of(&shape, known);
            let cost = columns.cost((1u64 << k) as f64 + a_chunk, of.objective);
            let cost = micro(cost);
            if best.as_ref().is_none_or(|best| cost < best.cost) && shape.validate().is_ok() {
                *best = Some(RunEstimate {
                    rows: rows(lanes),
                    cost,
                    work: 0,
                    proving_bytes: ColumnCounts::from(&columns).proving_bytes(k),
                    num_public: self.openings.exposed,
                    shape: shape.clone(),
                });
            }
        }
    }
}

fn columns_of(shape: &CircuitShape, known: &mut Known) -> Columns {
    let flags = [shape.pooling, shape.functions, shape.products];
    let lanes = if shape.stacked { 0 } else { shape.lanes };
    let key = (
        lanes,
        shape.taps,
        shape.weights_per_row,
        shape.hash_lanes,
        shape.limbs,
        flags,
    );
    *known.entry(key).or_insert_with(|| Columns::of(shape))
}
