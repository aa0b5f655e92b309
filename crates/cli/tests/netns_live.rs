//! `brume trace --live`: the real packet does what the trace says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::process::Stdio;

use cloud::guest::{Instance, Launch, Network};
use cloud::{BOTH_MODES, Cloud, Finished, eventually, on_a_workstation};
use serde_json::Value;

const HOST: &str = "198.51.100.7";

fn brume(cloud: &Cloud, arguments: &[&str]) -> Finished {
    let mut command = cloud::brume();
    command.args(arguments).env("BRUME_DATA_DIR", cloud.path()).stdin(Stdio::null());
    Finished::new(command.output().unwrap())
}

/// What became of the real packet, with the verdict and the exit code.
#[derive(Debug)]
struct Live {
    code: i32,
    live: Value,
}

impl Live {
    fn send(cloud: &Cloud, arguments: &[&str]) -> Self {
        let live = Self::try_to_send(cloud, arguments);
        assert_eq!(live.live["verdict"], "agrees", "{arguments:?}: {live:#?}");
        live
    }

    fn try_to_send(cloud: &Cloud, arguments: &[&str]) -> Self {
        let finished = brume(cloud, &[&["trace", "--live", "--json"], arguments].concat());
        assert!(matches!(finished.code, 0 | 3), "{arguments:?}: {finished:?}");
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        Self { code: finished.code, live: report["live"].clone() }
    }

    fn dropped(&self, way: &str) -> &str {
        self.live[way]["dropped"].as_str().unwrap_or_default()
    }

    fn must_arrive(&self, at: &str, answer: &str) {
        let said = self.live["back"]["text"].as_str().unwrap_or_default();
        let is_there = self.live["there"]["arrived_at"] == at;
        assert!(self.code == 0 && is_there && said.contains(answer), "{at} {answer}: {self:#?}");
    }

    fn must_be_dropped(&self, reason: &str) {
        assert!(self.code == 3 && self.dropped("there") == reason, "{reason}: {self:#?}");
        assert_eq!(self.live["back"], Value::Null);
    }
}

/// An internet gateway with an instance that has a public address, and a NAT gateway for another in a second subnet.
struct Ground {
    network: Network,
    group: String,
    public: Instance,
    address: String,
    second: Instance,
    private: Instance,
    nat_address: String,
}

impl Ground {
    fn lay(cloud: &Cloud) -> Self {
        let add = brume(cloud, &["internet", "add", "example.org", HOST, "--http", "hello"]);
        assert_eq!(add.code, 0, "{add:?}");
        let network = Network::new(cloud);
        let gateway = cloud.ec2("CreateInternetGateway", &[]).first("internetGatewayId").unwrap();
        cloud.ec2("AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &network.vpc)]);
        let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", network.vpc.as_str())];
        let main = cloud.ec2("DescribeRouteTables", &of_vpc).first("routeTableId").unwrap();
        let out = |table: &str, target: (&str, &str)| {
            let route = [("RouteTableId", table), ("DestinationCidrBlock", "0.0.0.0/0"), target];
            cloud.ec2("CreateRoute", &route);
        };
        out(&main, ("GatewayId", &gateway));
        let subnet = [("VpcId", network.vpc.as_str()), ("CidrBlock", "10.0.2.0/24")];
        let inner = Network {
            vpc: network.vpc.clone(),
            subnet: cloud.ec2("CreateSubnet", &subnet).first("subnetId").unwrap(),
            image: network.image.clone(),
        };
        let allocate = || {
            let allocated = cloud.ec2("AllocateAddress", &[]);
            (allocated.first("allocationId").unwrap(), allocated.first("publicIp").unwrap())
        };
        let (allocation, nat_address) = allocate();
        let nat = [("SubnetId", network.subnet.as_str()), ("AllocationId", &allocation)];
        let nat = cloud.ec2("CreateNatGateway", &nat).first("natGatewayId").unwrap();
        let table = cloud.ec2("CreateRouteTable", &[("VpcId", &network.vpc)]).first("routeTableId").unwrap();
        cloud.ec2("AssociateRouteTable", &[("RouteTableId", &table), ("SubnetId", &inner.subnet)]);
        out(&table, ("NatGatewayId", &nat));
        let group = network.group(cloud, "servers", &[]);
        let groups = [group.as_str()];
        let user_data = "#!/bin/sh\nnc -lk 80 </dev/null >/dev/null 2>&1 &";
        let launch = Launch { groups: &groups, user_data, ..Launch::default() };
        let [public, second, private] =
            [&network, &network, &inner].map(|network| network.boot(cloud, launch));
        for instance in [&public, &second, &private] {
            cloud.wait_for_listener(instance, 80);
        }
        let (allocation, address) = allocate();
        cloud.ec2("AssociateAddress", &[("AllocationId", &allocation), ("InstanceId", &public.id)]);
        eventually("the NAT gateway is there", || {
            brume(cloud, &["trace", &private.id, HOST, "--tcp", "80"]).code == 0
        });
        Self { network, group, public, address, second, private, nat_address }
    }
}

#[test]
fn a_real_packet_does_what_the_trace_says() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            let ground = Ground::lay(&cloud);
            let [public, second, private] = [&ground.public, &ground.second, &ground.private];
            let asked = [public.id.as_str(), second.id.as_str(), "--tcp", "80"];

            // By a group.
            Live::send(&cloud, &asked).must_be_dropped("NoIngressRule");
            let shown = brume(&cloud, &[&["trace", "--live"], &asked[..]].concat());
            assert_eq!(shown.code, 3, "{shown:?}");
            let lines: Vec<&str> = shown.stdout.lines().rev().take(3).collect();
            assert!(
                lines[0] == "  agrees with the trace"
                    && lines[1].starts_with("  it was dropped after ")
                    && lines[1].contains("no ingress rule")
                    && lines[2].starts_with("live: sent ")
                    && lines[2].ends_with(&format!("{}:80 from {}", second.address, public.interface)),
                "{shown:?}"
            );

            // Let through, to who listens and to who does not. From the second on the flow cache may let it in by itself.
            ground.network.permit(&cloud, &ground.group, "80");
            for _ in 0..4 {
                Live::send(&cloud, &asked).must_arrive(&second.interface, "the connection was accepted");
            }
            let everything = [
                ("GroupId", ground.group.as_str()),
                ("IpPermissions.1.IpProtocol", "-1"),
                ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/16"),
            ];
            cloud.ec2("AuthorizeSecurityGroupIngress", &everything);
            let to_second = [public.id.as_str(), second.id.as_str()];
            Live::send(&cloud, &to_second).must_arrive(&second.interface, "an echo reply");
            let to_port = |kind| [&to_second[..], &[kind, "9"]].concat();
            Live::send(&cloud, &to_port("--tcp"))
                .must_arrive(&second.interface, "the connection was refused");
            // An error is no reply, and so nothing that shows whether one would come back.
            let refused = Live::try_to_send(&cloud, &to_port("--udp"));
            refused.must_arrive(&second.interface, "nothing listens at that port");
            assert_eq!(refused.live["verdict"], "unclear", "{refused:#?}");

            // The answer by an ACL, on its way out of the second subnet.
            let to_private = [public.id.as_str(), private.id.as_str(), "--tcp", "80"];
            Live::send(&cloud, &to_private).must_arrive(&private.interface, "the connection was accepted");
            let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", ground.network.vpc.as_str())];
            let acl = cloud.ec2("DescribeNetworkAcls", &of_vpc).first("networkAclId").unwrap();
            let entry = [
                ("NetworkAclId", acl.as_str()),
                ("RuleNumber", "50"),
                ("Protocol", "6"),
                ("RuleAction", "deny"),
                ("Egress", "true"),
                ("CidrBlock", "10.0.1.0/24"),
                ("PortRange.From", "1024"),
                ("PortRange.To", "65535"),
            ];
            cloud.ec2("CreateNetworkAclEntry", &entry);
            let one_way = Live::send(&cloud, &to_private);
            assert_eq!(one_way.live["there"]["arrived_at"], private.interface.as_str(), "{one_way:#?}");
            assert!(one_way.code == 3 && one_way.dropped("back") == "NetworkAclDenied", "{one_way:#?}");

            // To the internet and from there.
            let by = |source: &str, live: &Live| {
                let packet = live.live["there"]["packet"].as_str().unwrap_or_default();
                assert!(packet.starts_with(&format!("{source}:")), "{source}: {live:#?}");
            };
            let live = Live::send(&cloud, &[&public.id, HOST, "--tcp", "80"]);
            live.must_arrive("internet", "the connection was accepted");
            by(&ground.address, &live);
            let live = Live::send(&cloud, &[&private.id, HOST, "--tcp", "80"]);
            live.must_arrive("internet", "the connection was accepted");
            by(&ground.nat_address, &live);
            for from in ["workstation", HOST] {
                Live::send(&cloud, &[from, &public.id, "--tcp", "80"]).must_be_dropped("NoIngressRule");
            }
            let from_anywhere = [
                ("GroupId", ground.group.as_str()),
                ("IpPermissions.1.IpProtocol", "-1"),
                ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
            ];
            cloud.ec2("AuthorizeSecurityGroupIngress", &from_anywhere);
            for from in ["workstation", "example.org"] {
                let live = Live::send(&cloud, &[from, &public.id, "--tcp", "80"]);
                live.must_arrive(&public.interface, "the connection was accepted");
                Live::send(&cloud, &[from, &public.id]).must_arrive(&public.interface, "an echo reply");
            }

            // What is not there, and what is taken.
            Live::send(&cloud, &[&public.id, "203.0.113.77"]).must_be_dropped("NoSuchHost");
            let nobody = Live::try_to_send(&cloud, &[&public.id, "10.0.1.99", "--tcp", "80"]);
            let remark = nobody.live["remark"].as_str().unwrap_or_default();
            assert!(nobody.code == 3 && remark.contains("nobody answered on the link"), "{nobody:#?}");
            let resolver = Live::send(&cloud, &[&public.id, "169.254.169.253", "--tcp", "53"]);
            assert!(
                resolver.code == 0 && resolver.live["back"]["arrived_at"] == public.interface,
                "{resolver:#?}"
            );
            let taken = brume(&cloud, &[&["trace", "--live", "--from-port", "80"], &asked[..]].concat());
            assert!(taken.code == 1 && taken.stderr.contains("take a port"), "{taken:?}");
            assert!(!cloud.path().join("disagreements").exists());
            cloud.finish();
        }
    });
}
