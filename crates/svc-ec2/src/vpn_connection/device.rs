//! What to tell a device at the customer's end: GetVpnConnectionDeviceTypes, GetVpnConnectionDeviceSampleConfiguration.
//!
//! Owns the one kind of device that there is, which is any, and the text for it. Refuses to know vendors, whose files AWS
//! has.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/example-configuration-files.html>

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::configuration::{HOLD_TIME_SECS, TCP_MSS_BYTES};
use super::tunnel::{DEFAULT_DPD_SECS, DEFAULT_PHASE1_SECS, DEFAULT_PHASE2_SECS};
use super::{VpnConnection, VpnTunnel, amazon_side_asn};
use crate::customer_gateway::CustomerGateway;
use crate::page::Page;
use crate::state::{State, not_found};
use crate::{Ec2, error};

/// The id of the one kind of device.
const GENERIC: &str = "00000001";

/// The smallest and largest `MaxResults`.
const PAGE_LIMITS: (i32, i32) = (200, 1000);

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::GetVpnConnectionDeviceSampleConfiguration>(sample)
        .with::<op::GetVpnConnectionDeviceTypes>(types)
}

fn types(
    ec2: &Ec2,
    _: &RequestContext,
    input: api::GetVpnConnectionDeviceTypesRequest,
) -> Result<api::GetVpnConnectionDeviceTypesResult, ServiceError> {
    let generic = api::VpnConnectionDeviceType {
        platform: Some("Generic".to_owned()),
        software: Some("Vendor Agnostic".to_owned()),
        vendor: Some("Generic".to_owned()),
        vpn_connection_device_type_id: Some(GENERIC.to_owned()),
    };
    let page = Page::within(
        "GetVpnConnectionDeviceTypes",
        input.max_results,
        input.next_token.as_ref(),
        PAGE_LIMITS,
    );
    let (types, next_token) = page
        .cut(vec![generic], |device| device.vpn_connection_device_type_id.as_deref().unwrap_or_default())?;
    let answer =
        api::GetVpnConnectionDeviceTypesResult { next_token, vpn_connection_device_types: Some(types) };
    ec2.answer(input.dry_run, answer)
}

/// What a device is to propose where the connection leaves it open.
struct Proposal {
    encryption: &'static str,
    integrity: &'static str,
    group: i32,
}

/// What every device can do.
const COMPATIBLE: Proposal = Proposal { encryption: "AES128", integrity: "SHA1", group: 2 };
/// What devices had better do.
const RECOMMENDED: Proposal = Proposal { encryption: "AES256", integrity: "SHA2-256", group: 14 };

fn sample(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetVpnConnectionDeviceSampleConfigurationRequest,
) -> Result<api::GetVpnConnectionDeviceSampleConfigurationResult, ServiceError> {
    if input.vpn_connection_device_type_id != GENERIC {
        let why = "GetVpnConnectionDeviceTypes has the identifiers of devices.";
        let text = &input.vpn_connection_device_type_id;
        return Err(error::invalid_value_for(text, "vpnConnectionDeviceTypeId", why));
    }
    let version = input.internet_key_exchange_version.as_deref().unwrap_or("ikev2");
    if !matches!(version, "ikev1" | "ikev2") {
        let why = "It has to be ikev1 or ikev2.";
        return Err(error::invalid_value_for(version, "internetKeyExchangeVersion", why));
    }
    let proposal = match (input.sample_type.as_deref().unwrap_or("compatibility"), version) {
        ("compatibility", _) => COMPATIBLE,
        ("recommended", "ikev2") => RECOMMENDED,
        ("recommended", _) => {
            return Err(error::unsupported("The recommended sample configuration is for ikev2 only."));
        }
        (other, _) => {
            let why = "It has to be compatibility or recommended.";
            return Err(error::invalid_value_for(other, "sampleType", why));
        }
    };
    let view = ec2.view(context);
    let connection = view.named::<VpnConnection>(&input.vpn_connection_id)?;
    let customer = view.record::<CustomerGateway>(&connection.customer_gateway.to_string());
    let (Some(customer), Some(asn), false) =
        (customer, amazon_side_asn(&view, &connection), connection.is_ending())
    else {
        return Err(not_found::<VpnConnection>(&input.vpn_connection_id));
    };
    let text = text(&connection, &customer, asn, version, &proposal);
    ec2.answer(
        input.dry_run,
        api::GetVpnConnectionDeviceSampleConfigurationResult {
            vpn_connection_device_sample_configuration: Some(text),
        },
    )
}

fn text(
    connection: &VpnConnection,
    customer: &CustomerGateway,
    asn: i64,
    version: &str,
    proposal: &Proposal,
) -> String {
    let mut text = format!(
        "# VPN connection {} with customer gateway {}, by {version}.\n\
         # These are the values of both tunnels; how a device takes them is in its manual.\n",
        connection.id, customer.id
    );
    for (index, tunnel) in connection.tunnels.iter().enumerate() {
        let mut lines = vec![("ike.version", version.to_owned())];
        lines.extend(security(tunnel, customer, proposal));
        let inside = |place: u32| Ipv4Addr::from(u32::from(tunnel.inside.network()) + place);
        lines.push(("inside.local_address", format!("{}/{}", inside(2), tunnel.inside.prefix_len())));
        lines.push(("inside.remote_address", inside(1).to_string()));
        lines.push(("inside.tcp_mss_bytes", TCP_MSS_BYTES.to_string()));
        if connection.static_routes_only {
            lines.push(("routing", "static".to_owned()));
        } else {
            lines.push(("routing", "bgp".to_owned()));
            lines.push(("bgp.local_asn", customer.asn.to_string()));
            lines.push(("bgp.remote_asn", asn.to_string()));
            lines.push(("bgp.hold_time_secs", HOLD_TIME_SECS.to_string()));
        }
        lines.push(("traffic.local_cidr", connection.local_cidr.to_string()));
        lines.push(("traffic.remote_cidr", connection.remote_cidr.to_string()));
        let _ = writeln!(text, "\n[tunnel {}]", index + 1);
        for (name, value) in lines {
            let _ = writeln!(text, "{name} = {value}");
        }
    }
    text
}

/// What the two ends agree on before anything passes: of what the connection allows the first, or the proposal.
fn security(
    tunnel: &VpnTunnel,
    customer: &CustomerGateway,
    proposal: &Proposal,
) -> Vec<(&'static str, String)> {
    let settings = &tunnel.settings;
    let chosen = |allowed: &[String], wanted: &str| match allowed.first() {
        Some(first) if !allowed.iter().any(|held| held == wanted) => first.clone(),
        _ => wanted.to_owned(),
    };
    let group = |allowed: &[i32]| match allowed.first() {
        Some(first) if !allowed.contains(&proposal.group) => first.to_string(),
        _ => proposal.group.to_string(),
    };
    let phase1_secs = settings.phase1_lifetime_secs.unwrap_or(DEFAULT_PHASE1_SECS);
    let phase2_secs = settings.phase2_lifetime_secs.unwrap_or(DEFAULT_PHASE2_SECS);
    vec![
        ("ike.local_address", customer.address.map(|address| address.to_string()).unwrap_or_default()),
        ("ike.remote_address", tunnel.outside.to_string()),
        ("ike.pre_shared_key", tunnel.pre_shared_key.clone()),
        ("ike.encryption", chosen(&settings.phase1_encryption, proposal.encryption)),
        ("ike.integrity", chosen(&settings.phase1_integrity, proposal.integrity)),
        ("ike.diffie_hellman_group", group(&settings.phase1_groups)),
        ("ike.lifetime_secs", phase1_secs.to_string()),
        ("esp.encryption", chosen(&settings.phase2_encryption, proposal.encryption)),
        ("esp.integrity", chosen(&settings.phase2_integrity, proposal.integrity)),
        ("esp.perfect_forward_secrecy_group", group(&settings.phase2_groups)),
        ("esp.lifetime_secs", phase2_secs.to_string()),
        (
            "dead_peer_detection.timeout_secs",
            settings.dpd_timeout_secs.unwrap_or(DEFAULT_DPD_SECS).to_string(),
        ),
    ]
}
