//! Blocks of rows and columns as channels or as images of a batch, and back.

use super::entry::{Entry, entry};
use crate::error::Result;
use crate::frontend::compose::{Operand, ZERO};
use crate::frontend::tflite::step::Step;

const MOVED: &str = "nothing: a view of the same elements";

pub(super) const OPERATORS: &[Entry] = &[
    entry(
        "BATCH_TO_SPACE_ND",
        "constant blocks and crops",
        MOVED,
        batch_to_space,
    )
    .moving(),
    entry(
        "DEPTH_TO_SPACE",
        "[batch, rows, columns, channels]",
        MOVED,
        depth_to_space,
    )
    .moving(),
    entry(
        "SPACE_TO_BATCH_ND",
        "constant blocks and paddings",
        "a rearrangement",
        space_to_batch,
    )
    .moving(),
    entry(
        "SPACE_TO_DEPTH",
        "[batch, rows, columns, channels]",
        MOVED,
        space_to_depth,
    )
    .moving(),
];

fn block(step: &Step<'_, '_>) -> Result<usize> {
    let block = step.option_length(0, 0)?;
    if (1..=1 << 12).contains(&block) {
        return Ok(block);
    }
    Err(step.compose.refuse(format!("a block of {block}")))
}

fn depth_to_space(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let b = block(step)?;
    let [n, h, w, c] = step.compose.image(&x)?;
    if c % (b * b) != 0 {
        return Err(step
            .compose
            .refuse(format!("{c} channels in blocks of {b} x {b}")));
    }
    let depth = c / (b * b);
    let blocks = step.compose.reshape(&x, &[n, h, w, b, b, depth])?;
    let moved = step.compose.transpose(&blocks, &[0, 1, 3, 2, 4, 5])?;
    Ok(vec![
        step.compose.reshape(&moved, &[n, h * b, w * b, depth])?,
    ])
}

fn space_to_depth(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let b = block(step)?;
    let [n, h, w, c] = step.compose.image(&x)?;
    if h % b != 0 || w % b != 0 {
        return Err(step
            .compose
            .refuse(format!("[{h}, {w}] in blocks of {b} x {b}")));
    }
    let blocks = step.compose.reshape(&x, &[n, h / b, b, w / b, b, c])?;
    let moved = step.compose.transpose(&blocks, &[0, 1, 3, 2, 4, 5])?;
    Ok(vec![
        step.compose
            .reshape(&moved, &[n, h / b, w / b, b * b * c])?,
    ])
}

/// The lengths of blocks, and the pairs beside them, for the axes after the first.
fn blocks(step: &Step<'_, '_>, rank: usize) -> Result<(Vec<usize>, Vec<[usize; 2]>)> {
    let blocks = step.lengths(1)?;
    let list = step.lengths(2)?;
    let pairs: Vec<[usize; 2]> = list.as_chunks::<2>().0.to_vec();
    let fine =
        blocks.iter().all(|b| (1..=1 << 12).contains(b)) && list.iter().all(|n| *n <= 1 << 22);
    if pairs.len() != blocks.len() || list.len() % 2 != 0 || blocks.len() + 1 > rank || !fine {
        return Err(step
            .compose
            .refuse(format!("blocks {blocks:?} with {list:?} for {rank} axes")));
    }
    Ok((blocks, pairs))
}

fn batch_to_space(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let (blocks, crops) = blocks(step, shape.len())?;
    let (m, count) = (blocks.len(), blocks.iter().product::<usize>());
    if !shape[0].is_multiple_of(count) {
        return Err(step
            .compose
            .refuse(format!("a batch of {} in blocks {blocks:?}", shape[0])));
    }
    let split = [blocks.as_slice(), &[shape[0] / count], &shape[1..]].concat();
    let split = step.compose.reshape(&x, &split)?;
    let mut perm = vec![m];
    let mut target = vec![shape[0] / count];
    for n in 0..m {
        perm.extend([m + 1 + n, n]);
        target.push(shape[1 + n] * blocks[n]);
    }
    perm.extend(2 * m + 1..m + shape.len());
    target.extend(&shape[m + 1..]);
    let moved = step.compose.transpose(&split, &perm)?;
    let whole = step.compose.reshape(&moved, &target)?;
    let mut axes = Vec::with_capacity(target.len());
    for (axis, d) in target.iter().enumerate() {
        let [before, after] = match axis {
            0 => [0, 0],
            axis => crops.get(axis - 1).copied().unwrap_or([0, 0]),
        };
        if before + after >= *d {
            return Err(step
                .compose
                .refuse(format!("crops {crops:?} of {target:?}")));
        }
        axes.push((before..d - after).map(Some).collect::<Vec<_>>());
    }
    Ok(vec![step.compose.pick(&whole, &axes, ZERO)?])
}

fn space_to_batch(step: &mut Step<'_, '_>) -> Result<Vec<Operand>> {
    let x = step.input(0)?;
    let shape = step.compose.shape(&x);
    let (blocks, pads) = blocks(step, shape.len())?;
    let mut wide = shape.clone();
    for (n, [before, after]) in pads.iter().enumerate() {
        wide[n + 1] += before + after;
        if !wide[n + 1].is_multiple_of(blocks[n]) {
            return Err(step
                .compose
                .refuse(format!("{wide:?} in blocks {blocks:?}")));
        }
    }
    step.compose.size(&wide)?;
    let mut axes = Vec::with_capacity(shape.len());
    for (axis, d) in shape.iter().enumerate() {
        let pair = axis.checked_sub(1).and_then(|n| pads.get(n));
        let [before, after] = pair.copied().unwrap_or([0, 0]);
        let places = (0..*d).map(Some);
        let places = std::iter::repeat_n(None, before).chain(places);
        axes.push(
            places
                .chain(std::iter::repeat_n(None, after))
                .collect::<Vec<_>>(),
        );
    }
    let padded = step.compose.pick(&x, &axes, ZERO)?;
    let m = blocks.len();
    let mut split = vec![shape[0]];
    for (n, block) in blocks.iter().enumerate() {
        split.extend([wide[n + 1] / block, *block]);
    }
    split.extend(&shape[m + 1..]);
    let padded = step.compose.reshape(&padded, &split)?;
    let mut perm: Vec<usize> = (0..m).map(|n| 2 * n + 2).collect();
    perm.push(0);
    perm.extend((0..m).map(|n| 2 * n + 1));
    perm.extend(2 * m + 1..split.len());
    let moved = step.compose.transpose(&padded, &perm)?;
    let mut target = vec![shape[0] * blocks.iter().product::<usize>()];
    target.extend((0..m).map(|n| wide[n + 1] / blocks[n]));
    target.extend(&shape[m + 1..]);
    Ok(vec![step.compose.reshape(&moved, &target)?])
}
