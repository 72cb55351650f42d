//! Vertical lines side by side: each runs from a row to the last row that it leads to, and none crosses another on its lane.

/// Where a line runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Row that it starts at.
    pub(super) from: usize,
    /// Last row that it leads to.
    pub(super) to: usize,
}

/// Lane of every span, and how many lanes there are. Spans that share a row never share a lane.
pub(super) fn lanes(spans: &[Span]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&at| (spans[at].from, spans[at].to));
    let mut ends: Vec<usize> = Vec::new();
    let mut lanes = vec![0; spans.len()];
    for at in order {
        let Span { from, to } = spans[at];
        let free = ends.iter().position(|end| *end < from);
        lanes[at] = free.unwrap_or(ends.len());
        match free {
            Some(lane) => ends[lane] = to,
            None => ends.push(to),
        }
    }
    (lanes, ends.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_share_a_row_get_lanes_of_their_own() {
        let spans = [(0, 3), (1, 2), (3, 5), (4, 6), (6, 7)].map(|(from, to)| Span { from, to });
        let (lanes, count) = lanes(&spans);
        assert_eq!(count, 2);
        for (a, left) in spans.iter().enumerate() {
            for (b, right) in spans.iter().enumerate().skip(a + 1) {
                let meet = left.from <= right.to && right.from <= left.to;
                assert!(!meet || lanes[a] != lanes[b], "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn nothing_takes_no_lane() {
        assert_eq!(lanes(&[]), (Vec::new(), 0));
    }
}
