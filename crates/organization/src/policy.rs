//! Policies of organizations.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use aws_types::{Arn, Partition, Tags, Timestamp};
use iam_policy::{Policy, PolicyKind};
use management_policies::{Document, Malformed};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use store::{Read, Record, Scope};

use crate::PolicyId;

/// What a policy of an organization is about. Of the other types of AWS there are none here.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyType {
    /// What principals of an account may do at most.
    ServiceControl,
    /// What may be done to resources of an account at most.
    ResourceControl,
    /// Which tags resources have.
    Tag,
    /// Which backups are made.
    Backup,
}

impl PolicyType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ServiceControl, Self::ResourceControl, Self::Tag, Self::Backup];

    /// As the API writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceControl => "SERVICE_CONTROL_POLICY",
            Self::ResourceControl => "RESOURCE_CONTROL_POLICY",
            Self::Tag => "TAG_POLICY",
            Self::Backup => "BACKUP_POLICY",
        }
    }

    /// From what the API writes; `None` for the types that are not here.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What grants or limits permissions, which the policy language says.
    pub const fn language(self) -> Option<PolicyKind> {
        match self {
            Self::ServiceControl => Some(PolicyKind::ServiceControl),
            Self::ResourceControl => Some(PolicyKind::ResourceControl),
            Self::Tag | Self::Backup => None,
        }
    }

    /// What is inherited and merged, in the language of `management-policies`.
    pub const fn management(self) -> Option<management_policies::PolicyKind> {
        match self {
            Self::ServiceControl | Self::ResourceControl => None,
            Self::Tag => Some(management_policies::PolicyKind::Tag),
            Self::Backup => Some(management_policies::PolicyKind::Backup),
        }
    }

    /// The policy of AWS that everything has from when the type is enabled.
    pub fn default_policy(self) -> Option<PolicyId> {
        AWS_POLICIES.iter().find(|policy| policy.policy_type == self).map(|policy| policy.id.clone())
    }
}

/// The policies that are attached to a root, unit or account, in the order in which they were: it tells what merges first.
pub type Attachments = BTreeMap<PolicyType, Vec<PolicyId>>;

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PolicyContent {
    /// A statement of permissions: of service and resource control policies.
    Permissions(Policy),
    /// A document whose values are inherited and merged: of tag and backup policies.
    Management(ManagementPolicy),
}

/// A document of a tag or backup policy: its text, read once when it is first asked for. Serialised, it is the text.
#[derive(Clone, Debug)]
pub struct ManagementPolicy {
    text: Arc<str>,
    read: OnceLock<Result<Document, Malformed>>,
}

impl ManagementPolicy {
    /// Of a text that was read before: its grammar was looked at when it came in.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), read: OnceLock::new() }
    }
}

impl PartialEq for ManagementPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Serialize for ManagementPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ManagementPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Arc::<str>::deserialize(deserializer).map(Self::new)
    }
}

/// A policy. Kept under the organization's scope, by its id. Those of AWS are facts, and no records: [`policy`] knows both.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_PolicySummary.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// `p-…`
    pub id: PolicyId,
    /// The ARN.
    pub arn: Arn,
    /// The name, which no other policy of the type has.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// What it is about.
    pub policy_type: PolicyType,
    /// What it says.
    pub content: PolicyContent,
    /// Whether it is of AWS.
    #[serde(default)]
    pub is_aws_managed: bool,
    /// When it was last changed.
    pub updated: Timestamp,
    /// The tags.
    pub tags: Tags,
}

impl PolicyRecord {
    /// Its text.
    pub fn text(&self) -> &str {
        match &self.content {
            PolicyContent::Permissions(policy) => policy.text(),
            PolicyContent::Management(policy) => &policy.text,
        }
    }

    /// What it says of permissions; `None` for tag and backup policies.
    pub fn permissions(&self) -> Option<&Policy> {
        match &self.content {
            PolicyContent::Permissions(policy) => Some(policy),
            PolicyContent::Management(_) => None,
        }
    }

    /// What it says in the language of tag and backup policies, if a build can read it; `None` for the other types.
    pub fn document(&self) -> Option<Result<&Document, &Malformed>> {
        let PolicyContent::Management(policy) = &self.content else { return None };
        let kind = self.policy_type.management()?;
        Some(policy.read.get_or_init(|| Document::parse(kind, &policy.text)).as_ref())
    }
}

impl Record for PolicyRecord {
    const KIND: &'static str = "organizations.policy";
}

/// What AWS's own policies say.
const FULL_ACCESS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "*",
      "Resource": "*"
    }
  ]
}"#;

const FULL_RESOURCE_ACCESS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": "*",
      "Action": "*",
      "Resource": "*"
    }
  ]
}"#;

/// The policies of AWS: what allows everything.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>
pub static AWS_POLICIES: LazyLock<[Arc<PolicyRecord>; 2]> = LazyLock::new(|| {
    [
        aws_policy(PolicyType::ServiceControl, "FullAWSAccess", "service_control_policy", FULL_ACCESS),
        aws_policy(
            PolicyType::ResourceControl,
            "RCPFullAWSAccess",
            "resource_control_policy",
            FULL_RESOURCE_ACCESS,
        ),
    ]
});

fn aws_policy(policy_type: PolicyType, name: &str, path: &str, text: &str) -> Arc<PolicyRecord> {
    let id = format!("p-{name}");
    let arn = format!("arn:{}:organizations::aws:policy/{path}/{id}", Partition::Aws);
    Arc::new(PolicyRecord {
        id: id.parse().expect("it has the form of a policy's id"),
        arn: arn.parse().expect("it has the form of an ARN"),
        name: name.to_owned(),
        description: match policy_type {
            PolicyType::ServiceControl => "Allows access to every operation",
            _ => "Allows access to every resource",
        }
        .to_owned(),
        policy_type,
        content: PolicyContent::Permissions(Policy::parse_stored(text).expect("it is a policy")),
        is_aws_managed: true,
        updated: Timestamp::from_unix_secs(0),
        tags: Tags::default(),
    })
}

/// A policy that an organization has, or one of AWS.
pub fn policy(reader: &impl Read, organization: &Scope, id: &PolicyId) -> Option<Arc<PolicyRecord>> {
    let of_aws = AWS_POLICIES.iter().find(|policy| policy.id == *id);
    of_aws.map(Arc::clone).or_else(|| reader.get(organization, id.as_str()))
}
