//! Scenario 27: sessions come and go, and nothing of them stays. Short by itself; with `RTC_LONG=1`
//! as long as it takes to be sure.
#![cfg(all(feature = "chaos", feature = "web", feature = "prometheus"))]

#[path = "harness/pair.rs"]
mod pair;
#[path = "harness/time_limit.rs"]
mod time_limit;

use std::time::Duration;

use actix_rtc::chaos::{Fault, Moment};
use actix_rtc::metrics::{PrometheusHandle, install_prometheus};
use actix_rtc::{
    ActorKind, AddressFilter, Config, DataChannel, DtlsParameters, DtlsTransportState, Runtime,
    SctpTransport, Session,
};
use pair::{Pair, echo, signal, start};
use peak_alloc::PeakAlloc;

/// Counts the bytes that are allocated: what trimming would leave of the heap.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const LIMIT: Duration = Duration::from_secs(300);

/// How many sessions connect at a time.
const AT_A_TIME: usize = 50;

/// What may be allocated besides, whatever the number of sessions: buffers of the recorder and of
/// the threads, tables that have grown.
const SLACK: usize = 256 * 1024;

fn is_long() -> bool {
    std::env::var_os("RTC_LONG").is_some()
}

struct Connected {
    pair: Pair,
    channels: (DataChannel, DataChannel),
}

async fn connected(rtc: &Runtime) -> Connected {
    let pair = Pair::new(rtc);
    signal(&pair.offerer, &pair.answerer).await;
    let channels = exchange(&pair).await;
    Connected { pair, channels }
}

/// A channel on which something was sent to and fro.
async fn exchange(pair: &Pair) -> (DataChannel, DataChannel) {
    let (ours, theirs) = pair.channel().await;
    echo(&ours, &theirs, "there and back").await;
    (ours, theirs)
}

/// The DTLS transports of both sides die, and new ones take their place.
async fn renew(Connected { pair, channels }: &mut Connected) {
    let sessions = pair.sessions();
    for session in sessions {
        // Not by a panic: a backtrace, where one is wanted, keeps much on the heap.
        session.inject(ActorKind::Dtls, Fault::Stop, Moment::Now);
        while session.dtls().state() != DtlsTransportState::Failed {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        session.renew_dtls(None).unwrap();
    }
    let parameters = sessions.map(|session| session.dtls().local_parameters());
    let start = async |session: &Session, remote: &DtlsParameters| {
        session.dtls().start(remote.clone()).await.unwrap();
        let capabilities = SctpTransport::capabilities();
        session.sctp().start(capabilities, None).await.unwrap();
    };
    tokio::join!(
        start(sessions[0], &parameters[1]),
        start(sessions[1], &parameters[0])
    );
    *channels = exchange(pair).await;
}

async fn pairs(rtc: &Runtime, count: usize) -> Vec<Connected> {
    let mut pairs = Vec::with_capacity(count);
    while pairs.len() < count {
        let batch = AT_A_TIME.min(count - pairs.len());
        let connecting = (0..batch).map(|_| connected(rtc));
        let connected = tokio::time::timeout(LIMIT, futures_util::future::join_all(connecting));
        pairs.extend(connected.await.expect("took too long"));
    }
    pairs
}

async fn close(pairs: Vec<Connected>) {
    for Connected { pair, .. } in &pairs {
        pair.offerer.begin_close();
        pair.answerer.begin_close();
    }
    for Connected { pair, .. } in &pairs {
        pair.offerer.closed().await;
        pair.answerer.closed().await;
    }
}

/// What is held at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Held {
    sessions: usize,
    actors: usize,
    routes: usize,
    sockets: usize,
    series: usize,
}

impl Held {
    async fn now(rtc: &Runtime, metrics: &PrometheusHandle) -> Held {
        let census = rtc.census().await;
        let series = metrics.render();
        Held {
            sessions: rtc.session_count(),
            actors: census.actors,
            routes: census.routes,
            sockets: sockets(),
            series: series.lines().filter(|l| !l.starts_with('#')).count(),
        }
    }
}

fn sockets() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = open.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Resident memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|l| l.split_whitespace().next());
    kilobytes.unwrap().parse::<usize>().unwrap() * 1024
}

fn config() -> Config {
    pair::config(2)
        // One socket for each dialling session, not one for each address of this host.
        .addresses(AddressFilter::default().addresses([std::net::Ipv4Addr::LOCALHOST.into()]))
        .max_sessions(20_000)
}

#[tokio::test]
async fn sessions_that_come_and_go_leave_nothing_behind() {
    let metrics = install_prometheus().unwrap();
    let rtc = start(config());
    let (sessions, rounds) = if is_long() { (1_000, 10) } else { (60, 3) };

    // What is made once, by the first sessions, is no leak.
    close(pairs(&rtc, sessions / 2).await).await;
    let before = settled(&rtc, &metrics, None).await;
    let heap = HEAP.current_usage();
    println!("at the start: {before:?}, {heap} bytes of heap");
    for round in 1..=rounds {
        let mut open = pairs(&rtc, sessions / 2).await;
        let renewed = futures_util::future::join_all(open.iter_mut().step_by(3).map(renew));
        let renewed = tokio::time::timeout(LIMIT, renewed).await;
        renewed.expect("took too long");
        let (at_most, peak) = (Held::now(&rtc, &metrics).await, HEAP.current_usage());
        assert_eq!(at_most.sessions, sessions);
        assert_eq!(at_most.actors, before.actors + 5 * sessions);
        close(open).await;
        let after = settled(&rtc, &metrics, Some(before)).await;
        let left = trimmed(heap + SLACK).await;
        println!("round {round}: {peak} bytes at most, {left} bytes left, {after:?}");
        assert_eq!(after, before, "round {round}");
        assert!(
            left <= heap + SLACK,
            "round {round}: {left} bytes are left, {heap} were there before"
        );
    }
    if is_long() {
        idle(&rtc, 10_000).await;
    }
    assert!(rtc.shutdown(LIMIT).await);
}

/// What a closed session held is freed within moments of the end that it shows.
async fn settled(rtc: &Runtime, metrics: &PrometheusHandle, want: Option<Held>) -> Held {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let held = Held::now(rtc, metrics).await;
        let is_so = match want {
            Some(want) => held == want,
            None => held.sessions == 0 && held.actors == 0 && held.routes == 0,
        };
        if is_so || std::time::Instant::now() > end {
            return held;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How many bytes stay allocated. The recorder and the runtime free some of what they held a few
/// seconds later.
async fn trimmed(enough: usize) -> usize {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while HEAP.current_usage() > enough && std::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    HEAP.current_usage()
}

/// Sessions with nothing to do: what each costs.
async fn idle(rtc: &Runtime, sessions: usize) {
    raise_file_limit(sessions as u64);
    let (heap, rss) = (HEAP.current_usage(), resident());
    let open = pairs(rtc, sessions / 2).await;
    // All are connected, and stay so while consent is checked.
    tokio::time::sleep(Duration::from_secs(40)).await;
    for Connected { pair, .. } in &open {
        for session in pair.sessions() {
            assert_eq!(session.state(), actix_rtc::SessionState::Connected);
        }
    }
    let (heap, rss) = (HEAP.current_usage() - heap, resident() - rss);
    println!(
        "{sessions} idle sessions: {} bytes of heap and {} bytes resident a session",
        heap / sessions,
        rss / sessions
    );
    close(open).await;
    assert_eq!(rtc.session_count(), 0);
}

/// Half of the sessions have a socket of their own.
fn raise_file_limit(sessions: u64) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let needed = sessions / 2 + 200;
    assert!(hard >= needed, "this system allows only {hard} open files");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}
