//! Calls through the table of a library: everything here that is unsafe.
//!
//! # Safety
//! A library is believed to keep to the header: that is what loading one means. On this side, handles are made and destroyed here and
//! hold their context; calls on a context hold its lock; every pointer that is passed comes from a slice, a vector or a local variable that
//! outlives the call, with the length that goes with it.
#![expect(unsafe_code, reason = "calls into a library by its C interface")]

use super::abi::{self, Element, Point, SYMBOL, Table, VERSION};
use crate::error::LoadError;
use chainfer_compute::backend::{ComputeError, Result};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The table's functions that every library has.
#[derive(Clone, Copy, Debug)]
struct Required {
    context_destroy: unsafe extern "C" fn(*mut c_void),
    last_error: unsafe extern "C" fn(*const c_void) -> *const c_char,
    column_create:
        unsafe extern "C" fn(*mut c_void, *const Element, u64, *mut *mut c_void) -> c_int,
    column_read: unsafe extern "C" fn(*mut c_void, *const c_void, *mut Element, u64) -> c_int,
    column_destroy: unsafe extern "C" fn(*mut c_void, *mut c_void),
    column_len: unsafe extern "C" fn(*const c_void, *const c_void) -> u64,
}

/// A library with a context of its own.
#[derive(Debug)]
pub(super) struct Context {
    table: Table,
    required: Required,
    name: String,
    raw: NonNull<c_void>,
    /// Held during calls.
    turn: Mutex<()>,
    /// Never unloaded: threads that a library started may still run.
    _library: ManuallyDrop<libloading::Library>,
}

// SAFETY: a context may be used by any thread, by one at a time: calls hold `turn`. The rest is immutable.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// What a handle names.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Column,
    Bases,
}

/// A column or bases of a context, destroyed when dropped.
#[derive(Debug)]
pub(super) struct Handle {
    context: Arc<Context>,
    kind: Kind,
    raw: NonNull<c_void>,
    len: usize,
}

// SAFETY: a pointer that is only passed to calls on its context.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _turn = self.context.turn();
        let destroy = match self.kind {
            Kind::Column => Some(self.context.required.column_destroy),
            Kind::Bases => self.context.table.bases_destroy,
        };
        if let Some(destroy) = destroy {
            // SAFETY: the handle is of this context and of this kind, and is dropped once.
            unsafe { destroy(self.context.raw.as_ptr(), self.raw.as_ptr()) };
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: handles hold their context, so none is left.
        unsafe { (self.required.context_destroy)(self.raw.as_ptr()) };
    }
}

fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return "no reason given".to_owned();
    }
    // SAFETY: the header says that a string ends in 0 and lives until the next call.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_string_lossy().into_owned()
}

/// As much of the table as the library has; what lies beyond is null.
///
/// # Safety
/// `table` points to a table as the header says, or is null.
unsafe fn read_table(path: &Path, table: *const Table) -> std::result::Result<Table, LoadError> {
    let version = |got| LoadError::Version {
        path: path.to_owned(),
        expected: VERSION,
        got,
    };
    if table.is_null() {
        return Err(version(0));
    }
    // SAFETY: a table of any version starts with its size and its version.
    let [size, got] = unsafe { table.cast::<[u64; 2]>().read_unaligned() };
    if got != VERSION || size < 16 {
        return Err(version(got));
    }
    let mut copy = Table::default();
    let bytes = (size as usize).min(size_of::<Table>());
    // SAFETY: `bytes` bytes are there to read, and as many to write. All that is copied into are integers and optional function pointers,
    // for which null is a value; a pointer that is cut in half is the library's mistake, for sizes are sums of fields.
    unsafe {
        std::ptr::copy_nonoverlapping(
            table.cast::<u8>(),
            (&raw mut copy).cast::<u8>(),
            bytes / 8 * 8,
        );
    }
    Ok(copy)
}

fn required(path: &Path, table: &Table) -> std::result::Result<Required, LoadError> {
    let missing = |symbol: &str| LoadError::Symbol {
        path: path.to_owned(),
        symbol: format!("{symbol} in its table"),
    };
    Ok(Required {
        context_destroy: table
            .context_destroy
            .ok_or_else(|| missing("context_destroy"))?,
        last_error: table.last_error.ok_or_else(|| missing("last_error"))?,
        column_create: table
            .column_create
            .ok_or_else(|| missing("column_create"))?,
        column_read: table.column_read.ok_or_else(|| missing("column_read"))?,
        column_destroy: table
            .column_destroy
            .ok_or_else(|| missing("column_destroy"))?,
        column_len: table.column_len.ok_or_else(|| missing("column_len"))?,
    })
}

impl Context {
    pub(super) fn open(path: &Path, device: &str) -> std::result::Result<Arc<Self>, LoadError> {
        // SAFETY: loading runs the library's initialisers, which is what the caller asks for.
        let library = unsafe { libloading::Library::new(path) }.map_err(|e| LoadError::Open {
            path: path.to_owned(),
            detail: e.to_string(),
        })?;
        let library = ManuallyDrop::new(library);
        // SAFETY: the header gives this symbol this type.
        let entry = unsafe { library.get::<abi::Entry>(SYMBOL.to_bytes_with_nul()) };
        let entry = *entry.map_err(|_| LoadError::Symbol {
            path: path.to_owned(),
            symbol: SYMBOL.to_string_lossy().into_owned(),
        })?;
        // SAFETY: the function takes nothing and returns the table, which lives as long as the library: for ever.
        let table = unsafe { read_table(path, entry()) }?;
        let required = required(path, &table)?;
        let missing = |symbol: &str| LoadError::Symbol {
            path: path.to_owned(),
            symbol: format!("{symbol} in its table"),
        };
        let create = table
            .context_create
            .ok_or_else(|| missing("context_create"))?;
        let name = table.name.ok_or_else(|| missing("name"))?;
        let refused = |detail: String| LoadError::Device {
            device: device.to_owned(),
            detail,
        };
        let device_name = CString::new(device).map_err(|e| refused(e.to_string()))?;
        let mut raw = std::ptr::null_mut();
        // SAFETY: a string that ends in 0, and a place for the context.
        let status = unsafe { create(device_name.as_ptr(), &raw mut raw) };
        let Some(raw) = NonNull::new(raw).filter(|_| status == 0) else {
            // SAFETY: null asks for the error of the last context that this thread wanted.
            return Err(refused(text(unsafe {
                (required.last_error)(std::ptr::null())
            })));
        };
        // SAFETY: the context was just made.
        let name = text(unsafe { name(raw.as_ptr()) });
        Ok(Arc::new(Context {
            table,
            required,
            name,
            raw,
            turn: Mutex::new(()),
            _library: library,
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has_commit(&self) -> bool {
        let table = &self.table;
        table.commit.is_some() && table.bases_create.is_some() && table.bases_destroy.is_some()
    }

    pub(super) fn has_ntt(&self) -> bool {
        self.table.ntt.is_some()
    }

    pub(super) fn has_combine(&self) -> bool {
        self.table.combine.is_some()
    }

    pub(super) fn has_evaluate(&self) -> bool {
        self.table.evaluate.is_some()
    }

    pub(super) fn has_run(&self) -> bool {
        self.table.run.is_some()
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fault(&self, step: &'static str, detail: String) -> ComputeError {
        ComputeError::Device {
            step,
            device: self.name.clone(),
            detail,
        }
    }

    fn left_out(&self, step: &'static str) -> ComputeError {
        self.fault(step, "the library leaves this step out".to_owned())
    }

    /// The status of a call that was just made, with the lock still held.
    fn succeeded(&self, step: &'static str, status: c_int) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the context lives.
        let reason = text(unsafe { (self.required.last_error)(self.raw.as_ptr()) });
        Err(self.fault(step, reason))
    }

    pub(super) fn column(self: &Arc<Self>, values: &[Element]) -> Result<Handle> {
        let (mut raw, len) = (std::ptr::null_mut(), values.len());
        let turn = self.turn();
        // SAFETY: see the head of this file.
        let status = unsafe {
            let create = self.required.column_create;
            create(self.raw.as_ptr(), values.as_ptr(), len as u64, &raw mut raw)
        };
        self.one(turn, "column", status, raw, Kind::Column, len)
    }

    pub(super) fn bases(self: &Arc<Self>, points: &[Point]) -> Result<Handle> {
        let create = self.table.bases_create;
        let create = create.ok_or_else(|| self.left_out("bases"))?;
        let (mut raw, len) = (std::ptr::null_mut(), points.len());
        let turn = self.turn();
        // SAFETY: see the head of this file.
        let status =
            unsafe { create(self.raw.as_ptr(), points.as_ptr(), len as u64, &raw mut raw) };
        self.one(turn, "bases", status, raw, Kind::Bases, len)
    }

    fn one(
        self: &Arc<Self>,
        turn: MutexGuard<'_, ()>,
        step: &'static str,
        status: c_int,
        raw: *mut c_void,
        kind: Kind,
        len: usize,
    ) -> Result<Handle> {
        let made = self.many(turn, step, status, vec![raw], kind, len)?;
        let only = made.into_iter().next();
        only.ok_or_else(|| self.fault(step, "nothing was made".to_owned()))
    }

    pub(super) fn read(&self, column: &Handle) -> Result<Vec<Element>> {
        let mut values = vec![Element::default(); column.len];
        let _turn = self.turn();
        // SAFETY: see the head of this file.
        let status = unsafe {
            (self.required.column_read)(
                self.raw.as_ptr(),
                column.raw.as_ptr(),
                values.as_mut_ptr(),
                column.len as u64,
            )
        };
        self.succeeded("read", status)?;
        Ok(values)
    }

    pub(super) fn commit(&self, bases: &Handle, columns: &[&Handle]) -> Result<Vec<Point>> {
        let commit = self.table.commit.ok_or_else(|| self.left_out("commit"))?;
        let raw = raw(columns);
        let mut points = vec![Point::default(); columns.len()];
        let _turn = self.turn();
        // SAFETY: see the head of this file.
        let status = unsafe {
            commit(
                self.raw.as_ptr(),
                bases.raw.as_ptr(),
                raw.as_ptr(),
                raw.len() as u64,
                points.as_mut_ptr(),
            )
        };
        self.succeeded("commit", status)?;
        Ok(points)
    }

    pub(super) fn ntt(
        self: &Arc<Self>,
        parameters: &abi::Ntt,
        columns: &[&Handle],
    ) -> Result<Vec<Handle>> {
        let ntt = self.table.ntt.ok_or_else(|| self.left_out("ntt"))?;
        let raw = raw(columns);
        let mut made = vec![std::ptr::null_mut(); columns.len()];
        let turn = self.turn();
        // SAFETY: see the head of this file.
        let status = unsafe {
            ntt(
                self.raw.as_ptr(),
                parameters,
                raw.as_ptr(),
                raw.len() as u64,
                made.as_mut_ptr(),
            )
        };
        self.many(turn, "ntt", status, made, Kind::Column, 1 << parameters.k)
    }

    pub(super) fn combine(
        self: &Arc<Self>,
        factors: &[Element],
        columns: &[&Handle],
        len: usize,
    ) -> Result<Handle> {
        let combine = self.table.combine.ok_or_else(|| self.left_out("combine"))?;
        let count = factors.len().min(columns.len()) as u64;
        let raw = raw(columns);
        let mut made = std::ptr::null_mut();
        let turn = self.turn();
        // SAFETY: see the head of this file.
        let status = unsafe {
            combine(
                self.raw.as_ptr(),
                factors.as_ptr(),
                raw.as_ptr(),
                count,
                len as u64,
                &raw mut made,
            )
        };
        self.one(turn, "combine", status, made, Kind::Column, len)
    }

    pub(super) fn evaluate(&self, columns: &[&Handle], points: &[Element]) -> Result<Vec<Element>> {
        let evaluate = self.table.evaluate;
        let evaluate = evaluate.ok_or_else(|| self.left_out("evaluate"))?;
        let count = points.len().min(columns.len());
        let raw = raw(columns);
        let mut values = vec![Element::default(); count];
        let _turn = self.turn();
        // SAFETY: see the head of this file.
        let status = unsafe {
            evaluate(
                self.raw.as_ptr(),
                raw.as_ptr(),
                points.as_ptr(),
                count as u64,
                values.as_mut_ptr(),
            )
        };
        self.succeeded("evaluate", status)?;
        Ok(values)
    }

    /// Columns of `rows` elements. The program's operations name registers, constants and columns that there are.
    pub(super) fn run(
        self: &Arc<Self>,
        (registers, outputs): (usize, usize),
        constants: &[Element],
        operations: &[abi::Operation],
        columns: &[&Handle],
        rows: usize,
    ) -> Result<Vec<Handle>> {
        let run = self.table.run.ok_or_else(|| self.left_out("run"))?;
        let program = abi::Program {
            registers: registers as u64,
            outputs: outputs as u64,
            constants: constants.len() as u64,
            constant: constants.as_ptr(),
            operations: operations.len() as u64,
            operation: operations.as_ptr(),
        };
        let raw = raw(columns);
        let mut made = vec![std::ptr::null_mut(); outputs];
        let turn = self.turn();
        // SAFETY: see the head of this file.
        let status = unsafe {
            run(
                self.raw.as_ptr(),
                &raw const program,
                raw.as_ptr(),
                raw.len() as u64,
                made.as_mut_ptr(),
            )
        };
        self.many(turn, "run", status, made, Kind::Column, rows)
    }

    /// Takes what a call made: columns have to be `len` elements long.
    fn many(
        self: &Arc<Self>,
        turn: MutexGuard<'_, ()>,
        step: &'static str,
        status: c_int,
        raw: Vec<*mut c_void>,
        kind: Kind,
        len: usize,
    ) -> Result<Vec<Handle>> {
        let succeeded = self.succeeded(step, status);
        let mut handles = Vec::new();
        let mut right = true;
        if succeeded.is_ok() {
            for raw in raw {
                let Some(raw) = NonNull::new(raw) else {
                    right = false;
                    continue;
                };
                if let Kind::Column = kind {
                    // SAFETY: context and column live.
                    let got =
                        unsafe { (self.required.column_len)(self.raw.as_ptr(), raw.as_ptr()) };
                    right &= got == len as u64;
                }
                handles.push(Handle {
                    context: Arc::clone(self),
                    kind,
                    raw,
                    len,
                });
            }
        }
        // Handles take the lock when they are dropped.
        drop(turn);
        succeeded?;
        if right {
            return Ok(handles);
        }
        Err(self.fault(
            step,
            "columns are missing or have another length".to_owned(),
        ))
    }
}

fn raw(columns: &[&Handle]) -> Vec<*const c_void> {
    columns
        .iter()
        .map(|column| column.raw.as_ptr().cast_const())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &Table) -> std::result::Result<Table, LoadError> {
        // SAFETY: a table.
        unsafe { read_table(Path::new("library"), table) }
    }

    #[test]
    fn table_of_another_version_is_refused() {
        let table = Table {
            size: size_of::<Table>() as u64,
            version: 2,
            ..Table::default()
        };
        let error = read(&table).unwrap_err();
        assert!(
            matches!(error, LoadError::Version { got: 2, .. }),
            "{error}"
        );
    }

    #[test]
    fn functions_beyond_the_size_are_left_out() {
        extern "C" fn destroy(_: *mut c_void) {}
        let mut table = Table {
            size: 32,
            version: VERSION,
            context_destroy: Some(destroy),
            column_destroy: Some({
                extern "C" fn destroy(_: *mut c_void, _: *mut c_void) {}
                destroy
            }),
            ..Table::default()
        };
        let copy = read(&table).unwrap();
        assert!(copy.context_destroy.is_some() && copy.column_destroy.is_none());
        assert!(required(Path::new("library"), &copy).is_err());
        table.size = u64::MAX;
        assert!(read(&table).unwrap().column_destroy.is_some());
        table.size = 8;
        assert!(read(&table).is_err());
    }
}
