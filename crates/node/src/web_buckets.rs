//! Buckets as the gateway asks for them, for browsers: from the records of S3.

use std::sync::Arc;

use aws_types::Partition;
use gateway::{Buckets, WebBucket};
use svc_s3::S3;

/// The buckets of the cloud's S3.
pub(crate) struct WebBuckets(pub(crate) Arc<S3>);

impl Buckets for WebBuckets {
    fn bucket(&self, partition: Partition, name: &str) -> Option<WebBucket> {
        let bucket = self.0.bucket(partition, name)?;
        Some(WebBucket {
            region: bucket.region.clone(),
            cors: bucket.cors.clone(),
            website: bucket.website.clone(),
        })
    }
}
