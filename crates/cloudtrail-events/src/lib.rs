//! The events that CloudTrail records: their structure, and how a call becomes one.
//!
//! Owns what AWS's record contents are: who asked, what of a request and its answer is told and in which words, what is
//! left out because it is secret, which calls change something, and which belong to the event history. Refuses to know where
//! events are kept (`event-history`) and whom they are delivered to (`svc-cloudtrail`). Pure: ids of events come in as bits.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

mod call;
mod ec2;
mod event;
mod facts;
mod identity;
mod names;
mod parameters;
mod query;
mod resources;
mod s3;
mod secrets;

pub use call::{ApiCall, Caller, Connection, Outcome, SamlSubject, WebIdentity, events};
pub use event::{Category, Event, EventType, Resource, TlsDetails};
pub use facts::{Facts, LookupResource};
pub use identity::{
    InScopeOf, SessionAttributes, SessionContext, SessionIssuer, UserIdentity, WebIdFederationData,
};
pub use names::{category, event_source, is_global, is_read_only, tells_response};
pub use query::{Attribute, Found, Page, Query};
