//! ICICLE's structures, the same from 3.1 to 4.0.

use crate::element::Words;
use std::ffi::c_void;

/// `MSMConfig`
#[repr(C)]
pub(super) struct Msm {
    pub(super) stream: *mut c_void,
    pub(super) precompute_factor: i32,
    pub(super) window: i32,
    pub(super) bits: i32,
    pub(super) batch: i32,
    pub(super) points_shared: bool,
    pub(super) scalars_on_device: bool,
    pub(super) scalars_montgomery: bool,
    pub(super) points_on_device: bool,
    pub(super) points_montgomery: bool,
    pub(super) results_on_device: bool,
    pub(super) is_async: bool,
    pub(super) extension: *mut c_void,
}

/// `NTTConfig`
#[repr(C)]
pub(super) struct Ntt {
    pub(super) stream: *mut c_void,
    pub(super) coset: Words,
    pub(super) batch: i32,
    pub(super) columns_batch: bool,
    pub(super) ordering: i32,
    pub(super) inputs_on_device: bool,
    pub(super) outputs_on_device: bool,
    pub(super) is_async: bool,
    pub(super) extension: *mut c_void,
}

/// `NTTInitDomainConfig`
#[repr(C)]
pub(super) struct InitDomain {
    pub(super) stream: *mut c_void,
    pub(super) is_async: bool,
    pub(super) extension: *mut c_void,
}

/// `VecOpsConfig`
#[repr(C)]
pub(super) struct Vector {
    pub(super) stream: *mut c_void,
    pub(super) a_on_device: bool,
    pub(super) b_on_device: bool,
    pub(super) result_on_device: bool,
    pub(super) is_async: bool,
    pub(super) batch: i32,
    pub(super) columns_batch: bool,
    pub(super) extension: *mut c_void,
}

/// `Device`
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) kind: [u8; 64],
    pub(super) id: i32,
}

/// A point in homogeneous coordinates: x / z, y / z.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Projective {
    pub(super) x: Words,
    pub(super) y: Words,
    pub(super) z: Words,
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Msm>() == 40 && offset_of!(Msm, window) == 12);
    assert!(offset_of!(Msm, bits) == 16 && offset_of!(Msm, points_shared) == 24);
    assert!(offset_of!(Msm, results_on_device) == 29 && offset_of!(Msm, extension) == 32);
    assert!(size_of::<Ntt>() == 64 && offset_of!(Ntt, batch) == 40);
    assert!(offset_of!(Ntt, columns_batch) == 44 && offset_of!(Ntt, ordering) == 48);
    assert!(offset_of!(Ntt, inputs_on_device) == 52 && offset_of!(Ntt, extension) == 56);
    assert!(size_of::<InitDomain>() == 24 && offset_of!(InitDomain, extension) == 16);
    assert!(size_of::<Vector>() == 32 && offset_of!(Vector, result_on_device) == 10);
    assert!(offset_of!(Vector, batch) == 12 && offset_of!(Vector, extension) == 24);
    assert!(size_of::<Device>() == 68 && size_of::<Projective>() == 96);
};
