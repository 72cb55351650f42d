//! Expressions and statements.

use std::borrow::Cow;

use super::{literal::Literal, opcode::Opcode};

/// A variable or a function.
pub(crate) type Name = Cow<'static, str>;

/// Statements in order.
pub(crate) type Block = Vec<Statement>;

/// What has a value, or is run for its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Literal(Literal),
    Variable(Name),
    Opcode(Opcode, Vec<Expression>),
    /// A call of a function that the assembly defines.
    Call(Name, Vec<Expression>),
}

impl Expression {
    pub(crate) fn variable(name: impl Into<Name>) -> Self {
        Self::Variable(name.into())
    }

    pub(crate) fn call(name: impl Into<Name>, arguments: impl IntoIterator<Item = Self>) -> Self {
        Self::Call(name.into(), arguments.into_iter().collect())
    }
}

impl From<Literal> for Expression {
    fn from(literal: Literal) -> Self {
        Self::Literal(literal)
    }
}

/// The variable of this name.
impl From<&'static str> for Expression {
    fn from(name: &'static str) -> Self {
        Self::variable(name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    Comment(&'static str),
    /// An empty line.
    Blank,
    Let(Name, Option<Expression>),
    Assign(Name, Expression),
    Run(Expression),
    /// Calls a function that reverts; stands on one line.
    Guard {
        condition: Expression,
        failure: Expression,
    },
    If(Expression, Block),
    For {
        start: Option<Box<Statement>>,
        condition: Expression,
        step: Box<Statement>,
        body: Block,
    },
    Block(Block),
    Function {
        name: Name,
        parameters: Vec<Name>,
        body: Block,
    },
}

impl Statement {
    pub(crate) fn declare(name: impl Into<Name>, value: impl Into<Expression>) -> Self {
        Self::Let(name.into(), Some(value.into()))
    }

    pub(crate) fn assign(name: impl Into<Name>, value: impl Into<Expression>) -> Self {
        Self::Assign(name.into(), value.into())
    }

    pub(crate) fn guard(condition: Expression, failure: Expression) -> Self {
        Self::Guard { condition, failure }
    }

    pub(crate) fn repeat(
        start: Option<Self>,
        condition: impl Into<Expression>,
        step: Self,
        body: Block,
    ) -> Self {
        Self::For {
            start: start.map(Box::new),
            condition: condition.into(),
            step: Box::new(step),
            body,
        }
    }

    pub(crate) fn function(
        name: impl Into<Name>,
        parameters: impl IntoIterator<Item = impl Into<Name>>,
        body: Block,
    ) -> Self {
        Self::Function {
            name: name.into(),
            parameters: parameters.into_iter().map(Into::into).collect(),
            body,
        }
    }
}

impl From<Expression> for Statement {
    fn from(expression: Expression) -> Self {
        Self::Run(expression)
    }
}
