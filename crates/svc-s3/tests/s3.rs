//! The operations of S3, called as the gateway calls them, on records in memory and objects in a directory.

#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "s3/acls.rs"]
mod acls;
#[path = "s3/authorization.rs"]
mod authorization;
#[path = "s3/bucket_encryption.rs"]
mod bucket_encryption;
#[path = "s3/buckets.rs"]
mod buckets;
#[path = "s3/callers.rs"]
mod callers;
#[path = "s3/configurations.rs"]
mod configurations;
#[path = "s3/copies.rs"]
mod copies;
#[path = "s3/encryption.rs"]
mod encryption;
#[path = "s3/harness.rs"]
mod harness;
#[path = "s3/hidden.rs"]
mod hidden;
#[path = "s3/lifecycle.rs"]
mod lifecycle;
#[path = "s3/lifecycle_run.rs"]
mod lifecycle_run;
#[path = "s3/listing.rs"]
mod listing;
#[path = "s3/multipart.rs"]
mod multipart;
#[path = "s3/object_lock.rs"]
mod object_lock;
#[path = "s3/objects.rs"]
mod objects;
#[path = "s3/operators.rs"]
mod operators;
#[path = "s3/ownership.rs"]
mod ownership;
#[path = "s3/policies.rs"]
mod policies;
#[path = "s3/public_access.rs"]
mod public_access;
#[path = "s3/tagging.rs"]
mod tagging;
#[path = "s3/versions.rs"]
mod versions;
#[path = "s3/web.rs"]
mod web;
