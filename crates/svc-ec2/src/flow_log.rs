//! Flow logs: CreateFlowLogs, DeleteFlowLogs, DescribeFlowLogs.
//!
//! Owns the record, what a request for one may say, and whether its records are delivered as far as the node has told.
//! Refuses to know flows, and where they go.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html>

mod destination;
mod format;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{
    FlowLogId, NetworkInterfaceId, Partition, SubnetId, Tags, Timestamp, TransitGatewayAttachmentId,
    TransitGatewayId, VpcId,
};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::Scope;

use crate::filter::{Filters, text};
use crate::idempotency::Attempt;
use crate::network_interface::NetworkInterface;
use crate::page::{LIMITS, Page};
use crate::record::{TransitGateway, TransitGatewayAttachment};
use crate::state::{Edit, Naming, State, resource};
use crate::subnet::Subnet;
use crate::vpc::Vpc;
use crate::{Ec2, error, progress, quota, tag};

pub use destination::{BucketRefusal, FlowLogBuckets, FlowLogDestination, FlowLogDestinationOptions};

/// How many resources one request can name.
const MAX_RESOURCES: usize = 1000;
/// How many of them, if they are transit gateways or their attachments.
const MAX_OF_TRANSIT_GATEWAY: usize = 25;
/// Over how long a record is collected where the request does not say.
const DEFAULT_INTERVAL_SECS: i32 = 600;
/// Over how long a record of a transit gateway is collected.
const TRANSIT_GATEWAY_INTERVAL_SECS: i32 = 60;

/// Whose flows a log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowLogResource {
    /// All interfaces of a VPC.
    Vpc(VpcId),
    /// All interfaces of a subnet.
    Subnet(SubnetId),
    /// One interface.
    NetworkInterface(NetworkInterfaceId),
    /// All attachments of a transit gateway.
    TransitGateway(TransitGatewayId),
    /// One attachment of a transit gateway.
    TransitGatewayAttachment(TransitGatewayAttachmentId),
}

impl std::fmt::Display for FlowLogResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Vpc(id) => id.fmt(f),
            Self::Subnet(id) => id.fmt(f),
            Self::NetworkInterface(id) => id.fmt(f),
            Self::TransitGateway(id) => id.fmt(f),
            Self::TransitGatewayAttachment(id) => id.fmt(f),
        }
    }
}

/// Which flows a log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficType {
    /// Those that are let through.
    Accept,
    /// Those that are not.
    Reject,
    /// Both.
    All,
}

impl TrafficType {
    fn parse(text: &str) -> Result<Self, ServiceError> {
        match text {
            "ACCEPT" => Ok(Self::Accept),
            "REJECT" => Ok(Self::Reject),
            "ALL" => Ok(Self::All),
            other => {
                Err(error::invalid_value_for(other, "trafficType", "It has to be ACCEPT, REJECT or ALL."))
            }
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Reject => "REJECT",
            Self::All => "ALL",
        }
    }
}

/// A flow log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowLog {
    /// Its id.
    pub id: FlowLogId,
    /// Whose flows it has.
    pub resource: FlowLogResource,
    /// Which of them.
    pub traffic: TrafficType,
    /// Where its records go.
    pub destination: FlowLogDestination,
    /// The role that delivers them from another account.
    pub cross_account_role: Option<String>,
    /// The fields of a record, as `${field}`.
    pub format: String,
    /// Over how many seconds a record is collected.
    pub interval_secs: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Why the newest records were not delivered; none if they were, or there were none yet.
    #[serde(default)]
    pub failure: Option<DeliveryFailure>,
    /// Its tags.
    pub tags: Tags,
}

/// Why records were not delivered.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FlowLog.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryFailure {
    /// There were more of them than are taken.
    RateLimited,
    /// They may not be written.
    AccessError,
    /// Anything else.
    Unknown,
}

impl DeliveryFailure {
    fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "Rate limited",
            Self::AccessError => "Access error",
            Self::Unknown => "Unknown error",
        }
    }
}

impl FlowLog {
    /// Whether its flows are not collected: those of transit gateways are not yet, so that nothing can be delivered.
    pub fn is_of_transit_gateway(&self) -> bool {
        matches!(
            self.resource,
            FlowLogResource::TransitGateway(_) | FlowLogResource::TransitGatewayAttachment(_)
        )
    }

    /// Where its records really go, for people; nothing where they go to the bucket that it names.
    pub fn whereabouts(&self) -> Option<String> {
        let (service, id) = (self.destination.service()?, self.id);
        Some(format!(
            "{service} does not exist here yet; the records go to files in the cloud's data directory, under \
             flow-logs/ACCOUNT/REGION/{id}"
        ))
    }

    fn failure_now(&self) -> Option<DeliveryFailure> {
        if self.is_of_transit_gateway() { Some(DeliveryFailure::Unknown) } else { self.failure }
    }
}

impl Ec2 {
    /// The newest records of a log were delivered, or were not for a reason. A log that is gone is none.
    ///
    /// # Errors
    /// A failed commit.
    pub fn flow_log_delivered(
        &self,
        scope: &Scope,
        id: FlowLogId,
        failure: Option<DeliveryFailure>,
        at: Timestamp,
    ) -> Result<(), ServiceError> {
        self.transact(scope, at, |edit| {
            if let Some(log) = edit.find::<FlowLog>(id)
                && log.failure != failure
            {
                edit.put(FlowLog { failure, ..std::sync::Arc::unwrap_or_clone(log) });
            }
            Ok(())
        })
    }
}

fn unknown(ids: &[String]) -> String {
    let count = ids.len();
    format!("These flow log ids in the input list are not found: [TotalCount: {count}] {}", ids.join(" "))
}

resource!(
    FlowLog,
    FlowLogId,
    "ec2.flow-log",
    Naming {
        resource_type: "vpc-flow-log",
        noun: "flowLog",
        not_found: "InvalidFlowLogId.NotFound",
        malformed: "InvalidFlowLogId.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        unknown(&[id.to_owned()])
    },
    fn none_found_message(ids: &[String]) -> String {
        unknown(ids)
    }
);

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateFlowLogs>(create)
        .with::<op::DeleteFlowLogs>(delete)
        .with::<op::DescribeFlowLogs>(describe)
}

/// Removes the flow logs of a resource that is deleted.
pub(crate) fn forget(edit: &mut Edit<'_>, resource: FlowLogResource) {
    let logs: Vec<_> = edit.all::<FlowLog>().filter(|log| log.resource == resource).collect();
    logs.iter().for_each(|log| edit.remove::<FlowLog>(log.id));
}

/// The resource that a request names, of the type that it says.
fn named(edit: &Edit<'_>, kind: &str, id: &str) -> Result<FlowLogResource, ServiceError> {
    match kind {
        "VPC" => Ok(FlowLogResource::Vpc(edit.named::<Vpc>(id)?.id)),
        "Subnet" => Ok(FlowLogResource::Subnet(edit.named::<Subnet>(id)?.id)),
        "NetworkInterface" => Ok(FlowLogResource::NetworkInterface(edit.named::<NetworkInterface>(id)?.id)),
        "TransitGateway" => {
            Ok(FlowLogResource::TransitGateway(progress::live::<TransitGateway>(edit, id)?.id))
        }
        "TransitGatewayAttachment" => Ok(FlowLogResource::TransitGatewayAttachment(
            progress::live::<TransitGatewayAttachment>(edit, id)?.id,
        )),
        // There are none here, so that no id is of one.
        "RegionalNatGateway" => Err(nothing("NatGatewayNotFound", "regional NAT gateway", id)),
        other => Err(error::invalid_value_for(
            other,
            "resourceType",
            "It has to be VPC, Subnet, NetworkInterface, TransitGateway, TransitGatewayAttachment or \
             RegionalNatGateway.",
        )),
    }
}

fn nothing(code: &'static str, noun: &str, id: &str) -> ServiceError {
    ServiceError::new(code, format!("The {noun} ID '{id}' does not exist"))
}

/// Over how many seconds a record is collected: a minute or ten, and of transit gateways a minute.
fn read_interval(asked: Option<i32>, is_of_transit_gateway: bool) -> Result<i32, ServiceError> {
    let (default, why) = if is_of_transit_gateway {
        (TRANSIT_GATEWAY_INTERVAL_SECS, "It has to be 60 for transit gateway resource types.")
    } else {
        (DEFAULT_INTERVAL_SECS, "It has to be 60 or 600.")
    };
    let interval_secs = asked.unwrap_or(default);
    if interval_secs == 60 || interval_secs == default {
        Ok(interval_secs)
    } else {
        Err(error::invalid_value_for(interval_secs, "maxAggregationInterval", why))
    }
}

/// What the logs of one request have in common.
struct Wanted {
    traffic: TrafficType,
    destination: FlowLogDestination,
    cross_account_role: Option<String>,
    format: String,
    interval_secs: i32,
    tags: Tags,
}

impl Wanted {
    fn read(partition: Partition, input: &api::CreateFlowLogsRequest) -> Result<Self, ServiceError> {
        let tags = tag::specified(input.tag_specifications.as_ref(), "vpc-flow-log")?;
        if input.tag_field_specifications.as_ref().is_some_and(|fields| !fields.is_empty()) {
            return Err(error::unsupported("Tags as fields of flow logs are not supported."));
        }
        if input.resource_ids.is_empty() {
            return Err(error::missing("resourceId"));
        }
        let is_of_transit_gateway = input.resource_type.starts_with("TransitGateway");
        let most = if is_of_transit_gateway { MAX_OF_TRANSIT_GATEWAY } else { MAX_RESOURCES };
        if input.resource_ids.len() > most {
            return Err(error::invalid_value(format!("A request can name at most {most} resources.")));
        }
        let traffic = match input.traffic_type.as_deref() {
            Some(_) if is_of_transit_gateway => {
                let message = "TrafficType is not supported for transit gateway resource types.";
                return Err(ServiceError::new("InvalidParameter", message));
            }
            Some(text) => TrafficType::parse(text)?,
            None if is_of_transit_gateway => TrafficType::All,
            None => return Err(error::missing("trafficType")),
        };
        let interval_secs = read_interval(input.max_aggregation_interval, is_of_transit_gateway)?;
        let (destination, cross_account_role) = destination::read(partition, input)?;
        let format = format::read(input.log_format.as_deref(), is_of_transit_gateway)?;
        Ok(Self { traffic, destination, cross_account_role, format, interval_secs, tags })
    }

    fn make(&self, edit: &Edit<'_>, resource: FlowLogResource) -> FlowLog {
        FlowLog {
            id: edit.new_id(),
            resource,
            traffic: self.traffic,
            destination: self.destination.clone(),
            cross_account_role: self.cross_account_role.clone(),
            format: self.format.clone(),
            interval_secs: self.interval_secs,
            created_at: edit.now(),
            failure: None,
            tags: self.tags.clone(),
        }
    }
}

/// A resource that is not there fails alone; what the request says otherwise is right for all or for none.
fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateFlowLogsRequest,
) -> Result<api::CreateFlowLogsResult, ServiceError> {
    let wanted = Wanted::read(context.partition, &input)?;
    let dry_run = input.dry_run.take();
    let refused = wanted.destination.bucket().filter(|_| dry_run != Some(true));
    let refused = refused.and_then(|(bucket, folder, options)| {
        let buckets = ec2.log_buckets.as_ref()?;
        Some(buckets.admit(context, bucket, folder, options).err()?.error(bucket))
    });
    let attempt = Attempt::new("CreateFlowLogs", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let mut made = Vec::new();
        let mut failed = Vec::new();
        let earlier = match &attempt {
            Some(attempt) => attempt.earlier(edit)?,
            None => None,
        };
        if let Some(earlier) = &earlier {
            made.clone_from(earlier);
        }
        for id in input.resource_ids.iter().filter(|_| earlier.is_none()) {
            let resource = match named(edit, &input.resource_type, id) {
                Ok(resource) => resource,
                Err(error) if error.code == "InvalidParameterValue" => return Err(error),
                Err(error) => {
                    failed.push(error::unsuccessful(id, error));
                    continue;
                }
            };
            if let Some(refused) = &refused {
                failed.push(error::unsuccessful(id, refused.clone()));
                continue;
            }
            let held: Vec<_> = edit.all::<FlowLog>().filter(|log| log.resource == resource).collect();
            let is_same =
                |log: &FlowLog| log.traffic == wanted.traffic && log.destination.is_same(&wanted.destination);
            if held.iter().any(|log| is_same(log)) {
                return Err(ServiceError::new(
                    "FlowLogAlreadyExists",
                    "Error. There is an existing Flow Log with the same configuration and log destination.",
                ));
            }
            quota::FLOW_LOGS_PER_RESOURCE.check(edit, held.len() + 1)?;
            let log = wanted.make(edit, resource);
            made.push(log.id.to_string());
            edit.put(log);
        }
        if let Some(attempt) = attempt.as_ref().filter(|_| earlier.is_none() && !made.is_empty()) {
            attempt.remember(edit, made.clone());
        }
        Ok(api::CreateFlowLogsResult {
            client_token: input.client_token.clone(),
            flow_log_ids: Some(made),
            unsuccessful: Some(failed),
        })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteFlowLogsRequest,
) -> Result<api::DeleteFlowLogsResult, ServiceError> {
    if input.flow_log_ids.is_empty() {
        return Err(error::missing("flowLogId"));
    }
    ec2.edit(context, input.dry_run, |edit: &mut Edit<'_>| {
        let logs = edit.selected::<FlowLog>(Some(&input.flow_log_ids))?;
        logs.iter().for_each(|log| edit.remove::<FlowLog>(log.id));
        Ok(api::DeleteFlowLogsResult { unsuccessful: Some(Vec::new()) })
    })
}

fn shown(log: &FlowLog) -> api::FlowLog {
    let failure = log.failure_now();
    let message = match failure {
        Some(failure) => Some(failure.as_str().to_owned()),
        None => log.whereabouts(),
    };
    api::FlowLog {
        creation_time: Some(log.created_at),
        deliver_logs_error_message: message,
        deliver_logs_status: Some(if failure.is_some() { "FAILED" } else { "SUCCESS" }.to_owned()),
        deliver_cross_account_role: log.cross_account_role.clone(),
        flow_log_id: Some(log.id.to_string()),
        flow_log_status: Some("ACTIVE".to_owned()),
        log_format: Some(log.format.clone()),
        max_aggregation_interval: Some(log.interval_secs),
        resource_id: Some(log.resource.to_string()),
        tags: tag::shown(&log.tags),
        traffic_type: Some(log.traffic.as_str().to_owned()),
        ..log.destination.shown()
    }
}

static FILTERS: Filters<api::FlowLog> = Filters {
    tags: Some(|log| log.tags.as_deref().unwrap_or_default()),
    named: &[
        ("deliver-log-status", |log| text(&log.deliver_logs_status)),
        ("flow-log-id", |log| text(&log.flow_log_id)),
        ("log-destination-type", |log| text(&log.log_destination_type)),
        ("log-group-name", |log| text(&log.log_group_name)),
        ("resource-id", |log| text(&log.resource_id)),
        ("traffic-type", |log| text(&log.traffic_type)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeFlowLogsRequest,
) -> Result<api::DescribeFlowLogsResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::capped("DescribeFlowLogs", input.max_results, input.next_token.as_ref(), LIMITS);
    let wanted = FILTERS.wanted(input.filter.as_ref());
    let (logs, next_token) = page.of(&view, input.flow_log_ids.as_ref(), wanted, shown)?;
    ec2.answer(input.dry_run, api::DescribeFlowLogsResult { flow_logs: Some(logs), next_token })
}
