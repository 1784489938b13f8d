//! A server for the tests of dashboards and alerts: real sessions with one another over loopback,
//! and failures on demand.
//!
//! `GET /metrics` is what it counts; `POST /do/WHAT` answers when WHAT has been done, with a
//! number where there is one to tell.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_rtc::chaos::{Fault, Moment, WorkerFault};
use actix_rtc::{
    ActorKind, Config, DataChannel, DataChannelOptions, IceServer, Message, RestartPolicy, Runtime,
    Session, SessionOptions, UdpMode,
};
use actix_web::{App, HttpResponse, HttpServer, web};

/// An offer of Chromium's. Nobody answers at its candidates.
const NOBODY: &str = include_str!("../../src/sdp/testdata/chromium.sdp");

const LIMIT: Duration = Duration::from_secs(60);

type Outcome = Result<f64, Box<dyn std::error::Error>>;

struct State {
    rtc: Runtime,
    /// Pairs that stay until the end.
    kept: Mutex<Vec<(Session, Session)>>,
}

/// Everything that comes is sent back.
async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if channel.send(message).await.is_err() {
            break;
        }
    }
}

fn own_sockets() -> SessionOptions {
    SessionOptions::default().own_sockets(true)
}

impl State {
    async fn pair(&self) -> Result<(Session, Session, DataChannel), Box<dyn std::error::Error>> {
        let answerer = self.rtc.session(SessionOptions::default())?;
        let offerer = self.rtc.session(own_sockets())?;
        let answer = answerer.accept(&offerer.offer().await?).await?;
        offerer.set_answer(&answer).await?;
        let channel = offerer
            .create_data_channel("test", DataChannelOptions::default())
            .await?;
        channel.opened().await?;
        Ok((offerer, answerer, channel))
    }

    /// So many pairs that connect, talk and close, one after another.
    async fn sessions(&self, pairs: usize) -> Outcome {
        for _ in 0..pairs {
            let (offerer, answerer, channel) = self.pair().await?;
            for size in [0, 100, 70_000] {
                channel.send(Message::binary(vec![0x5a; size])).await?;
                channel.recv().await.ok_or("no echo")?;
            }
            offerer.close().await;
            answerer.closed().await;
        }
        Ok(pairs as f64)
    }

    /// Pairs that connect and stay.
    async fn keep(&self) -> Outcome {
        for _ in 0..4 {
            let (offerer, answerer, channel) = self.pair().await?;
            // It talks for as long as it lives.
            actix_web::rt::spawn(async move {
                while channel.send("still here").await.is_ok() && channel.recv().await.is_some() {
                    actix_web::rt::time::sleep(Duration::from_millis(100)).await;
                }
            });
            self.kept().push((offerer, answerer));
        }
        Ok(4.0)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<(Session, Session)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves 10 MB there and back; how many seconds that took.
    async fn transfer(&self) -> Outcome {
        let (offerer, answerer, channel) = self.pair().await?;
        let began = Instant::now();
        let sending = async {
            for _ in 0..160 {
                channel.send(Message::binary(vec![0x5a; 65_536])).await?;
            }
            Ok::<_, actix_rtc::SendError>(())
        };
        let receiving = async {
            for _ in 0..160 {
                channel.recv().await.ok_or("the transfer broke off")?;
            }
            Ok::<_, &str>(())
        };
        let (sent, received) = futures_util::future::join(sending, receiving).await;
        sent?;
        received?;
        let took = began.elapsed();
        offerer.close().await;
        answerer.closed().await;
        Ok(took.as_secs_f64())
    }

    /// A peer with another certificate than the one that was announced.
    async fn wrong_fingerprints(&self) -> Outcome {
        for _ in 0..24 {
            let offerer = self.rtc.session(own_sockets())?;
            let answerer = self.rtc.session(SessionOptions::default())?;
            let offer = offerer.offer().await?;
            let line = offer.lines().find(|l| l.starts_with("a=fingerprint:"));
            let wrong = format!("a=fingerprint:sha-256 {}", ["00"; 32].join(":"));
            let forged = offer.replace(line.ok_or("no fingerprint")?, &wrong);
            offerer.set_answer(&answerer.accept(&forged).await?).await?;
            if answerer.connected().await.is_ok() {
                return Err("a wrong fingerprint was believed".into());
            }
        }
        Ok(24.0)
    }

    /// Peers that are not there.
    async fn nobody(&self) -> Outcome {
        let mut waiting = Vec::new();
        for _ in 0..16 {
            let session = self.rtc.session(SessionOptions::default())?;
            session.accept(NOBODY).await?;
            waiting.push(session);
        }
        for session in waiting {
            session.closed().await;
        }
        Ok(16.0)
    }

    /// Peers that were there and fall silent.
    async fn silence(&self) -> Outcome {
        let mut pairs = Vec::new();
        for _ in 0..6 {
            let (offerer, answerer, _) = self.pair().await?;
            let silent = Fault::Stall(Duration::from_secs(12));
            answerer.inject(ActorKind::Ice, silent, Moment::Now);
            pairs.push((offerer, answerer));
        }
        for (offerer, _) in &pairs {
            offerer.closed().await;
        }
        Ok(6.0)
    }

    /// ICE actors that panic, and are restarted.
    async fn panics(&self) -> Outcome {
        for _ in 0..8 {
            let (offerer, _answerer, _) = self.pair().await?;
            let mut events = offerer.ice().events();
            offerer.inject(ActorKind::Ice, Fault::Panic, Moment::Now);
            while let Some(event) = events.next().await {
                if event == actix_rtc::IceTransportEvent::RestartNeeded {
                    break;
                }
            }
        }
        Ok(8.0)
    }

    /// An actor that handles nothing, and gets messages.
    async fn pile(&self) -> Outcome {
        let (_offerer, answerer, _) = self.pair().await?;
        let stall = Fault::Stall(Duration::from_secs(3));
        answerer.inject(ActorKind::Sctp, stall, Moment::Now);
        let mut waiting = Vec::new();
        for _ in 0..1500 {
            let sctp = answerer.sctp().clone();
            waiting.push(actix_web::rt::spawn(
                async move { sctp.stats().await.is_ok() },
            ));
        }
        for answer in waiting {
            answer.await?;
        }
        Ok(1500.0)
    }

    /// A callback that blocks its thread now and again.
    async fn block(&self) -> Outcome {
        for _ in 0..80 {
            let block = WorkerFault::Block(Duration::from_millis(180));
            if !self.rtc.inject(0, block) {
                return Err("there is no worker".into());
            }
            actix_web::rt::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(80.0)
    }

    /// Forged records from an address that has proven nothing.
    async fn forge(&self) -> Outcome {
        let (offerer, _answerer, _) = self.pair().await?;
        let target = offerer
            .gatherer()
            .local_candidates()
            .iter()
            .find_map(|candidate| candidate.socket_addr().filter(SocketAddr::is_ipv4))
            .ok_or("no candidate")?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut record = vec![23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 64];
        record.resize(77, 0x5a);
        let mut sent = 0;
        for _ in 0..400 {
            for _ in 0..50 {
                sent += usize::from(socket.send_to(&record, target).is_ok());
            }
            actix_web::rt::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(sent as f64)
    }

    /// A TURN server that has no ports left.
    async fn refused_allocations(&self) -> Outcome {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_secs(3)))?;
        let url = format!("turn:{}", socket.local_addr()?);
        let server = std::thread::spawn(move || refuse_all(&socket));
        for _ in 0..6 {
            let server = IceServer::turn(&url, "user", "password");
            let gatherer = self.rtc.gatherer(own_sockets())?;
            gatherer.gather(Some(vec![server])).await?;
        }
        let refused = server.join().map_err(|_| "the TURN server panicked")?;
        Ok(refused as f64)
    }
}

/// Answers each request with 508 (Insufficient Capacity) until none comes any more.
fn refuse_all(socket: &UdpSocket) -> usize {
    let mut refused = 0;
    let mut request = [0; 1500];
    while let Ok((size, from)) = socket.recv_from(&mut request) {
        // RFC 8489 §5: the type, the class made an error response; then the same cookie and number.
        if size < 20 || request[0] != 0 {
            continue;
        }
        let mut answer = vec![0x01, request[1] | 0x10, 0, 8];
        answer.extend_from_slice(&request[4..20]);
        // §14.8: ERROR-CODE, four bytes, class 5 and number 8.
        answer.extend_from_slice(&[0, 9, 0, 4, 0, 0, 5, 8]);
        refused += usize::from(socket.send_to(&answer, from).is_ok());
    }
    refused
}

async fn act(state: web::Data<State>, what: web::Path<String>) -> HttpResponse {
    let doing = async {
        match what.as_str() {
            "one" => state.sessions(1).await,
            "many" => state.sessions(99).await,
            "keep" => state.keep().await,
            "transfer" => state.transfer().await,
            "wrong-fingerprints" => state.wrong_fingerprints().await,
            "nobody" => state.nobody().await,
            "silence" => state.silence().await,
            "panics" => state.panics().await,
            "pile" => state.pile().await,
            "block" => state.block().await,
            "forge" => state.forge().await,
            "refused-allocations" => state.refused_allocations().await,
            "drain" => {
                let rtc = state.rtc.clone();
                actix_web::rt::spawn(async move { rtc.drain(LIMIT * 10).await });
                Ok(0.0)
            }
            _ => Err("there is no such thing to do".into()),
        }
    };
    match tokio::time::timeout(LIMIT, doing).await {
        Ok(Ok(number)) => HttpResponse::Ok().body(number.to_string()),
        Ok(Err(error)) => HttpResponse::InternalServerError().body(error.to_string()),
        Err(_) => HttpResponse::GatewayTimeout().body("it took too long"),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter("error")
        .with_writer(std::io::stderr)
        .init();
    // They are meant, and each is counted.
    std::panic::set_hook(Box::new(|_| {}));
    let metrics = actix_rtc::metrics::install_prometheus()?;
    let mut config = Config::default()
        .workers(2)
        .udp(UdpMode::Mux {
            ip: Ipv4Addr::LOCALHOST.into(),
            port: 0,
        })
        .loopback(true)
        .connect_timeout(Duration::from_secs(3))
        .ice_grace(Duration::from_secs(1))
        .ice_restart(RestartPolicy::default().max_restarts(100));
    config.ice.consent_interval = Duration::from_secs(1);
    config.ice.consent_timeout = Duration::from_secs(5);
    config.ice.disconnected_timeout = Duration::from_secs(2);
    actix_web::rt::System::new().block_on(async {
        let rtc = Runtime::builder()
            .config(config)
            .on_data_channel(echo)
            .start()?;
        let state = web::Data::new(State {
            rtc: rtc.clone(),
            kept: Mutex::default(),
        });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .configure(actix_rtc::web::health(&rtc))
                .configure(actix_rtc::web::metrics(&metrics))
                .route("/do/{what}", web::post().to(act))
        })
        .workers(2)
        .shutdown_timeout(1)
        .bind((Ipv4Addr::LOCALHOST, 0))?;
        for address in server.addrs() {
            println!("open http://{address}/");
        }
        server.run().await?;
        Ok(())
    })
}
