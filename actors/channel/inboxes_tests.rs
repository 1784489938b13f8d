use super::*;

#[test]
fn who_found_them_full_is_told_once_when_half_of_it_has_left() {
    let inboxes = Inboxes::new(100);
    inboxes.add(99);
    assert!(!inboxes.is_full());
    inboxes.add(1);
    assert!(inboxes.is_full());
    assert!(!inboxes.remove(49));
    assert!(inboxes.remove(1));
    assert!(!inboxes.remove(1));
}

#[test]
fn nobody_is_told_of_room_who_has_not_waited() {
    let inboxes = Inboxes::new(100);
    inboxes.add(100);
    assert!(!inboxes.remove(100));
}

#[test]
fn whoever_waits_is_told_whatever_the_reader_does_meanwhile() {
    for _ in 0..2_000 {
        let inboxes = Inboxes::new(100);
        inboxes.add(100);
        std::thread::scope(|scope| {
            let told = scope.spawn(|| (0..100).any(|_| inboxes.remove(1)));
            let waits = inboxes.is_full();
            // If it waits, it is told; and nobody is who does not.
            assert_eq!(told.join().unwrap(), waits);
        });
    }
}
