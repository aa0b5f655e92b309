//! Access logs: where they go, and the keys of their objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>

use aws_types::{AccountId, Region, Timestamp};
use serde::{Deserialize, Serialize};

use crate::object_key::KEY_BYTES_MAX;
use crate::time::shown;
use crate::{BucketName, Grant, ObjectOwnership, RuleError};

/// The form of the keys of logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogKeyFormat {
    /// `PREFIX` and the time.
    #[default]
    Simple,
    /// Folders of the source and the day, by the time of what is logged,
    PartitionedByEvent,
    /// or by the time the log is put.
    PartitionedByDelivery,
}

impl LogKeyFormat {
    /// Reads `TargetObjectKeyFormat`: whether `SimplePrefix` is there, and the source of dates if `PartitionedPrefix` is.
    ///
    /// # Errors
    /// [`RuleError::MalformedXml`].
    pub fn of_document(simple: bool, partitioned: Option<Option<&str>>) -> Result<Self, RuleError> {
        match (simple, partitioned) {
            (true, None) => Ok(Self::Simple),
            // Where nothing is said, the time of delivery counts.
            (false, Some(None | Some("DeliveryTime"))) => Ok(Self::PartitionedByDelivery),
            (false, Some(Some("EventTime"))) => Ok(Self::PartitionedByEvent),
            _ => Err(RuleError::MalformedXml),
        }
    }
}

/// Where the access logs of a bucket go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggingTarget {
    /// The bucket, of the same account and region.
    pub bucket: BucketName,
    /// What the keys begin with; may be empty.
    pub prefix: String,
    /// Who reads the logs, where the target bucket has access control lists.
    pub grants: Vec<Grant>,
    /// The form of the keys.
    pub format: LogKeyFormat,
}

/// What has to be known of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFacts<'a> {
    /// Whose the target is.
    pub owner: AccountId,
    /// Where it is.
    pub region: &'a Region,
    /// Whether it has access control lists.
    pub ownership: ObjectOwnership,
}

impl LoggingTarget {
    /// Checks a target against the bucket whose logs it gets. `target` is `None` if there is no such bucket.
    ///
    /// # Errors
    /// [`RuleError::LoggingTarget`] for a target that is not there, or is another account's or region's;
    /// [`RuleError::Argument`] for grants where lists do not count.
    pub fn check(
        &self,
        owner: AccountId,
        region: &Region,
        target: Option<&TargetFacts<'_>>,
    ) -> Result<(), RuleError> {
        let refused = |message: &'static str| {
            Err(RuleError::LoggingTarget { message: message.into(), bucket: self.bucket.to_string() })
        };
        if self.prefix.len() > KEY_BYTES_MAX {
            return Err(RuleError::Request("The maximum size of a prefix is 1024.".into()));
        }
        let Some(target) = target else {
            return refused("The target bucket for logging does not exist");
        };
        if target.owner != owner {
            return refused("The owner for the bucket to be logged and the target bucket must be the same.");
        }
        if target.region != region {
            return refused("Cross S3 location logging not allowed. ");
        }
        if target.ownership == ObjectOwnership::BucketOwnerEnforced && !self.grants.is_empty() {
            let message = "Target grants are not supported if the target bucket uses the bucket owner enforced setting for Object \
                Ownership.";
            return Err(RuleError::argument_alone(message, "TargetGrants"));
        }
        Ok(())
    }

    /// The key of a log. `event` is the time of what it holds, `delivered` the time it is put, `unique` 16 characters that no
    /// other log has.
    pub fn key(
        &self,
        source: (AccountId, &Region, &BucketName),
        event: Timestamp,
        delivered: Timestamp,
        unique: &str,
    ) -> String {
        let (account, region, bucket) = source;
        let prefix = &self.prefix;
        let folders = |time| shown(time, "%Y/%m/%d");
        match self.format {
            LogKeyFormat::Simple => format!("{prefix}{}-{unique}", shown(delivered, "%Y-%m-%d-%H-%M-%S")),
            LogKeyFormat::PartitionedByDelivery => {
                let time = shown(delivered, "%Y-%m-%d-%H-%M-%S");
                format!("{prefix}{account}/{region}/{bucket}/{}/{time}-{unique}", folders(delivered))
            }
            // Of events of a whole day the time of day means nothing.
            LogKeyFormat::PartitionedByEvent => {
                let time = shown(event, "%Y-%m-%d-00-00-00");
                format!("{prefix}{account}/{region}/{bucket}/{}/{time}-{unique}", folders(event))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::at;
    use crate::{CanonicalUserId, Grantee, Permission};

    fn target(format: LogKeyFormat) -> LoggingTarget {
        LoggingTarget { bucket: "logs".parse().unwrap(), prefix: "l/".into(), grants: vec![], format }
    }

    #[test]
    fn targets() {
        let (own, other): (AccountId, AccountId) =
            ("111122223333".parse().unwrap(), "444455556666".parse().unwrap());
        let (here, there): (Region, Region) = ("us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap());
        let facts = |owner, region, ownership| TargetFacts { owner, region, ownership };
        let enforced = ObjectOwnership::BucketOwnerEnforced;
        let grant =
            Grant { grantee: Grantee::CanonicalUser(CanonicalUserId::of(own)), permission: Permission::Read };
        let granting = LoggingTarget { grants: vec![grant], ..target(LogKeyFormat::Simple) };
        let plain = target(LogKeyFormat::Simple);
        let long = LoggingTarget { prefix: "p".repeat(1_025), ..plain.clone() };
        for (target, facts, code) in [
            (&plain, None, Some("InvalidTargetBucketForLogging")),
            (&plain, Some(facts(other, &here, enforced)), Some("InvalidTargetBucketForLogging")),
            (&plain, Some(facts(own, &there, enforced)), Some("InvalidTargetBucketForLogging")),
            (&granting, Some(facts(own, &here, enforced)), Some("InvalidArgument")),
            (&long, Some(facts(own, &here, enforced)), Some("InvalidRequest")),
            (&granting, Some(facts(own, &here, ObjectOwnership::ObjectWriter)), None),
            (&plain, Some(facts(own, &here, enforced)), None),
        ] {
            let error = target.check(own, &here, facts.as_ref()).err();
            assert_eq!(error.as_ref().map(RuleError::code), code, "{facts:?}");
        }
    }

    #[test]
    fn keys_of_logs() {
        let (account, region, bucket) =
            ("111122223333".parse().unwrap(), "us-east-1".parse().unwrap(), "src".parse().unwrap());
        let (event, delivered) = (at("2026-11-27T23:59:58Z"), at("2026-11-28T01:02:03Z"));
        for (format, key) in [
            (LogKeyFormat::Simple, "l/2026-11-28-01-02-03-0123456789ABCDEF"),
            (
                LogKeyFormat::PartitionedByDelivery,
                "l/111122223333/us-east-1/src/2026/11/28/2026-11-28-01-02-03-0123456789ABCDEF",
            ),
            (
                LogKeyFormat::PartitionedByEvent,
                "l/111122223333/us-east-1/src/2026/11/27/2026-11-27-00-00-00-0123456789ABCDEF",
            ),
        ] {
            let source = (account, &region, &bucket);
            assert_eq!(target(format).key(source, event, delivered, "0123456789ABCDEF"), key);
        }
        for (simple, partitioned, expected) in [
            (true, None, Some(LogKeyFormat::Simple)),
            (false, Some(None), Some(LogKeyFormat::PartitionedByDelivery)),
            (false, Some(Some("EventTime")), Some(LogKeyFormat::PartitionedByEvent)),
            (false, Some(Some("Now")), None),
            (true, Some(None), None),
            (false, None, None),
        ] {
            assert_eq!(LogKeyFormat::of_document(simple, partitioned).ok(), expected);
        }
    }
}
