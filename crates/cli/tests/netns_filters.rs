//! What security group rules let through, in a cloud that stands.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use cloud::guest::{Launch, Network};
use cloud::{BOTH_MODES, Cloud, eventually, on_a_workstation};

/// Listens on a port.
const LISTENER: &str = "#!/bin/sh
nc -l -k -p 80 </dev/null >/dev/null 2>&1 &
";

#[test]
fn a_rule_follows_the_prefix_list_that_it_names() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let group = network.group(&cloud, "listed", &[]);
            let client = network.boot(&cloud, Launch::default());
            let server =
                network.boot(&cloud, Launch { user_data: LISTENER, groups: &[&group], ..Launch::default() });
            cloud.wait_for_listener(&server, 80);
            let of_client = format!("{}/32", client.address);
            let list = [
                ("PrefixListName", "clients"),
                ("AddressFamily", "IPv4"),
                ("MaxEntries", "1"),
                ("Entry.1.Cidr", of_client.as_str()),
            ];
            let list = cloud.ec2("CreateManagedPrefixList", &list).first("prefixListId").unwrap();
            assert!(!cloud.connects(&client, &server, 80), "without a rule");
            let permission = [
                ("GroupId", group.as_str()),
                ("IpPermissions.1.IpProtocol", "tcp"),
                ("IpPermissions.1.FromPort", "80"),
                ("IpPermissions.1.ToPort", "80"),
                ("IpPermissions.1.PrefixListIds.1.PrefixListId", &list),
            ];
            cloud.ec2("AuthorizeSecurityGroupIngress", &permission);
            eventually("the rule lets the list's addresses in", || cloud.connects(&client, &server, 80));

            let replace = |version: &str, from: &str, to: &str| {
                // A list takes no change while another is under way.
                std::thread::sleep(std::time::Duration::from_secs(1));
                let change = [
                    ("PrefixListId", list.as_str()),
                    ("CurrentVersion", version),
                    ("RemoveEntry.1.Cidr", from),
                    ("AddEntry.1.Cidr", to),
                ];
                cloud.ec2("ModifyManagedPrefixList", &change);
            };
            replace("1", &of_client, "10.0.99.0/24");
            eventually("what left the list is kept out", || !cloud.connects(&client, &server, 80));
            replace("2", "10.0.99.0/24", &of_client);
            eventually("what comes back is let in", || cloud.connects(&client, &server, 80));
            cloud.finish();
        }
    });
}
