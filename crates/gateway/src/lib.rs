//! The signed HTTP front: routes, authenticates, decodes, calls a service, encodes.
//!
//! Owns the port, TLS, who signed a request, that each one is authorized before its service hears of it, the limits on what
//! clients may use up, and one log line for each request.
//! Refuses to know any particular service: it has their models, and calls them through [`service_api::Service`].

mod access;
mod authenticate;
mod body;
mod buckets;
mod by_peer;
mod config;
mod cors;
mod denial;
mod digest;
mod error;
mod failure;
mod handler;
mod idle;
mod incoming;
mod inside;
mod markup;
mod multipart;
mod outgoing;
mod peer;
mod record;
mod room;
mod s3;
mod s3_answer;
mod server;
mod target;
mod tls;
mod virtual_host;

pub use buckets::{Buckets, WebBucket};
pub use config::{
    AccessRequest, Allowed, Authorizer, Claim, Clock, Config, Credential, Credentials, Denied, Limits,
    Refused, SystemClock,
};
pub use error::{AuthorityError, GatewayError};
pub use inside::{Asker, Gone, Network, ServiceEndpoint};
pub use record::{Call, Outcome, Recorder, TlsDetails};
pub use server::{Bound, Gateway};
pub use tls::CloudAuthority;
