//! Roles as requests name them, and how long their sessions may be.

use std::sync::Arc;

use aws_types::{AccountId, Arn, Partition};
use iam_policy::Context;
use identities::{Account, Role, name_key};
use service_api::{RequestContext, ServiceError};
use store::{Read, Scope};

use crate::error::validation;

/// How long sessions are whose request does not say, and how long they are at most where one role assumes another.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) const HOUR_SECS: u32 = 3600;

/// A role's ARN, of which it is not known whether there is such a role.
pub(crate) struct RoleName {
    pub(crate) account: AccountId,
    arn: Arn,
    name: String,
}

impl RoleName {
    /// Reads the ARN of a role.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let arn: Arn = text.parse().ok()?;
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [_, _, "iam", "", account, resource] = parts[..] else { return None };
        let name = resource.strip_prefix("role/")?.rsplit('/').next().filter(|name| !name.is_empty())?;
        Some(Self { account: account.parse().ok()?, name: name.to_owned(), arn })
    }

    /// The role, if it is there and its account is not closed.
    pub(crate) fn find(&self, reader: &impl Read, partition: Partition) -> Option<Arc<Role>> {
        let scope = Scope::global(partition, self.account);
        let account = reader.get::<Account>(&scope, &self.account.to_string())?;
        let role = reader.get::<Role>(&scope, &name_key(&self.name))?;
        (account.is_active() && role.arn == self.arn).then_some(role)
    }
}

/// The tags of a role as condition keys.
pub(crate) fn resource_tags(keys: &mut Context, role: &Role) {
    for (key, value) in role.tags.iter() {
        keys.set_tag(format!("aws:ResourceTag/{key}"), value.to_owned());
        keys.set_tag(format!("iam:ResourceTag/{key}"), value.to_owned());
    }
}

/// How long a session is to be.
pub(crate) fn duration_secs(role: &Role, asked: Option<i32>) -> Result<u32, ServiceError> {
    let asked = asked.and_then(|secs| u32::try_from(secs).ok()).unwrap_or(HOUR_SECS);
    if asked > role.max_session_secs.max(HOUR_SECS) {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(asked)
}

/// The ARN and the id of a session of a role.
pub(crate) fn session_names(
    context: &RequestContext,
    role: &Role,
    account: AccountId,
    session: &str,
) -> (Arn, String) {
    session_names_in(context.partition, role, account, session)
}

/// [`session_names`], where nobody asks.
pub(crate) fn session_names_in(
    partition: Partition,
    role: &Role,
    account: AccountId,
    session: &str,
) -> (Arn, String) {
    let arn = Arn::global(partition, "sts", account, &format!("assumed-role/{}/{session}", role.name));
    (arn, format!("{}:{session}", role.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_by_their_arns() {
        let read = |text| RoleName::parse(text).map(|role| (role.account.to_string(), role.name));
        let found = |name: &str| Some(("123456789012".to_owned(), name.to_owned()));
        assert_eq!(read("arn:aws:iam::123456789012:role/app"), found("app"));
        assert_eq!(read("arn:aws:iam::123456789012:role/a/b/app"), found("app"));
        for other in [
            "app",
            "arn:aws:iam::123456789012:user/app",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/app/",
            "arn:aws:iam:us-east-1:123456789012:role/app",
            "arn:aws:iam::1234:role/app",
            "arn:aws:sts::123456789012:assumed-role/app/me",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
