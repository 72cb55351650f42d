//! The ways to prove a chunk, each of which the soundness tests run.

use super::{Setup, setup_of};
use crate::catalogue::{Catalogue, Entry};
use crate::{ChunkPlan, Objective, PlanOptions};
use chainfer_model::partitioned::PartitionedModel;

/// Both arrangements with the columns that a chunk needs, and a canonical shape with more columns than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Wide,
    Compact,
    Canonical,
}

/// More than the tests' models need.
const LARGEST: [Entry; 1] = [Entry {
    name: "largest",
    taps: 7,
    pooling: true,
    functions: true,
    products: true,
}];

impl Way {
    pub(crate) const ALL: [Way; 3] = [Way::Wide, Way::Compact, Way::Canonical];

    pub(crate) fn is_compact(self) -> bool {
        self != Way::Wide
    }

    /// Plans a chunk this way; the objective of the options does not count.
    pub(crate) fn plan(
        self,
        model: &PartitionedModel,
        chunk: usize,
        options: &PlanOptions,
    ) -> ChunkPlan {
        let catalogue = Catalogue {
            range: model.graph.range,
            entries: if self == Way::Canonical {
                &LARGEST
            } else {
                &[]
            },
        };
        let options = PlanOptions {
            objective: if self.is_compact() {
                Objective::Gas
            } else {
                Objective::Time
            },
            ..options.clone()
        };
        let plan = ChunkPlan::within(&catalogue, model, chunk, &options).unwrap();
        assert_eq!(plan.shape().stacked, self.is_compact());
        if self == Way::Canonical {
            assert_eq!((plan.shape().taps, plan.shape().pooling), (7, true));
        }
        plan
    }

    pub(crate) fn setup(
        self,
        model: &PartitionedModel,
        inputs: &[Vec<u32>],
        chunk: usize,
        options: &PlanOptions,
    ) -> Setup {
        setup_of(self.plan(model, chunk, options), model, inputs)
    }
}
