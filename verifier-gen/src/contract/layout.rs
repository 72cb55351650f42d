//! Where everything lies in calldata and in the contract's memory. All addresses are known when the contract is generated; where the
//! public inputs end, a shared verifier learns from the key.

use super::{numbers, place::Place};
use crate::{
    error::GenerateError,
    field::{
        graph::{Inactive, Input},
        opening::Point,
        program::Operand,
    },
    options::Mode,
    protocol::{Commitment, Protocol, Step},
};

/// Where Solidity puts the first allocation's content: after its length word at 0x80.
pub(crate) const DATA: usize = 0xa0;
/// Words that Solidity reserves and that no error of this contract needs: always zero, and the first allocation's length.
const SHORT_SLOT: usize = 0x60;
const SHORT_SLOTS: usize = 2;
/// Bytes of a key in front of its numbers: two points of G2, one of G1.
pub(crate) const SETUP_LEN: usize = 128 + 128 + 64;

/// A part of the transcript that is hashed in one go: the previous hash (or the key's digest), then data from calldata.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Address of the hash input.
    pub(crate) address: usize,
    /// Public inputs after the first word.
    pub(crate) instances: Instances,
    /// Bytes of the proof after those.
    pub(crate) proof_len: usize,
    /// Where they start in the proof.
    pub(crate) proof_offset: usize,
    /// Challenges that follow.
    pub(crate) challenges: usize,
    /// Whether the proof bytes are scalars.
    pub(crate) scalars: bool,
}

impl Segment {
    /// Bytes that are hashed, without public inputs whose number is not known.
    pub(crate) fn len(&self) -> usize {
        let instances = match self.instances {
            Instances::Known(len) => len,
            Instances::OfKey => 0,
        };
        32 + instances + self.proof_len
    }
}

/// Public inputs in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instances {
    /// So many bytes of them.
    Known(usize),
    /// All there are in calldata.
    OfKey,
}

/// What the memory map depends on besides the protocol.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    pub(crate) mode: Mode,
    /// Commitments of the key that are in memory, in their order in the key.
    pub(crate) key_points: Vec<Commitment>,
    /// Present if the arithmetic is interpreted.
    pub(crate) programs: Option<Programs>,
    /// Loops over public inputs.
    pub(crate) loops: usize,
}

/// Sizes of interpreted arithmetic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Programs {
    pub(crate) constants: usize,
    /// Bytes of the two programs.
    pub(crate) first: usize,
    pub(crate) second: usize,
}

/// The memory map, and the positions in canonical calldata.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    mode: Mode,
    /// Calldata: a shared verifier's key, the proof, its scalars, its last two points, the public inputs.
    pub(crate) cd_key: usize,
    pub(crate) cd_proof: usize,
    pub(crate) cd_scalars: usize,
    pub(crate) cd_opening: usize,
    pub(crate) cd_instances: usize,

    constants: usize,
    pub(crate) first_program: usize,
    pub(crate) second_program: usize,
    pub(crate) programs_end: usize,
    /// An embedded verifier's key in memory.
    key: usize,
    pub(crate) key_len: usize,
    /// Bytes of a key in front of its commitments.
    key_head: usize,
    key_points: Vec<Commitment>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) challenges: usize,
    loops: usize,
    inactive: usize,
    domain: usize,
    pub(crate) inverse: usize,
    pub(crate) quotient: usize,
    pub(crate) scratch: usize,
    pub(crate) temporaries: usize,
    /// Where straight-line code hashes one segment after another.
    buffer: usize,
    buffer_len: usize,
    /// Addresses of scalars in memory, where the interpreter needs them.
    instances: usize,
    evaluations: usize,
    interpreted: bool,
    single_piece: Option<usize>,
    /// Position in the proof's bytes of each point.
    points: Vec<usize>,
}

/// Fold area and pairing input, see [`super::fold`].
const SCRATCH_LEN: usize = 0x2c0;

impl Layout {
    pub(crate) fn new(protocol: &Protocol, sizes: Sizes) -> Self {
        let interpreted = sizes.programs.is_some();
        let shared = sizes.mode == Mode::Shared;
        // A shared verifier's key has numbers behind the setup's points, and ends with the shape's id.
        let (numbers_len, shape_len) = if shared {
            (numbers::len(protocol), 32)
        } else {
            (0, 0)
        };
        let key_head = SETUP_LEN + numbers_len + 32;
        let key_len = key_head + 64 * sizes.key_points.len() + shape_len;
        // Selector, offsets, and in front of each argument its length.
        let cd_key = 4 + 3 * 32 + 32;
        let cd_proof = if shared {
            cd_key + key_len + 32
        } else {
            4 + 2 * 32 + 32
        };
        let cd_instances = cd_proof + protocol.proof_len() + 32;
        let cd_opening = cd_proof + protocol.proof_len() - 128;

        let mut next = DATA;
        let mut take = |bytes: usize| {
            let address = next;
            next += bytes;
            address
        };
        let programs = sizes.programs.unwrap_or(Programs {
            constants: 0,
            first: 0,
            second: 0,
        });
        let constants = take(32 * programs.constants);
        let first_program = take(programs.first);
        let second_program = take(programs.second);
        let programs_end = take(0);
        let key = take(if shared { 0 } else { key_len });
        // A program's last word may reach beyond the data.
        take(if shared && !interpreted { 0 } else { 32 });

        let mut segments = segments(protocol, sizes.mode);
        let longest = segments.iter().map(Segment::len).max().unwrap_or(0);
        let buffer_len = if interpreted { 0 } else { longest };
        let buffer = take(buffer_len);
        for segment in &mut segments {
            segment.address = if interpreted && segment.instances != Instances::OfKey {
                take(segment.len())
            } else {
                buffer
            };
        }
        let challenges = take(32 * protocol.challenges.count);
        let loops = take(64 * sizes.loops);
        let inactive = take(96);
        let domain = take(if shared { 128 } else { 0 });
        let inverse = take(32);
        let quotient = take(64);
        let scratch = take(SCRATCH_LEN);
        let temporaries = take(0);
        for segment in &mut segments {
            // It is hashed before anything else is written here, and reaches as far as there are public inputs.
            if interpreted && segment.instances == Instances::OfKey {
                segment.address = temporaries;
            }
        }

        let mut points = Vec::with_capacity(protocol.num_points);
        let (mut instances, mut evaluations) = (0, 0);
        for (i, segment) in segments.iter().enumerate() {
            if i == 0 {
                instances = segment.address + 32;
            }
            let end = segment.proof_offset + segment.proof_len;
            if segment.scalars {
                evaluations = segment.address + 32;
            } else {
                points.extend((segment.proof_offset..end).step_by(64));
            }
        }
        points.push(protocol.proof_len() - 64);
        let pieces = protocol.quotient_pieces.clone();
        Self {
            mode: sizes.mode,
            cd_key,
            cd_proof,
            cd_scalars: cd_opening - 32 * protocol.num_scalars,
            cd_opening,
            cd_instances,
            constants,
            first_program,
            second_program,
            programs_end,
            key,
            key_len,
            key_head,
            key_points: sizes.key_points,
            segments,
            challenges,
            loops,
            inactive,
            domain,
            inverse,
            quotient,
            scratch,
            temporaries,
            buffer,
            buffer_len,
            instances,
            evaluations,
            interpreted,
            single_piece: (pieces.len() == 1).then_some(pieces.start),
            points,
        }
    }

    /// Address of a temporary. Straight-line code has Solidity's words after the free memory pointer for the first ones, whose
    /// addresses are shorter, then the transcript's buffer, which is hashed by then.
    pub(crate) fn slot(&self, number: usize) -> usize {
        if self.interpreted {
            return self.temporaries + 32 * number;
        }
        let in_buffer = self.buffer_len / 32;
        match number.checked_sub(SHORT_SLOTS) {
            None => SHORT_SLOT + 32 * number,
            Some(i) if i < in_buffer => self.buffer + 32 * i,
            Some(i) => self.temporaries + 32 * (i - in_buffer),
        }
    }

    /// Words of memory with so many temporaries.
    pub(crate) fn words(&self, temporaries: usize) -> usize {
        let elsewhere = if self.interpreted {
            0
        } else {
            SHORT_SLOTS + self.buffer_len / 32
        };
        self.temporaries.div_ceil(32) + temporaries.saturating_sub(elsewhere)
    }

    /// Words of memory up to the end of what is hashed.
    pub(crate) fn hashed_words(&self, protocol: &Protocol) -> usize {
        let ends = self.segments.iter().map(|segment| {
            let instances = match segment.instances {
                Instances::Known(_) => 0,
                Instances::OfKey => 32 * protocol.total_instances(),
            };
            segment.address + segment.len() + instances
        });
        ends.max().unwrap_or(0).div_ceil(32)
    }

    /// Fails if 16-bit addresses do not reach the last of so many temporaries, or the proof's last point.
    pub(crate) fn check(&self, temporaries: usize) -> Result<(), GenerateError> {
        let bytes = (32 * self.words(temporaries)).max(self.cd_instances);
        if bytes > usize::from(u16::MAX) {
            return Err(GenerateError::MemoryTooLarge { bytes });
        }
        Ok(())
    }

    /// Calldata up to its end, with the protocol's number of public inputs.
    pub(crate) fn calldata_len(&self, protocol: &Protocol) -> usize {
        self.cd_instances + 32 * protocol.total_instances()
    }

    /// A byte of the key: memory of an embedded verifier, calldata of a shared one.
    fn in_key(&self, offset: usize) -> Place {
        match self.mode {
            Mode::Embedded => Place::Memory(self.key + offset),
            Mode::Shared => Place::Calldata(self.cd_key + offset),
        }
    }

    pub(crate) fn tau_g2(&self) -> Place {
        self.in_key(0)
    }

    pub(crate) fn neg_g2(&self) -> Place {
        self.in_key(128)
    }

    /// Where calldata has the numbers of a shared verifier's key.
    pub(crate) fn key_numbers(&self) -> usize {
        self.cd_key + SETUP_LEN
    }

    /// Where calldata has the shape's id.
    pub(crate) fn key_shape(&self) -> usize {
        self.cd_key + self.key_len - 32
    }

    pub(crate) fn digest(&self) -> Place {
        self.in_key(self.key_head - 32)
    }

    /// Address that an interpreted instruction uses.
    pub(crate) fn operand(&self, operand: Operand) -> usize {
        match operand {
            Operand::Constant(i) => self.constants + 32 * i,
            Operand::Temporary(i) => self.slot(i),
            Operand::Input(Input::Instance(i)) => self.instances + 32 * i,
            Operand::Input(Input::Evaluation(i)) => self.evaluations + 32 * i,
            Operand::Input(Input::Challenge(i)) => self.challenge(i),
            Operand::Input(Input::LoopNumerator(i)) => self.loops + 64 * i,
            Operand::Input(Input::LoopDenominator(i)) => self.loops + 64 * i + 32,
            Operand::Input(Input::Inactive(part)) => self.inactive(part),
            Operand::Input(Input::Inverse) => self.inverse,
            Operand::Input(Input::Root) => self.domain,
            Operand::Input(Input::RootInverse) => self.domain + 32,
            Operand::Input(Input::XToRows) => self.domain + 64,
            Operand::Input(Input::RowsInverse) => self.domain + 96,
        }
    }

    /// Where arithmetic reads an input.
    pub(crate) fn input(&self, input: Input) -> Place {
        match input {
            Input::Instance(i) if !self.interpreted => Place::Calldata(self.cd_instances + 32 * i),
            Input::Evaluation(i) if !self.interpreted => Place::Calldata(self.cd_scalars + 32 * i),
            _ => Place::Memory(self.operand(Operand::Input(input))),
        }
    }

    /// Where the loop over rows without constraints leaves its results.
    pub(crate) fn inactive(&self, part: Inactive) -> usize {
        self.inactive + 32 * part as usize
    }

    /// Where a loop over public inputs leaves numerator and denominator.
    pub(crate) fn instance_loop(&self, index: usize) -> (usize, usize) {
        (self.loops + 64 * index, self.loops + 64 * index + 32)
    }

    /// The pairing's input, in scratch memory.
    pub(crate) fn pairing(&self) -> usize {
        self.scratch + 0x120
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn challenge(&self, index: usize) -> usize {
        self.challenges + 32 * index
    }

    pub(crate) fn point(&self, point: Point) -> Place {
        match point {
            Point::Generator => self.in_key(256),
            Point::Commitment(Commitment::Proof(i)) => {
                Place::Calldata(self.cd_proof + self.points[i])
            }
            Point::Commitment(Commitment::Quotient) => match self.single_piece {
                Some(i) => Place::Calldata(self.cd_proof + self.points[i]),
                None => Place::Memory(self.quotient),
            },
            Point::Commitment(commitment) => {
                let index = self.key_points.iter().position(|c| *c == commitment);
                let Some(index) = index else {
                    unreachable!("the key holds every commitment that is folded")
                };
                self.in_key(self.key_head + 64 * index)
            }
        }
    }
}

fn segments(protocol: &Protocol, mode: Mode) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut open = Segment {
        address: 0,
        instances: match mode {
            Mode::Shared if !protocol.num_instances.is_empty() => Instances::OfKey,
            Mode::Shared | Mode::Embedded => Instances::Known(32 * protocol.total_instances()),
        },
        proof_len: 0,
        proof_offset: 0,
        challenges: 0,
        scalars: false,
    };
    for step in &protocol.steps {
        if open.challenges > 0 && *step != Step::Squeeze {
            let offset = open.proof_offset + open.proof_len;
            segments.push(open);
            open = Segment {
                address: 0,
                instances: Instances::Known(0),
                proof_len: 0,
                proof_offset: offset,
                challenges: 0,
                scalars: false,
            };
        }
        match step {
            Step::Points(count) => open.proof_len += 64 * count,
            Step::Scalars(count) => {
                open.proof_len += 32 * count;
                open.scalars = true;
            }
            Step::Squeeze => open.challenges += 1,
        }
    }
    // What is left holds the last point alone: nothing is squeezed after it.
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key, params};

    /// Bytes of the key in memory.
    fn key_len(mode: Mode, layout: &Layout) -> usize {
        match mode {
            Mode::Embedded => layout.key_len,
            Mode::Shared => 0,
        }
    }

    #[test]
    fn regions_do_not_overlap_with_many_public_inputs() {
        let params = params();
        let vk = key(&params, &[1]);
        let protocol = Protocol::new(&vk, &[400]).unwrap();
        for mode in [Mode::Embedded, Mode::Shared] {
            for programs in [
                None,
                Some(Programs {
                    constants: 5,
                    first: 30,
                    second: 90,
                }),
            ] {
                let key_points = vec![Commitment::Fixed(0), Commitment::Sigma(0)];
                let layout = Layout::new(
                    &protocol,
                    Sizes {
                        mode,
                        key_points,
                        programs,
                        loops: 2,
                    },
                );
                let mut regions = vec![
                    (DATA, layout.programs_end - DATA),
                    (layout.key, key_len(mode, &layout)),
                    (layout.challenges, 32 * protocol.challenges.count),
                    (layout.loops, 128),
                    (layout.inactive, 96),
                    (layout.domain, if mode == Mode::Shared { 128 } else { 0 }),
                    (layout.inverse, 32),
                    (layout.quotient, 64),
                    (layout.scratch, SCRATCH_LEN),
                    (layout.temporaries, 0),
                ];
                // A segment without an end lies where nothing is written before it is hashed.
                let endless = |segment: &&Segment| segment.instances == Instances::OfKey;
                let free = |segment: &Segment| {
                    segment.address
                        == match programs {
                            None => DATA,
                            Some(_) => layout.temporaries,
                        }
                };
                assert!(layout.segments.iter().filter(endless).all(free));
                let segments = layout.segments.iter().filter(|segment| !endless(segment));
                let segments = segments.map(|s| (s.address, s.len()));
                if programs.is_some() {
                    regions.extend(segments);
                } else {
                    // One buffer, hashed before it is filled again.
                    let longest = segments.max_by_key(|(_, len)| *len).unwrap();
                    regions.push(longest);
                }
                regions.sort_unstable();
                for pair in regions.windows(2) {
                    assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{mode:?} {pair:x?}");
                }
                assert!(layout.pairing() + 0x180 <= layout.scratch + SCRATCH_LEN);
                assert_eq!(
                    layout.calldata_len(&protocol),
                    layout.cd_instances + 32 * 400
                );
                layout.check(100).unwrap();
            }
        }
    }
}
