//! The fields of a flow log's records.
//!
//! Owns their names. Refuses to know what they say of a flow.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html#flow-logs-fields>

use service_api::ServiceError;

/// The fields of version 2, which are the default.
const DEFAULT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} \
                       ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// The fields of the logs of transit gateways, which are version 6; all of them are the default.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html#flow-log-records>
const OF_TRANSIT_GATEWAYS: &str = "\
     ${version} ${resource-type} ${account-id} ${tgw-id} ${tgw-attachment-id} ${tgw-src-vpc-account-id} \
     ${tgw-dst-vpc-account-id} ${tgw-src-vpc-id} ${tgw-dst-vpc-id} ${tgw-src-subnet-id} ${tgw-dst-subnet-id} \
     ${tgw-src-eni} ${tgw-dst-eni} ${tgw-src-az-id} ${tgw-dst-az-id} ${tgw-pair-attachment-id} ${srcaddr} \
     ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${log-status} ${type} \
     ${packets-lost-no-route} ${packets-lost-blackhole} ${packets-lost-mtu-exceeded} \
     ${packets-lost-ttl-expired} ${tcp-flags} ${region} ${flow-direction} ${pkt-src-aws-service} \
     ${pkt-dst-aws-service}";

/// All other fields that AWS documents, by the version that brought them.
const FIELDS: [(u8, &[&str]); 8] = [
    (
        2,
        &[
            "version",
            "account-id",
            "interface-id",
            "srcaddr",
            "dstaddr",
            "srcport",
            "dstport",
            "protocol",
            "packets",
            "bytes",
            "start",
            "end",
            "action",
            "log-status",
        ],
    ),
    (3, &["vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr"]),
    (4, &["region", "az-id", "sublocation-type", "sublocation-id"]),
    (5, &["pkt-src-aws-service", "pkt-dst-aws-service", "flow-direction", "traffic-path"]),
    (
        7,
        &[
            "ecs-cluster-arn",
            "ecs-cluster-name",
            "ecs-container-instance-arn",
            "ecs-container-instance-id",
            "ecs-container-id",
            "ecs-second-container-id",
            "ecs-service-name",
            "ecs-task-definition-arn",
            "ecs-task-arn",
            "ecs-task-id",
        ],
    ),
    (8, &["reject-reason"]),
    (9, &["resource-id"]),
    (10, &["encryption-status"]),
];

/// Reads a format, which is a list of `${field}`; the default one where there is none.
///
/// # Errors
/// `InvalidParameter` for anything else.
pub(super) fn read(format: Option<&str>, is_of_transit_gateway: bool) -> Result<String, ServiceError> {
    let Some(format) = format else {
        return Ok(if is_of_transit_gateway { OF_TRANSIT_GATEWAYS } else { DEFAULT }.to_owned());
    };
    let fields: Vec<&str> = format.split_whitespace().collect();
    if fields.is_empty() {
        return Err(ServiceError::new("InvalidParameter", "LogFormat can't be empty."));
    }
    for field in fields {
        let name = field.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let is_known = if is_of_transit_gateway {
            OF_TRANSIT_GATEWAYS.split(' ').any(|known| known == field)
        } else {
            name.is_some_and(|name| FIELDS.iter().any(|(_, names)| names.contains(&name)))
        };
        if !is_known {
            let message = format!("LogFormat has the unknown field '{field}'.");
            return Err(ServiceError::new("InvalidParameter", message));
        }
    }
    Ok(format.to_owned())
}
