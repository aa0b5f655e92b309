//! What is attached to a version and can be changed after it was made: tags, retention and legal hold.
//!
//! Owns how requests for new versions bring them, and how answers show them. What may stand in each is `bucket-rules`'.

use aws_types::{Tags, Timestamp};
use bucket_rules::object_lock::{self, Retention};
use bucket_rules::tags_of_header;
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::error::{self, Failure};

/// What is attached to a version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attached {
    /// Its tags.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub(crate) tags: Tags,
    /// Until when it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retention: Option<Retention>,
    /// Whether it is held; `None` was never said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) legal_hold: Option<bool>,
}

/// What a request for a new version brings.
pub(crate) struct Brought<'a> {
    pub(crate) tagging: Option<&'a str>,
    pub(crate) mode: Option<&'a str>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) legal_hold: Option<&'a str>,
    pub(crate) has_event_hold: bool,
}

/// The members of a request that say it.
macro_rules! brought {
    ($from:expr) => {
        $crate::attached::Brought {
            tagging: $from.tagging.as_deref(),
            mode: $from.object_lock_mode.as_deref(),
            until: $from.object_lock_retain_until_date,
            legal_hold: $from.object_lock_legal_hold_status.as_deref(),
            has_event_hold: $from.object_lock_event_hold.is_some()
                || $from.object_lock_event_hold_duration_days.is_some()
                || $from.object_lock_event_hold_duration_years.is_some(),
        }
    };
}

/// Sets the members of an answer that show it.
macro_rules! show_attached {
    ($output:expr, $attached:expr) => {{
        let attached: &$crate::attached::Attached = $attached;
        $output.tag_count = i32::try_from(attached.tags.len()).ok().filter(|count| *count > 0);
        $output.object_lock_mode = attached.retention.map(|retention| retention.mode.as_str().to_owned());
        $output.object_lock_retain_until_date = attached.retention.map(|retention| retention.until);
        $output.object_lock_legal_hold_status =
            attached.legal_hold.map(|is_held| $crate::object_lock::hold_name(is_held).to_owned());
    }};
}

pub(crate) use {brought, show_attached};

impl Brought<'_> {
    /// Whether it asks for a lock.
    pub(crate) fn has_lock(&self) -> bool {
        self.mode.is_some() || self.until.is_some() || self.legal_hold.is_some()
    }
}

impl Attached {
    /// What a request brings, without what the bucket gives by default.
    ///
    /// # Errors
    /// `InvalidTag`, `InvalidArgument`; `InvalidRequest` for a lock in a bucket that has none.
    pub(crate) fn of(bucket: &Bucket, brought: &Brought<'_>, now: Timestamp) -> Result<Self, Failure> {
        if brought.has_event_hold {
            return Err(error::not_implemented("event holds").into());
        }
        if brought.has_lock() {
            let is_locked = bucket.configuration.object_lock.is_some();
            object_lock::check_is_locked(is_locked)?;
        }
        let tags = tags_of_header(brought.tagging.unwrap_or_default())?;
        let retention = Retention::of_headers(brought.mode, brought.until, now)?;
        let legal_hold = brought.legal_hold.map(object_lock::legal_hold_of_header);
        Ok(Self { tags, retention, legal_hold: legal_hold.transpose()? })
    }

    /// The same with the retention that the bucket gives to what brings none.
    pub(crate) fn with_default(mut self, bucket: &Bucket, made: Timestamp) -> Self {
        let default = bucket.configuration.object_lock.and_then(|lock| lock.default_retention);
        self.retention = self.retention.or_else(|| default.map(|default| default.of_version(made)));
        self
    }

    /// Whether nothing is attached.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the version may be removed for good.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub(crate) fn check_delete(&self, may_bypass: bool, now: Timestamp) -> Result<(), Failure> {
        let is_held = self.legal_hold == Some(true);
        Ok(object_lock::check_delete(self.retention.as_ref(), is_held, may_bypass, now)?)
    }
}
