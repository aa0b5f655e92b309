//! Conditions on how a request came.

use std::sync::Arc;

use service_api::{EndpointPassed, RequestContext, Way};

use super::*;

#[test]
fn the_endpoint_that_a_request_came_through_can_be_asked_about() {
    let endpoint = Arc::new(EndpointPassed {
        endpoint_id: "vpce-1".to_owned(),
        vpc_id: "vpc-1".to_owned(),
        source_ip: "10.0.0.5".parse().unwrap(),
    });
    let through = Way { endpoint: Some(endpoint), ..Way::default() };
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
    check(r#""IpAddress":{"aws:VpcSourceIp":"10.0.0.0/24"}"#, true, false);
    check(r#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#, false, true);
    check(r#""Null":{"aws:SourceVpce":"true"}"#, false, true);
    check(r#""StringLike":{"aws:Referer":"http://www.example.com/*"}"#, false, true);
}
