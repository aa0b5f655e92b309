//! The fields of a flow log's records.
//!
//! Owns which of them a request may ask for. Refuses to know their names but for transit gateways, whose flows are not
//! collected yet: [`flow_logs`] does.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html#flow-logs-fields>

use flow_logs::{DEFAULT_FORMAT, Format, FormatError};
use service_api::ServiceError;

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

/// Reads a format, which is a list of `${field}`; the default one where there is none.
///
/// # Errors
/// `InvalidParameter` for anything else.
pub(super) fn read(format: Option<&str>, is_of_transit_gateway: bool) -> Result<String, ServiceError> {
    let Some(format) = format else {
        return Ok(if is_of_transit_gateway { OF_TRANSIT_GATEWAYS } else { DEFAULT_FORMAT }.to_owned());
    };
    let read =
        if is_of_transit_gateway { read_of_transit_gateway(format) } else { Format::parse(format).map(drop) };
    read.map_err(|error| {
        ServiceError::new(
            "InvalidParameter",
            match error {
                FormatError::Empty => "LogFormat can't be empty.".to_owned(),
                FormatError::UnknownField(field) => format!("LogFormat has the unknown field '{field}'."),
            },
        )
    })?;
    Ok(format.to_owned())
}

fn read_of_transit_gateway(format: &str) -> Result<(), FormatError> {
    let mut fields = format.split_whitespace().peekable();
    fields.peek().ok_or(FormatError::Empty)?;
    match fields.find(|field| OF_TRANSIT_GATEWAYS.split(' ').all(|known| known != *field)) {
        Some(unknown) => Err(FormatError::UnknownField(unknown.to_owned())),
        None => Ok(()),
    }
}
