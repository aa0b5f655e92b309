//! What time it is inside an instance, as NTP tells it through the fabric.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::time::{SystemTime, UNIX_EPOCH};

use cloud::guest::{Launch, Network};
use cloud::{BOTH_MODES, Cloud, on_a_workstation};

/// Sends a client's packet of version 4 and prints the answer's bytes.
const QUERY: &str = r"exec 3<>/dev/udp/169.254.169.123/123
{ printf '\043'; head -c 47 /dev/zero; } | dd bs=48 iflag=fullblock count=1 status=none >&3
timeout 10 dd bs=48 count=1 status=none <&3 | od -An -v -tu1";

/// The host's clock, in seconds since 1900.
fn host_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2_208_988_800
}

#[test]
fn an_instance_learns_the_time() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            let cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let instance = network.boot(&cloud, Launch::default());
            let before = host_secs();
            let answer = cloud.output(&instance, &format!("bash -c \"{QUERY}\""));
            let bytes: Vec<u8> = answer.split_whitespace().map(|byte| byte.parse().unwrap()).collect();
            assert_eq!(bytes.len(), 48, "{mode:?}: {answer:?}");
            assert_eq!(bytes[..2], [0b00_100_100, 3], "{mode:?}: no server's answer");
            let sent = u64::from(u32::from_be_bytes(bytes[40..44].try_into().unwrap()));
            assert!((before..=host_secs()).contains(&sent), "{mode:?}: {sent}");
            cloud.finish();
        }
    });
}
