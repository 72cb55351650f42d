//! What the benchmarks share.

/// Makes the thread of the benchmark the pool. False where that cannot be done.
pub(crate) fn use_one_thread() -> bool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build_global()
        .is_ok()
}
