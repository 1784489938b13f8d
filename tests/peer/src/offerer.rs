//! Side A: offers, and sends what it is told to send on its first session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use actix_rtc::{DataChannel, DataChannelOptions, Runtime, Session, SessionOptions};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use crate::{complain, say};

/// So many bytes, in messages of one size.
#[derive(Debug, Deserialize)]
pub(crate) struct Bulk {
    bytes: usize,
    size: usize,
    /// Sending pauses above this many buffered bytes, and goes on at a quarter of them.
    hi: usize,
}

/// To and fro, after some that are not counted.
#[derive(Debug, Deserialize)]
pub(crate) struct Ping {
    n: usize,
    warm: usize,
    size: usize,
}

#[derive(Debug)]
pub(crate) enum Job {
    Bulk(Bulk),
    Ping(Ping),
}

impl From<Bulk> for Job {
    fn from(bulk: Bulk) -> Job {
        Job::Bulk(bulk)
    }
}

impl From<Ping> for Job {
    fn from(ping: Ping) -> Job {
        Job::Ping(ping)
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Offerer(Arc<Shared>);

struct Shared {
    rtc: Runtime,
    sessions: Mutex<Vec<Session>>,
    /// Jobs for the first session.
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
}

/// The times of the set-ups, in microseconds.
#[derive(Debug, Default)]
struct Setups {
    open: Vec<u64>,
    round_trip: Vec<u64>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(since: Instant) -> u64 {
    since.elapsed().as_micros() as u64
}

impl Offerer {
    pub(crate) fn new(rtc: Runtime) -> Offerer {
        Offerer(Arc::new(Shared {
            rtc,
            sessions: Mutex::default(),
            jobs: Mutex::default(),
        }))
    }

    /// Sets up `count` sessions, `at_once` at a time.
    pub(crate) fn connect(&self, count: usize, at_once: usize) {
        let shared = self.0.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            match runtime {
                Ok(runtime) => runtime.block_on(connect(shared, count, at_once)),
                Err(error) => complain(&error.to_string()),
            }
        });
    }

    pub(crate) fn answer(&self, id: u64, sdp: String) {
        let session = locked(&self.0.sessions).get(id as usize).cloned();
        let Some(session) = session else {
            return complain(&format!("there is no session {id}"));
        };
        session.spawn(move |session| async move {
            if let Err(error) = session.set_answer(&sdp).await {
                complain(&error.to_string());
            }
        });
    }

    pub(crate) fn job(&self, job: Job) {
        let sent = locked(&self.0.jobs).as_ref().map(|jobs| jobs.send(job));
        if !matches!(sent, Some(Ok(()))) {
            complain("there is no session yet");
        }
    }
}

async fn connect(shared: Arc<Shared>, count: usize, at_once: usize) {
    let begin = Instant::now();
    let setups = Arc::new(Mutex::new(Setups::default()));
    let places = Arc::new(Semaphore::new(at_once.max(1)));
    let (done, mut all_done) = mpsc::channel::<()>(1);
    for _ in 0..count {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let start = Instant::now();
        let session = match shared.rtc.session(SessionOptions::default()) {
            Ok(session) => session,
            Err(error) => return complain(&error.to_string()),
        };
        let id = {
            let mut sessions = locked(&shared.sessions);
            sessions.push(session.clone());
            sessions.len() - 1
        };
        let jobs = (id == 0).then(|| {
            let (sender, jobs) = mpsc::unbounded_channel();
            *locked(&shared.jobs) = Some(sender);
            jobs
        });
        let (setups, done) = (setups.clone(), done.clone());
        session.spawn(move |session| async move {
            let channel = match set_up(&session, id, start, &setups).await {
                Ok(channel) => channel,
                Err(error) => return complain(&error.to_string()),
            };
            drop((place, done));
            match jobs {
                Some(jobs) => work(channel, jobs).await,
                // The sessions stay open, and with them their channels.
                None => drop(channel.closed().await),
            }
        });
    }
    drop(done);
    // Until every set-up has dropped its share.
    let _ = all_done.recv().await;
    let setups = locked(&setups);
    say(&json!({
        "ev": "connected",
        "n": count,
        "wall_us": micros(begin),
        "open_us": setups.open,
        "rt_us": setups.round_trip,
    }));
}

async fn set_up(
    session: &Session,
    id: usize,
    start: Instant,
    setups: &Mutex<Setups>,
) -> Result<DataChannel, Failure> {
    let channel = session
        .create_data_channel("d", DataChannelOptions::default())
        .await?;
    let sdp = session.offer().await?;
    say(&json!({"ev": "offer", "id": id, "sdp": sdp}));
    channel.opened().await?;
    locked(setups).open.push(micros(start));
    channel.send(vec![0]).await?;
    channel.recv().await.ok_or("the channel closed")?;
    locked(setups).round_trip.push(micros(start));
    Ok(channel)
}

async fn work(channel: DataChannel, mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let outcome = match job {
            Job::Bulk(job) => bulk(&channel, job).await,
            Job::Ping(job) => ping(&channel, job).await,
        };
        if let Err(error) = outcome {
            complain(&error.to_string());
        }
    }
}

async fn bulk(channel: &DataChannel, job: Bulk) -> Result<(), Failure> {
    let count = job.bytes.div_ceil(job.size);
    let total = count * job.size;
    let message = Bytes::from(vec![0x5a; job.size]);
    let mut header = vec![1];
    header.extend_from_slice(&(total as u64).to_le_bytes());
    channel.set_buffered_amount_low_threshold(job.hi / 4);
    let start = Instant::now();
    channel.send(header).await?;
    for _ in 0..count {
        if channel.buffered_amount() > job.hi {
            channel.buffered_amount_low().await;
        }
        channel.send(message.clone()).await?;
    }
    loop {
        let message = channel.recv().await.ok_or("the channel closed")?;
        if message.as_bytes() == [2] {
            break;
        }
    }
    say(&json!({"ev": "bulk", "wall_us": micros(start), "bytes": total, "msgs": count}));
    Ok(())
}

async fn ping(channel: &DataChannel, job: Ping) -> Result<(), Failure> {
    let message = Bytes::from(vec![0; job.size]);
    let mut times = Vec::with_capacity(job.n);
    for round in 0..job.n + job.warm {
        let start = Instant::now();
        channel.send(message.clone()).await?;
        channel.recv().await.ok_or("the channel closed")?;
        if round >= job.warm {
            times.push(micros(start));
        }
    }
    say(&json!({"ev": "ping", "us": times}));
    Ok(())
}
