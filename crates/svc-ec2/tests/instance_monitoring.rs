use crate::cloud::{Cloud, api, input, op};

fn states(answer: Option<Vec<api::InstanceMonitoring>>) -> Vec<String> {
    answer.unwrap().into_iter().map(|held| held.monitoring.unwrap().state.unwrap()).collect()
}

fn is_monitored(cloud: &Cloud, id: &str) -> bool {
    cloud.instance(id).monitoring.unwrap().state.as_deref() == Some("enabled")
}

#[test]
fn monitoring_is_turned_on_and_off() {
    let cloud = Cloud::new();
    let launch = api::RunInstancesRequest { max_count: 2, ..cloud.launch() };
    let ids: Vec<_> = cloud.run(launch).into_iter().map(|instance| instance.instance_id.unwrap()).collect();
    let on = |ids: &[String]| {
        let input = input!(MonitorInstancesRequest { instance_ids: ids.to_vec() });
        states(cloud.ok::<op::MonitorInstances>(input).instance_monitorings)
    };
    let off = |ids: &[String]| {
        let input = input!(UnmonitorInstancesRequest { instance_ids: ids.to_vec() });
        states(cloud.ok::<op::UnmonitorInstances>(input).instance_monitorings)
    };
    assert_eq!(on(&ids[..1]), ["pending"]);
    assert_eq!((is_monitored(&cloud, &ids[0]), is_monitored(&cloud, &ids[1])), (true, false));
    assert_eq!(on(&ids[..1]), ["enabled"]);
    assert_eq!(off(&ids[..1]), ["disabling"]);
    assert!(!is_monitored(&cloud, &ids[0]));
    assert_eq!(off(&ids), ["disabled", "disabled"]);

    let check = |input, code: &str| cloud.refuses::<op::MonitorInstances>(input, code, "…");
    check(input!(MonitorInstancesRequest {}), "MissingParameter");
    let unknown = "i-0123456789abcdef0";
    check(input!(MonitorInstancesRequest { instance_ids: [&ids[0], unknown] }), "InvalidInstanceID.NotFound");
    check(input!(MonitorInstancesRequest { instance_ids: ["x"] }), "InvalidInstanceID.Malformed");
    let categories = input!(MonitorInstancesRequest { instance_ids: [&ids[0]], metric_category_ids: ["a"] });
    check(categories, "UnsupportedOperation");
    let rehearsal = input!(MonitorInstancesRequest { instance_ids: [&ids[0]], dry_run: true });
    check(rehearsal, "DryRunOperation");
    on(&ids[1..]);
    let rehearsal = input!(UnmonitorInstancesRequest { instance_ids: [&ids[1]], dry_run: true });
    cloud.refuses::<op::UnmonitorInstances>(rehearsal, "DryRunOperation", "…");
    cloud.terminate(&ids[1]);
    check(input!(MonitorInstancesRequest { instance_ids: [&ids[1]] }), "IncorrectInstanceState");
}

#[test]
fn there_is_no_password() {
    let cloud = Cloud::new();
    let id = cloud.run(cloud.launch()).remove(0).instance_id.unwrap();
    let answer = cloud.ok::<op::GetPasswordData>(input!(GetPasswordDataRequest { instance_id: &id }));
    assert_eq!(answer.instance_id, Some(id));
    assert_eq!((answer.password_data.as_deref(), answer.timestamp), (Some(""), Some(cloud.now())));
    let unknown = input!(GetPasswordDataRequest { instance_id: "i-0123456789abcdef0" });
    cloud.refuses::<op::GetPasswordData>(unknown, "InvalidInstanceID.NotFound", "…");
}
