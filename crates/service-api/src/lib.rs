//! What a service is to the gateway: a set of operations that take a typed request and a [`RequestContext`] and
//! answer with a typed result or a modelled error.
//!
//! Owns the contract between the gateway and the services. Refuses to know wire formats (the codecs do) and any
//! particular service.

mod authorization;
mod context;
pub mod dependent;
mod error;
mod fingerprint;
mod operation;
mod page;
mod page_token;
mod random;
mod request_tags;
mod streaming;

pub use authorization::{
    ConditionKeys, NeededPermission, PassedRoles, RESOURCES_MAX, ResourceFacts, Sharing, TAGS_MAX,
    TargetResource, TooMany, check_numbers, needed_by_table,
};
pub use context::{
    EndpointPassed, Principal, PrincipalKind, RequestContext, RequestId, Session, SignatureFacts,
    SignaturePlace, Way,
};
pub use error::ServiceError;
pub use fingerprint::fingerprint;
pub use operation::{Operations, Service};
pub use page::{Page, page_size, take_page};
pub use page_token::{position, token_after};
pub use random::{IdSource, OsRandom};
pub use request_tags::{
    TagMembers, specified_tags, tag_members, tag_specifications, tags_in, tags_of_request,
};
pub use streaming::{Content, Payload, Streamed, StreamedValue, Whole};
