//! What makes an actor of ours: its guard, its mailbox, its alarm, and faults on demand.

pub(crate) mod address;
pub(crate) mod alarm;
pub(crate) mod control;
pub(crate) mod defer;
pub(crate) mod faults;
pub(crate) mod guard;
pub(crate) mod letter;
pub(crate) mod mailbox;
#[cfg(test)]
pub(crate) mod virtual_time;
