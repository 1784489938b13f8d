//! The program: what it can be told, what it prints, and how it ends.

#[path = "../../../tests/harness/certificate.rs"]
mod certificate;
#[path = "../../../tests/harness/coturn.rs"]
mod coturn;
mod gather;
#[path = "../../../tests/harness/http.rs"]
mod http;
mod options;
mod program;
mod signals;
#[path = "../../../tests/harness/time_limit.rs"]
mod time_limit;
