//! For which types of resources a tag policy can be enforced.
//!
//! Owns the services that AWS lists, and of those that are built here the types. A type that is not here does nothing when it
//! stands in a policy, so that it does not come into one.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_supported-resources-enforcement.html>

use crate::grammar::is_resource_type;

/// The services that are built, with the types of each; none named: any.
const BUILT: &[(&str, &[&str])] = &[
    ("backup", &["backup-plan", "backup-vault"]),
    ("cloudtrail", &["trail"]),
    ("ec2", &[]),
    ("iam", &["instance-profile", "mfa", "oidc-provider", "policy", "saml-provider", "server-certificate"]),
    ("organizations", &["account", "ou", "policy", "root"]),
    ("ram", &["resource-share"]),
    ("ssm", &[]),
];

/// The others, of which nothing can be tagged before they are built.
#[rustfmt::skip]
const OTHERS: &[&str] = &[
    "acm", "acm-pca", "amplifyuibuilder", "apigateway", "appconfig", "appmesh", "athena", "auditmanager",
    "backup-gateway", "batch", "bedrock", "bugbust", "chime", "cloud9", "cloudformation", "cloudfront", "cloudhsm",
    "cloudwatch", "codeartifact", "codebuild", "codecommit", "codedeploy", "codeguru-reviewer", "codepipeline",
    "codestar-connections", "cognito-identity", "cognito-idp", "comprehend", "config", "connect", "databrew",
    "datasync", "detective", "directconnect", "dlm", "dms", "ds", "dynamodb", "ecr", "ecs", "eks", "elastic-inference",
    "elasticache", "elasticbeanstalk", "elasticfilesystem", "elasticloadbalancing", "elasticmapreduce", "es", "events",
    "firehose", "frauddetector", "fsx", "globalaccelerator", "glue", "greengrass", "guardduty", "healthlake",
    "imagebuilder", "inspector2", "iotanalytics", "iotevents", "iotfleethub", "iotsitewise", "kinesis",
    "kinesisanalytics", "kms", "lambda", "lightsail", "logs", "macie2", "mediastore", "mq", "network-firewall",
    "rbin", "rds", "redshift", "resource-groups", "route53", "route53resolver", "s3", "sagemaker", "secretsmanager",
    "servicecatalog", "servicediscovery", "sns", "sqs", "ssm-contacts", "states", "storagegateway", "transfer",
    "wellarchitected", "wisdom", "worklink", "workspaces",
];

/// Whether an entry of `enforced_for` means something: `ec2:vpc`, or `ec2:*` or `ec2:ALL_SUPPORTED` for all types of a
/// service.
pub(crate) fn can_be_enforced(entry: &str) -> bool {
    let Some((service, name)) = entry.split_once(':').filter(|_| is_resource_type(entry)) else {
        return false;
    };
    if OTHERS.binary_search(&service).is_ok() {
        return true;
    }
    let built = BUILT.iter().find(|(held, _)| *held == service);
    built.is_some_and(|(_, types)| {
        let is_all = name == "*" || name == "ALL_SUPPORTED" || types.is_empty();
        is_all || types.iter().any(|held| is_same_type(name, held))
    })
}

/// Whether two names are of one type. AWS has had `backupVault` for what it calls `backup-vault` elsewhere.
pub(crate) fn is_same_type(one: &str, other: &str) -> bool {
    let plain = |name: &'_ str| name.replace('-', "").to_ascii_lowercase();
    one == other || plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_aws_lists_can_be_enforced() {
        assert!(OTHERS.is_sorted());
        for good in [
            "ec2:vpc",
            "ec2:*",
            "iam:policy",
            "iam:ALL_SUPPORTED",
            "backup:backupVault",
            "organizations:root",
            "s3:bucket",
            "cloudtrail:trail",
            "rds:db",
        ] {
            assert!(can_be_enforced(good), "{good}");
        }
        for bad in
            ["nonsense:thing", "iam:user", "iam:role", "organizations:resourcepolicy", "ec2", "ram:x", "*:*"]
        {
            assert!(!can_be_enforced(bad), "{bad}");
        }
    }
}
