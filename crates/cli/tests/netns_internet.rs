//! `brume internet` and what `brume up` makes of the machine that it runs on. That packets get from instances to hosts and
//! back is another test's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use cloud::{Cloud, Finished, Mode, PATIENCE, on_a_workstation, skip};
use host_net::NetworkNamespace;

/// Long enough for a connection within a namespace, and how long one is waited for that must not come about.
const CONNECTING: Duration = Duration::from_secs(2);

/// `brume internet ARGUMENTS`.
fn internet(cloud: &Cloud, arguments: &[&str]) -> Finished {
    let mut command = cloud::brume();
    command.arg("internet").args(arguments).env("BRUME_DATA_DIR", cloud.path()).stdin(Stdio::null());
    Finished::new(command.output().unwrap())
}

fn done(finished: Finished) -> String {
    assert_eq!(finished.code, 0, "{finished:?}");
    finished.stdout
}

/// The namespace of the hosts, where they can be asked without the network between.
fn hosts(cloud: &Cloud) -> NetworkNamespace {
    NetworkNamespace::open(&cloud.run_dir().join("net/netns/internet")).unwrap()
}

fn get(namespace: &NetworkNamespace, address: &str, path: &str) -> Option<String> {
    let to = SocketAddr::new(address.parse::<IpAddr>().unwrap(), 80);
    let mut stream = namespace.run(|| TcpStream::connect_timeout(&to, CONNECTING)).unwrap().ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// Whether the internet's DNS has an IPv4 address for a name.
fn resolves(namespace: &NetworkNamespace, server: &str, name: &str) -> bool {
    let server = SocketAddr::new(server.parse::<IpAddr>().unwrap(), 53);
    let socket = namespace.run(|| UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    socket.send_to(&query, server).unwrap();
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).unwrap();
    assert!(length > 12 && answer[..2] == [0, 7]);
    answer[3] & 0xf == 0 && answer[7] == 1
}

/// The IPv4 routes of the calling thread's namespace, as the kernel's table has them: device, destination, mask.
fn routes() -> Vec<(String, String, String)> {
    let table = std::fs::read_to_string("/proc/thread-self/net/route").unwrap();
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields[0].to_owned(), fields[1].to_owned(), fields[7].to_owned())
    };
    table.lines().skip(1).map(route).collect()
}

#[test]
fn hosts_are_added_shown_kept_and_removed() {
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::FastPath);
        assert!(done(internet(&cloud, &["list"])).starts_with("There are no hosts."));
        let site = tempfile::tempdir().unwrap();
        std::fs::write(site.path().join("index.html"), "from a file").unwrap();
        let told =
            done(internet(&cloud, &["add", "Example.org", "198.51.100.7", "2001:db8::7", "--http", "hello"]));
        assert_eq!(told, "example.org is on the internet at 198.51.100.7, 2001:db8::7.\n");
        let directory = site.path().to_str().unwrap();
        let json = done(internet(
            &cloud,
            &["add", "files.example", "203.0.113.9", "--http-dir", directory, "--json"],
        ));
        let added: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&added["name"], &added["is_serving"]), (&"files.example".into(), &true.into()));

        for (wrong, code, expected) in [
            (&["add", "example.org", "198.51.100.8"][..], 1, "there is a host example.org already"),
            (
                &["add", "other.example", "198.51.100.7"],
                1,
                "example.org and other.example cannot both have the address 198.51.100.7",
            ),
            (
                &["add", "other.example", "192.0.2.1"],
                1,
                "the workstation and other.example cannot both have the address 192.0.2.1",
            ),
            (&["add", "other.example", "198.18.0.1"], 2, "one of the cloud's public addresses"),
            (&["add", "other.example", "10.0.0.1"], 2, "10.0.0.1 is private"),
            (&["add", "other.example", "nowhere"], 2, "no IPv4 or IPv6 address"),
            (&["add", "other_example", "198.51.100.8"], 2, "is no host name"),
            (&["add", "other.example"], 2, "ADDRESS"),
            (&["add", "other.example", "198.51.100.8", "--latency", "10001"], 2, "milliseconds up to 10000"),
            (
                &["add", "other.example", "198.51.100.8", "--http-dir", "/nowhere/at/all"],
                1,
                "/nowhere/at/all",
            ),
            (
                &["add", "other.example", "198.51.100.8", "--http", "x", "--http-dir", "/"],
                2,
                "cannot be used with",
            ),
            (&["remove", "other.example"], 1, "there is no host other.example"),
        ] {
            let finished = internet(&cloud, wrong);
            assert!(finished.code == code && finished.stderr.contains(expected), "{wrong:?}: {finished:?}");
        }

        let public = cloud.ec2("AllocateAddress", &[]).first("publicIp").unwrap().replace('.', "-");
        let look = |cloud: &Cloud| {
            let table = done(internet(cloud, &["list"]));
            let lines: Vec<&str> = table.lines().collect();
            assert!(lines.len() == 3 && lines[0].starts_with("NAME"), "{table}");
            assert!(
                lines[1].contains("198.51.100.7, 2001:db8::7") && lines[1].contains("text \"hello\""),
                "{table}"
            );
            assert!(lines[2].contains("serving") && lines[2].contains(directory), "{table}");
            let hosts = hosts(cloud);
            for address in ["198.51.100.7", "2001:db8::7"] {
                assert_eq!(get(&hosts, address, "/").as_deref(), Some("hello"));
            }
            assert_eq!(get(&hosts, "203.0.113.9", "/").as_deref(), Some("from a file"));
            assert!(get(&hosts, "203.0.113.9", "/whoami").unwrap().contains("\"203.0.113.9\""));
            for server in ["192.0.2.53", "2001:db8:ffff::53"] {
                assert!(resolves(&hosts, server, "example.org"));
                assert!(resolves(&hosts, server, &format!("ec2-{public}.compute-1.amazonaws.com")));
                assert!(!resolves(&hosts, server, "other.example"));
            }
            assert_eq!(cloud.status()["internet"]["hosts"], 2);
        };
        look(&cloud);
        https_is_of_the_clouds_authority(&cloud);
        cloud.kill_daemon();
        cloud.restart(&[]);
        look(&cloud);

        done(internet(&cloud, &["remove", "EXAMPLE.org"]));
        let there = hosts(&cloud);
        assert_eq!(get(&there, "198.51.100.7", "/"), None);
        assert!(!resolves(&there, "192.0.2.53", "example.org"));
        assert!(get(&there, "203.0.113.9", "/").is_some());
        // What was removed can be had again at once.
        done(internet(&cloud, &["add", "again.example", "198.51.100.7"]));
        assert_eq!(get(&there, "198.51.100.7", "/").as_deref(), Some("again.example\n"));
        cloud.finish();
    });
}

fn https_is_of_the_clouds_authority(cloud: &Cloud) {
    let authority = cloud.path().join("tls/ca.pem");
    let curl = |url: &str| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "20", "--resolve", "example.org:443:198.51.100.7", "--cacert"]);
        command.arg(&authority).arg(url);
        hosts(cloud).run(|| command.output()).unwrap()
    };
    match curl("https://example.org/") {
        Err(error) => skip(&format!("HTTPS by curl: {error}")),
        Ok(output) => {
            assert_eq!(done(Finished::new(output)), "hello");
            assert_eq!(done(Finished::new(curl("https://[2001:db8::7]/").unwrap())), "hello");
        }
    }
}

#[test]
fn this_machine_has_a_device_and_routes_while_the_cloud_is_up() {
    on_a_workstation(|| {
        let before = routes();
        let mut cloud = Cloud::up(Mode::FastPath);
        let status = cloud.status();
        let device = status["internet"]["device"].as_str().unwrap().to_owned();
        assert_eq!(status["internet"]["workstation"], serde_json::json!(["192.0.2.1", "2001:db8:ffff::1"]));
        assert_eq!(status["internet"]["left_out"], serde_json::json!([]));
        let by_device = |found: Vec<(String, String, String)>| {
            let own = found.into_iter().filter(|(name, ..)| *name == device);
            own.map(|(_, to, mask)| format!("{to}/{mask}")).collect::<Vec<_>>()
        };
        // Little-endian: 192.0.2.53, and 198.18.0.0 with 255.254.0.0.
        let own = ["350200C0/FFFFFFFF", "000012C6/0000FEFF"];
        assert_eq!(by_device(routes()), own);
        done(internet(&cloud, &["add", "example.org", "198.51.100.7"]));
        assert_eq!(by_device(routes()), [own[0], own[1], "076433C6/FFFFFFFF"]);
        cloud.kill_daemon();
        assert_eq!(by_device(routes()).len(), 3, "they outlive the daemon");
        cloud.restart(&[]);
        assert_eq!(by_device(routes()).len(), 3);
        done(internet(&cloud, &["remove", "example.org"]));
        assert_eq!(by_device(routes()), own);
        let shown = cloud.run("status", &[]);
        let line = format!("internet    0 hosts; this machine is 192.0.2.1 and 2001:db8:ffff::1 by {device}");
        assert!(shown.stdout.contains(&line), "{shown:?}");

        // Another cloud on the same machine goes without what this one has, and says so.
        let mut other = Cloud::down(Mode::FastPath);
        other.start(&["--listen", "127.0.0.1:4600", "--workstation-address", "192.0.2.2"]);
        let told = other.status()["internet"].clone();
        assert_eq!(told["workstation"], serde_json::json!(["192.0.2.2"]));
        let left_out = told["left_out"].as_array().unwrap();
        assert!(left_out.iter().any(|route| route["destination"] == "198.18.0.0/15"), "{told}");
        assert!(left_out[0]["reason"].as_str().unwrap().contains(&device), "{told}");
        assert!(other.log().contains("the workstation does not reach"), "{}", other.log());
        let shown = other.run("status", &[]);
        assert!(shown.stdout.contains("no route to 198.18.0.0/15: there is a route to"), "{shown:?}");
        other.finish();

        // Without a link there is no device, and nothing else is missing.
        cloud.take_down();
        assert_eq!(routes(), before);
        cloud.restart(&["--no-workstation"]);
        assert_eq!(routes(), before);
        assert_eq!(cloud.status()["internet"]["device"], serde_json::Value::Null);
        let shown = cloud.run("status", &[]);
        assert!(shown.stdout.contains("this machine is not linked to it (not asked for)"), "{shown:?}");
        done(internet(&cloud, &["add", "example.org", "198.51.100.7"]));
        assert_eq!(get(&hosts(&cloud), "198.51.100.7", "/").as_deref(), Some("example.org\n"));
        cloud.finish();
        assert_eq!(routes(), before);
    });
}

#[test]
fn a_file_declares_hosts_at_the_start() {
    on_a_workstation(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts.toml");
        let path = file.to_str().unwrap();
        std::fs::create_dir(folder.path().join("site")).unwrap();
        std::fs::write(folder.path().join("site/index.html"), "beside the file").unwrap();
        let mut cloud = Cloud::down(Mode::FastPath);

        std::fs::write(&file, "# Hosts.\n[[host]]\nname = \"a.example\"\naddresses = [\"10.0.0.1\"]\n")
            .unwrap();
        let refused = cloud.run("up", &["--detach", "--internet", path]);
        let expected = format!("{path}: line 2: 10.0.0.1 is private");
        assert!(refused.code == 1 && refused.stderr.contains(&expected), "{refused:?}");
        let missing = cloud.run("up", &["--detach", "--internet", "/nowhere/at/all"]);
        assert!(missing.code == 1 && missing.stderr.contains("cannot read /nowhere/at/all"), "{missing:?}");

        let declared = |text: &str| {
            format!(
                "[[host]]\nname = \"a.example\"\naddresses = [\"198.51.100.7\"]\nhttp = \"{text}\"\n\
                 [[host]]\nname = \"b.example\"\naddresses = [\"198.51.100.8\"]\nhttp-dir = \"site\"\n"
            )
        };
        std::fs::write(&file, declared("first")).unwrap();
        cloud.start(&["--internet", path]);
        let there = hosts(&cloud);
        assert_eq!(get(&there, "198.51.100.7", "/").as_deref(), Some("first"));
        assert_eq!(get(&there, "198.51.100.8", "/").as_deref(), Some("beside the file"));
        done(internet(&cloud, &["add", "c.example", "198.51.100.9"]));
        cloud.kill_daemon();
        std::fs::write(&file, declared("second")).unwrap();
        cloud.restart(&["--internet", path]);
        for (address, body) in
            [("198.51.100.7", "second"), ("198.51.100.8", "beside the file"), ("198.51.100.9", "c.example\n")]
        {
            assert_eq!(get(&there, address, "/").as_deref(), Some(body));
        }
        // An address that somebody has by now is told of, and nothing of the file is taken.
        cloud.kill_daemon();
        std::fs::write(&file, "[[host]]\nname = \"d.example\"\naddresses = [\"198.51.100.9\"]\n").unwrap();
        let refused = cloud.run("up", &["--detach", "--internet", path]);
        let expected = "c.example and d.example cannot both have the address 198.51.100.9";
        assert!(refused.code == 1 && refused.stderr.contains(expected), "{refused:?}");
        let clash = cloud.run("up", &["--detach", "--workstation-address", "198.51.100.9"]);
        assert!(clash.code == 1 && clash.stderr.contains("198.51.100.9"), "{clash:?}");
        cloud.restart(&[]);
        assert_eq!(done(internet(&cloud, &["list"])).lines().count(), 4);
        cloud.finish();
    });
}
