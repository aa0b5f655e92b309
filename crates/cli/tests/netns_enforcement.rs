//! How long after an API answer packets are treated by it: a measurement, which prints and judges nothing but the order of
//! magnitude. `cargo nextest run -p cli --test netns_enforcement --run-ignored all --no-capture`
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::fs::File;
use std::net::UdpSocket;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cloud::guest::{Instance, Launch, Network};
use cloud::{Cloud, Mode, on_a_workstation};
use nix::sched::{CloneFlags, setns};

/// How often the rule is added.
const TIMES: usize = 200;
/// How often a datagram is sent meanwhile.
const PAUSE: Duration = Duration::from_micros(100);

/// A socket in an instance's network.
fn socket(cloud: &Cloud, instance: &Instance, port: u16) -> UdpSocket {
    let namespace = File::open(format!("/proc/{}/ns/net", cloud.pid(instance).unwrap())).unwrap();
    let address = instance.address.clone();
    std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
        UdpSocket::bind((address.as_str(), port)).unwrap()
    })
    .join()
    .unwrap()
}

/// Ends the threads of a scope, also when it fails.
struct StopAtTheEnd<'a>(&'a AtomicBool);

impl Drop for StopAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
#[ignore = "a measurement"]
fn a_rule_is_enforced_soon_after_the_answer() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let group = network.group(&cloud, "measured", &[]);
        let [one, two] =
            [(); 2].map(|()| network.boot(&cloud, Launch { groups: &[&group], ..Launch::default() }));
        let permission = [
            ("GroupId", group.as_str()),
            ("IpPermissions.1.IpProtocol", "udp"),
            ("IpPermissions.1.FromPort", "5000"),
            ("IpPermissions.1.ToPort", "5000"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/16"),
        ];
        let receiver = socket(&cloud, &two, 5000);
        receiver.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut after = Vec::new();
        for number in 0..TIMES {
            // A port of its own, since connections that were let in go on.
            let sender = socket(&cloud, &one, 20_000 + number as u16);
            let (stop, arrived) = (AtomicBool::new(false), Mutex::new(None));
            std::thread::scope(|scope| {
                let _ended = StopAtTheEnd(&stop);
                scope.spawn(|| {
                    while !stop.load(Ordering::Acquire) {
                        let _ = sender.send_to(&[0; 8], (two.address.as_str(), 5000));
                        std::thread::sleep(PAUSE);
                    }
                });
                scope.spawn(|| {
                    while !stop.load(Ordering::Acquire) {
                        let came = receiver.recv_from(&mut [0; 8]);
                        if came.is_ok_and(|(_, from)| from.port() == 20_000 + number as u16) {
                            arrived.lock().unwrap().get_or_insert(Instant::now());
                            return;
                        }
                    }
                });
                std::thread::sleep(Duration::from_millis(10));
                assert!(arrived.lock().unwrap().is_none(), "no rule lets it in");
                cloud.ec2("AuthorizeSecurityGroupIngress", &permission);
                let answered = Instant::now();
                while arrived.lock().unwrap().is_none() && answered.elapsed() < Duration::from_secs(5) {
                    std::thread::sleep(PAUSE);
                }
                stop.store(true, Ordering::Release);
                let arrived = arrived.lock().unwrap().expect("it is let in");
                after.push(arrived.saturating_duration_since(answered));
            });
            cloud.ec2("RevokeSecurityGroupIngress", &permission);
            // What the revocation finds on its way is over.
            std::thread::sleep(Duration::from_millis(30));
        }
        after.sort();
        let [half, most, last] = [TIMES / 2, TIMES * 99 / 100, TIMES - 1].map(|at| after[at]);
        let before = after.iter().filter(|time| time.is_zero()).count();
        println!(
            "from the answer to the first packet: p50 {half:?}, p99 {most:?}, at most {last:?}; {before} of {TIMES} before it"
        );
        assert!(most < Duration::from_secs(1), "{after:?}");
        cloud.finish();
    });
}
