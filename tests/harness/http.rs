//! Just enough of an HTTP client.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::time_limit::LIMIT;

/// A real offer of Chromium's. Nobody answers at its candidate.
pub(crate) const OFFER: &str = include_str!("../../src/sdp/testdata/chromium.sdp");

/// A client of one server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
}

impl Client {
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

    /// Sends a request; what comes back is still to be read.
    fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
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

/// A refusal: the status, and a body that a person can read.
#[track_caller]
pub(crate) fn refused(response: &Response, status: u16) -> String {
    assert_eq!(response.status, status, "{response:?}");
    let kind = response.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain"), "{kind}");
    let text = response.text().trim().to_owned();
    assert!(text.split(' ').count() >= 3, "no sentence: {text:?}");
    // What the program is made of is nobody's business.
    for secret in ["panicked", ".rs", "src/", "actors/", "SdpError", "unwrap"] {
        assert!(!text.contains(secret), "{text:?}");
    }
    text
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
