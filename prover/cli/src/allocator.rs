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

/// Gives back what is freed at once, in place of keeping it for what comes next: a process that may take only so much memory takes what it
/// uses then. It costs time, because the system clears what it hands out.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the parameters have no safe interface")]
pub(crate) fn give_back_at_once() {
    const BLOCK: i32 = 1 << 20;
    for parameter in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: `mallopt` takes two numbers and changes a limit of the allocator, here before the threads of a proof are started.
        let accepted = unsafe { libc::mallopt(parameter, BLOCK) };
        if accepted == 0 {
            tracing::debug!("the allocator keeps what is freed");
        }
    }
}

/// Other systems' allocators have no such parameters.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back_at_once() {}
