//! Cuts of synthetic programs.

use super::*;
use crate::bundle::{VerifierRequest, VerifierSource};
use chainfer_circuits::{Objective, RunEstimate};
use chainfer_model::executor::FloatClamp;
use chainfer_model::quantized::{
    ConvMap, Dims, Operand, QGather, QLayer, QLinear, QMaxPool, QProduct, QTensor, QTerm,
    QuantParams, TensorId, TermMap,
};

/// A chain of layers, one input.
struct Chain {
    graph: QuantizedGraph,
}

impl Chain {
    fn new(dims: Dims) -> Self {
        let mut chain = Self {
            graph: QuantizedGraph {
                range: 1024,
                tensors: Vec::new(),
                layers: Vec::new(),
                inputs: vec![TensorId(0)],
                outputs: Vec::new(),
                tables: Vec::new(),
            },
        };
        chain.tensor(dims);
        chain
    }

    fn tensor(&mut self, dims: Dims) -> TensorId {
        let id = self.graph.tensors.len();
        self.graph.tensors.push(QTensor {
            name: format!("t{id}"),
            dims,
            external_shape: vec![1, dims.c, dims.h, dims.w],
            element_order: None,
            quant: QuantParams {
                scale: 1.0,
                zero_point: 0,
            },
            factors: None,
            before: None,
        });
        TensorId(id)
    }

    fn last(&self) -> (TensorId, Dims) {
        let id = TensorId(self.graph.tensors.len() - 1);
        (id, self.graph.tensor(id).dims)
    }

    fn name(&self) -> String {
        format!("l{}", self.graph.layers.len())
    }

    fn conv(mut self, channels: usize, kernel: usize) -> Self {
        let ((input, dims), name) = (self.last(), self.name());
        let output = self.tensor(Dims {
            c: channels,
            ..dims
        });
        let pad = kernel / 2;
        let map = ConvMap {
            pre_pool: [1, 1],
            kernel: [kernel, kernel],
            stride: [1, 1],
            pad: [pad, pad],
            groups: 1,
            weights: vec![1; channels * dims.c * kernel * kernel],
        };
        self.graph.layers.push(QLayer::Linear(QLinear {
            name,
            output,
            terms: vec![QTerm {
                input,
                map: TermMap::Conv(map),
            }],
            element_bias: vec![512; channels * dims.plane()],
        }));
        self
    }

    fn dense(mut self, outputs: usize) -> Self {
        let ((input, dims), name) = (self.last(), self.name());
        let (c, h, w) = (outputs, 1, 1);
        let output = self.tensor(Dims { c, h, w });
        self.graph.layers.push(QLayer::Linear(QLinear {
            name,
            output,
            terms: vec![QTerm {
                input,
                map: TermMap::Dense {
                    weights: vec![1; outputs * dims.len()],
                },
            }],
            element_bias: vec![512; outputs],
        }));
        self
    }

    fn pool(mut self) -> Self {
        let ((input, dims), name) = (self.last(), self.name());
        let (h, w) = (dims.h / 2, dims.w / 2);
        let output = self.tensor(Dims { h, w, ..dims });
        self.graph.layers.push(QLayer::MaxPool(QMaxPool {
            name,
            input,
            output,
            kernel: [2, 2],
            stride: [2, 2],
            pad: [0, 0],
        }));
        self
    }

    fn gather(mut self) -> Self {
        let ((input, dims), name) = (self.last(), self.name());
        let output = self.tensor(dims);
        self.graph.layers.push(QLayer::Gather(QGather {
            name,
            sources: vec![input],
            output,
            elements: (0..dims.len()).rev().collect(),
        }));
        self
    }

    fn square(mut self) -> Self {
        let ((input, dims), name) = (self.last(), self.name());
        let output = self.tensor(dims);
        let operand = || Operand {
            tensor: input,
            elements: None,
        };
        self.graph.layers.push(QLayer::Product(QProduct {
            name,
            left: operand(),
            right: operand(),
            output,
            weights: [1, 0, 0],
            element_bias: vec![512; dims.len()],
        }));
        self
    }

    fn finish(mut self) -> QuantizedGraph {
        self.graph.outputs.push(self.last().0);
        self.graph
    }
}

fn image(c: usize, side: usize) -> Dims {
    let (h, w) = (side, side);
    Dims { c, h, w }
}

/// Every kind of layer, of very different costs.
fn mixed() -> QuantizedGraph {
    let chain = Chain::new(image(3, 48)).conv(8, 3).conv(8, 3).pool();
    let chain = chain.conv(16, 3).square().gather().conv(16, 1).pool();
    chain
        .conv(32, 3)
        .conv(32, 3)
        .gather()
        .pool()
        .dense(200)
        .dense(10)
        .finish()
}

fn cut(graph: &QuantizedGraph, chunks: ChunkCount, target: FitTarget) -> Result<Fitted> {
    cut_for(graph, chunks, target, Objective::Time)
}

fn cut_for(
    graph: &QuantizedGraph,
    chunks: ChunkCount,
    target: FitTarget,
    objective: Objective,
) -> Result<Fitted> {
    let clamps = ClampTable(vec![FloatClamp::default(); graph.layers.len()]);
    let recipe = Recipe {
        objective,
        ..Recipe::default()
    };
    let request = FitRequest {
        chunks,
        visibility: BoundaryVisibility::default(),
        recipe: &recipe,
        target,
        emit: None,
    };
    fit(graph, &clamps, &request)
}

fn costs(fitted: &Fitted) -> Vec<u64> {
    let plans = fitted.plans.iter();
    plans.map(|plan| plan.cost(Objective::Time)).collect()
}

fn largest_bytes(fitted: &Fitted) -> u64 {
    let plans = fitted.plans.iter();
    plans.map(PlanSummary::proving_bytes).max().unwrap()
}

#[test]
fn chunks_of_mixed_layers_cost_about_the_same() {
    let graph = mixed();
    for chunks in 2..=5 {
        let fitted = cut(&graph, ChunkCount::Exactly(chunks), FitTarget::default()).unwrap();
        assert_eq!(fitted.plans.len(), chunks);
        let costs = costs(&fitted);
        let mean = costs.iter().sum::<u64>() / chunks as u64;
        // A circuit is twice as dear as one of half the rows, so of even chunks one may cost up to twice another.
        assert!(
            costs.iter().all(|cost| *cost < 2 * mean),
            "{chunks}: {costs:?}"
        );
        assert!(
            costs.iter().all(|cost| 4 * cost > mean),
            "{chunks}: {costs:?}"
        );
    }
}

#[test]
fn plans_of_a_cut_are_those_of_its_chunks() {
    let fitted = cut(&mixed(), ChunkCount::Exactly(3), FitTarget::default()).unwrap();
    let recipe = Recipe {
        shapes: fitted.shapes,
        ..Recipe::default()
    };
    for (chunk, plan) in fitted.plans.iter().enumerate() {
        let options = recipe.plan_options(chunk, [0; 32]);
        let made = chainfer_circuits::ChunkPlan::new(&fitted.model, chunk, &options).unwrap();
        assert_eq!(
            serde_json::to_value(made.summary()).unwrap(),
            serde_json::to_value(plan).unwrap()
        );
    }
}

#[test]
fn estimates_of_runs_are_near_their_plans() {
    let graph = mixed();
    let options = Recipe::default().plan().options([0; 32]);
    let ends = chainfer_circuits::PublicEnds {
        inputs: false,
        outputs: true,
    };
    for chunks in 1..=6 {
        let fitted = cut(&graph, ChunkCount::Exactly(chunks), FitTarget::default()).unwrap();
        let program = &fitted.model.graph;
        let estimator = chainfer_circuits::Estimator::new(program, &options, ends).unwrap();
        for (spec, plan) in fitted.model.chunks.iter().zip(&fitted.plans) {
            let runs: Vec<RunEstimate> = estimator.runs(spec.first_layer, |_| true);
            let run = &runs[spec.end_layer - spec.first_layer - 1];
            let ratio = plan.cost(Objective::Time) as f64 / run.cost as f64;
            // Half where one row more or less makes a factor of two; more where a shape is shared.
            assert!((0.45..=1.35).contains(&ratio), "{chunks}: {run:?} {plan:?}");
        }
    }
}

#[test]
fn chunk_a_little_over_a_power_of_two_rows_is_cut_otherwise() {
    // In any even cut into two, one chunk is a little over a power of two if the layers' costs alone decide.
    let mut chain = Chain::new(image(4, 32));
    for _ in 0..18 {
        chain = chain.conv(4, 1);
    }
    let graph = chain.finish();
    for chunks in 2..=6 {
        let fitted = cut(&graph, ChunkCount::Exactly(chunks), FitTarget::default()).unwrap();
        let rows: Vec<f64> = fitted
            .plans
            .iter()
            .map(|plan| plan.rows() as f64 / f64::from(1u32 << plan.shape.k))
            .collect();
        let mean = rows.iter().sum::<f64>() / chunks as f64;
        let is_over = |filled: &f64| *filled < 0.55;
        assert!(
            !rows.iter().any(is_over) || mean < 0.6,
            "{chunks}: {rows:?}"
        );
    }
}

#[test]
fn layer_that_is_most_of_the_model_is_cut_inside_for_balance() {
    let chain = Chain::new(Dims { c: 400, h: 1, w: 1 });
    let graph = chain.dense(400).dense(2000).dense(100).finish();
    let fitted = cut(&graph, ChunkCount::Exactly(3), FitTarget::default()).unwrap();
    assert!(fitted.split.is_some());
    assert_eq!(fitted.plans.len(), 3);
    let costs = costs(&fitted);
    let mean = costs.iter().sum::<u64>() as f64 / 3.0;
    assert!(
        costs.iter().all(|cost| *cost as f64 <= 1.5 * mean),
        "{costs:?}"
    );
}

#[test]
fn small_model_is_not_cut_inside_for_balance() {
    let graph = Chain::new(image(8, 16))
        .conv(8, 1)
        .conv(64, 1)
        .conv(4, 1)
        .finish();
    let fitted = cut(&graph, ChunkCount::Exactly(3), FitTarget::default()).unwrap();
    assert_eq!(fitted.split, None);
}

#[test]
fn chunks_stay_within_a_limit_of_memory_and_size() {
    let graph = mixed();
    let whole = cut(&graph, ChunkCount::Auto, FitTarget::default()).unwrap();
    let bytes = largest_bytes(&whole);
    for part in [60, 55] {
        let limit = bytes / 100 * part;
        let target = FitTarget {
            memory: limit,
            is_limit: true,
            ..FitTarget::default()
        };
        let fitted = cut(&graph, ChunkCount::Auto, target).unwrap();
        assert!(largest_bytes(&fitted) <= limit);
        assert!(fitted.plans.len() > whole.plans.len());
    }
    let largest = |fitted: &Fitted| fitted.plans.iter().map(|plan| plan.shape.k).max().unwrap();
    let max_k = largest(&whole) - 1;
    let target = FitTarget {
        max_k,
        is_limit: true,
        ..FitTarget::default()
    };
    let fitted = cut(&graph, ChunkCount::Auto, target).unwrap();
    assert!(largest(&fitted) <= max_k);
}

#[test]
fn dense_layer_larger_than_any_circuit_is_cut_inside() {
    let graph = Chain::new(Dims {
        c: 3000,
        h: 1,
        w: 1,
    })
    .dense(2500)
    .finish();
    let target = FitTarget {
        max_k: 16,
        is_limit: true,
        ..FitTarget::default()
    };
    let fitted = cut(&graph, ChunkCount::Auto, target).unwrap();
    assert!(fitted.split.is_some());
    assert!(fitted.plans.iter().all(|plan| plan.shape.k <= 16));
}

#[test]
fn limit_that_no_cut_keeps_is_refused_and_a_target_is_not() {
    let graph = mixed();
    let target = FitTarget {
        memory: 1 << 20,
        is_limit: true,
        ..FitTarget::default()
    };
    let refused = cut(&graph, ChunkCount::Auto, target).unwrap_err();
    assert!(matches!(refused, EngineError::DoesNotFit { needed, .. } if needed > 1 << 20));
    let target = FitTarget {
        is_limit: false,
        ..target
    };
    let fitted = cut(&graph, ChunkCount::Auto, target).unwrap();
    assert!(largest_bytes(&fitted) > 1 << 20);
}

#[test]
fn memory_that_an_error_names_is_enough() {
    let graph = mixed();
    let target = FitTarget {
        memory: 30 << 20,
        is_limit: true,
        ..FitTarget::default()
    };
    let Err(EngineError::DoesNotFit { needed, .. }) = cut(&graph, ChunkCount::Exactly(2), target)
    else {
        panic!("two chunks fit in 30 MiB");
    };
    let target = FitTarget {
        memory: needed,
        ..target
    };
    cut(&graph, ChunkCount::Exactly(2), target).unwrap();
}

#[test]
fn optimising_for_memory_takes_less_of_it_than_for_time() {
    let mut chain = Chain::new(image(6, 32));
    for _ in 0..8 {
        chain = chain.conv(6, 3);
    }
    let graph = chain.finish();
    for chunks in [ChunkCount::Auto, ChunkCount::Exactly(4)] {
        let [time, memory] = [Objective::Time, Objective::Memory].map(|objective| {
            let fitted = cut_for(&graph, chunks, FitTarget::default(), objective).unwrap();
            largest_bytes(&fitted)
        });
        match chunks {
            ChunkCount::Auto => assert!(3 * memory < 2 * time, "{memory} {time}"),
            ChunkCount::Exactly(_) => assert!(memory <= time, "{memory} {time}"),
        }
    }
}

#[test]
fn chunks_of_equal_blocks_share_one_shape() {
    let mut chain = Chain::new(image(8, 32));
    for _ in 0..6 {
        chain = chain.conv(8, 3).conv(16, 1).conv(8, 1);
    }
    let graph = chain.finish();
    let fitted = cut(&graph, ChunkCount::Exactly(6), FitTarget::default()).unwrap();
    let mut shapes: Vec<CircuitShape> = Vec::new();
    for plan in &fitted.plans {
        let shape = CircuitShape {
            k: 0,
            ..plan.shape.clone()
        };
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    // Sharing costs less than 3 %.
    let options = Recipe::default().plan().options([0; 32]);
    let planner = chainfer_circuits::Planner::new(&fitted.model).unwrap();
    let own = (0..6).map(|chunk| planner.summary(chunk, &options).unwrap());
    let own: u64 = own.map(|plan| plan.cost(Objective::Time)).sum();
    let shared: u64 = costs(&fitted).iter().sum();
    assert!(shared as f64 <= 1.03 * own as f64, "{shared} {own}");
}

#[test]
fn cut_avoids_shapes_whose_verifiers_no_contract_carries() {
    let graph = mixed();
    let clamps = ClampTable(vec![FloatClamp::default(); graph.layers.len()]);
    let recipe = Recipe::default();
    let most = std::sync::atomic::AtomicUsize::new(usize::MAX);
    let emit = |request: VerifierRequest<'_>| -> std::result::Result<VerifierSource, String> {
        let columns = request.vk.fixed_commitments().len();
        if columns > most.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(format!("{columns} columns"));
        }
        Ok(VerifierSource::default())
    };
    let request = FitRequest {
        chunks: ChunkCount::Auto,
        visibility: BoundaryVisibility::default(),
        recipe: &recipe,
        target: FitTarget::default(),
        emit: Some(&emit),
    };
    let columns = |fitted: &Fitted| {
        let plans = fitted.plans.iter();
        plans.map(|plan| plan.fixed_columns).max().unwrap()
    };
    let free = fit(&graph, &clamps, &request).unwrap();
    most.store(columns(&free) - 1, std::sync::atomic::Ordering::Relaxed);
    let bound = fit(&graph, &clamps, &request).unwrap();
    assert!(columns(&bound) < columns(&free));
    most.store(0, std::sync::atomic::Ordering::Relaxed);
    let refused = fit(&graph, &clamps, &request).unwrap_err();
    assert!(
        matches!(refused, EngineError::NoVerifier { .. }),
        "{refused}"
    );
}
