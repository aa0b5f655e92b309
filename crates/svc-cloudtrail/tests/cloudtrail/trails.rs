//! Trails: names, homes and shadows, selectors, tags, delivery, and those of an organization.

use std::io::Read as _;

use aws_api::Operation as _;
use aws_api::cloudtrail::{self as api, operation as op};
use aws_model::Value;
use flate2::read::GzDecoder;
use service_api::Service as _;
use svc_cloudtrail::DeliveryError;

use crate::support::{ACCOUNT, BUCKET, Cloud, Lacks, OTHER};

const ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/main";

pub(crate) fn trail(name: &str) -> api::CreateTrailRequest {
    api::CreateTrailRequest { name: name.to_owned(), s3_bucket_name: BUCKET.to_owned(), ..Default::default() }
}

fn names(cloud: &Cloud, account: &str, include_shadow_trails: Option<bool>) -> Vec<String> {
    let input = api::DescribeTrailsRequest { include_shadow_trails, ..Default::default() };
    let trails = cloud.ok::<op::DescribeTrails>(account, input).trail_list.unwrap();
    trails.into_iter().map(|trail| trail.name.unwrap()).collect()
}

pub(crate) fn start(cloud: &Cloud, name: &str) {
    cloud.ok::<op::StartLogging>(ACCOUNT, api::StartLoggingRequest { name: name.to_owned() });
}

pub(crate) fn status(cloud: &Cloud, name: &str) -> api::GetTrailStatusResponse {
    cloud.ok::<op::GetTrailStatus>(ACCOUNT, api::GetTrailStatusRequest { name: name.to_owned() })
}

#[test]
fn a_trail_is_made_shown_changed_and_deleted() {
    let mut cloud = Cloud::new();
    let input = api::CreateTrailRequest { s3_key_prefix: Some("audit".to_owned()), ..trail("main") };
    let made = cloud.ok::<op::CreateTrail>(ACCOUNT, input.clone());
    assert_eq!((made.trail_arn.as_deref(), made.s3_key_prefix.as_deref()), (Some(ARN), Some("audit")));
    assert_eq!((made.include_global_service_events, made.is_multi_region_trail), (Some(true), Some(false)));
    cloud.refuses::<op::CreateTrail>(ACCOUNT, input, "TrailAlreadyExistsException");
    for name in ["main", ARN] {
        let got =
            cloud.ok::<op::GetTrail>(ACCOUNT, api::GetTrailRequest { name: name.to_owned() }).trail.unwrap();
        assert_eq!((got.trail_arn.as_deref(), got.home_region.as_deref()), (Some(ARN), Some("us-east-1")));
        assert_eq!(got.has_custom_event_selectors, Some(false));
    }
    let told = status(&cloud, "main");
    assert_eq!((told.is_logging, told.time_logging_started.as_deref()), (Some(false), Some("")));
    start(&cloud, "main");
    let started = cloud.now;
    cloud.now = cloud.now.plus_millis(5000);
    start(&cloud, ARN);
    let told = status(&cloud, "main");
    assert_eq!((told.is_logging, told.start_logging_time), (Some(true), Some(started)));
    assert_eq!(told.time_logging_started.as_deref(), Some("2026-11-22T14:28:00Z"));
    cloud.ok::<op::StopLogging>(ACCOUNT, api::StopLoggingRequest { name: "main".to_owned() });
    assert_eq!(
        (status(&cloud, "main").is_logging, status(&cloud, "main").stop_logging_time),
        (Some(false), Some(cloud.now))
    );
    let input = api::UpdateTrailRequest {
        name: "main".to_owned(),
        is_multi_region_trail: Some(true),
        s3_key_prefix: Some(String::new()),
        ..Default::default()
    };
    let updated = cloud.ok::<op::UpdateTrail>(ACCOUNT, input);
    assert_eq!((updated.is_multi_region_trail, updated.s3_key_prefix), (Some(true), None));
    let delete = || api::DeleteTrailRequest { name: "main".to_owned() };
    cloud.refuses::<op::DeleteTrail>(OTHER, delete(), "TrailNotFoundException");
    cloud.ok::<op::DeleteTrail>(ACCOUNT, delete());
    cloud.refuses::<op::DeleteTrail>(ACCOUNT, delete(), "TrailNotFoundException");
    assert!(names(&cloud, ACCOUNT, None).is_empty());
}

#[test]
fn trails_that_cannot_be_are_refused() {
    let cloud = Cloud::new();
    let refuses = |input, code| cloud.refuses::<op::CreateTrail>(ACCOUNT, input, code);
    refuses(trail("a"), "InvalidTrailNameException");
    let with = |bucket: &str| api::CreateTrailRequest { s3_bucket_name: bucket.to_owned(), ..trail("main") };
    refuses(with("nobodys"), "S3BucketDoesNotExistException");
    refuses(with("No Bucket"), "InvalidS3BucketNameException");
    let some = |text: &str| Some(text.to_owned());
    refuses(
        api::CreateTrailRequest { s3_key_prefix: some(&"x".repeat(201)), ..trail("main") },
        "InvalidS3PrefixException",
    );
    let odd = api::CreateTrailRequest {
        is_multi_region_trail: Some(true),
        include_global_service_events: Some(false),
        ..trail("main")
    };
    refuses(odd, "InvalidParameterCombinationException");
    // What other services do is not here, and no trail pretends that it is.
    refuses(
        api::CreateTrailRequest { sns_topic_name: some("t"), ..trail("main") },
        "InsufficientSnsTopicPolicyException",
    );
    refuses(
        api::CreateTrailRequest { cloud_watch_logs_log_group_arn: some("arn:x"), ..trail("main") },
        "CloudWatchLogsDeliveryUnavailableException",
    );
    refuses(api::CreateTrailRequest { kms_key_id: some("k"), ..trail("main") }, "KmsException");
    let digests = api::CreateTrailRequest { enable_log_file_validation: Some(true), ..trail("main") };
    refuses(digests, "UnsupportedOperationException");
    for recursive in [true, false] {
        let recursive = api::CreateTrailRequest { recursive_logging: Some(recursive), ..trail("main") };
        refuses(recursive, "UnsupportedOperationException");
    }
    let of_organization = api::CreateTrailRequest { is_organization_trail: Some(true), ..trail("main") };
    refuses(of_organization, "OrganizationsNotInUseException");
    for number in 0..5 {
        cloud.ok::<op::CreateTrail>(ACCOUNT, trail(&format!("trail-{number}")));
    }
    refuses(trail("main"), "MaximumNumberOfTrailsExceededException");
    let get = |name: &str| api::GetTrailRequest { name: name.to_owned() };
    cloud.refuses::<op::GetTrail>(ACCOUNT, get("arn:aws:cloudtrail:x"), "CloudTrailARNInvalidException");
    cloud.refuses::<op::GetTrail>(ACCOUNT, get("another"), "TrailNotFoundException");
}

/// A trail of all regions is seen in each of them, and changed in its home alone.
#[test]
fn trails_of_all_regions_have_shadows() {
    let mut cloud = Cloud::new();
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("local"));
    cloud.ok::<op::CreateTrail>(
        ACCOUNT,
        api::CreateTrailRequest { is_multi_region_trail: Some(true), ..trail("main") },
    );
    assert_eq!(names(&cloud, ACCOUNT, None), ["local", "main"]);
    cloud.region = "eu-west-1";
    assert_eq!(names(&cloud, ACCOUNT, None), ["main"]);
    assert!(names(&cloud, ACCOUNT, Some(false)).is_empty());
    assert!(names(&cloud, OTHER, None).is_empty());
    cloud.refuses::<op::CreateTrail>(ACCOUNT, trail("main"), "TrailAlreadyExistsException");
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("local"));
    let stop = api::StopLoggingRequest { name: "main".to_owned() };
    cloud.refuses::<op::StopLogging>(ACCOUNT, stop, "InvalidHomeRegionException");
    assert_eq!(status(&cloud, "main").is_logging, Some(false));
    let list = cloud.ok::<op::ListTrails>(ACCOUNT, Default::default()).trails.unwrap();
    let homes: Vec<_> =
        list.iter().map(|one| (one.name.as_deref().unwrap(), one.home_region.as_deref().unwrap())).collect();
    assert_eq!(homes, [("local", "eu-west-1"), ("local", "us-east-1"), ("main", "us-east-1")]);
    let named = api::DescribeTrailsRequest {
        trail_name_list: Some(vec!["main".to_owned(), "nobody".to_owned()]),
        ..Default::default()
    };
    assert_eq!(cloud.ok::<op::DescribeTrails>(ACCOUNT, named).trail_list.unwrap().len(), 1);
}

pub(crate) fn field(name: &str, equals: &[&str]) -> api::AdvancedFieldSelector {
    let equals = (!equals.is_empty()).then(|| equals.iter().map(|&value| value.to_owned()).collect());
    api::AdvancedFieldSelector { field: name.to_owned(), equals, ..Default::default() }
}

pub(crate) fn advanced(fields: Vec<api::AdvancedFieldSelector>) -> api::PutEventSelectorsRequest {
    api::PutEventSelectorsRequest {
        trail_name: "main".to_owned(),
        advanced_event_selectors: Some(vec![api::AdvancedEventSelector {
            name: None,
            field_selectors: fields,
        }]),
        ..Default::default()
    }
}

pub(crate) fn basic(selector: api::EventSelector) -> api::PutEventSelectorsRequest {
    api::PutEventSelectorsRequest {
        trail_name: "main".to_owned(),
        event_selectors: Some(vec![selector]),
        ..Default::default()
    }
}

#[test]
fn selectors_are_checked_and_shown() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("main"));
    let get = || {
        let input = api::GetEventSelectorsRequest { trail_name: "main".to_owned() };
        cloud.ok::<op::GetEventSelectors>(ACCOUNT, input)
    };
    let fresh = get().event_selectors.unwrap();
    assert_eq!(fresh[0].read_write_type.as_deref(), Some("All"));
    assert_eq!(fresh[0].include_management_events, Some(true));

    let refuses =
        |input| cloud.refuses::<op::PutEventSelectors>(ACCOUNT, input, "InvalidEventSelectorsException");
    refuses(api::PutEventSelectorsRequest { trail_name: "main".to_owned(), ..Default::default() });
    let none = || api::EventSelector::default();
    refuses(api::PutEventSelectorsRequest { event_selectors: Some(vec![none(); 6]), ..basic(none()) });
    refuses(api::PutEventSelectorsRequest {
        event_selectors: Some(vec![none()]),
        ..advanced(vec![field("eventCategory", &["Management"])])
    });
    refuses(basic(api::EventSelector { include_management_events: Some(false), ..none() }));
    let excluding = |source: &str| api::EventSelector {
        exclude_management_event_sources: Some(vec![source.to_owned()]),
        ..none()
    };
    refuses(basic(excluding("ec2.amazonaws.com")));
    let objects = |kind: &str, value: &str| api::EventSelector {
        data_resources: Some(vec![api::DataResource {
            r#type: Some(kind.to_owned()),
            values: Some(vec![value.to_owned()]),
        }]),
        ..none()
    };
    refuses(basic(objects("AWS::S3::Bucket", "arn:aws:s3:::b/")));
    refuses(basic(objects("AWS::S3::Object", "arn:aws:lambda")));
    for fields in [
        vec![],
        vec![field("eventCategory", &["Insight"])],
        vec![field("eventCategory", &["NetworkActivity"]), field("eventSource", &["ec2.amazonaws.com"])],
        vec![field("eventCategory", &["Data"])],
        vec![field("eventCategory", &["Management"]), field("readOnly", &["maybe"])],
        vec![field("eventCategory", &["Management"]), field("resources.ARN", &["arn:x"])],
        vec![field("eventCategory", &["Management"]), field("eventName", &[])],
        vec![field("eventCategory", &["Management"]), field("eventCategory", &["Management"])],
    ] {
        refuses(advanced(fields));
    }
    cloud.ok::<op::PutEventSelectors>(ACCOUNT, basic(objects("AWS::S3::Object", "arn:aws:s3")));
    cloud.ok::<op::PutEventSelectors>(ACCOUNT, basic(excluding("kms.amazonaws.com")));
    let put = advanced(vec![field("eventCategory", &["Management"]), field("readOnly", &["false"])]);
    let answer = cloud.ok::<op::PutEventSelectors>(ACCOUNT, put.clone());
    assert_eq!(answer.trail_arn.as_deref(), Some(ARN));
    let shown = get();
    assert_eq!((shown.event_selectors, shown.advanced_event_selectors), (None, put.advanced_event_selectors));
    let described = cloud.ok::<op::GetTrail>(ACCOUNT, api::GetTrailRequest { name: "main".to_owned() });
    assert_eq!(described.trail.unwrap().has_custom_event_selectors, Some(true));
}

/// What the trails' files say: the names of their events.
pub(crate) fn delivered(cloud: &Cloud) -> Vec<(String, Vec<String>)> {
    let files = std::mem::take(&mut *cloud.bucket.files.lock().unwrap());
    let read = |file: svc_cloudtrail::LogFile| {
        let mut text = String::new();
        GzDecoder::new(&file.body[..]).read_to_string(&mut text).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let records = json["Records"].as_array().unwrap();
        (
            file.place.key,
            records.iter().map(|record| record["eventName"].as_str().unwrap().to_owned()).collect(),
        )
    };
    files.into_iter().map(read).collect()
}

#[test]
fn selected_events_are_delivered_every_five_minutes() {
    let mut cloud = Cloud::new();
    cloud.ok::<op::CreateTrail>(
        ACCOUNT,
        api::CreateTrailRequest { s3_key_prefix: Some("audit".to_owned()), ..trail("main") },
    );
    let create = cloud.event(ACCOUNT, "ec2", "CreateVpc");
    let read = cloud.event(ACCOUNT, "ec2", "DescribeVpcs");
    let data = cloud.event(ACCOUNT, "dynamodb", "GetItem");
    let of_other = cloud.event(OTHER, "ec2", "DeleteVpc");
    cloud.region = "eu-west-1";
    let elsewhere = cloud.event(ACCOUNT, "ec2", "CreateSubnet");
    cloud.region = "us-east-1";
    let all = [create, read, data, of_other, elsewhere];
    // It does not log yet.
    cloud.service.deliver(&all, cloud.now);
    cloud.service.flush(cloud.now, true);
    assert!(delivered(&cloud).is_empty());
    start(&cloud, "main");
    cloud.service.deliver(&all, cloud.now);
    cloud.service.deliver(&all[..1], cloud.now.plus_millis(60_000));
    cloud.service.flush(cloud.now.plus_millis(5 * 60_000 - 1), false);
    assert!(delivered(&cloud).is_empty(), "it is not time yet");
    cloud.service.flush(cloud.now.plus_millis(5 * 60_000), false);
    let files = delivered(&cloud);
    assert_eq!(files[0].1, ["CreateVpc", "DescribeVpcs", "CreateVpc"]);
    let expect = "audit/AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/22/\
                  123456789012_CloudTrail_us-east-1_20261122T1428Z_0000000000004000.json.gz";
    assert_eq!((files.len(), files[0].0.as_str()), (1, expect));
    assert_eq!(status(&cloud, "main").latest_delivery_time, Some(cloud.now.plus_millis(5 * 60_000)));

    // Selectors say which.
    cloud.ok::<op::PutEventSelectors>(
        ACCOUNT,
        advanced(vec![field("eventCategory", &["Management"]), field("readOnly", &["true"])]),
    );
    let flush = |cloud: &Cloud| {
        cloud.service.deliver(&all, cloud.now);
        cloud.service.flush(cloud.now, true);
        delivered(cloud).into_iter().flat_map(|(_, names)| names).collect::<Vec<_>>()
    };
    assert_eq!(flush(&cloud), ["DescribeVpcs"]);
    let only_writes =
        api::EventSelector { read_write_type: Some("WriteOnly".to_owned()), ..Default::default() };
    cloud.ok::<op::PutEventSelectors>(ACCOUNT, basic(only_writes));
    assert_eq!(flush(&cloud), ["CreateVpc"]);
    let mut not_ec2 = field("eventSource", &[]);
    not_ec2.not_equals = Some(vec!["ec2.amazonaws.com".to_owned()]);
    cloud.ok::<op::PutEventSelectors>(
        ACCOUNT,
        advanced(vec![field("eventCategory", &["Management"]), not_ec2]),
    );
    assert!(flush(&cloud).is_empty());
    let everywhere = api::UpdateTrailRequest {
        name: "main".to_owned(),
        is_multi_region_trail: Some(true),
        ..Default::default()
    };
    cloud.ok::<op::UpdateTrail>(ACCOUNT, everywhere);
    cloud.ok::<op::PutEventSelectors>(
        ACCOUNT,
        advanced(vec![field("eventCategory", &["Management"]), field("eventName", &["CreateSubnet"])]),
    );
    assert_eq!(flush(&cloud), ["CreateSubnet"]);

    // What cannot be delivered is told.
    *cloud.bucket.refuses.lock().unwrap() = Some(DeliveryError::AccessDenied);
    assert!(flush(&cloud).is_empty());
    assert_eq!(status(&cloud, "main").latest_delivery_error.as_deref(), Some("AccessDenied"));
}

#[test]
fn trails_of_an_organization_are_seen_by_its_members() {
    let cloud = Cloud::new();
    {
        let mut members = cloud.members.0.lock().unwrap();
        members.insert(ACCOUNT.parse().unwrap(), true);
        members.insert(OTHER.parse().unwrap(), false);
    }
    let input = || api::CreateTrailRequest { is_organization_trail: Some(true), ..trail("main") };
    cloud.refuses::<op::CreateTrail>(OTHER, input(), "NotOrganizationMasterAccountException");
    for (lacks, code) in [
        (Lacks { features: true, trust: false }, "OrganizationNotInAllFeaturesModeException"),
        (Lacks { features: false, trust: true }, "CloudTrailAccessNotEnabledException"),
    ] {
        *cloud.members.1.lock().unwrap() = lacks;
        cloud.refuses::<op::CreateTrail>(ACCOUNT, input(), code);
        cloud.ok::<op::CreateTrail>(ACCOUNT, trail("later"));
        let update = api::UpdateTrailRequest {
            name: "later".to_owned(),
            is_organization_trail: Some(true),
            ..Default::default()
        };
        cloud.refuses::<op::UpdateTrail>(ACCOUNT, update, code);
        cloud.ok::<op::DeleteTrail>(ACCOUNT, api::DeleteTrailRequest { name: "later".to_owned() });
    }
    *cloud.members.1.lock().unwrap() = Lacks::default();
    cloud.ok::<op::CreateTrail>(ACCOUNT, input());
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("own"));
    assert_eq!(names(&cloud, OTHER, None), ["main"]);
    let stop = api::StopLoggingRequest { name: ARN.to_owned() };
    cloud.refuses::<op::StopLogging>(OTHER, stop, "NotOrganizationMasterAccountException");
    start(&cloud, "main");
    cloud.service.deliver(&[cloud.event(OTHER, "ec2", "CreateVpc")], cloud.now);
    cloud.service.flush(cloud.now, true);
    let files = delivered(&cloud);
    assert!(files[0].0.starts_with("AWSLogs/o-abcdefghij/210987654321/CloudTrail/us-east-1/"), "{files:?}");

    // Only the management account names administrators, and only members.
    let register = |account: &str| api::RegisterOrganizationDelegatedAdminRequest {
        member_account_id: account.to_owned(),
    };
    cloud.refuses::<op::RegisterOrganizationDelegatedAdmin>(
        OTHER,
        register(OTHER),
        "NotOrganizationManagementAccountException",
    );
    cloud.refuses::<op::RegisterOrganizationDelegatedAdmin>(
        ACCOUNT,
        register("111111111111"),
        "AccountNotFoundException",
    );
    let needed = |operation: &str, input: Value| -> Vec<String> {
        let needed = cloud.service.needed_permissions(&cloud.context(ACCOUNT), operation, &input).unwrap();
        needed.iter().map(|one| format!("{} {}", one.action, one.resources[0].arn)).collect()
    };
    let asked = |operation: &str, of_organization: &str| {
        let account = format!("arn:aws:organizations::{ACCOUNT}:account/o-abcdefghij/{OTHER}");
        [format!("cloudtrail:{operation} *"), format!("organizations:{of_organization} {account}")]
    };
    let name = op::RegisterOrganizationDelegatedAdmin::NAME;
    assert_eq!(needed(name, register(OTHER).into())[..2], asked(name, "RegisterDelegatedAdministrator"));
    cloud.ok::<op::RegisterOrganizationDelegatedAdmin>(ACCOUNT, register(OTHER));
    assert!(cloud.members.0.lock().unwrap()[&OTHER.parse().unwrap()]);
    let deregister =
        api::DeregisterOrganizationDelegatedAdminRequest { delegated_admin_account_id: OTHER.to_owned() };
    let name = op::DeregisterOrganizationDelegatedAdmin::NAME;
    let found = needed(name, deregister.clone().into());
    assert_eq!(found[..2], asked(name, "DeregisterDelegatedAdministrator"));
    cloud.ok::<op::DeregisterOrganizationDelegatedAdmin>(ACCOUNT, deregister);
    assert!(!cloud.members.0.lock().unwrap()[&OTHER.parse().unwrap()]);
}

#[test]
fn trails_have_tags() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("main"));
    let tag =
        |key: &str, value: Option<&str>| api::Tag { key: key.to_owned(), value: value.map(str::to_owned) };
    let add = |arn: &str, tags| api::AddTagsRequest { resource_id: arn.to_owned(), tags_list: tags };
    cloud.ok::<op::AddTags>(ACCOUNT, add(ARN, vec![tag("Team", Some("net")), tag("Empty", None)]));
    cloud.refuses::<op::AddTags>(ACCOUNT, add("main", vec![]), "CloudTrailARNInvalidException");
    cloud.refuses::<op::AddTags>(
        ACCOUNT,
        add(&ARN.replace("main", "other"), vec![]),
        "ResourceNotFoundException",
    );
    cloud.refuses::<op::AddTags>(ACCOUNT, add(ARN, vec![tag("aws:x", None)]), "InvalidTagParameterException");
    let many = (0..51).map(|number| tag(&number.to_string(), None)).collect();
    cloud.refuses::<op::AddTags>(ACCOUNT, add(ARN, many), "TagsLimitExceededException");
    let shown = || {
        let input = api::ListTagsRequest { resource_id_list: vec![ARN.to_owned()], next_token: None };
        let listed = cloud.ok::<op::ListTags>(ACCOUNT, input).resource_tag_list.unwrap().remove(0);
        listed.tags_list.unwrap().into_iter().map(|tag| tag.key).collect::<Vec<_>>()
    };
    assert_eq!(shown(), ["Empty", "Team"]);
    // Policies see them, and those that a request sets.
    let asked = |operation: &str, input: Value| {
        let needed = cloud.service.needed_permissions(&cloud.context(ACCOUNT), operation, &input);
        needed.unwrap().remove(0)
    };
    for name in ["main", ARN] {
        let stop = api::StopLoggingRequest { name: name.to_owned() };
        let stopped = asked(op::StopLogging::NAME, stop.into()).resources.remove(0);
        let team = ("aws:ResourceTag/Team".to_owned(), vec!["net".to_owned()]);
        assert!(stopped.arn == ARN && stopped.keys.contains(&team), "{stopped:?}");
    }
    let set = asked(op::AddTags::NAME, add(ARN, vec![tag("Team", Some("dev"))]).into());
    assert_eq!(set.resources[0].arn, ARN);
    assert_eq!(set.keys[0], ("aws:RequestTag/Team".to_owned(), vec!["dev".to_owned()]));
    let input = api::RemoveTagsRequest { resource_id: ARN.to_owned(), tags_list: vec![tag("Team", None)] };
    cloud.ok::<op::RemoveTags>(ACCOUNT, input);
    assert_eq!(shown(), ["Empty"]);
}
