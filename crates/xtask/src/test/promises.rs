//! The promised numbers, and whether a benchmark's report keeps them.
//!
//! Owns the limits of SPECIFICATION.md and where each number stands in the JSON that `brume bench` prints. Refuses to
//! know how it is measured.

use serde_json::Value;

use super::report::Tally;

/// On which side of its limit a number has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
}

/// One promised number.
#[derive(Debug)]
pub(super) struct Promise {
    /// Its number in SPECIFICATION.md.
    id: &'static str,
    /// What it is, with its unit.
    what: &'static str,
    /// Where it stands in the report, as a JSON pointer (RFC 6901).
    pointer: &'static str,
    limit: Limit,
}

/// `cargo bench -p vpc-engine --bench forward`, as `super::divan` reads it.
pub(super) const FORWARD: [Promise; 4] = [
    Promise {
        id: "P1",
        what: "first packet of a connection, 100,000 interfaces, microseconds",
        pointer: "/new_connection/micros",
        limit: Limit::AtMost(1.5),
    },
    Promise {
        id: "P1",
        what: "further packet, 100,000 interfaces, microseconds",
        pointer: "/established/micros",
        limit: Limit::AtMost(1.5),
    },
    Promise {
        id: "P1",
        what: "first packet, 100,000 interfaces to 10, ratio",
        pointer: "/new_connection/growth",
        limit: Limit::AtMost(1.3),
    },
    Promise {
        id: "P1",
        what: "further packet, 100,000 interfaces to 10, ratio",
        pointer: "/established/growth",
        limit: Limit::AtMost(1.3),
    },
];

/// `brume bench launch --json`.
pub(super) const LAUNCH: [Promise; 4] = [
    Promise {
        id: "P5",
        what: "100 instances reachable, seconds",
        pointer: "/fleet_reachable_secs",
        limit: Limit::AtMost(20.0),
    },
    Promise {
        id: "P6",
        what: "single launch p50, milliseconds",
        pointer: "/single_launch_p50_millis",
        limit: Limit::AtMost(500.0),
    },
    Promise {
        id: "P7",
        what: "cold start p50, milliseconds",
        pointer: "/cold_start_p50_millis",
        limit: Limit::AtMost(200.0),
    },
    Promise { id: "P8", what: "idle memory, MiB", pointer: "/idle_memory_mib", limit: Limit::AtMost(60.0) },
];

/// `brume bench api --json`.
pub(super) const API: [Promise; 6] = [
    Promise {
        id: "P9",
        what: "DescribeVpcs p50 on one connection, milliseconds",
        pointer: "/describe_vpcs_p50_millis",
        limit: Limit::AtMost(0.2),
    },
    Promise {
        id: "P10",
        what: "DescribeVpcs on 16 connections, requests per second",
        pointer: "/describe_vpcs_per_second",
        limit: Limit::AtLeast(10_000.0),
    },
    Promise {
        id: "P11",
        what: "CreateVpc, durable, p50, milliseconds",
        pointer: "/create_vpc_p50_millis",
        limit: Limit::AtMost(1.5),
    },
    Promise {
        id: "P12",
        what: "one of 10,000 subnets p50, milliseconds",
        pointer: "/describe_one_subnet_p50_millis",
        limit: Limit::AtMost(1.0),
    },
    Promise {
        id: "P12",
        what: "a page of 1,000 subnets p50, milliseconds",
        pointer: "/describe_page_p50_millis",
        limit: Limit::AtMost(10.0),
    },
    Promise {
        id: "P13",
        what: "memory for each subnet, KiB",
        pointer: "/memory_per_subnet_kib",
        limit: Limit::AtMost(2.0),
    },
];

/// `brume bench s3 --json`.
pub(super) const S3: [Promise; 7] = [
    Promise {
        id: "P22",
        what: "put of 1 KiB, durable, p50 on one connection, milliseconds",
        pointer: "/put_1kib_p50_millis",
        limit: Limit::AtMost(2.0),
    },
    Promise {
        id: "P22",
        what: "get of 1 KiB p50 on one connection, milliseconds",
        pointer: "/get_1kib_p50_millis",
        limit: Limit::AtMost(0.4),
    },
    Promise {
        id: "P23",
        what: "gets of 1 KiB on 16 connections, requests per second",
        pointer: "/gets_per_second",
        limit: Limit::AtLeast(6_000.0),
    },
    Promise {
        id: "P24",
        what: "1 GiB in, to cp and sha256sum, ratio",
        pointer: "/in_to_cp_and_sha256sum",
        limit: Limit::AtLeast(0.5),
    },
    Promise {
        id: "P24",
        what: "1 GiB out, to cp and sha256sum, ratio",
        pointer: "/out_to_cp_and_sha256sum",
        limit: Limit::AtLeast(0.5),
    },
    Promise {
        id: "P25",
        what: "the daemon's memory at most, MiB",
        pointer: "/peak_memory_mib",
        limit: Limit::AtMost(100.0),
    },
    Promise {
        id: "P26",
        what: "a page of 1,000 keys among 1,000,000 p50, milliseconds",
        pointer: "/list_page_p50_millis",
        limit: Limit::AtMost(15.0),
    },
];

/// `brume bench network --json`: ratios to a bare veth pair.
pub(super) const NETWORK: [Promise; 3] = [
    Promise {
        id: "P2",
        what: "TCP throughput, ratio",
        pointer: "/ratios/tcp_throughput",
        limit: Limit::AtLeast(0.95),
    },
    Promise {
        id: "P3",
        what: "round trip p50, ratio",
        pointer: "/ratios/round_trip_p50",
        limit: Limit::AtMost(1.10),
    },
    Promise {
        id: "P4",
        what: "connect+request+close, ratio",
        pointer: "/ratios/connections",
        limit: Limit::AtLeast(0.80),
    },
];

/// Compares a report with the promises about it. A number that is not there is a promise that is not kept.
pub(super) fn tally(promises: &[Promise], report: &Value) -> Tally {
    let mut tally = Tally::default();
    for promise in promises {
        let found = report.pointer(promise.pointer).and_then(Value::as_f64);
        let is_kept = found.is_some_and(|found| match promise.limit {
            Limit::AtLeast(limit) => found >= limit,
            Limit::AtMost(limit) => found <= limit,
        });
        let (side, limit) = match promise.limit {
            Limit::AtLeast(limit) => ("at least", limit),
            Limit::AtMost(limit) => ("at most", limit),
        };
        let found = found.map_or_else(|| "not in the report".to_owned(), |found| format!("{found:.3}"));
        let line = format!("{} {}: {found} ({side} {limit})", promise.id, promise.what);
        println!("{line}");
        tally.add(&line, is_kept);
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_held_against_their_limits() {
        let report = serde_json::json!({
            "fleet_reachable_secs": 20.0,
            "single_launch_p50_millis": 501,
            "idle_memory_mib": "little",
        });
        let tally = tally(&LAUNCH, &report);
        assert_eq!(tally.passed, 1);
        let failed: Vec<&str> = tally.failed.iter().map(|line| &line[..2]).collect();
        assert_eq!(failed, ["P6", "P7", "P8"]);
    }

    #[test]
    fn every_promise_stands_in_the_specification() {
        let specification = include_str!("../../../../SPECIFICATION.md");
        for promise in FORWARD.iter().chain(&LAUNCH).chain(&NETWORK) {
            assert!(specification.contains(&format!("| {} |", promise.id)), "{} is not there", promise.id);
        }
    }
}
