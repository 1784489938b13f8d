//! What holds a session open.

use std::any::Any;
use std::sync::{Arc, OnceLock, Weak};

use crate::session::control::CloseFrom;
use crate::session::scope::Scope;

/// Keeps a session open. Every handle of the application has a share in it; when the last one is
/// dropped, the session closes.
pub(crate) struct Lease {
    pub(crate) scope: Arc<Scope>,
    /// What the public handle of the whole session is made of, once there is one. The actors cannot
    /// know more of it: it is made of addresses of theirs.
    pub(crate) parts: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Lease {
    pub(crate) fn new(scope: Arc<Scope>) -> Arc<Lease> {
        let parts = OnceLock::new();
        Arc::new(Lease { scope, parts })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.scope.supervisor.do_send(CloseFrom::SESSION);
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lease").field(&self.scope).finish()
    }
}

/// How actors refer to the lease: making handles for the application without holding the session
/// open themselves.
pub(crate) type WeakLease = Weak<Lease>;
