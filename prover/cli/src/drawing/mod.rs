//! A picture of a partitioned model: a card a chunk with its circuit's figures, a row a layer, lines for the tensors between them.

mod lanes;
mod paint;
mod rows;

use crate::output::{bytes, seconds, thousands};
use chainfer_circuits::PlanSummary;
use chainfer_model::{
    partitioned::{PartitionedModel, Visibility},
    quantized::{QLayer, TensorId},
};
use paint::{Anchor, Canvas, Weight};
use rows::{Line, Row, Rows};

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Drawing<'a> {
    pub(crate) title: String,
    pub(crate) model: &'a PartitionedModel,
    pub(crate) chunks: &'a [ChunkFigures],
}

/// What is said of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct ChunkFigures {
    /// Entry of the catalogue, or a word for a shape of its own.
    pub(crate) shape: &'static str,
    pub(crate) plan: PlanSummary,
    /// Gas of the verification by estimate, where a key gives it.
    pub(crate) gas: Option<u64>,
    /// Bytes of a proof, where a key gives it.
    pub(crate) proof: Option<usize>,
}

const WIDTH: usize = 1_180;
const MARGIN: usize = 24;
const ROW: usize = 20;
/// From the top of a card to its first row.
const HEAD: usize = 58;
/// Below the last row of a card.
const FOOT: usize = 10;
const GAP: usize = 22;
const LANE: usize = 8;
/// The most that lanes of one side take.
const GUTTER: usize = 240;

const INK: &str = "#1c2733";
const FAINT: &str = "#66727f";
const RULE: &str = "#d5dce3";
const CARD: &str = "#f7f9fb";
const INNER: &str = "#9aa7b4";
const COMMITTED: &str = "#0b7285";
const PUBLIC: &str = "#d9480f";

/// Left edges of what stands in a row, from the left edge of the cards.
const NAME: usize = 30;
const KIND: usize = 430;
const DIMS: usize = 520;
const WEIGHTS: usize = 740;

impl Drawing<'_> {
    /// The picture as an SVG document.
    pub(crate) fn svg(&self) -> String {
        let rows = Rows::of(self.model);
        let places = Places::of(&rows);
        let mut canvas = Canvas::new(WIDTH, places.height);
        self.head(&mut canvas);
        for (chunk, (top, bottom)) in places.cards.iter().enumerate() {
            self.card(&mut canvas, &places, chunk, (*top, *bottom));
        }
        for (at, row) in rows.rows.iter().enumerate() {
            self.row(&mut canvas, &places, *row, places.middle[at]);
            if rows.follows[at] {
                let x = places.left + 14;
                canvas.arrow(
                    &[(x, places.middle[at - 1] + 5), (x, places.middle[at] - 5)],
                    INNER,
                );
            }
        }
        for line in &rows.leaves.0 {
            let x = places.left - 12 - places.leaf_lane * (line.lane + 1);
            paint_line(&mut canvas, &places, line, (places.left, x));
        }
        for line in &rows.inner.0 {
            let x = places.right + 6 + places.inner_lane * line.lane;
            paint_line(&mut canvas, &places, line, (places.right, x));
        }
        canvas.finish(&self.title)
    }

    fn head(&self, canvas: &mut Canvas) {
        canvas.text((MARGIN, 34), &self.title, Weight::Title, INK, Anchor::Start);
        let plans = || self.chunks.iter().map(|chunk| &chunk.plan);
        let memory = plans().map(PlanSummary::proving_bytes).max().unwrap_or(0);
        let proofs: Option<usize> = self.chunks.iter().map(|chunk| chunk.proof).sum();
        let mut facts = vec![
            count(self.chunks.len(), "chunk"),
            count(self.model.graph.layers.len(), "layer"),
            format!(
                "about {} of CPU time",
                seconds(plans().map(PlanSummary::cpu_seconds).sum())
            ),
            format!("about {} one chunk at a time", bytes(memory)),
        ];
        let gas: Option<u64> = self.chunks.iter().map(|chunk| chunk.gas).sum();
        facts.extend(gas.map(|gas| format!("about {} gas", thousands(gas))));
        facts.extend(proofs.map(|length| format!("{} of proofs", bytes(length as u64))));
        canvas.text(
            (MARGIN, 58),
            &facts.join("  ·  "),
            Weight::Plain,
            FAINT,
            Anchor::Start,
        );
        let mut x = MARGIN;
        for (colour, text) in [
            (COMMITTED, "leaf of the tree, committed"),
            (PUBLIC, "leaf, its values are public"),
            (INNER, "inside a chunk"),
        ] {
            canvas.line(&[(x, 78), (x + 22, 78)], colour);
            canvas.text((x + 28, 82), text, Weight::Small, FAINT, Anchor::Start);
            x += 220;
        }
    }

    fn card(
        &self,
        canvas: &mut Canvas,
        places: &Places,
        chunk: usize,
        (top, bottom): (usize, usize),
    ) {
        let (left, right) = (places.left, places.right);
        canvas.card((left, top), (right - left, bottom - top), CARD, RULE);
        let Some(figures) = self.chunks.get(chunk) else {
            return;
        };
        let plan = &figures.plan;
        let used = plan.rows();
        let name = format!("Chunk {chunk}");
        canvas.text(
            (left + 14, top + 22),
            &name,
            Weight::Heading,
            INK,
            Anchor::Start,
        );
        let mut facts = vec![
            format!("k = {}", plan.shape.k),
            format!("about {}", seconds(plan.cpu_seconds())),
            bytes(plan.proving_bytes()),
        ];
        facts.extend(figures.gas.map(|gas| format!("{} gas", thousands(gas))));
        facts.extend(
            figures
                .proof
                .map(|length| format!("proof {}", bytes(length as u64))),
        );
        facts.push(format!("shape: {}", figures.shape));
        let facts = facts.join("  ·  ");
        canvas.text(
            (left + 110, top + 22),
            &facts,
            Weight::Plain,
            INK,
            Anchor::Start,
        );
        // How full it is.
        let bar = 300;
        let full = (bar * used)
            .checked_div(plan.usable_rows)
            .unwrap_or(0)
            .min(bar);
        canvas.bar((left + 14, top + 33), (bar, full), RULE, COMMITTED);
        let rows = format!(
            "{} of {} rows  ·  columns {} + {} + {}  ·  reads {}, writes {}",
            thousands(used as u64),
            thousands(plan.usable_rows as u64),
            plan.first_phase_columns,
            plan.second_phase_columns,
            plan.fixed_columns,
            leaves(
                self.model
                    .chunks
                    .get(chunk)
                    .map_or(0, |spec| spec.reads.len())
            ),
            leaves(
                self.model
                    .chunks
                    .get(chunk)
                    .map_or(0, |spec| spec.writes.len())
            ),
        );
        canvas.text(
            (left + bar + 28, top + 41),
            &rows,
            Weight::Small,
            FAINT,
            Anchor::Start,
        );
    }

    fn row(&self, canvas: &mut Canvas, places: &Places, row: Row, middle: usize) {
        let graph = &self.model.graph;
        let left = places.left;
        let base = middle + 4;
        let (name, kind, written, weights) = match row {
            Row::Input(id) => (graph.tensor(id).name.as_str(), "input", id, 0),
            Row::Output(id) => (graph.tensor(id).name.as_str(), "output", id, 0),
            Row::Layer(index) => {
                let layer = &graph.layers[index];
                (layer.name(), layer.kind(), layer.output(), layer.weights())
            }
        };
        let colour = match row {
            Row::Layer(index) => colour_of(&graph.layers[index]),
            Row::Input(_) | Row::Output(_) => INK,
        };
        canvas.dot((left + 14, middle), colour);
        canvas.name((left + NAME, base), name, KIND - NAME - 12, INK);
        canvas.text(
            (left + KIND, base),
            kind,
            Weight::Small,
            colour,
            Anchor::Start,
        );
        canvas.text(
            (left + DIMS, base),
            &self.dims(written, row),
            Weight::Small,
            INK,
            Anchor::Start,
        );
        if weights > 0 {
            let weights = format!("{} weights", thousands(weights as u64));
            canvas.text(
                (left + WEIGHTS, base),
                &weights,
                Weight::Small,
                FAINT,
                Anchor::End,
            );
        }
        let leaf = self
            .model
            .leaves
            .iter()
            .position(|leaf| leaf.tensor == written);
        let right = places.right - 12;
        if let (Some(at), Row::Input(_) | Row::Layer(_)) = (leaf, row) {
            let colour = leaf_colour(self.model.leaves[at].visibility);
            let text = format!("leaf {at}");
            canvas.text((right, base), &text, Weight::Small, colour, Anchor::End);
        }
    }

    fn dims(&self, tensor: TensorId, row: Row) -> String {
        let tensor = self.model.graph.tensor(tensor);
        match row {
            Row::Layer(_) => {
                let dims = tensor.dims;
                format!("{}x{}x{}", dims.c, dims.h, dims.w)
            }
            Row::Input(_) | Row::Output(_) => format!("{:?}", tensor.external_shape),
        }
    }
}

/// Where everything stands.
#[derive(Debug)]
struct Places {
    /// Middle of each row.
    middle: Vec<usize>,
    /// Top and bottom of each chunk's card.
    cards: Vec<(usize, usize)>,
    /// Left and right edge of the cards.
    left: usize,
    right: usize,
    leaf_lane: usize,
    inner_lane: usize,
    height: usize,
}

impl Places {
    fn of(rows: &Rows) -> Self {
        let lane = |count: usize| LANE.min(GUTTER / count.max(1)).max(2);
        let (leaf_lane, inner_lane) = (lane(rows.leaves.1), lane(rows.inner.1));
        let mut middle = vec![0; rows.rows.len()];
        let mut y = 112;
        let mut run = |y: usize, range: std::ops::Range<usize>| {
            let first = range.start;
            let end = range.end;
            for at in range {
                middle[at] = y + (at - first) * ROW + ROW / 2;
            }
            y + (end - first) * ROW
        };
        let inputs = rows.chunks.first().map_or(rows.rows.len(), |first| first.0);
        y = run(y, 0..inputs) + GAP;
        let mut cards = Vec::new();
        for (first, end) in &rows.chunks {
            let bottom = run(y + HEAD, *first..*end) + FOOT;
            cards.push((y, bottom));
            y = bottom + GAP;
        }
        let outputs = rows.chunks.last().map_or(inputs, |last| last.1);
        y = run(y, outputs..rows.rows.len());
        Self {
            middle,
            cards,
            left: MARGIN + 24 + leaf_lane * rows.leaves.1,
            right: WIDTH - MARGIN - 12 - inner_lane * rows.inner.1,
            leaf_lane,
            inner_lane,
            height: y + MARGIN,
        }
    }
}

/// A line from its row to a lane, along it, and to every reader. `edge` is where the rows end, `x` the lane.
fn paint_line(canvas: &mut Canvas, places: &Places, line: &Line, (edge, x): (usize, usize)) {
    let colour = line.leaf.map_or(INNER, leaf_colour);
    // A tensor leaves below the middle of its row and arrives above it, so that lines of one lane do not touch.
    let from = places.middle[line.from] + 3;
    for to in &line.to {
        let to = places.middle[*to] - 3;
        canvas.arrow(&[(edge, from), (x, from), (x, to), (edge, to)], colour);
    }
}

fn leaf_colour(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Committed => COMMITTED,
        Visibility::Public => PUBLIC,
    }
}

fn colour_of(layer: &QLayer) -> &'static str {
    match layer {
        QLayer::Linear(_) => "#1c7ed6",
        QLayer::MaxPool(_) => "#2b8a3e",
        QLayer::Gather(_) => "#868e96",
        QLayer::Function(_) => "#9c36b5",
        QLayer::Product(_) => "#e67700",
        QLayer::MatMul(_) => "#c2255c",
    }
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn leaves(number: usize) -> String {
    if number == 1 {
        "1 leaf".to_owned()
    } else {
        format!("{number} leaves")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainfer_model::quantized::QuantizedGraph;

    #[test]
    fn names_cannot_leave_their_text() {
        let graph = QuantizedGraph {
            range: 16,
            tensors: Vec::new(),
            layers: Vec::new(),
            tables: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let model = PartitionedModel {
            graph,
            leaves: Vec::new(),
            chunks: Vec::new(),
        };
        let title = "</title><script>\"&\u{1b}[2J\u{0}".to_owned();
        let svg = Drawing {
            title,
            model: &model,
            chunks: &[],
        }
        .svg();
        assert!(svg.contains("&lt;/title&gt;&lt;script&gt;"), "{svg}");
        assert!(!svg.contains("<script"), "{svg}");
        assert!(!svg.contains(['\u{1b}', '\u{0}']), "{svg}");
    }
}
