//! Which resources an event is about: those that LookupEvents finds it by, and those that stand in the event itself.
//!
//! Owns how they are found in parameters and answers. Refuses to know whether they are there.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::facts::LookupResource;

/// How many resources an event is found by, at most.
const RESOURCES_MAX: usize = 32;

/// What ids of EC2 begin with.
const EC2_IDS: [(&str, &str); 24] = [
    ("acl", "AWS::EC2::NetworkAcl"),
    ("ami", "AWS::EC2::Ami"),
    ("cgw", "AWS::EC2::CustomerGateway"),
    ("dopt", "AWS::EC2::DHCPOptions"),
    ("eigw", "AWS::EC2::EgressOnlyInternetGateway"),
    ("eipalloc", "AWS::EC2::EIP"),
    ("eni", "AWS::EC2::NetworkInterface"),
    ("fl", "AWS::EC2::FlowLog"),
    ("i", "AWS::EC2::Instance"),
    ("igw", "AWS::EC2::InternetGateway"),
    ("lt", "AWS::EC2::LaunchTemplate"),
    ("nat", "AWS::EC2::NatGateway"),
    ("pcx", "AWS::EC2::VPCPeeringConnection"),
    ("pl", "AWS::EC2::PrefixList"),
    ("rtb", "AWS::EC2::RouteTable"),
    ("sg", "AWS::EC2::SecurityGroup"),
    ("snap", "AWS::EC2::Snapshot"),
    ("subnet", "AWS::EC2::Subnet"),
    ("tgw", "AWS::EC2::TransitGateway"),
    ("vgw", "AWS::EC2::VPNGateway"),
    ("vol", "AWS::EC2::Volume"),
    ("vpc", "AWS::EC2::VPC"),
    ("vpce", "AWS::EC2::VPCEndpoint"),
    ("vpn", "AWS::EC2::VPNConnection"),
];

/// Members that name resources, by the source of the event.
const MEMBERS: [(&str, &str, &str); 22] = [
    ("cloudtrail", "name", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "trailName", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "trailARN", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "s3BucketName", "AWS::S3::Bucket"),
    ("ec2", "keyName", "AWS::EC2::KeyPair"),
    ("iam", "accessKeyId", "AWS::IAM::AccessKey"),
    ("iam", "groupName", "AWS::IAM::Group"),
    ("iam", "instanceProfileName", "AWS::IAM::InstanceProfile"),
    ("iam", "policyArn", "AWS::IAM::Policy"),
    ("iam", "policyName", "AWS::IAM::Policy"),
    ("iam", "roleName", "AWS::IAM::Role"),
    ("iam", "serialNumber", "AWS::IAM::MfaDevice"),
    ("iam", "sAMLProviderArn", "AWS::IAM::SAMLProvider"),
    ("iam", "openIDConnectProviderArn", "AWS::IAM::OIDCProvider"),
    ("iam", "serverCertificateName", "AWS::IAM::ServerCertificate"),
    ("iam", "userName", "AWS::IAM::User"),
    ("kms", "keyId", "AWS::KMS::Key"),
    ("ram", "resourceShareArn", "AWS::RAM::ResourceShare"),
    ("s3", "bucketName", "AWS::S3::Bucket"),
    ("secretsmanager", "secretId", "AWS::SecretsManager::Secret"),
    ("sts", "roleArn", "AWS::IAM::Role"),
    ("sts", "roleSessionName", "AWS::STS::AssumedRole"),
];

/// The resources that an event is found by.
pub(crate) fn lookup(source: &str, parts: [Option<&Json>; 2]) -> Vec<LookupResource> {
    let service = source.split('.').next().unwrap_or(source);
    let mut found = BTreeSet::new();
    for part in parts.into_iter().flatten() {
        walk(service, "", part, &mut found);
    }
    found.into_iter().map(|(kind, name)| LookupResource { kind: kind.to_owned(), name }).collect()
}

fn walk(service: &str, key: &str, value: &Json, found: &mut BTreeSet<(&'static str, String)>) {
    if found.len() >= RESOURCES_MAX {
        return;
    }
    match value {
        Json::Object(members) => members.iter().for_each(|(key, value)| walk(service, key, value, found)),
        Json::Array(items) => items.iter().for_each(|item| walk(service, key, item, found)),
        Json::String(text) => {
            if let Some(kind) = kind_of(service, key, text) {
                found.insert((kind, text.clone()));
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn kind_of(service: &str, key: &str, text: &str) -> Option<&'static str> {
    let of_member = MEMBERS.iter().find(|(owner, name, _)| *owner == service && *name == key);
    if let Some((_, _, kind)) = of_member {
        return Some(kind);
    }
    if service != "ec2" {
        return None;
    }
    let (prefix, rest) = text.split_once('-')?;
    let is_id = rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    EC2_IDS.iter().find(|(known, _)| is_id && *known == prefix).map(|(_, kind)| *kind)
}
