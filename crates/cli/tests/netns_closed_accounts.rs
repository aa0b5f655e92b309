//! An account that is closed is out of reach, and as it was when it is opened again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use cloud::guest::{Instance, Launch, Network};
use cloud::{BOTH_MODES, Client, Cloud, Finished, Xml, eventually, on_a_workstation};

/// `brume COMMAND ARGUMENTS` of a cloud, whose data directory comes last.
fn brume(cloud: &Cloud, arguments: &[&str]) -> Finished {
    let mut command = cloud::brume();
    command.args(arguments).arg("--data-dir").arg(cloud.path());
    Finished::new(command.output().unwrap())
}

/// An account beside the first one, and a client of its root user.
fn further_account(cloud: &Cloud) -> (String, Client) {
    let made = brume(cloud, &["account", "create", "--name", "prod", "--json"]);
    assert_eq!(made.code, 0, "{made:?}");
    let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let data_dir = node::DataDir::open(cloud.path()).unwrap();
    let mut profile = node::read_profile(&data_dir).unwrap();
    for (name, value) in &mut profile {
        match *name {
            "AWS_ACCESS_KEY_ID" => *value = text("access_key_id"),
            "AWS_SECRET_ACCESS_KEY" => *value = text("secret_access_key"),
            _ => {}
        }
    }
    (text("account"), Client::from_environment(&profile).unwrap())
}

/// Lets everything into the default group of a VPC.
fn open_default_group(client: &Client, vpc: &str) {
    let filters = [
        ("Filter.1.Name", "vpc-id"),
        ("Filter.1.Value.1", vpc),
        ("Filter.2.Name", "group-name"),
        ("Filter.2.Value.1", "default"),
    ];
    let group = client.ec2("DescribeSecurityGroups", &filters).unwrap().first("groupId").unwrap();
    let permission = [
        ("GroupId", group.as_str()),
        ("IpPermissions.1.IpProtocol", "-1"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"),
    ];
    client.ec2("AuthorizeSecurityGroupIngress", &permission).unwrap();
}

/// Leads what is for a block over a connection, in the main table of a VPC.
fn route(client: &Client, vpc: &str, block: &str, peering: &str) {
    let filters = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc)];
    let table = client.ec2("DescribeRouteTables", &filters).unwrap().first("routeTableId").unwrap();
    let route = [
        ("RouteTableId", table.as_str()),
        ("DestinationCidrBlock", block),
        ("VpcPeeringConnectionId", peering),
    ];
    client.ec2("CreateRoute", &route).unwrap();
}

/// An instance of the other account, in a VPC of 10.1.0.0/16 that is peered with the first one's.
fn peered_instance(cloud: &Cloud, network: &Network, account: &str, client: &Client) -> Instance {
    let vpc = client.ec2("CreateVpc", &[("CidrBlock", "10.1.0.0/16")]).unwrap().first("vpcId").unwrap();
    let subnet = client.ec2("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", "10.1.1.0/24")]).unwrap();
    let asked = [("VpcId", network.vpc.as_str()), ("PeerVpcId", &vpc), ("PeerOwnerId", account)];
    let peering = cloud.ec2("CreateVpcPeeringConnection", &asked).first("vpcPeeringConnectionId").unwrap();
    eventually("the request is there", || {
        client.ec2("AcceptVpcPeeringConnection", &[("VpcPeeringConnectionId", &peering)]).is_ok()
    });
    route(cloud.client(), &network.vpc, "10.1.0.0/16", &peering);
    route(client, &vpc, "10.0.0.0/16", &peering);
    open_default_group(client, &vpc);
    let launch = [
        ("ImageId", network.image.as_str()),
        ("InstanceType", "t3.nano"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", &subnet.first("subnetId").unwrap()),
    ];
    let made = client.ec2("RunInstances", &launch).unwrap();
    let text = |name: &str| made.first(name).unwrap();
    let instance = Instance {
        id: text("instanceId"),
        address: text("privateIpAddress"),
        interface: text("networkInterfaceId"),
    };
    eventually("the other account's instance runs", || state(client, &instance) == "running");
    instance
}

fn state(client: &Client, instance: &Instance) -> String {
    let described = client.ec2("DescribeInstances", &[("InstanceId.1", &instance.id)]).unwrap();
    Xml::new(&described.first("instanceState").unwrap_or_default()).first("name").unwrap_or_default()
}

/// Whether an instance is answered.
fn pings(cloud: &Cloud, from: &Instance, to: &Instance) -> bool {
    cloud.sh(from, &format!("ping -c 1 -W 1 {}", to.address)).code == 0
}

#[test]
fn what_a_closed_account_has_stops_and_comes_back_as_it_was() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let mut cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let (account, client) = further_account(&cloud);
            let one = network.boot(&cloud, Launch::default());
            let two = peered_instance(&cloud, &network, &account, &client);
            eventually("the peer is reached", || pings(&cloud, &one, &two));
            cloud.output(&two, "echo a word > /var/kept && sync");

            let closed = brume(&cloud, &["account", "close", &account]);
            assert_eq!(closed.code, 0, "{closed:?}");
            eventually("nobody answers", || !pings(&cloud, &one, &two));
            eventually("its instance does not run", || cloud.pid(&two).is_none());
            let status = cloud.status()["instances"].to_string();
            assert!(status.contains("suspended"), "{status}");
            assert!(client.ec2("DescribeInstances", &[]).is_err(), "its root user is answered");
            let reason = format!(
                "nothing passes {}: its account, or that of its VPC's owner, is closed",
                two.interface
            );
            let traced = brume(&cloud, &["trace", &one.id, &two.id]);
            assert!(traced.code == 3 && traced.stdout.contains(&reason), "{reason}: {traced:?}");
            let drops = cloud.status()["drops"].to_string();
            assert!(drops.contains(&reason), "{drops}");

            // A daemon that starts meanwhile starts nothing of it.
            cloud.kill_daemon();
            cloud.restart(&[]);
            std::thread::sleep(std::time::Duration::from_secs(3));
            assert_eq!(cloud.pid(&two), None, "it was started");
            assert!(cloud.pid(&one).is_some() && !pings(&cloud, &one, &two));

            let reopened = brume(&cloud, &["account", "reopen", &account]);
            assert_eq!(reopened.code, 0, "{reopened:?}");
            eventually("the peer is reached again", || pings(&cloud, &one, &two));
            assert_eq!(state(&client, &two), "running");
            assert_eq!(cloud.output(&two, "cat /var/kept"), "a word");
            cloud.finish();
        }
    });
}
