//! What services and operations are to CloudTrail.
//!
//! Owns the tables: which operations read, which are data events, and how a service is called. Refuses to know what an operation does beyond that.

use aws_model::Model;

use crate::Category;

/// Services whose name in events is not the first label of their host names.
const SOURCES: [(&str, &str); 3] = [("ecr", "ecr"), ("cloudhsmv2", "cloudhsm"), ("rds-data", "rdsdata")];

/// What operations begin with that change nothing.
const READING: [&str; 27] = [
    "BatchDescribe",
    "BatchGet",
    "BatchIs",
    "Check",
    "Describe",
    "Detect",
    "Discover",
    "Download",
    "Estimate",
    "Evaluate",
    "Filter",
    "Get",
    "Head",
    "Is",
    "List",
    "Lookup",
    "Query",
    "Scan",
    "Search",
    "Select",
    "Simulate",
    "Test",
    "TransactGet",
    "Validate",
    "Verify",
    "View",
    "Preview",
];

/// Operations that change nothing and do not begin like that.
const READING_TOO: [(&str, &str); 24] = [
    ("athena", "BatchGetQueryExecution"),
    ("iam", "GenerateCredentialReport"),
    ("iam", "GenerateServiceLastAccessedDetails"),
    ("iam", "GenerateOrganizationsAccessReport"),
    ("kms", "Decrypt"),
    ("kms", "DeriveSharedSecret"),
    ("kms", "Encrypt"),
    ("kms", "GenerateDataKey"),
    ("kms", "GenerateDataKeyPair"),
    ("kms", "GenerateDataKeyPairWithoutPlaintext"),
    ("kms", "GenerateDataKeyWithoutPlaintext"),
    ("kms", "GenerateMac"),
    ("kms", "GenerateRandom"),
    ("kms", "ReEncrypt"),
    ("kms", "Sign"),
    ("logs", "FilterLogEvents"),
    ("s3", "SelectObjectContent"),
    ("sts", "AssumeRole"),
    ("sts", "AssumeRoleWithSAML"),
    ("sts", "AssumeRoleWithWebIdentity"),
    ("sts", "AssumeRoot"),
    ("sts", "DecodeAuthorizationMessage"),
    ("sts", "GetDelegatedAccessToken"),
    ("sts", "GetWebIdentityToken"),
];

/// Operations that begin like that, and change something all the same.
const WRITING: [(&str, &str); 3] =
    [("ds", "VerifyTrust"), ("lightsail", "GetInstanceAccessDetails"), ("redshift", "GetClusterCredentials")];

/// Operations that read, and whose answers are told: they hand out credentials.
const TOLD: [(&str, &str); 6] = [
    ("sts", "AssumeRole"),
    ("sts", "AssumeRoleWithSAML"),
    ("sts", "AssumeRoleWithWebIdentity"),
    ("sts", "AssumeRoot"),
    ("sts", "GetFederationToken"),
    ("sts", "GetSessionToken"),
];

/// Operations on what is in a resource. What begins with one of these is meant.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>
const DATA: [(&str, &[&str]); 11] = [
    (
        "cloudwatch",
        &["PutMetricData", "GetMetricData", "GetMetricStatistics", "ListMetrics", "GetMetricWidgetImage"],
    ),
    (
        "dynamodb",
        &[
            "BatchExecuteStatement",
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "ExecuteStatement",
            "ExecuteTransaction",
            "GetItem",
            "PutItem",
            "Query",
            "Scan",
            "TransactGetItems",
            "TransactWriteItems",
            "UpdateItem",
        ],
    ),
    ("events", &["PutEvents"]),
    ("firehose", &["PutRecord"]),
    ("kinesis", &["PutRecord", "GetRecords", "GetShardIterator", "SubscribeToShard"]),
    ("lambda", &["Invoke"]),
    ("logs", &["PutLogEvents", "GetLogEvents", "FilterLogEvents"]),
    (
        "rds-data",
        &[
            "BatchExecuteStatement",
            "ExecuteStatement",
            "BeginTransaction",
            "CommitTransaction",
            "RollbackTransaction",
        ],
    ),
    (
        "s3",
        &[
            "AbortMultipartUpload",
            "CompleteMultipartUpload",
            "CopyObject",
            "CreateMultipartUpload",
            "DeleteObject",
            "GetObject",
            "HeadBucket",
            "HeadObject",
            "ListMultipartUploads",
            "ListObject",
            "ListParts",
            "PutObject",
            "RestoreObject",
            "SelectObjectContent",
            "UploadPart",
            "WriteGetObjectResponse",
        ],
    ),
    ("servicediscovery", &["DiscoverInstances"]),
    ("sns", &["Publish"]),
];

/// Operations of S3 that are about a bucket, and begin like those about objects.
const ABOUT_BUCKETS: [&str; 2] = ["GetObjectLockConfiguration", "PutObjectLockConfiguration"];

/// Operations of S3 whose events are called otherwise.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html>
const RENAMED: [(&str, &str); 8] = [
    ("DeletePublicAccessBlock", "DeleteBucketPublicAccessBlock"),
    ("GetBucketLifecycleConfiguration", "GetBucketLifecycle"),
    ("GetBucketNotificationConfiguration", "GetBucketNotification"),
    ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("ListObjectsV2", "ListObjects"),
    ("PutBucketLifecycleConfiguration", "PutBucketLifecycle"),
    ("PutBucketNotificationConfiguration", "PutBucketNotification"),
    ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
];

/// The service as events call it.
pub fn event_source(model: &Model) -> String {
    let metadata = &model.metadata;
    let name = SOURCES.iter().find(|(service, _)| *service == metadata.name);
    format!("{}.amazonaws.com", name.map_or(metadata.endpoint_prefix, |(_, name)| name))
}

/// Whether the events of a source are those of a service without regions: trails can leave them out.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events>
pub fn is_global(event_source: &str) -> bool {
    let name = event_source.split('.').next().unwrap_or(event_source);
    aws_catalog::global_services().any(|global| global == name) || name == "sts"
}

/// An operation as events call it.
pub(crate) fn event_name<'a>(service: &str, operation: &'a str) -> &'a str {
    let renamed = RENAMED.iter().find(|(name, _)| service == crate::s3::MODEL && *name == operation);
    renamed.map_or(operation, |(_, name)| name)
}

/// Whether an operation changes nothing.
pub fn is_read_only(service: &str, operation: &str) -> bool {
    let is_in = |table: &[(&str, &str)]| table.contains(&(service, operation));
    (begins_like_one_that_reads(operation) || is_in(&READING_TOO)) && !is_in(&WRITING)
}

/// A verb counts as a whole: `IsVpcPeered` reads, `IssueCertificate` does not.
fn begins_like_one_that_reads(operation: &str) -> bool {
    READING.iter().any(|verb| {
        let rest = operation.strip_prefix(verb);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_lowercase()))
    })
}

/// Whether an event has the answer in it.
pub fn tells_response(service: &str, operation: &str) -> bool {
    !is_read_only(service, operation) || TOLD.contains(&(service, operation))
}

/// Whether an operation is about what is in a resource.
pub fn category(service: &str, operation: &str) -> Category {
    let is_data = DATA.iter().any(|(owner, operations)| {
        *owner == service && operations.iter().any(|begin| operation.starts_with(begin))
    });
    if is_data && !ABOUT_BUCKETS.contains(&operation) { Category::Data } else { Category::Management }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_whole_words() {
        for reading in ["DescribeVpcs", "GetCallerIdentity", "ListUsers", "LookupEvents", "BatchGetImage"] {
            assert!(is_read_only("ec2", reading), "{reading}");
        }
        for writing in ["CreateVpc", "RunInstances", "IssueCertificate", "GeteSomething", "TagResource"] {
            assert!(!is_read_only("ec2", writing), "{writing}");
        }
        assert!(is_read_only("sts", "AssumeRole") && is_read_only("kms", "Decrypt"));
        assert!(tells_response("sts", "AssumeRole") && !tells_response("sts", "GetCallerIdentity"));
    }

    /// No table names what no model has, so that a word that is written wrongly is found.
    #[test]
    fn tables_name_operations_that_there_are() {
        let has = |service: &str, test: &dyn Fn(&str) -> bool| {
            let model = aws_model::service(service).unwrap_or_else(|| panic!("{service}")).model();
            model.operations.iter().any(|operation| test(operation.name))
        };
        for (service, operation) in READING_TOO.iter().chain(&WRITING).chain(&TOLD) {
            assert!(has(service, &|name| name == *operation), "{service} {operation}");
        }
        for (service, operations) in DATA {
            for begin in operations {
                assert!(has(service, &|name| name.starts_with(begin)), "{service} {begin}");
            }
        }
        for (operation, _) in RENAMED {
            assert!(has("s3", &|name| name == operation), "{operation}");
        }
        for service in aws_catalog::global_services().chain(SOURCES.iter().map(|(service, _)| *service)) {
            assert!(aws_model::service(service).is_some(), "{service}");
        }
    }

    #[test]
    fn objects_are_data_and_buckets_are_not() {
        for (service, operation, expect) in [
            ("s3", "GetObject", Category::Data),
            ("s3", "GetObjectTagging", Category::Data),
            ("s3", "GetObjectLockConfiguration", Category::Management),
            ("s3", "HeadBucket", Category::Data),
            ("s3", "ListObjectsV2", Category::Data),
            ("s3", "DeleteObjects", Category::Data),
            ("s3", "CreateBucket", Category::Management),
            ("s3", "ListBuckets", Category::Management),
            ("s3", "PutBucketPolicy", Category::Management),
            ("dynamodb", "Query", Category::Data),
            ("dynamodb", "CreateTable", Category::Management),
            ("lambda", "Invoke", Category::Data),
            ("ec2", "RunInstances", Category::Management),
        ] {
            assert_eq!(category(service, operation), expect, "{service} {operation}");
        }
    }

    #[test]
    fn services_are_called_by_their_hosts() {
        let source = |name| event_source(aws_model::service(name).unwrap().model());
        assert_eq!(source("ec2"), "ec2.amazonaws.com");
        assert_eq!(source("cloudwatch"), "monitoring.amazonaws.com");
        assert_eq!(source("ecr"), "ecr.amazonaws.com");
    }
}
