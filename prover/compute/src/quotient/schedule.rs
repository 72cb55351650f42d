//! The order of steps: depth first, the operand that needs the most registers before the others.

use super::lower::{Lowered, Operand, Step};

/// What is to be done, in order. Loads are left out: they happen where their values are used.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// This step.
    Step(usize),
    /// Writes an output.
    Store { output: usize, from: Operand },
}

pub(super) fn schedule(lowered: &Lowered) -> Vec<Item> {
    let children = children(lowered);
    let mut done = vec![false; lowered.steps.len()];
    let mut items = Vec::with_capacity(lowered.steps.len() + lowered.outputs.len());
    for (output, &from) in lowered.outputs.iter().enumerate() {
        let mut open = Vec::new();
        if let Operand::Step(step) = from {
            open.push((step, 0));
        }
        // The stack is explicit: expressions may be deeper than a thread's stack.
        while let Some((step, next)) = open.pop() {
            if done[step] {
                continue;
            }
            if let Some(&child) = children[step].get(next) {
                open.push((step, next + 1));
                if !done[child] {
                    open.push((child, 0));
                }
                continue;
            }
            done[step] = true;
            if !matches!(lowered.steps[step], Step::Load { .. }) {
                items.push(Item::Step(step));
            }
        }
        items.push(Item::Store { output, from });
    }
    items
}

/// The steps that each step waits for, loads excepted, in the order in which to do them.
fn children(lowered: &Lowered) -> Vec<Vec<usize>> {
    let mut need = Vec::<usize>::with_capacity(lowered.steps.len());
    let mut all = Vec::with_capacity(lowered.steps.len());
    for step in &lowered.steps {
        let mut children = Vec::new();
        let mut loads = 0;
        step.operands(|operand| {
            if let Operand::Step(child) = operand {
                if matches!(lowered.steps[child], Step::Load { .. }) {
                    loads += 1;
                } else if !children.contains(&child) {
                    children.push(child);
                }
            }
        });
        children.sort_by_key(|&child| std::cmp::Reverse(need[child]));
        let computed = children
            .iter()
            .enumerate()
            .map(|(held, &child)| held + need[child]);
        need.push(
            computed
                .max()
                .unwrap_or(0)
                .max(children.len() + loads)
                .max(1),
        );
        all.push(children);
    }
    all
}
