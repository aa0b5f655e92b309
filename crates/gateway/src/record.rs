//! What is told of each call to whoever records them.
//!
//! Owns when it is told: once for every request that was authenticated and routed, after its answer was made, whatever the
//! answer is. Refuses to know what is made of it.

use std::sync::Arc;

use aws_model::{Model, Operation, Value};
use service_api::RequestContext;

/// Learns of calls.
pub trait Recorder: Send + Sync + 'static {
    /// Learns of one call, on the thread that answers it: it has to return at once, and may wait only where the event of a
    /// change would be lost otherwise.
    fn record(&self, call: Call);
}

/// A call that was answered, or is about to be.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who asked, where, when and from where.
    pub context: RequestContext,
    /// The service's model.
    pub model: &'static Model,
    /// What was asked.
    pub operation: &'static Operation,
    /// The input, where it is one that the model allows, and somebody signed for it or it was carried out.
    pub input: Option<Value>,
    /// What came of it.
    pub outcome: Outcome,
    /// The connection's encryption, where it has one.
    pub tls: Option<TlsDetails>,
    /// The `Host` header.
    pub host: Option<String>,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Done(Value),
    /// It was refused, or failed.
    Failed {
        /// AWS's error code.
        code: String,
        /// The message that the caller got.
        message: String,
        /// Whether the fault is the cloud's.
        is_fault: bool,
    },
}

/// How a connection is encrypted, in the names that rustls gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsDetails {
    /// Such as `TLSv1_3`.
    pub version: &'static str,
    /// Such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher_suite: &'static str,
}

/// For clouds that record nothing.
impl Recorder for () {
    fn record(&self, _: Call) {}
}

impl<R: Recorder> Recorder for Arc<R> {
    fn record(&self, call: Call) {
        R::record(self, call);
    }
}

/// What is known of a call while it is answered.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) input: Option<Value>,
    pub(crate) output: Option<Value>,
}
