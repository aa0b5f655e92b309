//! Customer gateways: CreateCustomerGateway, DeleteCustomerGateway, DescribeCustomerGateways.
//!
//! Owns the record of the device at the other end of VPN connections. Refuses to know the connections.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/your-cgw.html>

use std::net::Ipv4Addr;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{CustomerGatewayId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, text};
use crate::state::{Edit, Naming, State, resource};
use crate::{Ec2, asn, dependency, error, pace, quota, tag};

/// The type of VPN that there is.
pub(crate) const IPSEC: &str = "ipsec.1";
/// The autonomous system of a gateway whose request names none.
const DEFAULT_ASN: u32 = 65000;
/// How long the name of a device can be.
const MAX_DEVICE_NAME: usize = 255;

/// A customer gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomerGateway {
    /// Its id.
    pub id: CustomerGatewayId,
    /// The address that the device has on the internet, where it has a fixed one.
    pub address: Option<Ipv4Addr>,
    /// The device's autonomous system.
    pub asn: u32,
    /// The private certificate that the device shows in place of a pre-shared key.
    pub certificate_arn: Option<String>,
    /// What the device is called.
    pub device_name: Option<String>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    CustomerGateway,
    CustomerGatewayId,
    "ec2.customer-gateway",
    Naming {
        resource_type: "customer-gateway",
        noun: "customerGateway",
        not_found: "InvalidCustomerGatewayID.NotFound",
        malformed: "InvalidCustomerGatewayId.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.deleted_at.map(|at| at.plus_millis(pace::SHOWN_AFTER_DELETION_MILLIS))
    }
);

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateCustomerGateway>(create)
        .with::<op::DeleteCustomerGateway>(delete)
        .with::<op::DescribeCustomerGateways>(describe)
}

/// A gateway that is not deleted, by an id as a request has it.
///
/// # Errors
/// The codes for malformed and unknown ids.
pub(crate) fn available(state: &impl State, id: &str) -> Result<CustomerGateway, ServiceError> {
    let gateway = state.named::<CustomerGateway>(id)?;
    if gateway.deleted_at.is_some() {
        return Err(crate::state::not_found::<CustomerGateway>(id));
    }
    Ok(CustomerGateway::clone(&gateway))
}

/// # Errors
/// `InvalidParameterValue` for another type of VPN.
pub(crate) fn check_type(kind: &str) -> Result<(), ServiceError> {
    if kind == IPSEC {
        return Ok(());
    }
    Err(error::invalid_value_for(kind, "type", "The type has to be ipsec.1."))
}

fn asn(input: &api::CreateCustomerGatewayRequest) -> Result<u32, ServiceError> {
    let value = match (input.bgp_asn, input.bgp_asn_extended) {
        (Some(_), Some(_)) => {
            return Err(error::combination(
                "The parameter bgpAsn cannot be used with the parameter bgpAsnExtended",
            ));
        }
        (Some(asn), None) => i64::from(asn),
        (None, Some(asn)) if asn <= i64::from(i32::MAX) => {
            let why = "Numbers up to 2147483647 are given as bgpAsn.";
            return Err(error::invalid_value_for(asn, "bgpAsnExtended", why));
        }
        (None, Some(asn)) => asn,
        (None, None) => i64::from(DEFAULT_ASN),
    };
    asn::customer_side(value, "bgpAsn")
}

fn address(input: &api::CreateCustomerGatewayRequest) -> Result<Option<Ipv4Addr>, ServiceError> {
    let given = match (&input.ip_address, &input.public_ip) {
        (Some(_), Some(_)) => {
            return Err(error::combination(
                "The parameter ipAddress cannot be used with the parameter publicIp",
            ));
        }
        (one, other) => one.as_ref().or(other.as_ref()),
    };
    let Some(given) = given else {
        return match input.certificate_arn {
            Some(_) => Ok(None),
            None => Err(error::missing("ipAddress")),
        };
    };
    if given.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(error::unsupported("Customer gateways with an IPv6 address are not supported."));
    }
    let is_of_a_host = |address: &Ipv4Addr| {
        !(address.is_unspecified()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_multicast()
            || address.is_broadcast())
    };
    let address = given.parse().ok().filter(is_of_a_host);
    address
        .map(Some)
        .ok_or_else(|| error::invalid_value_for(given, "ipAddress", "This is not a valid IP address."))
}

fn check_certificate(arn: &str) -> Result<(), ServiceError> {
    let parts: Vec<&str> = arn.split(':').collect();
    let is_one = matches!(parts[..], ["arn", partition, "acm", region, account, resource]
        if !partition.is_empty() && !region.is_empty() && account.len() == 12 && resource.starts_with("certificate/"));
    if is_one {
        return Ok(());
    }
    Err(error::invalid_value_for(arn, "certificateArn", "This is not the ARN of an ACM certificate."))
}

/// The same request again finds the gateway that is there.
fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateCustomerGatewayRequest,
) -> Result<api::CreateCustomerGatewayResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "customer-gateway")?;
    check_type(&input.r#type)?;
    let (asn, address) = (asn(&input)?, address(&input)?);
    input.certificate_arn.as_deref().map_or(Ok(()), check_certificate)?;
    if let Some(name) = &input.device_name
        && (name.is_empty() || name.chars().count() > MAX_DEVICE_NAME)
    {
        let why = format!("It has to have 1 to {MAX_DEVICE_NAME} characters.");
        return Err(error::invalid_value_for(name, "deviceName", &why));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let gateway = CustomerGateway {
            id: edit.new_id(),
            address,
            asn,
            certificate_arn: input.certificate_arn,
            device_name: input.device_name,
            deleted_at: None,
            tags,
        };
        let answer = |gateway: &CustomerGateway| api::CreateCustomerGatewayResult {
            customer_gateway: Some(shown(gateway)),
        };
        let is_same = |held: &CustomerGateway| {
            held.deleted_at.is_none()
                && (held.address, held.asn) == (address, asn)
                && held.certificate_arn == gateway.certificate_arn
                && held.device_name == gateway.device_name
        };
        if let Some(held) = edit.all::<CustomerGateway>().find(|held| is_same(held)) {
            return Ok(answer(&held));
        }
        let count = edit.all::<CustomerGateway>().filter(|held| held.deleted_at.is_none()).count();
        quota::CUSTOMER_GATEWAYS_PER_REGION.check(edit, count + 1)?;
        edit.put(gateway.clone());
        Ok(answer(&gateway))
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteCustomerGatewayRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit: &mut Edit<'_>| {
        let mut gateway = available(edit, &input.customer_gateway_id)?;
        dependency::check_customer_gateway(edit, gateway.id)?;
        gateway.deleted_at = Some(edit.now());
        edit.put(gateway);
        Ok(Unit)
    })
}

fn shown(gateway: &CustomerGateway) -> api::CustomerGateway {
    // Numbers that a signed 32-bit integer cannot hold have a member of their own.
    let is_extended = gateway.asn > i32::MAX as u32;
    let asn = Some(gateway.asn.to_string());
    let (bgp_asn, bgp_asn_extended) = if is_extended { (None, asn) } else { (asn, None) };
    api::CustomerGateway {
        bgp_asn,
        bgp_asn_extended,
        certificate_arn: gateway.certificate_arn.clone(),
        customer_gateway_id: Some(gateway.id.to_string()),
        device_name: gateway.device_name.clone(),
        ip_address: gateway.address.map(|address| address.to_string()),
        state: Some(if gateway.deleted_at.is_some() { "deleted" } else { "available" }.to_owned()),
        tags: tag::shown(&gateway.tags),
        r#type: Some(IPSEC.to_owned()),
    }
}

static FILTERS: Filters<api::CustomerGateway> = Filters {
    tags: Some(|gateway| gateway.tags.as_deref().unwrap_or_default()),
    named: &[
        ("bgp-asn", |gateway| gateway.bgp_asn.iter().chain(&gateway.bgp_asn_extended).cloned().collect()),
        ("customer-gateway-id", |gateway| text(&gateway.customer_gateway_id)),
        ("ip-address", |gateway| text(&gateway.ip_address)),
        ("state", |gateway| text(&gateway.state)),
        ("type", |gateway| text(&gateway.r#type)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeCustomerGatewaysRequest,
) -> Result<api::DescribeCustomerGatewaysResult, ServiceError> {
    let view = ec2.view(context);
    let gateways = view.selected::<CustomerGateway>(input.customer_gateway_ids.as_ref())?;
    let mut gateways: Vec<_> = gateways.iter().map(|gateway| shown(gateway)).collect();
    FILTERS.apply(&mut gateways, input.filters.as_ref())?;
    ec2.answer(input.dry_run, api::DescribeCustomerGatewaysResult { customer_gateways: Some(gateways) })
}
