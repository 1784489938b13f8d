//! The runtime: worker threads, and where sessions are placed on them.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use proto::dtls::Certificate;
use proto::random::Random;
use tokio::sync::oneshot;

use crate::api::channel::{ChannelCallback, DataChannel};
use crate::api::gatherer::IceGatherer;
use crate::api::registry::SessionRegistry;
use crate::api::session::Session;
use crate::base::config::{Config, DtlsEngine, UdpMode};
use crate::base::error::open::{OpenError, StartError};
use crate::base::id::SessionId;
use crate::base::options::SessionOptions;
use crate::kit::mailbox::Mailbox;
use crate::metrics::{self, Metrics};
use crate::runtime::certificates::Certificates;
use crate::runtime::heap;
use crate::runtime::live::{Held, LiveSessions};
use crate::runtime::pool::Pool;
use crate::runtime::rate::RateLimiter;
use crate::runtime::worker::{OpenSession, Opening};
use crate::session::control::CloseFrom;
use crate::session::lease::Lease;
use crate::session::scope::{Home, Scope};
use crate::supervisor::Start;
use crate::transport::dtls::engine;
use crate::transport::gatherer::GathererActor;

/// Runs sessions on worker threads of its own, so its handles work from any runtime: an actix-web
/// handler, tokio, or `block_on` on a bare thread.
///
/// A cheap clone. When the last clone is dropped, the workers stop, and all sessions with them.
#[derive(Clone)]
pub struct Runtime(pub(super) Arc<Inner>);

pub(super) struct Inner {
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    certificates: Certificates,
    random: Mutex<Random>,
    pub(super) pool: Pool,
    live: Arc<LiveSessions>,
    registry: SessionRegistry,
    sources: Option<RateLimiter>,
    draining: AtomicBool,
    on_data_channel: Option<ChannelCallback>,
}

/// Settings for a [`Runtime`] to be started.
#[derive(Clone, Default)]
pub struct RuntimeBuilder {
    config: Config,
    no_metrics: bool,
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

    /// One UDP port for all workers together: [`UdpMode::SinglePort`].
    pub fn single_port(mut self, address: SocketAddr) -> Self {
        self.config.udp = UdpMode::SinglePort {
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

    /// The certificate of all sessions, which must be valid now and whenever a session connects.
    /// Default: a fresh one a runtime, which is replaced for new sessions a day before it ends.
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Counts nothing, whatever recorder is installed.
    pub fn without_metrics(mut self) -> Self {
        self.no_metrics = true;
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
        engine::check(self.config.dtls_engine)?;
        heap::keep_freed_memory();
        let config = Arc::new(self.config);
        let metrics = if self.no_metrics {
            Metrics::none(config.workers)
        } else {
            if !metrics::recorder_is_installed() {
                tracing::warn!(
                    "no metrics recorder is installed: what this runtime counts is lost. Install \
                     one before the runtime is started, or say `without_metrics()`"
                );
            }
            Metrics::new(config.workers)
        };
        let mut random = Random::from_seed(entropy()?);
        let now = SystemTime::now();
        let certificates = match self.certificate {
            Some(given) if !given.is_valid_at(now) => return Err(StartError::CertificateExpired),
            Some(given) => Certificates::given(given),
            None => Certificates::generate(&mut random, now)?,
        };
        let registry = SessionRegistry::default();
        let registered = registry.clone();
        let live = Arc::new(LiveSessions::new(move |ended| {
            // Taken out before it is dropped: the last handle must not go inside the map.
            let session = registered.remove(ended.as_str())?;
            Some(Box::new(session) as Box<dyn std::any::Any>)
        }));
        let pool = Pool::start(config.clone(), metrics.clone(), live.clone())?;
        Ok(Runtime(Arc::new(Inner {
            certificates,
            random: Mutex::new(random),
            pool,
            live,
            registry,
            sources: config.session_rate.map(RateLimiter::new),
            draining: AtomicBool::new(false),
            on_data_channel: self.on_data_channel,
            config,
            metrics,
        })))
    }
}

/// 32 bytes of the operating system's entropy.
fn entropy() -> Result<[u8; 32], StartError> {
    Random::entropy().ok_or(StartError::Entropy)
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
    pub fn gatherer(&self, options: SessionOptions) -> Result<IceGatherer, OpenError> {
        let inner = &self.0;
        if self.is_draining() {
            return Err(OpenError::Draining);
        }
        if let Some(engine) = options.dtls_engine {
            engine::check(engine)?;
        }
        let worker = inner.pool.least_loaded().ok_or(OpenError::NoWorker)?;
        let mut random = {
            let mut random = inner.random.lock().unwrap_or_else(PoisonError::into_inner);
            random.fork()
        };
        let certificate = inner.certificates.at(SystemTime::now(), &mut random);
        let id = SessionId::random(inner.config.node.as_deref(), &mut random);
        let place = Held::take(id.clone(), &inner.config, &inner.live, &worker.sessions)?;
        let (supervisor, supervisor_mailbox) = Mailbox::new();
        let (gatherer, gatherer_mailbox) = Mailbox::new();
        let home = Home {
            supervisor: supervisor.clone().recipient(),
            arbiter: worker.arbiter.clone(),
            worker: worker.life.id(),
            place: Box::new(place),
        };
        let scope = Arc::new(Scope::new(
            id,
            inner.config.clone(),
            options,
            inner.metrics.clone(),
            certificate,
            random,
            home,
        ));
        inner.live.insert(&scope);
        let gatherer = scope.address(gatherer);
        let lease = Lease::new(scope.clone());
        worker.address.do_send(OpenSession {
            scope: Opening::new(scope),
            lease: Arc::downgrade(&lease),
            supervisor: supervisor_mailbox,
            first: Start::new(gatherer_mailbox, |ctx, born| {
                GathererActor::new(ctx, born.scope, born.ports, born.exit)
            }),
        });
        Ok(IceGatherer::new(lease, supervisor, gatherer))
    }

    /// Opens a whole session: all four transports, wired. Its incoming data channels go to the
    /// runtime's `on_data_channel`, where there is one.
    ///
    /// # Errors
    /// As [`gatherer`](Self::gatherer).
    pub fn session(&self, options: SessionOptions) -> Result<Session, OpenError> {
        let gatherer = self.gatherer(options)?;
        Session::open_with(gatherer, self.0.on_data_channel.clone())
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
        let workers = self.0.pool.workers();
        workers.filter_map(|worker| worker.udp).collect()
    }

    /// How many sessions live, registered or not.
    pub fn session_count(&self) -> usize {
        self.0.live.count()
    }

    /// How many sessions are connecting.
    pub fn half_open_count(&self) -> usize {
        self.0.live.half_open()
    }

    /// How many sessions live on each worker; a worker that is being replaced is left out.
    pub fn worker_loads(&self) -> Vec<usize> {
        let workers = self.0.pool.workers();
        workers
            .map(|worker| worker.sessions.load(Ordering::Acquire))
            .collect()
    }

    /// Counts an attempt to open a session from this address, as signalling over HTTP does: for
    /// signalling of another kind.
    ///
    /// # Errors
    /// [`OpenError::TooFast`] when it goes beyond [`Config::session_rate`].
    pub fn admit(&self, source: IpAddr) -> Result<(), OpenError> {
        match &self.0.sources {
            Some(sources) if !sources.admits(source) => Err(OpenError::TooFast),
            _ => Ok(()),
        }
    }

    /// Whether new sessions are refused.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Takes no new sessions and waits until the old ones have ended; after `deadline` they are
    /// closed, which takes [`Config::close_timeout`] at most.
    pub async fn drain(&self, deadline: Duration) {
        self.0.begin_draining();
        let live = self.0.live.clone();
        let (drained, done) = oneshot::channel();
        // On a thread with timers, whatever thread the caller is on.
        self.0.pool.spawn(async move {
            if tokio::time::timeout(deadline, live.empty()).await.is_err() {
                for scope in live.scopes() {
                    scope.supervisor.do_send(CloseFrom::SESSION);
                }
                live.empty().await;
            }
            let _ = drained.send(());
        });
        // An error means that the threads have ended, and the sessions with them.
        let _ = done.await;
    }

    /// Stops the workers without asking their sessions; [`drain`](Self::drain) first for a
    /// goodbye. Waits until the threads have ended, at most `limit`; `false` if they have not. On a
    /// worker thread (in an application callback) it cannot wait, and returns `false` at once; the
    /// threads end all the same.
    pub async fn shutdown(&self, limit: Duration) -> bool {
        self.0.stop();
        if self.0.pool.is_own_thread() {
            return false;
        }
        let (ended, done) = oneshot::channel();
        let runtime = self.clone();
        let spawned = std::thread::Builder::new()
            .name("rtc-shutdown".into())
            .spawn(move || {
                let _ = ended.send(runtime.0.pool.join(limit));
            });
        spawned.is_ok() && done.await.unwrap_or(false)
    }
}

impl Inner {
    fn begin_draining(&self) {
        if !self.draining.swap(true, Ordering::AcqRel) {
            self.metrics.process.draining.increment(1.0);
        }
    }

    fn stop(&self) {
        self.begin_draining();
        self.live.stop();
        self.pool.stop();
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("workers", &self.0.pool.len())
            .field("sessions", &self.session_count())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Only a signal: this may run on a worker's own thread.
        self.stop();
        self.metrics.process.draining.decrement(1.0);
    }
}
