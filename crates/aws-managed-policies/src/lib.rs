//! The managed policies of AWS: all that there were in autumn 2026, with their documents in full.
//!
//! Owns the facts, of which `NOTICE` says where they are from, and how a policy is found by its ARN. Refuses to know who has
//! one attached (the records of `identities` do) and what a policy means (`iam-policy` does). Of each policy there is the
//! default version alone.
//!
//! Nothing is read before somebody asks for a policy; then the list is decompressed and lives as long as the process.
//!
//! <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/about-managed-policy-reference.html>

use std::collections::HashMap;
use std::sync::OnceLock;

use aws_types::{Partition, Timestamp};
use iam_policy::Policy;

/// The list.
static COMPRESSED: &[u8] = include_bytes!("policies.tsv.zst");

/// What stands before the path and name in the ARN of each: the account is `aws`.
const ARN_START: &str = "arn:aws:iam::aws:policy";
/// Where the policies are that only service-linked roles have.
const SERVICE_LINKED_PATH: &str = "/aws-service-role/";

/// A managed policy of AWS.
#[derive(Debug)]
pub struct AwsManagedPolicy {
    /// The name, such as `ReadOnlyAccess`.
    pub name: &'static str,
    /// The path: `/`, `/service-role/`, `/job-function/` or `/aws-service-role/`.
    pub path: &'static str,
    /// `ANPA…`
    pub id: &'static str,
    /// The number of the version; `v2` is 2.
    pub default_version: u32,
    /// When the policy was made.
    pub created: Timestamp,
    /// When the version was made.
    pub updated: Timestamp,
    document: &'static str,
    policy: OnceLock<Policy>,
}

impl AwsManagedPolicy {
    /// The ARN.
    pub fn arn(&self) -> String {
        format!("{ARN_START}{}{}", self.path, self.name)
    }

    /// The document's text.
    pub fn document(&self) -> &'static str {
        self.document
    }

    /// What it says.
    pub fn policy(&self) -> &Policy {
        self.policy.get_or_init(|| Policy::parse_stored(self.document).expect("a test has read all of them"))
    }

    /// Whether it is for service-linked roles only.
    pub fn is_of_service_linked_role(&self) -> bool {
        self.path == SERVICE_LINKED_PATH
    }
}

/// The policy with this ARN, which is exact in its case.
pub fn policy(arn: &str) -> Option<&'static AwsManagedPolicy> {
    let place = arn.strip_prefix(ARN_START)?;
    let name = place.rsplit('/').next()?;
    let list = list();
    let found = &list.policies[*list.by_name.get(name)?];
    (place.strip_suffix(name) == Some(found.path)).then_some(found)
}

/// The policy with this name, wherever it is.
pub fn by_name(name: &str) -> Option<&'static AwsManagedPolicy> {
    let list = list();
    list.by_name.get(name).map(|index| &list.policies[*index])
}

/// All policies, in the order of their names without case.
pub fn all() -> &'static [AwsManagedPolicy] {
    &list().policies
}

/// Whether an ARN is one of AWS's own managed policies, by its form alone, in a partition.
pub fn is_of_aws(partition: Partition, arn: &str) -> bool {
    match partition {
        Partition::Aws => arn.starts_with(ARN_START),
    }
}

struct List {
    policies: Vec<AwsManagedPolicy>,
    by_name: HashMap<&'static str, usize>,
}

fn list() -> &'static List {
    static LIST: OnceLock<List> = OnceLock::new();
    LIST.get_or_init(|| {
        let bytes = zstd::decode_all(COMPRESSED).expect("the file is a whole one");
        let text: &'static str = String::from_utf8(bytes).expect("the file is text").leak();
        let policies: Vec<_> = text
            .lines()
            .map(|line| read(line).expect("each line has seven fields, three of them numbers"))
            .collect();
        let by_name = policies.iter().enumerate().map(|(index, policy)| (policy.name, index)).collect();
        List { policies, by_name }
    })
}

fn read(line: &'static str) -> Option<AwsManagedPolicy> {
    let mut fields = line.splitn(7, '\t');
    let mut next = || fields.next();
    Some(AwsManagedPolicy {
        name: next()?,
        path: next()?,
        id: next()?,
        default_version: next()?.parse().ok()?,
        created: Timestamp::from_unix_secs(next()?.parse().ok()?),
        updated: Timestamp::from_unix_secs(next()?.parse().ok()?),
        document: next()?,
        policy: OnceLock::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use iam_policy::PolicyKind;

    use super::*;

    #[test]
    fn every_policy_is_read_and_found_by_its_arn() {
        assert!(all().len() > 1500);
        let mut ids = BTreeSet::new();
        for held in all() {
            assert_eq!(held.policy().text(), held.document(), "{}", held.name);
            assert!(held.document().starts_with(r#"{"Version":"2012-10-17""#), "{}", held.name);
            assert!(held.id.len() == 21 && ids.insert(held.id), "{}", held.name);
            assert!(held.created <= held.updated && held.default_version > 0, "{}", held.name);
            let found = policy(&held.arn()).unwrap();
            assert!(std::ptr::eq(found, held), "{}", held.name);
            assert!(std::ptr::eq(by_name(held.name).unwrap(), held), "{}", held.name);
        }
    }

    /// Those that name resources which IAM does not let customers name.
    const BEYOND_THE_RULES: [&str; 5] = [
        "AWSCloudWatchOmniServiceRolePolicy",
        "AWSObservabilityAdminTelemetryEnablementServiceRolePolicy",
        "IAMAuditRootUserCredentials",
        "IAMCreateRootUserPassword",
        "IAMDeleteRootUserCredentials",
    ];

    #[test]
    fn the_policies_of_aws_hold_its_rules() {
        let breaks = |held: &&AwsManagedPolicy| Policy::parse(held.document(), PolicyKind::Identity).is_err();
        let found: Vec<_> = all().iter().filter(breaks).map(|held| held.name).collect();
        assert_eq!(found, BEYOND_THE_RULES);
    }

    #[test]
    fn an_arn_is_exact() {
        for there in [
            "arn:aws:iam::aws:policy/AdministratorAccess",
            "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
            "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
            "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
            "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceAutoscaleRole",
            "arn:aws:iam::aws:policy/service-role/AmazonDMSVPCManagementRole",
            "arn:aws:iam::aws:policy/AWSCodeDeployRoleForECS",
            "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy",
        ] {
            assert!(policy(there).is_some(), "{there}");
        }
        for missing in [
            "arn:aws:iam::aws:policy/administratoraccess",
            "arn:aws:iam::aws:policy/ViewOnlyAccess",
            "arn:aws:iam::aws:policy/job-function/AdministratorAccess",
            "arn:aws:iam::123456789012:policy/AdministratorAccess",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::aws:policy",
            "AdministratorAccess",
        ] {
            assert!(policy(missing).is_none(), "{missing}");
        }
        assert!(
            policy("arn:aws:iam::aws:policy/AdministratorAccess")
                .unwrap()
                .document()
                .contains(r#""Action":"*""#)
        );
    }
}
