//! The metadata service over real sockets on loopback.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_types::{Tag, Timestamp};
use vpc_services::{
    AttachedInterface, BlockDevice, InstanceMetadata, InstanceProfile, InstanceRole, LinkLocalBudget,
    MetadataDirectory, MetadataOptions, MetadataServer, PublicKey, SecurityCredentials, TokenPolicy,
};

struct Directory(HashMap<IpAddr, Arc<InstanceMetadata>>);

impl MetadataDirectory for Directory {
    fn instance(&self, peer: IpAddr) -> Option<Arc<InstanceMetadata>> {
        self.0.get(&peer).cloned()
    }
}

fn metadata() -> InstanceMetadata {
    InstanceMetadata {
        options: MetadataOptions::default(),
        partition: aws_types::Partition::Aws,
        region: "us-west-2".parse().unwrap(),
        availability_zone: "us-west-2b".parse().unwrap(),
        availability_zone_id: "usw2-az1".to_owned(),
        placement_group: None,
        placement_partition: None,
        account: "123456789012".parse().unwrap(),
        instance: "i-1234567890abcdef0".parse().unwrap(),
        instance_type: "t3.micro".to_owned(),
        image: "ami-0abcdef1234567890".parse().unwrap(),
        architecture: "x86_64".to_owned(),
        hypervisor: "nitro".to_owned(),
        reservation: "r-0123456789abcdef0".parse().unwrap(),
        launch_index: 3,
        pending_at: Timestamp::from_unix_millis(1_479_573_131_999),
        hostname: "ip-10-0-1-5.us-west-2.compute.internal".to_owned(),
        public_keys: vec![],
        is_monitored: false,
        profile: None,
        identity_credentials: None,
        user_data: None,
        tags: [Tag { key: "Name".to_owned(), value: "web 1".to_owned() }].into_iter().collect(),
        interfaces: vec![interface()],
        block_devices: vec![
            BlockDevice { virtual_name: "root".to_owned(), device: "/dev/xvda".to_owned() },
            BlockDevice { virtual_name: "ami".to_owned(), device: "/dev/xvda".to_owned() },
        ],
    }
}

fn interface() -> AttachedInterface {
    AttachedInterface {
        mac: "02:29:96:8f:6a:2d".parse().unwrap(),
        id: "eni-0123456789abcdef0".parse().unwrap(),
        device_index: 0,
        network_card_index: 0,
        owner: "123456789012".parse().unwrap(),
        local_hostname: "ip-10-0-1-5.us-west-2.compute.internal".to_owned(),
        private_ipv4s: vec!["10.0.1.5".parse().unwrap(), "10.0.1.6".parse().unwrap()],
        ipv6s: vec![],
        ipv4_prefixes: vec![],
        ipv6_prefixes: vec![],
        public_ipv4s: vec![],
        public_hostname: None,
        security_groups: vec![
            ("sg-00000000000000001".parse().unwrap(), "web".to_owned()),
            ("sg-00000000000000002".parse().unwrap(), "ssh".to_owned()),
        ],
        subnet: "subnet-00000000000000001".parse().unwrap(),
        subnet_ipv4_block: "10.0.1.0/24".parse().unwrap(),
        subnet_ipv6_blocks: vec![],
        vpc: "vpc-00000000000000001".parse().unwrap(),
        vpc_ipv4_blocks: vec!["10.0.0.0/16".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
        vpc_ipv6_blocks: vec![],
    }
}

struct Running {
    at: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Instances behind 127.0.0.1, 127.0.0.2, ...
fn start(instances: impl IntoIterator<Item = InstanceMetadata>) -> Running {
    let peers = (1..).map(|last| IpAddr::from([127, 0, 0, last]));
    serve("127.0.0.1:0", Arc::new(Directory(peers.zip(instances.into_iter().map(Arc::new)).collect())))
}

fn serve(address: &str, directory: Arc<dyn MetadataDirectory>) -> Running {
    let listener = TcpListener::bind(address).unwrap();
    let at = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = MetadataServer::new(directory, Arc::new(LinkLocalBudget::new()));
    runtime.spawn(server.serve(vec![listener]));
    Running { at, _runtime: runtime }
}

impl Running {
    fn connect(&self, last: u8) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, last], 0)).into()).unwrap();
        socket.connect(&self.at.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    fn raw(&self, last: u8, request: &[u8]) -> String {
        let mut stream = self.connect(last);
        stream.write_all(request).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn request(&self, last: u8, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        let text = self.raw(last, (request + "\r\n").as_bytes());
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.request(1, "GET", path, &[])
    }

    fn token(&self, last: u8, lifetime_secs: &str) -> Answer {
        self.request(
            last,
            "PUT",
            "/latest/api/token",
            &[("X-aws-ec2-metadata-token-ttl-seconds", lifetime_secs)],
        )
    }
}

#[test]
fn the_tree() {
    let server = start([metadata()]);
    let check = |path: &str, expected: &str| {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, expected), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/plain"), "{path}");
        assert_eq!(answer.header("server"), Some("EC2ws"), "{path}");
        assert_eq!(answer.header("last-modified"), Some("Sat, 19 Nov 2016 16:32:11 GMT"), "{path}");
    };
    let mac = "/latest/meta-data/network/interfaces/macs/02:29:96:8f:6a:2d";
    check("/latest/", "dynamic\nmeta-data");
    check("/latest", "dynamic\nmeta-data");
    check(
        "/latest/meta-data/",
        "ami-id\nami-launch-index\nami-manifest-path\nblock-device-mapping/\nevents/\nhibernation/\nhostname\n\
         instance-action\ninstance-id\ninstance-life-cycle\ninstance-type\nlocal-hostname\nlocal-ipv4\nmac\nnetwork/\n\
         placement/\nprofile\nreservation-id\nsecurity-groups\nservices/\nsystem",
    );
    check("/latest/meta-data/instance-id", "i-1234567890abcdef0");
    check("/2021-07-15/meta-data/instance-id", "i-1234567890abcdef0");
    check("/latest/meta-data/instance-id?x=y", "i-1234567890abcdef0");
    check("/latest/meta-data/ami-id", "ami-0abcdef1234567890");
    check("/latest/meta-data/ami-launch-index", "3");
    check("/latest/meta-data/local-ipv4", "10.0.1.5");
    check("/latest/meta-data/mac", "02:29:96:8f:6a:2d");
    check("/latest/meta-data/security-groups", "web\nssh");
    check("/latest/meta-data/local-hostname", "ip-10-0-1-5.us-west-2.compute.internal");
    check("/latest/meta-data/placement/", "availability-zone\navailability-zone-id\nregion");
    check("/latest/meta-data/placement/availability-zone", "us-west-2b");
    check("/latest/meta-data/placement/availability-zone-id", "usw2-az1");
    check("/latest/meta-data/services/partition", "aws");
    check("/latest/meta-data/block-device-mapping/", "ami\nroot");
    check("/latest/meta-data/network/", "interfaces/");
    check("/latest/meta-data/network/interfaces/macs/", "02:29:96:8f:6a:2d/");
    check(
        &format!("{mac}/"),
        "device-number\ninterface-id\nlocal-hostname\nlocal-ipv4s\nmac\nnetwork-card\nowner-id\nsecurity-group-ids\n\
         security-groups\nsubnet-id\nsubnet-ipv4-cidr-block\nvpc-id\nvpc-ipv4-cidr-block\nvpc-ipv4-cidr-blocks",
    );
    check(&format!("{mac}/device-number"), "0");
    check(&format!("{mac}/local-ipv4s"), "10.0.1.5\n10.0.1.6");
    check(&format!("{mac}/security-group-ids"), "sg-00000000000000001\nsg-00000000000000002");
    check(&format!("{mac}/subnet-ipv4-cidr-block"), "10.0.1.0/24");
    check(&format!("{mac}/vpc-ipv4-cidr-block"), "10.0.0.0/16");
    check(&format!("{mac}/vpc-ipv4-cidr-blocks"), "10.0.0.0/16\n10.1.0.0/16");
    check("/latest/meta-data/network/interfaces/macs/02%3A29%3a96:8f:6a:2d/vpc-id", "vpc-00000000000000001");
    check("/latest/meta-data/events/maintenance/", "history\nscheduled");
    check("/latest/meta-data/events/maintenance/history", "[]");
    check("/latest/meta-data/events/maintenance/scheduled", "[]");
    check("/latest/meta-data/hibernation/configured", "false");
    check("/latest/meta-data/profile", "default-hvm");
    check("/latest/dynamic/", "fws/\ninstance-identity/");
    check("/latest/dynamic/fws/instance-monitoring", "disabled");
    check("/latest/dynamic/instance-identity/", "document");
    assert!(
        server.get("/").body.ends_with("2024-04-11\nlatest")
            && server.get("/").body.starts_with("1.0\n2007-01-19\n")
    );
}

#[test]
fn the_identity_document() {
    let server = start([metadata()]);
    let document = server.get("/latest/dynamic/instance-identity/document");
    assert_eq!(
        document.body,
        r#"{
  "accountId" : "123456789012",
  "architecture" : "x86_64",
  "availabilityZone" : "us-west-2b",
  "billingProducts" : null,
  "devpayProductCodes" : null,
  "marketplaceProductCodes" : null,
  "imageId" : "ami-0abcdef1234567890",
  "instanceId" : "i-1234567890abcdef0",
  "instanceType" : "t3.micro",
  "kernelId" : null,
  "pendingTime" : "2016-11-19T16:32:11Z",
  "privateIp" : "10.0.1.5",
  "ramdiskId" : null,
  "region" : "us-west-2",
  "version" : "2017-09-30"
}"#
    );
}

#[test]
fn the_public_address_is_that_of_the_primary_private_address() {
    let of_secondary = ("198.51.100.9".parse().unwrap(), "10.0.1.6".parse().unwrap());
    let secondary = AttachedInterface { public_ipv4s: vec![of_secondary], ..interface() };
    let server = start([InstanceMetadata { interfaces: vec![secondary], ..metadata() }]);
    assert_eq!(server.get("/latest/meta-data/public-ipv4").status, 404);
    let of_interface = "/latest/meta-data/network/interfaces/macs/02:29:96:8f:6a:2d/public-ipv4s";
    assert_eq!(server.get(of_interface).body, "198.51.100.9");
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = start([metadata()]);
    for path in [
        "/nothing",
        "/latest/nothing",
        "/2019-01-01/meta-data/",
        "/latest/meta-data/public-ipv4",
        "/latest/meta-data/public-hostname",
        "/latest/meta-data/network/interfaces/macs/02:29:96:8f:6a:2d/public-ipv4s",
        "/latest/meta-data/network/interfaces/macs/02:29:96:8f:6a:2d/public-hostname",
        "/latest/meta-data/network/interfaces/macs/02:29:96:8f:6a:2d/ipv4-associations/",
        "/latest/meta-data/public-keys/",
        "/latest/meta-data/tags/instance/",
        "/latest/meta-data/iam/info",
        "/latest/meta-data/iam/security-credentials/",
        "/latest/meta-data/placement/group-name",
        "/latest/meta-data/placement/partition-number",
        "/latest/meta-data/spot/instance-action",
        "/latest/meta-data/autoscaling/target-lifecycle-state",
        "/latest/meta-data/events/recommendations/rebalance",
        "/latest/meta-data/instance-id/more",
        "/latest/meta-data//instance-id",
        "/latest/user-data",
        "/latest/dynamic/instance-identity/pkcs7",
        "/latest/dynamic/instance-identity/signature",
        "/latest/dynamic/instance-identity/rsa2048",
        "/latest/meta-data/network/interfaces/macs/02:00:00:00:00:00/",
        "/../etc/passwd",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html"), "{path}");
        assert!(answer.body.contains("<title>404 - Not Found</title>"), "{path}");
    }
    assert_eq!(server.request(9, "GET", "/latest/meta-data/", &[]).status, 404, "nobody is behind 127.0.0.9");
}

#[test]
fn what_the_instance_has_is_shown() {
    let options = MetadataOptions { has_tags: true, ..MetadataOptions::default() };
    let primary = AttachedInterface {
        public_ipv4s: vec![
            ("198.51.100.7".parse().unwrap(), "10.0.1.5".parse().unwrap()),
            ("198.51.100.9".parse().unwrap(), "10.0.1.6".parse().unwrap()),
        ],
        public_hostname: Some("ec2-198-51-100-7.us-west-2.compute.amazonaws.com".to_owned()),
        ipv6s: vec!["2001:db8::5".parse().unwrap()],
        ipv4_prefixes: vec!["10.0.1.16/28".parse().unwrap(), "10.0.1.32/28".parse().unwrap()],
        ipv6_prefixes: vec!["2001:db8:0:0:7::/80".parse().unwrap()],
        subnet_ipv6_blocks: vec!["2001:db8::/64".parse().unwrap()],
        vpc_ipv6_blocks: vec!["2001:db8::/56".parse().unwrap()],
        ..interface()
    };
    let server = start([InstanceMetadata {
        options,
        interfaces: vec![primary],
        public_keys: vec![PublicKey {
            name: "my key".to_owned(),
            openssh: "ssh-ed25519 AAAA my key\n".to_owned(),
        }],
        user_data: Some(bytes::Bytes::from_static(b"#!/bin/sh\necho hello\n")),
        placement_group: Some("apart".to_owned()),
        placement_partition: Some(3),
        is_monitored: true,
        profile: Some(InstanceProfile {
            arn: "arn:aws:iam::123456789012:instance-profile/web".to_owned(),
            id: "AIPAEXAMPLE".to_owned(),
            updated_at: Timestamp::from_unix_millis(1_479_573_131_999),
            is_found: true,
            role: Some(InstanceRole { name: "app".to_owned(), credentials: Ok(credentials()) }),
        }),
        identity_credentials: Some(credentials()),
        ..metadata()
    }]);
    let check = |path: &str, expected: &str| {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, expected), "{path}");
    };
    check("/latest/", "dynamic\nmeta-data\nuser-data");
    check("/latest/user-data", "#!/bin/sh\necho hello\n");
    assert_eq!(server.get("/latest/user-data").header("content-type"), Some("application/octet-stream"));
    check("/latest/meta-data/public-keys/", "0=my key");
    check("/latest/meta-data/public-keys/0/", "openssh-key");
    check("/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA my key");
    check("/latest/meta-data/tags/instance/", "Name");
    check("/latest/meta-data/tags/instance/Name", "web 1");
    check("/latest/meta-data/placement/group-name", "apart");
    check("/latest/meta-data/placement/partition-number", "3");
    check("/latest/dynamic/fws/instance-monitoring", "enabled");
    check("/latest/meta-data/iam/", "info\nsecurity-credentials/");
    check(
        "/latest/meta-data/iam/info",
        "{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2016-11-19T16:32:11Z\",\n  \"InstanceProfileArn\" : \
         \"arn:aws:iam::123456789012:instance-profile/web\",\n  \"InstanceProfileId\" : \"AIPAEXAMPLE\"\n}",
    );
    check("/latest/meta-data/iam/security-credentials/", "app");
    let document = "{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2016-11-19T16:32:11Z\",\n  \"Type\" : \
        \"AWS-HMAC\",\n  \"AccessKeyId\" : \"ASIAEXAMPLE\",\n  \"SecretAccessKey\" : \"a secret\",\n  \"Token\" : \
        \"a token\",\n  \"Expiration\" : \"2016-11-19T22:32:11Z\"\n}";
    check("/latest/meta-data/iam/security-credentials/app", document);
    assert_eq!(server.get("/latest/meta-data/iam/security-credentials/other").status, 404);
    check("/latest/meta-data/identity-credentials/ec2/", "info\nsecurity-credentials/");
    check(
        "/latest/meta-data/identity-credentials/ec2/info",
        "{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2016-11-19T16:32:11Z\",\n  \"AccountId\" : \
         \"123456789012\"\n}",
    );
    check("/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance", document);
    check("/latest/meta-data/public-ipv4", "198.51.100.7");
    let public_hostname = "ec2-198-51-100-7.us-west-2.compute.amazonaws.com";
    check("/latest/meta-data/public-hostname", public_hostname);
    check("/latest/meta-data/ipv6", "2001:db8::5");
    let mac = "/latest/meta-data/network/interfaces/macs/02:29:96:8f:6a:2d";
    check(&format!("{mac}/ipv4-associations/"), "198.51.100.7\n198.51.100.9");
    check(&format!("{mac}/ipv4-associations/198.51.100.7"), "10.0.1.5");
    check(&format!("{mac}/ipv4-associations/198.51.100.9"), "10.0.1.6");
    check(&format!("{mac}/public-ipv4s"), "198.51.100.7\n198.51.100.9");
    check(&format!("{mac}/public-hostname"), public_hostname);
    check(&format!("{mac}/ipv4-prefix"), "10.0.1.16/28\n10.0.1.32/28");
    check(&format!("{mac}/ipv6-prefix"), "2001:db8:0:0:7::/80");
    check(&format!("{mac}/subnet-ipv6-cidr-blocks"), "2001:db8::/64");
    check(&format!("{mac}/vpc-ipv6-cidr-blocks"), "2001:db8::/56");
}

#[test]
fn tokens_are_granted_by_the_rules() {
    let server = start([metadata()]);
    let granted = server.token(1, "21600");
    assert_eq!((granted.status, granted.body.len()), (200, 56));
    assert_eq!(granted.header("x-aws-ec2-metadata-token-ttl-seconds"), Some("21600"));
    for lifetime in ["0", "21601", "-5", "abc", ""] {
        assert_eq!(server.token(1, lifetime).status, 400, "{lifetime:?}");
    }
    assert_eq!(server.request(1, "PUT", "/latest/api/token", &[]).status, 400);
    let ttl = ("X-aws-ec2-metadata-token-ttl-seconds", "60");
    let forwarded = server.request(1, "PUT", "/latest/api/token", &[ttl, ("X-Forwarded-For", "10.0.0.1")]);
    assert_eq!((forwarded.status, forwarded.body.contains("403 - Forbidden")), (403, true));
    let wrong_method = server.request(1, "GET", "/latest/api/token", &[ttl]);
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, Some("OPTIONS, PUT")));
    for method in ["PUT", "POST", "DELETE", "PATCH"] {
        assert_eq!(server.request(1, method, "/latest/meta-data/", &[]).status, 405, "{method}");
    }
    let head = server.request(1, "HEAD", "/latest/meta-data/instance-id", &[]);
    assert_eq!((head.status, head.header("content-length"), head.body.as_str()), (200, Some("19"), ""));
}

#[test]
fn tokens_are_checked_and_are_worth_nothing_elsewhere() {
    let required = MetadataOptions { tokens: TokenPolicy::Required, ..MetadataOptions::default() };
    let second = InstanceMetadata { instance: "i-00000000000000002".parse().unwrap(), ..metadata() };
    let server = start([InstanceMetadata { options: required, ..metadata() }, second]);
    let get = |last, token: &str| {
        server.request(last, "GET", "/latest/meta-data/instance-id", &[("X-aws-ec2-metadata-token", token)])
    };
    let token = server.token(1, "60").body;
    let shown = get(1, &token);
    assert_eq!((shown.status, shown.body.as_str()), (200, "i-1234567890abcdef0"));
    assert_eq!(shown.header("x-aws-ec2-metadata-token-ttl-seconds"), Some("60"));
    let refused = server.get("/latest/meta-data/instance-id");
    assert_eq!((refused.status, refused.body.contains("<h1>401 - Unauthorized</h1>")), (401, true));
    assert_eq!(get(1, "AQAAAnonsense==").status, 401);
    // Where tokens are optional, none is fine and a wrong one is not.
    assert_eq!(server.request(2, "GET", "/latest/meta-data/instance-id", &[]).body, "i-00000000000000002");
    assert_eq!(get(2, &token).status, 401, "the token of another instance");
    let short = server.token(2, "1").body;
    assert_eq!(get(2, &short).status, 200);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(get(2, &short).status, 401, "it expired");
}

#[test]
fn a_disabled_endpoint_forbids_everything() {
    let options = MetadataOptions { is_enabled: false, ..MetadataOptions::default() };
    let server = start([InstanceMetadata { options, ..metadata() }]);
    assert_eq!(server.get("/latest/meta-data/").status, 403);
    assert_eq!(server.token(1, "60").status, 403);
}

#[test]
fn the_ipv6_address_is_answered_at_where_it_is_enabled() {
    let check = |is_enabled, is_ipv6_enabled, expect: Option<&str>| {
        let options = MetadataOptions { is_enabled, is_ipv6_enabled, ..MetadataOptions::default() };
        let instance = Arc::new(InstanceMetadata { options, ..metadata() });
        let server = serve("[::1]:0", Arc::new(Directory([("::1".parse().unwrap(), instance)].into())));
        let ttl = "X-aws-ec2-metadata-token-ttl-seconds: 60";
        for request in
            [format!("PUT /latest/api/token HTTP/1.1\r\n{ttl}\r\n\r\n"), "GET / HTTP/1.1\r\n\r\n".into()]
        {
            let mut stream = TcpStream::connect(server.at).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut text = String::new();
            let read = stream.read_to_string(&mut text);
            match expect {
                Some(start) => assert!(read.is_ok() && text.starts_with(start), "{request}: {text}"),
                None => assert_eq!(
                    (read.map_err(|error| error.kind()), text.as_str()),
                    (Err(std::io::ErrorKind::ConnectionReset), ""),
                    "{request}"
                ),
            }
        }
    };
    check(true, true, Some("HTTP/1.1 200"));
    check(true, false, None);
    check(false, true, Some("HTTP/1.1 403"));
    check(false, false, None);
    // The IPv4 address is another matter.
    assert!(!MetadataOptions::default().is_ipv6_enabled);
    assert_eq!(start([metadata()]).get("/latest/meta-data/mac").status, 200);
}

#[test]
fn connections_are_closed_after_one_answer_and_bounded() {
    let server = start([metadata()]);
    let pipelined = "GET /latest/meta-data/mac HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    let text = server.raw(1, pipelined.as_bytes());
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 1, "{text}");
    assert_eq!(server.get("/latest/meta-data/mac").header("connection"), Some("close"));
    assert!(server.raw(1, b"\x16\x03\x01\x02\x00 not http\r\n\r\n").starts_with("HTTP/1.1 400"));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    let mut stream = server.connect(1);
    let _ = stream.write_all(long.as_bytes());
    let mut start = [0; 12];
    let refused = stream.read(&mut start).is_ok_and(|read| !start[..read].starts_with(b"HTTP/1.1 2"));
    assert!(refused || stream.read(&mut start).is_err());
    // 64 silent connections of one interface leave no place for it, and all places for others.
    let held: Vec<_> = (0..64).map(|_| server.connect(1)).collect();
    std::thread::sleep(Duration::from_millis(200));
    let mut refused = server.connect(1);
    let closed = refused.write_all(b"GET / HTTP/1.1\r\n\r\n").and_then(|()| refused.read(&mut [0; 16]));
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    assert_eq!(server.request(2, "GET", "/", &[]).status, 404);
    drop(held);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.get("/latest/meta-data/mac").status, 200);
}

/// An instance whose options change.
struct Changing(Mutex<MetadataOptions>);

impl MetadataDirectory for Changing {
    fn instance(&self, _peer: IpAddr) -> Option<Arc<InstanceMetadata>> {
        Some(Arc::new(InstanceMetadata { options: *self.0.lock().unwrap(), ..metadata() }))
    }
}

#[test]
fn fact_70_options_hold_from_the_next_request_on() {
    let directory = Arc::new(Changing(Mutex::default()));
    let server = serve("127.0.0.1:0", Arc::clone(&directory) as _);
    let set = |change: &dyn Fn(&mut MetadataOptions)| change(&mut directory.0.lock().unwrap());
    let path = "/latest/meta-data/instance-id";
    let tags = "/latest/meta-data/tags/instance/Name";
    let with =
        |path, token: &str| server.request(1, "GET", path, &[("X-aws-ec2-metadata-token", token)]).status;
    assert_eq!((server.get(path).status, server.get(tags).status), (200, 404));
    set(&|options| options.has_tags = true);
    assert_eq!(server.get(tags).body, "web 1");
    set(&|options| options.has_tags = false);
    assert_eq!(server.get(tags).status, 404);

    let token = server.token(1, "60").body;
    set(&|options| options.tokens = TokenPolicy::Required);
    assert_eq!((server.get(path).status, with(path, &token)), (401, 200));
    set(&|options| options.is_enabled = false);
    assert_eq!((server.get(path).status, with(path, &token), server.token(1, "60").status), (403, 403, 403));
    // A token of before is good again with the endpoint.
    set(&|options| options.is_enabled = true);
    assert_eq!((server.get(path).status, with(path, &token)), (401, 200));
    set(&|options| options.tokens = TokenPolicy::Optional);
    assert_eq!(server.get(path).status, 200);
}

fn credentials() -> SecurityCredentials {
    SecurityCredentials {
        access_key_id: "ASIAEXAMPLE".to_owned(),
        secret: "a secret".to_owned(),
        token: "a token".to_owned(),
        issued: Timestamp::from_unix_secs(1_479_573_131),
        expires: Timestamp::from_unix_secs(1_479_573_131 + 21_600),
    }
}

#[test]
fn a_role_that_does_not_let_instances_in_is_told_of() {
    let since = Timestamp::from_unix_secs(1_479_573_131);
    let profile = |is_found, role| InstanceProfile {
        arn: "arn:aws:iam::123456789012:instance-profile/web".to_owned(),
        id: "AIPAEXAMPLE".to_owned(),
        updated_at: since,
        is_found,
        role,
    };
    let role = InstanceRole { name: "app".to_owned(), credentials: Err(since) };
    let of = |profile| start([InstanceMetadata { profile: Some(profile), ..metadata() }]);
    let server = of(profile(true, Some(role)));
    let refused = server.get("/latest/meta-data/iam/security-credentials/app");
    assert!(refused.body.contains("\"Code\" : \"AssumeRoleUnauthorizedAccess\""), "{}", refused.body);
    assert!(refused.body.contains("EC2 cannot assume the role app."), "{}", refused.body);
    let server = of(profile(false, None));
    let info = server.get("/latest/meta-data/iam/info");
    assert!(info.body.contains("\"Code\" : \"InstanceProfileNotFound\""), "{}", info.body);
    assert_eq!(server.get("/latest/meta-data/iam/security-credentials/").status, 404);
}
