//! What the gateway adds to a call stays small. The bound is wide, for unoptimised builds on busy machines; what was
//! measured is printed.

use std::time::{Duration, Instant};

use crate::client::{Call, Connection};
use crate::cloud::Cloud;

#[test]
fn a_call_takes_little() {
    let cloud = Cloud::start();
    let mut call = Call::ec2("DescribeVpcs");
    call.body.extend_from_slice(b"&VpcId.1=vpc-1");
    let bytes = call.signed().bytes();
    let mut connection = Connection::open(cloud.address);
    let mut times: Vec<_> = (0..500)
        .map(|_| {
            let started = Instant::now();
            connection.write(&bytes);
            connection.answer().unwrap().expect(200, &[]);
            started.elapsed()
        })
        .collect();
    let first = times[0];
    times.sort();
    let (p50, p99) = (times[250], times[495]);
    eprintln!("first {first:?}, p50 {p50:?}, p99 {p99:?}");
    assert!(p50 < Duration::from_millis(20), "{p50:?}");
}
