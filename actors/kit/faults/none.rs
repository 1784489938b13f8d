//! No faults.

use actix::prelude::*;

use super::Victim;

/// None waits.
#[derive(Debug, Default)]
pub(crate) struct Faults;

/// There is none.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub(crate) enum Strike {}

impl Faults {
    #[inline]
    fn any(&self) -> bool {
        false
    }
}

/// No message of a neighbour is.
#[inline]
pub(crate) fn is_lost<V: Victim>(victim: &V, _: &mut Context<V>) -> bool {
    victim.faults().any()
}

/// Never called.
pub(crate) fn strike<V: Victim>(_: &V, _: &mut Context<V>, strike: Strike) {
    match strike {}
}

/// None of a shared port.
#[derive(Debug, Default)]
pub(crate) struct PortFaults;

impl PortFaults {
    #[inline]
    pub(crate) fn strike(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
