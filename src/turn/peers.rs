//! With which peers an allocation may talk: permissions and channels (RFC 8656 §9, §12).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame::FIRST_CHANNEL;
use crate::timer::earlier;

/// Permissions and, separately, channels of one allocation: an ICE agent has at most a hundred
/// remote candidates at a time, and a few generations of them.
pub const MAX_PEERS: usize = 256;

/// Datagrams that wait for one permission: the first ICE checks, or a small flight of DTLS.
pub const MAX_HELD: usize = 8;

/// RFC 8656 §9
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);

/// RFC 8656 §12
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// So long before its end a permission or a channel that is in use is renewed.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// So long after a renewal that failed comes the next one.
const RENEW_AGAIN: Duration = Duration::from_secs(5);

/// So long after nobody had used it, it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

/// So long a peer or a channel that was refused is not asked for again.
const REFUSED_FOR: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Peers {
    permissions: BTreeMap<IpAddr, Permission>,
    /// The channel of index `i` has the number `FIRST_CHANNEL + i`. A channel keeps its peer for
    /// ever, so no number is ever bound to another one too early (RFC 8656 §12).
    channels: Vec<Channel>,
    by_peer: BTreeMap<SocketAddr, usize>,
}

#[derive(Debug)]
enum Permission {
    Asked {
        held: Vec<(SocketAddr, Bytes)>,
    },
    /// `renew` is `None` while that is under way.
    Granted {
        renew: Option<Instant>,
        expires: Instant,
        used: bool,
    },
    Refused {
        until: Instant,
    },
}

#[derive(Debug)]
struct Channel {
    peer: SocketAddr,
    state: Binding,
    /// Used since permissions were last looked at: who uses a channel needs the permission, which
    /// is renewed more often (RFC 8656 §12: a channel does not keep it alive by itself).
    keeps_permission: bool,
}

#[derive(Debug)]
enum Binding {
    None,
    Asked,
    Bound {
        renew: Option<Instant>,
        expires: Instant,
        used: bool,
    },
    Refused {
        until: Instant,
    },
}

/// How data gets to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// On this channel.
    Channel(u16),
    /// In a Send indication. `may_bind` when there is no channel and none was refused.
    Indication { may_bind: bool },
    /// There is no permission, and nobody asked for one.
    Unknown,
    /// Not before the permission is there.
    Asked,
    /// The server does not allow it.
    Refused,
}

/// What is to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renew {
    Permission(IpAddr),
    Channel(u16, SocketAddr),
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was only a renewal.
    StillGranted,
    /// There is no permission, and so many datagrams waited in vain.
    Dropped(usize),
}

/// There are [`MAX_PEERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Peers {
    pub(super) fn route(&mut self, peer: SocketAddr) -> Route {
        let may_bind = match self.by_peer.get(&peer) {
            None => self.channels.len() < MAX_PEERS,
            Some(&index) => {
                let channel = &mut self.channels[index];
                match &mut channel.state {
                    Binding::Bound { used, .. } => {
                        *used = true;
                        channel.keeps_permission = true;
                        return Route::Channel(FIRST_CHANNEL + index as u16);
                    }
                    Binding::None => true,
                    Binding::Asked | Binding::Refused { .. } => false,
                }
            }
        };
        match self.permissions.get_mut(&peer.ip()) {
            None => Route::Unknown,
            Some(Permission::Asked { .. }) => Route::Asked,
            Some(Permission::Refused { .. }) => Route::Refused,
            Some(Permission::Granted { used, .. }) => {
                *used = true;
                Route::Indication { may_bind }
            }
        }
    }

    /// Whether data from there is let in (RFC 8656 §11.4).
    pub(super) fn permits(&mut self, peer: IpAddr) -> bool {
        match self.permissions.get_mut(&peer) {
            Some(Permission::Granted { used, .. }) => {
                *used = true;
                true
            }
            // The server permits before its answer reaches us, so data may overtake it.
            Some(Permission::Asked { .. }) => true,
            Some(Permission::Refused { .. }) | None => false,
        }
    }

    /// The peer of a channel, which data from it keeps in use.
    pub(super) fn peer_of(&mut self, number: u16) -> Option<SocketAddr> {
        let index = usize::from(number.checked_sub(FIRST_CHANNEL)?);
        let channel = self.channels.get_mut(index)?;
        match &mut channel.state {
            Binding::Bound { used, .. } => {
                *used = true;
                channel.keeps_permission = true;
                Some(channel.peer)
            }
            // As with permissions, data may overtake the answer.
            Binding::Asked => Some(channel.peer),
            Binding::None | Binding::Refused { .. } => None,
        }
    }

    /// Notes that a permission is asked for; `false` when there is one or it was asked for.
    pub(super) fn ask(&mut self, peer: IpAddr) -> Result<bool, Full> {
        match self.permissions.get(&peer) {
            Some(Permission::Asked { .. } | Permission::Granted { .. }) => return Ok(false),
            Some(Permission::Refused { .. }) => {}
            None if self.permissions.len() >= MAX_PEERS => return Err(Full),
            None => {}
        }
        self.permissions
            .insert(peer, Permission::Asked { held: Vec::new() });
        Ok(true)
    }

    /// Keeps a datagram until the permission is there; `false` when it was dropped.
    pub(super) fn hold(&mut self, peer: SocketAddr, data: &[u8]) -> bool {
        match self.permissions.get_mut(&peer.ip()) {
            Some(Permission::Asked { held }) if held.len() < MAX_HELD => {
                held.push((peer, Bytes::copy_from_slice(data)));
                true
            }
            _ => false,
        }
    }

    /// The permission was granted now. Returns what waited for it.
    pub(super) fn granted(&mut self, now: Instant, peer: IpAddr) -> Vec<(SocketAddr, Bytes)> {
        let granted = Permission::Granted {
            renew: Some(now + PERMISSION_LIFETIME - RENEW_BEFORE),
            expires: now + PERMISSION_LIFETIME,
            used: false,
        };
        match self.permissions.insert(peer, granted) {
            Some(Permission::Asked { held }) => held,
            _ => Vec::new(),
        }
    }

    /// The permission was not granted, or not renewed.
    pub(super) fn refused(&mut self, now: Instant, peer: IpAddr) -> Refused {
        match self.permissions.get_mut(&peer) {
            Some(Permission::Granted { renew, used, .. }) => {
                // It is good until it expires, and there is time for another attempt.
                *renew = Some(now + RENEW_AGAIN);
                *used = true;
                Refused::StillGranted
            }
            Some(permission) => {
                let dropped = match permission {
                    Permission::Asked { held } => held.len(),
                    _ => 0,
                };
                *permission = Permission::Refused {
                    until: now + REFUSED_FOR,
                };
                Refused::Dropped(dropped)
            }
            None => Refused::Dropped(0),
        }
    }

    /// Notes that a channel is asked for, and returns its number; `None` when there is one, or it
    /// was asked for or refused.
    pub(super) fn bind(&mut self, peer: SocketAddr) -> Result<Option<u16>, Full> {
        let index = match self.by_peer.get(&peer) {
            Some(&index) => match self.channels[index].state {
                Binding::None => index,
                Binding::Asked | Binding::Bound { .. } | Binding::Refused { .. } => {
                    return Ok(None);
                }
            },
            None if self.channels.len() >= MAX_PEERS => return Err(Full),
            None => {
                self.channels.push(Channel {
                    peer,
                    state: Binding::None,
                    keeps_permission: false,
                });
                self.by_peer.insert(peer, self.channels.len() - 1);
                self.channels.len() - 1
            }
        };
        self.channels[index].state = Binding::Asked;
        Ok(Some(FIRST_CHANNEL + index as u16))
    }

    /// The channel was bound now, and the peer's permission renewed by it (RFC 8656 §12.1).
    /// Returns what waited for the permission.
    pub(super) fn bound(&mut self, now: Instant, peer: SocketAddr) -> Vec<(SocketAddr, Bytes)> {
        if let Some(&index) = self.by_peer.get(&peer) {
            self.channels[index].state = Binding::Bound {
                renew: Some(now + CHANNEL_LIFETIME - RENEW_BEFORE),
                expires: now + CHANNEL_LIFETIME,
                used: false,
            };
        }
        self.granted(now, peer.ip())
    }

    /// The channel was not bound, or not renewed.
    pub(super) fn bind_refused(&mut self, now: Instant, peer: SocketAddr) {
        let Some(&index) = self.by_peer.get(&peer) else {
            return;
        };
        let state = &mut self.channels[index].state;
        match state {
            Binding::Bound { renew, used, .. } => {
                *renew = Some(now + RENEW_AGAIN);
                *used = true;
            }
            Binding::Asked => {
                *state = Binding::Refused {
                    until: now + REFUSED_FOR,
                }
            }
            Binding::None | Binding::Refused { .. } => {}
        }
    }

    /// Ends what expired. Returns what is to be renewed: only what was used since it was granted.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<Renew> {
        for channel in &mut self.channels {
            if std::mem::take(&mut channel.keeps_permission)
                && let Some(Permission::Granted { used, .. }) =
                    self.permissions.get_mut(&channel.peer.ip())
            {
                *used = true;
            }
        }
        let mut renewals = Vec::new();
        self.permissions
            .retain(|&peer, permission| match permission {
                Permission::Asked { .. } => true,
                Permission::Refused { until } => *until > now,
                Permission::Granted {
                    renew,
                    expires,
                    used,
                } => {
                    if is_to_be_renewed(now, renew, used) {
                        renewals.push(Renew::Permission(peer));
                    }
                    *expires > now
                }
            });
        for (index, channel) in self.channels.iter_mut().enumerate() {
            match &mut channel.state {
                Binding::Bound {
                    renew,
                    expires,
                    used,
                } => {
                    if is_to_be_renewed(now, renew, used) {
                        renewals.push(Renew::Channel(FIRST_CHANNEL + index as u16, channel.peer));
                    }
                    // Without a permission a channel carries nothing; to bind it again brings both.
                    if *expires <= now || !self.permissions.contains_key(&channel.peer.ip()) {
                        channel.state = Binding::None;
                    }
                }
                Binding::Refused { until } if *until <= now => channel.state = Binding::None,
                Binding::None | Binding::Asked | Binding::Refused { .. } => {}
            }
        }
        renewals
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let permissions = self
            .permissions
            .values()
            .filter_map(|permission| match permission {
                Permission::Asked { .. } => None,
                Permission::Granted { renew, expires, .. } => {
                    Some(renew.map_or(*expires, |at| at.min(*expires)))
                }
                Permission::Refused { until } => Some(*until),
            });
        let channels = self
            .channels
            .iter()
            .filter_map(|channel| match &channel.state {
                Binding::None | Binding::Asked => None,
                Binding::Bound { renew, expires, .. } => {
                    Some(renew.map_or(*expires, |at| at.min(*expires)))
                }
                Binding::Refused { until } => Some(*until),
            });
        earlier(permissions.min(), channels.min())
    }
}

/// Whether it is time, and worth it. What nobody used is looked at again until it expires.
fn is_to_be_renewed(now: Instant, renew: &mut Option<Instant>, used: &mut bool) -> bool {
    if renew.is_none_or(|at| at > now) {
        return false;
    }
    let is_used = std::mem::take(used);
    *renew = (!is_used).then(|| now + LOOK_AGAIN);
    is_used
}
