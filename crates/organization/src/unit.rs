//! Organizational units.

use aws_types::{Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

use crate::{Attachments, ParentId, UnitId};

/// How deep units can be in each other.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
pub const MAX_UNIT_DEPTH: usize = 5;

/// An organizational unit. Kept under the organization's scope, by its id; part of its parent by that one's id.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrganizationalUnit {
    /// `ou-…`
    pub id: UnitId,
    /// The name, which no other unit of the parent has.
    pub name: String,
    /// Where it is, forever.
    pub parent: ParentId,
    /// When it was made.
    pub created: Timestamp,
    /// What is attached to it.
    pub policies: Attachments,
    /// The tags.
    pub tags: Tags,
}

impl Record for OrganizationalUnit {
    const KIND: &'static str = "organizations.unit";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(self.parent.to_string())
    }
}
