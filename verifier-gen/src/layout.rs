//! Where everything lies in the contract's memory. All addresses are known when the contract is generated.

use crate::{
    error::GenerateError,
    graph::Input,
    opening::Point,
    program::Operand,
    protocol::{Commitment, Protocol, Step},
};

/// Where Solidity puts the first allocation's content: behind its length word at 0x80.
const DATA: usize = 0xa0;
/// Scratch for folding points and for precompile inputs, from the combination on.
const SCRATCH_LEN: usize = 0x180;
/// Words of the two moduli, the root of unity, and its power at the first row of the Lagrange polynomials.
pub(crate) const NUM_PARAMETERS: usize = 4;

/// A part of the transcript that is hashed in one go: the previous hash (or the key's digest), then data from calldata.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Address of the hash input.
    pub(crate) address: usize,
    /// Bytes of public inputs behind the first word.
    pub(crate) instance_len: usize,
    /// Bytes of the proof behind those.
    pub(crate) proof_len: usize,
    /// Where they start in the proof.
    pub(crate) proof_offset: usize,
    /// Challenges that follow.
    pub(crate) challenges: usize,
    /// Whether the proof bytes are scalars.
    pub(crate) scalars: bool,
}

impl Segment {
    /// Bytes that are hashed.
    pub(crate) fn len(&self) -> usize {
        32 + self.instance_len + self.proof_len
    }
}

/// Sizes that the lowered arithmetic decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) num_fixed: usize,
    pub(crate) num_sigma: usize,
    pub(crate) constants: usize,
    /// Bytes of the two programs and of the point schedule.
    pub(crate) first_program: usize,
    pub(crate) second_program: usize,
    pub(crate) schedule: usize,
    pub(crate) temporaries: usize,
}

/// The memory map.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) digest: usize,
    fixed: usize,
    sigma: usize,
    generator: usize,
    pub(crate) tau_g2: usize,
    pub(crate) neg_g2: usize,
    /// The two moduli and the roots, see [`NUM_PARAMETERS`].
    pub(crate) parameters: usize,
    constants: usize,
    pub(crate) first_program: usize,
    pub(crate) second_program: usize,
    pub(crate) schedule: usize,
    pub(crate) schedule_end: usize,
    pub(crate) segments: Vec<Segment>,
    /// The proof's last point, which the transcript does not absorb.
    pub(crate) last_point: usize,
    pub(crate) challenges: usize,
    pub(crate) first_row: i32,
    pub(crate) num_rows: usize,
    pub(crate) lagrange: usize,
    pub(crate) inverse: usize,
    pub(crate) quotient: usize,
    pub(crate) combination: usize,
    pub(crate) temporaries: usize,
    pub(crate) end: usize,
    instances: usize,
    evaluations: usize,
    /// Address of each point of the proof.
    points: Vec<usize>,
}

impl Layout {
    pub(crate) fn new(
        protocol: &Protocol,
        rows: std::ops::RangeInclusive<i32>,
        sizes: Sizes,
    ) -> Result<Self, GenerateError> {
        let mut next = DATA;
        let mut take = |bytes: usize| {
            let address = next;
            next += bytes;
            address
        };
        let digest = take(32);
        let fixed = take(64 * sizes.num_fixed);
        let sigma = take(64 * sizes.num_sigma);
        let generator = take(64);
        let tau_g2 = take(128);
        let neg_g2 = take(128);
        let parameters = take(32 * NUM_PARAMETERS);
        let constants = take(32 * sizes.constants);
        let first_program = take(sizes.first_program);
        let second_program = take(sizes.second_program);
        let schedule = take(sizes.schedule);
        let schedule_end = take(0);
        // The contract reads whole words: the padding keeps the last read inside the data.
        take(32 - schedule_end % 32 + 32);

        let mut segments = segments(protocol);
        for segment in &mut segments {
            segment.address = take(segment.len());
        }
        let last_point = take(64);
        let challenges = take(32 * protocol.challenges.count);
        let num_rows = (rows.end() - rows.start() + 1) as usize;
        let lagrange = take(64 * num_rows);
        let inverse = take(32);
        let quotient = take(64);
        let combination = take(SCRATCH_LEN);
        let temporaries = take(32 * sizes.temporaries);
        let end = take(0);
        if end > usize::from(u16::MAX) {
            return Err(GenerateError::MemoryTooLarge { bytes: end });
        }

        let mut points = Vec::with_capacity(protocol.num_points);
        let (mut instances, mut evaluations) = (0, 0);
        for (i, segment) in segments.iter().enumerate() {
            let start = segment.address + 32;
            if i == 0 {
                instances = start;
            }
            if segment.scalars {
                evaluations = start;
            } else {
                let first = start + segment.instance_len;
                points.extend((first..first + segment.proof_len).step_by(64));
            }
        }
        points.push(last_point);
        Ok(Self {
            digest,
            fixed,
            sigma,
            generator,
            tau_g2,
            neg_g2,
            parameters,
            constants,
            first_program,
            second_program,
            schedule,
            schedule_end,
            segments,
            last_point,
            challenges,
            first_row: *rows.start(),
            num_rows,
            lagrange,
            inverse,
            quotient,
            combination,
            temporaries,
            end,
            instances,
            evaluations,
            points,
        })
    }

    /// Bytes of the data that the contract carries.
    pub(crate) fn data_len(&self) -> usize {
        self.segments
            .first()
            .map_or(self.schedule_end, |segment| segment.address)
            - DATA
    }

    pub(crate) fn operand(&self, operand: Operand) -> usize {
        match operand {
            Operand::Constant(i) => self.constants + 32 * i,
            Operand::Temporary(i) => self.temporaries + 32 * i,
            Operand::Input(Input::Instance(i)) => self.instances + 32 * i,
            Operand::Input(Input::Evaluation(i)) => self.evaluations + 32 * i,
            Operand::Input(Input::Challenge(i)) => self.challenge(i),
            Operand::Input(Input::Lagrange(row)) => {
                self.lagrange + 32 * (row - self.first_row) as usize
            }
            Operand::Input(Input::Inverse) => self.inverse,
        }
    }

    pub(crate) fn challenge(&self, index: usize) -> usize {
        self.challenges + 32 * index
    }

    pub(crate) fn point(&self, point: Point) -> usize {
        match point {
            Point::Generator => self.generator,
            Point::Commitment(Commitment::Proof(i)) => self.points[i],
            Point::Commitment(Commitment::Fixed(i)) => self.fixed + 64 * i,
            Point::Commitment(Commitment::Sigma(i)) => self.sigma + 64 * i,
            Point::Commitment(Commitment::Quotient) => self.quotient,
        }
    }
}

/// The rows whose Lagrange polynomials are needed: the blinded ones, the first, and those of the public inputs.
pub(crate) fn lagrange_rows(
    protocol: &Protocol,
    instance_queries: impl Iterator<Item = (usize, i32)>,
) -> std::ops::RangeInclusive<i32> {
    let (mut first, mut last) = (-(protocol.blinding_factors as i32) - 1, 0);
    for (column, rotation) in instance_queries {
        if protocol.num_instances[column] > 0 {
            first = first.min(-rotation);
            last = last.max(protocol.num_instances[column] as i32 - 1 - rotation);
        }
    }
    first..=last
}

fn segments(protocol: &Protocol) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut open = Segment {
        address: 0,
        instance_len: 32 * protocol.total_instances(),
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
                instance_len: 0,
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
    // What is left holds the last point alone: nothing is squeezed behind it.
    segments
}
