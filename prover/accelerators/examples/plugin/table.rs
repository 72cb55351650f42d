//! The functions of the table.
//!
//! # Safety
//! The prover keeps to the rules of the header: pointers come with their lengths, handles were made here and belong to the context, and
//! nobody else uses the context during a call.

use chainfer_accelerators::plugin::abi::{
    self, Columns, Element, Ntt, Point, Program, Table, VERSION,
};
use chainfer_compute::lanes::Arithmetic;
use chainfer_compute::msm::{Bases, msm_batch};
use halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use halo2curves::ff::Field as _;
use halo2curves::group::Curve as _;
use halo2curves::serde::SerdeObject;
use std::ffi::{CStr, CString, c_char, c_int, c_void};

/// A context: what a device needs to be known by.
#[derive(Debug)]
pub(crate) struct Context {
    /// With the device that was asked for.
    pub(crate) name: CString,
    error: CString,
}

/// A column.
pub(crate) type Column = Vec<Fr>;

/// The whole table.
pub(crate) const TABLE: Table = Table {
    size: size_of::<Table>() as u64,
    version: VERSION,
    context_create: Some(context_create),
    context_destroy: Some(context_destroy),
    last_error: Some(last_error),
    name: Some(name),
    column_create: Some(column_create),
    column_read: Some(column_read),
    column_destroy: Some(column_destroy),
    column_len: Some(column_len),
    bases_create: Some(bases_create),
    bases_destroy: Some(bases_destroy),
    commit: Some(commit),
    ntt: Some(ntt),
    combine: Some(combine),
    evaluate: Some(evaluate),
    run: Some(run),
};

/// Says why a call fails.
pub(crate) unsafe fn fail(context: *mut c_void, reason: &str) -> c_int {
    // SAFETY: see the head of this file.
    let context = unsafe { &mut *context.cast::<Context>() };
    context.error = CString::new(reason).unwrap_or_default();
    1
}

fn read<F: SerdeObject>(element: &Element) -> Option<F> {
    let bytes: Vec<u8> = element.words.iter().flat_map(|w| w.to_le_bytes()).collect();
    F::from_raw_bytes(&bytes)
}

/// An element as the prover wants it.
pub(crate) fn write<F: SerdeObject>(element: &F) -> Element {
    let bytes = element.to_raw_bytes();
    let (words, _) = bytes.as_chunks::<8>();
    Element {
        words: std::array::from_fn(|i| u64::from_le_bytes(words[i])),
    }
}

/// `count` things from `pointer` on, which may be null where there are none.
unsafe fn slice<'a, T>(pointer: *const T, count: u64) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: see the head of this file.
    unsafe { std::slice::from_raw_parts(pointer, count as usize) }
}

unsafe fn columns<'a>(columns: Columns, count: u64) -> Vec<&'a Column> {
    // SAFETY: see the head of this file.
    let handles = unsafe { slice(columns, count) };
    // SAFETY: handles are columns that were made here.
    handles
        .iter()
        .map(|handle| unsafe { &*handle.cast::<Column>() })
        .collect()
}

fn boxed<T>(value: T) -> *mut c_void {
    Box::into_raw(Box::new(value)).cast()
}

unsafe extern "C" fn context_create(device: *const c_char, out: *mut *mut c_void) -> c_int {
    // SAFETY: a string, and a place for the context.
    unsafe {
        let device = CStr::from_ptr(device).to_string_lossy().into_owned();
        if device == "none" {
            return 1;
        }
        *out = boxed(Context {
            name: CString::new(format!("example ({device})")).unwrap_or_default(),
            error: CString::default(),
        });
    }
    0
}

unsafe extern "C" fn context_destroy(context: *mut c_void) {
    // SAFETY: made by `context_create`, and destroyed once.
    drop(unsafe { Box::from_raw(context.cast::<Context>()) });
}

unsafe extern "C" fn last_error(context: *const c_void) -> *const c_char {
    if context.is_null() {
        return c"there is no such device".as_ptr();
    }
    // SAFETY: see the head of this file.
    unsafe { (*context.cast::<Context>()).error.as_ptr() }
}

unsafe extern "C" fn name(context: *const c_void) -> *const c_char {
    // SAFETY: see the head of this file.
    unsafe { (*context.cast::<Context>()).name.as_ptr() }
}

unsafe extern "C" fn column_create(
    context: *mut c_void,
    values: *const Element,
    count: u64,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: see the head of this file.
    unsafe {
        let values: Option<Column> = slice(values, count).iter().map(read).collect();
        match values {
            Some(values) => *out = boxed(values),
            None => return fail(context, "an element is not reduced"),
        }
    }
    0
}

unsafe extern "C" fn column_read(
    _: *mut c_void,
    column: *const c_void,
    out: *mut Element,
    count: u64,
) -> c_int {
    // SAFETY: see the head of this file.
    unsafe {
        let column = &*column.cast::<Column>();
        for (i, value) in column.iter().take(count as usize).enumerate() {
            *out.add(i) = write(value);
        }
    }
    0
}

unsafe extern "C" fn column_destroy(_: *mut c_void, column: *mut c_void) {
    // SAFETY: made here, and destroyed once.
    drop(unsafe { Box::from_raw(column.cast::<Column>()) });
}

unsafe extern "C" fn column_len(_: *const c_void, column: *const c_void) -> u64 {
    // SAFETY: see the head of this file.
    unsafe { (*column.cast::<Column>()).len() as u64 }
}

unsafe extern "C" fn bases_create(
    context: *mut c_void,
    points: *const Point,
    count: u64,
    out: *mut *mut c_void,
) -> c_int {
    let point = |point: &Point| {
        let (x, y) = (read::<Fq>(&point.x)?, read::<Fq>(&point.y)?);
        Some(G1Affine { x, y })
    };
    // SAFETY: see the head of this file.
    unsafe {
        let points: Option<Vec<G1Affine>> = slice(points, count).iter().map(point).collect();
        match points {
            Some(points) => *out = boxed(Bases::new(&points)),
            None => return fail(context, "a coordinate is not reduced"),
        }
    }
    0
}

unsafe extern "C" fn bases_destroy(_: *mut c_void, bases: *mut c_void) {
    // SAFETY: made here, and destroyed once.
    drop(unsafe { Box::from_raw(bases.cast::<Bases>()) });
}

unsafe extern "C" fn commit(
    _: *mut c_void,
    bases: *const c_void,
    of: Columns,
    count: u64,
    out: *mut Point,
) -> c_int {
    // SAFETY: see the head of this file.
    unsafe {
        let columns: Vec<&[Fr]> = columns(of, count).into_iter().map(Vec::as_slice).collect();
        let sums = msm_batch(Arithmetic::detect(), &*bases.cast::<Bases>(), &columns);
        for (i, sum) in sums.iter().enumerate() {
            let point: G1Affine = G1::to_affine(sum);
            *out.add(i) = Point {
                x: write(&point.x),
                y: write(&point.y),
            };
        }
    }
    0
}

/// In place, by halves.
fn fft(values: &mut [Fr], root: Fr) {
    let half = values.len() / 2;
    if half == 0 {
        return;
    }
    let mut even: Column = values.iter().step_by(2).copied().collect();
    let mut odd: Column = values.iter().skip(1).step_by(2).copied().collect();
    fft(&mut even, root.square());
    fft(&mut odd, root.square());
    let mut power = Fr::ONE;
    for i in 0..half {
        let term = power * odd[i];
        (values[i], values[i + half]) = (even[i] + term, even[i] - term);
        power *= root;
    }
}

unsafe extern "C" fn ntt(
    context: *mut c_void,
    parameters: *const Ntt,
    of: Columns,
    count: u64,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: see the head of this file.
    unsafe {
        let p = &*parameters;
        let all = [p.root, p.into, p.out, p.scale].map(|e| read::<Fr>(&e));
        let [Some(root), Some(into), Some(after), Some(scale)] = all else {
            return fail(context, "a parameter is not reduced");
        };
        for (j, column) in columns(of, count).into_iter().enumerate() {
            let mut values = column.clone();
            let mut power = Fr::ONE;
            for value in &mut values {
                *value *= power;
                power *= into;
            }
            fft(&mut values, root);
            let mut power = scale;
            for value in &mut values {
                *value *= power;
                power *= after;
            }
            *out.add(j) = boxed(values);
        }
    }
    0
}

unsafe extern "C" fn combine(
    context: *mut c_void,
    factors: *const Element,
    of: Columns,
    count: u64,
    len: u64,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: see the head of this file.
    unsafe {
        let mut sum = vec![Fr::ZERO; len as usize];
        for (factor, column) in slice(factors, count).iter().zip(columns(of, count)) {
            let Some(factor) = read::<Fr>(factor) else {
                return fail(context, "a factor is not reduced");
            };
            for (sum, value) in sum.iter_mut().zip(column) {
                *sum += factor * value;
            }
        }
        *out = boxed(sum);
    }
    0
}

unsafe extern "C" fn evaluate(
    context: *mut c_void,
    of: Columns,
    points: *const Element,
    count: u64,
    out: *mut Element,
) -> c_int {
    // SAFETY: see the head of this file.
    unsafe {
        let queries = columns(of, count).into_iter().zip(slice(points, count));
        for (j, (column, point)) in queries.enumerate() {
            let Some(point) = read::<Fr>(point) else {
                return fail(context, "a point is not reduced");
            };
            let step = |sum: Fr, c: &Fr| sum * point + c;
            *out.add(j) = write(&column.iter().rev().fold(Fr::ZERO, step));
        }
    }
    0
}

unsafe extern "C" fn run(
    context: *mut c_void,
    program: *const Program,
    of: Columns,
    count: u64,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: see the head of this file.
    unsafe {
        let program = &*program;
        let constants: Option<Column> = slice(program.constant, program.constants)
            .iter()
            .map(read)
            .collect();
        let Some(constants) = constants else {
            return fail(context, "a constant is not reduced");
        };
        let columns = columns(of, count);
        let rows = columns.first().map_or(0, |column| column.len());
        let mut registers = vec![Vec::new(); program.registers as usize];
        for operation in slice(program.operation, program.operations) {
            let (to, a, b) = (operation.to as usize, operation.a as usize, operation.b);
            let both = |f: fn(Fr, Fr) -> Fr| -> Column {
                let (a, b): (&Column, &Column) = (&registers[a], &registers[b as usize]);
                a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
            };
            let result = match operation.code {
                abi::COLUMN => {
                    let mut column = columns[a].clone();
                    column.rotate_left(i64::from(b).rem_euclid(rows.max(1) as i64) as usize);
                    column
                }
                abi::CONSTANT => vec![constants[a]; rows],
                abi::ADD => both(|a, b| a + b),
                abi::SUBTRACT => both(|a, b| a - b),
                abi::MULTIPLY => both(|a, b| a * b),
                abi::OUTPUT => {
                    *out.add(to) = boxed::<Column>(registers[a].clone());
                    continue;
                }
                _ => return fail(context, "an operation of another version"),
            };
            registers[to] = result;
        }
    }
    0
}
