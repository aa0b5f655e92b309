//! How much of each an account has.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{Cloud, profile};

#[test]
fn the_summary_counts() {
    let cloud = Cloud::new();
    let summary = || cloud.ok::<op::GetAccountSummary>(aws_api::Unit).summary_map.unwrap();
    let counted = ["Users", "Groups", "Roles", "InstanceProfiles", "Policies", "PolicyVersionsInUse"];
    assert_eq!(counted.map(|key| summary()[key]), [0; 6]);
    cloud.user("Bob");
    cloud.group("G");
    cloud.role("R");
    cloud.role("S");
    cloud.ok::<op::CreateInstanceProfile>(profile("P"));
    let policy_arn = cloud.policy("Own");
    let policy_document = super::cloud::ALLOW_ALL.to_owned();
    let input = api::CreatePolicyVersionRequest { policy_arn, policy_document, set_as_default: None };
    cloud.ok::<op::CreatePolicyVersion>(input);
    assert_eq!(counted.map(|key| summary()[key]), [1, 1, 2, 1, 1, 2]);
    assert_eq!((summary()["UsersQuota"], summary()["AccessKeysPerUserQuota"]), (5000, 2));
}
