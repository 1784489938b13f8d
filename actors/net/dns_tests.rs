use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 0))
}

/// A resolver to which every name takes a second, and `hangs` for ever; it counts who asks at
/// once, and how often.
fn resolver() -> (Arc<Resolver>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (asked, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counts, at_once) = (asked.clone(), Arc::new(AtomicUsize::new(0)));
    let highest = most.clone();
    let resolver = Resolver::new(move |name| {
        counts.fetch_add(1, Ordering::SeqCst);
        let (at_once, highest) = (at_once.clone(), highest.clone());
        Box::pin(async move {
            highest.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            match &*name {
                "hangs" => std::future::pending().await,
                _ => tokio::time::sleep(Duration::from_secs(1)).await,
            }
            at_once.fetch_sub(1, Ordering::SeqCst);
            match &*name {
                "missing" => Err(io::Error::other(
                    "failed to lookup address information: Name or service not known",
                )),
                "broken" => Err(io::Error::other(
                    "failed to lookup address information: Temporary failure in name resolution",
                )),
                "empty" => Ok(Vec::new()),
                _ => Ok(vec![address(1), address(2)]),
            }
        })
    });
    (resolver, asked, most)
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_shared_and_remembered_for_a_while() {
    let (resolver, asked, _) = resolver();
    let expected = Ok(vec![
        SocketAddr::from(([192, 0, 2, 1], 3478)),
        SocketAddr::from(([192, 0, 2, 2], 3478)),
    ]);
    let (one, other) = tokio::join!(resolver.look_up("name", 3478), resolver.look_up("name", 9));
    assert_eq!(one, expected);
    assert_eq!(other.unwrap()[0].port(), 9);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "two asked together");
    tokio::time::advance(REMEMBERED - Duration::from_secs(1)).await;
    assert_eq!(resolver.look_up("name", 3478).await, expected);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "remembered");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(resolver.look_up("name", 3478).await, expected);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_apart_and_remembered_shortly() {
    let (resolver, asked, _) = resolver();
    for (name, error) in [
        ("missing", LookupError::NotFound),
        ("empty", LookupError::NotFound),
        ("broken", LookupError::Failed),
    ] {
        assert_eq!(resolver.look_up(name, 1).await, Err(error));
        let before = asked.load(Ordering::SeqCst);
        assert_eq!(resolver.look_up(name, 1).await, Err(error));
        assert_eq!(asked.load(Ordering::SeqCst), before);
        tokio::time::advance(FAILURE_REMEMBERED).await;
        assert_eq!(resolver.look_up(name, 1).await, Err(error));
        assert_eq!(asked.load(Ordering::SeqCst), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn scenario_15_a_name_that_hangs_holds_back_no_other_and_has_a_time_limit() {
    let (resolver, asked, _) = resolver();
    let began = Instant::now();
    let (hung, again, other) = tokio::join!(
        resolver.look_up("hangs", 1),
        resolver.look_up("hangs", 1),
        async {
            let found = resolver.look_up("name", 1).await;
            (found, began.elapsed())
        }
    );
    assert_eq!(
        (hung, again),
        (Err(LookupError::Timeout), Err(LookupError::Timeout))
    );
    assert!(other.0.is_ok());
    assert_eq!(other.1.as_secs(), 1);
    assert_eq!(began.elapsed().as_secs(), TIME_LIMIT.as_secs());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn few_are_asked_for_at_once_and_all_are_answered() {
    let (resolver, asked, most) = resolver();
    let tasks: Vec<_> = (0..4 * AT_ONCE)
        .map(|i| {
            let resolver = resolver.clone();
            tokio::spawn(async move { resolver.look_up(&format!("name {i}"), 1).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().is_ok());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 4 * AT_ONCE);
    assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded() {
    let (resolver, ..) = resolver();
    for i in 0..3 * MAX_NAMES {
        resolver.remember(
            format!("name {i}").into(),
            Name::Known {
                answer: Err(LookupError::NotFound),
                until: Instant::now() + REMEMBERED,
            },
        );
        assert!(resolver.names().len() <= MAX_NAMES);
    }
    assert!(resolver.look_up("name", 1).await.is_ok());
}

#[test]
fn a_task_that_died_with_its_runtime_is_asked_for_again() {
    let (resolver, asked, _) = resolver();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let first = runtime();
    first.block_on(async {
        let begun = tokio::time::timeout(Duration::from_millis(1), resolver.look_up("name", 1));
        assert!(begun.await.is_err());
    });
    drop(first);
    assert!(runtime().block_on(resolver.look_up("name", 1)).is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_systems_resolver_knows_this_host() {
    let found = look_up("localhost", 7).await.unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().all(|a| a.ip().is_loopback() && a.port() == 7));
}
