//! `brume up --public-addresses`: which addresses a region gives, and that packets get to them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use cloud::guest::{Launch, Network};
use cloud::{Cloud, Mode, PATIENCE, eventually, on_a_workstation};

/// Whether the kernel of an instance answers at a public address, where nobody listens.
fn refuses(address: Ipv4Addr) -> bool {
    let to = SocketAddr::new(address.into(), 81);
    matches!(TcpStream::connect_timeout(&to, PATIENCE), Err(error) if error.kind() == ErrorKind::ConnectionRefused)
}

#[test]
fn a_region_gives_the_addresses_that_it_was_told_to() {
    on_a_workstation(|| {
        let mut cloud = Cloud::down(Mode::FastPath);
        for (wrong, code, expected) in [
            ("203.0.113.0/28", 2, "write it as us-east-1=203.0.113.0/24"),
            ("us-east-1=203.0.113.0", 2, "no IPv4 range"),
            ("us-east-9=203.0.113.0/28", 1, "there is no region us-east-9"),
            ("us-east-1=10.0.0.0/24", 1, "which is private"),
            ("us-east-1=192.0.2.0/28", 1, "192.0.2.1 of the workstation is among the public addresses"),
        ] {
            let up = cloud.run("up", &["--detach", "--public-addresses", wrong]);
            assert!(up.code == code && up.stderr.contains(expected), "{wrong}: {up:?}");
        }
        cloud.start(&["--public-addresses", "us-east-1=203.0.113.0/28"]);
        let allocate = |cloud: &Cloud| {
            let allocated = cloud.ec2("AllocateAddress", &[]);
            let address: Ipv4Addr = allocated.first("publicIp").unwrap().parse().unwrap();
            (allocated.first("allocationId").unwrap(), address)
        };
        let network = Network::new(&cloud);
        let gateway = cloud.ec2("CreateInternetGateway", &[]).first("internetGatewayId").unwrap();
        cloud.ec2("AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &network.vpc)]);
        let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", network.vpc.as_str())];
        let table = cloud.ec2("DescribeRouteTables", &of_vpc).first("routeTableId").unwrap();
        let route =
            [("RouteTableId", &*table), ("DestinationCidrBlock", "0.0.0.0/0"), ("GatewayId", &gateway)];
        cloud.ec2("CreateRoute", &route);
        let group = network.group(&cloud, "open", &[]);
        let permission = [
            ("GroupId", &*group),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ];
        cloud.ec2("AuthorizeSecurityGroupIngress", &permission);
        let instance = network.boot(&cloud, Launch { groups: &[&group], ..Launch::default() });
        let (allocation, address) = allocate(&cloud);
        assert_eq!(address, Ipv4Addr::new(203, 0, 113, 1));
        cloud.ec2("AssociateAddress", &[("AllocationId", &allocation), ("InstanceId", &instance.id)]);
        eventually("packets get to the address", || refuses(address));

        // It stays so, and cannot become another while it is in use.
        cloud.kill_daemon();
        let up = cloud.run("up", &["--detach", "--public-addresses", "us-east-1=198.51.100.0/28"]);
        assert!(up.code == 1 && up.stderr.contains("release them first"), "{up:?}");
        cloud.restart(&[]);
        assert_eq!(allocate(&cloud).1, Ipv4Addr::new(203, 0, 113, 2));
        assert!(refuses(address));
        cloud.finish();
    });
}
