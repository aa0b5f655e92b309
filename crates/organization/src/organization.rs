//! Organizations.

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{AccountId, Arn, Partition, Tags, Timestamp};
use iam_policy::Policy;
use serde::{Deserialize, Serialize};
use store::{Read, Record, Scope};

use crate::{Attachments, OrganizationId, PolicyType, ResourcePolicyId, RootId};

/// The id of the one organization that its management account's scope has.
pub(crate) const ORGANIZATION: &str = "organization";

/// What an organization does for its accounts.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_getting-started_concepts.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureSet {
    /// All: policies, trusted services, delegated administrators.
    All,
    /// One bill, and nothing else.
    ConsolidatedBilling,
}

impl FeatureSet {
    /// As the API writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::ConsolidatedBilling => "CONSOLIDATED_BILLING",
        }
    }
}

/// An organization, with its one root. Kept under the global scope of its management account.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// `o-…`
    pub id: OrganizationId,
    /// The management account, which cannot be changed.
    pub management: AccountId,
    /// What it does.
    pub feature_set: FeatureSet,
    /// When it was made.
    pub created: Timestamp,
    /// `r-…`
    pub root: RootId,
    /// The types of policies that count.
    pub policy_types: BTreeSet<PolicyType>,
    /// What is attached to the root.
    pub root_policies: Attachments,
    /// The tags of the root.
    pub root_tags: Tags,
    /// The services that may act in its accounts, by their principals, and since when.
    pub trusted_services: BTreeMap<String, Timestamp>,
    /// What member accounts may do with the organization itself.
    pub resource_policy: Option<ResourcePolicy>,
    /// When its accounts were last closed by CloseAccount.
    #[serde(default)]
    pub closures: Vec<Timestamp>,
}

/// The resource policy of an organization.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ResourcePolicy.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    /// `rp-…`
    pub id: ResourcePolicyId,
    /// What it says.
    pub policy: Policy,
    /// The tags.
    pub tags: Tags,
}

impl Organization {
    /// Where it and what it has are kept.
    pub fn scope(&self, partition: Partition) -> Scope {
        Scope::global(partition, self.management)
    }

    /// The ARN of something of it: `kind` is such as `account` or `ou`, `id` what follows the organization's id.
    pub fn arn_of(&self, partition: Partition, kind: &str, id: &str) -> Arn {
        Arn::global(partition, "organizations", self.management, &format!("{kind}/{}/{id}", self.id))
    }

    /// Its own ARN.
    pub fn arn(&self, partition: Partition) -> Arn {
        Arn::global(partition, "organizations", self.management, &format!("organization/{}", self.id))
    }

    /// Writes it.
    pub fn put(self, transaction: &mut store::Transaction, partition: Partition) {
        transaction.put(&self.scope(partition), ORGANIZATION, self);
    }

    /// Whether policies of a type count.
    pub fn has_enabled(&self, policy_type: PolicyType) -> bool {
        self.feature_set == FeatureSet::All && self.policy_types.contains(&policy_type)
    }
}

impl Record for Organization {
    const KIND: &'static str = "organizations.organization";
}

/// The organization that an account manages.
pub fn managed_by(
    reader: &impl Read,
    partition: Partition,
    management: AccountId,
) -> Option<std::sync::Arc<Organization>> {
    reader.get(&Scope::global(partition, management), ORGANIZATION)
}
