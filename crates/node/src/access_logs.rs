//! Access logs of buckets, on their way into the buckets that they are for.
//!
//! Owns when they are delivered. What waits is in memory, so that a daemon that is killed loses it: logs are by best effort, as on
//! AWS. What lines say is `bucket-rules`', and whether a target lets logs in is asked of [`Deliveries`].
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>

use std::sync::Arc;
use std::time::Duration;

use svc_s3::{LogDelivery, S3};

use crate::deliveries::{Deliveries, DeliveryError};
use crate::now;

/// How long requests are gathered for a log: on AWS, where most logs come within some hours, and where nobody waits so long.
const GATHERING_AS_AWS: Duration = Duration::from_secs(5 * 60);
const GATHERING: Duration = Duration::from_secs(5);

/// Delivers access logs.
pub(crate) struct AccessLogs {
    s3: Arc<S3>,
    deliveries: Arc<Deliveries>,
    gathering: Duration,
}

impl AccessLogs {
    pub(crate) fn new(s3: Arc<S3>, deliveries: Arc<Deliveries>, realistic_timing: bool) -> Self {
        let gathering = if realistic_timing { GATHERING_AS_AWS } else { GATHERING };
        Self { s3, deliveries, gathering }
    }

    /// Delivers until it is told to end.
    pub(crate) async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.gathering).await;
            if !self.s3.has_access_logs() {
                continue;
            }
            let me = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || me.deliver()).await.is_err() {
                tracing::error!("the delivery of access logs panicked");
            }
        }
    }

    /// Delivers what waits. What cannot be delivered is lost, and the log of the daemon says so. Blocks for the disk.
    pub(crate) fn deliver(&self) {
        let at = now();
        let report = self.s3.deliver_access_logs(at, |log| match self.deliveries.check_access_log(log, at) {
            Ok(()) => true,
            Err(error) => {
                tell_refusal(log, &error);
                false
            }
        });
        for (bucket, why) in report.failures {
            tracing::warn!(bucket, why, "an access log could not be delivered, and is lost");
        }
        if report.dropped > 0 {
            tracing::warn!(requests = report.dropped, "requests are in no access log");
        }
    }
}

fn tell_refusal(log: &LogDelivery, error: &DeliveryError) {
    let (source, target) = (log.source_arn.as_str(), log.target.as_str());
    tracing::info!(source, target, %error, "a bucket does not let access logs in");
}
