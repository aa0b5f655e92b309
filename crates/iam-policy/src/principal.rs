//! `Principal` and `NotPrincipal`: whom a statement is about.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use aws_types::AccountId;

use crate::Caller;

/// The names of a `Principal` or `NotPrincipal` element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Principals {
    /// `*`, or `{"AWS": "*"}`, which is the same.
    pub(crate) everyone: bool,
    pub(crate) aws: Vec<AwsPrincipal>,
    /// Names of services in small letters; `*` is all of them.
    pub(crate) services: Vec<Box<str>>,
    /// Providers of identities: ARNs, or names that AWS knows. `*` is all of them.
    pub(crate) federated: Vec<Box<str>>,
    /// Canonical ids of accounts as S3 has them. Nobody here calls by such an id.
    pub(crate) canonical: Vec<Box<str>>,
}

/// A name of kind `AWS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AwsPrincipal {
    /// Twelve digits, or the ARN of an account's root.
    Account(AccountId),
    /// A user, role, session or federated user.
    Arn(Box<str>),
    /// What IAM leaves in a policy in the place of a user or role that is gone: its unique id. Nobody has it any more.
    Id(Box<str>),
}

impl AwsPrincipal {
    /// Reads an account, an ARN or an id; anything else is none of them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(account) = text.parse() {
            return Some(Self::Account(account));
        }
        if let Some(rest) = text.strip_prefix("arn:") {
            let parts: Vec<&str> = rest.splitn(5, ':').collect();
            let [_, service, "", account, resource] = parts.as_slice() else { return None };
            let account: AccountId = account.parse().ok()?;
            return match (*service, *resource) {
                ("iam", "root") => Some(Self::Account(account)),
                ("iam", resource) if named(resource, &["user/", "role/"]) => Some(Self::Arn(text.into())),
                ("sts", resource) if named(resource, &["assumed-role/", "federated-user/"]) => {
                    Some(Self::Arn(text.into()))
                }
                _ => None,
            };
        }
        let is_id = text.len() >= 16
            && text.starts_with('A')
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        is_id.then(|| Self::Id(text.into()))
    }
}

/// Whether a resource is of one of the kinds and has a name without wildcards, which principals may not have.
fn named(resource: &str, kinds: &[&str]) -> bool {
    !resource.contains(['*', '?'])
        && kinds.iter().any(|kind| resource.strip_prefix(kind).is_some_and(|name| !name.is_empty()))
}

/// How a policy of a resource reaches the caller, which decides what else has to allow.
///
/// | The policy names | Identity policies | Boundary | Session policies |
/// | --- | --- | --- | --- |
/// | everyone, the user, the session, the federated user | not needed | not needed | not needed |
/// | the role of the session, the user who federated | not needed | needed | needed |
/// | the account | needed | needed | needed |
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Grant {
    /// The account is named: its own policies say who of it.
    Account,
    /// The role of a session, or the user behind a federated user, is named.
    Limited,
    /// The caller itself is named, or everyone is, or the policy names nobody because it hangs on the caller.
    Direct,
}

impl Principals {
    /// The strongest of the ways in which the caller is among these.
    pub(crate) fn grant(&self, caller: &Caller) -> Option<Grant> {
        if self.everyone {
            return Some(Grant::Direct);
        }
        match caller {
            Caller::Root { account } => self.has_account(*account).then_some(Grant::Direct),
            Caller::User { account, arn } => self.of_account(arn.as_str(), None, *account),
            Caller::AssumedRole { account, session_arn, role_arn } => {
                self.of_account(session_arn.as_str(), Some(role_arn.as_str()), *account)
            }
            Caller::FederatedUser { account, arn, user_arn } => {
                self.of_account(arn.as_str(), Some(user_arn.as_str()), *account)
            }
            Caller::Service { name, .. } => {
                let named = self
                    .services
                    .iter()
                    .any(|service| is(service, name) || service.eq_ignore_ascii_case(name));
                named.then_some(Grant::Direct)
            }
            Caller::WebIdentity { provider } => self.of_provider(provider),
            Caller::Saml { provider } => self.of_provider(provider.as_str()),
            Caller::Anonymous => None,
        }
    }

    /// Whether `NotPrincipal` with these names leaves the caller out of a denial. AWS compares each of the caller's names, and the
    /// caller is left out only if all are listed: the user and its account; the session, its role and the account.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
    pub(crate) fn leaves_out(&self, caller: &Caller) -> bool {
        if self.everyone {
            return true;
        }
        match caller {
            Caller::Root { account } => self.has_account(*account),
            Caller::User { account, arn } => self.has_arn(arn.as_str()) && self.has_account(*account),
            Caller::AssumedRole { account, session_arn, role_arn } => {
                self.has_arn(session_arn.as_str())
                    && self.has_arn(role_arn.as_str())
                    && self.has_account(*account)
            }
            Caller::FederatedUser { account, arn, .. } => {
                self.has_arn(arn.as_str()) && self.has_account(*account)
            }
            Caller::Service { .. } | Caller::WebIdentity { .. } | Caller::Saml { .. } => {
                self.grant(caller).is_some()
            }
            Caller::Anonymous => false,
        }
    }

    fn of_account(&self, own: &str, behind: Option<&str>, account: AccountId) -> Option<Grant> {
        if self.has_arn(own) {
            Some(Grant::Direct)
        } else if behind.is_some_and(|behind| self.has_arn(behind)) {
            Some(Grant::Limited)
        } else {
            self.has_account(account).then_some(Grant::Account)
        }
    }

    fn of_provider(&self, provider: &str) -> Option<Grant> {
        self.federated.iter().any(|name| is(name, provider)).then_some(Grant::Direct)
    }

    fn has_arn(&self, arn: &str) -> bool {
        self.aws
            .iter()
            .any(|principal| matches!(principal, AwsPrincipal::Arn(named) if named.as_ref() == arn))
    }

    fn has_account(&self, account: AccountId) -> bool {
        self.aws.contains(&AwsPrincipal::Account(account))
    }
}

fn is(pattern: &str, name: &str) -> bool {
    pattern == "*" || pattern == name
}
