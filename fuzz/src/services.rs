//! The services of the link: DNS, instance metadata, time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use aws_types::{InstanceId, Tag, Timestamp};
use http::{Method, Request};
use vpc_services::{
    AttachedInterface, BlockDevice, DnsAnswer, DnsDirectory, DnsNetwork, DnsQuestion, DnsServer,
    InstanceMetadata, InstanceProfile, InstanceRole, LinkLocalBudget, MetadataDirectory, MetadataOptions,
    MetadataServer, PublicKey, PublicNames, SecurityCredentials,
};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 64, 0, 1));

/// Everybody asks from one VPC, in which every name is known.
struct Directory;

impl DnsDirectory for Directory {
    fn network(&self, _: IpAddr) -> Option<DnsNetwork> {
        Some(DnsNetwork {
            is_supported: true,
            has_private_names: true,
            has_dns64: true,
            private_domain: "ec2.internal".into(),
            blocks: vec!["100.70.0.0/16".parse().expect("a block"), "3fff::/56".parse().expect("a block")],
        })
    }

    fn has_private_address(&self, _: IpAddr, _: Ipv4Addr) -> bool {
        true
    }

    fn resource_name(&self, _: IpAddr, _: InstanceId) -> Vec<IpAddr> {
        vec![PEER]
    }

    fn other(&self, _: IpAddr, question: &DnsQuestion) -> DnsAnswer {
        match question.name.len() % 4 {
            0 => {
                DnsAnswer::Host { addresses: vec![PEER; 40], ttl_secs: 60, zone: "amazonaws.com".to_owned() }
            }
            1 => DnsAnswer::Pointer { name: question.name.clone(), ttl_secs: 60 },
            2 => DnsAnswer::NoSuchName { zone: "amazonaws.com".to_owned() },
            _ => DnsAnswer::Elsewhere,
        }
    }

    fn instance_with(&self, _: IpAddr, _: Ipv6Addr) -> Option<InstanceId> {
        "i-0123456789abcdef0".parse().ok()
    }
}

impl PublicNames for Directory {
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        name.len().is_multiple_of(2).then(|| vec![PEER; 3])
    }

    fn name(&self, address: IpAddr) -> Option<String> {
        Some(address.to_string())
    }
}

impl MetadataDirectory for Directory {
    fn instance(&self, _: IpAddr) -> Option<Arc<InstanceMetadata>> {
        static INSTANCE: LazyLock<Arc<InstanceMetadata>> = LazyLock::new(|| Arc::new(instance()));
        Some(Arc::clone(&INSTANCE))
    }
}

/// A packet to the resolver.
pub fn dns(bytes: &[u8]) {
    static SERVER: LazyLock<DnsServer> = LazyLock::new(|| {
        let budget = Arc::new(LinkLocalBudget::new());
        DnsServer::new(Arc::new(Directory), budget).with_public_names(Arc::new(Directory))
    });
    if let Some(answer) = SERVER.answer_udp(PEER, bytes) {
        assert_eq!(answer[..2], bytes[..2], "an answer has the number of its query");
        assert!(SERVER.answer_udp(PEER, &answer).is_none(), "an answer is answered");
    }
}

/// A packet to the time service.
pub fn ntp(bytes: &[u8]) {
    let now = UNIX_EPOCH + Duration::from_secs(bytes.len() as u64);
    if let Some(answer) = vpc_services::ntp::answer(bytes, now) {
        assert_eq!(answer[24..32], bytes[40..48], "the client's own timestamp");
        assert!(vpc_services::ntp::answer(&answer, now).is_none(), "an answer is answered");
    }
}

/// A request line, and headers as `name: value`, one a line.
pub fn imds(bytes: &[u8]) {
    static SERVER: LazyLock<MetadataServer> = LazyLock::new(|| {
        MetadataServer::new(Arc::new(Directory), Arc::new(LinkLocalBudget::new())).with_token_key([7; 32])
    });
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut first = lines.next().unwrap_or_default().splitn(2, |byte| *byte == b' ');
    let method = Method::from_bytes(first.next().unwrap_or_default());
    let mut request = Request::builder().method(method.unwrap_or_default()).uri(first.next().unwrap_or(b"/"));
    for line in lines {
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            request = request.header(&line[..colon], &line[colon + 1..]);
        }
    }
    let Ok(request) = request.body(()) else { return };
    let now = Timestamp::from_unix_secs(1_770_000_000);
    let response = SERVER.answer(PEER, &request, now).expect("nobody asks over IPv6");
    assert!(response.status().as_u16() < 500, "{request:?}: {response:?}");
}

fn instance() -> InstanceMetadata {
    InstanceMetadata {
        options: MetadataOptions { has_tags: true, ..MetadataOptions::default() },
        partition: aws_types::Partition::Aws,
        region: "us-west-2".parse().expect("a region"),
        availability_zone: "us-west-2b".parse().expect("a zone"),
        availability_zone_id: "usw2-az1".to_owned(),
        placement_group: Some("group".to_owned()),
        placement_partition: Some(2),
        account: "123456789012".parse().expect("an account"),
        instance: "i-1234567890abcdef0".parse().expect("an instance"),
        instance_type: "t3.micro".to_owned(),
        image: "ami-0abcdef1234567890".parse().expect("an image"),
        architecture: "x86_64".to_owned(),
        hypervisor: "nitro".to_owned(),
        reservation: "r-0123456789abcdef0".parse().expect("a reservation"),
        launch_index: 3,
        pending_at: Timestamp::from_unix_secs(1_479_573_131),
        hostname: "ip-10-0-1-5.us-west-2.compute.internal".to_owned(),
        public_keys: vec![PublicKey { name: "key".to_owned(), openssh: "ssh-ed25519 AAAA".to_owned() }],
        is_monitored: true,
        profile: Some(InstanceProfile {
            arn: "arn:aws:iam::123456789012:instance-profile/web".to_owned(),
            id: "AIPAEXAMPLE".to_owned(),
            updated_at: Timestamp::from_unix_secs(1_479_573_131),
            is_found: true,
            role: Some(InstanceRole { name: "app".to_owned(), credentials: Ok(credentials()) }),
        }),
        identity_credentials: Some(credentials()),
        user_data: Some("#!/bin/sh".into()),
        tags: [Tag { key: "Name".to_owned(), value: "web 1".to_owned() }].into_iter().collect(),
        interfaces: vec![interface()],
        block_devices: vec![BlockDevice { virtual_name: "root".to_owned(), device: "/dev/xvda".to_owned() }],
    }
}

fn credentials() -> SecurityCredentials {
    SecurityCredentials {
        access_key_id: "ASIAEXAMPLE".to_owned(),
        secret: "a secret".to_owned(),
        token: "a token".to_owned(),
        issued: Timestamp::from_unix_secs(1_479_573_131),
        expires: Timestamp::from_unix_secs(1_479_594_731),
    }
}

fn interface() -> AttachedInterface {
    AttachedInterface {
        mac: "02:29:96:8f:6a:2d".parse().expect("a MAC address"),
        id: "eni-0123456789abcdef0".parse().expect("an interface"),
        device_index: 0,
        network_card_index: 0,
        owner: "123456789012".parse().expect("an account"),
        local_hostname: "ip-10-0-1-5.us-west-2.compute.internal".to_owned(),
        private_ipv4s: vec![Ipv4Addr::new(10, 0, 1, 5)],
        ipv6s: vec![],
        ipv4_prefixes: vec![],
        ipv6_prefixes: vec![],
        public_ipv4s: vec![],
        public_hostname: None,
        security_groups: vec![("sg-00000000000000001".parse().expect("a group"), "web".to_owned())],
        subnet: "subnet-00000000000000001".parse().expect("a subnet"),
        subnet_ipv4_block: "10.0.1.0/24".parse().expect("a block"),
        subnet_ipv6_blocks: vec![],
        vpc: "vpc-00000000000000001".parse().expect("a VPC"),
        vpc_ipv4_blocks: vec!["10.0.0.0/16".parse().expect("a block")],
        vpc_ipv6_blocks: vec![],
    }
}
