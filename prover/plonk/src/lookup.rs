//! The lookup argument (halo2 book, "Lookup argument"): inputs A and table S, compressed by powers of theta, are permuted to A' and S' such
//! that every row of A' equals its S' or the row before it; a running product shows that both are permutations.

use crate::error::{PlonkError, Result};
use chainfer_compute::quotient::{Builder, Program, Value};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field;
use std::collections::HashMap;

/// (a + beta) · (s + gamma), the factor of a row.
pub(crate) fn factor(
    builder: &mut Builder,
    (beta, gamma): (Value, Value),
    (a, s): (Value, Value),
) -> Value {
    let (a, s) = (builder.add(a, beta), builder.add(s, gamma));
    builder.multiply(a, s)
}

/// Numerators and denominators of the running products of all lookups, over the columns \[A, S, A', S'\] of each and the parameters
/// \[beta, gamma\].
pub(crate) fn program(lookups: usize) -> Program {
    let mut builder = Builder::new();
    let (beta, gamma) = (builder.parameter(0), builder.parameter(1));
    let (mut numerators, mut denominators) = (Vec::new(), Vec::new());
    for lookup in 0..lookups {
        let mut product = |input: usize, table: usize| {
            let columns = (builder.column(input, 0), builder.column(table, 0));
            factor(&mut builder, (beta, gamma), columns)
        };
        numerators.push(product(4 * lookup, 4 * lookup + 1));
        denominators.push(product(4 * lookup + 2, 4 * lookup + 3));
    }
    numerators.extend(denominators);
    builder.compile(&numerators)
}

/// A' and S' for the usable rows of A and S.
///
/// # Errors
/// [`PlonkError::NotInTable`].
pub(crate) fn permute(lookup: usize, inputs: &[Fr], table: &[Fr]) -> Result<(Vec<Fr>, Vec<Fr>)> {
    // Rows that hold a value of A, and how often S has it; in the order of A, so that the result depends on nothing else.
    let mut order: HashMap<Fr, usize> = HashMap::new();
    let mut groups: Vec<(Fr, usize, usize)> = Vec::new();
    for (row, value) in inputs.iter().enumerate() {
        let group = *order.entry(*value).or_insert_with(|| {
            groups.push((*value, 0, row));
            groups.len() - 1
        });
        groups[group].1 += 1;
    }
    // One entry of S serves each group; the others fill the rows that repeat.
    let mut served = vec![false; groups.len()];
    let mut others = Vec::new();
    for value in table {
        match order.get(value) {
            Some(group) if !served[*group] => served[*group] = true,
            _ => others.push(*value),
        }
    }
    if let Some(missing) = served.iter().position(|served| !served) {
        let row = groups[missing].2;
        return Err(PlonkError::NotInTable { lookup, row });
    }
    let (mut a, mut s) = (
        Vec::with_capacity(inputs.len()),
        Vec::with_capacity(inputs.len()),
    );
    let mut others = others.into_iter();
    for (value, count, _) in groups {
        for repeat in 0..count {
            a.push(value);
            // As many entries of S as rows of A: those that serve no group are as many as the rows that repeat.
            s.push(if repeat == 0 {
                value
            } else {
                others.next().unwrap_or(Fr::ZERO)
            });
        }
    }
    Ok((a, s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frs(values: &[u64]) -> Vec<Fr> {
        values.iter().copied().map(Fr::from).collect()
    }

    #[test]
    fn permuted_rows_equal_their_table_or_the_row_before() {
        let (inputs, table) = (frs(&[3, 1, 3, 3, 2, 1]), frs(&[1, 2, 3, 4, 1, 9]));
        let (a, s) = permute(0, &inputs, &table).unwrap();
        for row in 0..a.len() {
            assert!(a[row] == s[row] || a[row] == a[row - 1], "row {row}");
        }
        let sorted = |mut v: Vec<Fr>| {
            v.sort();
            v
        };
        assert_eq!(sorted(a), sorted(inputs));
        assert_eq!(sorted(s), sorted(table));
    }

    #[test]
    fn missing_value_is_named_by_its_first_row() {
        let error = permute(2, &frs(&[1, 7, 7]), &frs(&[1, 2, 3])).unwrap_err();
        assert!(matches!(
            error,
            PlonkError::NotInTable { lookup: 2, row: 1 }
        ));
    }
}
