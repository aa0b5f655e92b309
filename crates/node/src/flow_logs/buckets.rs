//! Where records go that are for a bucket: one file for all interfaces of a log, at the end of a window.
//!
//! Owns what the file is called and that it is compressed. Refuses to know policies and S3 ([`Deliveries`] does). What a bucket
//! does not take is lost, as EC2 then says.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html>

use std::io::{self, Write as _};

use aws_types::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use flow_logs::{Format, file_text};
use sha2::{Digest as _, Sha256};
use store::Scope;
use svc_ec2::record as ec2;

use crate::deliveries::{Delivered, Deliverer, Deliveries, DeliveryError, log_folder};

/// Why records are in no bucket.
#[derive(Debug, thiserror::Error)]
pub(super) enum BucketError {
    #[error("the format of the files is none that is written")]
    Form,
    #[error("the file cannot be made: {0}")]
    Made(#[from] io::Error),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

impl BucketError {
    /// In EC2's words.
    pub(super) fn failure(&self) -> ec2::DeliveryFailure {
        match self {
            Self::Delivery(DeliveryError::NoSuchBucket | DeliveryError::AccessDenied(_)) => {
                ec2::DeliveryFailure::AccessError
            }
            Self::Delivery(DeliveryError::Refused(_)) | Self::Form | Self::Made(_) => {
                ec2::DeliveryFailure::Unknown
            }
        }
    }
}

/// Puts lines of a log into its bucket.
pub(super) fn deliver(
    deliveries: &Deliveries,
    scope: &Scope,
    log: &ec2::FlowLog,
    lines: &[String],
    at: Timestamp,
) -> Result<(), BucketError> {
    let (bucket, folder, options) = log.destination.bucket().ok_or(BucketError::Form)?;
    let format = Format::parse(&log.format).map_err(|_| BucketError::Form)?;
    // An earlier build made logs in Parquet, which none can write.
    if options.is_parquet {
        return Err(BucketError::Form);
    }
    let text = file_text(&format, lines);
    let hash = hex::encode(&Sha256::digest(&text)[..4]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    let body = encoder.finish()?;
    let files = log_folder(scope.account, folder, options);
    let key = files.key(&scope.region, log.id, at, &hash);
    let by = Deliverer::of_flow_logs(scope.partition, scope.account, &scope.region);
    let object = Delivered { key, content_type: "text/plain", body };
    Ok(deliveries.deliver(&by, bucket, object, at)?)
}
