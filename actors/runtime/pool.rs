//! The worker threads: started together, watched, and replaced when one is lost.
//!
//! A thread of its own, `rtc-system`, keeps them. A worker is lost when its arbiter or its actor
//! ends, or when it shows no sign of life for [`Config::worker_timeout`]: its sessions fail with
//! `WorkerLost`, another worker takes its place, and no other worker notices.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwapOption;
use tokio::sync::{mpsc, oneshot};

use crate::base::config::Config;
use crate::base::error::Reason;
use crate::base::error::open::StartError;
use crate::metrics::Metrics;
use crate::ports::SharedPorts;
use crate::runtime::life::{Life, TICK};
use crate::runtime::live::LiveSessions;
use crate::runtime::worker::{self, Worker};
use crate::session::scope::WorkerId;

/// The pause before the first attempt to replace a worker doubles up to here.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// One worker, seen from outside.
pub(crate) struct WorkerHandle {
    pub(crate) arbiter: ArbiterHandle,
    pub(crate) address: Addr<Worker>,
    pub(crate) udp: Option<SocketAddr>,
    /// How many sessions live on it.
    pub(crate) sessions: Arc<AtomicUsize>,
    pub(crate) life: Life,
}

/// The places for workers; one is empty while its worker is being replaced.
type Places = Arc<[ArcSwapOption<WorkerHandle>]>;

/// The threads of a runtime.
pub(crate) struct Pool {
    system: System,
    places: Places,
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Pool {
    /// Starts all workers, and the thread that keeps them.
    pub(crate) fn start(
        config: Arc<Config>,
        metrics: Arc<Metrics>,
        live: Arc<LiveSessions>,
    ) -> Result<Pool, StartError> {
        let places: Places = (0..config.workers)
            .map(|_| ArcSwapOption::empty())
            .collect();
        let stopping = Arc::new(AtomicBool::new(false));
        let keeper_parts = (places.clone(), stopping.clone());
        let (started, outcome) = std_mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("rtc-system".into())
            .spawn(move || {
                let (places, stopping) = keeper_parts;
                let runner = System::new();
                live.set_keeper(System::current().arbiter().clone());
                let (over, ended) = mpsc::unbounded_channel();
                let keeper = Rc::new(Keeper {
                    config,
                    metrics,
                    shared_ports: Arc::default(),
                    live,
                    places,
                    stopping,
                    over,
                    arbiters: RefCell::default(),
                });
                let all = runner.block_on(keeper.start_all());
                let failed = all.is_err();
                if !failed {
                    let keeper = keeper.clone();
                    runner.block_on(async move {
                        actix_rt::spawn(keeper.watch(ended));
                    });
                }
                let _ = started.send(all.map(|()| System::current()));
                // Until `System::stop`, which stops every arbiter.
                if !failed && let Err(error) = runner.run() {
                    tracing::error!(%error, "the workers' system ended with an error");
                }
                keeper.join_all();
            })
            .map_err(StartError::Thread)?;
        let gone = |_| StartError::Thread(std::io::Error::other("the thread ended while starting"));
        let system = outcome.recv().map_err(gone)??;
        Ok(Pool {
            system,
            places,
            stopping,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The workers that run at the moment.
    pub(crate) fn workers(&self) -> impl Iterator<Item = Arc<WorkerHandle>> + '_ {
        self.places.iter().filter_map(ArcSwapOption::load_full)
    }

    /// How many there are to be.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The worker with the fewest sessions; `None` while none runs.
    pub(crate) fn least_loaded(&self) -> Option<Arc<WorkerHandle>> {
        self.workers()
            .min_by_key(|worker| worker.sessions.load(Ordering::Acquire))
    }

    /// Runs a future on the keeper's thread, which no application code can hold up; `false` when
    /// it has ended.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> bool {
        self.system.arbiter().spawn(future)
    }

    /// Asks all threads to end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.system.stop();
    }

    /// Whether the caller runs on one of these threads, and so cannot wait for them.
    pub(crate) fn is_own_thread(&self) -> bool {
        System::try_current().is_some_and(|system| system.id() == self.system.id())
    }

    /// Waits until the threads have ended, at most `limit`; `false` if they have not.
    pub(crate) fn join(&self, limit: Duration) -> bool {
        let end = std::time::Instant::now() + limit;
        loop {
            let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
            match thread.take_if(|thread| thread.is_finished()) {
                Some(ended) => return ended.join().is_ok(),
                None if thread.is_none() => return true,
                None => {}
            }
            drop(thread);
            if std::time::Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// What runs on the keeper's thread.
struct Keeper {
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    shared_ports: Arc<SharedPorts>,
    live: Arc<LiveSessions>,
    places: Places,
    stopping: Arc<AtomicBool>,
    over: mpsc::UnboundedSender<WorkerId>,
    /// Threads to be joined at the end, by place.
    arbiters: RefCell<Vec<(usize, Arbiter)>>,
}

impl Keeper {
    async fn start_all(&self) -> Result<(), StartError> {
        for index in 0..self.places.len() {
            self.start_worker(index, 0).await?;
        }
        Ok(())
    }

    async fn start_worker(&self, index: usize, number: u64) -> Result<(), StartError> {
        let arbiter = Arbiter::try_new().map_err(StartError::Thread)?;
        let handle = arbiter.handle();
        let life = Life::new(WorkerId { index, number }, self.over.clone());
        let (started, outcome) = oneshot::channel();
        let (config, metrics) = (self.config.clone(), self.metrics.clone());
        let worker_life = life.clone();
        let shared_ports = self.shared_ports.clone();
        handle.spawn_fn(move || {
            worker::start_on_arbiter(worker_life, config, metrics, &shared_ports, started);
        });
        let gone = |_| StartError::Thread(std::io::Error::other("the worker ended while starting"));
        match outcome
            .await
            .map_err(gone)
            .and_then(|outcome| outcome.map_err(StartError::Udp))
        {
            Ok((address, udp)) => {
                self.arbiters.borrow_mut().push((index, arbiter));
                self.places[index].store(Some(Arc::new(WorkerHandle {
                    arbiter: handle,
                    address,
                    udp,
                    sessions: Arc::default(),
                    life,
                })));
                Ok(())
            }
            Err(error) => {
                arbiter.stop();
                Err(error)
            }
        }
    }

    /// Watches over the workers for as long as the runtime lives.
    async fn watch(self: Rc<Self>, mut ended: mpsc::UnboundedReceiver<WorkerId>) {
        // Counted in our own ticks: when the whole machine sleeps, nobody is to blame.
        let mut silences = vec![Silence::default(); self.places.len()];
        let patience = self
            .config
            .worker_timeout
            .as_millis()
            .div_ceil(TICK.as_millis());
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(id) = ended.recv() => {
                    let current = self.places[id.index].load();
                    if current.as_ref().is_some_and(|worker| worker.life.id() == id) {
                        self.replace(id.index, "its thread or its actor has ended");
                    }
                }
                _ = tick.tick() => {
                    for (index, silence) in silences.iter_mut().enumerate() {
                        let Some(worker) = self.places[index].load_full() else { continue };
                        if silence.grows(&worker.life) > patience {
                            self.replace(index, "it shows no sign of life");
                        }
                    }
                }
            }
        }
    }

    /// Gives a worker up, and starts another in its place.
    fn replace(self: &Rc<Self>, index: usize, why: &'static str) {
        let Some(lost) = self.places[index].swap(None) else {
            return;
        };
        if self.stopping.load(Ordering::Acquire) {
            return;
        }
        tracing::error!(
            worker = index,
            why,
            "worker lost: its sessions fail, and it is replaced"
        );
        self.metrics.process.workers_lost.increment(1);
        // Should it ever wake up again, it finds that it has ended, and frees what it holds. Until
        // then nobody may wait for it.
        lost.arbiter.stop();
        self.arbiters
            .borrow_mut()
            .retain(|(place, _)| *place != index);
        self.live.lose(lost.life.id(), Reason::WorkerLost);
        let keeper = self.clone();
        actix_rt::spawn(async move {
            let mut pause = TICK;
            while !keeper.stopping.load(Ordering::Acquire) {
                match keeper.start_worker(index, lost.life.id().number + 1).await {
                    Ok(()) => {
                        tracing::info!(worker = index, "worker replaced");
                        return;
                    }
                    // Its port, say, is free only when the lost one lets go of it.
                    Err(error) => tracing::warn!(worker = index, %error, "worker not replaced yet"),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        });
    }

    fn join_all(&self) {
        let arbiters = std::mem::take(&mut *self.arbiters.borrow_mut());
        for (_, arbiter) in &arbiters {
            arbiter.stop();
        }
        for (_, arbiter) in arbiters {
            let _ = arbiter.join();
        }
    }
}

/// For how many ticks a worker has been silent.
#[derive(Clone, Default)]
struct Silence {
    number: u64,
    seen: u64,
    ticks: u128,
}

impl Silence {
    fn grows(&mut self, life: &Life) -> u128 {
        let (number, seen) = (life.id().number, life.ticks());
        if (number, seen) == (self.number, self.seen) {
            self.ticks += 1;
        } else {
            *self = Silence {
                number,
                seen,
                ticks: 0,
            };
        }
        self.ticks
    }
}
