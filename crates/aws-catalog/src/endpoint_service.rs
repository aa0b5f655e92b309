//! The services of AWS that VPC endpoints lead to, in every region.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html>
//!
//! Owns which there are, their names, and their names in DNS. Refuses to know who may use them: everyone may.

use aws_types::Region;

use crate::{region, stable_hash};

/// A service of AWS, as endpoints of one type reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointService {
    /// Its name, such as `com.amazonaws.us-east-1.ssm`.
    pub name: String,
    /// The low bits of its id.
    pub id_bits: u128,
    /// Whether gateway endpoints reach it, by routes; interface endpoints do otherwise.
    pub is_gateway: bool,
    /// The domain below which its endpoints have their names, such as `ssm.us-east-1.vpce.amazonaws.com`.
    pub base_dns_name: String,
    /// Its public names, which private DNS leads to an interface endpoint; none for gateway endpoints.
    pub private_dns_names: Vec<String>,
}

/// Those that gateway endpoints reach.
const GATEWAY: [&str; 2] = ["dynamodb", "s3"];

/// Those that interface endpoints reach, in order of their names.
const INTERFACE: &[&str] = &[
    "access-analyzer",
    "acm-pca",
    "airflow.api",
    "airflow.env",
    "airflow.ops",
    "application-autoscaling",
    "appmesh-envoy-management",
    "athena",
    "autoscaling",
    "autoscaling-plans",
    "backup",
    "batch",
    "bedrock",
    "bedrock-runtime",
    "cloudformation",
    "cloudhsmv2",
    "cloudtrail",
    "codeartifact.api",
    "codeartifact.repositories",
    "codebuild",
    "codecommit",
    "codedeploy",
    "codepipeline",
    "config",
    "datasync",
    "dms",
    "dynamodb",
    "ebs",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "eks",
    "eks-auth",
    "elasticache",
    "elasticbeanstalk",
    "elasticfilesystem",
    "elasticloadbalancing",
    "elasticmapreduce",
    "email-smtp",
    "events",
    "execute-api",
    "firehose",
    "fis",
    "fsx",
    "git-codecommit",
    "glue",
    "guardduty-data",
    "imagebuilder",
    "inspector2",
    "iot.data",
    "kinesis-firehose",
    "kinesis-streams",
    "kms",
    "lakeformation",
    "lambda",
    "license-manager",
    "logs",
    "monitoring",
    "network-firewall",
    "organizations",
    "pipes",
    "ram",
    "rds",
    "rds-data",
    "redshift",
    "redshift-data",
    "rekognition",
    "s3",
    "sagemaker.api",
    "sagemaker.runtime",
    "secretsmanager",
    "securityhub",
    "servicecatalog",
    "servicediscovery",
    "sns",
    "sqs",
    "ssm",
    "ssm-contacts",
    "ssm-incidents",
    "ssmmessages",
    "states",
    "storagegateway",
    "sts",
    "synthetics",
    "textract",
    "transfer",
    "translate",
    "transcribe",
    "xray",
];

/// The names in DNS of services whose endpoint is not named as the service is, without `REGION.amazonaws.com`.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    ("ecr.dkr", &["dkr.ecr", "*.dkr.ecr"]),
    ("execute-api", &["execute-api", "*.execute-api"]),
    ("kinesis-firehose", &["firehose"]),
    ("kinesis-streams", &["kinesis"]),
    ("s3", &["s3", "*.s3", "*.s3-accesspoint", "*.s3-control"]),
    ("codeartifact.repositories", &["d.codeartifact", "*.d.codeartifact"]),
];

/// The services of a region, in order of their names, and the gateway's first where there are two of a name.
pub fn endpoint_services(region: &Region) -> Vec<EndpointService> {
    if region::number(region).is_none() {
        return Vec::new();
    }
    let service = |service: &&str, is_gateway: bool| {
        // Parts of a service stand in front of it in DNS, and behind it in names of services.
        let own = service.split('.').rev().collect::<Vec<_>>().join(".");
        let other = OTHER_NAMES.iter().find(|(other, _)| other == service).map(|(_, names)| *names);
        let public = |prefix: &str| format!("{prefix}.{region}.amazonaws.com");
        let kind = if is_gateway { "gateway" } else { "interface" };
        EndpointService {
            name: format!("com.amazonaws.{region}.{service}"),
            id_bits: stable_hash::bits(&["endpoint-service", region.as_str(), service, kind]),
            is_gateway,
            base_dns_name: if is_gateway {
                public(&own)
            } else {
                format!("{own}.{region}.vpce.amazonaws.com")
            },
            private_dns_names: match (is_gateway, other) {
                (true, _) => Vec::new(),
                (false, Some(names)) => names.iter().map(|prefix| public(prefix)).collect(),
                (false, None) => vec![public(&own)],
            },
        }
    };
    let mut all: Vec<_> = GATEWAY.iter().map(|name| service(name, true)).collect();
    all.extend(INTERFACE.iter().map(|name| service(name, false)));
    all.sort_by(|one, other| (&one.name, !one.is_gateway).cmp(&(&other.name, !other.is_gateway)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_names_of_their_own() {
        let all = endpoint_services(&"eu-west-1".parse().unwrap());
        let keys: std::collections::BTreeSet<_> =
            all.iter().map(|service| (&service.name, service.is_gateway)).collect();
        assert_eq!(keys.len(), all.len());
        let ids: std::collections::BTreeSet<_> = all.iter().map(|service| service.id_bits).collect();
        assert_eq!(ids.len(), all.len());
        let named = |name: &str| {
            all.iter().find(|service| service.name.ends_with(name) && !service.is_gateway).unwrap()
        };
        assert_eq!(named(".ecr.api").private_dns_names, ["api.ecr.eu-west-1.amazonaws.com"]);
        assert_eq!(named(".ssm").base_dns_name, "ssm.eu-west-1.vpce.amazonaws.com");
        let gateways: Vec<_> =
            all.iter().filter(|service| service.is_gateway).map(|service| &service.name).collect();
        assert_eq!(gateways, ["com.amazonaws.eu-west-1.dynamodb", "com.amazonaws.eu-west-1.s3"]);
        assert!(endpoint_services(&"xx-nowhere-1".parse().unwrap()).is_empty());
    }

    /// A gateway endpoint leads to what the prefix list of the same name has in it.
    #[test]
    fn gateways_are_of_services_with_prefix_lists() {
        let region = "us-east-1".parse().unwrap();
        let lists: Vec<_> = crate::prefix_lists(&region).into_iter().map(|list| list.name).collect();
        let gateways: Vec<_> = endpoint_services(&region)
            .into_iter()
            .filter(|service| service.is_gateway)
            .map(|service| service.name)
            .collect();
        assert_eq!(gateways, lists);
    }
}
