//! The runtime: worker threads, and where sessions are placed on them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::channel::DataChannel;
use crate::config::{Config, ConfigError, DtlsEngine, UdpMode};
use crate::gatherer::IceGatherer;
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::mux::MuxError;
use crate::proto::dtls::Certificate;
use crate::proto::random::Random;
use crate::registry::{SessionRegistry, SessionSlot};
use crate::scope::{GatherOptions, Lease, Scope};
use crate::session::{Session, SessionId};
use crate::worker::{OpenSession, Worker};

/// What an application does with each data channel that a peer opens.
pub(crate) type ChannelCallback = Arc<dyn Fn(DataChannel) + Send + Sync>;

/// Runs sessions on worker threads of its own, so its handles work from any runtime: an actix-web
/// handler, tokio, or `block_on` on a bare thread.
///
/// A cheap clone. When the last clone is dropped, the workers stop, and all sessions with them.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    certificate: Mutex<Certificate>,
    random: Mutex<Random>,
    workers: Vec<WorkerHandle>,
    sessions: Arc<AtomicUsize>,
    registry: SessionRegistry,
    draining: AtomicBool,
    on_data_channel: Option<ChannelCallback>,
    system: System,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// One worker, seen from outside.
struct WorkerHandle {
    arbiter: ArbiterHandle,
    address: Addr<Worker>,
    udp: Option<SocketAddr>,
    sessions: Arc<AtomicUsize>,
}

/// Why a runtime could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A UDP port could not be opened.
    #[error(transparent)]
    Udp(#[from] MuxError),
    /// The system gave no thread.
    #[error("cannot start worker threads: {0}")]
    Thread(#[source] std::io::Error),
    /// The system gave no randomness.
    #[error("the operating system gave no random bytes")]
    Entropy,
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] crate::proto::dtls::CertificateError),
}

impl From<StartError> for std::io::Error {
    fn from(error: StartError) -> std::io::Error {
        std::io::Error::other(error)
    }
}

/// Why a session was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// So many sessions live already as are allowed.
    #[error("the limit of {limit} sessions is reached")]
    Full {
        /// [`Config::max_sessions`].
        limit: usize,
    },
    /// The runtime takes no new sessions: it is being drained or shut down.
    #[error("the server is draining and takes no new sessions")]
    Draining,
    /// The gatherer cannot carry a whole session.
    #[error(transparent)]
    State(#[from] crate::error::InvalidState),
    /// The options ask for something that is not there.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Settings for a [`Runtime`] to be started.
#[derive(Clone, Default)]
pub struct RuntimeBuilder {
    config: Config,
    certificate: Option<Certificate>,
    on_data_channel: Option<ChannelCallback>,
}

impl std::fmt::Debug for RuntimeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl RuntimeBuilder {
    /// All settings at once; the other methods change single ones.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How many worker threads. Default: one a core.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = workers;
        self
    }

    /// One shared UDP port a worker: `address`'s port for the first, the next for the second, and
    /// so on.
    pub fn udp_mux(mut self, address: SocketAddr) -> Self {
        self.config.udp = UdpMode::Mux {
            ip: address.ip(),
            port: address.port(),
        };
        self
    }

    /// Makes loopback addresses candidates.
    pub fn loopback(mut self, yes: bool) -> Self {
        self.config.loopback = yes;
        self
    }

    /// The DTLS engine of sessions that do not choose one.
    pub fn dtls_engine(mut self, engine: DtlsEngine) -> Self {
        self.config.dtls_engine = engine;
        self
    }

    /// The certificate of all sessions. Default: a fresh one a runtime.
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// What to do with each data channel that a peer opens. The future runs on the session's
    /// worker thread: it may await, but must not block. Dropping the channel closes it.
    pub fn on_data_channel<F, Fut>(mut self, f: F) -> Self
    where
        F: Fn(DataChannel) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        self.on_data_channel = Some(Arc::new(move |channel| {
            actix_rt::spawn(f(channel));
        }));
        self
    }

    /// Starts the worker threads and opens the ports.
    ///
    /// # Errors
    /// When the settings contradict one another, a port is taken, or the system gives no thread.
    pub fn start(self) -> Result<Runtime, StartError> {
        self.config.check()?;
        let config = Arc::new(self.config);
        let metrics = Metrics::new();
        let mut random = Random::from_seed(entropy()?);
        let certificate = match self.certificate {
            Some(certificate) => certificate,
            None => {
                let now = std::time::SystemTime::now();
                Certificate::generate(&mut random, now, Certificate::DEFAULT_VALIDITY)?
            }
        };
        let (system, thread, arbiters) =
            spawn_threads(config.workers).map_err(StartError::Thread)?;
        let mut workers = Vec::with_capacity(arbiters.len());
        for (index, arbiter) in arbiters.into_iter().enumerate() {
            match start_worker(index, arbiter, &config, &metrics) {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    system.stop();
                    return Err(error);
                }
            }
        }
        Ok(Runtime(Arc::new(Inner {
            certificate: Mutex::new(certificate),
            random: Mutex::new(random),
            workers,
            sessions: Arc::default(),
            registry: SessionRegistry::default(),
            draining: AtomicBool::new(false),
            on_data_channel: self.on_data_channel,
            system,
            thread: Mutex::new(Some(thread)),
            config,
            metrics,
        })))
    }
}

/// 32 bytes of the operating system's entropy.
fn entropy() -> Result<[u8; 32], StartError> {
    Random::entropy().ok_or(StartError::Entropy)
}

fn spawn_threads(workers: usize) -> std::io::Result<(System, JoinHandle<()>, Vec<ArbiterHandle>)> {
    let (tx, rx) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("rtc-system".into())
        .spawn(move || {
            let runner = System::new();
            let arbiters: Vec<Arbiter> = (0..workers).map(|_| Arbiter::new()).collect();
            let handles = arbiters.iter().map(Arbiter::handle).collect::<Vec<_>>();
            let _ = tx.send((System::current(), handles));
            // Until `System::stop`, which stops every arbiter.
            if let Err(error) = runner.run() {
                tracing::error!(%error, "the workers' system ended with an error");
            }
            for arbiter in arbiters {
                let _ = arbiter.join();
            }
        })?;
    let (system, arbiters) = rx.recv().map_err(std::io::Error::other)?;
    Ok((system, thread, arbiters))
}

fn start_worker(
    index: usize,
    arbiter: ArbiterHandle,
    config: &Arc<Config>,
    metrics: &Arc<Metrics>,
) -> Result<WorkerHandle, StartError> {
    let (tx, rx) = mpsc::sync_channel(1);
    let (config, metrics) = (config.clone(), metrics.clone());
    arbiter.spawn_fn(move || {
        let (started, outcome) = oneshot::channel();
        Worker::start_on_arbiter(index, config, metrics, started);
        actix_rt::spawn(async move {
            if let Ok(outcome) = outcome.await {
                let _ = tx.send(outcome);
            }
        });
    });
    let gone = |_| StartError::Thread(std::io::Error::other("the worker stopped while starting"));
    let (address, udp) = rx.recv().map_err(gone)??;
    Ok(WorkerHandle {
        arbiter,
        address,
        udp,
        sessions: Arc::default(),
    })
}

impl Runtime {
    /// Settings to begin with.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// Opens a session's scope on the least loaded worker and starts its gatherer.
    ///
    /// # Errors
    /// At the limit of sessions, while draining, or when the options cannot be met.
    pub fn gatherer(&self, options: GatherOptions) -> Result<IceGatherer, OpenError> {
        let inner = &self.0;
        if self.is_draining() {
            return Err(OpenError::Draining);
        }
        if let Some(engine) = options.dtls_engine {
            inner.config.check_engine(engine)?;
        }
        let load = |w: &&WorkerHandle| w.sessions.load(Ordering::Acquire);
        let Some(worker) = inner.workers.iter().min_by_key(load) else {
            return Err(OpenError::Draining);
        };
        let mut random = {
            let mut random = inner.random.lock().unwrap_or_else(PoisonError::into_inner);
            random.fork()
        };
        let id = SessionId::random(inner.config.node.as_deref(), &mut random);
        let limit = inner.config.max_sessions;
        let slot = SessionSlot::take(
            id.clone(),
            limit,
            &inner.sessions,
            &worker.sessions,
            &inner.registry,
        )
        .ok_or(OpenError::Full { limit })?;
        let certificate = inner
            .certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (supervisor, supervisor_mailbox) = Mailbox::new();
        let (gatherer, gatherer_mailbox) = Mailbox::new();
        let scope = Arc::new(Scope::new(
            id,
            inner.config.clone(),
            options,
            inner.metrics.clone(),
            certificate,
            random,
            supervisor,
            worker.arbiter.clone(),
        ));
        worker.address.do_send(OpenSession {
            scope: scope.clone(),
            supervisor: supervisor_mailbox,
            gatherer: gatherer_mailbox,
            slot,
        });
        Ok(IceGatherer::new(Arc::new(Lease { scope }), gatherer))
    }

    /// Opens a whole session: all four transports, wired. Its incoming data channels go to the
    /// runtime's `on_data_channel`, where there is one.
    ///
    /// # Errors
    /// As [`gatherer`](Self::gatherer).
    pub fn session(&self, options: GatherOptions) -> Result<Session, OpenError> {
        let session = Session::open(self.gatherer(options)?)?;
        if let Some(callback) = &self.0.on_data_channel {
            session.sctp().forward_channels(callback.clone());
        }
        Ok(session)
    }

    /// The sessions that were opened over HTTP, and those that were put there.
    pub fn registry(&self) -> &SessionRegistry {
        &self.0.registry
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The UDP ports that the workers share among their sessions; empty without a mux.
    pub fn udp_addresses(&self) -> Vec<SocketAddr> {
        self.0
            .workers
            .iter()
            .filter_map(|worker| worker.udp)
            .collect()
    }

    /// How many sessions live, registered or not.
    pub fn session_count(&self) -> usize {
        self.0.sessions.load(Ordering::Acquire)
    }

    /// Whether new sessions are refused.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Takes no new sessions and waits until the old ones have ended; after `deadline` the
    /// registered ones are closed.
    pub async fn drain(&self, deadline: Duration) {
        self.0.draining.store(true, Ordering::Release);
        let ended = async {
            while self.session_count() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(deadline, ended).await.is_ok() {
            return;
        }
        let sessions = self.0.registry.sessions();
        for session in &sessions {
            session.begin_close();
        }
        for session in sessions {
            session.close().await;
        }
    }

    /// Stops the workers without asking their sessions; [`drain`](Self::drain) first for a
    /// goodbye. Blocks until the threads have ended, at most `limit`; `false` if they have not.
    /// Not to be called on a worker thread (in an application callback).
    pub fn shutdown(&self, limit: Duration) -> bool {
        self.0.draining.store(true, Ordering::Release);
        self.0.system.stop();
        let thread = self
            .0
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(thread) = thread else { return true };
        let end = std::time::Instant::now() + limit;
        while !thread.is_finished() {
            if std::time::Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        thread.join().is_ok()
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("workers", &self.0.workers.len())
            .field("sessions", &self.session_count())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Only a signal: this may run on a worker's own thread.
        self.system.stop();
    }
}
