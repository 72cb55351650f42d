//! The EVM's opcodes that generated code uses, each with a function that builds its call.

use super::syntax::Expression;

macro_rules! opcodes {
    ($($opcode:ident $build:ident $name:literal ($($operand:ident),*))+) => {
        /// An opcode, called like a function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Opcode {
            $($opcode),+
        }

        impl Opcode {
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$opcode => $name),+
                }
            }
        }

        $(pub(crate) fn $build($($operand: impl Into<Expression>),*) -> Expression {
            Expression::Opcode(Opcode::$opcode, vec![$($operand.into()),*])
        })+
    };
}

opcodes! {
    Add add "add" (a, b)
    Sub sub "sub" (a, b)
    Mul mul "mul" (a, b)
    Mod modulo "mod" (a, b)
    AddMod addmod "addmod" (a, b, modulus)
    MulMod mulmod "mulmod" (a, b, modulus)
    And and "and" (a, b)
    Lt lt "lt" (a, b)
    Eq eq "eq" (a, b)
    IsZero iszero "iszero" (a)
    Shl shl "shl" (bits, a)
    Shr shr "shr" (bits, a)
    Keccak256 keccak256 "keccak256" (at, length)
    MLoad mload "mload" (at)
    MStore mstore "mstore" (at, value)
    MStore8 mstore8 "mstore8" (at, value)
    MCopy mcopy "mcopy" (to, from, length)
    CalldataLoad calldataload "calldataload" (at)
    CalldataCopy calldatacopy "calldatacopy" (to, from, length)
    CalldataSize calldatasize "calldatasize" ()
    Gas gas "gas" ()
    ReturnDataSize returndatasize "returndatasize" ()
    StaticCall staticcall "staticcall" (gas, account, at, length, to, returned)
}
