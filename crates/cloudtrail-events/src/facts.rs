//! What an event is found by.
//!
//! Owns which fields those are. Refuses to know how many events there are.

use aws_types::{AccountId, Region, Timestamp};

use crate::{Category, Event, resources};

/// A resource that an event is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupResource {
    /// Such as `AWS::EC2::VPC`.
    pub kind: String,
    /// Its id or name.
    pub name: String,
}

/// What an event is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its id.
    pub event_id: String,
    /// The operation.
    pub event_name: String,
    /// The service.
    pub event_source: String,
    /// When it was.
    pub event_time: Timestamp,
    /// Whose history it is in.
    pub account: AccountId,
    /// In which region.
    pub region: Region,
    /// Whether nothing can have changed.
    pub read_only: bool,
    /// Who did it.
    pub username: Option<String>,
    /// With which key.
    pub access_key_id: Option<String>,
    /// On what.
    pub resources: Vec<LookupResource>,
    /// Whether it failed.
    pub is_error: bool,
    /// Of the control plane, or of the data plane.
    pub category: Category,
}

impl Facts {
    /// Those of an event.
    pub fn of(event: &Event) -> Self {
        let parts = [event.request_parameters.as_ref(), event.response_elements.as_ref()];
        Self {
            event_id: event.event_id.clone(),
            event_name: event.event_name.clone(),
            event_source: event.event_source.clone(),
            event_time: event.event_time,
            account: event.recipient_account_id,
            region: event.aws_region.clone(),
            read_only: event.read_only,
            username: event.user_identity.lookup_name().map(str::to_owned),
            access_key_id: event.user_identity.access_key_id.clone(),
            resources: resources::lookup(&event.event_source, parts),
            is_error: event.error_code.is_some(),
            category: event.event_category,
        }
    }
}
