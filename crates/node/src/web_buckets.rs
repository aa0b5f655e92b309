//! Buckets as the gateway asks for them, for browsers, and tells of them, for their logs: from the records of S3.

use std::sync::Arc;

use aws_types::Partition;
use bucket_rules::AccessLogEntry;
use cloudtrail_events::TlsDetails;
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

    fn is_logged(&self, partition: Partition, name: &str) -> bool {
        self.0.is_logged(partition, name)
    }

    fn log_access(&self, partition: Partition, entry: &AccessLogEntry) {
        let (Some(version), Some(suite)) = (&entry.tls_version, &entry.cipher_suite) else {
            return self.0.log_access(partition, entry);
        };
        // Logs have the names of OpenSSL, as events have.
        let TlsDetails { tls_version, cipher_suite, .. } = TlsDetails::of(version, suite, None);
        let (tls_version, cipher_suite) = (Some(tls_version), Some(cipher_suite));
        self.0.log_access(partition, &AccessLogEntry { tls_version, cipher_suite, ..entry.clone() });
    }
}
