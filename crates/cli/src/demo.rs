//! `brume demo`: the first recipes, played on a throw-away cloud.
//!
//! Owns the script and what it prints. It talks to its cloud as any AWS client would: over HTTP, with signed requests.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::args::DemoOptions;
use crate::client::{Client, Instance};
use crate::throwaway::{ThrowawayCloud, wait_for};
use crate::{root, throwaway};

/// Ends when somebody listens on port 22 (hexadecimal 16, state 0A), which the kernel says to anybody.
const LISTENING: &str = "timeout 20 sh -c \"until cat /proc/net/tcp /proc/net/tcp6 | grep -q ':0016 .* 0A '; do sleep 0.05; done\"";
/// How long `nc` tries to connect before it gives up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What the netcats say when a connection comes about, and when nobody answers.
const SUCCESS_WORDS: [&str; 2] = ["succeeded", "Connected"];
const TIMEOUT_WORDS: [&str; 2] = ["TIMEOUT", "timed out"];

/// What instance 2 does at boot: listen where sshd would.
const LISTENER: &str = "#!/bin/sh\nnc -l -k -p 22 </dev/null >/dev/null 2>&1 &\n";

/// Plays recipes 1.1, 1.2 and 1.5 and removes everything again.
pub(crate) fn run(options: &DemoOptions) -> anyhow::Result<ExitCode> {
    root::require("`brume demo`")?;
    throwaway::enter_own_network()?;
    let narrator = Narrator { began: Instant::now() };
    narrator.chapter("A cloud on this machine");
    let cloud = ThrowawayCloud::start(
        options.data_dir.data_dir.as_deref(),
        if options.no_ebpf { &["--no-ebpf"] } else { &[] },
    )?;
    narrator.step("brume up: the API answers");
    match play(&cloud.client, &narrator) {
        Err(error) if options.keep => {
            let directory = cloud.keep();
            return Err(error.context(format!("the cloud's files are kept in {}", directory.display())));
        }
        played => played?,
    }
    cloud.remove().context("the demo worked, but cleaning up after it did not")?;
    println!("\nThe cloud is gone again; nothing is left on this machine.");
    println!("Keep one with `brume up`, and drive it with the AWS CLI you know.");
    Ok(ExitCode::SUCCESS)
}

/// One line per step, with the time since the demo began.
struct Narrator {
    began: Instant,
}

impl Narrator {
    fn chapter(&self, text: &str) {
        println!("\n{text}");
    }

    fn step(&self, text: &str) {
        println!("  {:6.2} s  {text}", self.began.elapsed().as_secs_f64());
    }
}

fn play(client: &Client, narrator: &Narrator) -> anyhow::Result<()> {
    let vpc = recipe_1_1(client, narrator)?;
    let subnet = recipe_1_2(client, narrator, &vpc)?;
    recipe_1_5(client, narrator, &vpc, &subnet)
}

/// Recipe 1.1: a VPC, and a second CIDR block.
fn recipe_1_1(client: &Client, narrator: &Narrator) -> anyhow::Result<String> {
    narrator.chapter("Recipe 1.1: define a VPC");
    let vpc =
        client.ec2("CreateVpc", &[("CidrBlock", "10.10.0.0/16")])?.first("vpcId").context("no vpcId")?;
    narrator.step(&format!("create-vpc 10.10.0.0/16: {vpc}"));
    client.ec2("AssociateVpcCidrBlock", &[("VpcId", &vpc), ("CidrBlock", "10.11.0.0/16")])?;
    wait_for("the second CIDR block", || {
        let states = client.ec2("DescribeVpcs", &[("VpcId.1", &vpc)])?.all("state");
        Ok(states.iter().filter(|state| *state == "associated").count() == 2)
    })?;
    narrator.step("associate-vpc-cidr-block 10.11.0.0/16: associated");
    match client.ec2("CreateVpc", &[("CidrBlock", "10.0.0.0/15")]) {
        Err(error) => narrator.step(&format!("create-vpc 10.0.0.0/15: refused, {error:#}")),
        Ok(_) => bail!("a /15 was accepted as a VPC's block"),
    }
    Ok(vpc)
}

/// Recipe 1.2: a route table and two subnets in two zones.
fn recipe_1_2(client: &Client, narrator: &Narrator, vpc: &str) -> anyhow::Result<String> {
    narrator.chapter("Recipe 1.2: subnets and a route table");
    let table = client
        .ec2("CreateRouteTable", &[("VpcId", vpc)])?
        .first("routeTableId")
        .context("no routeTableId")?;
    let mut first = None;
    for (cidr, zone) in [("10.10.0.0/24", "us-east-1a"), ("10.10.1.0/24", "us-east-1b")] {
        let parameters = [("VpcId", vpc), ("CidrBlock", cidr), ("AvailabilityZone", zone)];
        let answer = client.ec2("CreateSubnet", &parameters)?;
        let subnet = answer.first("subnetId").context("no subnetId")?;
        let free = answer.first("availableIpAddressCount").context("no availableIpAddressCount")?;
        client.ec2("AssociateRouteTable", &[("RouteTableId", &table), ("SubnetId", &subnet)])?;
        narrator
            .step(&format!("create-subnet {cidr} in {zone}: {subnet}, {free} addresses, routed by {table}"));
        first.get_or_insert(subnet);
    }
    first.context("no subnet was made")
}

/// Recipe 1.5: two instances that reach each other only by the group that both are in.
fn recipe_1_5(client: &Client, narrator: &Narrator, vpc: &str, subnet: &str) -> anyhow::Result<()> {
    narrator.chapter("Recipe 1.5: access by security group");
    let image = client.public_image()?;
    let one = run_instance(client, &image, subnet, "")?.id;
    let Instance { id: two, address } = run_instance(client, &image, subnet, LISTENER)?;
    wait_until_managed(client, &one, &two)?;
    // Its user data runs after the start; a port where nobody listens yet refuses what a rule lets in.
    let listening = run_command(client, &two, LISTENING)?;
    if listening["Status"] != "Success" {
        bail!("nothing listens on port 22 of instance 2: {}", listening["StandardErrorContent"]);
    }
    narrator.step(&format!("run-instances: {one} and {two} ({address}) run"));
    let group = client
        .ec2(
            "CreateSecurityGroup",
            &[("GroupName", "Cookbook205"), ("GroupDescription", "Recipe 1.5"), ("VpcId", vpc)],
        )?
        .first("groupId")
        .context("no groupId")?;
    for instance in [&one, &two] {
        client.ec2("ModifyInstanceAttribute", &[("InstanceId", instance), ("GroupId.1", &group)])?;
    }
    narrator.step(&format!("create-security-group: {group}, now on both instances"));
    let before = connect(client, &one, &address)?;
    if before.succeeded {
        bail!("instance 1 reached instance 2 although no rule lets it");
    }
    if !before.timed_out() {
        bail!(
            "instance 1 did not reach instance 2, but was not left without an answer either: {}",
            before.output
        );
    }
    narrator.step(&format!("instance 1: nc -vz {address} 22: {}", before.output));
    client.ec2(
        "AuthorizeSecurityGroupIngress",
        &[
            ("GroupId", &group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "22"),
            ("IpPermissions.1.ToPort", "22"),
            ("IpPermissions.1.Groups.1.GroupId", &group),
        ],
    )?;
    narrator.step("authorize-security-group-ingress: tcp 22 from the group itself");
    let after = connect(client, &one, &address)?;
    if !after.succeeded {
        bail!("instance 1 cannot reach instance 2 although the rule lets it: {}", after.output);
    }
    narrator.step(&format!("instance 1: nc -vz {address} 22: {}", after.output));
    client.ec2("TerminateInstances", &[("InstanceId.1", &one), ("InstanceId.2", &two)])?;
    Ok(())
}

fn run_instance(client: &Client, image: &str, subnet: &str, user_data: &str) -> anyhow::Result<Instance> {
    client.run_instances(image, subnet, 1, user_data)?.pop().context("no instance")
}

/// Waits until Systems Manager knows both instances.
fn wait_until_managed(client: &Client, one: &str, two: &str) -> anyhow::Result<()> {
    wait_for("the instances", || {
        let answer = client.ssm("DescribeInstanceInformation", &json!({}))?;
        let known = answer["InstanceInformationList"].as_array().map_or(&[][..], Vec::as_slice);
        Ok([one, two].iter().all(|id| known.iter().any(|entry| entry["InstanceId"] == **id)))
    })
}

/// What `nc` said.
struct Connection {
    succeeded: bool,
    output: String,
    /// How long the command took, with its way there and back.
    took: Duration,
}

impl Connection {
    /// Whether nothing came back, as when packets are dropped, in contrast to a refusal.
    fn timed_out(&self) -> bool {
        !self.succeeded
            && self.took >= CONNECT_TIMEOUT
            && TIMEOUT_WORDS.iter().any(|words| self.output.contains(words))
    }
}

/// Runs a script on an instance through Run Command, and answers the invocation when it has ended.
fn run_command(client: &Client, instance: &str, script: &str) -> anyhow::Result<serde_json::Value> {
    let input = json!({
        "DocumentName": "AWS-RunShellScript",
        "InstanceIds": [instance],
        "Parameters": { "commands": [script] },
    });
    let sent = client.ssm("SendCommand", &input)?;
    let command = sent["Command"]["CommandId"].as_str().context("no CommandId")?.to_owned();
    let mut answer = serde_json::Value::Null;
    wait_for("the command", || {
        answer =
            client.ssm("GetCommandInvocation", &json!({ "CommandId": command, "InstanceId": instance }))?;
        Ok(!matches!(answer["Status"].as_str(), Some("Pending" | "InProgress" | "Delayed")))
    })?;
    Ok(answer)
}

/// Runs `nc -vz` on an instance.
fn connect(client: &Client, instance: &str, address: &str) -> anyhow::Result<Connection> {
    let began = Instant::now();
    let script = format!("nc -vz -w {} {address} 22", CONNECT_TIMEOUT.as_secs());
    let answer = run_command(client, instance, &script)?;
    let took = began.elapsed();
    let text = |key: &str| answer[key].as_str().unwrap_or_default().trim().to_owned();
    let output = format!("{} {}", text("StandardOutputContent"), text("StandardErrorContent"));
    // Netcats differ in how much they say; the line with the verdict is the one to show.
    let is_verdict =
        |line: &&str| SUCCESS_WORDS.iter().chain(&TIMEOUT_WORDS).any(|verdict| line.contains(verdict));
    let line = output.lines().find(is_verdict).unwrap_or(&output);
    Ok(Connection { succeeded: answer["Status"] == "Success", output: line.trim().to_owned(), took })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_no_time_out() {
        let check = |output: &str, millis: u64, expect: bool| {
            let took = Duration::from_millis(millis);
            let connection = Connection { succeeded: false, output: output.to_owned(), took };
            assert_eq!(connection.timed_out(), expect, "{output}");
        };
        check("nc: connect to 10.0.0.5 port 22 (tcp) timed out: Operation now in progress", 2050, true);
        check("Ncat: TIMEOUT.", 2050, true);
        check("(UNKNOWN) [10.0.0.5] 22 (ssh) : Connection timed out", 2050, true);
        check("nc: connect to 10.0.0.5 port 22 (tcp) failed: Connection refused", 40, false);
        check("nc: connect to 10.0.0.5 port 22 (tcp) failed: Connection refused", 2050, false);
        check("nc: connect to 10.0.0.5 port 22 (tcp) failed: No route to host", 3100, false);
        check("nc: connect to 10.0.0.5 port 22 (tcp) timed out: Operation now in progress", 400, false);
    }
}
