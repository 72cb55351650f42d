//! A stand-in for ICICLE's libraries, for tests: the functions that are used, on the processor, with a fault. The device's type says which
//! function has it and what it is, "msm lies" for example. Structures are read by offsets, as ICICLE's headers give them.
//!
//! # Safety
//! The caller passes what ICICLE's headers ask for.
#![expect(unsafe_code, reason = "exports a C interface")]

use chainfer_compute::lanes::Arithmetic;
use chainfer_compute::msm::{Bases, msm_batch};
use chainfer_compute::ntt::Domain;
use halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use halo2curves::ff::{Field as _, PrimeField};
use halo2curves::group::Curve as _;
use halo2curves::group::prime::PrimeCurveAffine as _;
use halo2curves::serde::SerdeObject;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Mutex;

const INVALID_DEVICE: c_int = 1;
const ALLOCATION_FAILED: c_int = 4;
const INVALID_ARGUMENT: c_int = 11;

type Words = [u64; 4];

thread_local! {
    /// Type of the device that this thread has chosen.
    static DEVICE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What was allocated, by address.
static MEMORY: Mutex<Option<HashMap<usize, Vec<u64>>>> = Mutex::new(None);

/// What is wrong with a function on this device.
fn fault(function: &str) -> Option<String> {
    DEVICE.with_borrow(|device| {
        let (of, fault) = device.split_once(' ')?;
        (of == function).then(|| fault.to_owned())
    })
}

/// The status of a function that did its work, which may have been spoilt.
fn done(function: &str, first: *mut Words) -> c_int {
    match fault(function).as_deref() {
        Some("fails") => INVALID_ARGUMENT,
        Some("unreduced") => {
            // SAFETY: the first of what was written.
            unsafe { *first = [u64::MAX; 4] };
            0
        }
        Some(_) => {
            // SAFETY: as above. Still reduced, for nothing that is 1 to the power of anything is written here.
            unsafe { (*first)[0] ^= 1 };
            0
        }
        None => 0,
    }
}

fn number<F: PrimeField<Repr = [u8; 32]>>(words: &Words) -> F {
    let mut repr = [0; 32];
    for (bytes, word) in repr.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    Option::from(F::from_repr(repr)).unwrap_or(F::ZERO)
}

fn words(bytes: &[u8]) -> Words {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

fn write<F: PrimeField<Repr = [u8; 32]>>(value: &F) -> Words {
    words(&value.to_repr())
}

/// Whether bytes of a structure are these.
unsafe fn has<const N: usize>(structure: *const c_void, offset: usize, bytes: [u8; N]) -> bool {
    // SAFETY: inside the structure.
    unsafe { structure.cast::<u8>().add(offset).cast::<[u8; N]>().read() == bytes }
}

unsafe fn integer(structure: *const c_void, offset: usize) -> usize {
    // SAFETY: inside the structure.
    unsafe {
        structure
            .cast::<u8>()
            .add(offset)
            .cast::<i32>()
            .read_unaligned() as usize
    }
}

unsafe fn numbers<F: PrimeField<Repr = [u8; 32]>>(pointer: *const Words, count: usize) -> Vec<F> {
    // SAFETY: as many as the caller says.
    let all = unsafe { std::slice::from_raw_parts(pointer, count) };
    all.iter().map(number).collect()
}

unsafe fn put(values: &[Fr], output: *mut Words) {
    for (i, value) in values.iter().enumerate() {
        // SAFETY: there is room for the result.
        unsafe { *output.add(i) = write(value) };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_load_backend(_: *const c_char, _: bool) -> c_int {
    0
}

unsafe fn kind(device: *const c_void) -> String {
    // SAFETY: a device starts with a string.
    let kind = unsafe { CStr::from_ptr(device.cast()) };
    kind.to_string_lossy().into_owned()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_is_device_available(device: *const c_void) -> c_int {
    // SAFETY: a device.
    let kind = unsafe { kind(device) };
    if kind == "none" { INVALID_DEVICE } else { 0 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_set_device(device: *const c_void) -> c_int {
    // SAFETY: a device.
    let kind = unsafe { kind(device) };
    DEVICE.with_borrow_mut(|device| *device = kind);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_malloc(out: *mut *mut c_void, bytes: usize) -> c_int {
    if fault("malloc").is_some() {
        return ALLOCATION_FAILED;
    }
    // What is not written is neither 0 nor reduced.
    let mut memory = vec![u64::MAX; bytes.div_ceil(8)];
    let address: *mut u64 = memory.as_mut_ptr();
    // SAFETY: a place for the address.
    unsafe { *out = address.cast() };
    let mut all = MEMORY.lock().unwrap_or_else(|e| e.into_inner());
    all.get_or_insert_default().insert(address as usize, memory);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_free(memory: *mut c_void) -> c_int {
    let mut all = MEMORY.lock().unwrap_or_else(|e| e.into_inner());
    match all.get_or_insert_default().remove(&(memory as usize)) {
        Some(_) => 0,
        None => INVALID_ARGUMENT,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_memset(memory: *mut c_void, value: c_int, bytes: usize) -> c_int {
    // SAFETY: as many bytes as the caller says.
    unsafe { std::ptr::write_bytes(memory.cast::<u8>(), value as u8, bytes) };
    0
}

unsafe fn copy(function: &str, to: *mut c_void, from: *const c_void, bytes: usize) -> c_int {
    // SAFETY: as many bytes as the caller says, in different places.
    unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), to.cast::<u8>(), bytes) };
    if bytes == 0 {
        0
    } else {
        done(function, to.cast())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_copy(to: *mut c_void, from: *const c_void, bytes: usize) -> c_int {
    // SAFETY: as the caller says.
    unsafe { copy("copy", to, from, bytes) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_copy_to_device(
    to: *mut c_void,
    from: *const c_void,
    bytes: usize,
) -> c_int {
    // SAFETY: as the caller says.
    unsafe { copy("upload", to, from, bytes) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn icicle_copy_to_host(
    to: *mut c_void,
    from: *const c_void,
    bytes: usize,
) -> c_int {
    // SAFETY: as the caller says.
    unsafe { copy("download", to, from, bytes) }
}

/// The root of 2^k points.
static ROOT: Mutex<Option<Words>> = Mutex::new(None);

#[unsafe(no_mangle)]
unsafe extern "C" fn bn254_ntt_init_domain(root: *const Words, _: *const c_void) -> c_int {
    if fault("domain").is_some_and(|fault| fault == "fails") {
        return INVALID_ARGUMENT;
    }
    // As ICICLE does: a second root is ignored. Each domain of these tests is made for the same k.
    let mut known = ROOT.lock().unwrap_or_else(|e| e.into_inner());
    // SAFETY: an element.
    known.get_or_insert(unsafe { *root });
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bn254_get_root_of_unity_from_domain(k: u64, out: *mut Words) -> c_int {
    let known = ROOT.lock().unwrap_or_else(|e| e.into_inner());
    let mut root: Fr = known.as_ref().map_or(Fr::ONE, number);
    let order = Domain::new(Arithmetic::Portable, k as u32);
    while root != Fr::ONE && root != order.omega() {
        root = root.square();
    }
    // SAFETY: a place for an element.
    unsafe { *out = write(&root) };
    done("domain", out)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bn254_ntt(
    input: *const Words,
    size: c_int,
    direction: c_int,
    config: *const c_void,
    output: *mut Words,
) -> c_int {
    // SAFETY: the structure, and `batch` times `size` elements to read and to write.
    unsafe {
        let (n, batch) = (size as usize, integer(config, 40));
        let expected = has(config, 8, [1, 0, 0, 0]) && has(config, 44, [0]) && has(config, 48, [0]);
        if !expected || !has(config, 52, [1, 1, 0]) || !n.is_power_of_two() {
            return INVALID_ARGUMENT;
        }
        let domain = Domain::new(Arithmetic::Portable, n.ilog2());
        let values = numbers::<Fr>(input, n * batch);
        let mut columns: Vec<Vec<Fr>> = values.chunks(n).map(<[Fr]>::to_vec).collect();
        match direction {
            0 => domain.to_coset(Fr::ONE).in_place(&mut columns),
            _ => domain.to_coefficients().in_place(&mut columns),
        }
        put(&columns.concat(), output);
    }
    done("ntt", output)
}

/// Whether a, b and result are on the device as they should, with one vector.
unsafe fn vectors(config: *const c_void, on_device: [u8; 3]) -> bool {
    // SAFETY: the structure.
    unsafe { has(config, 8, on_device) && integer(config, 12) == 1 && has(config, 11, [0]) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bn254_scalar_convert_montgomery(
    input: *const Words,
    count: u64,
    to_montgomery: bool,
    config: *const c_void,
    output: *mut Words,
) -> c_int {
    let radix = Fr::from(2).pow_vartime([256]);
    let factor = if to_montgomery {
        radix
    } else {
        radix.invert().unwrap_or(Fr::ZERO)
    };
    // SAFETY: the structure, and `count` elements to read and to write.
    unsafe {
        if !vectors(config, [1, 1, 1]) {
            return INVALID_ARGUMENT;
        }
        let values = numbers::<Fr>(input, count as usize);
        put(
            &values.iter().map(|v| *v * factor).collect::<Vec<_>>(),
            output,
        );
    }
    done("convert", output)
}

macro_rules! vector {
    ($($symbol:ident, $function:literal, $a_is_vector:literal, $operation:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $symbol(
            a: *const Words,
            b: *const Words,
            count: u64,
            config: *const c_void,
            output: *mut Words,
        ) -> c_int {
            let operation: fn(Fr, Fr) -> Fr = $operation;
            // SAFETY: the structure, and `count` elements to read and to write; of a scalar one.
            unsafe {
                if !vectors(config, [$a_is_vector, 1, 1]) {
                    return INVALID_ARGUMENT;
                }
                let count = count as usize;
                let b = numbers::<Fr>(b, count);
                let a = if $a_is_vector == 1 {
                    numbers(a, count)
                } else {
                    vec![number(&*a); count]
                };
                put(&a.iter().zip(&b).map(|(a, b)| operation(*a, *b)).collect::<Vec<_>>(), output);
            }
            done($function, output)
        }
    )*};
}

vector! {
    bn254_vector_add, "add", 1, |a, b| a + b;
    bn254_vector_sub, "subtract", 1, |a, b| a - b;
    bn254_vector_mul, "multiply", 1, |a, b| a * b;
    bn254_scalar_add_vec, "add_scalar", 0, |a, b| a + b;
    bn254_scalar_sub_vec, "subtract_scalar", 0, |a, b| a - b;
    bn254_scalar_mul_vec, "scale", 0, |a, b| a * b;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bn254_affine_convert_montgomery(
    input: *const Words,
    count: u64,
    to_montgomery: bool,
    config: *const c_void,
    output: *mut Words,
) -> c_int {
    // SAFETY: the structure, and two elements a point to read and to write.
    unsafe {
        if to_montgomery || !vectors(config, [1, 1, 1]) {
            return INVALID_ARGUMENT;
        }
        for i in 0..2 * count as usize {
            let bytes: Vec<u8> = (*input.add(i))
                .iter()
                .flat_map(|w| w.to_le_bytes())
                .collect();
            let coordinate = Fq::from_raw_bytes(&bytes).unwrap_or(Fq::ZERO);
            *output.add(i) = write(&coordinate);
        }
    }
    done("points", output)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bn254_msm(
    scalars: *const Words,
    points: *const Words,
    size: c_int,
    config: *const c_void,
    results: *mut [Words; 3],
) -> c_int {
    // SAFETY: the structure, `batch` times `size` scalars, `size` points and `batch` results.
    unsafe {
        let (size, batch, bits) = (size as usize, integer(config, 20), integer(config, 16));
        // Shared points; scalars and points on the device and not in Montgomery form; results on the host.
        if integer(config, 8) != 1 || !has(config, 24, [1, 1, 0, 1, 0, 0, 0]) {
            return INVALID_ARGUMENT;
        }
        let scalars = numbers::<Fr>(scalars, size * batch);
        let short = |scalar: &Fr| {
            let words = write(scalar);
            (0..256)
                .rev()
                .find(|i| words[i / 64] >> (i % 64) & 1 == 1)
                .is_none_or(|i| i < bits)
        };
        if !scalars.iter().all(short) {
            return INVALID_ARGUMENT;
        }
        let coordinates = numbers::<Fq>(points, 2 * size);
        let points: Vec<G1Affine> = coordinates
            .chunks(2)
            .map(|xy| G1Affine { x: xy[0], y: xy[1] })
            .collect();
        let columns: Vec<&[Fr]> = scalars.chunks(size).collect();
        let sums = msm_batch(Arithmetic::Portable, &Bases::new(&points), &columns);
        for (i, sum) in sums.iter().enumerate() {
            let sum: G1Affine = G1::to_affine(sum);
            let z = Fq::from(3 + i as u64);
            *results.add(i) = if bool::from(sum.is_identity()) {
                [Fq::ZERO, Fq::ONE, Fq::ZERO].map(|c| write(&c))
            } else {
                [sum.x * z, sum.y * z, z].map(|c| write(&c))
            };
        }
        if fault("msm").is_some_and(|fault| fault == "lies") {
            // Another point.
            *results =
                [G1Affine::generator().x, G1Affine::generator().y, Fq::ONE].map(|c| write(&c));
            return 0;
        }
    }
    done("msm", results.cast())
}
