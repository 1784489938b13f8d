//! TURN's methods and attributes (RFC 8656 §17, §18), and those of long-term authentication
//! (RFC 8489 §18.3).

/// Allocate.
pub(super) const ALLOCATE: u16 = 0x003;
/// Refresh.
pub(super) const REFRESH: u16 = 0x004;
/// Send, an indication.
pub(super) const SEND: u16 = 0x006;
/// Data, an indication.
pub(super) const DATA_METHOD: u16 = 0x007;
/// CreatePermission.
pub(super) const CREATE_PERMISSION: u16 = 0x008;
/// ChannelBind.
pub(super) const CHANNEL_BIND: u16 = 0x009;

/// CHANNEL-NUMBER.
pub(super) const CHANNEL_NUMBER: u16 = 0x000C;
/// LIFETIME.
pub(super) const LIFETIME: u16 = 0x000D;
/// XOR-PEER-ADDRESS.
pub(super) const XOR_PEER_ADDRESS: u16 = 0x0012;
/// DATA.
pub(super) const DATA: u16 = 0x0013;
/// REALM.
pub(super) const REALM: u16 = 0x0014;
/// NONCE.
pub(super) const NONCE: u16 = 0x0015;
/// REQUESTED-ADDRESS-FAMILY.
pub(super) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
/// REQUESTED-TRANSPORT.
pub(super) const REQUESTED_TRANSPORT: u16 = 0x0019;
/// PASSWORD-ALGORITHM.
pub(super) const PASSWORD_ALGORITHM: u16 = 0x001D;
/// PASSWORD-ALGORITHMS.
pub(super) const PASSWORD_ALGORITHMS: u16 = 0x8002;
/// ALTERNATE-DOMAIN.
pub(super) const ALTERNATE_DOMAIN: u16 = 0x8003;
