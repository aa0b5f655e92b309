//! What the gateway has to know of buckets, beside what their service answers.
//!
//! Browsers ask in two ways that are no operation of S3: whether a page of another origin may send a request, and for the pages of
//! a website. Both are answered by what a bucket's owner has written. And what a bucket is asked may be written into a log. Refuses to
//! know where that is kept.

use std::sync::Arc;

use aws_types::{Partition, Region};
use bucket_rules::{AccessLogEntry, CorsRules, Website};

/// Knows buckets.
pub trait Buckets: Send + Sync + 'static {
    /// The bucket of a name, whoever has it and wherever it is in the partition.
    fn bucket(&self, partition: Partition, name: &str) -> Option<WebBucket>;

    /// Whether there is a bucket of a name.
    fn is_there(&self, partition: Partition, name: &str) -> bool {
        self.bucket(partition, name).is_some()
    }

    /// Whether what a bucket is asked is written into a log. It is looked up for each request that may name a bucket.
    fn is_logged(&self, _: Partition, _: &str) -> bool {
        false
    }

    /// Learns of a request that names a bucket with a log, once its answer was given to the connection, or nobody takes the rest of
    /// it. It has to return at once. TLS has the names that rustls gives.
    fn log_access(&self, _: Partition, _: &AccessLogEntry) {}
}

/// A bucket as browsers meet it. It is looked up with every answer, so that what may be long is shared.
#[derive(Clone, Debug)]
pub struct WebBucket {
    /// Where it is.
    pub region: Region,
    /// Which requests of other origins pass.
    pub cors: Option<Arc<CorsRules>>,
    /// Its website.
    pub website: Option<Arc<Website>>,
}

/// For clouds without S3.
impl Buckets for () {
    fn bucket(&self, _: Partition, _: &str) -> Option<WebBucket> {
        None
    }

    fn is_there(&self, _: Partition, _: &str) -> bool {
        true
    }
}
