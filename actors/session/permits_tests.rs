use super::*;

#[test]
fn permits_bound_and_come_back() {
    let permits = Permits::new(2);
    let first = permits.try_acquire().unwrap();
    let second = permits.try_acquire().unwrap();
    assert!(permits.try_acquire().is_none());

    struct Count(AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(permits.poll_acquire(&mut cx).is_pending());
    drop(first);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(permits.poll_acquire(&mut cx).is_ready());
    drop(second);
    assert_eq!(permits.0.free.load(Ordering::SeqCst), 2);
}
