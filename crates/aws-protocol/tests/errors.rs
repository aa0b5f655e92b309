//! What the codecs say of requests that AWS would refuse, in its words and shapes.

use aws_model::Fields;
use aws_protocol::{Codec, ErrorReply, ProtocolError, Request};
use http::{HeaderMap, HeaderName, HeaderValue};

fn form(body: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
    }
}

fn json(target: &str, body: &str) -> Request {
    let mut request = form(body);
    let value = HeaderValue::from_str(target).expect("it is a header value");
    request.headers.insert(HeaderName::from_static("x-amz-target"), value);
    request
}

fn rest(method: &str, path: &str, body: &str) -> Request {
    Request { method: method.to_owned(), path: path.to_owned(), ..form(body) }
}

fn refusal(service: &str, request: &Request) -> Option<ProtocolError> {
    let model = aws_model::service(service).expect("the service is built in").model();
    let codec = Codec::for_request(model, request);
    let result = codec.route(request).and_then(|operation| {
        let input = codec.decode(operation, request)?;
        codec.validate(operation, &input)
    });
    result.err()
}

fn check(service: &str, request: &Request, code: &str, message: &str) {
    let error = refusal(service, request).expect("it is refused");
    assert_eq!((error.code.as_ref(), error.message.as_str()), (code, message));
}

#[test]
fn ec2_refuses() {
    for (body, code, message) in [
        ("Action=MakeVpc", "InvalidAction", "The action MakeVpc is not valid for this web service."),
        ("Version=2016-11-15", "MissingAction", "The request must contain the parameter Action."),
        ("Action=DescribeVpcs&Colour=red", "UnknownParameter", "The parameter Colour is not recognized"),
        ("Action=DescribeVpcs&VpcId=vpc-1", "UnknownParameter", "The parameter VpcId is not recognized"),
        (
            "Action=DescribeVpcs&VpcId.1.Id=x",
            "UnknownParameter",
            "The parameter VpcId.1.Id is not recognized",
        ),
        ("Action=DeleteVpc", "MissingParameter", "The request must contain the parameter VpcId"),
        ("Action=DeleteVpc&VpcId=", "MissingParameter", "The request must contain the parameter VpcId"),
        (
            "Action=DescribeVpcs&DryRun=",
            "InvalidParameterValue",
            "Value () for parameter DryRun is invalid. It must be a boolean.",
        ),
        (
            "Action=DescribeVpcs&MaxResults=",
            "InvalidParameterValue",
            "Value () for parameter MaxResults is invalid. It must be an integer.",
        ),
        (
            "Action=DescribeVpcs&MaxResults=many",
            "InvalidParameterValue",
            "Value (many) for parameter MaxResults is invalid. It must be an integer.",
        ),
        (
            "Action=DescribeVpcs&MaxResults=99999999999",
            "InvalidParameterValue",
            "Value (99999999999) for parameter MaxResults is invalid. It must be an integer.",
        ),
        (
            "Action=DescribeVpcs&MaxResults=2",
            "InvalidParameterValue",
            "Value ( 2 ) for parameter MaxResults is invalid. Expecting a value greater than or equal to 5.",
        ),
        (
            "Action=DescribeVpcs&DryRun=maybe",
            "InvalidParameterValue",
            "Value (maybe) for parameter DryRun is invalid. It must be a boolean.",
        ),
        (
            "Action=CreateVpc&InstanceTenancy=shared",
            "InvalidParameterValue",
            "Invalid value 'shared' for InstanceTenancy.",
        ),
        (
            "Action=CreateNetworkInsightsPath&Source=igw-1&Protocol=Tcp",
            "InvalidParameterValue",
            "Invalid value 'Tcp' for Protocol.",
        ),
        (
            "Action=DescribeVpcs&DryRun=true&DryRun=true",
            "MalformedQueryString",
            "The parameter DryRun is given more than once.",
        ),
        (
            "Action=DescribeVpcs&VpcId.1=%ff",
            "MalformedQueryString",
            "The request has a parameter that is not UTF-8.",
        ),
    ] {
        check("ec2", &form(body), code, message);
    }
}

#[test]
fn ec2_accepts() {
    for body in [
        // More than the published model has: AWS's examples send capitals, and paths are of IPv6 too.
        "Action=CreateNetworkInsightsPath&Source=igw-1&Protocol=TCP&DestinationIp=2001:db8:0:0:0:0:0:1",
        "Action=CreateNetworkInsightsPath&Source=igw-1&Protocol=udp&FilterAtSource.DestinationAddress=192.0.2.1",
        "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1&VpcId.7=vpc-2&MaxResults=5&DryRun=TRUE",
        "Action=DescribeVpcs&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&AWSAccessKeyId=x&Signature=y",
        "Action=RunInstances&MinCount=1&MaxCount=1&ImageId=ami-1&NetworkInterface.1.Ipv6Addresses.1.Ipv6Address=::1",
        "Action=CreateSubnet&VpcId=vpc-1&CidrBlock=10.0.0.0%2F24",
    ] {
        assert_eq!(refusal("ec2", &form(body)), None, "{body}");
    }
}

/// What the members of an input are, as `Name=value` with lists and structures written out.
fn decoded(service: &str, body: &str) -> String {
    let model = aws_model::service(service).expect("the service is built in").model();
    let request = form(body);
    let codec = Codec::for_request(model, &request);
    let operation = codec.route(&request).expect("it names an operation");
    let input = codec.decode(operation, &request).expect("it is well formed");
    codec.validate(operation, &input).expect("it is valid");
    format!("{input:?}")
}

#[test]
fn ec2_takes_empty_texts_for_absent() {
    for (with, without) in [
        ("Action=CreateSubnet&VpcId=v&AvailabilityZone=&Ipv6CidrBlock=", "Action=CreateSubnet&VpcId=v"),
        (
            "Action=CreateRoute&RouteTableId=r&DestinationCidrBlock=10.0.0.0/8&GatewayId=&NatGatewayId=n",
            "Action=CreateRoute&RouteTableId=r&DestinationCidrBlock=10.0.0.0/8&NatGatewayId=n",
        ),
        (
            "Action=AllocateAddress&Domain=&Address=&PublicIpv4Pool=&NetworkBorderGroup=",
            "Action=AllocateAddress",
        ),
        ("Action=CreateVpnGateway&Type=ipsec.1&AvailabilityZone=", "Action=CreateVpnGateway&Type=ipsec.1"),
        (
            "Action=CreateTransitGatewayRoute&DestinationCidrBlock=10.0.0.0/8&TransitGatewayRouteTableId=t\
             &TransitGatewayAttachmentId=&Blackhole=true",
            "Action=CreateTransitGatewayRoute&DestinationCidrBlock=10.0.0.0/8&TransitGatewayRouteTableId=t\
             &Blackhole=true",
        ),
        (
            "Action=CreateVolume&AvailabilityZone=z&Size=1&SnapshotId=&VolumeType=&KmsKeyId=",
            "Action=CreateVolume&AvailabilityZone=z&Size=1",
        ),
        (
            "Action=CreateVpcEndpoint&VpcId=v&ServiceName=s&PolicyDocument=",
            "Action=CreateVpcEndpoint&VpcId=v&ServiceName=s",
        ),
        (
            "Action=RunInstances&MinCount=1&MaxCount=1&NetworkInterface.1.DeviceIndex=0\
             &NetworkInterface.1.PrivateIpAddress=",
            "Action=RunInstances&MinCount=1&MaxCount=1&NetworkInterface.1.DeviceIndex=0",
        ),
    ] {
        assert_eq!(decoded("ec2", with), decoded("ec2", without), "{with}");
    }
}

#[test]
fn ec2_keeps_empty_texts_that_mean_something() {
    for body in [
        "Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId=e&Description.Value=",
        "Action=CreateTags&ResourceId.1=v&Tag.1.Key=k&Tag.1.Value=",
        "Action=DescribeVpcs&Filter.1.Name=n&Filter.1.Value.1=",
        "Action=ModifyInstancePlacement&InstanceId=i&GroupName=",
        "Action=RunInstances&MinCount=1&MaxCount=1&ImageId=",
        "Action=RunInstances&MinCount=1&MaxCount=1&BlockDeviceMapping.1.NoDevice=",
        "Action=DescribeVpcs&VpcId.1=",
    ] {
        assert!(decoded("ec2", body).contains(r#"String("")"#), "{body}: {}", decoded("ec2", body));
    }
    // awsQuery is not EC2's protocol, and its services tell an empty text from none.
    assert!(decoded("iam", "Action=UpdateRole&RoleName=r&Description=").contains(r#"String("")"#));
}

#[test]
fn query_services_refuse() {
    check(
        "iam",
        &form("Action=Nothing&Version=2010-05-08"),
        "InvalidAction",
        "Could not find operation Nothing for version 2010-05-08",
    );
    check(
        "iam",
        &form("Action=GetRole"),
        "ValidationError",
        "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null",
    );
    check(
        "iam",
        &form("Action=CreateUser&UserName=bad/name"),
        "ValidationError",
        "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
    );
    check(
        "iam",
        &form("Action=CreateUser&UserName=good&Path=bad"),
        "ValidationError",
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
    );
    assert_eq!(refusal("sts", &form("Action=GetCallerIdentity&Colour=red")), None);
}

#[test]
fn json_services_refuse() {
    check(
        "ssm",
        &json("AmazonSSM.Nothing", "{}"),
        "UnknownOperationException",
        "The operation Nothing is not known.",
    );
    check(
        "ssm",
        &json(
            "AmazonSSM.PutParameter",
            r#"{"Name":"","Value":"v","Type":"Text","Tags":[{"Key":"","Value":"x"}]}"#,
        ),
        "ValidationException",
        "3 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length \
         greater than or equal to 1; Value 'Text' at 'type' failed to satisfy constraint: Member must satisfy enum \
         value set: [String, StringList, SecureString]; Value '' at 'tags.1.member.key' failed to satisfy constraint: \
         Member must have length greater than or equal to 1",
    );
    check(
        "ssm",
        &json("AmazonSSM.GetParameters", r#"{"Names":[""]}"#),
        "ValidationException",
        "1 validation error detected: Value '[]' at 'names' failed to satisfy constraint: Member must satisfy \
         constraint: [Member must have length less than or equal to 2048, Member must have length greater than or \
         equal to 1]",
    );
    check(
        "ssm",
        &json("AmazonSSM.GetParameter", r#"{"Name":1}"#),
        "SerializationException",
        "NUMBER_VALUE cannot be converted to String",
    );
    assert_eq!(
        refusal("ssm", &json("AmazonSSM.GetParameter", "{\"Name\"")).map(|error| error.code),
        Some("SerializationException".into())
    );
    assert_eq!(
        refusal("ssm", &json("AmazonSSM.GetParameter", r#"{"Name":"a","New":1,"WithDecryption":null}"#)),
        None
    );
}

#[test]
fn rest_services_refuse() {
    let unknown = refusal("lambda", &rest("GET", "/nowhere", "")).expect("it is refused");
    assert_eq!((unknown.code.as_ref(), unknown.status), ("UnknownOperationException", Some(404)));
    let s3 = refusal("s3", &rest("PATCH", "/bucket/key", "")).expect("it is refused");
    assert_eq!((s3.code.as_ref(), s3.status), ("MethodNotAllowed", Some(405)));
    let broken = refusal("route53", &rest("POST", "/2013-04-01/hostedzone", "<a>")).expect("it is refused");
    assert_eq!(broken.code, "MalformedXML");
}

#[test]
fn sensitive_values_are_not_repeated() {
    let body = r#"{"Name":"a","SecretString":""}"#;
    let error = refusal("secretsmanager", &json("secretsmanager.CreateSecret", body)).expect("it is refused");
    assert!(error.message.contains("redacted"), "{error}");
}

/// What is in a model and not built says so, and names the operation.
#[test]
fn what_is_not_implemented_says_so() {
    for (service, operation, status) in [
        ("ec2", "CreateVpc", 400),
        ("iam", "GetRole", 400),
        ("ssm", "PutParameter", 501),
        ("lambda", "Invoke", 501),
    ] {
        let model = aws_model::service(service).expect("the service is built in").model();
        let codec = Codec::new(model, model.metadata.protocols[0]);
        let operation = model.operation(operation).expect("it is in the model");
        let error = codec.not_implemented(operation);
        let fields = Fields::new();
        let response = codec.encode_error(Some(operation), &ErrorReply::of(&error, &fields), "id");
        assert_eq!(response.status.as_u16(), status, "{service}");
        let body = String::from_utf8(response.body.to_vec()).expect("it is text");
        assert!(body.contains(operation.name), "{body}");
    }
}

#[test]
fn errors_have_their_protocols_shapes() {
    let body = |service: &str, code: &str| {
        let model = aws_model::service(service).expect("the service is built in").model();
        let codec = Codec::new(model, model.metadata.protocols[0]);
        let reply = ErrorReply { code, message: "a < b", fields: &Fields::new(), status: None };
        let response = codec.encode_error(None, &reply, "id-1");
        (response.status.as_u16(), String::from_utf8(response.body.to_vec()).expect("it is text"))
    };
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    for (service, code, status, expect) in [
        (
            "ec2",
            "InvalidVpcID.NotFound",
            400,
            format!(
                "{declaration}<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>a &lt; b</Message></Error></Errors><RequestID>id-1</RequestID></Response>"
            ),
        ),
        (
            "iam",
            "NoSuchEntity",
            404,
            format!(
                "{declaration}<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>a &lt; b</Message></Error><RequestId>id-1</RequestId></ErrorResponse>"
            ),
        ),
        ("ssm", "ParameterNotFound", 400, r#"{"__type":"ParameterNotFound","message":"a < b"}"#.to_owned()),
        ("lambda", "ResourceNotFoundException", 404, r#"{"Message":"a < b"}"#.to_owned()),
        (
            "s3",
            "NoSuchBucket",
            404,
            format!(
                "{declaration}<Error><Code>NoSuchBucket</Code><Message>a &lt; b</Message><RequestId>id-1</RequestId><HostId>id-1</HostId></Error>"
            ),
        ),
    ] {
        assert_eq!(body(service, code), (status, expect), "{service}");
    }
}
