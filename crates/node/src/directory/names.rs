//! AWS's names beside the private ones: public instance names, endpoints, and the services that gateway endpoints lead to.
//!
//! Owns what such a name stands for in one VPC. Refuses to know the resolver, and the names of the internet.
//!
//! | Name | Stands for |
//! | ---- | ---------- |
//! | `vpce-ID-LABEL[-ZONE].SERVICE.REGION.vpce.amazonaws.com` | the endpoint's interfaces, asked from anywhere |
//! | a service's name, with private DNS | the interfaces of the VPC's endpoint for it |
//! | `ec2-A-B-C-D.compute-1.amazonaws.com` | the private address in the VPC and over a peering that says so, else the public one |
//! | `s3.REGION.amazonaws.com` and its like | an address of the service's prefix list |

use std::net::{IpAddr, Ipv4Addr};

use aws_types::{AvailabilityZone, Region, Timestamp, VpcEndpointId};
use store::{Read as _, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_model::Interface;
use vpc_services::{DnsAnswer, DnsQuestion};

use super::public_addresses::Holder;
use crate::shareable::anyones;

/// How long AWS's names may be cached.
const TTL_SECS: u32 = 60;

/// Who asks, and what is known.
pub(super) struct Asking<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Whose the asking interface is.
    pub(super) scope: Scope,
    pub(super) interface: Interface,
    pub(super) now: Timestamp,
}

/// What a name stands for. `holder` finds what a public address stands for.
pub(super) fn answer(
    asking: &Asking<'_>,
    question: &DnsQuestion,
    holder: impl Fn(Ipv4Addr) -> Option<Holder>,
) -> DnsAnswer {
    let name = question.name.as_str();
    if let Some(address) = question.address {
        let IpAddr::V4(address) = address else { return DnsAnswer::Elsewhere };
        let public = holder(address).and_then(|held| public_name(asking.snapshot, &held, address));
        return public.map_or(DnsAnswer::Elsewhere, |name| DnsAnswer::Pointer { name, ttl_secs: TTL_SECS });
    }
    if let Some(addresses) = by_private_dns(asking, name) {
        return addresses;
    }
    by_name(asking.snapshot, name, holder, |held| is_private_for(asking, held))
}

/// What a name stands for on the internet. `None` when AWS has no such name.
pub(super) fn published(
    snapshot: &Snapshot,
    name: &str,
    holder: impl Fn(Ipv4Addr) -> Option<Holder>,
) -> Option<Vec<IpAddr>> {
    match by_name(snapshot, name, holder, |_| false) {
        DnsAnswer::Host { addresses, .. } => Some(addresses),
        DnsAnswer::Pointer { .. }
        | DnsAnswer::NoSuchName { .. }
        | DnsAnswer::Elsewhere
        | DnsAnswer::Refused => None,
    }
}

/// What a name stands for that everybody knows; `is_private` says of what a public instance name stands for whether it is
/// its private address.
fn by_name(
    snapshot: &Snapshot,
    name: &str,
    holder: impl Fn(Ipv4Addr) -> Option<Holder>,
    is_private: impl Fn(&Holder) -> bool,
) -> DnsAnswer {
    if let Some(addresses) = of_own_endpoint(snapshot, name) {
        return addresses;
    }
    if let Some((zone, address)) = public_instance_name(name) {
        let held = address.and_then(|address| Some((address, holder(address)?)));
        let named = held.filter(|(address, held)| {
            public_name(snapshot, held, *address).is_some_and(|known| known == name)
        });
        let Some((public, held)) = named else { return DnsAnswer::NoSuchName { zone } };
        let address = if is_private(&held) { held.private } else { public };
        return DnsAnswer::Host { addresses: vec![address.into()], ttl_secs: TTL_SECS, zone };
    }
    match service_address(name) {
        Some(address) => host(vec![address.into()]),
        None => DnsAnswer::Elsewhere,
    }
}

fn host(addresses: Vec<IpAddr>) -> DnsAnswer {
    DnsAnswer::Host { addresses, ttl_secs: TTL_SECS, zone: "amazonaws.com".to_owned() }
}

/// A name of an endpoint's own, which the whole world can ask for; `None` for other names.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html>
fn of_own_endpoint(snapshot: &Snapshot, name: &str) -> Option<DnsAnswer> {
    const ZONE: &str = "vpce.amazonaws.com";
    if !name.strip_suffix(ZONE)?.ends_with('.') {
        return None;
    }
    let found = name.split('.').find_map(|label| {
        // `vpce-` and 17 digits, then what makes the name hard to guess.
        let id: VpcEndpointId = label.get(..22)?.parse().ok()?;
        snapshot.scan_all::<ec2::VpcEndpoint>().find(|(_, _, record)| record.id == id)
    });
    let absent = DnsAnswer::NoSuchName { zone: ZONE.to_owned() };
    let Some((scope, _, endpoint)) = found else { return Some(absent) };
    let Some(base) = endpoint.base_dns_name.as_deref().filter(|_| is_there(&endpoint)) else {
        return Some(absent);
    };
    let own = format!("{}-{}", endpoint.id, endpoint.dns_label);
    // Buckets and the like are labels in front of a name whose service has such names.
    let has_parts = endpoint.private_dns_names.iter().any(|private| private.starts_with("*."));
    let is_named = |zone: &str| {
        let named = format!("{own}{zone}.{base}");
        name == named || has_parts && name.strip_suffix(&named).is_some_and(|rest| rest.ends_with('.'))
    };
    let interfaces: Vec<_> = interfaces_of(snapshot, scope, &endpoint);
    if is_named("") {
        return Some(host(addresses(&endpoint, &interfaces, None)));
    }
    let zone = interfaces.iter().map(|interface| &interface.zone).find(|zone| is_named(&format!("-{zone}")));
    Some(zone.map_or(absent, |zone| host(addresses(&endpoint, &interfaces, Some(zone)))))
}

/// Whether an endpoint's names have addresses.
fn is_there(endpoint: &ec2::VpcEndpoint) -> bool {
    match endpoint.phase {
        ec2::EndpointPhase::Present => true,
        ec2::EndpointPhase::PendingAcceptance
        | ec2::EndpointPhase::Rejected
        | ec2::EndpointPhase::Deleting => false,
    }
}

fn interfaces_of(
    snapshot: &Snapshot,
    scope: &Scope,
    endpoint: &ec2::VpcEndpoint,
) -> Vec<std::sync::Arc<ec2::NetworkInterface>> {
    let interface = |held: &ec2::EndpointSubnet| snapshot.get(scope, &held.interface.to_string());
    endpoint.subnets.iter().filter_map(interface).collect()
}

/// The addresses of an endpoint's interfaces, or of those in one zone, of the families that its names have records for.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html>
fn addresses(
    endpoint: &ec2::VpcEndpoint,
    interfaces: &[std::sync::Arc<ec2::NetworkInterface>],
    zone: Option<&AvailabilityZone>,
) -> Vec<IpAddr> {
    let (v4, v6) = match endpoint.dns_record_ip_type.as_str() {
        "ipv4" => (true, false),
        "ipv6" => (false, true),
        // `dualstack`, and what a service defines: all that there are.
        _ => (true, true),
    };
    let of = |interface: &std::sync::Arc<ec2::NetworkInterface>| {
        let first = v4.then(|| IpAddr::V4(interface.primary_address()));
        let second = interface.ipv6_addresses.first().filter(|_| v6).copied().map(IpAddr::V6);
        first.into_iter().chain(second)
    };
    interfaces.iter().filter(|held| zone.is_none_or(|zone| held.zone == *zone)).flat_map(of).collect()
}

/// A public name of a service to which an endpoint of the asker's VPC has private DNS.
fn by_private_dns(asking: &Asking<'_>, name: &str) -> Option<DnsAnswer> {
    let (owner, vpc) =
        anyones::<ec2::Vpc>(asking.snapshot, &asking.scope, &asking.interface.vpc.to_string())?;
    if !has_names(&vpc) {
        return None;
    }
    let leads = |endpoint: &ec2::VpcEndpoint| {
        // To services that gateway endpoints reach as well, private DNS is for inbound resolver endpoints unless it is said
        // not to be.
        let has_gateway =
            aws_catalog::prefix_lists(&owner.region).iter().any(|list| list.name == endpoint.service);
        let is_for_vpc = endpoint.private_dns_only_for_inbound.map_or(!has_gateway, |only| !only);
        endpoint.vpc == vpc.id
            && endpoint.private_dns_enabled
            && is_for_vpc
            && is_there(endpoint)
            && endpoint.private_dns_names.iter().any(|private| covers(private, name))
    };
    let (_, endpoint) =
        asking.snapshot.scan::<ec2::VpcEndpoint>(&owner).find(|(_, endpoint)| leads(endpoint))?;
    Some(host(addresses(&endpoint, &interfaces_of(asking.snapshot, &owner, &endpoint), None)))
}

/// Whether a name is one, or any below it where it begins with `*.`.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(zone) => name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1),
        None => pattern == name,
    }
}

/// Whether a VPC has DNS hostnames.
pub(super) fn has_names(vpc: &ec2::Vpc) -> bool {
    vpc.enable_dns_support && vpc.enable_dns_hostnames
}

/// The zone of public instance names that a name is in, and the address in the name, if it is of that form.
fn public_instance_name(name: &str) -> Option<(String, Option<Ipv4Addr>)> {
    let facts = match name.strip_suffix("compute-1.amazonaws.com") {
        Some(_) => aws_catalog::region(&"us-east-1".parse().ok()?),
        None => {
            let region = name.strip_suffix(".compute.amazonaws.com")?.rsplit('.').next()?;
            aws_catalog::region(&region.parse().ok()?)
        }
    };
    let zone = facts?.public_domain();
    let rest = name.strip_suffix(&zone)?;
    if !rest.is_empty() && !rest.ends_with('.') {
        return None;
    }
    let address = rest.strip_suffix('.').and_then(|label| label.strip_prefix("ec2-"));
    Some((zone, address.and_then(|address| address.replace('-', ".").parse().ok())))
}

/// The public name that an address has, if its VPC gives names.
pub(super) fn public_name(snapshot: &Snapshot, held: &Holder, address: Ipv4Addr) -> Option<String> {
    let interface = snapshot.get::<ec2::NetworkInterface>(&held.scope, &held.interface.to_string())?;
    let (_, vpc) = anyones::<ec2::Vpc>(snapshot, &held.scope, &interface.vpc.to_string())?;
    vpc.public_dns_name(&held.scope.region, address)
}

/// Whether a public name leads the asker to the private address (fact 63): in one VPC, and over an active peering with DNS
/// resolution from the VPC of the name, where both VPCs have DNS hostnames.
/// <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-dns.html>
fn is_private_for(asking: &Asking<'_>, held: &Holder) -> bool {
    let interface = asking.snapshot.get::<ec2::NetworkInterface>(&held.scope, &held.interface.to_string());
    let Some(interface) = interface else { return false };
    if interface.vpc == asking.interface.vpc {
        return true;
    }
    let own = anyones::<ec2::Vpc>(asking.snapshot, &asking.scope, &asking.interface.vpc.to_string());
    let Some((owner, own)) = own else { return false };
    let allows = |peering: &ec2::VpcPeeringConnection| {
        let named = match (peering.requester.vpc, peering.accepter.vpc) {
            (one, other) if one == interface.vpc && other == own.id => &peering.requester,
            (one, other) if one == own.id && other == interface.vpc => &peering.accepter,
            _ => return false,
        };
        named.allow_dns_resolution && peering.is_active(asking.now)
    };
    has_names(&own)
        && asking.snapshot.scan::<ec2::VpcPeeringConnection>(&owner).any(|(_, peering)| allows(&peering))
}

/// Whether a name stands for an address of S3 at which there is HTTPS: at endpoints of websites there is none.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html>
pub(crate) fn is_of_s3(name: &str) -> bool {
    let service = service_of(name).map(|(service, _)| service);
    service == Some("s3") && service_address(name).is_some() && !is_of_websites(name)
}

fn is_of_websites(name: &str) -> bool {
    let mut labels = name.rsplit('.').skip(2);
    match (labels.next(), labels.next()) {
        // What is before it is a bucket, whatever that is called.
        (Some("s3") | None, _) => false,
        (Some(first), second) => first.starts_with("s3-website-") || second == Some("s3-website"),
    }
}

/// The address of a service that gateway endpoints lead to: the first of its prefix list in the region of the name, so
/// that a route to the list catches it.
fn service_address(name: &str) -> Option<Ipv4Addr> {
    let (service, region) = service_of(name)?;
    let wanted = format!("com.amazonaws.{region}.{service}");
    let lists = aws_catalog::prefix_lists(&region);
    let block = lists.iter().find(|list| list.name == wanted)?.blocks.first()?;
    block.hosts().next()
}

/// The service that gateway endpoints lead to, and the region, that are in a name.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
/// <https://docs.aws.amazon.com/general/latest/gr/ddb.html>
fn service_of(name: &str) -> Option<(&'static str, Region)> {
    let labels: Vec<&str> = name.strip_suffix(".amazonaws.com")?.rsplit('.').collect();
    let (service, region) = match *labels.as_slice() {
        // The first region's names without a region, for all buckets.
        ["s3", ..] => ("s3", "us-east-1"),
        [region, "s3" | "s3-accesspoint" | "s3-control" | "s3-website", ..]
        | [region, "dualstack", "s3" | "s3-accesspoint" | "s3-control", ..] => ("s3", region),
        [region, "dynamodb"] | [region, "ddb", _] => ("dynamodb", region),
        [first, ..] => ("s3", first.strip_prefix("s3-website-").or_else(|| first.strip_prefix("s3-"))?),
        [] => return None,
    };
    Some((service, region.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_in_their_prefix_lists() {
        let check = |name: &str, service: Option<(&str, &str)>| {
            let block = service.map(|(service, region)| {
                let lists = aws_catalog::prefix_lists(&region.parse().unwrap());
                let list = lists.into_iter().find(|list| list.name.ends_with(service)).unwrap();
                list.blocks
            });
            let is_of_s3 =
                service.is_some_and(|(service, _)| service == ".s3") && !name.contains(".s3-website");
            assert_eq!(super::is_of_s3(name), is_of_s3, "{name}");
            match (service_address(name), block) {
                (Some(address), Some(blocks)) => {
                    assert!(blocks.iter().any(|block| block.contains(&address)), "{name}: {address}");
                }
                (found, wanted) => assert_eq!((found, wanted), (None, None), "{name}"),
            }
        };
        let (us, eu) = (Some((".s3", "us-east-1")), Some((".s3", "eu-west-1")));
        check("s3.amazonaws.com", us);
        check("my.bucket.s3.amazonaws.com", us);
        check("s3-website.s3.amazonaws.com", us);
        check("s3.us-east-1.amazonaws.com", us);
        check("s3.eu-west-1.amazonaws.com", eu);
        check("bucket.s3.eu-west-1.amazonaws.com", eu);
        check("bucket.s3.dualstack.eu-west-1.amazonaws.com", eu);
        check("s3-eu-west-1.amazonaws.com", eu);
        check("bucket.s3-eu-west-1.amazonaws.com", eu);
        check("bucket.s3-website-eu-west-1.amazonaws.com", eu);
        check("bucket.s3-website.eu-west-1.amazonaws.com", eu);
        check("dynamodb.eu-west-1.amazonaws.com", Some((".dynamodb", "eu-west-1")));
        check("123456789012.ddb.eu-west-1.amazonaws.com", Some((".dynamodb", "eu-west-1")));
        check("s3.nowhere-1.amazonaws.com", None);
        check("ec2.eu-west-1.amazonaws.com", None);
        check("amazonaws.com", None);
        check("s3.eu-west-1.example.org", None);
        check("xs3.eu-west-1.amazonaws.com", None);
    }

    #[test]
    fn public_instance_names() {
        let check = |name: &str, expected: Option<(&str, Option<[u8; 4]>)>| {
            let expected = expected.map(|(zone, address)| (zone.to_owned(), address.map(Ipv4Addr::from)));
            assert_eq!(public_instance_name(name), expected, "{name}");
        };
        let (us, eu) = ("compute-1.amazonaws.com", "eu-west-1.compute.amazonaws.com");
        check("ec2-198-18-0-7.compute-1.amazonaws.com", Some((us, Some([198, 18, 0, 7]))));
        check("ec2-198-18-0-7.eu-west-1.compute.amazonaws.com", Some((eu, Some([198, 18, 0, 7]))));
        check("ec2-198-18-0.compute-1.amazonaws.com", Some((us, None)));
        check("www.compute-1.amazonaws.com", Some((us, None)));
        check("compute-1.amazonaws.com", Some((us, None)));
        check(eu, Some((eu, None)));
        check("xcompute-1.amazonaws.com", None);
        check("ec2-198-18-0-7.us-east-1.compute.amazonaws.com", None);
        check("ec2-198-18-0-7.nowhere-1.compute.amazonaws.com", None);
        check("ec2-198-18-0-7.compute.amazonaws.com", None);
    }

    #[test]
    fn wildcards_cover_what_is_below() {
        for (pattern, name, expected) in [
            ("ssm.eu-west-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com", true),
            ("ssm.eu-west-1.amazonaws.com", "x.ssm.eu-west-1.amazonaws.com", false),
            ("*.s3.eu-west-1.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com", true),
            ("*.s3.eu-west-1.amazonaws.com", "my.bucket.s3.eu-west-1.amazonaws.com", true),
            ("*.s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", false),
            ("*.s3.eu-west-1.amazonaws.com", "xs3.eu-west-1.amazonaws.com", false),
        ] {
            assert_eq!(covers(pattern, name), expected, "{pattern} {name}");
        }
    }
}
