//! `brume net set`, `brume net conditions`, and the latencies of hosts: how they are said, that they are kept, and that packets
//! meet them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cloud::{Cloud, Finished, Mode, on_a_workstation};
use serde_json::{Value, json};

const MS: Duration = Duration::from_millis(1);
/// How long a connection is waited for.
const CONNECTING: Duration = Duration::from_secs(5);
/// What a machine with other things to do may add to a time.
const SLACK: Duration = Duration::from_secs(1);

fn brume(cloud: &Cloud, arguments: &[&str]) -> Finished {
    let mut command = cloud::brume();
    command.args(arguments).env("BRUME_DATA_DIR", cloud.path()).stdin(Stdio::null());
    Finished::new(command.output().unwrap())
}

fn done(cloud: &Cloud, arguments: &[&str]) -> String {
    let finished = brume(cloud, arguments);
    assert_eq!(finished.code, 0, "{arguments:?}: {finished:?}");
    finished.stdout
}

/// What is told, without the ids that reasons of drops have.
fn conditions(cloud: &Cloud) -> Value {
    let mut paths: Value = serde_json::from_str(&done(cloud, &["net", "conditions", "--json"])).unwrap();
    for path in paths.as_array_mut().unwrap() {
        let id = path.as_object_mut().unwrap().remove("id").unwrap();
        assert!(id.as_str().unwrap().starts_with("path-"), "{id}");
    }
    paths
}

fn connect(address: &str) -> Option<Duration> {
    let start = Instant::now();
    TcpStream::connect_timeout(&format!("{address}:80").parse().unwrap(), CONNECTING).ok()?;
    Some(start.elapsed())
}

fn must_take(address: &str, least: Duration) {
    let took = connect(address).expect("a connection");
    assert!(took >= least && took < least + SLACK, "{took:?} to {address}, not {least:?}");
}

#[test]
fn conditions_are_set_shown_kept_and_cleared() {
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::FastPath);
        assert!(done(&cloud, &["net", "conditions"]).starts_with("No way has a condition."));
        done(&cloud, &["internet", "add", "far.example", "198.51.100.7", "--latency", "30"]);
        done(&cloud, &["internet", "add", "near.example", "198.51.100.8"]);
        must_take("198.51.100.7", 60 * MS);
        assert!((0..5).filter_map(|_| connect("198.51.100.8")).min().unwrap() < 60 * MS);
        let zones = ["net", "set", "zones", "us-east-1b", "us-east-1a"];
        let told = done(&cloud, &[&zones[..], &["--latency", "2ms", "--loss", "0.5%"]].concat());
        assert_eq!(
            told,
            "On the way between us-east-1a and us-east-1b packets take 2ms one way, 0.5% of them are lost.\n"
        );
        done(&cloud, &[&zones[..], &["--bandwidth", "100mbit"]].concat());
        done(&cloud, &["net", "set", "regions", "us-east-1", "eu-west-1", "--latency", "38ms"]);
        let path = |kind: &str, between: Value, micros: u32, millionths: u32, bits: Value| {
            json!({
                "kind": kind, "between": between, "latency_micros": micros, "loss_millionths": millionths,
                "bandwidth_bits_per_sec": bits,
            })
        };
        let all = json!([
            path("zones", json!(["us-east-1a", "us-east-1b"]), 2000, 5000, json!(100_000_000)),
            path("regions", json!(["eu-west-1", "us-east-1"]), 38_000, 0, Value::Null),
            path("internet", json!(["far.example"]), 30_000, 0, Value::Null),
        ]);
        assert_eq!(conditions(&cloud), all);

        for (wrong, code, expected) in [
            (&["zones", "us-east-1a", "us-east-1b"][..], 2, "--latency"),
            (&["zones", "us-east-1a", "us-east-1b", "--latency", "11s"], 2, "at most 10 s"),
            (&["zones", "us-east-1a", "us-east-1b", "--loss", "0.5"], 2, "write it as 0.5%"),
            (&["zones", "us-east-1a", "us-east-1b", "--bandwidth", "10"], 2, "write it as 512kbit"),
            (&["zones", "us-east-1a", "us-east-1b", "--clear", "--loss", "1%"], 2, "cannot be used with"),
            (&["zones", "us-east-1a", "us-east-1z", "--clear"], 1, "there is no zone us-east-1z"),
            (
                &["zones", "us-east-1a", "eu-west-1a", "--loss", "1%"],
                1,
                "net set regions us-east-1 eu-west-1",
            ),
            (&["regions", "us-east-1", "us-east-9", "--loss", "1%"], 1, "there is no region us-east-9"),
            (&["regions", "us-east-1", "us-east-1", "--loss", "1%"], 1, "net set zones"),
            (&["internet", "other.example", "--loss", "1%"], 1, "there is no host other.example"),
        ] {
            let finished = brume(&cloud, &[&["net", "set"], wrong].concat());
            assert!(finished.code == code && finished.stderr.contains(expected), "{wrong:?}: {finished:?}");
        }
        assert_eq!(conditions(&cloud), all, "nothing was changed");

        cloud.kill_daemon();
        cloud.restart(&[]);
        assert_eq!(conditions(&cloud), all);
        must_take("198.51.100.7", 60 * MS);

        done(&cloud, &["net", "set", "internet", "near.example", "--loss", "100%"]);
        assert_eq!(connect("198.51.100.8"), None);
        let drops: Value = serde_json::from_str(&done(&cloud, &["net", "drops", "--json"])).unwrap();
        let lost = drops.as_array().unwrap().iter().find(|drop| drop["name"] == "PathLoss").unwrap();
        assert!(lost["interface"] == "workstation" && lost["packets"].as_u64() > Some(1), "{drops}");
        let told = done(&cloud, &["net", "set", "internet", "near.example", "--clear"]);
        assert_eq!(told, "The way to near.example has no condition.\n");
        assert!(connect("198.51.100.8").is_some());
        // What a host is like goes with it.
        done(&cloud, &["internet", "remove", "far.example"]);
        done(&cloud, &["internet", "add", "far.example", "198.51.100.7"]);
        assert!((0..5).filter_map(|_| connect("198.51.100.7")).min().unwrap() < 60 * MS);
        done(&cloud, &[&zones[..], &["--clear"]].concat());
        done(&cloud, &["net", "set", "regions", "eu-west-1", "us-east-1", "--latency", "0ms"]);
        assert_eq!(conditions(&cloud), json!([]));

        // As a file has it.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts.toml");
        std::fs::write(
            &file,
            "[[host]]\nname = \"far.example\"\naddresses = [\"198.51.100.7\"]\nlatency-ms = 25\n",
        )
        .unwrap();
        cloud.kill_daemon();
        cloud.restart(&["--internet", file.to_str().unwrap()]);
        must_take("198.51.100.7", 50 * MS);
        cloud.finish();
    });
}
