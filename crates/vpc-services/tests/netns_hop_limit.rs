//! A token's packets do not travel farther than the instance's hop limit: seen through a router in between.
//!
//! Three namespaces of the test's own, client - router - server. Each lives as long as its thread.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use aws_types::{Tags, Timestamp};
use parking_lot::Mutex;
use vpc_services::{InstanceMetadata, LinkLocalBudget, MetadataDirectory, MetadataOptions, MetadataServer};

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
struct Namespace {
    jobs: Sender<Job>,
    thread_id: i32,
}

impl Namespace {
    fn new() -> Result<Self, nix::Error> {
        let (jobs, queue): (Sender<Job>, Receiver<Job>) = channel();
        let (made, answer) = channel();
        std::thread::spawn(move || {
            let unshared = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET);
            made.send(unshared.map(|()| nix::unistd::gettid().as_raw())).unwrap();
            queue.into_iter().for_each(|job| job());
        });
        Ok(Self { jobs, thread_id: answer.recv().unwrap()? })
    }

    /// Runs something inside.
    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, answer) = channel();
        self.jobs.send(Box::new(move || done.send(job()).unwrap())).unwrap();
        answer.recv().unwrap()
    }

    fn ip(&self, arguments: &str) {
        let arguments = arguments.to_owned();
        self.run(move || {
            let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
            assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        });
    }
}

struct Directory(Mutex<u8>);

impl MetadataDirectory for Directory {
    fn instance(&self, _peer: IpAddr) -> Option<Arc<InstanceMetadata>> {
        Some(Arc::new(InstanceMetadata {
            options: MetadataOptions {
                hop_limit: *self.0.lock(),
                is_ipv6_enabled: true,
                ..MetadataOptions::default()
            },
            partition: aws_types::Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            availability_zone: "us-east-1a".parse().unwrap(),
            availability_zone_id: "use1-az1".to_owned(),
            placement_group: None,
            placement_partition: None,
            account: "123456789012".parse().unwrap(),
            instance: "i-1234567890abcdef0".parse().unwrap(),
            instance_type: "t3.micro".to_owned(),
            image: "ami-0abcdef1234567890".parse().unwrap(),
            architecture: "x86_64".to_owned(),
            hypervisor: "nitro".to_owned(),
            reservation: "r-0123456789abcdef0".parse().unwrap(),
            launch_index: 0,
            pending_at: Timestamp::from_unix_secs(0),
            hostname: String::new(),
            public_keys: vec![],
            is_monitored: false,
            profile: None,
            identity_credentials: None,
            user_data: None,
            tags: Tags::default(),
            interfaces: vec![],
            block_devices: vec![],
        }))
    }
}

/// What comes back within two seconds.
fn exchange(client: &Namespace, server: &str, request: &'static str) -> String {
    let server: SocketAddr = server.parse().unwrap();
    client.run(move || {
        let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(2)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            answer.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8(answer).unwrap()
    })
}

fn skip(reason: &str) {
    assert!(std::env::var("BRUME_REQUIRE_ALL").is_err(), "cannot run here: {reason}");
    eprintln!("SKIPPED: {reason}");
}

#[test]
fn fact_70_a_token_travels_as_far_as_the_hop_limit_says() {
    if Command::new("ip").arg("-V").output().is_err() {
        return skip("there is no ip program to build the namespaces with");
    }
    let (client, router, server) = match (Namespace::new(), Namespace::new(), Namespace::new()) {
        (Ok(client), Ok(router), Ok(server)) => (client, router, server),
        _ => return skip("network namespaces cannot be made"),
    };
    router.ip(&format!("link add c0 type veth peer name c1 netns {}", client.thread_id));
    router.ip(&format!("link add s0 type veth peer name s1 netns {}", server.thread_id));
    for (namespace, device, ipv4, ipv6) in [
        (&client, "c1", "10.9.1.2/24", "fd00:9:1::2/64"),
        (&router, "c0", "10.9.1.1/24", "fd00:9:1::1/64"),
        (&router, "s0", "10.9.2.1/24", "fd00:9:2::1/64"),
        (&server, "s1", "10.9.2.2/24", "fd00:9:2::2/64"),
    ] {
        namespace.ip(&format!("address add {ipv4} dev {device}"));
        // Without asking first whether somebody has the address, which takes a second.
        namespace.ip(&format!("address add {ipv6} dev {device} nodad"));
        namespace.ip(&format!("link set {device} up"));
    }
    client.ip("route add default via 10.9.1.1");
    server.ip("route add default via 10.9.2.1");
    client.ip("-6 route add default via fd00:9:1::1");
    server.ip("-6 route add default via fd00:9:2::1");
    // The kernel shows each task the settings of its own namespace here.
    router.run(|| {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
    });

    let addresses = ["10.9.2.2:80", "[fd00:9:2::2]:80"];
    let listeners = server.run(move || addresses.map(|address| TcpListener::bind(address).unwrap()));
    let directory = Arc::new(Directory(Mutex::new(1)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let service = MetadataServer::new(directory.clone(), Arc::new(LinkLocalBudget::new()));
    runtime.spawn(service.serve(listeners.into()));

    const PUT: &str =
        "PUT /latest/api/token HTTP/1.1\r\nHost: x\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n";
    const GET: &str = "GET /latest/meta-data/instance-id HTTP/1.1\r\nHost: x\r\n\r\n";
    for at in addresses {
        *directory.0.lock() = 1;
        assert_eq!(exchange(&client, at, PUT), "", "{at}: with a limit of 1 the router ends it");
        let shown = exchange(&client, at, GET);
        assert!(shown.ends_with("i-1234567890abcdef0"), "{at}: other answers are not limited");
        *directory.0.lock() = 2;
        let granted = exchange(&client, at, PUT);
        assert!(granted.starts_with("HTTP/1.1 200 OK"), "{at}: with a limit of 2 it passes");
    }
}
