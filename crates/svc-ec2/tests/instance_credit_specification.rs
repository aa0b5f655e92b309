use crate::cloud::{Cloud, api, filters, input, op};

fn wanted(id: &str, credits: &str) -> api::InstanceCreditSpecificationRequest {
    input!(InstanceCreditSpecificationRequest { instance_id: id, cpu_credits: credits })
}

fn described(
    cloud: &Cloud,
    input: api::DescribeInstanceCreditSpecificationsRequest,
) -> Vec<(String, String)> {
    let answer = cloud.ok::<op::DescribeInstanceCreditSpecifications>(input);
    let found = answer.instance_credit_specifications.unwrap().into_iter();
    found.map(|held| (held.instance_id.unwrap(), held.cpu_credits.unwrap())).collect()
}

fn credits(cloud: &Cloud, id: &str) -> String {
    let input = input!(DescribeInstanceCreditSpecificationsRequest { instance_ids: [id] });
    described(cloud, input).remove(0).1
}

fn launched(cloud: &Cloud, instance_type: &str) -> String {
    let launch = api::RunInstancesRequest { instance_type: Some(instance_type.to_owned()), ..cloud.launch() };
    cloud.run(launch).remove(0).instance_id.unwrap()
}

#[test]
fn an_option_changes_where_the_type_has_one() {
    let cloud = Cloud::without_quotas();
    let (burstable, other, gone) =
        (launched(&cloud, "t3.micro"), launched(&cloud, "m5.large"), launched(&cloud, "t3.micro"));
    cloud.terminate(&gone);
    assert_eq!((&*credits(&cloud, &burstable), &*credits(&cloud, &other)), ("unlimited", "standard"));
    let list = |list| api::ModifyInstanceCreditSpecificationRequest {
        instance_credit_specifications: list,
        ..Default::default()
    };
    let unknown = "i-0123456789abcdef0";
    let all = [&burstable, &other, &gone, unknown, "x"].map(|id| wanted(id, "standard"));
    let answer = cloud.ok::<op::ModifyInstanceCreditSpecification>(list(all.into()));
    let done = answer.successful_instance_credit_specifications.unwrap();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].instance_id.as_ref(), Some(&burstable));
    let refused = answer.unsuccessful_instance_credit_specifications.unwrap().into_iter();
    let refused = refused.map(|item| (item.instance_id.unwrap(), item.error.unwrap().code.unwrap()));
    let expected = [
        (&*other, "InstanceCreditSpecification.NotSupported"),
        (&*gone, "IncorrectInstanceState"),
        (unknown, "InvalidInstanceID.NotFound"),
        ("x", "InvalidInstanceID.Malformed"),
    ];
    assert_eq!(refused.collect::<Vec<_>>(), expected.map(|(id, code)| (id.to_owned(), code.to_owned())));
    assert_eq!(credits(&cloud, &burstable), "standard");

    let check = |list, code: &str| {
        let input = api::ModifyInstanceCreditSpecificationRequest {
            instance_credit_specifications: list,
            ..Default::default()
        };
        cloud.refuses::<op::ModifyInstanceCreditSpecification>(input, code, "…");
    };
    check(vec![], "MissingParameter");
    check(vec![wanted(&burstable, "unlimited"), wanted(&burstable, "much")], "InvalidCpuCredits.Malformed");
    let none = api::InstanceCreditSpecificationRequest { cpu_credits: None, ..wanted(&burstable, "") };
    check(vec![none], "MissingParameter");
    let rehearsal = api::ModifyInstanceCreditSpecificationRequest {
        dry_run: Some(true),
        ..list(vec![wanted(&burstable, "unlimited")])
    };
    cloud.refuses::<op::ModifyInstanceCreditSpecification>(rehearsal, "DryRunOperation", "…");

    // A repeated request does not undo what came since.
    let with_token = api::ModifyInstanceCreditSpecificationRequest {
        client_token: Some("once".to_owned()),
        ..list(vec![wanted(&burstable, "unlimited"), wanted(unknown, "unlimited")])
    };
    let first = cloud.ok::<op::ModifyInstanceCreditSpecification>(with_token.clone());
    cloud.ok::<op::ModifyInstanceCreditSpecification>(list(vec![wanted(&burstable, "standard")]));
    assert_eq!(cloud.ok::<op::ModifyInstanceCreditSpecification>(with_token.clone()), first);
    assert_eq!(credits(&cloud, &burstable), "standard");
    let different = api::ModifyInstanceCreditSpecificationRequest {
        instance_credit_specifications: vec![wanted(&burstable, "standard")],
        ..with_token
    };
    let code = "IdempotentParameterMismatch";
    cloud.refuses::<op::ModifyInstanceCreditSpecification>(different, code, "…");
}

#[test]
fn unlimited_ones_are_listed() {
    let cloud = Cloud::without_quotas();
    let mut burstable: Vec<_> = (0..6).map(|_| launched(&cloud, "t3.micro")).collect();
    burstable.sort();
    launched(&cloud, "m5.large");
    launched(&cloud, "t2.micro");
    let ids = |input| described(&cloud, input).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(input!(DescribeInstanceCreditSpecificationsRequest {})), burstable);
    let one = filters(&[("instance-id", &[&burstable[2]])]);
    assert_eq!(ids(input!(DescribeInstanceCreditSpecificationsRequest { filters: one })), [&*burstable[2]]);
    let first = input!(DescribeInstanceCreditSpecificationsRequest { max_results: 5 });
    let answer = cloud.ok::<op::DescribeInstanceCreditSpecifications>(first.clone());
    assert_eq!(answer.instance_credit_specifications.unwrap().len(), 5);
    let rest =
        api::DescribeInstanceCreditSpecificationsRequest { next_token: answer.next_token, ..first.clone() };
    assert_eq!(ids(rest), [&*burstable[5]]);

    let check = |input, code: &str| {
        cloud.refuses::<op::DescribeInstanceCreditSpecifications>(input, code, "…");
    };
    let both = api::DescribeInstanceCreditSpecificationsRequest {
        instance_ids: Some(vec![burstable[0].clone()]),
        ..first
    };
    check(both, "InvalidParameterCombination");
    let unknown =
        input!(DescribeInstanceCreditSpecificationsRequest { instance_ids: ["i-0123456789abcdef0"] });
    check(unknown, "InvalidInstanceID.NotFound");
    let rehearsal = input!(DescribeInstanceCreditSpecificationsRequest { dry_run: true });
    check(rehearsal, "DryRunOperation");
}
