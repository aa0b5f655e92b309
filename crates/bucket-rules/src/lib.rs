//! What the names, headers and configurations of S3 buckets and objects mean.
//!
//! Owns what may stand in each, AWS's codes and messages for what may not, and what follows: which request of another origin
//! passes, what a lifecycle rule has due and when, what an access control list allows, which bytes a range asks for. Refuses to
//! know where buckets and objects are, wire formats, and what time it is: times come in. Pure.
//!
//! A configuration comes as it is written, with everything that may be missing, and becomes a type that holds what was checked.

mod bucket_name;
mod conditional;
mod copy_source;
mod error;
mod object_key;
mod range;
mod tags;
mod time;

pub use bucket_name::BucketName;
pub use conditional::{Conditions, Current, ReadOutcome, WriteCondition, WriteRefused};
pub use copy_source::CopySource;
pub use error::RuleError;
pub use object_key::{KEY_BYTES_MAX, ObjectKey};
pub use range::ByteRange;
pub use tags::{BUCKET_TAGS_MAX, OBJECT_TAGS_MAX, Tagged, tags_of_header};
pub use time::{http_date, parse_http_date};
