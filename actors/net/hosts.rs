//! Changes of the host's addresses: one task looks for all sessions of a worker.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;

use actix::prelude::*;

use crate::base::config::Config;
use crate::net::interfaces;

/// The host's addresses have changed: these are all there are now.
#[derive(Message, Debug, Clone)]
#[rtype(result = "()")]
pub(crate) struct HostsChanged(pub(crate) Arc<[SocketAddr]>);

thread_local! {
    /// Who is told of changes; one task looks for all sessions of a worker.
    static WATCHING: RefCell<Option<Vec<Recipient<HostsChanged>>>> = const { RefCell::new(None) };
}

/// Tells a gatherer of changes from now on, for as long as it lives.
pub(crate) fn watch(config: &Arc<Config>, gatherer: Recipient<HostsChanged>) {
    if config.interface_interval.is_zero() {
        return;
    }
    WATCHING.with_borrow_mut(|watching| match watching {
        Some(gatherers) => {
            if !gatherers.contains(&gatherer) {
                gatherers.push(gatherer);
            }
        }
        None => {
            *watching = Some(vec![gatherer]);
            let known = interfaces::addresses(config).unwrap_or_default();
            actix_rt::spawn(look(config.clone(), known));
        }
    });
}

/// Looks at the host's addresses as long as any gatherer lives.
async fn look(config: Arc<Config>, mut known: Vec<SocketAddr>) {
    loop {
        tokio::time::sleep(config.interface_interval).await;
        let gatherers = WATCHING.with_borrow_mut(|watching| {
            let gatherers = watching.as_mut()?;
            gatherers.retain(Recipient::connected);
            if gatherers.is_empty() {
                *watching = None;
            }
            Some(watching.as_ref()?.len())
        });
        if gatherers.is_none() {
            return;
        }
        // A list that cannot be had says nothing.
        let Ok(hosts) = interfaces::addresses(&config) else {
            continue;
        };
        if hosts != known {
            let changed = HostsChanged(hosts.as_slice().into());
            WATCHING.with_borrow(|watching| {
                for gatherer in watching.iter().flatten() {
                    gatherer.do_send(changed.clone());
                }
            });
            known = hosts;
        }
    }
}
