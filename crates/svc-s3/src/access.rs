//! What the record of a bucket says of who may do what: its policy, its access control list, whose objects in it are, and block
//! public access.
//!
//! Owns what new buckets have. What the settings mean is `bucket_rules`'s, how they are written in the modules of their
//! operations, and what follows for a request in `resource_side`.

use aws_types::Partition;
use bucket_rules::{Acl, CanonicalUserId, ObjectOwnership, PublicAccessBlock};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};

use crate::bucket::Bucket;
use crate::error;

/// Who may do what with a bucket. The default is what new buckets have.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    /// The text of the policy.
    pub policy: Option<String>,
    /// Whether what the policy denies is denied to the account's root user, too, where it is about the policy itself.
    pub policy_binds_root: bool,
    /// Block public access; `None` where it was deleted.
    pub public_access_block: Option<PublicAccessBlock>,
    /// Object ownership; `None` where it was deleted.
    pub ownership: Option<ObjectOwnership>,
    /// The access control list, where it is not the owner's alone.
    pub acl: Option<Acl>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            policy: None,
            policy_binds_root: false,
            public_access_block: Some(PublicAccessBlock::ALL),
            ownership: Some(ObjectOwnership::BucketOwnerEnforced),
            acl: None,
        }
    }
}

impl Access {
    /// Whose new objects are.
    pub(crate) fn object_ownership(&self) -> ObjectOwnership {
        self.ownership.unwrap_or(ObjectOwnership::ObjectWriter)
    }

    /// Whether access control lists count.
    pub(crate) fn has_lists(&self) -> bool {
        self.object_ownership() != ObjectOwnership::BucketOwnerEnforced
    }

    /// The switches that count. Those of accounts are set by S3 Control, which is not built.
    pub(crate) fn block(&self) -> PublicAccessBlock {
        self.public_access_block.unwrap_or_default()
    }
}

impl Bucket {
    /// How access control lists name its owner.
    pub(crate) fn owner_id(&self) -> CanonicalUserId {
        CanonicalUserId::of(self.owner)
    }

    /// Its access control list.
    pub(crate) fn acl(&self) -> Acl {
        let held = self.access.acl.clone().filter(|_| self.access.has_lists());
        held.unwrap_or_else(|| Acl::private(self.owner_id()))
    }

    /// The ARN of an object in it.
    pub(crate) fn object_arn(&self, partition: Partition, key: &str) -> String {
        format!("{}/{key}", self.arn(partition))
    }
}

/// What block public access stands against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Blocked {
    Acl,
    Policy,
}

/// What somebody is told whom block public access refuses something.
pub(crate) fn blocked(context: &RequestContext, what: Blocked, action: &str, arn: &str) -> ServiceError {
    if context.principal.is_anonymous() {
        return error::access_denied("Access Denied");
    }
    let (things, switch) = match what {
        Blocked::Acl => ("public access control lists (ACLs)", "BlockPublicAcls"),
        Blocked::Policy => ("public policies", "BlockPublicPolicy"),
    };
    error::access_denied(&format!(
        "User: {} is not authorized to perform: {action} on resource: \"{arn}\" because {things} are blocked by the {switch} \
         block public access setting.",
        context.principal.arn
    ))
}
