//! What the names, headers and configurations of S3 buckets and objects mean.
//!
//! Owns what may stand in each, AWS's codes and messages for what may not, and what follows: which request of another origin
//! passes, which form a browser may send, what a lifecycle rule has due and when, what an access control list allows, which bytes a range asks for. Refuses to
//! know where buckets and objects are, wire formats, and what time it is: times come in. Pure.
//!
//! A configuration comes as it is written, with everything that may be missing, and becomes a type that holds what was checked.
//!
//! ```
//! use bucket_rules::{Expiration, Lifecycle, LifecycleFilter, LifecycleRule, Place, VersionFacts};
//!
//! let rule = LifecycleRule {
//!     id: Some("old logs".into()),
//!     filter: Some(LifecycleFilter { prefix: Some("logs/".into()), ..LifecycleFilter::default() }),
//!     status: "Enabled".into(),
//!     expiration: Some(Expiration { days: Some(30), ..Expiration::default() }),
//!     ..LifecycleRule::default()
//! };
//! let lifecycle = Lifecycle::new(vec![rule], || "made".into())?;
//! let made = aws_types::Timestamp::from_unix_secs(0);
//! let tags = aws_types::Tags::default();
//! let version =
//!     VersionFacts { key: "logs/a", size_bytes: 1, tags: &tags, last_modified: made, place: Place::Current };
//! assert_eq!(lifecycle.due(&version).map(|due| due.at.unix_secs()), Some(30 * 86_400));
//! # Ok::<(), bucket_rules::RuleError>(())
//! ```

mod access_log;
mod acl;
mod acl_policy;
mod bucket_name;
mod bucket_policy;
mod canonical_user;
mod conditional;
mod copy_source;
mod cors;
mod due;
mod encryption;
mod error;
mod lifecycle;
mod logging;
mod notification;
mod object_key;
pub mod object_lock;
mod ownership;
mod post_policy;
mod public_access;
mod public_policy;
mod range;
mod tags;
mod time;
mod transition;
mod website;
mod written_policy;

pub use access_log::{AccessLogEntry, operation_name};
pub use acl::{Acl, CannedAcl, Grant, Grantee, Group, Permission, WrittenGrantee, acl_of_headers};
pub use acl_policy::{AclStatements, PolicyPart};
pub use bucket_name::BucketName;
pub use bucket_policy::{NamedPrincipal, POLICY_BYTES_MAX, S3Action, parse_bucket_policy, principals_of};
pub use canonical_user::CanonicalUserId;
pub use conditional::{Conditions, Current, ReadOutcome, WriteCondition, WriteRefused};
pub use copy_source::CopySource;
pub use cors::{CorsHeaders, CorsRequest, CorsRule, CorsRules, preflight};
pub use due::{Due, LifecycleAction, Place, VersionFacts};
pub use encryption::{BucketEncryption, SseAlgorithm, WrittenEncryptionRule};
pub use error::RuleError;
pub use lifecycle::{
    Expiration, Lifecycle, LifecycleAnd, LifecycleFilter, LifecycleRule, NoncurrentVersionExpiration,
};
pub use logging::{LogKeyFormat, LoggingTarget, TargetFacts};
pub use notification::{DestinationKind, Notification, Notifications};
pub use object_key::{KEY_BYTES_MAX, ObjectKey};
pub use ownership::ObjectOwnership;
pub use post_policy::{PostPolicy, PostPolicyError, SizeRange};
pub use public_access::PublicAccessBlock;
pub use public_policy::is_public_policy;
pub use range::ByteRange;
pub use tags::{BUCKET_TAGS_MAX, OBJECT_TAGS_MAX, Tagged, tags_of_header};
pub use time::http_date;
pub use transition::{NoncurrentVersionTransition, Transition, TransitionClass};
pub use website::{
    ErrorPage, Page, PageRequest, Redirect, RedirectAll, Redirection, RoutingCondition, RoutingRule, Website,
    WebsiteConfiguration, check_redirect_location,
};
