//! Object ownership: whether access control lists count, and whose a new object is.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html>

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Acl, CannedAcl, CanonicalUserId, RuleError};

/// The setting of a bucket. A bucket whose setting was deleted is as with `ObjectWriter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectOwnership {
    /// The owner of the bucket owns everything in it, and lists do not count.
    #[default]
    BucketOwnerEnforced,
    /// The owner of the bucket owns what comes with `bucket-owner-full-control`.
    BucketOwnerPreferred,
    /// Whoever puts an object owns it.
    ObjectWriter,
}

impl ObjectOwnership {
    /// As documents have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }

    /// Reads the header `x-amz-object-ownership` of `CreateBucket`.
    ///
    /// # Errors
    /// [`RuleError::Argument`].
    pub fn of_header(text: &str) -> Result<Self, RuleError> {
        let message = format!("Invalid x-amz-object-ownership header: {text}");
        text.parse().map_err(|_| RuleError::argument_alone(message, "x-amz-object-ownership"))
    }

    /// Reads the rules of `PutBucketOwnershipControls`, of which there is one.
    ///
    /// # Errors
    /// [`RuleError::MalformedXml`].
    pub fn of_rules(rules: &[&str]) -> Result<Self, RuleError> {
        match rules {
            [one] => one.parse(),
            _ => Err(RuleError::MalformedXml),
        }
    }

    /// Whether a bucket may have this list and the setting at once: when the bucket is made, and when the setting changes.
    ///
    /// # Errors
    /// [`RuleError::AclWithOwnership`].
    pub fn check_bucket_acl(self, acl: &Acl) -> Result<(), RuleError> {
        let fits = self != Self::BucketOwnerEnforced || acl.is_full_control_of(acl.owner);
        if fits { Ok(()) } else { Err(RuleError::AclWithOwnership) }
    }

    /// Whether the list of a bucket may be written.
    ///
    /// # Errors
    /// [`RuleError::AclNotSupported`].
    pub fn check_put_bucket_acl(self) -> Result<(), RuleError> {
        if self == Self::BucketOwnerEnforced { Err(RuleError::AclNotSupported) } else { Ok(()) }
    }

    /// Whose a new object is, and the list it gets. `canned` is `x-amz-acl`, and `given` the list that headers give, `None` if
    /// they give none.
    ///
    /// # Errors
    /// [`RuleError::AclNotSupported`] for a list that is not the bucket owner's alone, where lists do not count.
    pub fn of_new_object(
        self,
        writer: CanonicalUserId,
        bucket_owner: CanonicalUserId,
        canned: Option<&str>,
        given: Option<Acl>,
    ) -> Result<Acl, RuleError> {
        let is_for_owner = canned == Some("bucket-owner-full-control");
        match self {
            Self::BucketOwnerEnforced => {
                let fits = is_for_owner || given.is_none_or(|acl| acl.is_full_control_of(bucket_owner));
                if fits { Ok(Acl::private(bucket_owner)) } else { Err(RuleError::AclNotSupported) }
            }
            Self::BucketOwnerPreferred if is_for_owner => {
                Ok(CannedAcl::BucketOwnerFullControl.acl(bucket_owner, bucket_owner))
            }
            Self::BucketOwnerPreferred | Self::ObjectWriter => {
                Ok(given.unwrap_or_else(|| Acl::private(writer)))
            }
        }
    }
}

impl FromStr for ObjectOwnership {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let all = [Self::BucketOwnerEnforced, Self::BucketOwnerPreferred, Self::ObjectWriter];
        all.into_iter().find(|one| one.as_str() == text).ok_or(RuleError::MalformedXml)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(account: &str) -> CanonicalUserId {
        CanonicalUserId::of(account.parse().unwrap())
    }

    #[test]
    fn settings_are_read() {
        use ObjectOwnership::{BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter};
        for setting in [BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter] {
            assert_eq!(ObjectOwnership::of_rules(&[setting.as_str()]), Ok(setting));
            assert_eq!(ObjectOwnership::of_header(setting.as_str()), Ok(setting));
        }
        for rules in [&[][..], &["ObjectWriter", "ObjectWriter"], &["RandomValue"], &[""]] {
            assert_eq!(ObjectOwnership::of_rules(rules), Err(RuleError::MalformedXml), "{rules:?}");
        }
        let error = ObjectOwnership::of_header("RandomValue").unwrap_err();
        assert_eq!(error.to_string(), "Invalid x-amz-object-ownership header: RandomValue");
        assert_eq!(error.details(), [("ArgumentName", "x-amz-object-ownership".to_owned())]);
    }

    #[test]
    fn lists_of_new_objects() {
        use ObjectOwnership::{BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter};
        let (writer, owner) = (id("111122223333"), id("444455556666"));
        for (setting, canned, expected) in [
            (BucketOwnerEnforced, None, Ok(owner)),
            (BucketOwnerEnforced, Some("bucket-owner-full-control"), Ok(owner)),
            (BucketOwnerEnforced, Some("public-read"), Err(RuleError::AclNotSupported)),
            (BucketOwnerEnforced, Some("private"), Err(RuleError::AclNotSupported)),
            (BucketOwnerPreferred, None, Ok(writer)),
            (BucketOwnerPreferred, Some("bucket-owner-full-control"), Ok(owner)),
            (BucketOwnerPreferred, Some("public-read"), Ok(writer)),
            (ObjectWriter, Some("bucket-owner-full-control"), Ok(writer)),
            (ObjectWriter, None, Ok(writer)),
        ] {
            let given = canned.map(|name: &str| name.parse::<CannedAcl>().unwrap().acl(writer, owner));
            let acl = setting.of_new_object(writer, owner, canned, given);
            assert_eq!(acl.map(|acl| acl.owner), expected, "{setting:?} {canned:?}");
        }
        // Grants that come to the same as the canned list.
        let given = Some(Acl::private(owner));
        assert!(BucketOwnerEnforced.of_new_object(writer, owner, None, given).is_ok());
    }

    #[test]
    fn lists_of_buckets() {
        use ObjectOwnership::{BucketOwnerEnforced, ObjectWriter};
        let owner = id("444455556666");
        let public = CannedAcl::PublicRead.acl(owner, owner);
        assert_eq!(BucketOwnerEnforced.check_bucket_acl(&public), Err(RuleError::AclWithOwnership));
        assert_eq!(BucketOwnerEnforced.check_bucket_acl(&Acl::private(owner)), Ok(()));
        assert_eq!(ObjectWriter.check_bucket_acl(&public), Ok(()));
        assert_eq!(BucketOwnerEnforced.check_put_bucket_acl(), Err(RuleError::AclNotSupported));
        assert_eq!(ObjectWriter.check_put_bucket_acl(), Ok(()));
    }
}
