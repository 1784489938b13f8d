//! How an engine with tasks of its own asks for attention.

use std::sync::Arc;

/// Called when an engine has something to drain that no call of its owner has brought about. It
/// runs inside of the engine's tasks, and must not call the engine.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;
