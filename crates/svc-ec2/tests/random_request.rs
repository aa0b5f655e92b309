//! Every handler with random requests, made from the model: none panics or fails inside, and an error changes nothing.
//!
//! A value is drawn from what answers had under the same name, so that requests meet resources that exist, or from what
//! such a member often has, or it is nonsense. Nobody ever has a public address that another has too.

use std::collections::HashMap;

use aws_model::{Fields, Model, ShapeId, ShapeKind, Value};
use service_api::Service;
use svc_ec2::{Config, Ec2};

use crate::cloud::{Cloud, input, op};
use crate::invariants::check_public_addresses;

/// How many requests the short form makes, over all its seeds.
const SHORT: u64 = 5_000;
const LONG: u64 = 100_000;

/// How many requests one cloud sees: later ones meet more, and take longer.
const PER_CLOUD: u64 = 2_500;

/// How many values are kept for one name.
const MOST_KEPT: usize = 24;

/// How deep optional members are filled in.
const MOST_DEPTH: usize = 4;

/// xorshift64*: the same requests in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

/// What members often have, by a part of their name.
const USUAL: [(&str, &[&str]); 14] = [
    ("Ipv6CidrBlock", &["2600:1f00::/56", "2600:1f00::/64", "::/0", "2001:db8::/32"]),
    (
        "Cidr",
        &[
            "10.0.0.0/16",
            "10.1.0.0/16",
            "10.0.0.0/24",
            "10.0.1.0/24",
            "0.0.0.0/0",
            "169.254.10.0/30",
            "10.0.0.1/8",
        ],
    ),
    ("AvailabilityZoneId", &["use1-az1", "use1-az2", "use1-az9"]),
    ("AvailabilityZone", &["us-east-1a", "us-east-1b", "us-west-2a"]),
    ("Region", &["us-east-1", "us-west-2", "mars-1"]),
    ("OwnerId", &["123456789012", "210987654321"]),
    ("UserId", &["123456789012", "self"]),
    ("Ipv6", &["2600:1f00::4", "2600:1f00::5", "::1"]),
    ("Ip", &["10.0.0.4", "10.0.0.10", "10.0.1.7", "203.0.113.5", "tcp", "udp", "-1"]),
    (
        "ServiceName",
        &["com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.ssm", "com.amazonaws.us-east-1.none"],
    ),
    ("Arn", &["arn:aws:s3:::bucket", "arn:aws:iam::123456789012:role/r", "arn:aws:iam::123456789012:root"]),
    ("Protocol", &["tcp", "udp", "icmp", "-1", "6", "58"]),
    ("Document", &["{}", "{", r#"{"Statement":[]}"#]),
    ("Version", &["$Latest", "$Default", "1", "2"]),
];

/// From where a member mostly has its value.
enum Origin {
    /// One of these.
    Values(&'static [&'static str]),
    /// What answers had under this name.
    Seen(&'static str),
    /// From members of its own.
    Members,
}

/// What members of some operations often have that others of that name have not; they are mostly there.
static USUAL_OF: [(&str, &str, Origin); 11] = [
    ("ByoipCidr", "Cidr", Origin::Values(&["203.0.113.0/24", "2001:db8::/44"])),
    ("ProvisionByoipCidr", "CidrAuthorizationContext", Origin::Members),
    (
        "ProvisionByoipCidr",
        "Message",
        Origin::Values(&[
            "1|aws|123456789012|203.0.113.0/24|20991231|SHA256|RSAPSS",
            "1|aws|123456789012|2001:db8::/44|20991231|SHA256|RSAPSS",
            "1|aws|210987654321|203.0.113.0/24|20991231|SHA256|RSAPSS",
            "1|aws|210987654321|2001:db8::/44|20991231|SHA256|RSAPSS",
        ]),
    ),
    ("ProvisionByoipCidr", "Signature", Origin::Values(&["c2lnbmF0dXJl"])),
    ("AllocateAddress", "PublicIpv4Pool", Origin::Seen("PoolId")),
    ("CreateVpc", "Ipv6Pool", Origin::Seen("PoolId")),
    ("GetAssociatedIpv6PoolCidrs", "PoolId", Origin::Seen("PoolId")),
    ("ReleaseAddress", "AllocationId", Origin::Seen("AllocationId")),
    ("AddressTransfer", "AllocationId", Origin::Seen("AllocationId")),
    ("EnableAddressTransfer", "TransferAccountId", Origin::Values(&["123456789012", "210987654321"])),
    ("AcceptAddressTransfer", "Address", Origin::Seen("PublicIp")),
];

/// Operations that reach something only in a certain order. They are drawn more often, as each account alike.
const FAVOURED: [&str; 23] = [
    "AcceptAddressTransfer",
    "AcceptAddressTransfer",
    "AcceptAddressTransfer",
    "AcceptAddressTransfer",
    "AdvertiseByoipCidr",
    "AdvertiseByoipCidr",
    "AdvertiseByoipCidr",
    "AllocateAddress",
    "AllocateAddress",
    "DeprovisionByoipCidr",
    "DescribeByoipCidrs",
    "DescribeIpv6Pools",
    "DescribePublicIpv4Pools",
    "DisableAddressTransfer",
    "DisableAddressTransfer",
    "EnableAddressTransfer",
    "EnableAddressTransfer",
    "EnableAddressTransfer",
    "ProvisionByoipCidr",
    "ProvisionByoipCidr",
    "WithdrawByoipCidr",
    "WithdrawByoipCidr",
    "WithdrawByoipCidr",
];

const NONSENSE: [&str; 9] = [
    "",
    " ",
    "x",
    "*",
    "-1",
    "vpc-",
    "vpc-0123456789abcdef0",
    "\u{e9}\u{1f980}\u{0}",
    "Value with several words",
];

struct Requests<'a> {
    model: &'static Model,
    random: Random,
    operation: &'static str,
    /// What answers had, by the name of the member.
    seen: &'a mut HashMap<String, Vec<String>>,
}

impl Requests<'_> {
    /// Where a member of the operation mostly has its value from, if that is told.
    fn origin(&self, name: &str) -> Option<&'static Origin> {
        let mut told = USUAL_OF.iter();
        let found = told.find(|(part, member, _)| self.operation.contains(part) && *member == name);
        found.map(|(_, _, origin)| origin)
    }

    fn value(&mut self, shape: ShapeId, name: &str, depth: usize) -> Value {
        let range = |random: &mut Random, min: Option<i64>, max: Option<i64>| {
            let usual = [0, 1, 2, 5, 6, 17, 22, 80, 100, 443, 1000, 65_535, 64_512, -1, i64::from(i32::MAX)];
            usual[random.below(usual.len())]
                .clamp(min.unwrap_or(i32::MIN.into()), max.unwrap_or(i32::MAX.into()))
        };
        match &self.model.shape(shape).kind {
            ShapeKind::Structure(structure) => {
                let mut fields = Fields::new();
                for member in &structure.members {
                    let is_wanted = if member.required {
                        // The codec refuses a request without it.
                        true
                    } else if member.name == "DryRun" {
                        self.random.one_in(30)
                    } else if let Some(origin) = self.origin(member.name) {
                        // What exists is not what every request is about.
                        !self.random.one_in(if matches!(origin, Origin::Seen(_)) { 2 } else { 6 })
                    } else {
                        depth < MOST_DEPTH && self.random.one_in(6)
                    };
                    if is_wanted {
                        fields.push(member.name, self.value(member.shape, member.name, depth + 1));
                    }
                }
                Value::Structure(fields)
            }
            ShapeKind::List(list) => {
                let least = usize::try_from(list.length.min.unwrap_or(0)).unwrap();
                let count =
                    if depth > MOST_DEPTH { least } else { least.max([0, 1, 1, 1, 2][self.random.below(5)]) };
                let element = self.model.shape(list.element).name;
                let name = name.strip_suffix('s').unwrap_or(if name.is_empty() { element } else { name });
                Value::List((0..count).map(|_| self.value(list.element, name, depth + 1)).collect())
            }
            ShapeKind::Map(_) => Value::Map(Vec::new()),
            ShapeKind::String(text) => {
                let known = if text.values.is_empty() || self.random.one_in(40) {
                    self.text(name)
                } else {
                    self.random.of(&text.values).to_owned()
                };
                Value::String(known)
            }
            ShapeKind::Boolean => Value::Boolean(self.random.one_in(2)),
            ShapeKind::Integer(bounds) | ShapeKind::Long(bounds) => {
                Value::Integer(range(&mut self.random, bounds.min, bounds.max))
            }
            ShapeKind::Float(_) | ShapeKind::Double(_) => Value::Float(0.5),
            ShapeKind::Blob(_) => Value::Blob(bytes::Bytes::from_static(b"c3NoLXJzYQ==")),
            ShapeKind::Timestamp(_) => {
                Value::Timestamp(1_795_357_680_000 + self.random.below(100_000) as i64)
            }
            ShapeKind::Document => Value::Null,
        }
    }

    fn text(&mut self, name: &str) -> String {
        let name = match self.origin(name) {
            Some(Origin::Values(usual)) if !self.random.one_in(12) => {
                return self.random.of(usual).to_owned();
            }
            Some(Origin::Seen(other)) => *other,
            _ => name,
        };
        let seen = self.seen.get(name).map_or(&[][..], Vec::as_slice);
        if !seen.is_empty() && !self.random.one_in(12) {
            return seen[self.random.below(seen.len())].clone();
        }
        let usual = USUAL.iter().find(|(part, _)| name.contains(part));
        match usual {
            Some((_, usual)) if !self.random.one_in(12) => self.random.of(usual).to_owned(),
            // Anything that exists, under a name where it does not belong.
            _ if self.random.one_in(3) && !self.seen.is_empty() => {
                let mut names: Vec<&String> = self.seen.keys().collect();
                names.sort();
                let values = &self.seen[names[self.random.below(names.len())]];
                values[self.random.below(values.len())].clone()
            }
            _ => self.random.of(&NONSENSE).to_owned(),
        }
    }

    fn remember(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => {
                let full = self.seen.get(name).is_some_and(|kept| kept.len() >= MOST_KEPT);
                let place = self.random.below(MOST_KEPT);
                let kept = self.seen.entry(name.to_owned()).or_default();
                if kept.contains(text) {
                } else if full {
                    kept[place] = text.clone();
                } else {
                    kept.push(text.clone());
                }
            }
            Value::List(list) => list.iter().for_each(|value| self.remember(name, value)),
            Value::Structure(fields) => fields.iter().for_each(|(name, value)| self.remember(name, value)),
            _ => {}
        }
    }
}

/// Sends so many requests to one cloud; adds how many succeeded of each operation.
fn play(seed: u64, count: u64, succeeded: &mut HashMap<&'static str, u64>) {
    let model = aws_model::service("ec2").unwrap().model();
    let operations: Vec<&'static str> = Ec2::operation_names().collect();
    let cloud =
        Cloud::with(Config { enforce_quotas: seed.is_multiple_of(2), hot_plug: true, ..Config::default() });
    let clouds =
        [cloud.seen_by("210987654321", "us-east-1"), cloud.seen_by("123456789012", "us-west-2"), cloud];
    for cloud in &clouds {
        cloud.ec2.ensure_region(&cloud.scope(), cloud.now()).unwrap();
    }
    let mut seen = HashMap::new();
    let mut requests = Requests { model, random: Random(seed * 2 + 1), operation: "", seen: &mut seen };
    for number in 0..count {
        let mut cloud = &clouds[[0, 1, 2, 2, 2, 2, 2, 2][requests.random.below(8)]];
        let mut operation = requests.random.of(&operations);
        // What deletes is drawn less often, so that there is something to be changed.
        if (operation.starts_with("Delete") || operation.starts_with("Terminate"))
            && !requests.random.one_in(3)
        {
            operation = requests.random.of(&operations);
        }
        if requests.random.one_in(4) {
            operation = requests.random.of(&FAVOURED);
            cloud = &clouds[requests.random.below(3)];
        }
        requests.operation = operation;
        cloud.wait(requests.random.below(500) as i64);
        let shape = model.operation(operation).unwrap().input.as_ref().unwrap().shape;
        let input = requests.value(shape, "", 0);
        let is_dry =
            matches!(&input, Value::Structure(fields) if fields.get("DryRun") == Some(&Value::Boolean(true)));
        // What comes due by the time alone is done by whatever request comes next, also one that is refused.
        cloud.ok::<op::DescribeTags>(input!(DescribeTagsRequest {}));
        let before = cloud.store.snapshot().revision();
        let told = format!("seed {seed}, request {number}: {operation} {input:?}");
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cloud.ec2.call(&cloud.context(), operation, input)
        }))
        .unwrap_or_else(|_| panic!("a panic with {told}"));
        match answer {
            Ok(answer) => {
                assert!(!is_dry, "an answer in spite of DryRun: {told}");
                *succeeded.entry(operation).or_default() += 1;
                check_public_addresses(&cloud.store);
                requests.remember("", &answer);
            }
            Err(error) => {
                assert!(!error.is_fault, "{error}: {told}");
                assert!(!error.code.is_empty() && !error.message.is_empty(), "{error:?}: {told}");
                assert_eq!(cloud.store.snapshot().revision(), before, "{error}, and a change: {told}");
            }
        }
    }
}

fn play_all(count: u64) {
    let mut by_operation = HashMap::new();
    (0..count / PER_CLOUD).for_each(|seed| play(seed + 1, PER_CLOUD, &mut by_operation));
    let succeeded: u64 = by_operation.values().sum();
    println!("{count} requests, {succeeded} of them succeeded");
    // Requests that all fail would show nothing.
    assert!(succeeded * 10 > count, "{succeeded} of {count} requests succeeded");
    for operation in FAVOURED {
        assert!(by_operation.contains_key(operation), "{operation} never succeeded");
    }
}

#[test]
fn no_request_panics_and_no_error_changes_anything() {
    play_all(SHORT);
}

#[test]
#[ignore = "the long form"]
fn no_request_of_many_panics_and_no_error_changes_anything() {
    play_all(LONG);
}
