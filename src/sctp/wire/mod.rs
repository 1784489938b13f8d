//! Bytes on the wire: packets and chunks, the parameters of INIT, and the messages of DCEP.

pub(in crate::sctp) mod dcep;
pub(in crate::sctp) mod init;
pub(in crate::sctp) mod packet;
