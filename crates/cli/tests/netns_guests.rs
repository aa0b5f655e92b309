//! What an instance sees of its network: its lease, names, metadata, and nothing that is not its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use cloud::guest::{Instance, Launch, Network};
use cloud::{BOTH_MODES, Cloud, Mode, eventually, on_a_workstation, skip};

const METADATA: &str = "http://169.254.169.254";

/// Runs the test in a new VPC, in both modes.
fn in_both_modes(test: impl Fn(&Cloud, &Network) + Send + Sync) {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            test(&cloud, &network);
            cloud.finish();
        }
    });
}

/// The name that DNS has for an address.
fn private_name(address: &str) -> String {
    format!("ip-{}.ec2.internal", address.replace('.', "-"))
}

#[test]
fn a_lease_and_the_names_of_the_vpc() {
    in_both_modes(|cloud, network| {
        // Without them the resolver knows no private names.
        let names = [("VpcId", network.vpc.as_str()), ("EnableDnsHostnames.Value", "true")];
        cloud.ec2("ModifyVpcAttribute", &names);
        let [one, two] = [(); 2].map(|()| network.boot(cloud, Launch::default()));
        let name = private_name(&one.address);
        assert_eq!(cloud.output(&one, "hostname"), name);
        let device = cloud.output(&one, "ip addr show dev eth0");
        assert!(device.contains("mtu 9001"), "{device}");
        assert!(device.contains(&format!("inet {}/24", one.address)), "{device}");
        let mac = cloud.describe(&one).first("macAddress").unwrap();
        assert!(device.contains(&mac), "{mac}: {device}");
        let route = cloud.output(&one, "ip route show");
        assert!(route.contains("default via 10.0.1.1 dev eth0"), "{route}");
        let resolver = cloud.output(&one, "cat /etc/resolv.conf");
        assert!(resolver.contains("nameserver 10.0.0.2"), "{resolver}");
        assert!(resolver.contains("ec2.internal"), "{resolver}");

        let other = private_name(&two.address);
        assert_eq!(
            cloud.output(&one, &format!("getent hosts {other}")),
            format!("{:<15} {other}", two.address)
        );
        let short = other.split('.').next().unwrap();
        assert!(
            cloud.output(&one, &format!("getent hosts {short}")).starts_with(&two.address),
            "search domain"
        );
        let reverse = cloud.output(&one, &format!("getent hosts {}", two.address));
        assert!(reverse.contains(&other), "{reverse}");
        for absent in ["ip-10-0-1-250.ec2.internal", "nothing.ec2.internal", "example.com"] {
            assert_eq!(cloud.sh(&one, &format!("getent hosts {absent}")).code, 2, "{absent}");
        }
        let metadata = cloud.output(&one, "getent hosts instance-data");
        assert!(metadata.starts_with("169.254.169.254"), "{metadata}");
        assert_eq!(cloud.sh(&one, &format!("ping -c 1 -W 2 {other}")).code, 0);
        // A frame that just fits the VPC's MTU.
        assert_eq!(cloud.sh(&one, &format!("ping -c 1 -W 2 -s 8973 {}", two.address)).code, 0);

        // The attribute of the VPC turns the resolver off.
        let off = [("VpcId", network.vpc.as_str()), ("EnableDnsSupport.Value", "false")];
        cloud.ec2("ModifyVpcAttribute", &off);
        eventually("the resolver is silent", || {
            cloud.sh(&one, &format!("timeout 1 getent hosts {other}")).code != 0
        });
    });
}

/// The status and body of a request, as `STATUS BODY`.
fn get(cloud: &Cloud, instance: &Instance, options: &str, path: &str) -> String {
    let script = format!("curl -s -m 5 -w '\\n%{{http_code}}' {options} {METADATA}{path}");
    let answer = cloud.output(instance, &script);
    let (body, status) = answer.rsplit_once('\n').unwrap();
    format!("{status} {}", body.trim_end())
}

#[test]
fn metadata_with_and_without_tokens() {
    in_both_modes(|cloud, network| {
        let user_data = "#!/bin/sh\necho hello\n";
        let one = network.boot(cloud, Launch { user_data, ..Launch::default() });
        let strict =
            [("MetadataOptions.HttpTokens", "required"), ("MetadataOptions.HttpEndpoint", "enabled")];
        let strict = network.boot(cloud, Launch { extra: &strict, ..Launch::default() });
        let mac = cloud.describe(&one).first("macAddress").unwrap();
        let token = "-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'";

        let optional = [("InstanceId", one.id.as_str()), ("HttpTokens", "optional")];
        cloud.ec2("ModifyInstanceMetadataOptions", &optional);
        eventually("tokens are optional", || {
            get(cloud, &one, "", "/latest/meta-data/instance-id").starts_with("200")
        });
        for (path, expect) in [
            ("instance-id", one.id.as_str()),
            ("local-ipv4", &one.address),
            ("mac", &mac),
            ("instance-type", "t3.nano"),
            ("placement/region", "us-east-1"),
            (&format!("network/interfaces/macs/{mac}/interface-id"), &one.interface),
            (&format!("network/interfaces/macs/{mac}/subnet-id"), &network.subnet),
            (&format!("network/interfaces/macs/{mac}/vpc-id"), &network.vpc),
            (&format!("network/interfaces/macs/{mac}/vpc-ipv4-cidr-block"), "10.0.0.0/16"),
        ] {
            let answer = get(cloud, &one, "", &format!("/latest/meta-data/{path}"));
            assert_eq!(answer, format!("200 {expect}"), "{path}");
        }
        assert_eq!(get(cloud, &one, "", "/latest/user-data"), format!("200 {}", user_data.trim_end()));
        let document = get(cloud, &one, "", "/latest/dynamic/instance-identity/document");
        let document: serde_json::Value =
            serde_json::from_str(document.strip_prefix("200 ").unwrap()).unwrap();
        assert_eq!(document["instanceId"], *one.id);
        assert_eq!(document["privateIp"], *one.address);
        assert_eq!(document["region"], "us-east-1");
        assert_eq!(document["imageId"], *network.image);
        assert!(get(cloud, &one, "", "/latest/meta-data/nothing").starts_with("404"));

        assert!(get(cloud, &strict, "", "/latest/meta-data/instance-id").starts_with("401"));
        let held = get(cloud, &strict, token, "/latest/api/token");
        let held = held.strip_prefix("200 ").unwrap();
        let with = format!("-H 'X-aws-ec2-metadata-token: {held}'");
        assert_eq!(get(cloud, &strict, &with, "/latest/meta-data/instance-id"), format!("200 {}", strict.id));
        assert!(
            get(cloud, &one, &with, "/latest/meta-data/instance-id").starts_with("401"),
            "another's token"
        );
        let forwarded = format!("{token} -H 'X-Forwarded-For: 10.0.0.1'");
        assert!(get(cloud, &strict, &forwarded, "/latest/api/token").starts_with("403"));

        let required = [("InstanceId", one.id.as_str()), ("HttpTokens", "required")];
        cloud.ec2("ModifyInstanceMetadataOptions", &required);
        eventually("tokens are required", || get(cloud, &one, "", "/latest/meta-data/").starts_with("401"));
    });
}

/// A guest sees the public addresses that it has at the time, and its instance's name with them.
#[test]
fn metadata_follows_public_addresses() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let names = [("VpcId", network.vpc.as_str()), ("EnableDnsHostnames.Value", "true")];
        cloud.ec2("ModifyVpcAttribute", &names);
        let gateway = cloud.ec2("CreateInternetGateway", &[]).first("internetGatewayId").unwrap();
        let attach = [("InternetGatewayId", gateway.as_str()), ("VpcId", network.vpc.as_str())];
        cloud.ec2("AttachInternetGateway", &attach);
        let public = [("SubnetId", network.subnet.as_str()), ("MapPublicIpOnLaunch.Value", "true")];
        cloud.ec2("ModifySubnetAttribute", &public);
        let one = network.boot(&cloud, Launch::default());
        let optional = [("InstanceId", one.id.as_str()), ("HttpTokens", "optional")];
        cloud.ec2("ModifyInstanceMetadataOptions", &optional);
        let mac = cloud.describe(&one).first("macAddress").unwrap();
        let shows = |address: Option<&str>| {
            let name =
                address.map(|address| format!("ec2-{}.compute-1.amazonaws.com", address.replace('.', "-")));
            let of_interface = format!("network/interfaces/macs/{mac}");
            let pair = format!("{of_interface}/ipv4-associations/{}", address.unwrap_or_default());
            let expected = [
                ("public-ipv4".to_owned(), address),
                ("public-hostname".to_owned(), name.as_deref()),
                (format!("{of_interface}/public-ipv4s"), address),
                (format!("{of_interface}/public-hostname"), name.as_deref()),
                (pair, address.map(|_| one.address.as_str())),
            ];
            // Inside the VPC the name leads to the private address (fact 63).
            if let Some(name) = &name {
                let found = cloud.output(&one, &format!("getent ahostsv4 {name}"));
                assert!(found.starts_with(&one.address), "{name}: {found}");
            }
            for (path, expected) in expected {
                let answer = get(&cloud, &one, "", &format!("/latest/meta-data/{path}"));
                match expected {
                    Some(expected) => assert_eq!(answer, format!("200 {expected}"), "{path}"),
                    None => assert!(answer.starts_with("404"), "{path}: {answer}"),
                }
            }
        };
        // The one of its launch, an allocated one in its place, another of Amazon's pool, and none.
        let of_launch = cloud.describe(&one).first("ipAddress").unwrap();
        shows(Some(&of_launch));
        let made = cloud.ec2("AllocateAddress", &[("Domain", "vpc")]);
        let (allocation, elastic) = (made.first("allocationId").unwrap(), made.first("publicIp").unwrap());
        let associate = [("AllocationId", allocation.as_str()), ("InstanceId", one.id.as_str())];
        let association = cloud.ec2("AssociateAddress", &associate).first("associationId").unwrap();
        shows(Some(&elastic));
        cloud.ec2("DisassociateAddress", &[("AssociationId", &association)]);
        let another = cloud.describe(&one).first("ipAddress").unwrap();
        assert!(another != of_launch && another != elastic, "{another}");
        shows(Some(&another));
        let none = [("NetworkInterfaceId", one.interface.as_str()), ("AssociatePublicIpAddress", "false")];
        cloud.ec2("ModifyNetworkInterfaceAttribute", &none);
        shows(None);
        cloud.finish();
    });
}

#[test]
fn nothing_else_of_the_link_or_the_host_is_reached() {
    in_both_modes(|cloud, network| {
        // What listens on the workstation, and on all of its addresses, is not in the VPC.
        let host = std::net::TcpListener::bind("0.0.0.0:8080").unwrap();
        let one = network.boot(cloud, Launch::default());
        let targets = [
            "169.254.169.254 22",
            "169.254.169.254 4566",
            "169.254.169.253 80",
            "169.254.0.1 80",
            "169.254.1.1 80",
            "10.0.1.1 80",
            "10.0.0.2 80",
            "127.0.0.1 4566",
            "127.0.0.1 8080",
            "198.51.100.1 80",
        ];
        let attempts = targets.map(|target| format!("(nc -z -w 1 {target} && echo {target}) &")).join("\n");
        let reached = cloud.output(&one, &format!("{attempts}\nwait"));
        assert_eq!(reached, "", "reached from inside");
        host.set_nonblocking(true).unwrap();
        assert!(host.accept().is_err(), "a guest reached the workstation");
    });
}

/// How many packets of an interface were dropped in ways that this text names.
fn drops(cloud: &Cloud, interface: &str, reason: &str) -> u64 {
    let status = cloud.status();
    let counted = status["drops"].as_array().unwrap().iter();
    counted
        .filter(|drop| drop["interface"] == *interface && drop["reason"].as_str().unwrap().contains(reason))
        .map(|drop| drop["packets"].as_u64().unwrap())
        .sum()
}

#[test]
fn a_guest_cannot_pretend_to_be_another() {
    in_both_modes(|cloud, network| {
        let group = network.group(cloud, "web", &["80"]);
        let [liar, victim] = [(); 2].map(|()| network.boot(cloud, Launch::default()));
        let user_data = "#!/bin/sh\nnc -l -k -u -p 53 </dev/null >/root/heard 2>&1 &\nnc -l -k -p 80 </dev/null >/dev/null 2>&1 &\n";
        let server = network.boot(cloud, Launch { user_data, groups: &[&group], ..Launch::default() });
        cloud.wait_for_listener(&server, 80);
        assert!(cloud.connects(&liar, &server, 80));
        if cloud.sh(&liar, "ip link set dev lo up").code != 0 {
            return skip("a guest that changes its addresses: there is no ip in /usr that can");
        }

        // The address of another instance, and one that nobody has.
        for address in [victim.address.as_str(), "10.0.1.250", "192.0.2.1"] {
            let before = drops(cloud, &liar.interface, address);
            let script = format!(
                "ip addr add {address}/32 dev eth0 && nc -z -w 1 -s {address} {} 80; code=$?; ip addr del {address}/32 dev eth0; exit $code",
                server.address
            );
            let tried = cloud.sh(&liar, &script);
            assert_eq!(tried.code, 1, "{address}: {tried:?}");
            assert!(
                drops(cloud, &liar.interface, address) > before,
                "{address} was not counted: {}",
                cloud.status()
            );
        }
        assert!(cloud.connects(&liar, &server, 80), "with its own address it still connects");

        let script = "ip link set dev eth0 address 0a:bb:cc:dd:ee:ff && ip route replace default via 10.0.1.1 dev eth0";
        cloud.output(&liar, script);
        assert!(!cloud.connects(&liar, &server, 80), "with another's MAC address");
        let count = drops(cloud, &liar.interface, "0a:bb:cc:dd:ee:ff");
        assert!(count > 0, "not counted: {}", cloud.status());
        assert!(cloud.connects(&victim, &server, 80), "others are not disturbed");
    });
}

/// Runs commands by Systems Manager; the output and the exit code.
fn run_command(cloud: &Cloud, instance: &Instance, commands: &[&str]) -> (String, i64) {
    let input = serde_json::json!({
        "DocumentName": "AWS-RunShellScript",
        "InstanceIds": [instance.id],
        "Parameters": { "commands": commands },
    });
    let sent = cloud.client().ssm("SendCommand", &input).unwrap();
    let query = serde_json::json!({ "CommandId": sent["Command"]["CommandId"], "InstanceId": instance.id });
    let answer = || cloud.client().ssm("GetCommandInvocation", &query).unwrap();
    eventually("the command has ended", || {
        !matches!(answer()["Status"].as_str(), Some("Pending" | "InProgress" | "Delayed"))
    });
    let answer = answer();
    (answer["StandardOutputContent"].as_str().unwrap().to_owned(), answer["ResponseCode"].as_i64().unwrap())
}

#[test]
fn a_script_is_run_by_the_program_that_its_first_line_names() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let one = Network::new(&cloud).boot(&cloud, Launch::default());
        let run = |commands: &[&str]| run_command(&cloud, &one, commands);
        assert_eq!(run(&["echo \"$0\"; exit 5"]), ("/bin/sh\n".to_owned(), 5));
        assert_eq!(run(&["#!/bin/cat", "it's \"here\""]), ("#!/bin/cat\nit's \"here\"\n".to_owned(), 0));
        assert_eq!(run(&["#!/bin/sh -f", "echo /*; exit 7"]), ("/*\n".to_owned(), 7));
        assert_eq!(run(&["#!/nowhere", "true"]).1, 127);
        assert_eq!(
            cloud.output(&one, "ls -A /var/lib/amazon/ssm/document/orchestration"),
            "",
            "what is left"
        );
        cloud.finish();
    });
}
