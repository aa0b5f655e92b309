//! Notifications, access logs, and what no bucket has.

use aws_api::s3::{self as api, operation as op};

use crate::harness::*;

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";

fn notify(configuration: api::NotificationConfiguration) -> api::PutBucketNotificationConfigurationRequest {
    api::PutBucketNotificationConfigurationRequest {
        bucket: "bucket".to_owned(),
        notification_configuration: configuration,
        ..api::PutBucketNotificationConfigurationRequest::default()
    }
}

fn queue(arn: &str, event: &str) -> api::NotificationConfiguration {
    let filter = api::FilterRule { name: some("prefix"), value: some("images/") };
    let queue = api::QueueConfiguration {
        id: some("made"),
        queue_arn: arn.to_owned(),
        events: vec![event.to_owned()],
        filter: Some(api::NotificationConfigurationFilter {
            key: Some(api::S3KeyFilter { filter_rules: Some(vec![filter]) }),
        }),
    };
    api::NotificationConfiguration {
        queue_configurations: Some(vec![queue]),
        ..api::NotificationConfiguration::default()
    }
}

#[test]
fn notifications_need_somebody_to_notify() {
    let cloud = Cloud::with("bucket");
    let shown = || {
        cloud.ok::<op::GetBucketNotificationConfiguration>(api::GetBucketNotificationConfigurationRequest {
            bucket: "bucket".to_owned(),
            ..api::GetBucketNotificationConfigurationRequest::default()
        })
    };
    let put = "s3:ObjectCreated:Put";
    let error = cloud.refused::<op::PutBucketNotificationConfiguration>(HOME, notify(queue(QUEUE, put)));
    assert_eq!(error.message, "Unable to validate the following destination configurations");
    assert_eq!(error.code, "InvalidArgument");
    let told = error.fields.get("ArgumentName1").cloned();
    assert_eq!(told, Some(aws_model::Value::String(QUEUE.to_owned())));
    for (configuration, code) in [
        (queue("arn:aws:sns:us-east-1:123456789012:t", put), "InvalidArgument"),
        (queue(QUEUE, "s3:Fly"), "InvalidArgument"),
        (
            api::NotificationConfiguration {
                event_bridge_configuration: Some(api::EventBridgeConfiguration {}),
                ..api::NotificationConfiguration::default()
            },
            "NotImplemented",
        ),
    ] {
        assert_eq!(cloud.code::<op::PutBucketNotificationConfiguration>(notify(configuration)), code);
    }
    let unlooked = api::PutBucketNotificationConfigurationRequest {
        skip_destination_validation: Some(true),
        ..notify(queue(QUEUE, put))
    };
    cloud.ok::<op::PutBucketNotificationConfiguration>(unlooked);
    let mut expected = queue(QUEUE, put);
    // AWS answers with a capital letter.
    let queues = expected.queue_configurations.as_mut().unwrap();
    let rules = queues[0].filter.as_mut().and_then(|filter| filter.key.as_mut()?.filter_rules.as_mut());
    rules.unwrap()[0].name = some("Prefix");
    assert_eq!(shown(), expected);
    cloud.ok::<op::PutBucketNotificationConfiguration>(notify(api::NotificationConfiguration::default()));
    assert_eq!(shown(), api::NotificationConfiguration::default());
}

#[test]
fn logs_go_to_a_bucket_of_the_account() {
    let cloud = Cloud::with("bucket");
    cloud.make("logs");
    cloud
        .call_in::<op::CreateBucket>(
            ("us-east-1", OTHER),
            api::CreateBucketRequest { bucket: "others".to_owned(), ..Default::default() },
        )
        .unwrap();
    cloud
        .call_in::<op::CreateBucket>(
            ("eu-west-1", ACCOUNT),
            api::CreateBucketRequest {
                bucket: "elsewhere".to_owned(),
                create_bucket_configuration: Some(api::CreateBucketConfiguration {
                    location_constraint: some("eu-west-1"),
                    ..api::CreateBucketConfiguration::default()
                }),
                ..api::CreateBucketRequest::default()
            },
        )
        .unwrap();
    let partitioned = |source: &str| api::TargetObjectKeyFormat {
        simple_prefix: None,
        partitioned_prefix: Some(api::PartitionedPrefix { partition_date_source: some(source) }),
    };
    let to = |bucket: &str, format: Option<api::TargetObjectKeyFormat>| api::LoggingEnabled {
        target_bucket: bucket.to_owned(),
        target_grants: None,
        target_prefix: "log/".to_owned(),
        target_object_key_format: format,
    };
    let put = |logging_enabled: Option<api::LoggingEnabled>| api::PutBucketLoggingRequest {
        bucket: "bucket".to_owned(),
        bucket_logging_status: api::BucketLoggingStatus { logging_enabled },
        ..api::PutBucketLoggingRequest::default()
    };
    let shown = || {
        let request = api::GetBucketLoggingRequest { bucket: "bucket".to_owned(), ..Default::default() };
        cloud.ok::<op::GetBucketLogging>(request).logging_enabled
    };
    assert_eq!(shown(), None);
    for bucket in ["none", "others", "elsewhere", "No bucket"] {
        let code = cloud.code::<op::PutBucketLogging>(put(Some(to(bucket, None))));
        assert_eq!(code, "InvalidTargetBucketForLogging", "{bucket}");
    }
    let unknown = put(Some(to("logs", Some(partitioned("Now")))));
    assert_eq!(cloud.code::<op::PutBucketLogging>(unknown), "MalformedXML");
    let grant = api::TargetGrant {
        grantee: Some(api::Grantee {
            r#type: "Group".to_owned(),
            uri: some("http://acs.amazonaws.com/groups/global/AllUsers"),
            ..api::Grantee::default()
        }),
        permission: some("READ"),
    };
    let granted = api::LoggingEnabled { target_grants: Some(vec![grant]), ..to("logs", None) };
    assert_eq!(cloud.code::<op::PutBucketLogging>(put(Some(granted))), "InvalidArgument");
    cloud.ok::<op::PutBucketLogging>(put(Some(to("logs", None))));
    let simple = api::TargetObjectKeyFormat {
        simple_prefix: Some(api::SimplePrefix {}),
        ..api::TargetObjectKeyFormat::default()
    };
    assert_eq!(shown(), Some(to("logs", Some(simple))));
    let by_event = to("logs", Some(partitioned("EventTime")));
    cloud.ok::<op::PutBucketLogging>(put(Some(by_event.clone())));
    assert_eq!(shown(), Some(by_event));
    cloud.ok::<op::PutBucketLogging>(put(None));
    assert_eq!(shown(), None);
}

fn logged(bucket: &str, time: aws_types::Timestamp, key: &str) -> bucket_rules::AccessLogEntry {
    bucket_rules::AccessLogEntry {
        bucket: bucket.to_owned(),
        time,
        remote_ip: Some([10, 0, 0, 1].into()),
        requester: None,
        request_id: "0123456789ABCDEF".to_owned(),
        operation: "REST.GET.OBJECT".to_owned(),
        key: some(key),
        request_uri: some("GET / HTTP/1.1"),
        status: Some(200),
        error_code: None,
        sent_bytes: Some(1),
        object_bytes: Some(1),
        total_millis: Some(1),
        turn_around_millis: Some(1),
        referer: None,
        user_agent: None,
        version_id: None,
        host_id: None,
        signature_version: None,
        cipher_suite: None,
        authentication: None,
        host_header: None,
        tls_version: None,
        acl_required: false,
    }
}

#[test]
fn logs_are_objects_of_their_target() {
    let cloud = Cloud::with("bucket");
    cloud.make("logs");
    let log = |bucket: &str, time, key: &str| {
        cloud.s3().log_access(aws_types::Partition::Aws, &logged(bucket, time, key));
    };
    let set = |format: Option<api::TargetObjectKeyFormat>| {
        let logging_enabled = api::LoggingEnabled {
            target_bucket: "logs".to_owned(),
            target_grants: None,
            target_prefix: "l/".to_owned(),
            target_object_key_format: format,
        };
        cloud.ok::<op::PutBucketLogging>(api::PutBucketLoggingRequest {
            bucket: "bucket".to_owned(),
            bucket_logging_status: api::BucketLoggingStatus { logging_enabled: Some(logging_enabled) },
            ..api::PutBucketLoggingRequest::default()
        });
    };
    let keys = || {
        let request = api::ListObjectsV2Request { bucket: "logs".to_owned(), ..Default::default() };
        let listed = cloud.ok::<op::ListObjectsV2>(request).contents.unwrap();
        listed.into_iter().filter_map(|one| one.key).collect::<Vec<_>>()
    };
    log("bucket", cloud.now(), "before");
    set(None);
    log("logs", cloud.now(), "of the target");
    assert_eq!(cloud.s3().deliver_access_logs(cloud.now(), |_| true), svc_s3::LogReport::default());

    log("bucket", cloud.now(), "a b");
    log("bucket", cloud.now(), "c");
    let refused = cloud.s3().deliver_access_logs(cloud.now(), |_| false);
    assert_eq!((refused.delivered, refused.dropped, refused.failures.len()), (0, 2, 1));
    assert_eq!(keys(), Vec::<String>::new());
    log("bucket", cloud.now(), "a b");
    log("bucket", cloud.now(), "c");
    let report = cloud.s3().deliver_access_logs(cloud.now(), |delivery| {
        assert_eq!(delivery.source_arn, "arn:aws:s3:::bucket");
        delivery.target == "logs" && delivery.key.starts_with("l/2027-01-15-08-00-00-")
    });
    assert_eq!((report.delivered, report.dropped), (1, 0));
    let [key] = keys().try_into().unwrap();
    let text = String::from_utf8(cloud.get("logs", &key)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains(" bucket [15/Jan/2027:08:00:00 +0000] 10.0.0.1 - 0123456789ABCDEF "));
    assert!(lines[0].contains(" REST.GET.OBJECT a%20b ") && lines[1].contains(" c "));

    set(Some(api::TargetObjectKeyFormat {
        simple_prefix: None,
        partitioned_prefix: Some(api::PartitionedPrefix { partition_date_source: some("EventTime") }),
    }));
    log("bucket", cloud.now(), "today");
    log("bucket", cloud.now().plus_millis(-86_400_000), "yesterday");
    assert_eq!(cloud.s3().deliver_access_logs(cloud.now(), |_| true).delivered, 2, "one for each day");
    let folder = format!("l/{ACCOUNT}/us-east-1/bucket/2027/01/14/2027-01-14-00-00-00-");
    assert!(keys().iter().any(|key| key.starts_with(&folder)), "{:?}", keys());
}

#[test]
fn lists_let_logs_in_where_they_count() {
    let cloud = Cloud::with("bucket");
    cloud.ok::<op::CreateBucket>(api::CreateBucketRequest {
        bucket: "logs".to_owned(),
        object_ownership: some("BucketOwnerPreferred"),
        ..api::CreateBucketRequest::default()
    });
    let reader = api::Grantee {
        r#type: "Group".to_owned(),
        uri: some("http://acs.amazonaws.com/groups/s3/LogDelivery"),
        ..api::Grantee::default()
    };
    let put = api::PutBucketLoggingRequest {
        bucket: "bucket".to_owned(),
        bucket_logging_status: api::BucketLoggingStatus {
            logging_enabled: Some(api::LoggingEnabled {
                target_bucket: "logs".to_owned(),
                target_grants: Some(vec![api::TargetGrant {
                    grantee: Some(reader),
                    permission: some("READ"),
                }]),
                target_prefix: "l/".to_owned(),
                target_object_key_format: None,
            }),
        },
        ..api::PutBucketLoggingRequest::default()
    };
    let refused = cloud.code::<op::PutBucketLogging>(put.clone());
    assert_eq!(refused, "InvalidTargetBucketForLogging", "nothing lets logs in");
    cloud.ok::<op::PutBucketAcl>(api::PutBucketAclRequest {
        bucket: "logs".to_owned(),
        acl: some("log-delivery-write"),
        ..api::PutBucketAclRequest::default()
    });
    cloud.ok::<op::PutBucketLogging>(put);
    cloud.s3().log_access(aws_types::Partition::Aws, &logged("bucket", cloud.now(), "a"));
    assert!(cloud.s3().has_access_logs());
    let report = cloud.s3().deliver_access_logs(cloud.now(), |_| true);
    assert!(!cloud.s3().has_access_logs());
    assert_eq!(report.delivered, 1, "{report:?}");
    let listed = api::ListObjectsV2Request { bucket: "logs".to_owned(), ..Default::default() };
    let key = cloud.ok::<op::ListObjectsV2>(listed).contents.unwrap()[0].key.clone().unwrap();
    let acl = cloud.ok::<op::GetObjectAcl>(api::GetObjectAclRequest {
        bucket: "logs".to_owned(),
        key,
        ..api::GetObjectAclRequest::default()
    });
    let permissions: Vec<_> = acl.grants.unwrap().into_iter().filter_map(|one| one.permission).collect();
    assert_eq!(permissions, ["FULL_CONTROL", "READ"]);
}

#[test]
fn the_owner_pays() {
    let cloud = Cloud::with("bucket");
    let pay = |payer: &str| api::PutBucketRequestPaymentRequest {
        bucket: "bucket".to_owned(),
        request_payment_configuration: api::RequestPaymentConfiguration { payer: payer.to_owned() },
        ..api::PutBucketRequestPaymentRequest::default()
    };
    assert_eq!(cloud.code::<op::PutBucketRequestPayment>(pay("Requester")), "NotImplemented");
    assert_eq!(cloud.code::<op::PutBucketRequestPayment>(pay("Nobody")), "MalformedXML");
    cloud.ok::<op::PutBucketRequestPayment>(pay("BucketOwner"));
    let shown = cloud.ok::<op::GetBucketRequestPayment>(api::GetBucketRequestPaymentRequest {
        bucket: "bucket".to_owned(),
        ..api::GetBucketRequestPaymentRequest::default()
    });
    assert_eq!(shown.payer, some("BucketOwner"));
}

#[test]
fn nothing_is_accelerated_or_replicated() {
    let cloud = Cloud::with("bucket");
    let shown =
        cloud.ok::<op::GetBucketAccelerateConfiguration>(api::GetBucketAccelerateConfigurationRequest {
            bucket: "bucket".to_owned(),
            ..api::GetBucketAccelerateConfigurationRequest::default()
        });
    assert_eq!(shown.status, None);
    let accelerate = api::PutBucketAccelerateConfigurationRequest {
        bucket: "bucket".to_owned(),
        accelerate_configuration: api::AccelerateConfiguration { status: some("Enabled") },
        ..api::PutBucketAccelerateConfigurationRequest::default()
    };
    assert_eq!(cloud.code::<op::PutBucketAccelerateConfiguration>(accelerate), "NotImplemented");
    let replication = |bucket: &str| api::GetBucketReplicationRequest {
        bucket: bucket.to_owned(),
        ..api::GetBucketReplicationRequest::default()
    };
    let code = cloud.code::<op::GetBucketReplication>(replication("bucket"));
    assert_eq!(code, "ReplicationConfigurationNotFoundError");
    assert_eq!(cloud.code::<op::GetBucketReplication>(replication("none")), "NoSuchBucket");
}
