//! What the commands promise: `up`, `env`, `exec`, `status`, `down`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::process::{Command, Stdio};

use cloud::guest::{Launch, Network};
use cloud::{Client, Cloud, Finished, Mode, eventually, on_a_workstation, skip, with_input};

/// The variables that `brume env` exports, as a shell reads them.
fn environment(cloud: &Cloud) -> Vec<(String, String)> {
    environment_with(cloud, &[])
}

fn environment_with(cloud: &Cloud, options: &[&str]) -> Vec<(String, String)> {
    let exports = cloud.run("env", options);
    assert_eq!(exports.code, 0, "{exports:?}");
    assert!(exports.stdout.lines().all(|line| line.starts_with("export AWS_")), "{exports:?}");
    let script = format!("{}\nenv | grep ^AWS_", exports.stdout);
    let output =
        Command::new("env").args(["-i", "PATH=/usr/bin:/bin", "sh", "-c", &script]).output().unwrap();
    let variables = Finished::new(output).stdout;
    let split = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    variables.lines().filter_map(split).collect()
}

fn client(environment: &[(String, String)]) -> Client {
    let named = ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];
    let value = |name: &str| environment.iter().find(|(key, _)| key == name).unwrap().1.clone();
    Client::from_environment(&named.map(|name| (name, value(name)))).unwrap()
}

fn value<'a>(environment: &'a [(String, String)], name: &str) -> &'a str {
    &environment.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn up_heeds_its_options_and_env_tells_clients() {
    on_a_workstation(|| {
        let mut cloud = Cloud::down(Mode::FastPath);
        let options = [
            "--listen",
            "127.0.0.1:4600",
            "--account-id",
            "123456789012",
            "--root-key",
            "TEST:not/a+secret'really",
        ];
        cloud.start(&options);
        let variables = environment(&cloud);
        assert_eq!(value(&variables, "AWS_ENDPOINT_URL"), "http://127.0.0.1:4600");
        assert_eq!(value(&variables, "AWS_ACCESS_KEY_ID"), "TEST");
        assert_eq!(value(&variables, "AWS_SECRET_ACCESS_KEY"), "not/a+secret'really");
        assert_eq!(value(&variables, "AWS_REGION"), "us-east-1");
        let over_tls = environment_with(&cloud, &["--tls"]);
        assert_eq!(value(&over_tls, "AWS_ENDPOINT_URL"), "https://127.0.0.1:4600");
        let bundle = std::fs::read_to_string(value(&over_tls, "AWS_CA_BUNDLE")).unwrap();
        assert!(bundle.starts_with("-----BEGIN CERTIFICATE-----"), "{bundle}");
        // Without HTTPS there is no certificate to check; clients that talk to others keep their own authorities.
        let rest = over_tls.iter().filter(|(name, _)| name != "AWS_CA_BUNDLE");
        let names = |(name, _): &(String, String)| name.clone();
        assert_eq!(variables.iter().map(names).collect::<Vec<_>>(), rest.map(names).collect::<Vec<_>>());
        let owner = client(&variables).ec2("DescribeVpcs", &[]).unwrap().first("ownerId");
        assert_eq!(owner.as_deref(), Some("123456789012"));
        let key = "TEST:not/a+secret'really";
        let commands = std::fs::read(format!("/proc/{}/cmdline", cloud.daemon_pid())).unwrap();
        assert!(!String::from_utf8_lossy(&commands).contains(key), "the key can be read by every user");
        assert!(!cloud.log().contains("not/a+secret"), "the key is in the log");

        let curl = Command::new("curl")
            .args([
                "-sS",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "--cacert",
                value(&over_tls, "AWS_CA_BUNDLE"),
            ])
            .arg(value(&over_tls, "AWS_ENDPOINT_URL"))
            .output();
        match curl {
            Ok(output) => {
                let finished = Finished::new(output);
                assert_eq!(finished.code, 0, "HTTPS on the same port: {finished:?}");
            }
            Err(error) => skip(&format!("HTTPS by curl: {error}")),
        }

        // The key works again after a restart without the option, and another account is refused.
        cloud.kill_daemon();
        let refused = cloud.run("up", &["--detach", "--account-id", "999999999999"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("123456789012"), "{refused:?}");
        cloud.restart(&[]);
        client(&variables).ec2("DescribeVpcs", &[]).expect_err("nobody listens there any more");
        let variables = environment(&cloud);
        assert_eq!(value(&variables, "AWS_ENDPOINT_URL"), "http://127.0.0.1:4566");
        client(&variables).ec2("DescribeVpcs", &[]).unwrap();
        cloud.finish();
    });
}

#[test]
fn accounts_are_kept_apart() {
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::FastPath);
        let account = |cloud: &Cloud, arguments: &[&str]| {
            let mut command = cloud::brume();
            command.arg("account").args(arguments).env("BRUME_DATA_DIR", cloud.path());
            Finished::new(command.output().unwrap())
        };
        let json = |finished: Finished| -> serde_json::Value {
            assert_eq!(finished.code, 0, "{finished:?}");
            serde_json::from_str(&finished.stdout).unwrap()
        };
        let made = json(account(&cloud, &["create", "--name", "prod", "--json"]));
        let shown = account(&cloud, &["create"]);
        assert!(shown.code == 0 && shown.stdout.contains("secret access key  "), "{shown:?}");
        let long = account(&cloud, &["create", "--name", &"x".repeat(51)]);
        assert!(long.code == 2 && long.stderr.contains("1 to 50"), "{long:?}");

        let with_key = |variables: &[(String, String)]| {
            let mut variables = variables.to_vec();
            for (name, value) in &mut variables {
                match name.as_str() {
                    "AWS_ACCESS_KEY_ID" => *value = made["access_key_id"].as_str().unwrap().to_owned(),
                    "AWS_SECRET_ACCESS_KEY" => {
                        *value = made["secret_access_key"].as_str().unwrap().to_owned();
                    }
                    _ => {}
                }
            }
            client(&variables)
        };
        let identity = |client: &Client| {
            let answer = client.query("sts", "2011-06-15", "GetCallerIdentity", &[]).unwrap();
            (answer.first("Account").unwrap(), answer.first("Arn").unwrap())
        };
        let (first, second) = (client(&environment(&cloud)), with_key(&environment(&cloud)));
        let number = made["account"].as_str().unwrap().to_owned();
        assert_eq!(identity(&second), (number.clone(), format!("arn:aws:iam::{number}:root")));
        assert_ne!(identity(&first).0, number);

        // Each has its own default VPC, and sees and changes nothing of the other.
        let vpc = second.ec2("CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).unwrap().first("vpcId").unwrap();
        let vpcs = |client: &Client| client.ec2("DescribeVpcs", &[]).unwrap();
        assert!(vpcs(&second).all("vpcId").contains(&vpc) && !vpcs(&first).all("vpcId").contains(&vpc));
        assert!(vpcs(&second).all("ownerId").iter().all(|owner| *owner == number));
        let refused = first.ec2("DeleteVpc", &[("VpcId", &vpc)]).unwrap_err().to_string();
        assert!(refused.contains("InvalidVpcID.NotFound"), "{refused}");

        // All of it is there after a restart, and the first account is still the first.
        let of_first = identity(&first);
        cloud.kill_daemon();
        cloud.restart(&[]);
        let (first, second) = (client(&environment(&cloud)), with_key(&environment(&cloud)));
        assert_eq!(identity(&first), of_first);
        assert!(vpcs(&second).all("vpcId").contains(&vpc));
        let listed = json(account(&cloud, &["list", "--json"]));
        let listed = listed.as_array().unwrap();
        assert_eq!(listed.len(), 3);
        assert_eq!(
            (&listed[0]["account"], &listed[0]["is_first"]),
            (&of_first.0.as_str().into(), &true.into())
        );
        assert!(listed.iter().any(|one| one["account"] == number && one["name"] == "prod"), "{listed:?}");
        assert!(account(&cloud, &["list"]).stdout.contains("prod"));

        // One with an e-mail address, which no other has; its key is shown again, and it is closed and reopened.
        let ann = json(account(&cloud, &["create", "--email", "ann@example.com", "--json"]));
        let taken = account(&cloud, &["create", "--email", "Ann@example.com"]);
        assert!(taken.code == 1 && taken.stderr.contains("another account has"), "{taken:?}");
        let ann = ann["account"].as_str().unwrap();
        let exported = account(&cloud, &["env", ann]);
        assert!(exported.code == 0 && exported.stdout.contains("export AWS_ENDPOINT_URL="), "{exported:?}");
        let is_closed = |cloud: &Cloud| {
            let listed = json(account(cloud, &["list", "--json"]));
            let one = listed.as_array().unwrap().iter().find(|one| one["account"] == ann).unwrap().clone();
            assert_eq!(one["email"], "ann@example.com");
            !one["closed"].is_null()
        };
        assert!(!is_closed(&cloud));
        assert_eq!(account(&cloud, &["close", ann]).code, 0);
        assert!(is_closed(&cloud));
        assert_eq!(account(&cloud, &["close", ann]).code, 1);
        assert_eq!(account(&cloud, &["reopen", ann]).code, 0);
        assert!(!is_closed(&cloud));
        let refused = account(&cloud, &["close", &of_first.0]);
        assert!(refused.code == 1 && refused.stderr.contains("first account"), "{refused:?}");

        let secret = made["secret_access_key"].as_str().unwrap();
        assert!(!cloud.log().contains(secret), "the key is in the log");
        cloud.take_down();
        let refused = account(&cloud, &["create"]);
        assert!(refused.code == 1 && refused.stderr.contains("start one with `brume up`"), "{refused:?}");
        cloud.finish();
    });
}

#[test]
fn up_refuses_what_it_cannot_use() {
    on_a_workstation(|| {
        let cloud = Cloud::down(Mode::FastPath);
        let longest = format!("{}:secret", "a".repeat(129));
        for (options, said) in [
            (["--root-key", "abc:secret"], "4 to 128"),
            (["--root-key", &longest], "4 to 128"),
            (["--root-key", "no-colon"], "ID:SECRET"),
            (["--root-key", "abcd:"], "ID:SECRET"),
            (["--account-id", "12345"], "account"),
            (["--listen", "nonsense"], "--listen"),
        ] {
            let refused = cloud.run("up", &options);
            assert_eq!(refused.code, 2, "{options:?}: {refused:?}");
            assert!(refused.stderr.contains(said), "{options:?}: {refused:?}");
            assert!(!refused.stderr.contains("panicked"), "{refused:?}");
        }
        let blocker = std::net::TcpListener::bind("127.0.0.1:4566").unwrap();
        for options in [&["--detach"][..], &[]] {
            let refused = cloud.run("up", options);
            assert_eq!(refused.code, 1, "{refused:?}");
            assert!(refused.stderr.contains("cannot listen on 127.0.0.1:4566"), "{refused:?}");
            cloud.assert_nothing_on_host();
        }
        drop(blocker);
        // What has not come up has decided nothing, and what it said is not said again.
        let mut cloud = cloud;
        cloud.restart(&["--account-id", "123456789012"]);
        assert_eq!(cloud.status()["daemon"]["account"], "123456789012");
        assert_eq!(cloud.run("down", &[]).code, 0);
        let refused = cloud.run("up", &["--detach", "--account-id", "210987654321"]);
        assert!(refused.stderr.contains("has the account 123456789012"), "{refused:?}");
        assert!(!refused.stderr.contains("cannot listen"), "{refused:?}");
        let file = cloud.path().join("file");
        std::fs::write(&file, "").unwrap();
        let refused = cloud::brume().args(["up", "--data-dir"]).arg(&file).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"");
    });
}

#[test]
fn state_that_cannot_be_read_refuses_to_start() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        cloud.take_down();
        let database = std::fs::read_dir(cloud.path().join("store")).unwrap().flatten();
        let database = database.map(|entry| entry.path()).max_by_key(|path| path.metadata().unwrap().len());
        let database = database.unwrap();
        let whole = std::fs::read(&database).unwrap();
        std::fs::write(&database, &whole[..whole.len() / 3]).unwrap();
        let refused = cloud.run("up", &["--detach"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(!refused.stderr.contains("panicked"), "{refused:?}");
        cloud.assert_nothing_on_host();
        std::fs::write(&database, &whole).unwrap();
        let up = cloud.run("up", &["--detach"]);
        assert_eq!(up.code, 0, "{up:?}");
        cloud.finish();
    });
}

#[test]
fn a_second_up_is_refused_and_two_clouds_stand_beside_each_other() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        for options in [&["--detach"][..], &[], &["--detach", "--listen", "127.0.0.1:4700"]] {
            let refused = cloud.run("up", options);
            assert_eq!(refused.code, 1, "{refused:?}");
            assert!(refused.stderr.contains("already runs"), "{refused:?}");
        }
        let mut other = Cloud::down(Mode::FastPath);
        other.start(&["--listen", "127.0.0.1:4567"]);
        let networks = [Network::new(&cloud), Network::new(&other)];
        // The same addresses in both.
        let instances = [(&cloud, &networks[0]), (&other, &networks[1])]
            .map(|(cloud, network)| network.boot(cloud, Launch::default()));
        assert_ne!(networks[0].vpc, networks[1].vpc);
        for (cloud, instance) in [(&cloud, &instances[0]), (&other, &instances[1])] {
            assert_eq!(cloud.status()["instances"].as_array().unwrap().len(), 1);
            assert_eq!(cloud.output(instance, "echo here"), "here");
        }
        let foreign = cloud.sh(&instances[1], "true");
        assert_eq!(foreign.code, 1, "{foreign:?}");
        let key_of_other = environment(&other);
        let mut mixed = environment(&cloud);
        for (name, value) in &mut mixed {
            if name.contains("KEY") {
                *value = key_of_other.iter().find(|(other, _)| other == name).unwrap().1.clone();
            }
        }
        let error = client(&mixed).ec2("DescribeVpcs", &[]).unwrap_err();
        assert!(error.to_string().contains("AuthFailure"), "{error:#}");
        cloud.finish();
        assert_eq!(other.output(&instances[1], "echo here"), "here", "the other cloud goes on");
        other.finish();
    });
}

#[test]
fn status_tells_what_runs() {
    on_a_workstation(|| {
        let cloud = Cloud::down(Mode::SlowPath);
        let none = cloud.run("status", &[]);
        assert_eq!(none.code, 3, "{none:?}");
        let none = cloud.run("status", &["--json"]);
        assert_eq!(none.code, 3, "{none:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&none.stdout).unwrap()["running"], false);
        cloud.assert_nothing_on_host();

        let mut cloud = cloud;
        cloud.start(&[]);
        let instance = Network::new(&cloud).boot(&cloud, Launch::default());
        let status = cloud.status();
        assert_eq!(status["daemon"]["listen"], "127.0.0.1:4566");
        assert_eq!(status["daemon"]["data_dir"], cloud.path().to_str().unwrap());
        assert!(status["data_plane"].as_str().unwrap().contains("user space"), "{status}");
        assert_eq!(status["instances"][0]["id"], *instance.id);
        assert_eq!(status["instances"][0]["state"], "running");
        assert_eq!(status["instances"][0]["private_address"], *instance.address);
        let text = cloud.run("status", &[]);
        assert!(text.code == 0 && text.stdout.contains(&instance.id), "{text:?}");
        let log = cloud.run("env", &[]);
        assert!(log.stderr.is_empty(), "{log:?}");
        cloud.kill_daemon();
        cloud.finish();
    });
}

#[test]
fn exec_passes_input_output_and_exit_codes() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let instance = Network::new(&cloud).boot(&cloud, Launch::default());
        let exec = |command: &[&str]| {
            let mut arguments = vec![instance.id.as_str(), "--"];
            arguments.extend(command);
            cloud.run("exec", &arguments)
        };
        for (command, code) in [
            (&["true"][..], 0),
            (&["false"], 1),
            (&["sh", "-c", "exit 42"], 42),
            (&["sh", "-c", "kill -TERM $$"], 143),
            (&["no-such-program"], 127),
            (&["/etc/passwd"], 126),
        ] {
            let finished = exec(command);
            assert_eq!(finished.code, code, "{command:?}: {finished:?}");
        }
        let said = exec(&["sh", "-c", "echo out; echo err >&2"]);
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("out\n", "err\n"));
        let many: Vec<u8> = (0..=255_u8).cycle().take(300_000).collect();
        let counted = with_input(cloud.command("exec", &[&instance.id, "--", "wc", "-c"]), &many);
        assert_eq!((counted.code, counted.stdout.trim()), (0, "300000"));
        let shell = with_input(cloud.command("exec", &[&instance.id]), b"hostname; exit 7\n");
        assert_eq!((shell.code, shell.stdout.starts_with("ip-10-0-1-")), (7, true), "{shell:?}");
        // A guest without bash.
        cloud.output(&instance, "rm /bin/bash");
        let shell = with_input(cloud.command("exec", &[&instance.id]), b"hostname; exit 7\n");
        assert_eq!((shell.code, shell.stdout.starts_with("ip-10-0-1-")), (7, true), "{shell:?}");
        // Arguments arrive as they are.
        let arguments = exec(&["printf", "%s|", "a b", "", "$HOME", "*"]);
        assert_eq!(arguments.stdout, "a b||$HOME|*|");
        // Whoever reads the output may end early.
        let head = cloud
            .command("exec", &[&instance.id, "--", "yes"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut head = head.unwrap();
        drop(head.stdout.take());
        eventually("the writer ends with its reader", || head.try_wait().unwrap().is_some());

        for (arguments, said) in [
            (&["i-0123456789abcdef0", "--", "true"][..], "does not run here"),
            (&["i-nonsense", "--", "true"], "i-nonsense"),
        ] {
            let refused = cloud.run("exec", arguments);
            assert_eq!(refused.code, 1, "{refused:?}");
            assert!(refused.stderr.contains(said), "{refused:?}");
        }
        cloud.take_down();
        let refused = exec(&["true"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        cloud.assert_nothing_on_host();
        cloud.finish();
    });
}

#[test]
fn down_keeps_the_data_and_up_brings_all_back() {
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let user_data = "#!/bin/sh\necho once >>/root/runs\n";
        let launch = Launch { user_data, ..Launch::default() };
        let running = network.boot(&cloud, launch);
        let stopped = network.boot(&cloud, Launch::default());
        eventually("user data ran", || cloud.sh(&running, "test -e /root/runs").code == 0);
        cloud.output(&running, "echo kept >/root/file");
        cloud.ec2("StopInstances", &[("InstanceId.1", &stopped.id)]);
        cloud.wait_for_state(&stopped, "stopped");
        let before = environment(&cloud);

        cloud.take_down();
        assert_eq!(cloud.run("status", &[]).code, 3);
        cloud.take_down();
        cloud.restart(&[]);
        assert_eq!(environment(&cloud), before, "keys and endpoint stay");
        assert!(cloud.ec2("DescribeVpcs", &[]).all("vpcId").contains(&network.vpc));
        assert_eq!(cloud.state(&stopped), "stopped");
        eventually("the instance runs again", || cloud.pid(&running).is_some());
        eventually("commands run", || cloud.sh(&running, "true").code == 0);
        assert_eq!(cloud.describe(&running).first("privateIpAddress").as_deref(), Some(&*running.address));
        assert_eq!(cloud.output(&running, "cat /root/file /root/runs"), "kept\nonce");
        let other = network.boot(&cloud, Launch::default());
        eventually("the address is used", || {
            cloud.sh(&running, "ip -4 addr show dev eth0").stdout.contains(&running.address)
        });
        assert_ne!(other.address, running.address);
        cloud.finish();
    });
}

#[test]
fn down_on_nothing_does_nothing() {
    on_a_workstation(|| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("precious"), "data").unwrap();
        let missing = directory.path().join("missing");
        for path in [directory.path(), &missing] {
            for options in [&[][..], &["--delete"]] {
                let down =
                    cloud::brume().args(["down", "--data-dir"]).arg(path).args(options).output().unwrap();
                let down = Finished::new(down);
                assert_eq!(down.code, 0, "{down:?}");
                assert!(down.stdout.contains("No cloud in"), "{down:?}");
            }
            let env = cloud::brume().args(["env", "--data-dir"]).arg(path).output().unwrap();
            assert_eq!(env.status.code(), Some(1), "{env:?}");
            assert!(env.stdout.is_empty(), "a shell would evaluate it: {env:?}");
        }
        assert!(!missing.exists());
        assert_eq!(std::fs::read_to_string(directory.path().join("precious")).unwrap(), "data");
    });
}
