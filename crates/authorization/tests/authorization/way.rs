//! Conditions on how a request came.

use std::sync::Arc;

use service_api::{EndpointPassed, RequestContext, Way};

use super::*;

/// The way through an endpoint with this policy.
fn through(policy: Option<&str>) -> Way {
    let endpoint = Arc::new(EndpointPassed {
        endpoint_id: "vpce-1".to_owned(),
        account: account(MEMBER),
        vpc_id: "vpc-1".to_owned(),
        source_ip: "10.0.0.5".parse().unwrap(),
        policy: policy.map(str::to_owned),
    });
    Way { endpoint: Some(endpoint), ..Way::default() }
}

#[test]
fn the_endpoint_that_a_request_came_through_can_be_asked_about() {
    let through = through(None);
    let linked = Way { referer: Some("http://www.example.com/a".to_owned()), ..Way::default() };
    let check = |condition: &str, by_endpoint: bool, by_link: bool| {
        let world = World::new();
        let allowed = statement("Allow", "s3:GetObject", &format!(r#","Condition":{{{condition}}}"#));
        let ann = world.user(MEMBER, "ann", &[&allowed], |_| {});
        for (way, expected) in [(&through, by_endpoint), (&linked, by_link)] {
            let request = RequestContext { way: way.clone(), ..context(&ann) };
            let needed = [any("s3:GetObject")];
            let decided = world.authorization.decide(&request, "s3", "GetObject", Some(&needed));
            assert_eq!(decided.is_ok(), expected, "{condition} by {way:?}");
        }
    };
    check(r#""StringEquals":{"aws:SourceVpce":"vpce-1"}"#, true, false);
    check(r#""StringEquals":{"aws:SourceVpce":"vpce-2"}"#, false, false);
    check(r#""StringEquals":{"aws:SourceVpc":"vpc-1"}"#, true, false);
    check(r#""StringNotEquals":{"aws:SourceVpc":"vpc-1"}"#, false, true);
    check(r#""IpAddress":{"aws:VpcSourceIp":"10.0.0.0/24"}"#, true, false);
    check(r#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#, false, true);
    check(r#""Null":{"aws:SourceVpce":"true"}"#, false, true);
    check(r#""StringLike":{"aws:Referer":"http://www.example.com/*"}"#, false, true);
}

/// What the endpoint's policy does not allow is denied, whoever asks, and whatever else allows it.
#[test]
fn the_policy_of_an_endpoint_has_to_allow_too() {
    let world = World::new();
    let ann = world.user(MEMBER, "ann", &[&statement("Allow", "s3:*", "")], |_| {});
    let poor = world.user(MEMBER, "poor", &[], |_| {});
    let root = Principal::root(P, account(MEMBER), "AKIAIOSFODNN7EXAMPLE");
    let nobody = Principal::anonymous(P);
    let to_all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    let of = |effect: &str, more: &str| {
        format!(
            r#"{{"Version":"2008-10-17","Statement":[{{"Effect":"{effect}","Principal":"*","Action":"s3:*",{more}}}]}}"#
        )
    };
    let ask = |who: &Principal, way: Way, bucket: &str| {
        let request = RequestContext { way, ..context(who) };
        let list = on("s3:ListBucket", &format!("arn:aws:s3:::{bucket}"), |target| {
            target.owner = Some(account(MEMBER));
            target.policy = (bucket == "public").then(|| to_all.into());
        });
        let decided = world.authorization.decide(&request, "s3", "ListObjectsV2", Some(&[list]));
        decided.map_err(|refusal| refusal.message)
    };
    let one = of("Allow", r#""Resource":["arn:aws:s3:::ours","arn:aws:s3:::ours/*"]"#);
    let check = |policy: Option<&str>, bucket: &str, expected: [bool; 4]| {
        let may = [&ann, &poor, &root, &nobody].map(|who| ask(who, through(policy), bucket).is_ok());
        assert_eq!(may, expected, "{bucket} by {policy:?}");
    };
    for policy in [None, Some(to_all)] {
        check(policy, "ours", [true, false, true, false]);
        check(policy, "public", [true; 4]);
    }
    check(Some(&one), "ours", [true, false, true, false]);
    check(Some(&one), "others", [false; 4]);
    // Neither does what a bucket allows to everybody come through.
    check(Some(&one), "public", [false; 4]);
    check(Some("not a policy"), "public", [false; 4]);
    check(Some(&of("Deny", r#""Resource":"*""#)), "public", [false; 4]);
    let ours = r#""Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"222222222222"}}"#;
    check(Some(&of("Allow", ours)), "public", [true, true, true, false]);
    let other = r#""Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":"vpce-2"}}"#;
    check(Some(&of("Allow", other)), "public", [false; 4]);

    let told = |policy: &str| ask(&ann, through(Some(policy)), "others").unwrap_err();
    assert_eq!(
        told(&one),
        "User: arn:aws:iam::222222222222:user/ann is not authorized to perform: s3:ListBucket on resource: \
         arn:aws:s3:::others because no VPC endpoint policy allows the s3:ListBucket action"
    );
    let denied = told(&of("Deny", r#""Resource":"*""#));
    assert!(denied.ends_with("with an explicit deny in a VPC endpoint policy"), "{denied}");
    // By any other way the policy has no say.
    assert_eq!(ask(&ann, Way::default(), "others"), Ok(()));
}

/// A bucket's policy that denies whoever does not come by one endpoint: the recipe's challenge.
#[test]
fn a_bucket_can_be_for_one_endpoint_alone() {
    let world = World::new();
    let ann = world.user(MEMBER, "ann", &[&statement("Allow", "s3:*", "")], |_| {});
    let root = Principal::root(P, account(MEMBER), "AKIAIOSFODNN7EXAMPLE");
    let only = |endpoint: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{{"StringNotEquals":{{"aws:SourceVpce":"{endpoint}"}}}}}}]}}"#
        )
    };
    for who in [&ann, &root] {
        let check = |way: Way, endpoint: &str, expected: bool| {
            let get = on("s3:GetObject", "arn:aws:s3:::ours/key", |target| {
                target.owner = Some(account(MEMBER));
                target.policy = Some(only(endpoint).into());
            });
            let request = RequestContext { way, ..context(who) };
            let decided = world.authorization.decide(&request, "s3", "GetObject", Some(&[get]));
            assert_eq!(decided.is_ok(), expected, "{} for {endpoint}", who.arn);
        };
        check(through(None), "vpce-1", true);
        check(through(None), "vpce-2", false);
        check(Way::default(), "vpce-1", false);
    }
}
