//! Chooses cuts by what every possible chunk costs.

use super::ChunkCount;

/// How far above the mean the largest chunk may be, where another cut would be that even: a cheaper one is taken then. A little less
/// than the 15 % that are promised, because costs are estimates.
const UNEVEN: f64 = 1.12;
/// What one chunk more has to save, as a share of the whole cost: each is verified and paid for by itself.
const OF_A_CHUNK: f64 = 0.05;
/// Most numbers of chunks that are compared.
const COMPARED: usize = 24;

/// What a run of layers costs as a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunCost {
    /// What proving it costs.
    pub cost: u64,
    /// What it would cost if circuits came in any size: chunks are balanced by it.
    pub work: u64,
    /// Bytes of memory that proving it takes.
    pub memory: u64,
}

/// What cuts are chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutAim {
    /// The least cost of all chunks together, balanced.
    Cost,
    /// The least memory of the chunk that takes the most, then the least cost.
    Memory,
}

/// The cost of each run of layers that may be a chunk.
#[derive(Clone, Debug)]
pub struct RunTable {
    /// `runs[first][n]`: the run `first..first + n + 1`, if it may be a chunk; longer ones than the list has may not.
    runs: Vec<Vec<Option<RunCost>>>,
}

/// A cut, and what it comes to.
#[derive(Clone, Debug, PartialEq)]
struct Cut {
    ends: Vec<usize>,
    runs: Vec<RunCost>,
}

impl Cut {
    fn cost(&self) -> f64 {
        self.runs.iter().map(|run| run.cost as f64).sum()
    }

    fn memory(&self) -> u64 {
        self.runs.iter().map(|run| run.memory).max().unwrap_or(0)
    }

    fn mean_work(&self) -> f64 {
        let sum: f64 = self.runs.iter().map(|run| run.work as f64).sum();
        sum / self.runs.len().max(1) as f64
    }

    fn largest_work(&self) -> u64 {
        self.runs.iter().map(|run| run.work).max().unwrap_or(0)
    }
}

impl RunTable {
    /// A table of these runs: of each first layer a list, the shortest run first.
    pub fn new(runs: Vec<Vec<Option<RunCost>>>) -> Self {
        Self { runs }
    }

    /// The cost of the run `first..end`, if it may be a chunk.
    pub fn run(&self, first: usize, end: usize) -> Option<RunCost> {
        *self.runs.get(first)?.get(end.checked_sub(first + 1)?)?
    }

    /// Says what a run costs, or that it may not be a chunk.
    pub fn set(&mut self, first: usize, end: usize, cost: Option<RunCost>) {
        let slot = self.runs.get_mut(first);
        if let Some(slot) = slot.and_then(|runs| runs.get_mut(end.checked_sub(first + 1)?)) {
            *slot = cost;
        }
    }

    /// The first layer that no chunk holds.
    pub fn too_large(&self) -> Option<usize> {
        let held = |layer: usize| {
            let firsts = (0..=layer).rev();
            let mut runs = firsts.flat_map(|first| {
                let runs = &self.runs[first];
                runs[(layer - first).min(runs.len())..].iter().flatten()
            });
            runs.next().is_some()
        };
        (0..self.runs.len()).find(|layer| !held(*layer))
    }

    /// The ends of the chunks, ascending; `None` if there is no cut into so many chunks, or into any number, in which every chunk is a
    /// run that may be one.
    ///
    /// With [`ChunkCount::Auto`] there are as many chunks as cost the least, where each more has to save a twentieth.
    pub fn cut(&self, count: ChunkCount, aim: CutAim, most: usize) -> Option<Vec<usize>> {
        let most = most.min(self.runs.len());
        if let ChunkCount::Exactly(n) = count {
            return Some(self.exactly(n, aim)?.ends);
        }
        let fewest = self.fewest()?;
        let mut best: Option<(f64, Cut)> = None;
        let mut first = None;
        for n in fewest..=most.min(fewest + COMPARED) {
            let Some(cut) = self.exactly(n, aim) else {
                continue;
            };
            let figure = match aim {
                CutAim::Cost => cut.cost(),
                CutAim::Memory => cut.memory() as f64,
            };
            let least = *first.get_or_insert(figure);
            let figure = figure + OF_A_CHUNK * least * (n - fewest) as f64;
            if best.as_ref().is_none_or(|(other, _)| figure < *other) {
                best = Some((figure, cut));
            }
        }
        best.map(|(_, cut)| cut.ends)
    }

    /// Cost of the largest chunk over the mean, of a cut.
    pub fn unevenness(&self, ends: &[usize]) -> f64 {
        self.cut_of(ends).map_or(f64::INFINITY, |cut| {
            cut.largest_work() as f64 / cut.mean_work().max(1.0)
        })
    }

    /// Cost of all chunks of a cut.
    pub fn cost(&self, ends: &[usize]) -> f64 {
        self.cut_of(ends).map_or(f64::INFINITY, |cut| cut.cost())
    }

    fn cut_of(&self, ends: &[usize]) -> Option<Cut> {
        let firsts = std::iter::once(0).chain(ends.iter().copied());
        let runs = firsts.zip(ends).map(|(first, end)| self.run(first, *end));
        Some(Cut {
            runs: runs.collect::<Option<_>>()?,
            ends: ends.to_vec(),
        })
    }

    /// The fewest chunks that there are cuts into.
    fn fewest(&self) -> Option<usize> {
        let layers = self.runs.len();
        let mut fewest: Vec<Option<usize>> = vec![None; layers + 1];
        fewest[0] = Some(0);
        for first in 0..layers {
            let Some(before) = fewest[first] else {
                continue;
            };
            for (n, run) in self.runs[first].iter().enumerate() {
                let slot = &mut fewest[first + n + 1];
                if run.is_some() && slot.is_none_or(|chunks| before + 1 < chunks) {
                    *slot = Some(before + 1);
                }
            }
        }
        fewest[layers]
    }

    fn exactly(&self, n: usize, aim: CutAim) -> Option<Cut> {
        let any = |_: &RunCost| true;
        let most_memory = match aim {
            CutAim::Cost => u64::MAX,
            CutAim::Memory => {
                let largest = |sum: f64, run: &RunCost| sum.max(run.memory as f64);
                self.best(n, any, largest)?.memory()
            }
        };
        let within = |run: &RunCost| run.memory <= most_memory;
        let even = self.best(n, within, |sum, run| sum.max(run.work as f64))?;
        let mean = even.mean_work();
        let bound = (UNEVEN * mean).max(even.largest_work() as f64);
        let allowed = |run: &RunCost| within(run) && run.work as f64 <= bound;
        // No chunk is left almost empty, even where a larger one cannot be helped.
        let uneven = |run: &RunCost| (run.work as f64 - mean).powi(2) / mean.max(1.0);
        self.best(n, allowed, |sum, run| sum + run.cost as f64 + uneven(run))
    }

    /// The cut into `n` runs with the least of what `add` makes of its runs, one after the other.
    fn best(
        &self,
        n: usize,
        allowed: impl Fn(&RunCost) -> bool,
        add: impl Fn(f64, &RunCost) -> f64,
    ) -> Option<Cut> {
        let layers = self.runs.len();
        // By the number of chunks and their end: the figure, and the first layer of the last chunk.
        let mut best: Vec<Vec<Option<(f64, usize)>>> = vec![vec![None; layers + 1]];
        best[0][0] = Some((0.0, 0));
        while best.len() <= n {
            let mut next: Vec<Option<(f64, usize)>> = vec![None; layers + 1];
            for (first, before) in best[best.len() - 1].iter().enumerate().take(layers) {
                let Some((sum, _)) = before else {
                    continue;
                };
                for (length, run) in self.runs[first].iter().enumerate() {
                    let Some(run) = run.as_ref().filter(|run| allowed(run)) else {
                        continue;
                    };
                    let figure = add(*sum, run);
                    let slot = &mut next[first + length + 1];
                    if slot.is_none_or(|(least, _)| figure < least) {
                        *slot = Some((figure, first));
                    }
                }
            }
            best.push(next);
        }
        let mut ends = Vec::with_capacity(n);
        let mut end = layers;
        for chunks in (1..=n).rev() {
            let (_, first) = best[chunks][end]?;
            ends.push(end);
            end = first;
        }
        ends.reverse();
        self.cut_of(&ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(work: u64) -> Option<RunCost> {
        Some(RunCost {
            cost: work.next_power_of_two(),
            work,
            memory: work.next_power_of_two(),
        })
    }

    /// Layers of these costs, which add up; a chunk has at most `most`.
    fn table(layers: &[u64], most: u64) -> RunTable {
        let runs = |first: usize| {
            let sums = layers[first..].iter().scan(0, |sum, layer| {
                *sum += layer;
                Some(*sum)
            });
            sums.take_while(|sum| *sum <= most).map(even).collect()
        };
        RunTable::new((0..layers.len()).map(runs).collect())
    }

    fn works(table: &RunTable, ends: &[usize]) -> Vec<u64> {
        table
            .cut_of(ends)
            .unwrap()
            .runs
            .iter()
            .map(|run| run.work)
            .collect()
    }

    fn cut(table: &RunTable, chunks: usize) -> Vec<u64> {
        let ends = table.cut(ChunkCount::Exactly(chunks), CutAim::Cost, 100);
        works(table, &ends.unwrap())
    }

    #[test]
    fn exact_cut_has_its_largest_chunk_near_the_mean() {
        let layers = [7, 9, 14, 4, 11, 5, 5, 19, 2, 8];
        let table = table(&layers, 1000);
        for chunks in [2, 3] {
            let works = cut(&table, chunks);
            let mean = 84.0 / chunks as f64;
            let largest = *works.iter().max().unwrap() as f64;
            assert!(largest <= 1.15 * mean, "{works:?}");
        }
    }

    #[test]
    fn chunk_that_would_be_a_little_over_a_power_of_two_is_cut_otherwise() {
        // Halves of 66 and 62 cost 128 and 64; 64 and 64 are as even and cost 128 together.
        let table = table(&[60, 4, 2, 62], 1000);
        assert_eq!(cut(&table, 2), [64, 64]);
        // Even halves of 65 cost 256 together, 70 and 60 are within the allowed unevenness and cost 192.
        let table = self::table(&[60, 5, 5, 60], 1000);
        assert_eq!(cut(&table, 2), [60, 70]);
    }

    #[test]
    fn chunks_beside_one_that_cannot_be_cut_are_not_empty() {
        let table = table(&[1000, 10, 10, 10, 10, 10, 10], 2000);
        let works = cut(&table, 4);
        assert_eq!(works[0], 1000);
        assert!(works[1..].iter().all(|work| *work >= 10), "{works:?}");
        assert!(works[1..].iter().all(|work| *work <= 30), "{works:?}");
    }

    #[test]
    fn auto_takes_few_well_filled_chunks_within_what_may_be_one() {
        let table = table(&[16; 16], 70);
        let ends = table.cut(ChunkCount::Auto, CutAim::Cost, 100).unwrap();
        assert_eq!(ends, [4, 8, 12, 16]);
        assert_eq!(table.too_large(), None);
    }

    #[test]
    fn auto_for_memory_takes_smaller_chunks_than_for_cost() {
        let table = table(&[16; 8], 1000);
        let chunks = |aim| table.cut(ChunkCount::Auto, aim, 100).unwrap().len();
        assert_eq!(chunks(CutAim::Cost), 1);
        assert!(chunks(CutAim::Memory) > 3);
    }

    #[test]
    fn layer_that_no_chunk_holds_is_named() {
        let table = table(&[5, 5, 50, 5], 20);
        assert_eq!(table.too_large(), Some(2));
        assert_eq!(table.cut(ChunkCount::Auto, CutAim::Cost, 100), None);
        assert_eq!(table.cut(ChunkCount::Exactly(4), CutAim::Cost, 100), None);
    }

    #[test]
    fn run_that_turns_out_not_to_fit_is_not_taken_again() {
        let mut table = table(&[16; 4], 64);
        assert_eq!(table.cut(ChunkCount::Auto, CutAim::Cost, 9).unwrap(), [4]);
        table.set(0, 4, None);
        let ends = table.cut(ChunkCount::Auto, CutAim::Cost, 9).unwrap();
        assert!(ends.len() > 1, "{ends:?}");
    }
}
