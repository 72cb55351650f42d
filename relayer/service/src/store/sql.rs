//! What the store asks of a database: statements with numbered parameters, and rows.
//!
//! One text serves both databases, so it keeps to what both know: parameters are `?1`, `?2`, …, conflicts name their
//! columns, sums are cast, new ids come back by `RETURNING`.

use crate::error::{Error, Result};
use std::sync::Arc;

/// A statement's parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A whole number or null.
    Int(Option<i64>),
    /// A text or null.
    Text(Option<String>),
    /// Bytes or null.
    Bytes(Option<Vec<u8>>),
    /// A truth value.
    Bool(bool),
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $value:expr),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from($v: $from) -> Self {
                $value
            }
        }
    )*};
}

value_from! {
    i64 => |v| Self::Int(Some(v)),
    u32 => |v| Self::Int(Some(v.into())),
    Option<i64> => |v| Self::Int(v),
    &str => |v| Self::Text(Some(v.to_owned())),
    String => |v| Self::Text(Some(v)),
    Option<&str> => |v| Self::Text(v.map(str::to_owned)),
    Option<String> => |v| Self::Text(v),
    &[u8] => |v| Self::Bytes(Some(v.to_vec())),
    Vec<u8> => |v| Self::Bytes(Some(v)),
    Option<Vec<u8>> => |v| Self::Bytes(v),
    bool => |v| Self::Bool(v),
}

/// The parameters of a statement.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::sql::Value::from($value)),*]
    };
}
pub(super) use params;

/// The value of a column in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row that was read.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) columns: Arc<[String]>,
    pub(super) cells: Vec<Cell>,
}

impl Row {
    /// The value of a column.
    pub(super) fn get<T: FromCell>(&self, column: &str) -> Result<T> {
        let at = self.columns.iter().position(|c| c == column);
        let cell = at
            .and_then(|at| self.cells.get(at))
            .ok_or_else(|| corrupt(format!("there is no column {column}")))?;
        T::from_cell(cell)
            .ok_or_else(|| corrupt(format!("column {column} is of an unexpected type")))
    }
}

impl Row {
    /// The bytes of a column, without a copy of them.
    pub(super) fn take_bytes(mut self, column: &str) -> Result<Vec<u8>> {
        let at = self.columns.iter().position(|c| c == column);
        match at.map(|at| self.cells.swap_remove(at)) {
            Some(Cell::Bytes(bytes)) => Ok(bytes),
            _ => Err(corrupt(format!("column {column} holds no bytes"))),
        }
    }
}

/// A Rust type that a column can be read as.
pub(super) trait FromCell: Sized {
    /// `None` where the cell holds something else.
    fn from_cell(cell: &Cell) -> Option<Self>;
}

macro_rules! from_cell {
    ($($ty:ty => $variant:ident),*) => {$(
        impl FromCell for $ty {
            fn from_cell(cell: &Cell) -> Option<Self> {
                match cell {
                    Cell::$variant(v) => Some(v.clone()),
                    _ => None,
                }
            }
        }

        impl FromCell for Option<$ty> {
            fn from_cell(cell: &Cell) -> Option<Self> {
                match cell {
                    Cell::Null => Some(None),
                    cell => <$ty>::from_cell(cell).map(Some),
                }
            }
        }
    )*};
}

from_cell!(i64 => Int, String => Text, Vec<u8> => Bytes);

/// Statements within one transaction, or for reading only.
pub(super) trait Sql {
    /// Runs a statement; returns the number of rows that it changed.
    fn execute(&self, sql: &str, params: &[Value]) -> Result<u64>;

    /// All rows that a statement gives.
    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>>;

    /// Unix milliseconds on the clock that all share who share the database.
    fn now(&self) -> Result<u64>;
}

impl dyn Sql + '_ {
    /// The first row that a statement gives.
    pub(super) fn row(&self, sql: &str, params: &[Value]) -> Result<Option<Row>> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// The number that a statement gives as `n`.
    pub(super) fn number(&self, sql: &str, params: &[Value]) -> Result<u64> {
        match self.row(sql, params)? {
            Some(row) => number(&row, "n"),
            None => Err(corrupt("a count gave no row")),
        }
    }

    /// The id of the row that an insertion with `RETURNING id` made.
    pub(super) fn insert(&self, sql: &str, params: &[Value]) -> Result<i64> {
        match self.row(sql, params)? {
            Some(row) => row.get("id"),
            None => Err(corrupt("an insertion gave no id")),
        }
    }

    /// All rows, each read by `f`.
    pub(super) fn collect<T>(
        &self,
        sql: &str,
        params: &[Value],
        f: impl Fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.query(sql, params)?.iter().map(f).collect()
    }

    /// [`Sql::now`] as a parameter.
    pub(super) fn time(&self) -> Result<i64> {
        to_i64(self.now()?, "time")
    }
}

/// The database holds what this program never writes.
pub(super) fn corrupt(what: impl Into<String>) -> Error {
    Error::DatabaseCorrupt { what: what.into() }
}

/// A number as a parameter: databases have signed integers only.
pub(super) fn to_i64(value: u64, what: &str) -> Result<i64> {
    i64::try_from(value).map_err(|_| corrupt(format!("{what} {value} is out of range")))
}

/// A number that a column holds; never negative.
pub(super) fn number(row: &Row, column: &str) -> Result<u64> {
    to_u64(row.get(column)?, column)
}

/// [`number`], or null.
pub(super) fn number_opt(row: &Row, column: &str) -> Result<Option<u64>> {
    row.get::<Option<i64>>(column)?
        .map(|v| to_u64(v, column))
        .transpose()
}

fn to_u64(value: i64, what: &str) -> Result<u64> {
    u64::try_from(value).map_err(|_| corrupt(format!("{what} {value} is negative")))
}
