//! For tests of actors: time stands still while anything is ready, and jumps to the next timer.

/// Runs a test on a system of its own.
pub(crate) fn on_virtual_time<T>(test: impl Future<Output = T>) -> T {
    actix::System::with_tokio_rt(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap()
    })
    .block_on(test)
}
