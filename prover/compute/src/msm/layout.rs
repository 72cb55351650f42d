//! Where the terms of keyed sums lie, so that eight sums are taken at once.
//!
//! Terms with one key are to be added. Eight keys with about as many terms each form a group, one in every lane: row i of a group
//! holds the i-th term of each. Keys are taken in the order of their numbers of terms, so lanes of a group end almost together.
//! A key with very many terms fills all lanes of its own groups, and comes out as several sums.

use crate::lanes::LANES;

/// A point, by its index, or its negative.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Term(u32);

impl Term {
    /// Indices are below 2^31.
    #[inline(always)]
    pub(super) fn new(point: u32, negative: bool) -> Self {
        Term(point << 1 | u32::from(negative))
    }

    /// The term of a point so much further on, negated or not.
    #[inline(always)]
    pub(super) fn of_row(self, offset: usize, negated: bool) -> Self {
        Term((self.0 + ((offset as u32) << 1)) ^ u32::from(negated))
    }

    #[inline(always)]
    pub(super) fn point(self) -> usize {
        (self.0 >> 1) as usize
    }

    #[inline(always)]
    pub(super) fn negative(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A term of the sum of this key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keyed {
    pub(super) key: u32,
    pub(super) term: Term,
}

/// Most terms that a lane holds.
pub(super) const TALLEST: usize = 128;

/// Eight sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// Where its first row starts.
    pub(super) start: usize,
    /// Numbers of terms of the lanes, the largest first.
    pub(super) lengths: [u16; LANES],
}

impl Group {
    pub(super) fn rows(&self) -> usize {
        usize::from(self.lengths[0])
    }
}

/// Where the next term of a key goes.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    at: u32,
    step: u32,
}

/// Terms in groups.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) groups: Vec<Group>,
    /// The key of every sum, lane by lane of group by group; [`NO_KEY`] in lanes without one.
    pub(super) keys: Vec<u32>,
    /// Rows of eight.
    pub(super) terms: Vec<Term>,
}

/// The key of a lane without terms.
pub(super) const NO_KEY: u32 = u32::MAX;

impl Layout {
    /// Lays out terms whose keys are below `keys`.
    pub(super) fn new(terms: &[Keyed], keys: usize) -> Self {
        let mut counts = vec![0u32; keys];
        for term in terms {
            counts[term.key as usize] += 1;
        }
        let (mut layout, mut cursors) = Self::empty(&counts);
        for Keyed { key, term } in terms {
            let cursor = &mut cursors[*key as usize];
            layout.terms[cursor.at as usize] = *term;
            cursor.at += cursor.step;
        }
        layout
    }

    fn empty(counts: &[u32]) -> (Self, Vec<Cursor>) {
        let mut cursors = vec![Cursor::default(); counts.len()];
        let mut layout = Layout {
            groups: Vec::new(),
            keys: Vec::new(),
            terms: Vec::new(),
        };
        let mut start = 0;
        let mut of_count = [0usize; TALLEST + 1];
        for (key, &count) in counts.iter().enumerate() {
            let mut left = count as usize;
            if left <= TALLEST {
                of_count[left] += 1;
                continue;
            }
            cursors[key] = Cursor {
                at: start as u32,
                step: 1,
            };
            while left > 0 {
                let here = left.min(TALLEST * LANES);
                let mut lengths = [0; LANES];
                for (lane, length) in lengths.iter_mut().enumerate() {
                    *length = (here + LANES - 1 - lane).div_euclid(LANES) as u16;
                    layout
                        .keys
                        .push(if *length > 0 { key as u32 } else { NO_KEY });
                }
                let group = Group { start, lengths };
                start += group.rows() * LANES;
                layout.groups.push(group);
                left -= here;
            }
        }
        // Keys in the order of their counts, the largest first.
        let mut places = [0usize; TALLEST + 1];
        let mut place = 0;
        for count in (1..=TALLEST).rev() {
            places[count] = place;
            place += of_count[count];
        }
        let mut order = vec![0u32; place];
        for (key, &count) in counts.iter().enumerate() {
            let count = count as usize;
            if (1..=TALLEST).contains(&count) {
                order[places[count]] = key as u32;
                places[count] += 1;
            }
        }
        layout.groups.reserve(order.len().div_ceil(LANES));
        layout.keys.reserve(order.len() + LANES);
        for keys in order.chunks(LANES) {
            let mut lengths = [0; LANES];
            for (lane, &key) in keys.iter().enumerate() {
                lengths[lane] = counts[key as usize] as u16;
                cursors[key as usize] = Cursor {
                    at: (start + lane) as u32,
                    step: LANES as u32,
                };
            }
            layout.keys.extend_from_slice(keys);
            layout
                .keys
                .extend(std::iter::repeat_n(NO_KEY, LANES - keys.len()));
            let group = Group { start, lengths };
            start += group.rows() * LANES;
            layout.groups.push(group);
        }
        layout.terms = vec![Term::default(); start];
        (layout, cursors)
    }
}
