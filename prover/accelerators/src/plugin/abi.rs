//! `include/chainfer_compute.h` in Rust. What the fields mean is said there.
#![expect(missing_docs, reason = "the header says it")]

use std::ffi::{CStr, c_char, c_int, c_void};

/// The version of the interface.
pub const VERSION: u64 = 1;

/// The function that a library exports: an [`Entry`].
pub const SYMBOL: &CStr = c"chainfer_compute_v1";

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Element {
    pub words: [u64; 4],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    pub x: Element,
    pub y: Element,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ntt {
    pub k: u32,
    pub reserved: u32,
    pub root: Element,
    pub into: Element,
    pub out: Element,
    pub scale: Element,
}

/// Codes of [`Operation`].
pub const COLUMN: u32 = 0;
pub const CONSTANT: u32 = 1;
pub const ADD: u32 = 2;
pub const SUBTRACT: u32 = 3;
pub const MULTIPLY: u32 = 4;
pub const OUTPUT: u32 = 5;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub code: u32,
    pub to: u32,
    pub a: u32,
    pub b: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub registers: u64,
    pub outputs: u64,
    pub constants: u64,
    pub constant: *const Element,
    pub operations: u64,
    pub operation: *const Operation,
}

/// Handles are opaque pointers.
pub type Context = c_void;
pub type Bases = c_void;
pub type Column = c_void;
pub type Columns = *const *const Column;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Table {
    pub size: u64,
    pub version: u64,
    pub context_create: Option<unsafe extern "C" fn(*const c_char, *mut *mut Context) -> c_int>,
    pub context_destroy: Option<unsafe extern "C" fn(*mut Context)>,
    pub last_error: Option<unsafe extern "C" fn(*const Context) -> *const c_char>,
    pub name: Option<unsafe extern "C" fn(*const Context) -> *const c_char>,
    pub column_create:
        Option<unsafe extern "C" fn(*mut Context, *const Element, u64, *mut *mut Column) -> c_int>,
    pub column_read:
        Option<unsafe extern "C" fn(*mut Context, *const Column, *mut Element, u64) -> c_int>,
    pub column_destroy: Option<unsafe extern "C" fn(*mut Context, *mut Column)>,
    pub column_len: Option<unsafe extern "C" fn(*const Context, *const Column) -> u64>,
    pub bases_create:
        Option<unsafe extern "C" fn(*mut Context, *const Point, u64, *mut *mut Bases) -> c_int>,
    pub bases_destroy: Option<unsafe extern "C" fn(*mut Context, *mut Bases)>,
    pub commit:
        Option<unsafe extern "C" fn(*mut Context, *const Bases, Columns, u64, *mut Point) -> c_int>,
    pub ntt: Option<
        unsafe extern "C" fn(*mut Context, *const Ntt, Columns, u64, *mut *mut Column) -> c_int,
    >,
    pub combine: Option<
        unsafe extern "C" fn(
            *mut Context,
            *const Element,
            Columns,
            u64,
            u64,
            *mut *mut Column,
        ) -> c_int,
    >,
    pub evaluate: Option<
        unsafe extern "C" fn(*mut Context, Columns, *const Element, u64, *mut Element) -> c_int,
    >,
    pub run: Option<
        unsafe extern "C" fn(*mut Context, *const Program, Columns, u64, *mut *mut Column) -> c_int,
    >,
}

pub type Entry = unsafe extern "C" fn() -> *const Table;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_of_the_header() {
        assert_eq!(size_of::<Point>(), 64);
        assert_eq!(size_of::<Ntt>(), 136);
        assert_eq!(size_of::<Operation>(), 16);
        assert_eq!(size_of::<Program>(), 48);
        assert_eq!(size_of::<Table>(), 16 + 15 * size_of::<usize>());
        let header = include_str!("../../include/chainfer_compute.h");
        assert!(header.contains("#define CHAINFER_COMPUTE_VERSION 1"));
        assert!(header.contains("chainfer_compute_v1(void)"));
    }
}
