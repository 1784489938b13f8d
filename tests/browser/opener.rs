//! A server for the tests with a browser that opens and closes data channels by itself: the demo's
//! page and signalling, an echo on every channel, and
//!
//! | request | answer |
//! |---|---|
//! | `POST /open/SESSION`, an `RTCDataChannelInit` with a `label` | the id, when the channel is open |
//! | `POST /send/SESSION/ID`, bytes | when they were sent on that channel |
//! | `POST /close/SESSION/ID` | when that channel is closed |
//! | `GET /closed/SESSION/ID` | the same, but it is the browser that closes |

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_rtc::{Config, DataChannel, DataChannelOptions, Priority, Runtime};
use actix_web::error::{Error, ErrorGatewayTimeout, ErrorInternalServerError, ErrorNotFound};
use actix_web::web::{Bytes, Data, Json, Path};
use actix_web::{App, HttpServer, web};
use serde::Deserialize;

/// How long anything may take that should take milliseconds.
const WITHIN: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Init {
    label: String,
    #[serde(default)]
    protocol: String,
    ordered: Option<bool>,
    max_retransmits: Option<u16>,
    max_packet_life_time: Option<u16>,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    negotiated: bool,
    id: Option<u16>,
}

struct State {
    rtc: Runtime,
    /// The channels that were opened here, by session and id.
    opened: Mutex<HashMap<(String, u16), DataChannel>>,
}

type Opened = HashMap<(String, u16), DataChannel>;

impl State {
    fn opened(&self) -> std::sync::MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn channel(&self, of: Path<(String, u16)>) -> Result<DataChannel, Error> {
        let channel = self.opened().get(&of.into_inner()).cloned();
        channel.ok_or_else(|| ErrorNotFound("no such channel was opened here"))
    }
}

/// Everything that comes is sent back.
async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if channel.send(message).await.is_err() {
            break;
        }
    }
}

async fn within<T>(future: impl Future<Output = T>) -> Result<T, Error> {
    let done = tokio::time::timeout(WITHIN, future).await;
    done.map_err(|_| ErrorGatewayTimeout("it took too long"))
}

async fn open(
    state: Data<State>,
    session: Path<String>,
    init: Json<Init>,
) -> Result<String, Error> {
    let init = init.into_inner();
    let open = state.rtc.registry().get(&session);
    let open = open.ok_or_else(|| ErrorNotFound("there is no such session"))?;
    let options = DataChannelOptions::default()
        .ordered(init.ordered.unwrap_or(true))
        .max_retransmits(init.max_retransmits)
        .max_packet_lifetime(init.max_packet_life_time)
        .protocol(init.protocol)
        .negotiated(init.id.filter(|_| init.negotiated))
        .priority(init.priority);
    let channel = within(open.create_data_channel(init.label, options)).await?;
    let channel = channel.map_err(ErrorInternalServerError)?;
    within(channel.opened())
        .await?
        .map_err(ErrorInternalServerError)?;
    let id = channel
        .id()
        .ok_or_else(|| ErrorInternalServerError("no id"))?;
    actix_web::rt::spawn(echo(channel.clone()));
    state.opened().insert((session.into_inner(), id), channel);
    Ok(id.to_string())
}

async fn send(
    state: Data<State>,
    of: Path<(String, u16)>,
    message: Bytes,
) -> Result<&'static str, Error> {
    let channel = state.channel(of)?;
    within(channel.send(message))
        .await?
        .map_err(ErrorInternalServerError)?;
    Ok("sent")
}

async fn close(state: Data<State>, of: Path<(String, u16)>) -> Result<String, Error> {
    let channel = state.channel(of)?;
    channel.close();
    ended(channel).await
}

async fn closed(state: Data<State>, of: Path<(String, u16)>) -> Result<String, Error> {
    ended(state.channel(of)?).await
}

async fn ended(channel: DataChannel) -> Result<String, Error> {
    match within(channel.closed()).await? {
        None => Ok(channel.state().as_str().to_owned()),
        Some(error) => Err(ErrorInternalServerError(error)),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::default().workers(1).loopback(true);
    actix_web::rt::System::new().block_on(async {
        let rtc = Runtime::builder()
            .config(config)
            .on_data_channel(echo)
            .start()?;
        let state = Data::new(State {
            rtc: rtc.clone(),
            opened: Mutex::default(),
        });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .configure(rtc.configure())
                .configure(actix_rtc::web::page::configure)
                .route("/open/{session}", web::post().to(open))
                .route("/send/{session}/{id}", web::post().to(send))
                .route("/close/{session}/{id}", web::post().to(close))
                .route("/closed/{session}/{id}", web::get().to(closed))
        })
        .workers(1)
        .shutdown_timeout(1)
        .bind((Ipv4Addr::LOCALHOST, 0))?;
        for address in server.addrs() {
            println!("open http://{address}/");
        }
        server.run().await?;
        Ok(())
    })
}
