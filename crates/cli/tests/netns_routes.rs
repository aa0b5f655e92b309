//! What routes do to packets, in a cloud that stands.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use cloud::guest::{Instance, Launch, Network};
use cloud::{BOTH_MODES, Cloud, eventually, on_a_workstation};

/// An address outside of the VPC.
const ELSEWHERE: &str = "172.16.0.1";

/// How many packets an instance has received that were for nobody it knows: `InAddrErrors` of Linux's IP statistics.
fn strays(cloud: &Cloud, instance: &Instance) -> u64 {
    let statistics = cloud.output(instance, "grep ^Ip: /proc/net/snmp");
    let mut lines = statistics.lines().map(|line| line.split_whitespace());
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let (_, count) = names.zip(values).find(|(name, _)| *name == "InAddrErrors").unwrap();
    count.parse().unwrap()
}

#[test]
fn a_route_leads_through_an_instance() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let [client, middlebox] = [(); 2].map(|()| network.boot(&cloud, Launch::default()));
            let table = cloud.ec2(
                "DescribeRouteTables",
                &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", &network.vpc)],
            );
            let table = table.first("routeTableId").unwrap();
            let route = [("RouteTableId", table.as_str()), ("DestinationCidrBlock", "172.16.0.0/12")];
            // Whether pings to elsewhere come to the middlebox.
            let passes = || {
                let before = strays(&cloud, &middlebox);
                let ping = format!("ping -c 3 -i 0.2 -W 1 {ELSEWHERE}");
                assert_ne!(cloud.sh(&client, &ping).code, 0, "nobody has that address");
                strays(&cloud, &middlebox) - before
            };
            assert_eq!(passes(), 0, "without a route");

            let to_instance = [&route[..], &[("InstanceId", middlebox.id.as_str())]].concat();
            cloud.ec2("CreateRoute", &to_instance);
            let check = || cloud.status()["drops"].to_string().contains("refuses the destination");
            eventually("the route leads to where the check is", || passes() == 0 && check());
            let unchecked = [("InstanceId", middlebox.id.as_str()), ("SourceDestCheck.Value", "false")];
            cloud.ec2("ModifyInstanceAttribute", &unchecked);
            eventually("the route leads to the middlebox", || passes() == 3);

            cloud.ec2("DeleteRoute", &route);
            eventually("the route is gone", || passes() == 0);
            cloud.finish();
        }
    });
}
