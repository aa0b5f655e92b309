use std::sync::{Arc, Mutex};

use service_api::RequestContext;
use svc_ec2::record::{DeliveryFailure, FlowLogDestinationOptions};
use svc_ec2::{BucketRefusal, FlowLogBuckets};

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const ROLE: &str = "arn:aws:iam::123456789012:role/logs";
const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} \
                              ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

fn to_group(kind: &str, ids: &[&str], group: &str) -> api::CreateFlowLogsRequest {
    api::CreateFlowLogsRequest {
        resource_type: kind.to_owned(),
        resource_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        traffic_type: Some("ALL".to_owned()),
        log_group_name: Some(group.to_owned()),
        deliver_logs_permission_arn: Some(ROLE.to_owned()),
        ..Default::default()
    }
}

fn to_bucket(vpc: &str, arn: &str) -> api::CreateFlowLogsRequest {
    input!(CreateFlowLogsRequest {
        resource_type: "VPC",
        resource_ids: [vpc],
        traffic_type: "REJECT",
        log_destination_type: "s3",
        log_destination: arn,
    })
}

fn create(cloud: &Cloud, input: api::CreateFlowLogsRequest) -> Vec<String> {
    let made = cloud.ok::<op::CreateFlowLogs>(input);
    assert_eq!(made.unsuccessful, Some(Vec::new()));
    made.flow_log_ids.unwrap()
}

fn found(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::FlowLog> {
    let input = input!(DescribeFlowLogsRequest { filter: filters(all) });
    cloud.ok::<op::DescribeFlowLogs>(input).flow_logs.unwrap()
}

fn delete(id: &str) -> api::DeleteFlowLogsRequest {
    input!(DeleteFlowLogsRequest { flow_log_ids: [id] })
}

#[test]
fn logs_live() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let interface = cloud.interface(&subnet);
    let of_vpc = api::CreateFlowLogsRequest {
        tag_specifications: Some(tagged("vpc-flow-log", &[("Name", "all")])),
        client_token: Some("one".to_owned()),
        ..to_group("VPC", &[&vpc], "flows")
    };
    let id = create(&cloud, of_vpc.clone()).remove(0);
    assert_eq!(create(&cloud, of_vpc), std::slice::from_ref(&id), "the same token makes it once");
    let bucket = api::CreateFlowLogsRequest {
        log_format: Some(
            "${version} ${tcp-flags} ${az-id} ${traffic-path} ${ecs-task-id} ${encryption-status}".to_owned(),
        ),
        max_aggregation_interval: Some(60),
        destination_options: Some(api::DestinationOptionsRequest {
            file_format: Some("plain-text".to_owned()),
            hive_compatible_partitions: None,
            per_hour_partition: Some(true),
        }),
        ..to_bucket(&vpc, "arn:aws:s3:::bucket/flows/")
    };
    let in_bucket = create(&cloud, bucket).remove(0);
    create(&cloud, to_group("Subnet", &[&subnet], "flows"));
    let stream = api::CreateFlowLogsRequest {
        log_group_name: None,
        deliver_logs_permission_arn: None,
        log_destination_type: Some("kinesis-data-firehose".to_owned()),
        log_destination: Some("arn:aws:firehose:us-east-1:123456789012:deliverystream/flows".to_owned()),
        traffic_type: Some("ACCEPT".to_owned()),
        ..to_group("NetworkInterface", &[&interface], "")
    };
    create(&cloud, stream);

    let log = found(&cloud, &[("flow-log-id", &[&id])]).remove(0);
    assert_eq!(log.creation_time, Some(cloud.now()));
    assert_eq!(log.log_format.as_deref(), Some(DEFAULT_FORMAT));
    assert_eq!(log.max_aggregation_interval, Some(600));
    assert_eq!(log.flow_log_status.as_deref(), Some("ACTIVE"));
    assert_eq!(log.deliver_logs_status.as_deref(), Some("SUCCESS"), "as AWS says before there are records");
    let message = log.deliver_logs_error_message.unwrap();
    assert!(message.starts_with("CloudWatch Logs does not exist here yet"), "{message}");
    assert!(message.ends_with(&format!("flow-logs/ACCOUNT/REGION/{id}")), "{message}");
    assert_eq!(log.deliver_logs_permission_arn.as_deref(), Some(ROLE));
    assert_eq!(log.log_destination_type.as_deref(), Some("cloud-watch-logs"));
    assert_eq!(log.tags, Some(tags(&[("Name", "all")])));
    let log = found(&cloud, &[("flow-log-id", &[&in_bucket])]).remove(0);
    assert_eq!(log.max_aggregation_interval, Some(60));
    assert!(log.log_format.unwrap().ends_with("${encryption-status}"));
    let options = log.destination_options.unwrap();
    assert_eq!(options.file_format.as_deref(), Some("plain-text"));
    assert_eq!(log.deliver_logs_error_message, None, "they go where it says");
    assert_eq!((options.hive_compatible_partitions, options.per_hour_partition), (Some(false), Some(true)));
    for (name, value, count) in [
        ("deliver-log-status", "SUCCESS", 4),
        ("deliver-log-status", "FAILED", 0),
        ("log-destination-type", "cloud-watch-logs", 2),
        ("log-group-name", "flows", 2),
        ("resource-id", &*vpc, 2),
        ("traffic-type", "ACCEPT", 1),
        ("tag:Name", "all", 1),
        ("tag-key", "Name", 1),
    ] {
        assert_eq!(found(&cloud, &[(name, &[value])]).len(), count, "{name}");
    }

    cloud.ok::<op::DeleteFlowLogs>(delete(&id));
    assert!(found(&cloud, &[("flow-log-id", &[&id])]).is_empty());
    let message = format!("These flow log ids in the input list are not found: [TotalCount: 1] {id}");
    cloud.refuses::<op::DeleteFlowLogs>(delete(&id), "InvalidFlowLogId.NotFound", &message);
    // The logs of what is deleted go with it.
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &interface
    }));
    assert_eq!(found(&cloud, &[]).len(), 2);
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    assert_eq!(found(&cloud, &[]).len(), 1);
    cloud.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &vpc }));
    assert!(found(&cloud, &[]).is_empty());
}

#[test]
fn whether_records_are_delivered_is_told() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let id = create(&cloud, to_group("VPC", &[&vpc], "flows")).remove(0);
    let tell = |failure| {
        let told = cloud.ec2.flow_log_delivered(&cloud.scope(), id.parse().unwrap(), failure, cloud.now());
        told.unwrap();
        let log = found(&cloud, &[]).remove(0);
        (log.deliver_logs_status.unwrap(), log.deliver_logs_error_message)
    };
    for (failure, message) in [
        (DeliveryFailure::RateLimited, "Rate limited"),
        (DeliveryFailure::AccessError, "Access error"),
        (DeliveryFailure::Unknown, "Unknown error"),
    ] {
        assert_eq!(tell(Some(failure)), ("FAILED".to_owned(), Some(message.to_owned())));
        assert_eq!(found(&cloud, &[("deliver-log-status", &["FAILED"])]).len(), 1);
    }
    assert_eq!(tell(None).0, "SUCCESS");
    cloud.ok::<op::DeleteFlowLogs>(delete(&id));
    cloud.ec2.flow_log_delivered(&cloud.scope(), id.parse().unwrap(), None, cloud.now()).unwrap();
    assert!(found(&cloud, &[]).is_empty(), "a log that is gone stays gone");
}

/// One bucket that lets everybody in, and one that lets nobody.
#[derive(Clone, Default)]
struct Buckets(Arc<Mutex<Vec<String>>>);

impl FlowLogBuckets for Buckets {
    fn admit(
        &self,
        context: &RequestContext,
        bucket: &str,
        folder: &str,
        options: FlowLogDestinationOptions,
    ) -> Result<(), BucketRefusal> {
        let account = context.account();
        let asked = format!("{account} {bucket} {folder} {}", options.hive_compatible_partitions);
        self.0.lock().unwrap().push(asked);
        match bucket {
            "open" => Ok(()),
            "closed" => Err(BucketRefusal::AccessDenied),
            _ => Err(BucketRefusal::NoSuchBucket),
        }
    }
}

#[test]
fn a_bucket_has_to_take_the_records() {
    let buckets = Buckets::default();
    let cloud = Cloud::new().with_log_buckets(buckets.clone());
    let vpc = cloud.vpc("10.0.0.0/16");
    let refused = |arn: &str| {
        let answer = cloud.ok::<op::CreateFlowLogs>(to_bucket(&vpc, arn));
        assert_eq!(answer.flow_log_ids, Some(Vec::new()));
        let failed = answer.unsuccessful.unwrap().remove(0);
        assert_eq!(failed.resource_id.as_deref(), Some(&*vpc));
        let error = failed.error.unwrap();
        (error.code.unwrap(), error.message.unwrap())
    };
    let message = "Access Denied for LogDestination: closed. Please check LogDestination permission";
    assert_eq!(refused("arn:aws:s3:::closed"), ("400".to_owned(), message.to_owned()));
    let message = "LogDestination: nobodys does not exist";
    assert_eq!(refused("arn:aws:s3:::nobodys/folder"), ("400".to_owned(), message.to_owned()));
    assert!(found(&cloud, &[]).is_empty());
    let options =
        api::DestinationOptionsRequest { hive_compatible_partitions: Some(true), ..Default::default() };
    let input = api::CreateFlowLogsRequest {
        destination_options: Some(options),
        ..to_bucket(&vpc, "arn:aws:s3:::open/my/flows/")
    };
    let dry = api::CreateFlowLogsRequest { dry_run: Some(true), ..input.clone() };
    cloud.refuses::<op::CreateFlowLogs>(dry, "DryRunOperation", "…");
    assert_eq!(create(&cloud, input).len(), 1);
    let asked = buckets.0.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            "123456789012 closed  false",
            "123456789012 nobodys folder false",
            "123456789012 open my/flows true"
        ]
    );
}

#[test]
fn a_resource_that_is_not_there_fails_alone() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let check = |input: api::CreateFlowLogsRequest, made: usize, code: &str| {
        let answer = cloud.ok::<op::CreateFlowLogs>(input);
        assert_eq!(answer.flow_log_ids.unwrap().len(), made);
        let failed = answer.unsuccessful.unwrap();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].error.as_ref().unwrap().code.as_deref(), Some(code));
    };
    let unknown = "vpc-0123456789abcdef0";
    check(to_group("VPC", &[&vpc, unknown], "one"), 1, "InvalidVpcID.NotFound");
    check(to_group("VPC", &["nonsense"], "one"), 0, "InvalidVpcID.Malformed");
    let gateway = api::CreateFlowLogsRequest {
        traffic_type: None,
        ..to_group("TransitGateway", &["tgw-0123456789abcdef0"], "one")
    };
    check(gateway, 0, "InvalidTransitGatewayID.NotFound");
    assert_eq!(found(&cloud, &[]).len(), 1);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = || to_group("VPC", &[&vpc], "flows");
    let refused =
        |input, code: &str, message: &str| cloud.refuses::<op::CreateFlowLogs>(input, code, message);
    const PARAMETER: &str = "InvalidParameter";
    const VALUE: &str = "InvalidParameterValue";
    let bucket = || to_bucket(&vpc, "arn:aws:s3:::bucket");
    macro_rules! with {
        ($base:expr, $($member:ident: $value:expr),*) => {{
            let mut input = $base;
            $(input.$member = $value;)*
            input
        }};
    }
    let some = |text: &str| Some(text.to_owned());
    refused(with!(group(), dry_run: Some(true)), "DryRunOperation", "…");
    refused(with!(group(), traffic_type: None), "MissingParameter", "…");
    refused(with!(group(), traffic_type: some("SOME")), VALUE, "…");
    refused(with!(group(), resource_type: "Instance".to_owned()), VALUE, "…");
    refused(with!(group(), resource_ids: Vec::new()), "MissingParameter", "…");
    refused(with!(group(), max_aggregation_interval: Some(300)), VALUE, "…");
    refused(
        with!(group(), log_format: some("${version} ${colour}")),
        PARAMETER,
        "LogFormat has the unknown field…",
    );
    refused(with!(group(), log_format: some("version")), PARAMETER, "LogFormat has the unknown field…");
    refused(with!(group(), log_format: some(" ")), PARAMETER, "LogFormat can't be empty.");
    let message = "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.";
    refused(with!(group(), deliver_logs_permission_arn: None), PARAMETER, message);
    refused(
        with!(group(), deliver_logs_permission_arn: some("logs")),
        PARAMETER,
        "DeliverLogsPermissionArn 'logs'…",
    );
    let message = "LogDestination can't be empty if LogGroupName is not provided.";
    refused(with!(group(), log_group_name: None), PARAMETER, message);
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:flows";
    let message = "Please only provide LogGroupName or only provide LogDestination.";
    refused(with!(group(), log_destination: some(arn)), PARAMETER, message);
    refused(with!(group(), log_group_name: some("a b")), PARAMETER, "LogGroupName 'a b'…");
    refused(
        with!(group(), log_group_name: None, log_destination: some("x")),
        PARAMETER,
        "LogDestination 'x'…",
    );
    refused(
        with!(group(), destination_options: Some(Default::default())),
        PARAMETER,
        "DestinationOptions is…",
    );
    refused(with!(group(), log_destination_type: some("kafka")), VALUE, "…");
    refused(
        with!(bucket(), deliver_logs_permission_arn: some(ROLE)),
        PARAMETER,
        "DeliverLogsPermissionArn is not…",
    );
    refused(with!(bucket(), log_group_name: some("flows")), PARAMETER, "LogGroupName is not applicable…");
    refused(with!(bucket(), log_destination: None), PARAMETER, "LogDestination can't be empty…");
    refused(with!(bucket(), log_destination: some(arn)), PARAMETER, "LogDestination 'arn:aws:logs…");
    let elsewhere = some("arn:aws-cn:s3:::bucket");
    refused(with!(bucket(), log_destination: elsewhere), PARAMETER, "LogDestination 'arn:aws-cn:s3…");
    let reserved = some("arn:aws:s3:::bucket/AWSLogs/");
    refused(with!(bucket(), log_destination: reserved), PARAMETER, "LogDestination 'arn:aws:s3…");
    let options = api::DestinationOptionsRequest { file_format: some("csv"), ..Default::default() };
    refused(with!(bucket(), destination_options: Some(options)), VALUE, "…");
    let options = api::DestinationOptionsRequest { file_format: some("parquet"), ..Default::default() };
    let parquet = "Flow logs in Parquet are not supported.";
    refused(with!(bucket(), destination_options: Some(options)), "UnsupportedOperation", parquet);
    let fields = vec![api::TagFieldSpecificationRequest::default()];
    refused(with!(group(), tag_field_specifications: Some(fields)), "UnsupportedOperation", "…");

    create(&cloud, with!(group(), log_group_name: None, log_destination: some(arn)));
    let message = "Error. There is an existing Flow Log with the same configuration and log destination.";
    refused(group(), "FlowLogAlreadyExists", message);
    create(&cloud, bucket());
    let message = "The maximum number of flow logs has been reached.";
    refused(to_group("VPC", &[&vpc], "third"), "FlowLogsLimitExceeded", message);
    let id = found(&cloud, &[]).remove(0).flow_log_id.unwrap();
    let dry = api::DeleteFlowLogsRequest { dry_run: Some(true), ..delete(&id) };
    cloud.refuses::<op::DeleteFlowLogs>(dry, "DryRunOperation", "…");
    let message = "Invalid id: \"x\" (expecting \"fl-...\")";
    cloud.refuses::<op::DeleteFlowLogs>(delete("x"), "InvalidFlowLogId.Malformed", message);
}

#[test]
fn transit_gateways_and_their_attachments_have_logs() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    let gateway = made.transit_gateway.unwrap().transit_gateway_id.unwrap();
    cloud.wait(1000);
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let made =
        cloud.ok::<op::CreateTransitGatewayVpcAttachment>(input!(CreateTransitGatewayVpcAttachmentRequest {
            transit_gateway_id: &gateway,
            vpc_id: &vpc,
            subnet_ids: [&subnet],
        }));
    let attachment = made.transit_gateway_vpc_attachment.unwrap().transit_gateway_attachment_id.unwrap();
    cloud.wait(1000);
    let wanted = |kind: &str, id: &str| api::CreateFlowLogsRequest {
        traffic_type: None,
        ..to_group(kind, &[id], "flows")
    };
    create(&cloud, wanted("TransitGateway", &gateway));
    let log = found(&cloud, &[]).remove(0);
    assert_eq!(log.deliver_logs_status.as_deref(), Some("FAILED"), "its flows are not collected yet");
    let few = "${tgw-id} ${bytes} ${packets-lost-no-route}";
    create(
        &cloud,
        api::CreateFlowLogsRequest {
            log_format: Some(few.to_owned()),
            max_aggregation_interval: Some(60),
            ..wanted("TransitGatewayAttachment", &attachment)
        },
    );
    let log = found(&cloud, &[("resource-id", &[&gateway])]).remove(0);
    assert_eq!(log.max_aggregation_interval, Some(60));
    let format = log.log_format.unwrap();
    assert!(format.starts_with("${version} ${resource-type} ${account-id} ${tgw-id} "), "{format}");
    assert_eq!(format.split(' ').count(), 36);
    let log = found(&cloud, &[("resource-id", &[&attachment])]).remove(0);
    assert_eq!(log.log_format.as_deref(), Some(few));

    let refused =
        |input, code: &str, message: &str| cloud.refuses::<op::CreateFlowLogs>(input, code, message);
    let mut request = wanted("TransitGateway", &gateway);
    refused(request.clone(), "FlowLogAlreadyExists", "…");
    request.log_group_name = Some("others".to_owned());
    let with = |change: fn(&mut api::CreateFlowLogsRequest)| {
        let mut request = request.clone();
        change(&mut request);
        request
    };
    let message = "TrafficType is not supported for transit gateway resource types.";
    refused(with(|request| request.traffic_type = Some("ALL".to_owned())), "InvalidParameter", message);
    refused(with(|request| request.max_aggregation_interval = Some(600)), "InvalidParameterValue", "…");
    let unknown = "LogFormat has the unknown field '${action}'.";
    refused(with(|request| request.log_format = Some("${action}".to_owned())), "InvalidParameter", unknown);
    let of_vpc = api::CreateFlowLogsRequest {
        log_format: Some("${tgw-id}".to_owned()),
        ..to_group("VPC", &[&vpc], "flows")
    };
    refused(of_vpc, "InvalidParameter", "LogFormat has the unknown field '${tgw-id}'.");
    let many = |request: &mut api::CreateFlowLogsRequest| {
        request.resource_ids = vec![request.resource_ids[0].clone(); 26];
    };
    refused(with(many), "InvalidParameterValue", "A request can name at most 25 resources.");

    // The logs go with what they are of.
    let detach =
        input!(DeleteTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: &attachment });
    cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(detach);
    assert!(found(&cloud, &[("resource-id", &[&attachment])]).is_empty());
    cloud.wait(1000);
    let delete = input!(DeleteTransitGatewayRequest { transit_gateway_id: &gateway });
    cloud.ok::<op::DeleteTransitGateway>(delete);
    assert!(found(&cloud, &[]).is_empty());
    let ended = cloud.ok::<op::CreateFlowLogs>(wanted("TransitGateway", &gateway)).unsuccessful.unwrap();
    assert_eq!(ended[0].error.as_ref().unwrap().code.as_deref(), Some("InvalidTransitGatewayID.NotFound"));
}
