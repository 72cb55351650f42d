//! What reports call the columns of a key: fixed columns and those with copy constraints, in the order of their commitments.

use super::ChunkPlan;
use crate::chip::{linear, rlc};
use crate::columns::{Col, Fix};
use serde::Serialize;

/// A fixed column of a chunk's circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FixedColumn {
    /// What it holds.
    pub name: String,
    /// Whether it holds weights or biases, and their blinders, and nothing else.
    pub holds_weights: bool,
}

/// Whether a fixed column holds weights or biases.
pub(crate) fn holds_weights(role: Fix) -> bool {
    [rlc::WEIGHT, linear::BIAS].contains(&role.name)
}

impl ChunkPlan {
    /// The fixed columns, in the order of their commitments in a verifying key.
    pub fn fixed_columns(&self) -> Vec<FixedColumn> {
        let roles = self.arrangement.fixed_columns(&self.shape);
        let name = |role: &Fix| {
            let alike = roles.iter().filter(|other| other.name == role.name);
            let (mut several, mut pairs) = (0, false);
            for other in alike {
                several += 1;
                pairs |= other.at[1] > 0;
            }
            match (several, pairs) {
                (1, _) => role.name.to_owned(),
                (_, false) => format!("{} {}", role.name, role.at[0]),
                (_, true) => format!("{} {}.{}", role.name, role.at[0], role.at[1]),
            }
        };
        let column = |role: &Fix| FixedColumn {
            name: name(role),
            holds_weights: holds_weights(*role),
        };
        roles.iter().map(column).collect()
    }

    /// The columns with copy constraints, in the order of their commitments in a verifying key.
    pub fn equality_columns(&self) -> Vec<String> {
        let shape = &self.shape;
        let mut roles: Vec<Col> = (0..shape.lanes).map(Col::Y).collect();
        for lane in 0..shape.hash_lanes {
            roles.extend((0..3).map(|j| Col::Hash(lane, j)));
        }
        roles.extend([Col::D, Col::Alpha, Col::U]);
        roles.extend((0..shape.taps).map(Col::Beta));
        let place = |col: Col| {
            let position = self.arrangement.position(col, shape)?;
            Some((col.is_first_phase(), position))
        };
        let name = |col: Col| {
            let sharing = roles.iter().filter(|role| place(**role) == place(col));
            let names: Vec<String> = sharing.map(|role| role_name(*role)).collect();
            names.join(", ")
        };
        let mut names: Vec<String> = self
            .arrangement
            .copied(shape)
            .into_iter()
            .map(name)
            .collect();
        if self.arrangement.copies_instances() {
            names.push("instances".to_owned());
        }
        names
    }
}

fn role_name(col: Col) -> String {
    match col {
        Col::Y(lane) => format!("y {lane}"),
        Col::Hash(lane, word) => format!("hash word {lane}.{word}"),
        Col::D => "D".to_owned(),
        Col::Alpha => "alpha".to_owned(),
        Col::U => "u".to_owned(),
        Col::Beta(tap) => format!("beta {tap}"),
        other => format!("{other:?}"),
    }
}
