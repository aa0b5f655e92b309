use store::{MemoryBackend, Store};
use svc_ec2::record::{PathDestination, PathProtocol, PathResource};
use svc_ec2::{AnalysisOutcome, Config, Ec2, PathAnswer, RunningAnalysis, running_network_insights_analyses};

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};
use crate::network_insights_path::{Network, created, path};

fn start_of(path: &str) -> api::StartNetworkInsightsAnalysisRequest {
    input!(StartNetworkInsightsAnalysisRequest { network_insights_path_id: path })
}

fn started(cloud: &Cloud, path: &str) -> String {
    let analysis = cloud.ok::<op::StartNetworkInsightsAnalysis>(start_of(path)).network_insights_analysis;
    analysis.unwrap().network_insights_analysis_id.unwrap()
}

fn described(
    cloud: &Cloud,
    request: api::DescribeNetworkInsightsAnalysesRequest,
) -> Vec<api::NetworkInsightsAnalysis> {
    cloud.ok::<op::DescribeNetworkInsightsAnalyses>(request).network_insights_analyses.unwrap()
}

fn one(cloud: &Cloud, id: &str) -> api::NetworkInsightsAnalysis {
    let request = input!(DescribeNetworkInsightsAnalysesRequest { network_insights_analysis_ids: [id] });
    described(cloud, request).remove(0)
}

fn running(cloud: &Cloud) -> Vec<RunningAnalysis> {
    running_network_insights_analyses(&cloud.store.snapshot())
}

fn complete(cloud: &Cloud, id: &str, outcome: AnalysisOutcome) {
    let (scope, id) = (cloud.scope(), id.parse().unwrap());
    cloud.ec2.complete_network_insights_analysis(&scope, id, outcome, cloud.now()).unwrap();
}

fn failed() -> AnalysisOutcome {
    AnalysisOutcome::Failed { message: "The source is not there any more.".to_owned() }
}

fn component(sequence_number: i32, id: &str) -> api::PathComponent {
    input!(PathComponent { sequence_number, component: input!(AnalysisComponent { id }) })
}

fn answer() -> PathAnswer {
    PathAnswer {
        found: false,
        forward: vec![component(1, "i-0123456789abcdef0"), component(2, "eni-0123456789abcdef0")],
        return_: vec![component(1, "eni-0123456789abcdef0")],
        explanations: vec![input!(Explanation {
            direction: "ingress",
            explanation_code: "ENI_SG_RULES_MISMATCH",
            port_ranges: vec![input!(PortRange { from: 22, to: 22 })],
        })],
        alternate_path_hints: vec![input!(AlternatePathHint { component_id: "nat-0123456789abcdef0" })],
        suggested_accounts: vec!["210987654321".parse().unwrap()],
        warning: Some("Not everything was looked at.".to_owned()),
    }
}

const OTHER_ARN: &str = "arn:aws:ec2:us-east-1:123456789012:natgateway/nat-0123456789abcdef0";
const ARN: &str = "arn:aws:ec2:us-east-1:123456789012:transit-gateway/tgw-0123456789abcdef0";

#[test]
fn an_analysis_is_carried_out_by_the_node() {
    let backend = MemoryBackend::new();
    let cloud = Cloud::on(Store::open(backend.clone()).unwrap(), Config::default());
    let path = path(&cloud);
    let request = api::StartNetworkInsightsAnalysisRequest {
        additional_accounts: Some(vec!["210987654321".to_owned()]),
        filter_in_arns: Some(vec![ARN.to_owned()]),
        filter_out_arns: Some(vec![OTHER_ARN.to_owned()]),
        tag_specifications: Some(tagged("network-insights-analysis", &[("Name", "first")])),
        client_token: Some("one".to_owned()),
        ..start_of(&path)
    };
    let start = || cloud.ok::<op::StartNetworkInsightsAnalysis>(request.clone());
    let analysis = start().network_insights_analysis.unwrap();
    assert_eq!(start().network_insights_analysis.unwrap(), analysis, "the same token starts it once");
    let id = analysis.network_insights_analysis_id.clone().unwrap();
    let expected = api::NetworkInsightsAnalysis {
        network_insights_analysis_id: Some(id.clone()),
        network_insights_analysis_arn: Some(format!(
            "arn:aws:ec2:us-east-1:123456789012:network-insights-analysis/{id}"
        )),
        network_insights_path_id: Some(path),
        additional_accounts: Some(vec!["210987654321".to_owned()]),
        filter_in_arns: Some(vec![ARN.to_owned()]),
        filter_out_arns: Some(vec![OTHER_ARN.to_owned()]),
        start_date: Some(cloud.now()),
        status: Some("running".to_owned()),
        tags: Some(tags(&[("Name", "first")])),
        ..Default::default()
    };
    assert_eq!(analysis, expected);

    // The daemon is killed, and one that starts later finds it.
    let now = cloud.now();
    drop(cloud);
    let store = Store::open(backend.clone()).unwrap();
    Ec2::check_records(&store).unwrap();
    let cloud = Cloud::on(store, Config::default());
    let [to_do] = running(&cloud).try_into().unwrap();
    assert_eq!((to_do.scope, to_do.id.to_string()), (cloud.scope(), id.clone()));
    assert!(matches!(to_do.path.source.resource, PathResource::InternetGateway(_)));
    assert!(
        matches!(to_do.path.leads_to(), Some(PathDestination::Resource(end)) if end.owner == cloud.scope().account)
    );
    assert_eq!(to_do.path.traffic.protocol, PathProtocol::Tcp);
    assert_eq!(to_do.additional_accounts, ["210987654321".parse().unwrap()]);
    assert_eq!(
        (to_do.filter_in, to_do.filter_out),
        (vec![ARN.parse().unwrap()], vec![OTHER_ARN.parse().unwrap()])
    );

    cloud.wait(1000);
    complete(&cloud, &id, AnalysisOutcome::Succeeded { revision: 42, answer: answer() });
    assert!(running(&cloud).is_empty());
    let found = answer();
    let expected = api::NetworkInsightsAnalysis {
        status: Some("succeeded".to_owned()),
        status_message: Some("analyzed revision 42".to_owned()),
        warning_message: found.warning,
        network_path_found: Some(false),
        forward_path_components: Some(found.forward),
        return_path_components: Some(found.return_),
        explanations: Some(found.explanations),
        alternate_path_hints: Some(found.alternate_path_hints),
        suggested_accounts: Some(vec!["210987654321".to_owned()]),
        ..expected
    };
    assert_eq!(one(&cloud, &id), expected);
    // It is not carried out twice, and outlives the daemon.
    let revision = cloud.store.snapshot().revision();
    complete(&cloud, &id, failed());
    assert_eq!(cloud.store.snapshot().revision(), revision);
    drop(cloud);
    let cloud = Cloud::on(Store::open(backend).unwrap(), Config::default());
    assert_eq!(one(&cloud, &id), expected);
    assert!(cloud.now() <= now, "the clock began anew");
}

#[test]
fn a_path_that_is_found_has_no_empty_lists() {
    let cloud = Cloud::new();
    let id = started(&cloud, &path(&cloud));
    let answer = PathAnswer { found: true, forward: answer().forward, ..PathAnswer::default() };
    complete(&cloud, &id, AnalysisOutcome::Succeeded { revision: 7, answer });
    let shown = one(&cloud, &id);
    assert_eq!(shown.network_path_found, Some(true));
    assert_eq!(shown.forward_path_components.map(|all| all.len()), Some(2));
    assert_eq!((shown.return_path_components, shown.explanations), (None, None));
    assert_eq!(
        (shown.alternate_path_hints, shown.suggested_accounts, shown.warning_message),
        (None, None, None)
    );
    assert_eq!((shown.additional_accounts, shown.filter_in_arns, shown.filter_out_arns), (None, None, None));
}

#[test]
fn an_analysis_that_failed_says_why() {
    let cloud = Cloud::new();
    let id = started(&cloud, &path(&cloud));
    complete(&cloud, &id, failed());
    let shown = one(&cloud, &id);
    assert_eq!(shown.status.as_deref(), Some("failed"));
    assert_eq!(shown.status_message.as_deref(), Some("The source is not there any more."));
    assert_eq!(shown.network_path_found, None);
    assert!(running(&cloud).is_empty());
}

#[test]
fn an_analysis_that_is_gone_stays_gone() {
    let cloud = Cloud::new();
    let path = path(&cloud);
    let id = started(&cloud, &path);
    let delete_path = || input!(DeleteNetworkInsightsPathRequest { network_insights_path_id: &path });
    cloud.refuses::<op::DeleteNetworkInsightsPath>(
        delete_path(),
        "AnalysisExistsForNetworkInsightsPath",
        &format!("The path '{path}' has analyses, such as '{id}', and cannot be deleted."),
    );
    let delete = || input!(DeleteNetworkInsightsAnalysisRequest { network_insights_analysis_id: &id });
    let dry = api::DeleteNetworkInsightsAnalysisRequest { dry_run: Some(true), ..delete() };
    cloud.refuses::<op::DeleteNetworkInsightsAnalysis>(dry, "DryRunOperation", "…");
    let deleted = cloud.ok::<op::DeleteNetworkInsightsAnalysis>(delete());
    assert_eq!(deleted.network_insights_analysis_id.as_ref(), Some(&id));
    let revision = cloud.store.snapshot().revision();
    complete(&cloud, &id, AnalysisOutcome::Succeeded { revision: 1, answer: answer() });
    assert_eq!(cloud.store.snapshot().revision(), revision);
    assert!(running(&cloud).is_empty());
    cloud.refuses::<op::DeleteNetworkInsightsAnalysis>(
        delete(),
        "InvalidNetworkInsightsAnalysisId.NotFound",
        &format!("The networkInsightsAnalysis ID '{id}' does not exist"),
    );
    cloud.ok::<op::DeleteNetworkInsightsPath>(delete_path());
}

#[test]
fn analyses_are_found_by_path_time_and_outcome() {
    let cloud = Cloud::new();
    let network = Network::new(&cloud);
    let to_address = || {
        let request = input!(CreateNetworkInsightsPathRequest {
            source: &network.instance,
            destination_ip: "192.0.2.1",
            protocol: "tcp"
        });
        created(&cloud, request).network_insights_path_id.unwrap()
    };
    let (one_path, other_path) = (to_address(), to_address());
    let first = started(&cloud, &one_path);
    let began = cloud.now();
    cloud.wait(10_000);
    complete(&cloud, &first, AnalysisOutcome::Succeeded { revision: 1, answer: answer() });
    let ended = cloud.now();
    let second = started(&cloud, &one_path);
    complete(&cloud, &second, failed());
    cloud.wait(10_000);
    let third = started(&cloud, &other_path);
    let check = |request: api::DescribeNetworkInsightsAnalysesRequest, expect: &[&String]| {
        let told = format!("{request:?}");
        let mut found: Vec<String> = described(&cloud, request)
            .into_iter()
            .map(|analysis| analysis.network_insights_analysis_id.unwrap())
            .collect();
        let mut expect: Vec<String> = expect.iter().map(|id| (*id).clone()).collect();
        found.sort();
        expect.sort();
        assert_eq!(found, expect, "{told}");
    };
    macro_rules! with {
        ($($member:ident: $value:expr),*) => { input!(DescribeNetworkInsightsAnalysesRequest { $($member: $value),* }) };
    }
    check(with!(), &[&first, &second, &third]);
    check(with!(network_insights_path_id: &one_path), &[&first, &second]);
    check(
        with!(network_insights_path_id: &one_path, network_insights_analysis_ids: [&third, &second]),
        &[&second],
    );
    check(with!(analysis_start_time: began.plus_millis(1)), &[&second, &third]);
    check(with!(analysis_end_time: ended), &[&first, &second]);
    check(with!(analysis_end_time: began), &[]);
    check(with!(filters: filters(&[("status", &["running"])])), &[&third]);
    check(with!(filters: filters(&[("status", &["failed", "succeeded"])])), &[&first, &second]);
    check(with!(filters: filters(&[("path-found", &["false"])])), &[&first]);
    check(with!(filters: filters(&[("path-found", &["true"])])), &[]);
    let refused =
        |request, code: &str| cloud.refuses::<op::DescribeNetworkInsightsAnalyses>(request, code, "…");
    refused(
        with!(network_insights_path_id: "nip-0123456789abcdef0"),
        "InvalidNetworkInsightsPathId.NotFound",
    );
    refused(
        with!(network_insights_analysis_ids: ["nia-0123456789abcdef0"]),
        "InvalidNetworkInsightsAnalysisId.NotFound",
    );
    refused(
        with!(network_insights_analysis_ids: ["nip-0123456789abcdef0"]),
        "InvalidNetworkInsightsAnalysisId.Malformed",
    );
    refused(with!(filters: filters(&[("colour", &["red"])])), "InvalidParameterValue");
    refused(with!(dry_run: true), "DryRunOperation");
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let path = path(&cloud);
    let refused = |input: api::StartNetworkInsightsAnalysisRequest, code: &str| {
        cloud.refuses::<op::StartNetworkInsightsAnalysis>(input, code, "…");
    };
    let texts = |text: &str| Some(vec![text.to_owned()]);
    let base = || start_of(&path);
    type Request = api::StartNetworkInsightsAnalysisRequest;
    refused(start_of("nip-0123456789abcdef0"), "InvalidNetworkInsightsPathId.NotFound");
    refused(start_of("nonsense"), "InvalidNetworkInsightsPathId.Malformed");
    refused(Request { additional_accounts: texts("12345"), ..base() }, "InvalidParameterValue");
    refused(Request { filter_in_arns: texts("igw-0123456789abcdef0"), ..base() }, "InvalidParameterValue");
    refused(Request { filter_out_arns: texts("arn:aws"), ..base() }, "InvalidParameterValue");
    refused(
        Request { tag_specifications: Some(tagged("network-insights-path", &[("a", "b")])), ..base() },
        "InvalidParameterValue",
    );
    refused(Request { dry_run: Some(true), ..base() }, "DryRunOperation");
    let token = Request { client_token: Some("t".to_owned()), ..base() };
    cloud.ok::<op::StartNetworkInsightsAnalysis>(token.clone());
    refused(Request { filter_in_arns: texts(ARN), ..token }, "IdempotentParameterMismatch");
    assert_eq!(running(&cloud).len(), 1);
}

#[test]
fn six_analyses_at_once_and_a_thousand_in_all() {
    let cloud = Cloud::new();
    let path = path(&cloud);
    let mut ids: Vec<String> = (0..6).map(|_| started(&cloud, &path)).collect();
    let refused = |message: &str| {
        cloud.refuses::<op::StartNetworkInsightsAnalysis>(
            start_of(&path),
            "NetworkInsightsAnalysis.LimitExceeded",
            message,
        );
    };
    refused("The maximum number of concurrent network insights analyses has been reached.");
    // Of another account and another region there are as many again.
    for other in [cloud.seen_by("210987654321", "us-east-1"), cloud.seen_by("123456789012", "us-west-2")] {
        started(&other, &crate::network_insights_path::path(&other));
    }
    assert_eq!(running(&cloud).len(), 8);
    while ids.len() < 1000 {
        complete(&cloud, &ids[ids.len() - 6], failed());
        ids.push(started(&cloud, &path));
    }
    ids.iter().for_each(|id| complete(&cloud, id, failed()));
    refused("The maximum number of network insights analyses has been reached.");
    assert_eq!(running(&cloud).len(), 2);
    let unbounded = Cloud::without_quotas();
    let path = crate::network_insights_path::path(&unbounded);
    (0..10).for_each(|_| drop(started(&unbounded, &path)));
    assert_eq!(running(&unbounded).len(), 10);
}
