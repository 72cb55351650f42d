//! The example plug-in with a fault, for tests: the device says which step has it and what it is, "commit lies" for example.
#![expect(unsafe_code, reason = "exports a C interface")]

#[path = "../plugin/table.rs"]
mod table;

use chainfer_accelerators::plugin::abi::{Columns, Element, Ntt, Point, Program, Table};
use halo2curves::bn256::Fr;
use halo2curves::ff::Field as _;
use std::ffi::{CString, c_int, c_void};
use table::{Column, Context, fail};

static TABLE: Table = Table {
    column_create: Some(column_create),
    column_read: Some(column_read),
    bases_create: Some(bases_create),
    commit: Some(commit),
    ntt: Some(ntt),
    combine: Some(combine),
    evaluate: Some(evaluate),
    run: Some(run),
    ..table::TABLE
};

/// What the prover asks for.
// SAFETY: no other symbol of this library has this name.
#[unsafe(no_mangle)]
pub extern "C" fn chainfer_compute_v1() -> *const Table {
    &raw const TABLE
}

/// What is wrong with a step on this context.
unsafe fn fault<'a>(context: *mut c_void, step: &str) -> &'a str {
    // SAFETY: a context of the table, which lives longer than any call.
    let name: &'a CString = unsafe { &(*context.cast::<Context>()).name };
    let device = name.to_str().ok().and_then(|name| {
        let device = name.strip_prefix("example (")?;
        device.strip_suffix(')')
    });
    match device.and_then(|device| device.split_once(' ')) {
        Some((of, fault)) if of == step => fault,
        _ => "",
    }
}

/// Calls the example's function, and does what the fault says to what it made.
macro_rules! faulty {
    ($step:literal, $context:ident, $function:ident($($argument:ident),*), $fault:ident => $spoil:expr) => {{
        // SAFETY: the arguments are those of the caller.
        unsafe {
            let $fault = fault($context, $step);
            if $fault == "fails" {
                return fail($context, "a fault of the device");
            }
            let status = match table::TABLE.$function {
                Some(function) => function($context, $($argument),*),
                None => 1,
            };
            if status == 0 && !$fault.is_empty() {
                $spoil;
            }
            status
        }
    }};
}

const UNREDUCED: Element = Element {
    words: [u64::MAX; 4],
};

unsafe fn spoil_column(fault: &str, out: *mut *mut c_void) {
    // SAFETY: the first column that was made.
    unsafe {
        let column = &mut *(*out).cast::<Column>();
        match fault {
            "shortens" => column.truncate(column.len() / 2),
            "loses" => *out = std::ptr::null_mut(),
            _ => {
                if let Some(value) = column.last_mut() {
                    *value += Fr::ONE;
                }
            }
        }
    }
}

unsafe extern "C" fn column_create(
    context: *mut c_void,
    values: *const Element,
    count: u64,
    out: *mut *mut c_void,
) -> c_int {
    faulty!("column", context, column_create(values, count, out), fault => spoil_column(fault, out))
}

unsafe extern "C" fn column_read(
    context: *mut c_void,
    column: *const c_void,
    out: *mut Element,
    count: u64,
) -> c_int {
    faulty!("read", context, column_read(column, out, count), fault => {
        if count > 0 {
            *out = if fault == "unreduced" { UNREDUCED } else { Element::default() };
        }
    })
}

unsafe extern "C" fn bases_create(
    context: *mut c_void,
    points: *const Point,
    count: u64,
    out: *mut *mut c_void,
) -> c_int {
    faulty!("bases", context, bases_create(points, count, out), _fault => *out = std::ptr::null_mut())
}

unsafe extern "C" fn commit(
    context: *mut c_void,
    bases: *const c_void,
    columns: Columns,
    count: u64,
    out: *mut Point,
) -> c_int {
    faulty!("commit", context, commit(bases, columns, count, out), fault => {
        if count > 0 {
            match fault {
                "unreduced" => (*out).x = UNREDUCED,
                "leaves" => (*out).x.words[0] ^= 1,
                _ => *out = Point::default(),
            }
        }
    })
}

unsafe extern "C" fn ntt(
    context: *mut c_void,
    parameters: *const Ntt,
    columns: Columns,
    count: u64,
    out: *mut *mut c_void,
) -> c_int {
    faulty!("ntt", context, ntt(parameters, columns, count, out), fault => {
        if count > 0 {
            spoil_column(fault, out);
        }
    })
}

unsafe extern "C" fn combine(
    context: *mut c_void,
    factors: *const Element,
    columns: Columns,
    count: u64,
    len: u64,
    out: *mut *mut c_void,
) -> c_int {
    faulty!("combine", context, combine(factors, columns, count, len, out), fault => spoil_column(fault, out))
}

unsafe extern "C" fn evaluate(
    context: *mut c_void,
    columns: Columns,
    points: *const Element,
    count: u64,
    out: *mut Element,
) -> c_int {
    faulty!("evaluate", context, evaluate(columns, points, count, out), fault => {
        if count > 0 {
            *out = if fault == "unreduced" { UNREDUCED } else { Element::default() };
        }
    })
}

unsafe extern "C" fn run(
    context: *mut c_void,
    program: *const Program,
    columns: Columns,
    count: u64,
    out: *mut *mut c_void,
) -> c_int {
    faulty!("run", context, run(program, columns, count, out), fault => spoil_column(fault, out))
}
