//! Block public access: four switches, and what each stands against.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>

use std::borrow::Cow;

use iam_policy::Caller;
use serde::{Deserialize, Serialize};

use crate::{Acl, CanonicalUserId, RuleError};

/// The switches of a bucket or of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// Public access control lists are not taken any more.
    pub block_public_acls: bool,
    /// Those that there are do not count.
    pub ignore_public_acls: bool,
    /// Public policies are not taken any more.
    pub block_public_policy: bool,
    /// A public policy that there is counts for the account and services of AWS alone.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// What buckets are made with.
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };

    /// Reads a document, in which each switch may be missing, but not all.
    ///
    /// # Errors
    /// [`RuleError::Request`].
    pub fn of_document(
        block_public_acls: Option<bool>,
        ignore_public_acls: Option<bool>,
        block_public_policy: Option<bool>,
        restrict_public_buckets: Option<bool>,
    ) -> Result<Self, RuleError> {
        let all = [block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets];
        if all.iter().all(Option::is_none) {
            return Err(RuleError::Request("Must specify at least one configuration.".into()));
        }
        let [block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets] =
            all.map(Option::unwrap_or_default);
        Ok(Self { block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets })
    }

    /// What counts where a bucket and its account both have switches: each that one of them has.
    pub fn with(self, other: Self) -> Self {
        Self {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }

    /// Whether a list may be written.
    ///
    /// # Errors
    /// [`RuleError::AccessDenied`].
    pub fn check_acl(&self, acl: &Acl) -> Result<(), RuleError> {
        if self.block_public_acls && acl.is_public() { Err(RuleError::AccessDenied) } else { Ok(()) }
    }

    /// Whether a bucket can be made with a list, and these switches.
    ///
    /// # Errors
    /// [`RuleError::AclWithBlock`].
    pub fn check_new_bucket(&self, acl: &Acl) -> Result<(), RuleError> {
        self.check_acl(acl).map_err(|_| RuleError::AclWithBlock)
    }

    /// Whether a policy may be written. `is_public` is what `is_public_policy` says of it.
    ///
    /// # Errors
    /// [`RuleError::AccessDenied`].
    pub fn check_policy(&self, is_public: bool) -> Result<(), RuleError> {
        if self.block_public_policy && is_public { Err(RuleError::AccessDenied) } else { Ok(()) }
    }

    /// The list as it counts.
    pub fn counting<'a>(&self, acl: &'a Acl) -> Cow<'a, Acl> {
        if self.ignore_public_acls && acl.is_public() {
            Cow::Owned(acl.without_public())
        } else {
            Cow::Borrowed(acl)
        }
    }

    /// Whether a caller has nothing from the bucket's policy because that is public.
    pub fn keeps_out(&self, policy_is_public: bool, caller: &Caller, owner: CanonicalUserId) -> bool {
        let is_service = matches!(caller, Caller::Service { .. });
        let is_own = caller.account() == Some(owner.account());
        self.restrict_public_buckets && policy_is_public && !is_service && !is_own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CannedAcl;

    fn id(account: &str) -> CanonicalUserId {
        CanonicalUserId::of(account.parse().unwrap())
    }

    #[test]
    fn each_switch_stands_against_one_thing() {
        let owner = id("111122223333");
        let public = CannedAcl::AuthenticatedRead.acl(owner, owner);
        let private = Acl::private(owner);
        let of = |number: usize| {
            let on = |at: usize| Some(at == number);
            PublicAccessBlock::of_document(on(0), on(1), on(2), on(3)).unwrap()
        };
        let root = |account: &str| Caller::Root { account: account.parse().unwrap() };
        let service = Caller::Service { name: "cloudtrail.amazonaws.com".into(), account: None };
        for number in 0..4 {
            let switches = of(number);
            assert_eq!(switches.check_acl(&public).is_err(), number == 0);
            assert_eq!(switches.check_new_bucket(&public).is_err(), number == 0);
            assert_eq!(switches.counting(&public).is_public(), number != 1);
            assert_eq!(switches.check_policy(true).is_err(), number == 2);
            assert_eq!(switches.keeps_out(true, &Caller::Anonymous, owner), number == 3);
            assert_eq!(switches.keeps_out(true, &root("444455556666"), owner), number == 3);
            assert!(!switches.keeps_out(true, &root("111122223333"), owner));
            assert!(!switches.keeps_out(true, &service, owner));
            assert!(!switches.keeps_out(false, &Caller::Anonymous, owner));
            assert_eq!(switches.check_acl(&private), Ok(()));
            assert_eq!(switches.check_policy(false), Ok(()));
            assert_eq!(switches.with(PublicAccessBlock::default()), switches);
        }
        assert_eq!(
            (0..4).map(of).fold(PublicAccessBlock::default(), PublicAccessBlock::with),
            PublicAccessBlock::ALL
        );
        let error = PublicAccessBlock::of_document(None, None, None, None).unwrap_err();
        assert_eq!((error.code(), error.status()), ("InvalidRequest", 400));
        assert!(PublicAccessBlock::of_document(None, None, Some(false), None).is_ok());
    }
}
