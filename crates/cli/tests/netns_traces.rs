//! `brume trace` says what packets then do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use cloud::guest::{Launch, Network};
use cloud::{BOTH_MODES, Cloud, Finished, eventually, on_a_workstation};
use serde_json::Value;

/// `brume trace ARGUMENTS` of a cloud.
fn trace(cloud: &Cloud, arguments: &[&str]) -> Finished {
    let mut command = cloud::brume();
    command.arg("trace").args(arguments).arg("--data-dir").arg(cloud.path());
    Finished::new(command.output().unwrap())
}

#[test]
fn a_trace_says_what_stops_a_connection_and_what_would_let_it_through() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let group = network.group(&cloud, "servers", &[]);
            let groups = [group.as_str()];
            let launch = Launch {
                groups: &groups,
                user_data: "#!/bin/sh\nnc -lk 80 </dev/null >/dev/null 2>&1 &",
                ..Launch::default()
            };
            let [one, two] = [(); 2].map(|()| network.boot(&cloud, launch));
            let asked = [one.id.as_str(), two.id.as_str(), "--tcp", "80"];

            let refused = trace(&cloud, &asked);
            assert_eq!(refused.code, 3, "{refused:?}");
            let reason = format!(
                "What stops it:\n  1. no ingress rule of the security groups of {} allows it",
                two.interface
            );
            assert!(refused.stdout.contains(&reason), "{reason}: {refused:?}");
            let fix = format!(
                "add to {group} of {} an ingress rule for tcp 80 from {}/32",
                two.interface, one.address
            );
            assert!(refused.stdout.contains(&fix), "{fix}: {refused:?}");
            assert!(!cloud.connects(&one, &two, 80), "the trace is of what packets do");
            let before = cloud.status()["drops"].to_string();
            trace(&cloud, &asked);
            assert_eq!(cloud.status()["drops"].to_string(), before, "nothing is sent");

            network.permit(&cloud, &group, "80");
            eventually("it gets there", || trace(&cloud, &asked).code == 0);
            cloud.wait_for_listener(&two, 80);
            assert!(cloud.connects(&one, &two, 80));
            let report = trace(&cloud, &[&asked[..], &["--json"]].concat());
            let report: Value = serde_json::from_str(&report.stdout).unwrap();
            assert_eq!((&report["reaches"], &report["refusals"]), (&true.into(), &Value::Array(Vec::new())));
            let kinds: Vec<&str> = report["there"]
                .as_array()
                .unwrap()
                .iter()
                .map(|step| step["kind"].as_str().unwrap())
                .collect();
            let way = ["interface", "security-group-rule", "subnet", "interface", "security-group-rule"];
            assert_eq!(kinds, way, "{report:#}");
            assert_eq!(report["back"].as_array().unwrap().len(), way.len());

            // To the internet there is no route, and nothing to lead to.
            let out = trace(&cloud, &[&one.interface, "198.51.100.7"]);
            assert_eq!(out.code, 3, "{out:?}");
            assert!(out.stdout.contains("nothing to change"), "{out:?}");
            for (wrong, code, said) in [
                (&["i-0123456789abcdef0", "198.51.100.7"][..], 1, "there is no interface and no instance"),
                (&["203.0.113.77", one.id.as_str()], 1, "an address of nobody here"),
                (&["workstation", one.id.as_str()], 1, "has no public address"),
                (&[one.id.as_str()], 2, "<TO>"),
            ] {
                let finished = trace(&cloud, wrong);
                assert!(finished.code == code && finished.stderr.contains(said), "{wrong:?}: {finished:?}");
            }
            cloud.finish();
        }
    });
}
