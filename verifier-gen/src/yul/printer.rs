//! Writes Yul as text, one statement in a line, indented by four spaces for each level.

use std::fmt::{self, Display, Formatter, Write as _};

use super::syntax::{Expression, Statement};

/// The statements as lines, `level` levels deep; no line break follows the last one.
pub(crate) fn print(statements: &[Statement], level: usize) -> String {
    let mut lines = Lines::default();
    lines.block(statements, level);
    lines.0.join("\n")
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn line(&mut self, level: usize, line: impl Display) {
        self.0
            .push(format!("{:width$}{line}", "", width = 4 * level));
    }

    fn block(&mut self, statements: &[Statement], level: usize) {
        for statement in statements {
            self.statement(statement, level);
        }
    }

    /// A line that opens a brace, what is inside, and the closing brace.
    fn braced(&mut self, head: impl Display, body: &[Statement], level: usize) {
        self.line(level, head);
        self.block(body, level + 1);
        self.line(level, "}");
    }

    fn statement(&mut self, statement: &Statement, level: usize) {
        match statement {
            Statement::Comment(text) => self.line(level, format_args!("// {text}")),
            Statement::Blank => self.0.push(String::new()),
            Statement::Guard { condition, failure } => {
                self.line(level, format_args!("if {condition} {{ {failure} }}"));
            }
            Statement::If(condition, body) => {
                self.braced(format_args!("if {condition} {{"), body, level);
            }
            Statement::For {
                start,
                condition,
                step,
                body,
            } => {
                let start = match start {
                    Some(start) => format!("{{ {} }}", Simple(start)),
                    None => "{}".to_owned(),
                };
                let head = format!("for {start} {condition} {{ {} }} {{", Simple(step));
                self.braced(head, body, level);
            }
            Statement::Block(body) => self.braced("{", body, level),
            Statement::Function {
                name,
                parameters,
                body,
            } => {
                let head = format!("function {name}({}) {{", parameters.join(", "));
                self.braced(head, body, level);
            }
            Statement::Let(..) | Statement::Assign(..) | Statement::Run(_) => {
                self.line(level, Simple(statement));
            }
        }
    }
}

/// A statement without a block of its own.
struct Simple<'a>(&'a Statement);

impl Display for Simple<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Statement::Let(name, None) => write!(f, "let {name}"),
            Statement::Let(name, Some(value)) => write!(f, "let {name} := {value}"),
            Statement::Assign(name, value) => write!(f, "{name} := {value}"),
            Statement::Run(expression) => write!(f, "{expression}"),
            other => f.write_str(&print(std::slice::from_ref(other), 0)),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, operands): (&str, _) = match self {
            Self::Literal(literal) => return write!(f, "{literal}"),
            Self::Variable(name) => return f.write_str(name),
            Self::Opcode(opcode, operands) => (opcode.name(), operands),
            Self::Call(name, arguments) => (name, arguments),
        };
        write!(f, "{name}(")?;
        for (i, operand) in operands.iter().enumerate() {
            let separator = if i > 0 { ", " } else { "" };
            write!(f, "{separator}{operand}")?;
        }
        f.write_char(')')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yul::{Literal, add, calldataload, lt, mload, mstore, mulmod, returndatasize};

    #[test]
    fn calls_nest_and_have_their_operands_in_order() {
        let inner = mulmod(mload(Literal::address(0xa0)), "v0", "r");
        let sum = add(inner, Expression::call("f", [returndatasize()]));
        assert_eq!(
            sum.to_string(),
            "add(mulmod(mload(0x00a0), v0, r), f(returndatasize()))"
        );
    }

    #[test]
    fn every_statement_stands_at_its_level() {
        let word = |at| Literal::offset(at);
        let at = || Expression::from("at");
        let fail = || Expression::call("fail", []);
        let body = vec![
            Statement::Comment("Why."),
            Statement::declare("x", calldataload(at())),
            Statement::Let("y".into(), None),
            Statement::guard(lt("x", "r"), fail()),
            Statement::If(at(), vec![fail().into()]),
            Statement::Block(vec![mstore(word(0), "x").into()]),
        ];
        let step = || Statement::assign("at", add("at", word(0x20)));
        let statements = [
            Statement::function(
                "walk",
                ["at", "r"],
                vec![Statement::repeat(None, at(), step(), body)],
            ),
            Statement::Blank,
            Statement::repeat(
                Some(Statement::declare("at", word(4))),
                lt("at", word(0x44)),
                step(),
                vec![],
            ),
        ];
        let expected = [
            "    function walk(at, r) {",
            "        for {} at { at := add(at, 0x20) } {",
            "            // Why.",
            "            let x := calldataload(at)",
            "            let y",
            "            if lt(x, r) { fail() }",
            "            if at {",
            "                fail()",
            "            }",
            "            {",
            "                mstore(0x00, x)",
            "            }",
            "        }",
            "    }",
            "",
            "    for { let at := 0x04 } lt(at, 0x44) { at := add(at, 0x20) } {",
            "    }",
        ];
        assert_eq!(print(&statements, 1), expected.join("\n"));
        assert_eq!(print(&[], 3), "");
    }
}
