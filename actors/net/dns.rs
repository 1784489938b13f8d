//! Names of servers: looked up a few at a time, once for all who ask, and remembered for a while.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use proto::gather::LookupError;

/// A resolver that takes longer is of no use to a session that wants to connect.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Each look-up occupies a thread until the system's resolver gives up, so that many are made at
/// once; others wait for their turn, each within its own time limit.
const AT_ONCE: usize = 16;

/// The system does not tell how long an answer is good; name servers rarely say less.
const REMEMBERED: Duration = Duration::from_secs(60);

/// A name that was not found may be there soon: long enough to spare the resolver a crowd of
/// sessions.
const FAILURE_REMEMBERED: Duration = Duration::from_secs(5);

/// So many names are remembered: servers are configured, and few.
const MAX_NAMES: usize = 256;

type Answer = Result<Arc<[SocketAddr]>, LookupError>;
type Asking = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// The addresses of a name, each with `port`.
///
/// # Errors
/// There are none, or not in time.
pub(crate) async fn look_up(name: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
    // As the system's resolver is: one for the whole process.
    static RESOLVER: LazyLock<Arc<Resolver>> = LazyLock::new(|| {
        Resolver::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((&*name, 0)).await?.collect()) })
        })
    });
    RESOLVER.look_up(name, port).await
}

struct Resolver {
    ask: Box<dyn Fn(Arc<str>) -> Asking + Send + Sync>,
    names: Mutex<HashMap<Arc<str>, Name>>,
    turns: Semaphore,
}

enum Name {
    /// Who asks now waits for the same answer.
    Asked(watch::Receiver<Option<Answer>>),
    Known {
        answer: Answer,
        until: Instant,
    },
}

impl Resolver {
    fn new(ask: impl Fn(Arc<str>) -> Asking + Send + Sync + 'static) -> Arc<Resolver> {
        Arc::new(Resolver {
            ask: Box::new(ask),
            names: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        })
    }

    async fn look_up(
        self: &Arc<Self>,
        name: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, LookupError> {
        let mut addresses = match tokio::time::timeout(TIME_LIMIT, self.answer(name)).await {
            Ok(answer) => answer?.to_vec(),
            Err(_) => return Err(LookupError::Timeout),
        };
        for address in &mut addresses {
            address.set_port(port);
        }
        Ok(addresses)
    }

    async fn answer(self: &Arc<Self>, name: &str) -> Answer {
        let mut asked = match self.names().get(name) {
            Some(Name::Known { answer, until }) if *until > Instant::now() => {
                return answer.clone();
            }
            // Its worker may be gone, and with it the task that was to answer.
            Some(Name::Asked(asked)) if asked.has_changed().is_ok() => Some(asked.clone()),
            _ => None,
        };
        let asked = asked.get_or_insert_with(|| self.begin(name.into()));
        match asked.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(answer)) => answer.clone(),
            Ok(None) | Err(_) => Err(LookupError::Failed),
        }
    }

    /// Asks the system, in a task of its own: a look-up goes on when nobody waits for it any more,
    /// and keeps its turn.
    fn begin(self: &Arc<Self>, name: Arc<str>) -> watch::Receiver<Option<Answer>> {
        let (sender, receiver) = watch::channel(None);
        self.remember(name.clone(), Name::Asked(receiver.clone()));
        let this = self.clone();
        tokio::spawn(async move {
            // The semaphore is never closed.
            let turn = this.turns.acquire().await;
            let answer = match (this.ask)(name.clone()).await {
                Ok(addresses) if addresses.is_empty() => Err(LookupError::NotFound),
                Ok(addresses) => Ok(addresses.into()),
                Err(error) => Err(meaning(&error)),
            };
            drop(turn);
            let remembered = match answer {
                Ok(_) => REMEMBERED,
                Err(_) => FAILURE_REMEMBERED,
            };
            let known = Name::Known {
                answer: answer.clone(),
                until: Instant::now() + remembered,
            };
            this.remember(name, known);
            let _ = sender.send(Some(answer));
        });
        receiver
    }

    fn remember(&self, name: Arc<str>, what: Name) {
        let mut names = self.names();
        if names.len() >= MAX_NAMES && !names.contains_key(&name) {
            let now = Instant::now();
            names.retain(|_, name| !matches!(name, Name::Known { until, .. } if *until <= now));
            if names.len() >= MAX_NAMES {
                // Whoever waits for one of them holds its receiver.
                names.clear();
            }
        }
        names.insert(name, what);
    }

    fn names(&self) -> MutexGuard<'_, HashMap<Arc<str>, Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the name does not exist, or could not be asked for: the standard library tells it in
/// words only, those of the C library.
fn meaning(error: &io::Error) -> LookupError {
    const NOT_FOUND: [&str; 5] = [
        "Name or service not known",           // glibc, EAI_NONAME
        "No address associated with hostname", // glibc, EAI_NODATA
        "Name does not resolve",               // musl
        "nodename nor servname provided",      // macOS, BSD
        "No such host is known",               // Windows
    ];
    let text = error.to_string();
    if NOT_FOUND.iter().any(|words| text.contains(words)) {
        LookupError::NotFound
    } else {
        LookupError::Failed
    }
}

#[cfg(test)]
#[path = "dns_tests.rs"]
mod tests;
