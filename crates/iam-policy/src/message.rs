//! The message of a denial.

use std::fmt::Write as _;

use crate::evaluate::{Decision, PolicyRole, Reason};

impl PolicyRole {
    /// The kind of policy as AWS's messages call it, with its article.
    fn named(self) -> &'static str {
        match self {
            Self::Identity => "an identity-based policy",
            Self::Boundary => "a permissions boundary",
            Self::Session => "a session policy",
            Self::Resource => "a resource-based policy",
            Self::Trust => "the role trust policy",
            Self::ServiceControl => "a service control policy",
            Self::ResourceControl => "a resource control policy",
            Self::Endpoint => "a VPC endpoint policy",
        }
    }

    /// The kind of policy behind `no`.
    fn missing(self) -> &'static str {
        match self {
            Self::Trust | Self::Resource => "resource-based policy",
            _ => self.named().split_once(' ').map_or("", |(_, name)| name),
        }
    }
}

/// What AWS says to somebody whom it denies a request.
///
/// A resource of `*` is not named. The ARN of a policy that denies is, if it has one and is of the caller's account or
/// organization; policies of resources and endpoints are not.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
pub fn access_denied_message(caller_arn: &str, action: &str, resource: &str, decision: &Decision) -> String {
    let mut message = format!("User: {caller_arn} is not authorized to perform: {action}");
    // Writing to a text cannot fail.
    if resource != "*" {
        let _ = write!(message, " on resource: {resource}");
    }
    match decision.reason {
        Reason::ExplicitDeny(role) => {
            let _ = write!(message, " with an explicit deny in {}", role.named());
            let shown = !matches!(role, PolicyRole::Resource | PolicyRole::Trust | PolicyRole::Endpoint);
            let statement = decision.statement.as_ref().filter(|statement| shown && statement.may_be_named);
            if let Some(statement) = statement.filter(|statement| statement.policy.starts_with("arn:")) {
                let _ = write!(message, ": {}", statement.policy);
            }
        }
        Reason::NoAllow(role) => {
            let _ = write!(message, " because no {} allows the {action} action", role.missing());
        }
        // Nobody asks what to say of a request that is allowed.
        Reason::AllowedAsRoot | Reason::AllowedBy(_) => {}
    }
    message
}
