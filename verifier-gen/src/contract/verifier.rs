//! A contract in one code style: its arithmetic, its memory map, what it will cost, and its source.

use super::{
    arithmetic::{Part, Style, expression},
    estimate::{code_size, gas},
    fold::{Folding, Steps, fold},
    interpreter::{INSTRUCTION_LEN, programs},
    layout::{Layout, Programs, Sizes},
    limits::{CODE_LIMIT, is_compact},
    place::Place,
    section::Section,
    shape::Shape,
    source::Source,
};
use crate::{
    error::GenerateError,
    field::{
        arithmetic::{Arithmetic, Op, ValueId},
        expression::{Formula, Word},
        graph::NodeId,
        program::Lowering,
        slots::Slots,
        straight_line::Scheduler,
    },
    options::{CodeStyle, Mode},
    yul::{Expression, Literal, mload, modulo},
};

/// Inputs that are kept on the stack while a part of the arithmetic runs, if they are read often enough.
const MAX_VARIABLES: usize = 5;
const VARIABLE_FROM: usize = 5;

/// A verifier of one code style.
pub(crate) struct Verifier {
    layout: Layout,
    style: Style,
    pub(crate) folding: Folding,
    /// Bytes that the contract carries.
    data: Vec<Section>,
    /// Operations of the field arithmetic.
    pub(crate) instructions: usize,
    pub(crate) gas: u64,
    pub(crate) code_size: usize,
}

impl Verifier {
    /// The verifier in this style; automatically, inline code unless it would be too large.
    pub(crate) fn new(shape: &Shape<'_>, style: CodeStyle) -> Result<Self, GenerateError> {
        match style {
            CodeStyle::Inline => Self::inline(shape),
            CodeStyle::Interpreted => Self::interpreted(shape),
            CodeStyle::Auto => match Self::inline(shape) {
                Ok(verifier) if verifier.code_size <= CODE_LIMIT => Ok(verifier),
                _ => Self::interpreted(shape),
            },
        }
    }

    fn inline(shape: &Shape<'_>) -> Result<Self, GenerateError> {
        let layout = Layout::new(shape.protocol, sizes(shape, None));
        let mut nodes = vec![shape.denominator, shape.numerator];
        nodes.extend(shape.scalars());
        let (arithmetic, values) = Arithmetic::new(&shape.graph, &nodes);
        let (denominator, numerator) = (&values[..1], &values[1..2]);
        let is_compact = is_compact(shape.protocol, shape.mode);
        let mut scheduler = Scheduler::new(&arithmetic, &values, is_compact);
        let mut code = |roots: &[ValueId], known: &[ValueId]| {
            let mut variables = arithmetic.hot_inputs(roots, known, VARIABLE_FROM);
            variables.truncate(MAX_VARIABLES);
            scheduler.schedule(roots, &variables)
        };
        let code = [
            code(denominator, &[]),
            code(numerator, denominator),
            code(&values[2..], &values[..2]),
        ];
        let kept: Vec<Formula> = values.iter().map(|value| scheduler.root(*value)).collect();
        let slots = Slots::new(code.iter().flat_map(|code| &code.statements), &kept);
        let place = |word| match word {
            Word::Input(input) => layout.input(input),
            Word::Stored(value) => Place::Memory(layout.slot(slots.word(value))),
        };
        let [before, constraints, openings] = code;
        let kept: Vec<Expression> = kept
            .iter()
            .map(|formula| expression(formula, &place))
            .collect();
        let scalar = |node: NodeId| match nodes.iter().position(|known| *known == node) {
            Some(position) => kept[position].clone(),
            None => unreachable!("every scalar of a group is among the nodes"),
        };
        let folding = fold(&shape.groups, &layout, steps(shape), scalar);
        let product = kept[0].clone();
        let style = Style::Inline {
            before: Part::new("denominators", &before, &place),
            denominator: match arithmetic.op(values[0]) {
                Op::Product(..) => product,
                // Zero may not hide as a multiple of r.
                _ => modulo(product, "r"),
            },
            after: Box::new([
                Part::new("constraints", &constraints, &place),
                Part::new("openings", &openings, &place),
            ]),
        };
        let instructions = arithmetic.operations(&values);
        let temporaries = slots.count();
        Self::finish(
            shape,
            layout,
            style,
            folding,
            Vec::new(),
            instructions,
            temporaries,
        )
    }

    fn interpreted(shape: &Shape<'_>) -> Result<Self, GenerateError> {
        let mut lowering = Lowering::new(&shape.graph);
        let first = lowering.lower(&[shape.denominator]);
        let first_results = lowering.temporaries();
        let second = lowering.lower(&shape.scalars());
        let program_sizes = Programs {
            constants: lowering.constants().len(),
            first: INSTRUCTION_LEN * first.len(),
            second: INSTRUCTION_LEN * second.len(),
        };
        let layout = Layout::new(shape.protocol, sizes(shape, Some(program_sizes)));
        layout.check(lowering.temporaries())?;
        let operands: Vec<(NodeId, usize)> = shape
            .scalars()
            .into_iter()
            .map(|node| (node, layout.operand(lowering.operand(node))))
            .collect();
        let scalar = |node: NodeId| match operands.iter().find(|(known, _)| *known == node) {
            Some((_, at)) => mload(Literal::address(*at)),
            None => unreachable!("every scalar of a group is an operand"),
        };
        let folding = fold(&shape.groups, &layout, steps(shape), scalar);
        let style = Style::Interpreted {
            denominator: layout.operand(lowering.operand(shape.denominator)),
            first_results,
        };
        let data = programs(&layout, [&first, &second], &lowering);
        let instructions = first.len() + second.len();
        let temporaries = lowering.temporaries();
        Self::finish(
            shape,
            layout,
            style,
            folding,
            data,
            instructions,
            temporaries,
        )
    }

    fn finish(
        shape: &Shape<'_>,
        layout: Layout,
        style: Style,
        folding: Folding,
        mut data: Vec<Section>,
        instructions: usize,
        temporaries: usize,
    ) -> Result<Self, GenerateError> {
        layout.check(temporaries)?;
        if shape.mode == Mode::Embedded {
            data.extend(shape.key.sections(&shape.key_points));
        }
        let data_len = data.iter().map(|section| section.bytes.len()).sum();
        let gas = gas(
            shape.protocol,
            &layout,
            &style,
            &folding,
            &shape.loops,
            instructions,
            temporaries,
        );
        let code_size = code_size(
            shape.protocol,
            &layout,
            &style,
            &folding,
            &shape.loops,
            data_len,
        );
        Ok(Self {
            layout,
            style,
            folding,
            data,
            instructions,
            gas,
            code_size,
        })
    }

    /// Whether the arithmetic is interpreted.
    pub(crate) fn is_interpreted(&self) -> bool {
        matches!(self.style, Style::Interpreted { .. })
    }

    /// Whether the contract carries data.
    pub(crate) fn carries_data(&self) -> bool {
        !self.data.is_empty()
    }

    /// The Solidity source under this name.
    pub(crate) fn source(&self, shape: &Shape<'_>, name: &str, shape_id: &[u8; 32]) -> String {
        Source {
            name,
            mode: shape.mode,
            protocol: shape.protocol,
            layout: &self.layout,
            style: &self.style,
            loops: &shape.loops,
            loops_over_rows: shape.loops_over_rows,
            folding: &self.folding,
            data: &self.data,
            shape_id,
        }
        .write()
    }
}

fn sizes(shape: &Shape<'_>, programs: Option<Programs>) -> Sizes {
    Sizes {
        mode: shape.mode,
        key_points: shape.key_points.clone(),
        programs,
        loops: shape.loops.len(),
    }
}

fn steps(shape: &Shape<'_>) -> Steps {
    match shape.mode {
        Mode::Shared => Steps::Fours,
        Mode::Embedded if is_compact(shape.protocol, shape.mode) => Steps::Lists,
        Mode::Embedded => Steps::Pairs,
    }
}
