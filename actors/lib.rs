#![doc = include_str!("../README.md")]
pub use actix_rtc_proto as proto;
