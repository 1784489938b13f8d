//! A real server in this process.

use std::ops::Deref;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_rtc::{Config, DataChannel, Runtime};
use actix_web::{App, HttpServer};

use crate::http::Client;
use crate::time_limit::LIMIT;

/// An actix-web server on a port of loopback, with the signalling of a runtime that echoes.
pub(crate) struct Server {
    pub(crate) rtc: Runtime,
    client: Client,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Server {
    pub(crate) fn start(config: Config) -> Server {
        let rtc = Runtime::builder()
            .config(config)
            .on_data_channel(echo)
            .start()
            .unwrap();
        let app = rtc.clone();
        let (started, wait) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    // Operators are those who know the word.
                    let operators = app.signalling().authorise_operators(|request| {
                        request
                            .headers()
                            .get("x-operator")
                            .is_some_and(|word| word == "sesame")
                    });
                    let operators = operators.client_address(|request| {
                        let client = request.headers().get("x-client")?;
                        client.to_str().ok()?.parse().ok()
                    });
                    App::new()
                        .configure(operators.configure())
                        .configure(actix_rtc::web::health(&app))
                })
                .workers(1)
                .disable_signals()
                .bind("127.0.0.1:0")?;
                let address = server.addrs()[0];
                let server = server.run();
                started.send((address, server.handle())).unwrap();
                server.await
            })
        });
        let (address, handle) = wait.recv_timeout(LIMIT).unwrap();
        Server {
            rtc,
            client: Client { address },
            handle,
            thread: Some(thread),
        }
    }

    /// Waits until no session lives any more.
    pub(crate) fn until_empty(&self) {
        let end = Instant::now() + LIMIT;
        while self.rtc.session_count() > 0 {
            assert!(
                Instant::now() < end,
                "{} sessions are left",
                self.rtc.session_count()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(self.rtc.registry().is_empty());
    }
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The command is sent now; its future only waits.
        drop(self.handle.stop(false));
        let ended = self.thread.take().map(JoinHandle::join);
        // Not here: this may be a thread of a runtime, which must not block on another.
        let rtc = self.rtc.clone();
        let stopped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(rtc.shutdown(LIMIT))
        });
        let stopped = stopped.join().unwrap_or(false);
        if !std::thread::panicking() {
            assert!(
                matches!(ended, Some(Ok(Ok(())))),
                "the server ended with {ended:?}"
            );
            assert!(stopped, "worker threads are left");
        }
    }
}

/// Every message comes back.
pub(crate) async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if channel.send(message).await.is_err() {
            break;
        }
    }
}
