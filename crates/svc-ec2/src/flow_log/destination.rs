//! Where the records of flow logs go.
//!
//! Owns what a request may say of that. Whether a bucket takes the records, whoever has buckets tells: [`FlowLogBuckets`]. Whether other
//! destinations are there is not looked for, as they are not.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>

use aws_api::ec2 as api;
use aws_types::Partition;
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};

use crate::error;

/// The folder of a bucket that the records themselves go to.
const RESERVED_FOLDER: &str = "AWSLogs";

/// The form of the files in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLogDestinationOptions {
    /// Whether they are Parquet rather than plain text.
    pub is_parquet: bool,
    /// Whether the names of folders are as Hive has them.
    pub hive_compatible_partitions: bool,
    /// Whether there is a folder for each hour.
    pub per_hour_partition: bool,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowLogDestination {
    /// A log group.
    CloudWatchLogs {
        /// Its name.
        group: String,
        /// Its ARN, where the request names it so.
        arn: Option<String>,
        /// The role that delivers.
        role: String,
    },
    /// A bucket.
    S3 {
        /// Its ARN, and the folder in it.
        arn: String,
        /// The form of the files.
        options: FlowLogDestinationOptions,
    },
    /// A delivery stream.
    Firehose {
        /// Its ARN.
        arn: String,
    },
}

/// Why a bucket does not take the records of flow logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// Its policy does not let the delivery of logs in, and whoever asks cannot change it.
    AccessDenied,
}

impl BucketRefusal {
    /// What a resource fails with whose records would go there.
    pub(super) fn error(self, bucket: &str) -> ServiceError {
        let message = match self {
            Self::NoSuchBucket => format!("LogDestination: {bucket} does not exist"),
            Self::AccessDenied => {
                format!("Access Denied for LogDestination: {bucket}. Please check LogDestination permission")
            }
        };
        ServiceError::new("400", message)
    }
}

/// Whoever has buckets.
pub trait FlowLogBuckets: Send + Sync + 'static {
    /// Looks whether records of the caller's account can be delivered into a folder of a bucket. Where its policy does not let
    /// them in, but the caller may change that, it does from now on.
    ///
    /// # Errors
    /// [`BucketRefusal`].
    fn admit(
        &self,
        context: &RequestContext,
        bucket: &str,
        folder: &str,
        options: FlowLogDestinationOptions,
    ) -> Result<(), BucketRefusal>;
}

impl FlowLogDestination {
    /// The bucket that records go to, the folder in it without slashes at its ends, and the form of the files.
    pub fn bucket(&self) -> Option<(&str, &str, FlowLogDestinationOptions)> {
        let Self::S3 { arn, options } = self else { return None };
        let place = arn.split(":::").nth(1)?;
        let (bucket, folder) = place.split_once('/').unwrap_or((place, ""));
        Some((bucket, folder.trim_matches('/'), *options))
    }

    /// Whether records go to the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::CloudWatchLogs { group: one, .. }, Self::CloudWatchLogs { group: other, .. }) => {
                one == other
            }
            (Self::S3 { arn: one, .. }, Self::S3 { arn: other, .. })
            | (Self::Firehose { arn: one }, Self::Firehose { arn: other }) => one == other,
            _ => false,
        }
    }

    /// The AWS service that it is in, where that is not there.
    pub(super) fn service(&self) -> Option<&'static str> {
        match self {
            Self::CloudWatchLogs { .. } => Some("CloudWatch Logs"),
            Self::S3 { .. } => None,
            Self::Firehose { .. } => Some("Firehose"),
        }
    }

    /// The members that tell of it.
    pub(super) fn shown(&self) -> api::FlowLog {
        let unset = api::FlowLog::default();
        match self {
            Self::CloudWatchLogs { group, arn, role } => api::FlowLog {
                deliver_logs_permission_arn: Some(role.clone()),
                log_destination: arn.clone(),
                log_destination_type: Some("cloud-watch-logs".to_owned()),
                log_group_name: Some(group.clone()),
                ..unset
            },
            Self::S3 { arn, options } => api::FlowLog {
                destination_options: Some(api::DestinationOptionsResponse {
                    file_format: Some(if options.is_parquet { "parquet" } else { "plain-text" }.to_owned()),
                    hive_compatible_partitions: Some(options.hive_compatible_partitions),
                    per_hour_partition: Some(options.per_hour_partition),
                }),
                log_destination: Some(arn.clone()),
                log_destination_type: Some("s3".to_owned()),
                ..unset
            },
            Self::Firehose { arn } => api::FlowLog {
                log_destination: Some(arn.clone()),
                log_destination_type: Some("kinesis-data-firehose".to_owned()),
                ..unset
            },
        }
    }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameter", message.into())
}

/// The resource that an ARN of this partition and service names.
fn resource<'a>(partition: Partition, arn: &'a str, service: &str) -> Option<&'a str> {
    let rest = arn.strip_prefix(&format!("arn:{partition}:"))?;
    let mut parts = rest.splitn(4, ':');
    let is_of_service = parts.next() == Some(service);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let is_place = match service {
        "s3" => region.is_empty() && account.is_empty(),
        "iam" => region.is_empty() && account.len() == 12,
        _ => !region.is_empty() && account.len() == 12,
    };
    Some(resource).filter(|_| is_of_service && is_place)
}

fn role(partition: Partition, arn: &str, parameter: &str) -> Result<String, ServiceError> {
    let name = resource(partition, arn, "iam").and_then(|resource| resource.strip_prefix("role/"));
    match name {
        Some(name) if !name.is_empty() => Ok(arn.to_owned()),
        _ => Err(invalid(format!("{parameter} '{arn}' is not the ARN of an IAM role."))),
    }
}

/// Reads where records go, and the role by which they get into another account.
///
/// # Errors
/// `InvalidParameter` for what does not fit together, or names no destination.
pub(super) fn read(
    partition: Partition,
    input: &api::CreateFlowLogsRequest,
) -> Result<(FlowLogDestination, Option<String>), ServiceError> {
    let kind = input.log_destination_type.as_deref().unwrap_or("cloud-watch-logs");
    let destination = match kind {
        "cloud-watch-logs" => cloud_watch_logs(partition, input)?,
        "s3" => s3(partition, input)?,
        "kinesis-data-firehose" => firehose(partition, input)?,
        other => {
            let why = "It has to be cloud-watch-logs, s3 or kinesis-data-firehose.";
            return Err(error::invalid_value_for(other, "logDestinationType", why));
        }
    };
    if kind != "s3" && input.destination_options.is_some() {
        return Err(invalid(format!("DestinationOptions is not applicable for {kind} delivery")));
    }
    let Some(cross) = &input.deliver_cross_account_role else { return Ok((destination, None)) };
    if kind == "s3" {
        return Err(invalid("DeliverCrossAccountRole is not applicable for s3 delivery"));
    }
    Ok((destination, Some(role(partition, cross, "DeliverCrossAccountRole")?)))
}

fn cloud_watch_logs(
    partition: Partition,
    input: &api::CreateFlowLogsRequest,
) -> Result<FlowLogDestination, ServiceError> {
    let permission = input.deliver_logs_permission_arn.as_deref().ok_or_else(|| {
        invalid("DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
    })?;
    let role = role(partition, permission, "DeliverLogsPermissionArn")?;
    match (&input.log_group_name, &input.log_destination) {
        (None, None) => Err(invalid("LogDestination can't be empty if LogGroupName is not provided.")),
        (Some(_), Some(_)) => {
            Err(invalid("Please only provide LogGroupName or only provide LogDestination."))
        }
        (Some(group), None) => {
            // <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
            let is_name = (1..=512).contains(&group.len())
                && group.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.#".contains(c));
            if !is_name {
                return Err(invalid(format!("LogGroupName '{group}' is not the name of a log group.")));
            }
            Ok(FlowLogDestination::CloudWatchLogs { group: group.clone(), arn: None, role })
        }
        (None, Some(arn)) => {
            let group =
                resource(partition, arn, "logs").and_then(|resource| resource.strip_prefix("log-group:"));
            let group = group.map(|group| group.strip_suffix(":*").unwrap_or(group));
            let group = group.filter(|group| !group.is_empty() && !group.contains(':'));
            let group = group
                .ok_or_else(|| invalid(format!("LogDestination '{arn}' is not the ARN of a log group.")))?;
            Ok(FlowLogDestination::CloudWatchLogs { group: group.to_owned(), arn: Some(arn.clone()), role })
        }
    }
}

/// The one ARN of a destination that is not a log group.
fn arn_only<'a>(input: &'a api::CreateFlowLogsRequest, kind: &str) -> Result<&'a str, ServiceError> {
    if input.log_group_name.is_some() {
        return Err(invalid(format!("LogGroupName is not applicable for {kind} delivery")));
    }
    let arn = input.log_destination.as_deref();
    arn.ok_or_else(|| invalid(format!("LogDestination can't be empty if LogDestinationType is {kind}.")))
}

fn s3(partition: Partition, input: &api::CreateFlowLogsRequest) -> Result<FlowLogDestination, ServiceError> {
    if input.deliver_logs_permission_arn.is_some() {
        return Err(invalid("DeliverLogsPermissionArn is not applicable for s3 delivery"));
    }
    let arn = arn_only(input, "s3")?;
    let place = resource(partition, arn, "s3").unwrap_or_default();
    let (bucket, folder) = place.split_once('/').unwrap_or((place, ""));
    if !(3..=63).contains(&bucket.len()) {
        return Err(invalid(format!("LogDestination '{arn}' is not the ARN of a bucket.")));
    }
    if folder.split('/').any(|part| part == RESERVED_FOLDER) {
        return Err(invalid(format!("LogDestination '{arn}' has the reserved folder {RESERVED_FOLDER}.")));
    }
    let given = input.destination_options.clone().unwrap_or_default();
    match given.file_format.as_deref() {
        None | Some("plain-text") => {}
        Some("parquet") => return Err(error::unsupported("Flow logs in Parquet are not supported.")),
        Some(other) => {
            let why = "It has to be plain-text or parquet.";
            return Err(error::invalid_value_for(other, "fileFormat", why));
        }
    }
    let options = FlowLogDestinationOptions {
        is_parquet: false,
        hive_compatible_partitions: given.hive_compatible_partitions.unwrap_or(false),
        per_hour_partition: given.per_hour_partition.unwrap_or(false),
    };
    Ok(FlowLogDestination::S3 { arn: arn.to_owned(), options })
}

fn firehose(
    partition: Partition,
    input: &api::CreateFlowLogsRequest,
) -> Result<FlowLogDestination, ServiceError> {
    if input.deliver_logs_permission_arn.is_some() && input.deliver_cross_account_role.is_none() {
        return Err(invalid(
            "DeliverLogsPermissionArn is not applicable for kinesis-data-firehose delivery in the same account",
        ));
    }
    if input.deliver_cross_account_role.is_some() {
        return Err(error::unsupported("Flow logs that go to another account are not supported."));
    }
    let arn = arn_only(input, "kinesis-data-firehose")?;
    let stream =
        resource(partition, arn, "firehose").and_then(|resource| resource.strip_prefix("deliverystream/"));
    if stream.is_none_or(str::is_empty) {
        return Err(invalid(format!("LogDestination '{arn}' is not the ARN of a delivery stream.")));
    }
    Ok(FlowLogDestination::Firehose { arn: arn.to_owned() })
}
