//! Principals that policies name.

use aws_types::{AccountId, Arn, Partition};
use store::{Read, Scope};

use crate::{Account, Role, User, name_key};

/// Whether what a policy names under `AWS` can be a principal of this cloud. Sessions and federated users are not looked for:
/// they come and go. Neither are ids, which stand for what may be deleted.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
pub fn principal_is_there(reader: &impl Read, partition: Partition, principal: &str) -> bool {
    if principal == "*" || is_unique_id(principal) {
        return true;
    }
    if let Ok(account) = principal.parse::<AccountId>() {
        return account_is_there(reader, partition, account);
    }
    let Ok(arn) = principal.parse::<Arn>() else { return false };
    let mut parts = principal.split(':');
    let service = parts.nth(2);
    let account = parts.nth(1).and_then(|account| account.parse::<AccountId>().ok());
    let (Some(service), Some(account)) = (service, account) else { return false };
    if !account_is_there(reader, partition, account) {
        return false;
    }
    let scope = Scope::global(partition, account);
    let name = arn.resource().rsplit('/').next().map(name_key).unwrap_or_default();
    match (service, arn.resource().split('/').next()) {
        ("iam", Some("root")) => arn.resource() == "root",
        ("iam", Some("user")) => reader.get::<User>(&scope, &name).is_some_and(|user| user.arn == arn),
        ("iam", Some("role")) => reader.get::<Role>(&scope, &name).is_some_and(|role| role.arn == arn),
        ("sts", Some("assumed-role" | "federated-user")) => true,
        _ => false,
    }
}

/// Whether there is an account, also a closed one.
pub fn account_is_there(reader: &impl Read, partition: Partition, account: AccountId) -> bool {
    reader.contains::<Account>(&Scope::global(partition, account), &account.to_string())
}

fn is_unique_id(principal: &str) -> bool {
    let is_one = ["AIDA", "AROA"].iter().any(|prefix| principal.starts_with(prefix));
    is_one && principal.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
