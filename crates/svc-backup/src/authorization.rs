//! What requests to AWS Backup need to be allowed, as policies see it.
//!
//! Owns the roles that they pass. Refuses to know policies.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbackup.html>

use aws_model::Value;
use service_api::{NeededPermission, RequestContext, dependent, needed_by_table};

use crate::Backup;

/// Where requests name roles, and to whom they are passed: those of selections make backups, those of scanners look at them.
const PASSED: [(&str, &[&str], &str); 3] = [
    ("CreateBackupSelection", &["BackupSelection", "IamRoleArn"], "backup.amazonaws.com"),
    (
        "CreateBackupPlan",
        &["BackupPlan", "ScanSettings", "ScannerRoleArn"],
        "malware-protection.guardduty.amazonaws.com",
    ),
    (
        "UpdateBackupPlan",
        &["BackupPlan", "ScanSettings", "ScannerRoleArn"],
        "malware-protection.guardduty.amazonaws.com",
    ),
];

/// What a request needs.
pub(crate) fn needed(
    backup: &Backup,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let mut needed = needed_by_table(backup, context, operation, input)?;
    for (_, path, service) in PASSED.iter().filter(|(passing, _, _)| *passing == operation) {
        let roles = dependent::texts_at(input, path);
        needed.extend(roles.into_iter().map(|role| dependent::passed_role(role, service)));
    }
    Some(needed)
}
