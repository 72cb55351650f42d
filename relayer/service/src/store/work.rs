//! Work on a database whose result has lost its type: so there is one copy of the code that runs it, and not one for every
//! statement of the store.

use super::sql::Sql;
use crate::error::{Error, Result};
use std::any::Any;

/// What a piece of work gives.
pub(super) type Answer = Box<dyn Any + Send>;

/// Statements to run in one transaction.
pub(super) type Work = Box<dyn FnOnce(&dyn Sql) -> Result<Answer> + Send>;

/// How the work uses the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Work that gives an `R`.
pub(super) fn untyped<R, F>(f: F) -> Work
where
    R: Send + 'static,
    F: FnOnce(&dyn Sql) -> Result<R> + Send + 'static,
{
    Box::new(move |sql| Ok(Box::new(f(sql)?)))
}

/// The `R` that [`untyped`] work gave.
pub(super) fn typed<R: 'static>(answer: Answer) -> Result<R> {
    match answer.downcast() {
        Ok(value) => Ok(*value),
        Err(_) => Err(Error::Task("it gave another type of answer".to_owned())),
    }
}
