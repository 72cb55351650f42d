//! ICICLE's functions, with memory of a device that frees itself: everything here that is unsafe.
//!
//! # Safety
//! The libraries are believed to be ICICLE's: that is what loading them means. Structures have the layouts of its headers. A pointer to
//! device memory comes from [`Memory`], which lives during the call, and every call checks that what it reads and writes lies inside. Where
//! ICICLE throws an exception, which would end the process, sizes are checked first.
#![expect(unsafe_code, reason = "calls into libraries by their C interface")]

use super::layout::{Device, InitDomain, Msm, Ntt, Projective, Vector};
use super::locate::Places;
use crate::element::Words;
use crate::error::LoadError;
use chainfer_compute::backend::{ComputeError, Result};
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr::{NonNull, null_mut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Status = c_int;
/// Of two vectors, or of a scalar and a vector.
type Binary =
    unsafe extern "C" fn(*const Words, *const Words, u64, *const Vector, *mut Words) -> Status;

/// Bytes of an element.
const ELEMENT: usize = 32;
/// Bytes that are kept for later when columns are dropped: allocating is slow on a GPU.
const POOL: usize = 1 << 30;

#[derive(Debug)]
struct Functions {
    load_backend: unsafe extern "C" fn(*const c_char, bool) -> Status,
    is_device_available: unsafe extern "C" fn(*const Device) -> Status,
    set_device: unsafe extern "C" fn(*const Device) -> Status,
    malloc: unsafe extern "C" fn(*mut *mut c_void, usize) -> Status,
    free: unsafe extern "C" fn(*mut c_void) -> Status,
    memset: unsafe extern "C" fn(*mut c_void, c_int, usize) -> Status,
    copy: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> Status,
    copy_to_device: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> Status,
    copy_to_host: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> Status,
    init_domain: unsafe extern "C" fn(*const Words, *const InitDomain) -> Status,
    root_from_domain: Option<unsafe extern "C" fn(u64, *mut Words) -> Status>,
    ntt: unsafe extern "C" fn(*const Words, c_int, c_int, *const Ntt, *mut Words) -> Status,
    convert: unsafe extern "C" fn(*const Words, u64, bool, *const Vector, *mut Words) -> Status,
    add: Binary,
    subtract: Binary,
    multiply: Binary,
    add_scalar: Binary,
    subtract_from_scalar: Binary,
    multiply_scalar: Binary,
    convert_points:
        unsafe extern "C" fn(*const c_void, u64, bool, *const Vector, *mut c_void) -> Status,
    msm: unsafe extern "C" fn(
        *const Words,
        *const c_void,
        c_int,
        *const Msm,
        *mut Projective,
    ) -> Status,
}

/// An operation on elements.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
}

/// The direction of a transform.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    /// To values.
    Forward = 0,
    /// To coefficients, divided by their number.
    Inverse = 1,
}

/// A device.
#[derive(Debug)]
pub(super) struct Library {
    functions: Functions,
    device: Device,
    name: String,
    /// Largest transform, as a power of two.
    k: u32,
    /// Held during calls, which are for one thread at a time. Free memory by its size.
    turn: Mutex<Pool>,
    /// Never unloaded: back ends register themselves for ever.
    _libraries: ManuallyDrop<Vec<libloading::os::unix::Library>>,
}

#[derive(Debug, Default)]
struct Pool {
    free: HashMap<usize, Vec<Free>>,
    bytes: usize,
}

#[derive(Debug)]
struct Free(NonNull<c_void>);

// SAFETY: an address that is only passed to ICICLE.
unsafe impl Send for Free {}

/// Memory of a device.
#[derive(Debug)]
pub(super) struct Memory {
    library: Arc<Library>,
    address: NonNull<c_void>,
    elements: usize,
}

// SAFETY: an address that is only passed to ICICLE, under the lock of the library.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// Elements of a memory that is shared and does not change any more.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    memory: Arc<Memory>,
    offset: usize,
    len: usize,
}

impl Slice {
    pub(super) fn new(memory: Memory) -> Self {
        let len = memory.elements;
        Slice {
            memory: Arc::new(memory),
            offset: 0,
            len,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Some of its elements; those that there are.
    pub(super) fn part(&self, range: std::ops::Range<usize>) -> Self {
        let (start, end) = (range.start.min(self.len), range.end.min(self.len));
        Slice {
            memory: Arc::clone(&self.memory),
            offset: self.offset + start,
            len: end.saturating_sub(start),
        }
    }

    /// Whether `next` lies right behind this.
    pub(super) fn is_followed_by(&self, next: &Slice) -> bool {
        Arc::ptr_eq(&self.memory, &next.memory) && self.offset + self.len == next.offset
    }

    /// This, up to the end of `last`, which lies behind it.
    pub(super) fn up_to(&self, last: &Slice) -> Self {
        Slice {
            memory: Arc::clone(&self.memory),
            offset: self.offset,
            len: (last.offset + last.len).saturating_sub(self.offset),
        }
    }

    fn pointer(&self) -> *const Words {
        // Inside its memory, or at its end if it is empty.
        self.memory.at(self.offset)
    }
}

impl Memory {
    fn at(&self, offset: usize) -> *mut Words {
        self.address
            .as_ptr()
            .cast::<Words>()
            .wrapping_add(offset.min(self.elements))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut pool = self.library.turn();
        let bytes = self.elements * ELEMENT;
        if pool.bytes + bytes <= POOL {
            pool.bytes += bytes;
            let of_size = pool.free.entry(self.elements).or_default();
            of_size.push(Free(self.address));
        } else {
            self.library.free(self.address);
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let pool = self.turn.get_mut().unwrap_or_else(PoisonError::into_inner);
        let free: Vec<Free> = pool.free.drain().flat_map(|(_, free)| free).collect();
        // SAFETY: `device` is a device that there is.
        unsafe { (self.functions.set_device)(&raw const self.device) };
        for Free(address) in free {
            self.free(address);
        }
    }
}

/// What a status means.
fn reason(status: Status) -> &'static str {
    const NAMES: [&str; 15] = [
        "success",
        "invalid device",
        "out of memory",
        "invalid pointer",
        "allocation failed",
        "deallocation failed",
        "copy failed",
        "synchronization failed",
        "stream creation failed",
        "stream destruction failed",
        "not implemented",
        "invalid argument",
        "the back end could not be loaded",
        "licence check failed",
        "unknown error",
    ];
    let name = usize::try_from(status).ok().and_then(|i| NAMES.get(i));
    name.copied().unwrap_or("unknown error")
}

/// A function of one of the libraries.
///
/// # Safety
/// `T` is the function's type.
unsafe fn function<T: Copy>(
    (path, library): (&Path, &libloading::os::unix::Library),
    symbol: &str,
) -> std::result::Result<T, LoadError> {
    // SAFETY: said above.
    let found = unsafe { library.get::<T>(symbol.as_bytes()) };
    found.map(|symbol| *symbol).map_err(|_| LoadError::Symbol {
        path: path.to_owned(),
        symbol: symbol.to_owned(),
    })
}

fn load(path: &Path) -> std::result::Result<libloading::os::unix::Library, LoadError> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: loading runs the library's initialisers, which is what the caller asks for. Symbols are global, for the libraries and the back
    // ends use each other's.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.map_err(|e| LoadError::Open {
        path: path.to_owned(),
        detail: e.to_string(),
    })
}

/// Domains that were made, by directory and device: ICICLE has one each in a process, and does not say when it keeps the first.
static DOMAINS: Mutex<Vec<(PathBuf, Device, u32)>> = Mutex::new(Vec::new());

impl Library {
    /// Loads the libraries and their back ends, and makes the domain of 2^k points with this root.
    pub(super) fn open(
        places: &Places,
        device: Device,
        name: &str,
        k: u32,
        root: &Words,
    ) -> std::result::Result<Arc<Self>, LoadError> {
        let paths = places.libraries();
        let libraries = paths
            .iter()
            .map(|path| load(path))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let [runtime, field, curve] = [0, 1, 2].map(|i| (paths[i].as_path(), &libraries[i]));
        // SAFETY: the types are those of ICICLE's headers; a C++ reference is a pointer.
        let functions = unsafe {
            Functions {
                load_backend: function(runtime, "icicle_load_backend")?,
                is_device_available: function(runtime, "icicle_is_device_available")?,
                set_device: function(runtime, "icicle_set_device")?,
                malloc: function(runtime, "icicle_malloc")?,
                free: function(runtime, "icicle_free")?,
                memset: function(runtime, "icicle_memset")?,
                copy: function(runtime, "icicle_copy")?,
                copy_to_device: function(runtime, "icicle_copy_to_device")?,
                copy_to_host: function(runtime, "icicle_copy_to_host")?,
                init_domain: function(field, "bn254_ntt_init_domain")?,
                root_from_domain: function(field, "bn254_get_root_of_unity_from_domain").ok(),
                ntt: function(field, "bn254_ntt")?,
                convert: function(field, "bn254_scalar_convert_montgomery")?,
                add: function(field, "bn254_vector_add")?,
                subtract: function(field, "bn254_vector_sub")?,
                multiply: function(field, "bn254_vector_mul")?,
                add_scalar: function(field, "bn254_scalar_add_vec")?,
                subtract_from_scalar: function(field, "bn254_scalar_sub_vec")?,
                multiply_scalar: function(field, "bn254_scalar_mul_vec")?,
                convert_points: function(curve, "bn254_affine_convert_montgomery")?,
                msm: function(curve, "bn254_msm")?,
            }
        };
        let library = Library {
            functions,
            device,
            name: name.to_owned(),
            k,
            turn: Mutex::default(),
            _libraries: ManuallyDrop::new(libraries),
        };
        library.start(places, root)?;
        Ok(Arc::new(library))
    }

    fn start(&self, places: &Places, root: &Words) -> std::result::Result<(), LoadError> {
        let refused = |what: &str, status| LoadError::Device {
            device: self.name.clone(),
            detail: format!("{what}: {}", reason(status)),
        };
        let check = |what, status| match status {
            0 => Ok(()),
            _ => Err(refused(what, status)),
        };
        if let Some(backends) = &places.backends {
            let path = CString::new(backends.as_os_str().as_bytes()).unwrap_or_default();
            // SAFETY: a string that ends in 0.
            let status = unsafe { (self.functions.load_backend)(path.as_ptr(), true) };
            check("loading the back ends", status)?;
        }
        // SAFETY: a device.
        let status = unsafe { (self.functions.is_device_available)(&raw const self.device) };
        check("no such device", status)?;
        // SAFETY: a device that there is.
        let status = unsafe { (self.functions.set_device)(&raw const self.device) };
        check("choosing the device", status)?;

        let mut domains = DOMAINS.lock().unwrap_or_else(PoisonError::into_inner);
        let known = domains
            .iter()
            .find(|(of, device, _)| *of == places.directory && *device == self.device);
        if let Some((.., has)) = known {
            if self.k <= *has {
                return Ok(());
            }
            return Err(LoadError::Device {
                device: self.name.clone(),
                detail: format!(
                    "its domain has 2^{has} points already, and 2^{} are asked for: open it for the largest first",
                    self.k
                ),
            });
        }
        let config = InitDomain {
            stream: null_mut(),
            is_async: false,
            extension: null_mut(),
        };
        // SAFETY: an element and a configuration.
        let status = unsafe { (self.functions.init_domain)(root, &raw const config) };
        check("making the domain", status)?;
        if let Some(root_from_domain) = self.functions.root_from_domain {
            let mut got = Words::default();
            // SAFETY: a place for an element.
            let status = unsafe { root_from_domain(u64::from(self.k), &raw mut got) };
            check("its domain", status)?;
            if got != *root {
                return Err(LoadError::Device {
                    device: self.name.clone(),
                    detail: "its domain is another one, made by somebody else in this process"
                        .to_owned(),
                });
            }
        }
        domains.push((places.directory.clone(), self.device, self.k));
        Ok(())
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Largest transform, as a power of two.
    pub(super) fn k(&self) -> u32 {
        self.k
    }

    pub(super) fn fault(&self, step: &'static str, detail: &str) -> ComputeError {
        ComputeError::Device {
            step,
            device: self.name.clone(),
            detail: detail.to_owned(),
        }
    }

    fn turn(&self) -> MutexGuard<'_, Pool> {
        let pool = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // The choice is one of a thread. If it fails, so do the calls that follow.
        // SAFETY: a device that there is.
        unsafe { (self.functions.set_device)(&raw const self.device) };
        pool
    }

    fn check(&self, step: &'static str, status: Status) -> Result<()> {
        match status {
            0 => Ok(()),
            _ => Err(self.fault(step, reason(status))),
        }
    }

    fn require(&self, step: &'static str, fits: bool) -> Result<()> {
        if fits {
            Ok(())
        } else {
            Err(self.fault(step, "sizes that do not fit each other"))
        }
    }

    fn free(&self, address: NonNull<c_void>) {
        // SAFETY: comes from `malloc`, and is given up.
        let status = unsafe { (self.functions.free)(address.as_ptr()) };
        if status != 0 {
            tracing::warn!(
                device = self.name,
                reason = reason(status),
                "memory was not freed"
            );
        }
    }

    /// Memory for some elements, which it may not have yet.
    pub(super) fn memory(self: &Arc<Self>, elements: usize) -> Result<Memory> {
        let mut pool = self.turn();
        let elements = elements.max(1);
        let bytes = elements * ELEMENT;
        let memory = |address| Memory {
            library: Arc::clone(self),
            address,
            elements,
        };
        if let Some(Free(address)) = pool.free.get_mut(&elements).and_then(Vec::pop) {
            pool.bytes -= bytes;
            return Ok(memory(address));
        }
        let malloc = || {
            let mut address = null_mut();
            // SAFETY: a place for the address.
            let status = unsafe { (self.functions.malloc)(&raw mut address, bytes) };
            self.check("memory", status)?;
            NonNull::new(address).ok_or_else(|| self.fault("memory", "no memory was given"))
        };
        let address = malloc().or_else(|_| {
            for Free(address) in pool.free.drain().flat_map(|(_, free)| free) {
                self.free(address);
            }
            pool.bytes = 0;
            malloc()
        })?;
        Ok(memory(address))
    }

    /// Elements as they are.
    pub(super) fn upload(self: &Arc<Self>, values: &[Words]) -> Result<Memory> {
        let memory = self.memory(values.len())?;
        let _turn = self.turn();
        // SAFETY: the memory has room for the values.
        let status = unsafe {
            let (to, from) = (memory.address.as_ptr(), values.as_ptr().cast());
            (self.functions.copy_to_device)(to, from, size_of_val(values))
        };
        self.check("copy to the device", status)?;
        Ok(memory)
    }

    /// Elements as they are.
    pub(super) fn download(&self, slice: &Slice) -> Result<Vec<Words>> {
        let mut values = vec![Words::default(); slice.len];
        if values.is_empty() {
            return Ok(values);
        }
        let _turn = self.turn();
        // SAFETY: the slice has as many elements as the vector.
        let status = unsafe {
            let bytes = slice.len * ELEMENT;
            (self.functions.copy_to_host)(values.as_mut_ptr().cast(), slice.pointer().cast(), bytes)
        };
        self.check("copy from the device", status)?;
        Ok(values)
    }

    /// Fills memory with zeros.
    pub(super) fn clear(&self, memory: &mut Memory) -> Result<()> {
        let _turn = self.turn();
        // SAFETY: the whole memory.
        let status = unsafe {
            (self.functions.memset)(memory.address.as_ptr(), 0, memory.elements * ELEMENT)
        };
        self.check("clear", status)
    }

    /// Copies to the elements from `at` on.
    pub(super) fn copy(&self, from: &Slice, to: &mut Memory, at: usize) -> Result<()> {
        self.require("copy", at + from.len <= to.elements)?;
        if from.len == 0 {
            return Ok(());
        }
        let _turn = self.turn();
        // SAFETY: both lie inside their memories, which are different: one is shared and one is not.
        let status = unsafe {
            let bytes = from.len * ELEMENT;
            (self.functions.copy)(to.at(at).cast(), from.pointer().cast(), bytes)
        };
        self.check("copy", status)
    }

    /// From Montgomery form to numbers, or back.
    pub(super) fn convert(self: &Arc<Self>, from: &Slice, to_montgomery: bool) -> Result<Memory> {
        let to = self.memory(from.len)?;
        if from.len == 0 {
            return Ok(to);
        }
        let config = vectors(true, true);
        let _turn = self.turn();
        // SAFETY: both have as many elements.
        let status = unsafe {
            let (input, count) = (from.pointer(), from.len as u64);
            (self.functions.convert)(input, count, to_montgomery, &raw const config, to.at(0))
        };
        self.check("conversion", status)?;
        Ok(to)
    }

    /// Points of two coordinates each, from Montgomery form.
    pub(super) fn convert_points(self: &Arc<Self>, from: &Slice) -> Result<Memory> {
        let to = self.memory(from.len)?;
        let config = vectors(true, true);
        let _turn = self.turn();
        // SAFETY: both have two elements a point.
        let status = unsafe {
            (self.functions.convert_points)(
                from.pointer().cast(),
                (from.len / 2) as u64,
                false,
                &raw const config,
                to.at(0).cast(),
            )
        };
        self.check("conversion of points", status)?;
        Ok(to)
    }

    /// Element by element, to the elements from `at` on.
    pub(super) fn vectors(
        &self,
        operation: Operation,
        (a, b): (&Slice, &Slice),
        to: &mut Memory,
        at: usize,
    ) -> Result<()> {
        self.require("vectors", a.len == b.len && at + a.len <= to.elements)?;
        let function = match operation {
            Operation::Add => self.functions.add,
            Operation::Subtract => self.functions.subtract,
            Operation::Multiply => self.functions.multiply,
        };
        let config = vectors(true, true);
        let _turn = self.turn();
        // SAFETY: the three have as many elements.
        let status = unsafe {
            let count = a.len as u64;
            function(
                a.pointer(),
                b.pointer(),
                count,
                &raw const config,
                to.at(at),
            )
        };
        self.check("vectors", status)
    }

    /// A number with every element.
    pub(super) fn scalar(
        self: &Arc<Self>,
        operation: Operation,
        scalar: &Words,
        vector: &Slice,
    ) -> Result<Memory> {
        let to = self.memory(vector.len)?;
        let function = match operation {
            Operation::Add => self.functions.add_scalar,
            Operation::Subtract => self.functions.subtract_from_scalar,
            Operation::Multiply => self.functions.multiply_scalar,
        };
        let config = vectors(false, true);
        let _turn = self.turn();
        // SAFETY: an element of the host, and as many elements to read as to write.
        let status = unsafe {
            let count = vector.len as u64;
            function(scalar, vector.pointer(), count, &raw const config, to.at(0))
        };
        self.check("scalar", status)?;
        Ok(to)
    }

    /// Transforms of 2^k numbers each, one behind the other.
    pub(super) fn ntt(
        self: &Arc<Self>,
        direction: Direction,
        k: u32,
        from: &Slice,
    ) -> Result<Memory> {
        let n = 1usize << k;
        // Beyond the domain there is an exception.
        let fits = k <= self.k && from.len.is_multiple_of(n) && from.len <= i32::MAX as usize;
        self.require("ntt", fits)?;
        let to = self.memory(from.len)?;
        let config = Ntt {
            stream: null_mut(),
            coset: [1, 0, 0, 0],
            batch: (from.len / n) as i32,
            columns_batch: false,
            ordering: 0,
            inputs_on_device: true,
            outputs_on_device: true,
            is_async: false,
            extension: null_mut(),
        };
        let _turn = self.turn();
        // SAFETY: both have `batch` times n elements, and the domain has n points or more.
        let status = unsafe {
            (self.functions.ntt)(
                from.pointer(),
                n as c_int,
                direction as c_int,
                &raw const config,
                to.at(0),
            )
        };
        self.check("ntt", status)?;
        Ok(to)
    }

    /// Sums of `size` numbers times points, for `scalars.len() / size` columns one behind the other.
    pub(super) fn msm(
        &self,
        scalars: &Slice,
        points: &Slice,
        size: usize,
        bits: u32,
    ) -> Result<Vec<Projective>> {
        let fits = size > 0
            && scalars.len.is_multiple_of(size)
            && scalars.len <= i32::MAX as usize
            && 2 * size <= points.len;
        self.require("msm", fits)?;
        let mut results = vec![Projective::default(); scalars.len / size];
        let config = Msm {
            stream: null_mut(),
            precompute_factor: 1,
            window: 0,
            bits: bits as i32,
            batch: results.len() as i32,
            points_shared: true,
            scalars_on_device: true,
            scalars_montgomery: false,
            points_on_device: true,
            points_montgomery: false,
            results_on_device: false,
            is_async: false,
            extension: null_mut(),
        };
        let _turn = self.turn();
        // SAFETY: `batch` times `size` scalars, `size` points or more, `batch` results.
        let status = unsafe {
            (self.functions.msm)(
                scalars.pointer(),
                points.pointer().cast(),
                size as c_int,
                &raw const config,
                results.as_mut_ptr(),
            )
        };
        self.check("msm", status)?;
        Ok(results)
    }
}

fn vectors(a_on_device: bool, b_on_device: bool) -> Vector {
    Vector {
        stream: null_mut(),
        a_on_device,
        b_on_device,
        result_on_device: true,
        is_async: false,
        batch: 1,
        columns_batch: false,
        extension: null_mut(),
    }
}
