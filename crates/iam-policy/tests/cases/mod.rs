//! Random policies and requests, from few words, so that they often have something to do with each other.
//!
//! A case is made from its seed alone.

use aws_types::AccountId;
use iam_policy::{Attached, Caller, Context, Policies, Policy, Request, ResourceRule};
use serde_json::{Map, Value, json};

/// A generator of numbers (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const ACCOUNTS: [&str; 3] = ["111111111111", "222222222222", "333333333333"];

const ACTIONS: [&str; 8] = [
    "ec2:DescribeVpcs",
    "ec2:RunInstances",
    "EC2:runinstances",
    "s3:GetObject",
    "s3:PutObject",
    "iam:PassRole",
    "sts:AssumeRole",
    "sqs:SendMessage",
];

const ACTION_PATTERNS: [&str; 15] = [
    "*",
    "*",
    "*:*",
    "ec2:*",
    "EC2:Describe*",
    "ec2:RunInstances",
    "s3:Get*",
    "s3:?utObject",
    "s3:*Object",
    "s3:*",
    "*:Get*",
    "e*:*",
    "iam:Pass?ole",
    "sts:Assume*",
    "sqs:Send*e",
];

const RESOURCES: [&str; 10] = [
    "*",
    "arn:aws:s3:::home",
    "arn:aws:s3:::home/ann/x",
    "arn:aws:s3:::home/bob/y",
    "arn:aws:s3:::home/red/é",
    "arn:aws:s3:::odd*name/x",
    "arn:aws:ec2:us-east-1:111111111111:instance/i-1",
    "arn:aws:ec2:us-east-1:222222222222:vpc/vpc-9",
    "arn:aws:iam::222222222222:role/app/dev",
    "arn:aws:sqs:eu-west-1:111111111111:jobs",
];

const RESOURCE_PATTERNS: [&str; 19] = [
    "*",
    "*",
    "*",
    "arn:aws:s3:::home/*",
    "arn:aws:s3:::home/${aws:username}/*",
    "arn:aws:s3:::home/${aws:PrincipalTag/team, 'ann'}/?",
    "arn:aws:s3:::home/${aws:PrincipalTag/team}/?",
    "arn:aws:s3:::${aws:TagKeys}/ann/x",
    "arn:aws:s3:::odd${*}name/*",
    "arn:aws:s3:::h*e/*n*/*",
    "arn:aws:s3*",
    "arn:aws:ec2",
    "arn:aws:ec2:*:*:instance/*",
    "arn:aws:ec2:us-*:vpc/vpc-?",
    "arn:aws:iam::*:role/*",
    "arn:aws:iam::${aws:PrincipalAccount}:role/app/dev",
    "arn:*:instance/i-?",
    "arn:aws:sqs:*:*:j??s",
    "home",
];

const PRINCIPALS: [(&str, &str); 16] = [
    ("AWS", "*"),
    ("AWS", "111111111111"),
    ("AWS", "arn:aws:iam::111111111111:root"),
    ("AWS", "222222222222"),
    ("AWS", "arn:aws:iam::111111111111:user/team/ann"),
    ("AWS", "arn:aws:iam::111111111111:user/bob"),
    ("AWS", "arn:aws:iam::111111111111:role/app/dev"),
    ("AWS", "arn:aws:sts::111111111111:assumed-role/dev/s1"),
    ("AWS", "arn:aws:sts::111111111111:federated-user/fed"),
    ("AWS", "AIDACKCEVSQ6C2EXAMPLE"),
    ("Service", "ec2.amazonaws.com"),
    ("Service", "sqs.amazonaws.com"),
    ("Service", "*"),
    ("Federated", "accounts.google.com"),
    ("Federated", "arn:aws:iam::111111111111:saml-provider/corp"),
    ("CanonicalUser", "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"),
];

/// What [`Language::Plain`] does not have: parts of ARNs, and values that are not what their operator compares.
const ODD: [&str; 15] = [
    "arn:aws:s3*",
    "arn:aws:ec2",
    "arn:*:instance/i-?",
    "arn:aws:ec2:us-*:vpc/vpc-?",
    "home",
    "x",
    "3e2",
    "yes",
    "?",
    "aGVsbG8",
    "2027",
    "2026-11-28",
    "2025-01-01T00:00Z",
    "arn:aws:iam",
    "False",
];

/// A condition key, the values that requests have, and those that policies have.
type Key = (&'static str, &'static [&'static str], &'static [&'static str]);

const TEXTS: [Key; 4] = [
    (
        "aws:username",
        &["ann", "bob", "Ann"],
        &["ann", "BOB", "a*", "?nn", "${aws:PrincipalTag/team}", "${$}x", "*", ""],
    ),
    (
        "aws:PrincipalTag/team",
        &["ann", "red", "", "r*d", "blue:sky"],
        &["red", "r${*}d", "r*d", "", "${aws:username}", "${aws:UserName, 'red'}", "blue*", "ANN"],
    ),
    ("aws:TagKeys", &["team", "cost", "Env", ""], &["team", "cost", "e*", "TEAM", "${aws:TagKeys}", "?*t"]),
    ("s3:prefix", &["home/ann/", "home/", "ünï"], &["home/${aws:username}/*", "home/*", "ÜNÏ", "ün?", "*/"]),
];

const NUMBERS: [Key; 2] = [
    (
        "aws:MultiFactorAuthAge",
        &["0", "299", "300", "3600.5", "soon"],
        &["300", "3e2", "0", "-1", "x", "299.0"],
    ),
    ("x:Sizes", &["1", "5", "10", "-3"], &["5", "1", "9.5", "07"]),
];

const DATES: [Key; 2] = [
    (
        "aws:CurrentTime",
        &["2026-11-28T07:00:00Z", "2026-11-28T08:00:00+01:00", "2025-01-01T00:00:00Z", "then"],
        &["2026-11-28T07:00:00Z", "2026-01-01T00:00:00Z", "1795849200", "2026-11-28", "2027"],
    ),
    (
        "aws:EpochTime",
        &["1795849200", "1735689600"],
        &["1795849200", "2026-11-28T07:00:00Z", "2025-01-01T00:00Z"],
    ),
];

const BOOLS: [Key; 1] =
    [("aws:SecureTransport", &["true", "false", "TRUE", "yes"], &["true", "false", "False", "yes"])];

const BYTES: [Key; 1] =
    [("x:Blob", &["aGVsbG8=", "d29ybGQ=", "!"], &["aGVsbG8=", "d29ybGQ=", "aGVsbG8", "?"])];

const ADDRESSES: [Key; 1] = [(
    "aws:SourceIp",
    &["10.0.0.7", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.7", "amazonaws.com"],
    &["10.0.0.0/8", "10.0.0.7", "192.0.2.77/24", "2001:db8::/32", "0.0.0.0/0", "::/0"],
)];

const ARNS: [Key; 2] = [
    (
        "aws:PrincipalArn",
        &["arn:aws:iam::111111111111:user/team/ann", "arn:aws:iam::111111111111:role/app/dev", "nobody"],
        &[
            "arn:aws:iam::*:user/*",
            "arn:aws:iam::111111111111:role/app/dev",
            "arn:aws:*:role/*",
            "arn:*:iam::*:*/${aws:username}",
            "*",
            "arn:aws:iam::${aws:PrincipalTag/team}:user/team/ann",
            "arn:aws:iam",
        ],
    ),
    (
        "aws:SourceArn",
        &["arn:aws:sns:us-east-1:222222222222:topic:a:b", "arn:aws:iam::111111111111:user/team/ann"],
        &[
            "arn:aws:sns:*:*:topic:*",
            "${aws:PrincipalArn}",
            "arn:aws:sns:us-?ast-1:222222222222:*b",
            "arn:*:*",
        ],
    ),
];

const OPERATORS: [(&[&str], &[Key]); 7] = [
    (
        &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        &TEXTS,
    ),
    (
        &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        &NUMBERS,
    ),
    (
        &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        &DATES,
    ),
    (&["Bool"], &BOOLS),
    (&["BinaryEquals"], &BYTES),
    (&["IpAddress", "NotIpAddress"], &ADDRESSES),
    (&["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], &ARNS),
];

/// Which parts of the language a case may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Whole,
    /// Identity policies alone, without what another evaluator has another opinion of.
    Plain,
}

/// A policy with its name.
pub(crate) struct Document {
    name: String,
    policy: Policy,
}

/// All that a decision depends on.
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) caller: Caller,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) context: Context,
    pub(crate) identity: Vec<Document>,
    boundary: Option<Document>,
    session: Option<Vec<Document>>,
    resource_policy: Option<Document>,
    rule: ResourceRule,
    owner: Option<AccountId>,
    service_control: Vec<Vec<Document>>,
    resource_control: Vec<Vec<Document>>,
    endpoint: Option<Document>,
}

impl Document {
    fn attached(&self) -> Attached<'_> {
        Attached { name: &self.name, owner: "owner", policy: &self.policy }
    }
}

fn attached(documents: &[Document]) -> Vec<Attached<'_>> {
    documents.iter().map(Document::attached).collect()
}

impl Case {
    pub(crate) fn policies(&self) -> Policies<'_> {
        Policies {
            identity: attached(&self.identity),
            boundary: self.boundary.as_ref().map(Document::attached),
            session: self.session.as_deref().map(attached),
            resource: self.resource_policy.as_ref().map(Document::attached),
            resource_rule: self.rule,
            resource_owner: self.owner,
            service_control: self.service_control.iter().map(|level| attached(level)).collect(),
            resource_control: self.resource_control.iter().map(|level| attached(level)).collect(),
            endpoint: self.endpoint.as_ref().map(Document::attached),
        }
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            caller: &self.caller,
            action: &self.action,
            resource: &self.resource,
            context: &self.context,
        }
    }

    /// Everything, for somebody who has to see why two do not agree.
    pub(crate) fn describe(&self) -> String {
        let policies = self.policies();
        let texts = |all: &[Attached<'_>]| -> String {
            all.iter().map(|attached| format!("\n    {} {}", attached.name, attached.policy.text())).collect()
        };
        let one = |attached: &Option<Attached<'_>>| texts(attached.as_slice());
        let levels = |all: &[Vec<Attached<'_>>]| -> String {
            all.iter().map(|level| format!("\n   level{}", texts(level))).collect()
        };
        format!(
            "seed {}\n  {:?} {} on {} of {:?}, {:?}\n  {:?}\n  identity{}\n  boundary{}\n  session {:?}{}\n  resource{}\n  \
             service control{}\n  resource control{}\n  endpoint{}",
            self.seed,
            self.caller,
            self.action,
            self.resource,
            policies.resource_owner,
            policies.resource_rule,
            self.context.iter().collect::<Vec<_>>(),
            texts(&policies.identity),
            one(&policies.boundary),
            policies.session.as_ref().map(Vec::len),
            policies.session.as_deref().map(texts).unwrap_or_default(),
            one(&policies.resource),
            levels(&policies.service_control),
            levels(&policies.resource_control),
            one(&policies.endpoint),
        )
    }

    pub(crate) fn new(seed: u64, language: Language) -> Self {
        let mut maker = Maker { random: Random::new(seed), language, names: 0 };
        if language == Language::Plain { maker.plain(seed) } else { maker.whole(seed) }
    }
}

/// What kind of policy a statement is for, as far as its looks go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// Grants and sometimes denies, without principals.
    Caller,
    /// Has principals.
    Resource,
    /// Lets most things pass, so that there is something left to decide behind it.
    Limit,
}

struct Maker {
    random: Random,
    language: Language,
    names: usize,
}

impl Maker {
    fn plain(&mut self, seed: u64) -> Case {
        let identity = (0..=self.random.below(3)).map(|_| self.document(For::Caller)).collect();
        Case {
            seed,
            caller: user(ACCOUNTS[0], "bob"),
            action: self.random.pick(&ACTIONS).to_owned(),
            resource: self.random.pick(&RESOURCES[1..]).to_owned(),
            context: self.context(),
            identity,
            boundary: None,
            session: None,
            resource_policy: None,
            rule: ResourceRule::Either,
            owner: None,
            service_control: Vec::new(),
            resource_control: Vec::new(),
            endpoint: None,
        }
    }

    fn whole(&mut self, seed: u64) -> Case {
        let caller = self.caller();
        let (boundary, session) = match caller {
            Caller::User { .. } => (self.maybe(30, For::Limit), None),
            Caller::AssumedRole { .. } => (self.maybe(30, For::Limit), self.session(35)),
            Caller::FederatedUser { .. } => (self.maybe(20, For::Limit), self.session(100)),
            Caller::Root { .. } => (None, self.session(20)),
            _ => (None, None),
        };
        let has_policies = caller.account().is_some() && !matches!(caller, Caller::Root { .. });
        let identities = if has_policies { self.random.below(4) } else { 0 };
        let rule = match self.random.below(10) {
            0 | 1 => ResourceRule::Trust,
            2 => ResourceRule::Required,
            _ => ResourceRule::Either,
        };
        let with_resource = if rule == ResourceRule::Either && caller.account().is_some() { 45 } else { 90 };
        let owner = self.random.chance(70).then(|| {
            let account = if self.random.chance(55) { 0 } else { self.random.below(3) };
            ACCOUNTS[account].parse().unwrap()
        });
        Case {
            seed,
            identity: (0..identities).map(|_| self.document(For::Caller)).collect(),
            boundary,
            session,
            resource_policy: self.maybe(with_resource, For::Resource),
            rule,
            owner,
            service_control: self.levels(40),
            resource_control: self.levels(25),
            endpoint: self.maybe(15, For::Limit),
            caller,
            action: self.random.pick(&ACTIONS).to_owned(),
            resource: self.random.pick(&RESOURCES).to_owned(),
            context: self.context(),
        }
    }

    fn caller(&mut self) -> Caller {
        let account: AccountId = ACCOUNTS[usize::from(self.random.chance(10))].parse().unwrap();
        match self.random.below(20) {
            0..=5 => user(&account.to_string(), self.random.pick(&["team/ann", "bob"])),
            6..=10 => Caller::AssumedRole {
                account,
                session_arn: format!("arn:aws:sts::{account}:assumed-role/dev/s1").parse().unwrap(),
                role_arn: format!("arn:aws:iam::{account}:role/app/dev").parse().unwrap(),
            },
            11 | 12 => Caller::FederatedUser {
                account,
                arn: format!("arn:aws:sts::{account}:federated-user/fed").parse().unwrap(),
                user_arn: format!("arn:aws:iam::{account}:user/team/ann").parse().unwrap(),
            },
            13 | 14 => Caller::Root { account },
            15 | 16 => Caller::Service { name: "ec2.amazonaws.com".to_owned(), account: Some(account) },
            17 => Caller::WebIdentity { provider: "accounts.google.com".to_owned() },
            18 => Caller::Saml { provider: "arn:aws:iam::111111111111:saml-provider/corp".parse().unwrap() },
            _ => Caller::Anonymous,
        }
    }

    fn maybe(&mut self, percent: usize, purpose: For) -> Option<Document> {
        self.random.chance(percent).then(|| self.document(purpose))
    }

    fn session(&mut self, percent: usize) -> Option<Vec<Document>> {
        self.random
            .chance(percent)
            .then(|| (0..self.random.below(3)).map(|_| self.document(For::Limit)).collect())
    }

    fn levels(&mut self, percent: usize) -> Vec<Vec<Document>> {
        let levels = if self.random.chance(percent) { self.random.below(4) } else { 0 };
        (0..levels)
            .map(|_| {
                let policies = if self.random.chance(5) { 0 } else { 1 + self.random.below(2) };
                (0..policies).map(|_| self.document(For::Limit)).collect()
            })
            .collect()
    }

    fn document(&mut self, purpose: For) -> Document {
        let old = self.language == Language::Whole && self.random.chance(10);
        let mut policy = Map::new();
        if !(old && self.random.chance(50)) {
            policy.insert("Version".to_owned(), json!(if old { "2008-10-17" } else { "2012-10-17" }));
        }
        let mut statements = Vec::new();
        if purpose == For::Limit && self.random.chance(70) {
            statements.push(json!({"Sid": "Full", "Effect": "Allow", "Action": "*", "Resource": "*"}));
        }
        for _ in 0..self.random.below(3) + usize::from(statements.is_empty()) {
            statements.push(self.statement(purpose));
        }
        let one = statements.len() == 1 && self.random.chance(40);
        policy.insert(
            "Statement".to_owned(),
            if one { statements.remove(0) } else { Value::Array(statements) },
        );
        self.names += 1;
        let text = Value::Object(policy).to_string();
        let policy = Policy::parse_stored(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Document { name: format!("p{}", self.names), policy }
    }

    fn statement(&mut self, purpose: For) -> Value {
        let mut statement = Map::new();
        if self.random.chance(30) {
            statement.insert("Sid".to_owned(), json!(format!("S{}", self.random.below(1000))));
        }
        let denies = if purpose == For::Resource { 20 } else { 15 };
        statement
            .insert("Effect".to_owned(), json!(if self.random.chance(denies) { "Deny" } else { "Allow" }));
        let negated = self.random.chance(15);
        let action = if negated { "NotAction" } else { "Action" };
        statement.insert(action.to_owned(), self.texts(&ACTION_PATTERNS));
        if !(purpose == For::Resource && self.random.chance(40)) {
            let negated = self.random.chance(15);
            let resource = if negated { "NotResource" } else { "Resource" };
            statement.insert(resource.to_owned(), self.texts(&RESOURCE_PATTERNS));
        }
        if purpose == For::Resource && !self.random.chance(3) {
            let negated = self.random.chance(20);
            let element = if negated { "NotPrincipal" } else { "Principal" };
            statement.insert(element.to_owned(), self.principal());
        }
        if self.random.chance(45) {
            statement.insert("Condition".to_owned(), self.conditions());
        }
        Value::Object(statement)
    }

    fn principal(&mut self) -> Value {
        if self.random.chance(10) {
            return json!("*");
        }
        let mut kinds: Map<String, Value> = Map::new();
        for _ in 0..=self.random.below(4) {
            let (kind, name) = PRINCIPALS[self.random.below(PRINCIPALS.len())];
            let names = kinds.entry(kind).or_insert_with(|| json!([]));
            names.as_array_mut().unwrap().push(json!(name));
        }
        Value::Object(kinds)
    }

    fn conditions(&mut self) -> Value {
        let mut operators: Map<String, Value> = Map::new();
        for _ in 0..=self.random.below(2) {
            let (name, keys) = if self.language == Language::Whole && self.random.chance(8) {
                ("Null", &TEXTS[..])
            } else {
                let (names, keys) = OPERATORS[self.random.below(OPERATORS.len())];
                (self.random.pick(names), keys)
            };
            let mut quantifier = self.random.pick(&["", "", "", "ForAllValues:", "ForAnyValue:"]);
            let mut suffix = if self.random.chance(20) && name != "Null" { "IfExists" } else { "" };
            if self.language == Language::Plain {
                let quantified = ["String", "Arn", "Bool"].iter().any(|kind| name.starts_with(kind));
                quantifier = if quantified { quantifier } else { "" };
                suffix = if quantifier.is_empty() { suffix } else { "" };
            }
            let (key, _, values) = keys[self.random.below(keys.len())];
            let key = if self.random.chance(10) { key.to_ascii_uppercase() } else { key.to_owned() };
            let values = if name == "Null" { self.texts(&["true", "false"]) } else { self.texts(values) };
            let operator =
                operators.entry(format!("{quantifier}{name}{suffix}")).or_insert_with(|| json!({}));
            operator.as_object_mut().unwrap().insert(key, values);
        }
        Value::Object(operators)
    }

    /// One or several, and rarely none.
    fn texts(&mut self, from: &[&str]) -> Value {
        let plain: Vec<&str> = from.iter().copied().filter(|text| !ODD.contains(text)).collect();
        let from = if self.language == Language::Plain { &plain } else { from };
        match self.random.below(20) {
            0..=11 => json!(self.random.pick(from)),
            12 if self.language == Language::Whole => json!([]),
            _ => (0..=self.random.below(3)).map(|_| json!(self.random.pick(from))).collect(),
        }
    }

    fn context(&mut self) -> Context {
        let mut context = Context::new();
        for (key, values, _) in OPERATORS.iter().flat_map(|(_, keys)| keys.iter()) {
            if self.random.chance(35) {
                continue;
            }
            let several = *key == "aws:TagKeys" || (*key == "x:Sizes" && self.language == Language::Whole);
            let count = if several { self.random.below(3) } else { 1 };
            let key = if self.random.chance(10) { key.to_ascii_lowercase() } else { (*key).to_owned() };
            let values: Vec<&str> = (0..count).map(|_| self.random.pick(values)).collect();
            let odd = ["soon", "then", "yes", "!", "amazonaws.com"]
                .contains(&values.first().copied().unwrap_or_default());
            if !(odd && self.language == Language::Plain) {
                context.set_many(key, values);
            }
        }
        if self.random.chance(50) {
            context.set("aws:PrincipalAccount", ACCOUNTS[1]);
        }
        context
    }
}

fn user(account: &str, name: &str) -> Caller {
    Caller::User {
        account: account.parse().unwrap(),
        arn: format!("arn:aws:iam::{account}:user/{name}").parse().unwrap(),
    }
}
