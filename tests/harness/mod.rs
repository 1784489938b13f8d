//! A real server in this process, and just enough of an HTTP client to talk to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_rtc::{Config, DataChannel, Runtime};
use actix_web::{App, HttpServer};

/// How long anything may take that should take milliseconds.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);

/// An actix-web server on a port of loopback, with the signalling of a runtime that echoes.
pub(crate) struct Server {
    pub(crate) rtc: Runtime,
    pub(crate) address: SocketAddr,
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
        let (address, handle) = wait.recv_timeout(WITHIN).unwrap();
        Server {
            rtc,
            address,
            handle,
            thread: Some(thread),
        }
    }

    /// The whole answer to a request.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut stream = self.open(method, path, headers, body);
        let mut response = Response::head(&mut stream);
        stream.read_to_end(&mut response.body).unwrap();
        if response.header("transfer-encoding") == Some("chunked") {
            response.body = unchunked(&response.body);
        }
        response
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, offer: &str) -> Response {
        let sdp = ("Content-Type", "application/sdp");
        self.request("POST", "/rtc/sessions", &[sdp], offer.as_bytes())
    }

    pub(crate) fn patch(&self, location: &str, if_match: Option<&str>, fragment: &str) -> Response {
        let mut headers = vec![("Content-Type", "application/trickle-ice-sdpfrag")];
        headers.extend(if_match.map(|tag| ("If-Match", tag)));
        self.request("PATCH", location, &headers, fragment.as_bytes())
    }

    pub(crate) fn delete(&self, location: &str) -> Response {
        self.request("DELETE", location, &[], b"")
    }

    /// Waits until no session lives any more.
    pub(crate) fn until_empty(&self) {
        let end = Instant::now() + WITHIN;
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

    /// Sends a request; what comes back is still to be read.
    fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(WITHIN)).unwrap();
        stream.set_write_timeout(Some(WITHIN)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        head += &format!("Connection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses a body need not read it all.
        let _ = stream.write_all(body);
        BufReader::new(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The command is sent now; its future only waits.
        drop(self.handle.stop(false));
        let ended = self.thread.take().map(JoinHandle::join);
        let stopped = self.rtc.shutdown(WITHIN);
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

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    fn head(stream: &mut impl BufRead) -> Response {
        let mut line = || {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {first:?}"));
        let mut headers = Vec::new();
        loop {
            let header = line();
            if header.is_empty() {
                return Response {
                    status,
                    headers,
                    body: Vec::new(),
                };
            }
            let (name, value) = header.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// RFC 9112 §7.1.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let mut line = String::new();
        body.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[..size]);
        body = &body[size + 2..];
    }
}
