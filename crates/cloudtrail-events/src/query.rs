//! What can be asked of the history of an account, and what it says.
//!
//! Owns the words. Refuses to know who answers.

use aws_types::{AccountId, Region, Timestamp};

use crate::Facts;

/// Which events of an account and region are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// What they have.
    pub attribute: Option<Attribute>,
    /// Not before.
    pub start: Option<Timestamp>,
    /// Not after.
    pub end: Option<Timestamp>,
    /// Only those before this one.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: usize,
    /// The time now, by which events are too old.
    pub now: Timestamp,
}

/// What an event has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// This id.
    EventId(String),
    /// This operation.
    EventName(String),
    /// Whether it changed nothing.
    ReadOnly(bool),
    /// This user, session or root.
    Username(String),
    /// A resource of this type.
    ResourceType(String),
    /// This resource.
    ResourceName(String),
    /// This service.
    EventSource(String),
    /// This key.
    AccessKeyId(String),
}

/// An event that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number: later ones have higher ones.
    pub sequence: u64,
    /// What it is found by.
    pub facts: Facts,
    /// The event.
    pub json: String,
}

/// Some of the events that a query is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub events: Vec<Found>,
    /// Where the next page begins, when there is more: [`Query::before`].
    pub next: Option<u64>,
}
