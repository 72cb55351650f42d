//! The allocator of this program.

/// Has one arena for all threads. Proofs take their memory in blocks of megabytes from many threads; with an arena each, what one thread
/// frees is kept from the others, and a second chunk takes a third more than the first.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the parameter has no safe interface")]
pub(crate) fn share_one_arena() {
    // SAFETY: `mallopt` takes two numbers and changes a limit of the allocator, here before any thread is started.
    let accepted = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    if accepted == 0 {
        tracing::debug!("the allocator keeps an arena for each thread");
    }
}

/// Other systems' allocators have no such parameter.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn share_one_arena() {}
