//! What operators see of calls: each is an event, at once, and after the daemon was killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::io::BufRead as _;
use std::process::Stdio;

use cloud::{Cloud, Mode, eventually, on_a_workstation};
use serde_json::Value;

/// `brume events --json ARGUMENTS`: the events, oldest first.
fn events(cloud: &Cloud, arguments: &[&str]) -> Vec<Value> {
    let told = cloud.run("events", &[&["--json"], arguments].concat());
    assert_eq!(told.code, 0, "{told:?}");
    told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["eventName"].as_str().unwrap()).collect()
}

#[test]
fn calls_are_told_at_once_and_survive_a_killed_daemon() {
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::SlowPath);
        let made = cloud.ec2("CreateVpc", &[("CidrBlock", "10.7.0.0/16")]).first("vpcId").unwrap();
        cloud.ec2("DescribeVpcs", &[]);
        assert!(cloud.client().ec2("DeleteVpc", &[("VpcId", "vpc-0123456789abcdef0")]).is_err());
        let told = events(&cloud, &["--service", "ec2"]);
        let told = &told[told.len() - 3..];
        assert_eq!(names(told), ["CreateVpc", "DescribeVpcs", "DeleteVpc"]);
        assert_eq!(told[0]["responseElements"]["vpc"]["vpcId"], *made);
        assert_eq!(told[0]["userIdentity"]["type"], "Root");
        assert_eq!(told[2]["errorCode"], "Client.InvalidVpcID.NotFound");
        assert_eq!(names(&events(&cloud, &["--errors", "-n", "1"])), ["DeleteVpc"]);
        assert!(events(&cloud, &["--account", "111122223333"]).is_empty());
        let table = cloud.run("events", &["-n", "1"]).stdout;
        let words: Vec<&str> = table.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(words[2..4], ["root", "ec2:DeleteVpc"], "{table}");

        // Those that come are told as they come.
        let mut follow = cloud.command("events", &["--json", "--follow", "-n", "0"]);
        let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = std::io::BufReader::new(follow.stdout.take().unwrap()).lines();
        std::thread::sleep(std::time::Duration::from_secs(1));
        cloud.ec2("DeleteVpc", &[("VpcId", &made)]);
        let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!((&event["eventName"], event.get("errorCode")), (&Value::from("DeleteVpc"), None));
        follow.kill().unwrap();
        follow.wait().unwrap();

        // What was found is in a file by then.
        let before = events(&cloud, &[]);
        cloud.kill_daemon();
        let files = std::fs::read_dir(cloud.path().join("events")).unwrap();
        let newest = files.map(|file| file.unwrap().path()).max().unwrap();
        let mut torn = std::fs::OpenOptions::new().append(true).open(&newest).unwrap();
        std::io::Write::write_all(&mut torn, b"0123456789abcdef {\"eventVersion\":").unwrap();
        cloud.restart(&[]);
        eventually("the events of before are there", || {
            let now = events(&cloud, &[]);
            now.len() >= before.len() && now[..before.len()] == before[..]
        });
        cloud.finish();
    });
}
