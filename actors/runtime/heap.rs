//! A hint to the allocator.

/// Lets the heap keep some MiB of freed memory.
///
/// glibc gives memory at the end of a heap back to the kernel from 128 KiB on, and batches of data
/// are about as large: half of the time would go into taking the same pages again, one fault each.
/// It raises the limit to twice the largest block that was ever mapped by itself and freed
/// (mallopt(3), `M_TRIM_THRESHOLD`), so one such block is freed here. It is never touched, and so
/// takes no memory. Other allocators do not care.
pub(crate) fn keep_freed_memory() {
    const BLOCK: usize = 4 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(BLOCK)));
}
