use store::{Backend, MemoryBackend, Store};
use svc_ec2::record::{AddressStatement, PathProtocol, ResourceStatement};
use svc_ec2::{
    AccessScopeAnalysisOutcome, AccessScopeAnswer, Config, Ec2, RunningAccessScopeAnalysis,
    running_network_insights_access_scope_analyses,
};

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

fn types(types: &[&str]) -> api::ResourceStatementRequest {
    let types = types.iter().map(|text| (*text).to_owned()).collect();
    api::ResourceStatementRequest { resources: None, resource_types: Some(types) }
}

fn resources(texts: &[&str]) -> api::ResourceStatementRequest {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    api::ResourceStatementRequest { resources: Some(texts), resource_types: None }
}

fn at(resource_statement: api::ResourceStatementRequest) -> api::PathStatementRequest {
    input!(PathStatementRequest { resource_statement })
}

fn with_header(packet_header_statement: api::PacketHeaderStatementRequest) -> api::PathStatementRequest {
    input!(PathStatementRequest { packet_header_statement })
}

fn through(statement: api::ResourceStatementRequest) -> Vec<api::ThroughResourcesStatementRequest> {
    vec![input!(ThroughResourcesStatementRequest { resource_statement: statement })]
}

/// All that comes in from the internet.
fn inbound() -> api::AccessScopePathRequest {
    input!(AccessScopePathRequest { source: at(types(&["AWS::EC2::InternetGateway"])) })
}

fn of_inbound() -> api::CreateNetworkInsightsAccessScopeRequest {
    input!(CreateNetworkInsightsAccessScopeRequest { match_paths: vec![inbound()] })
}

fn id_of(created: &api::CreateNetworkInsightsAccessScopeResult) -> String {
    created.network_insights_access_scope.as_ref().unwrap().network_insights_access_scope_id.clone().unwrap()
}

/// The id of a scope.
pub(crate) fn scope(cloud: &Cloud) -> String {
    id_of(&cloud.ok::<op::CreateNetworkInsightsAccessScope>(of_inbound()))
}

fn start_of(scope: &str) -> api::StartNetworkInsightsAccessScopeAnalysisRequest {
    input!(StartNetworkInsightsAccessScopeAnalysisRequest { network_insights_access_scope_id: scope })
}

/// The id of an analysis that was started.
pub(crate) fn start(cloud: &Cloud, scope: &str) -> String {
    let started = cloud.ok::<op::StartNetworkInsightsAccessScopeAnalysis>(start_of(scope));
    started.network_insights_access_scope_analysis.unwrap().network_insights_access_scope_analysis_id.unwrap()
}

fn analysis(cloud: &Cloud, id: &str) -> api::NetworkInsightsAccessScopeAnalysis {
    let request = input!(DescribeNetworkInsightsAccessScopeAnalysesRequest {
        network_insights_access_scope_analysis_ids: [id]
    });
    let found = cloud.ok::<op::DescribeNetworkInsightsAccessScopeAnalyses>(request);
    found.network_insights_access_scope_analyses.unwrap().remove(0)
}

fn running(cloud: &Cloud) -> Vec<RunningAccessScopeAnalysis> {
    running_network_insights_access_scope_analyses(&cloud.store.snapshot())
}

fn complete(cloud: &Cloud, id: &str, outcome: AccessScopeAnalysisOutcome) {
    let (scope, id) = (cloud.scope(), id.parse().unwrap());
    cloud.ec2.complete_network_insights_access_scope_analysis(&scope, id, outcome, cloud.now()).unwrap();
}

fn failed() -> AccessScopeAnalysisOutcome {
    AccessScopeAnalysisOutcome::Failed { message: "vpc-0123456789abcdef0 is not there.".to_owned() }
}

fn succeeded(findings: usize) -> AccessScopeAnalysisOutcome {
    let component = |number: usize| {
        let id = format!("eni-{number:017x}");
        vec![input!(PathComponent { sequence_number: 1, component: input!(AnalysisComponent { id: &id }) })]
    };
    let findings = (1..=findings).map(component).collect();
    let answer = AccessScopeAnswer { findings, analyzed_enis: 17 };
    AccessScopeAnalysisOutcome::Succeeded { revision: 42, answer }
}

/// Every finding, page by page.
fn findings(cloud: &Cloud, id: &str, size: Option<i32>) -> Vec<Vec<api::AccessScopeAnalysisFinding>> {
    let (mut pages, mut next_token) = (Vec::new(), None);
    loop {
        let request = api::GetNetworkInsightsAccessScopeAnalysisFindingsRequest {
            network_insights_access_scope_analysis_id: id.to_owned(),
            max_results: size,
            next_token,
            dry_run: None,
        };
        let page = cloud.ok::<op::GetNetworkInsightsAccessScopeAnalysisFindings>(request);
        assert_eq!(page.network_insights_access_scope_analysis_id.as_deref(), Some(id));
        pages.push(page.analysis_findings.unwrap());
        next_token = page.next_token;
        if next_token.is_none() {
            return pages;
        }
    }
}

const ARN: &str = "arn:aws:ec2:us-east-1:210987654321:subnet/subnet-0123456789abcdef0";
const LIST: &str = "arn:aws:ec2:us-east-1:210987654321:prefix-list/pl-0123456789abcdef0";

/// A scope with everything that one can have.
fn of_everything() -> api::CreateNetworkInsightsAccessScopeRequest {
    let header = input!(PacketHeaderStatementRequest {
        source_addresses: ["192.0.2.1", "10.0.0.0/8", "2001:db8::/32"],
        destination_prefix_lists: ["pl-0123456789abcdef0", LIST],
        source_ports: ["1024-65535"],
        destination_ports: ["22", "8080-8090"],
        protocols: ["tcp", "udp"],
    });
    let both = input!(PathStatementRequest {
        packet_header_statement: header,
        resource_statement: resources(&["sg-0123456789abcdef0", ARN]),
    });
    let lists = input!(PacketHeaderStatementRequest {
        source_prefix_lists: ["pl-0123456789abcdef0"],
        destination_addresses: ["198.51.100.0/24"],
    });
    let excluded = input!(AccessScopePathRequest {
        source: with_header(lists),
        through_resources: through(resources(&["nat-0123456789abcdef0", "tgw-attach-0123456789abcdef0"])),
    });
    let firewalls = input!(AccessScopePathRequest {
        through_resources: through(types(&["AWS::NetworkFirewall::Firewall", "AWS::EC2::VPCEndpoint"])),
    });
    input!(CreateNetworkInsightsAccessScopeRequest {
        match_paths: vec![
            input!(AccessScopePathRequest { source: both.clone(), destination: both }),
            inbound()
        ],
        exclude_paths: vec![excluded, firewalls],
    })
}

#[test]
fn scopes_live() {
    let backend = MemoryBackend::new();
    let cloud = Cloud::on(Store::open(backend.clone()).unwrap(), Config::default());
    let request = api::CreateNetworkInsightsAccessScopeRequest {
        tag_specifications: Some(tagged("network-insights-access-scope", &[("Name", "all")])),
        client_token: Some("one".to_owned()),
        ..of_everything()
    };
    let created = cloud.ok::<op::CreateNetworkInsightsAccessScope>(request.clone());
    assert_eq!(cloud.ok::<op::CreateNetworkInsightsAccessScope>(request.clone()), created);
    let other = api::CreateNetworkInsightsAccessScopeRequest { exclude_paths: None, ..request.clone() };
    cloud.refuses::<op::CreateNetworkInsightsAccessScope>(other, "IdempotentParameterMismatch", "…");
    let id = id_of(&created);
    let expected = api::NetworkInsightsAccessScope {
        network_insights_access_scope_id: Some(id.clone()),
        network_insights_access_scope_arn: Some(format!(
            "arn:aws:ec2:us-east-1:123456789012:network-insights-access-scope/{id}"
        )),
        created_date: Some(cloud.now()),
        updated_date: Some(cloud.now()),
        tags: Some(tags(&[("Name", "all")])),
    };
    assert!(id.starts_with("nis-"), "{id}");
    assert_eq!(created.network_insights_access_scope, Some(expected.clone()));
    drop(cloud);
    let store = Store::open(backend).unwrap();
    Ec2::check_records(&store).unwrap();
    let cloud = Cloud::on(store, Config::default());
    let described =
        input!(DescribeNetworkInsightsAccessScopesRequest { filters: filters(&[("tag:Name", &["all"])]) });
    let described = cloud.ok::<op::DescribeNetworkInsightsAccessScopes>(described);
    assert_eq!(described.network_insights_access_scopes, Some(vec![expected]));
    // The content is the one that was asked for, to the letter.
    let get =
        || input!(GetNetworkInsightsAccessScopeContentRequest { network_insights_access_scope_id: &id });
    let content = cloud.ok::<op::GetNetworkInsightsAccessScopeContent>(get());
    let content = content.network_insights_access_scope_content.unwrap();
    assert_eq!(created.network_insights_access_scope_content, Some(content.clone()));
    assert_eq!(content.network_insights_access_scope_id, Some(id.clone()));
    let asked = |paths: Option<Vec<api::AccessScopePathRequest>>| {
        let all = paths.unwrap().into_iter().map(|path| format!("{path:?}").replace("Request {", " {"));
        all.collect::<Vec<_>>()
    };
    let shown = |paths: Option<Vec<api::AccessScopePath>>| {
        paths.unwrap().into_iter().map(|path| format!("{path:?}")).collect::<Vec<_>>()
    };
    assert_eq!(shown(content.match_paths), asked(request.match_paths));
    assert_eq!(shown(content.exclude_paths), asked(request.exclude_paths));

    let delete = || input!(DeleteNetworkInsightsAccessScopeRequest { network_insights_access_scope_id: &id });
    let deleted = cloud.ok::<op::DeleteNetworkInsightsAccessScope>(delete());
    assert_eq!(deleted.network_insights_access_scope_id.as_ref(), Some(&id));
    let not_found = "InvalidNetworkInsightsAccessScopeId.NotFound";
    let message = format!("The networkInsightsAccessScope ID '{id}' does not exist");
    cloud.refuses::<op::DeleteNetworkInsightsAccessScope>(delete(), not_found, &message);
    cloud.refuses::<op::GetNetworkInsightsAccessScopeContent>(get(), not_found, &message);
    cloud.refuses::<op::StartNetworkInsightsAccessScopeAnalysis>(start_of(&id), not_found, &message);
    let malformed = "InvalidNetworkInsightsAccessScopeId.Malformed";
    cloud.refuses::<op::StartNetworkInsightsAccessScopeAnalysis>(start_of("nis"), malformed, "…");
}

#[test]
fn the_node_reads_conditions_as_values() {
    let cloud = Cloud::new();
    let id = id_of(&cloud.ok::<op::CreateNetworkInsightsAccessScope>(of_everything()));
    start(&cloud, &id);
    let [to_do] = running(&cloud).try_into().unwrap();
    assert_eq!((to_do.match_paths.len(), to_do.exclude_paths.len()), (2, 2));
    let source = to_do.match_paths[0].source.as_ref().unwrap();
    let header = source.packet_header.as_ref().unwrap();
    let AddressStatement::Addresses(addresses) = &header.source else { panic!("{header:?}") };
    let blocks: Vec<String> = addresses.iter().map(|address| address.block().to_string()).collect();
    assert_eq!(blocks, ["192.0.2.1/32", "10.0.0.0/8", "2001:db8::/32"]);
    let AddressStatement::PrefixLists(lists) = &header.destination else { panic!("{header:?}") };
    let owners: Vec<_> = lists.iter().map(|list| list.owner.map(|owner| owner.to_string())).collect();
    assert_eq!(owners, [None, Some("210987654321".to_owned())]);
    assert_eq!(
        header.destination_ports.iter().map(|ports| (ports.from(), ports.to())).collect::<Vec<_>>(),
        [(22, 22), (8080, 8090)]
    );
    assert_eq!(header.protocols, [PathProtocol::Tcp, PathProtocol::Udp]);
    let through = to_do.exclude_paths[0].through.as_ref().unwrap();
    assert!(matches!(through, ResourceStatement::Resources(named) if named.len() == 2), "{through:?}");
    assert!(to_do.exclude_paths[0].destination.is_none());
}

#[test]
fn conditions_that_are_none() {
    let cloud = Cloud::new();
    const VALUE: &str = "InvalidParameterValue";
    const MISSING: &str = "MissingParameter";
    const BOTH: &str = "InvalidParameterCombination";
    type Path = api::AccessScopePathRequest;
    let source = |source: api::PathStatementRequest| Path { source: Some(source), ..Path::default() };
    let destination = |end: api::PathStatementRequest| Path { destination: Some(end), ..Path::default() };
    let header = |header: api::PacketHeaderStatementRequest| source(with_header(header));
    let refused = |paths: Vec<Path>, excluded: Vec<Path>, code: &str, message: &str| {
        let request = api::CreateNetworkInsightsAccessScopeRequest {
            match_paths: Some(paths),
            exclude_paths: Some(excluded),
            ..Default::default()
        };
        cloud.refuses::<op::CreateNetworkInsightsAccessScope>(request, code, message);
    };
    let (none, one) = (Vec::new, || vec![inbound()]);
    refused(none(), none(), MISSING, "The request must contain the parameter matchPath");
    refused(none(), one(), MISSING, "…");
    let empty = "Either 'source' or 'destination' should be provided.";
    refused(vec![Path::default()], none(), MISSING, empty);
    refused(one(), vec![Path::default()], MISSING, empty);
    let passing = |statements| Path { through_resources: Some(statements), ..Path::default() };
    let nat = || through(types(&["AWS::EC2::NatGateway"]));
    refused(vec![passing(nat())], none(), VALUE, "A match path cannot have throughResources.");
    let two = [nat(), nat()].concat();
    refused(one(), vec![passing(two)], VALUE, "An exclude path can have one of throughResources.");
    let nothing = vec![api::ThroughResourcesStatementRequest::default()];
    refused(one(), vec![passing(nothing)], MISSING, "…");
    // Statements.
    refused(
        vec![source(input!(PathStatementRequest {}))],
        none(),
        MISSING,
        "Either 'packetHeaderStatement' or …",
    );
    refused(
        vec![source(at(resources(&[])))],
        none(),
        MISSING,
        "Either 'resources' or 'resourceTypes' should …",
    );
    let both = api::ResourceStatementRequest {
        resources: resources(&["vpc-0123456789abcdef0"]).resources,
        ..types(&["AWS::EC2::InternetGateway"])
    };
    refused(vec![source(at(both))], none(), BOTH, "A resource statement can have either resources or …");
    refused(
        vec![header(input!(PacketHeaderStatementRequest {}))],
        none(),
        VALUE,
        "A packet header statement has to have at least one field.",
    );
    refused(
        vec![header(input!(PacketHeaderStatementRequest {
            source_addresses: ["192.0.2.1"],
            source_prefix_lists: ["pl-0123456789abcdef0"],
        }))],
        none(),
        BOTH,
        "A packet header statement can have either source addresses or source prefix lists, but not both.",
    );
    refused(
        vec![header(input!(PacketHeaderStatementRequest {
            destination_addresses: ["192.0.2.1"],
            destination_prefix_lists: ["pl-0123456789abcdef0"],
        }))],
        none(),
        BOTH,
        "A packet header statement can have either destination addresses or …",
    );
    for (field, value) in [
        ("addresses", "192.0.2.1/33"),
        ("addresses", "nonsense"),
        ("addresses", ""),
        ("ports", "65536"),
        ("ports", "23-22"),
        ("ports", "-1"),
        ("ports", "22-"),
        ("ports", "ssh"),
        ("lists", "vpc-0123456789abcdef0"),
        ("lists", "arn:aws:ec2:us-east-1:123456789012:vpc/pl-0123456789abcdef0"),
        ("lists", "arn:aws:ec2:us-west-2:123456789012:prefix-list/pl-0123456789abcdef0"),
        ("protocols", "icmp"),
    ] {
        let statement = match field {
            "addresses" => input!(PacketHeaderStatementRequest { source_addresses: [value] }),
            "ports" => input!(PacketHeaderStatementRequest { destination_ports: [value] }),
            "lists" => input!(PacketHeaderStatementRequest { source_prefix_lists: [value] }),
            _ => input!(PacketHeaderStatementRequest { protocols: [value] }),
        };
        refused(vec![header(statement)], none(), VALUE, &format!("Value ({value}) for parameter …"));
    }
    // Resources and their places.
    for text in [
        "nonsense",
        "acl-0123456789abcdef0",
        "arn:aws:ec2:us-east-1:123456789012:vpc/subnet-0123456789abcdef0",
    ] {
        let message = format!("Value ({text}) for parameter resource is invalid. It is no resource …");
        refused(vec![source(at(resources(&[text])))], none(), VALUE, &message);
    }
    for text in ["arn:aws:ec2:us-west-2:123456789012:vpc/vpc-0123456789abcdef0", "arn:aws:s3:::bucket"] {
        let message = format!("Value ({text}) for parameter resource is invalid. It is not the ARN …");
        refused(vec![source(at(resources(&[text])))], none(), VALUE, &message);
    }
    for service in ["resource-groups", "elasticloadbalancing", "network-firewall"] {
        let arn = format!("arn:aws:{service}:us-east-1:123456789012:group/x");
        refused(vec![source(at(resources(&[&arn])))], none(), "UnsupportedOperation", "…");
    }
    refused(vec![source(at(types(&["AWS::EC2::Volume"])))], none(), VALUE, "…");
    for kind in ["AWS::EC2::NatGateway", "AWS::EC2::VPCEndpoint", "AWS::ElasticLoadBalancingV2::LoadBalancer"]
    {
        let message = format!("Value ({kind}) for parameter resourceType is invalid. It cannot be a source.");
        refused(vec![source(at(types(&[kind])))], none(), VALUE, &message);
    }
    let message =
        "Value (nat-0123456789abcdef0) for parameter resource is invalid. It cannot be a destination.";
    refused(vec![destination(at(resources(&["nat-0123456789abcdef0"])))], none(), VALUE, message);
    for statement in [resources(&["i-0123456789abcdef0"]), types(&["AWS::EC2::InternetGateway"])] {
        refused(one(), vec![passing(through(statement))], VALUE, "…");
    }
    let dry = api::CreateNetworkInsightsAccessScopeRequest { dry_run: Some(true), ..of_inbound() };
    cloud.refuses::<op::CreateNetworkInsightsAccessScope>(dry, "DryRunOperation", "…");
    let described = cloud
        .ok::<op::DescribeNetworkInsightsAccessScopes>(input!(DescribeNetworkInsightsAccessScopesRequest {}));
    assert_eq!(described.network_insights_access_scopes, Some(Vec::new()));
}

#[test]
fn an_analysis_is_carried_out_by_the_node() {
    let backend = MemoryBackend::new();
    let cloud = Cloud::on(Store::open(backend.clone()).unwrap(), Config::default());
    let scope = scope(&cloud);
    let request = api::StartNetworkInsightsAccessScopeAnalysisRequest {
        tag_specifications: Some(tagged("network-insights-access-scope-analysis", &[("Name", "first")])),
        client_token: Some("one".to_owned()),
        ..start_of(&scope)
    };
    let started = cloud.ok::<op::StartNetworkInsightsAccessScopeAnalysis>(request.clone());
    assert_eq!(cloud.ok::<op::StartNetworkInsightsAccessScopeAnalysis>(request), started);
    let shown = started.network_insights_access_scope_analysis.unwrap();
    let id = shown.network_insights_access_scope_analysis_id.clone().unwrap();
    let expected = api::NetworkInsightsAccessScopeAnalysis {
        network_insights_access_scope_analysis_id: Some(id.clone()),
        network_insights_access_scope_analysis_arn: Some(format!(
            "arn:aws:ec2:us-east-1:123456789012:network-insights-access-scope-analysis/{id}"
        )),
        network_insights_access_scope_id: Some(scope.clone()),
        status: Some("running".to_owned()),
        start_date: Some(cloud.now()),
        findings_found: Some("unknown".to_owned()),
        tags: Some(tags(&[("Name", "first")])),
        ..Default::default()
    };
    assert_eq!(shown, expected);
    assert_eq!(findings(&cloud, &id, None), [Vec::new()]);
    let delete_scope =
        || input!(DeleteNetworkInsightsAccessScopeRequest { network_insights_access_scope_id: &scope });
    cloud.refuses::<op::DeleteNetworkInsightsAccessScope>(
        delete_scope(),
        "AnalysisExistsForNetworkInsightsAccessScope",
        &format!("The scope '{scope}' has analyses, such as '{id}', and cannot be deleted."),
    );
    drop(cloud);

    let cloud = Cloud::on(Store::open(backend.clone()).unwrap(), Config::default());
    let [to_do] = running(&cloud).try_into().unwrap();
    assert_eq!((to_do.scope, to_do.id.to_string()), (cloud.scope(), id.clone()));
    cloud.wait(5000);
    complete(&cloud, &id, succeeded(2500));
    let expected = api::NetworkInsightsAccessScopeAnalysis {
        status: Some("succeeded".to_owned()),
        status_message: Some("analyzed revision 42: 2500 findings".to_owned()),
        end_date: Some(cloud.now()),
        findings_found: Some("true".to_owned()),
        analyzed_eni_count: Some(17),
        ..expected
    };
    assert_eq!(analysis(&cloud, &id), expected);
    let revision = cloud.store.snapshot().revision();
    complete(&cloud, &id, succeeded(1));
    assert_eq!(cloud.store.snapshot().revision(), revision);
    // Beside it are the findings of another.
    let other = start(&cloud, &scope);
    complete(&cloud, &other, succeeded(3));
    drop(cloud);

    let kept = || {
        let records = backend.clone().load().unwrap().records;
        records.iter().filter(|(key, _)| key.kind == "ec2.network-insights-access-scope-finding").count()
    };
    assert_eq!(kept(), 2503);
    let store = Store::open(backend.clone()).unwrap();
    Ec2::check_records(&store).unwrap();
    let cloud = Cloud::on(store, Config::default());
    for (size, pages) in
        [(None, vec![1000, 1000, 500]), (Some(1000), vec![1000, 1000, 500]), (Some(900), vec![900, 900, 700])]
    {
        let found = findings(&cloud, &id, size);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), pages);
        for (index, finding) in found.into_iter().flatten().enumerate() {
            let number = index + 1;
            assert_eq!(finding.finding_id, Some(format!("AnalysisFinding-{number}")));
            assert_eq!(finding.network_insights_access_scope_analysis_id.as_ref(), Some(&id));
            assert_eq!(finding.network_insights_access_scope_id.as_ref(), Some(&scope));
            let component = finding.finding_components.unwrap().remove(0).component.unwrap();
            assert_eq!(component.id, Some(format!("eni-{number:017x}")));
        }
    }
    let delete = |id: &str| {
        let id = input!(DeleteNetworkInsightsAccessScopeAnalysisRequest {
            network_insights_access_scope_analysis_id: id
        });
        cloud.ok::<op::DeleteNetworkInsightsAccessScopeAnalysis>(id)
    };
    delete(&id);
    assert_eq!(findings(&cloud, &other, None)[0].len(), 3, "they go with their own analysis alone");
    delete(&other);
    cloud.ok::<op::DeleteNetworkInsightsAccessScope>(delete_scope());
    assert_eq!(kept(), 0);
}

#[test]
fn outcomes() {
    let cloud = Cloud::new();
    let scope = scope(&cloud);
    let found = |outcome: AccessScopeAnalysisOutcome| {
        let id = start(&cloud, &scope);
        complete(&cloud, &id, outcome);
        let shown = analysis(&cloud, &id);
        (shown.status.unwrap(), shown.status_message, shown.findings_found.unwrap(), shown.analyzed_eni_count)
    };
    let text = str::to_owned;
    let message = Some(text("vpc-0123456789abcdef0 is not there."));
    assert_eq!(found(failed()), (text("failed"), message, text("unknown"), None));
    let message = Some(text("analyzed revision 42: 0 findings"));
    assert_eq!(found(succeeded(0)), (text("succeeded"), message, text("false"), Some(17)));
    assert!(running(&cloud).is_empty());
    // One that is gone stays gone, and has no findings.
    let id = start(&cloud, &scope);
    let delete = || {
        input!(DeleteNetworkInsightsAccessScopeAnalysisRequest {
            network_insights_access_scope_analysis_id: &id
        })
    };
    cloud.ok::<op::DeleteNetworkInsightsAccessScopeAnalysis>(delete());
    let revision = cloud.store.snapshot().revision();
    complete(&cloud, &id, succeeded(3));
    assert_eq!(cloud.store.snapshot().revision(), revision);
    let not_found = "InvalidNetworkInsightsAccessScopeAnalysisId.NotFound";
    let message = format!("The networkInsightsAccessScopeAnalysis ID '{id}' does not exist");
    cloud.refuses::<op::DeleteNetworkInsightsAccessScopeAnalysis>(delete(), not_found, &message);
    let get = |id: &str, size: i32| {
        input!(GetNetworkInsightsAccessScopeAnalysisFindingsRequest {
            network_insights_access_scope_analysis_id: id,
            max_results: size
        })
    };
    cloud.refuses::<op::GetNetworkInsightsAccessScopeAnalysisFindings>(get(&id, 10), not_found, &message);
    let malformed = "InvalidNetworkInsightsAccessScopeAnalysisId.Malformed";
    cloud.refuses::<op::GetNetworkInsightsAccessScopeAnalysisFindings>(get(&scope, 10), malformed, "…");
    let id = start(&cloud, &scope);
    for size in [0, 1001] {
        let value = "InvalidParameterValue";
        cloud.refuses::<op::GetNetworkInsightsAccessScopeAnalysisFindings>(get(&id, size), value, "…");
    }
}

#[test]
fn analyses_are_found_by_scope_and_time() {
    let cloud = Cloud::new();
    let (one, other) = (scope(&cloud), scope(&cloud));
    let first = start(&cloud, &one);
    let began = cloud.now();
    cloud.wait(1000);
    let second = start(&cloud, &one);
    cloud.wait(1000);
    let third = start(&cloud, &other);
    let check = |request: api::DescribeNetworkInsightsAccessScopeAnalysesRequest, expect: &[&String]| {
        let told = format!("{request:?}");
        let found = cloud.ok::<op::DescribeNetworkInsightsAccessScopeAnalyses>(request);
        let found = found.network_insights_access_scope_analyses.unwrap().into_iter();
        let mut found: Vec<String> =
            found.map(|analysis| analysis.network_insights_access_scope_analysis_id.unwrap()).collect();
        let mut expect: Vec<String> = expect.iter().map(|id| (*id).clone()).collect();
        found.sort();
        expect.sort();
        assert_eq!(found, expect, "{told}");
    };
    macro_rules! with {
        ($($member:ident: $value:expr),*) => {
            input!(DescribeNetworkInsightsAccessScopeAnalysesRequest { $($member: $value),* })
        };
    }
    check(with!(), &[&first, &second, &third]);
    check(with!(network_insights_access_scope_id: &one), &[&first, &second]);
    check(
        with!(network_insights_access_scope_id: &one, network_insights_access_scope_analysis_ids: [&third, &first]),
        &[&first],
    );
    check(with!(analysis_start_time_begin: began.plus_millis(1)), &[&second, &third]);
    check(with!(analysis_start_time_end: began), &[&first]);
    let refused = |request, code: &str| {
        cloud.refuses::<op::DescribeNetworkInsightsAccessScopeAnalyses>(request, code, "…");
    };
    refused(
        with!(network_insights_access_scope_id: "nis-0123456789abcdef0"),
        "InvalidNetworkInsightsAccessScopeId.NotFound",
    );
    refused(
        with!(network_insights_access_scope_analysis_ids: ["nisa-0123456789abcdef0"]),
        "InvalidNetworkInsightsAccessScopeAnalysisId.NotFound",
    );
    refused(with!(filters: filters(&[("status", &["running"])])), "InvalidParameterValue");
    refused(with!(dry_run: true), "DryRunOperation");
}

#[test]
fn a_thousand_scopes_and_25_analyses_at_once() {
    let cloud = Cloud::new();
    let ids: Vec<String> = (0..1000).map(|_| scope(&cloud)).collect();
    cloud.refuses::<op::CreateNetworkInsightsAccessScope>(
        of_inbound(),
        "NetworkInsightsAccessScope.LimitExceeded",
        "The maximum number of network insights access scopes has been reached.",
    );
    let analyses: Vec<String> = ids[..25].iter().map(|scope| start(&cloud, scope)).collect();
    cloud.refuses::<op::StartNetworkInsightsAccessScopeAnalysis>(
        start_of(&ids[0]),
        "NetworkInsightsAccessScopeAnalysis.LimitExceeded",
        "The maximum number of concurrent network insights access scope analyses has been reached.",
    );
    complete(&cloud, &analyses[0], failed());
    start(&cloud, &ids[0]);
    assert_eq!(running(&cloud).len(), 25);
}
