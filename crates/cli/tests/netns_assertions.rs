//! `brume assert` says whether the network does what a file expects.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use cloud::guest::{Instance, Launch, Network};
use cloud::{Cloud, Finished, Mode, eventually, on_a_workstation};
use serde_json::Value;

/// `brume assert ARGUMENTS` of a cloud, of a file with that name and that text.
fn assert_file(cloud: &Cloud, name: &str, text: &str, arguments: &[&str]) -> Finished {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    std::fs::write(&file, text).unwrap();
    let mut command = cloud::brume();
    command.arg("assert").arg(&file).args(arguments).arg("--data-dir").arg(cloud.path());
    Finished::new(command.output().unwrap())
}

fn tagged(cloud: &Cloud, id: &str, tags: &[(&str, &str)]) {
    for (key, value) in tags {
        let parameters = [("ResourceId.1", id), ("Tag.1.Key", key), ("Tag.1.Value", value)];
        cloud.ec2("CreateTags", &parameters);
    }
}

#[test]
fn a_file_says_what_the_network_is_to_do() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::SlowPath);
        let network = Network::new(&cloud);
        let group = network.group(&cloud, "databases", &["5432"]);
        let groups = [group.as_str()];
        let [web, db, spare]: [Instance; 3] = [&[][..], &groups, &groups]
            .map(|groups| network.launch(&cloud, 1, Launch { groups, ..Launch::default() }).remove(0));
        tagged(&cloud, &web.id, &[("Name", "web"), ("Role", "front")]);
        tagged(&cloud, &db.interface, &[("Name", "the db")]);
        for instance in [&db, &spare] {
            tagged(&cloud, &instance.id, &[("Role", "data")]);
        }
        let file = format!(
            "# the shop\n\
             web -> \"the db\" tcp/5432 allow\n\
             tag:Role=front -> tag:Role=data tcp/5432 allow   # both\n\
             {} -> {} udp/53 deny\n\
             {} -> {} tcp/5433-65535 deny\n\
             internet -> tag:Role=data all deny\n\
             workstation -> {} tcp/22 deny\n",
            web.id, db.address, web.interface, spare.id, db.id
        );
        let open = assert_file(&cloud, "shop.assert", &file, &[]);
        assert_eq!(open.code, 0, "{open:?}");
        assert!(
            open.stdout.contains("ok           2  tag:Role=front -> tag:Role=data tcp/5432 allow\n"),
            "{open:?}"
        );
        assert!(
            open.stdout.contains("\n6 of 6 hold in revision ") && !open.stdout.contains('\x1b'),
            "{open:?}"
        );

        let permission = [
            ("GroupId", group.as_str()),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "5432"),
            ("IpPermissions.1.ToPort", "5432"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/16"),
        ];
        cloud.ec2("RevokeSecurityGroupIngress", &permission);
        // What is answered is of a revision with the change, without anybody waiting.
        let refused = assert_file(&cloud, "shop.assert", &file, &[]);
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(
            refused.stdout.contains("    2  FAILED       1  web -> \"the db\" tcp/5432 allow\n"),
            "{refused:?}"
        );
        let pair = format!("{} (web, {}) -> {} (the db, {})", web.interface, web.id, db.interface, db.id);
        assert!(refused.stdout.contains(&pair), "{pair}: {refused:?}");
        let reason = format!("1. no ingress rule of the security groups of {} allows it", db.interface);
        assert!(refused.stdout.contains(&reason), "{reason}: {refused:?}");
        let fix = format!(
            "1. add to {group} of {} an ingress rule for tcp 5432 from {}/32",
            spare.interface, web.address
        );
        assert!(refused.stdout.contains(&fix), "{fix}: {refused:?}");
        assert!(refused.stdout.contains("\n2 of 6 do not hold in revision "), "{refused:?}");

        network.permit(&cloud, &group, "5432");
        let json = r#"{"assertions": [
            {"from": "web", "to": "the db", "traffic": "tcp/5432", "expect": "allow"},
            {"from": "web", "to": "tag:Role=data", "traffic": "tcp", "expect": "deny"}
        ]}"#;
        let report = assert_file(&cloud, "shop.json", json, &["--json"]);
        assert_eq!(report.code, 3, "{report:?}");
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        assert_eq!(
            (&checks[0]["holds"], &checks[1]["failed_pairs"]),
            (&true.into(), &2.into()),
            "{report:#}"
        );
        let failure = &checks[1]["failures"][0];
        assert_eq!(failure["way"][1]["kind"], "security-group-rule", "{report:#}");
        assert!(failure["packets"][0].as_str().unwrap().ends_with(":5432"), "{report:#}");
        eventually("packets do the same", || cloud.state(&web) == "running" && cloud.state(&db) == "running");
        cloud.finish();
    });
}

#[test]
fn a_wrong_file_is_told_with_its_places_and_needs_no_cloud() {
    let nowhere = Cloud::down(Mode::SlowPath);
    let wrong =
        assert_file(&nowhere, "x.assert", "web -> db tpc/1 allow\n\na -> 10.0.0.0/8 tcp/1 maybe\n", &[]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    for place in
        ["x.assert:1:11", "x.assert:3:6", "x.assert:3:23", "1 | web -> db tpc/1 allow\n  |           ^^^^^\n"]
    {
        assert!(wrong.stderr.contains(place), "{place}: {wrong:?}");
    }
    let wrong = assert_file(&nowhere, "x.json", "{\"assertions\": [\n{\"from\": 1}]}", &["--json"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let problems: Value = serde_json::from_str(&wrong.stdout).unwrap();
    assert_eq!(
        (&problems["problems"][0]["line"], &problems["problems"][0]["column"]),
        (&2.into(), &10.into())
    );
    let missing = nowhere.run("assert", &["/nowhere/at/all"]);
    assert!(missing.code == 2 && missing.stderr.contains("cannot be read"), "{missing:?}");
    let no_cloud = assert_file(&nowhere, "x.assert", "a -> b ping allow\n", &[]);
    assert_eq!(no_cloud.code, 1, "{no_cloud:?}");
}

fn json(finished: &Finished) -> Value {
    assert_eq!(finished.code, 0, "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

/// The newest revision that changed a security group, once it is told of.
fn last_group_change(cloud: &Cloud, group: &str) -> u64 {
    let told = json(&cloud.run("revisions", &["--json"]));
    let entries = told["entries"].as_array().unwrap().clone();
    let is_it =
        |entry: &&Value| entry["changes"] == serde_json::json!([format!("security-group {group} changed")]);
    entries.iter().rev().find(is_it).map_or(0, |entry| entry["revision"].as_u64().unwrap())
}

#[test]
fn a_diff_names_the_pair_and_the_port_that_changed() {
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::SlowPath);
        let network = Network::new(&cloud);
        let group = network.group(&cloud, "databases", &["5432"]);
        let groups = [group.as_str()];
        let [web, db]: [Instance; 2] = [&[][..], &groups]
            .map(|groups| network.launch(&cloud, 1, Launch { groups, ..Launch::default() }).remove(0));
        tagged(&cloud, &web.id, &[("Name", "web")]);
        let before = last_group_change(&cloud, &group);
        network.permit(&cloud, &group, "5433");
        eventually("the change is written down", || last_group_change(&cloud, &group) > before);
        let after = last_group_change(&cloud, &group);
        let (old, new) = ((after - 1).to_string(), after.to_string());
        for restarts in 0..2 {
            let report = json(&cloud.run("diff", &[&old, &new, "--json"]));
            let changes = report["changes"].as_array().unwrap();
            assert_eq!(changes.len(), 1, "{restarts}: {report:#}");
            let change = &changes[0];
            assert_eq!(change["from"], format!("{} (web, {})", web.interface, web.id), "{report:#}");
            assert_eq!(change["to"], format!("{} ({})", db.interface, db.id), "{report:#}");
            assert_eq!(
                (&change["protocol"], &change["ports"]),
                (&"tcp".into(), &serde_json::json!([5433, 5433]))
            );
            assert_eq!(change["is_added"], true);
            assert!(change["why"][0].as_str().unwrap().starts_with("ingress rule sgr-"), "{report:#}");
            let back = cloud.run("diff", &[&new, &old]);
            let row = format!("- tcp            5433         {} (web", web.interface);
            assert!(back.code == 0 && back.stdout.contains(&row), "{row}: {back:?}");
            assert!(back.stdout.contains("no ingress rule of the security groups of"), "{back:?}");
            let none = cloud.run("diff", &[&old, &new, "--port", "udp", "--port", "tcp/1-5432"]);
            assert!(none.code == 0 && none.stdout.starts_with("Nothing gets through otherwise"), "{none:?}");
            if restarts == 0 {
                cloud.kill_daemon();
                cloud.restart(&[]);
            }
        }
        let listed = cloud.run("revisions", &["--last", "1000"]);
        let row = format!("security-group {group} changed\n");
        assert!(
            listed.code == 0 && listed.stdout.contains(&row) && listed.stdout.contains("\nKept are "),
            "{listed:?}"
        );
        for (arguments, code, said) in [
            (&["0", new.as_str()][..], 1, "revision 0 is not kept any more; kept are "),
            (&[new.as_str(), "999999"], 1, "there is no revision 999999 yet"),
            (&["1", "2", "--port", "tpc/1"], 2, "there is no protocol `tpc`"),
            (&["1"], 2, "<TO>"),
        ] {
            let finished = cloud.run("diff", arguments);
            assert!(finished.code == code && finished.stderr.contains(said), "{arguments:?}: {finished:?}");
        }
        cloud.finish();
    });
}
