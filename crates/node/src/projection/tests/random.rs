//! Random requests of two accounts in two regions at random times: what the engine is told one change after another is what
//! it would be told by a daemon that starts then.

mod between;
mod vpc;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use aws_api::Operation;
use aws_model::Value;
use store::{Read as _, Record};
use svc_ec2::record as ec2;
use vpc_model::{AttachedNetwork, Object, ObjectId, RouteOrigin, RouteTarget};

use super::cloud::{Cloud, OTHER, OWNER};

/// How many clouds are tried, and how many requests each gets.
const SEEDS: u64 = 8;
const REQUESTS: usize = 500;

/// Numbers that a seed gives, the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A cloud that gets random requests.
struct Walk {
    cloud: Cloud,
    numbers: Numbers,
    made: usize,
}

/// What a request is about that names something of which there is none yet.
type Done = Option<()>;

impl Walk {
    /// Calls an operation, whether it succeeds or not.
    fn try_call<O: Operation>(&mut self, input: O::Input) -> Option<O::Output>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: std::fmt::Debug>,
    {
        self.cloud.call::<O>(input).ok()
    }

    /// The id of one record of a kind that the account has in the region.
    fn any<R: Record>(&mut self) -> Option<String> {
        self.any_that::<R>(|_| true)
    }

    fn any_that<R: Record>(&mut self, fits: impl Fn(&R) -> bool) -> Option<String> {
        let snapshot = self.cloud.store.snapshot();
        let all = snapshot.scan::<R>(&self.cloud.scope());
        let ids: Vec<String> = all.filter(|(_, one)| fits(one)).map(|(id, _)| id.to_owned()).collect();
        (!ids.is_empty()).then(|| ids[self.numbers.below(ids.len())].clone())
    }

    /// The same of any account in any region, with where it is.
    fn anywhere<R: Record>(&mut self) -> Option<(String, String, String)> {
        let snapshot = self.cloud.store.snapshot();
        let all: Vec<_> = snapshot
            .scan_all::<R>()
            .map(|(scope, id, _)| (scope.account.to_string(), scope.region.to_string(), id.to_owned()))
            .collect();
        (!all.is_empty()).then(|| all[self.numbers.below(all.len())].clone())
    }

    /// A subnet of a VPC.
    fn subnet_of(&mut self, vpc: &str) -> Option<String> {
        self.any_that::<ec2::Subnet>(|subnet| subnet.vpc.to_string() == vpc)
    }

    fn table_of(&mut self, vpc: &str) -> Option<String> {
        self.any_that::<ec2::RouteTable>(|table| table.vpc.to_string() == vpc)
    }

    /// One block among a few, so that some are met again.
    fn block(&mut self) -> String {
        let second = self.numbers.below(24);
        let third = self.numbers.below(4);
        self.numbers
            .one(&[
                format!("10.{second}.0.0/16").as_str(),
                format!("10.{second}.{third}.0/24").as_str(),
                "0.0.0.0/0",
                "198.19.184.0/23",
                format!("172.{}.0.0/16", 16 + third).as_str(),
            ])
            .to_owned()
    }

    fn step(&mut self) -> Done {
        match self.numbers.below(12) {
            0 => self.network(),
            1 => self.routes(),
            2 => self.addresses(),
            3 => self.nat_gateways(),
            4 => self.vpns(),
            5 => self.peerings(),
            6 => self.groups(),
            7 => self.prefix_lists(),
            8 => self.transit_gateways(),
            9 => self.transit_gateway_tables(),
            10 => self.endpoints(),
            _ => self.public_access(),
        }
    }
}

/// What a walk has seen of the objects that are hard to come by.
fn note(object: &Object, seen: &mut BTreeSet<&'static str>) {
    match object {
        Object::RouteTable(table) => {
            for route in &table.routes {
                seen.insert(match route.origin {
                    RouteOrigin::Static => "static route",
                    RouteOrigin::PrefixList => "route of a prefix list",
                    RouteOrigin::Propagated => "propagated route",
                });
                if matches!(route.target, RouteTarget::VpcEndpoint(_)) {
                    seen.insert("route to an endpoint");
                }
            }
        }
        Object::Interface(interface) if !interface.public_ipv4.is_empty() => {
            seen.insert("public address");
        }
        Object::TransitGatewayAttachment(attachment) => {
            seen.insert(match attachment.target {
                AttachedNetwork::Vpc(_) => "attached VPC",
                AttachedNetwork::Vpn => "attached VPN",
                AttachedNetwork::Connect => "Connect",
            });
        }
        Object::TransitGatewayRouteTable(table) => {
            if table.routes.iter().any(|route| route.is_of_prefix_list) {
                seen.insert("reference to a prefix list");
            }
        }
        _ => {
            seen.insert(match object.id() {
                ObjectId::InternetGateway(_) => "internet gateway",
                ObjectId::EgressOnlyInternetGateway(_) => "egress-only internet gateway",
                ObjectId::NatGateway(_) => "NAT gateway",
                ObjectId::VpnGateway(_) => "VPN gateway",
                ObjectId::VpcPeeringConnection(_) => "peering connection",
                ObjectId::TransitGatewayPeering(_) => "transit gateway peering",
                ObjectId::VpcEndpoint(_) => "endpoint",
                _ => "other",
            });
        }
    }
}

fn walk(seed: u64, seen: &mut BTreeSet<&'static str>) {
    let cloud = if seed.is_multiple_of(2) { Cloud::new() } else { Cloud::with_realistic_timing() };
    let mut walk = Walk { cloud, numbers: Numbers(seed), made: 0 };
    for _ in 0..REQUESTS {
        walk.cloud.account = walk.numbers.one(&[OWNER, OWNER, OTHER]);
        walk.cloud.region = walk.numbers.one(&["us-east-1", "us-east-1", "us-east-1", "eu-west-1"]);
        _ = walk.step();
        let millis = walk.numbers.one(&[0, 0, 50, 100, 1000, 20_000, 61_000, 130_000]);
        walk.cloud.wait(millis);
        walk.cloud.check();
        walk.cloud.objects().for_each(|object| note(object, seen));
    }
}

#[test]
fn changes_one_after_another_come_to_everything_at_once() {
    let mut seen = BTreeSet::new();
    for seed in 0..SEEDS {
        let walked = std::panic::catch_unwind(AssertUnwindSafe(|| walk(seed, &mut seen)));
        assert!(walked.is_ok(), "seed {seed}: what was told differs; the first message says how");
    }
    for wanted in [
        "static route",
        "route of a prefix list",
        "propagated route",
        "route to an endpoint",
        "public address",
        "attached VPC",
        "attached VPN",
        "Connect",
        "reference to a prefix list",
        "internet gateway",
        "egress-only internet gateway",
        "NAT gateway",
        "VPN gateway",
        "peering connection",
        "transit gateway peering",
        "endpoint",
    ] {
        assert!(seen.contains(wanted), "no walk has met: {wanted}; these were: {seen:?}");
    }
}
