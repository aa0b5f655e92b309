//! Networks and instances for tests, made by signed requests, and commands inside instances by `brume exec`.

use std::process::{Child, Stdio};

use base64::Engine as _;

use super::{Cloud, Finished, eventually};

/// One VPC with one subnet.
pub struct Network {
    pub vpc: String,
    pub subnet: String,
    pub image: String,
}

/// An instance on record.
#[derive(Clone, Debug)]
pub struct Instance {
    pub id: String,
    pub address: String,
    pub interface: String,
}

/// What a test asks of RunInstances beside the network.
#[derive(Clone, Copy, Default)]
pub struct Launch<'a> {
    pub user_data: &'a str,
    pub groups: &'a [&'a str],
    pub extra: &'a [(&'a str, &'a str)],
}

impl Network {
    /// A VPC of 10.0.0.0/16 with the subnet 10.0.1.0/24.
    pub fn new(cloud: &Cloud) -> Self {
        let vpc = cloud.ec2("CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).first("vpcId").unwrap();
        let subnet = cloud.ec2("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", "10.0.1.0/24")]);
        let image = cloud.client().public_image().unwrap();
        Self { vpc, subnet: subnet.first("subnetId").unwrap(), image }
    }

    /// A group that lets everything out, and in these TCP ports from anywhere in the VPC.
    pub fn group(&self, cloud: &Cloud, name: &str, ports: &[&str]) -> String {
        let parameters = [("GroupName", name), ("GroupDescription", name), ("VpcId", &self.vpc)];
        let group = cloud.ec2("CreateSecurityGroup", &parameters).first("groupId").unwrap();
        for port in ports {
            self.permit(cloud, &group, port);
        }
        group
    }

    /// Lets a TCP port into a group.
    pub fn permit(&self, cloud: &Cloud, group: &str, port: &str) {
        let permission = [
            ("GroupId", group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", port),
            ("IpPermissions.1.ToPort", port),
            ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/16"),
        ];
        cloud.ec2("AuthorizeSecurityGroupIngress", &permission);
    }

    /// Launches instances and returns what RunInstances answered.
    pub fn launch(&self, cloud: &Cloud, count: usize, launch: Launch<'_>) -> Vec<Instance> {
        let user_data = base64::engine::general_purpose::STANDARD.encode(launch.user_data);
        let count = count.to_string();
        let group_names: Vec<String> =
            (1..=launch.groups.len()).map(|number| format!("SecurityGroupId.{number}")).collect();
        let mut parameters = vec![
            ("ImageId", self.image.as_str()),
            ("InstanceType", "t3.nano"),
            ("MinCount", &count),
            ("MaxCount", &count),
            ("SubnetId", &self.subnet),
        ];
        if !launch.user_data.is_empty() {
            parameters.push(("UserData", &user_data));
        }
        parameters.extend(group_names.iter().map(String::as_str).zip(launch.groups.iter().copied()));
        parameters.extend(launch.extra);
        let answer = cloud.ec2("RunInstances", &parameters);
        let items = answer.all("instancesSet");
        items.iter().flat_map(|set| super::Xml::new(set).items()).map(|item| read(&item)).collect()
    }

    /// Launches one instance and waits until it runs.
    pub fn boot(&self, cloud: &Cloud, launch: Launch<'_>) -> Instance {
        let instance = self.launch(cloud, 1, launch).remove(0);
        cloud.wait_for_state(&instance, "running");
        instance
    }
}

fn read(item: &super::Xml) -> Instance {
    let text = |name: &str| item.first(name).unwrap_or_default();
    Instance {
        id: text("instanceId"),
        address: text("privateIpAddress"),
        interface: text("networkInterfaceId"),
    }
}

impl Cloud {
    /// DescribeInstances of one instance.
    pub(crate) fn describe(&self, instance: &Instance) -> super::Xml {
        self.ec2("DescribeInstances", &[("InstanceId.1", &instance.id)])
    }

    /// Its state's name.
    pub fn state(&self, instance: &Instance) -> String {
        let described = self.describe(instance);
        super::Xml::new(&described.first("instanceState").unwrap_or_default())
            .first("name")
            .unwrap_or_default()
    }

    pub fn wait_for_state(&self, instance: &Instance, state: &str) {
        let deadline = std::time::Instant::now() + super::PATIENCE;
        loop {
            let found = self.state(instance);
            if found == state {
                return;
            }
            let described = || self.describe(instance).first("stateReason").unwrap_or_default();
            assert!(
                std::time::Instant::now() < deadline,
                "{} is {found} and not {state}: {}",
                instance.id,
                described()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// The instance's first process on the host.
    pub fn pid(&self, instance: &Instance) -> Option<i64> {
        let status = self.status();
        let instances = status["instances"].as_array().unwrap();
        instances.iter().find(|known| known["id"] == *instance.id)?["pid"].as_i64()
    }

    /// Runs a shell script inside an instance.
    pub fn sh(&self, instance: &Instance, script: &str) -> Finished {
        self.run("exec", &[&instance.id, "--", "timeout", "30", "sh", "-c", script])
    }

    /// Runs a shell script inside an instance, which must succeed, and returns what it printed without the last line end.
    pub fn output(&self, instance: &Instance, script: &str) -> String {
        let finished = self.sh(instance, script);
        assert_eq!(finished.code, 0, "{script}: {finished:?}");
        finished.stdout.trim_end().to_owned()
    }

    /// Starts a shell script inside an instance, with pipes to it.
    pub fn spawn_sh(&self, instance: &Instance, script: &str) -> Child {
        self.command("exec", &[&instance.id, "--", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Whether a TCP connection from one instance to another comes about.
    pub fn connects(&self, from: &Instance, to: &Instance, port: u16) -> bool {
        self.sh(from, &format!("nc -z -w 1 {} {port}", to.address)).code == 0
    }

    /// Waits until something listens on a port inside an instance.
    pub fn wait_for_listener(&self, instance: &Instance, port: u16) {
        let script = format!("grep -q ':{port:04X} 0*:0000 0A' /proc/net/tcp /proc/net/tcp6");
        eventually(&format!("{} listens on {port}", instance.id), || self.sh(instance, &script).code == 0);
    }

    /// The console, as GetConsoleOutput gives it.
    pub fn console(&self, instance: &Instance) -> String {
        let answer = self.ec2("GetConsoleOutput", &[("InstanceId", &instance.id)]);
        let encoded: String =
            answer.first("output").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
