//! S3 from inside of the network: by a gateway endpoint whose policy has its say, over a NAT gateway, and not at all.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloud::guest::{Instance, Launch, Network};
use cloud::{BOTH_MODES, Cloud, Finished, Xml, eventually, on_a_workstation, skip};

const IAM: &str = "2010-05-08";
/// The two buckets, and one that nobody has.
const OURS: &str = "brume-ours";
const OTHERS: &str = "brume-others";
const NOBODYS: &str = "brume-nobodys";

fn iam(cloud: &Cloud, action: &str, parameters: &[(&str, &str)]) -> Xml {
    cloud.client().query("iam", IAM, action, parameters).unwrap()
}

/// Whether this machine's curl, which is the guests' too, signs as AWS does.
fn has_curl() -> bool {
    let told = Command::new("/usr/bin/curl").args(["--help", "all"]).output();
    told.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains("--aws-sigv4"))
}

/// Options with which curl signs for S3.
const SIGNED: &str = "--aws-sigv4 aws:amz:us-east-1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'";

/// The value of a variable of the cloud's profile.
fn profile(cloud: &Cloud, name: &str) -> String {
    let profile = node::read_profile(&node::DataDir::open(cloud.path()).unwrap()).unwrap();
    profile.into_iter().find(|(known, _)| *known == name).unwrap().1
}

fn root_user(cloud: &Cloud) -> String {
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| profile(cloud, name));
    format!("{SIGNED} --user '{id}:{secret}'")
}

/// Asks from outside, as the root user: for a path, with these options of curl.
fn outside(cloud: &Cloud, options: &str, path: &str) -> Finished {
    let at = profile(cloud, "AWS_ENDPOINT_URL");
    let signed = root_user(cloud);
    let script = format!(
        "curl -sS --fail-with-body --max-time 20 {signed} -H 'content-type:' {options} '{at}/{path}'"
    );
    Finished::new(Command::new("sh").args(["-c", &script]).output().unwrap())
}

fn put(cloud: &Cloud, path: &str, body: &str) {
    // What is said of a bucket has to come with a checksum.
    let sum = STANDARD.encode(digest(&SHA256, body.as_bytes()));
    let checked =
        if path.contains('?') { format!("-H 'x-amz-checksum-sha256: {sum}'") } else { String::new() };
    let done = outside(cloud, &format!("-X PUT --data-binary '{body}' {checked}"), path);
    assert_eq!(done.code, 0, "{path}: {done:?}");
}

/// Makes a bucket with one object from outside.
fn make_bucket(cloud: &Cloud, bucket: &str) {
    put(cloud, bucket, "");
    put(cloud, &format!("{bucket}/key"), &format!("of {bucket}"));
}

/// What one request came to.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    /// The code and message of an error.
    fn error(&self) -> (String, String) {
        let xml = Xml::new(&self.body);
        (xml.first("Code").unwrap_or_default(), xml.first("Message").unwrap_or_default())
    }
}

/// A cloud with an instance in a private subnet, which has a role.
struct Lab<'a> {
    cloud: &'a Cloud,
    network: Network,
    table: String,
    instance: Instance,
    role: String,
}

impl<'a> Lab<'a> {
    fn new(cloud: &'a Cloud) -> Self {
        let network = Network::new(cloud);
        let filter = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", network.vpc.as_str())];
        let table = cloud.ec2("DescribeRouteTables", &filter).first("routeTableId").unwrap();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let role = iam(cloud, "CreateRole", &[("RoleName", "guest"), ("AssumeRolePolicyDocument", trust)]);
        let role = role.first("Arn").unwrap();
        iam(cloud, "CreateInstanceProfile", &[("InstanceProfileName", "guest")]);
        let added = [("InstanceProfileName", "guest"), ("RoleName", "guest")];
        iam(cloud, "AddRoleToInstanceProfile", &added);
        let extra = [("IamInstanceProfile.Name", "guest")];
        let instance = network.boot(cloud, Launch { extra: &extra, ..Launch::default() });
        let lab = Self { cloud, network, table, instance, role };
        lab.allow("");
        lab
    }

    /// Lets the role do everything in S3, on this condition.
    fn allow(&self, condition: &str) {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:*","Resource":"*"{condition}}}]}}"#
        );
        let put = [("RoleName", "guest"), ("PolicyName", "s3"), ("PolicyDocument", policy.as_str())];
        iam(self.cloud, "PutRolePolicy", &put);
    }

    /// Asks from inside with these options of curl.
    fn curl(&self, options: &str, url: &str) -> Result<Answer, Finished> {
        let script = format!("curl -sS --max-time 10 -w '\\n%{{http_code}}' {options} '{url}'");
        let finished = self.cloud.sh(&self.instance, &script);
        if finished.code != 0 {
            return Err(finished);
        }
        let (body, status) = finished.stdout.rsplit_once('\n').unwrap();
        Ok(Answer { status: status.trim().parse().unwrap(), body: body.to_owned() })
    }

    /// Asks with the credentials of the instance's role.
    fn as_role(&self, url: &str) -> Answer {
        let metadata = "http://169.254.169.254/latest";
        let script = format!(
            "t=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {metadata}/api/token)\n\
             curl -sf -H \"X-aws-ec2-metadata-token: $t\" {metadata}/meta-data/iam/security-credentials/guest"
        );
        let told = self.cloud.output(&self.instance, &script);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let value = |name: &str| told[name].as_str().unwrap().to_owned();
        let [id, secret, token] = [value("AccessKeyId"), value("SecretAccessKey"), value("Token")];
        let options = format!("{SIGNED} --user '{id}:{secret}' -H 'x-amz-security-token: {token}'");
        self.curl(&options, url).unwrap_or_else(|failed| panic!("{url}: {failed:?}"))
    }

    fn as_root(&self, url: &str) -> Answer {
        self.curl(&root_user(self.cloud), url).unwrap_or_else(|failed| panic!("{url}: {failed:?}"))
    }

    fn as_nobody(&self, url: &str) -> Answer {
        self.curl("", url).unwrap_or_else(|failed| panic!("{url}: {failed:?}"))
    }

    /// A gateway endpoint in the subnet's table, with this policy.
    fn endpoint(&self, policy: &str) -> String {
        let parameters = [
            ("VpcId", self.network.vpc.as_str()),
            ("ServiceName", "com.amazonaws.us-east-1.s3"),
            ("RouteTableId.1", &self.table),
            ("PolicyDocument", policy),
        ];
        self.cloud.ec2("CreateVpcEndpoint", &parameters).first("vpcEndpointId").unwrap()
    }

    /// A NAT gateway in a subnet of its own, where the route table leads to. Its public address.
    fn lead_to_nat_gateway(&self) -> String {
        let (cloud, vpc) = (self.cloud, self.network.vpc.as_str());
        let subnet = cloud.ec2("CreateSubnet", &[("VpcId", vpc), ("CidrBlock", "10.0.2.0/24")]);
        let subnet = subnet.first("subnetId").unwrap();
        let gateway = cloud.ec2("CreateInternetGateway", &[]).first("internetGatewayId").unwrap();
        cloud.ec2("AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", vpc)]);
        let table = cloud.ec2("CreateRouteTable", &[("VpcId", vpc)]).first("routeTableId").unwrap();
        cloud.ec2("AssociateRouteTable", &[("RouteTableId", &table), ("SubnetId", &subnet)]);
        let out = |table: &str, (name, target): (&str, &str)| {
            let route = [("RouteTableId", table), ("DestinationCidrBlock", "0.0.0.0/0"), (name, target)];
            cloud.ec2("CreateRoute", &route);
        };
        out(&table, ("GatewayId", &gateway));
        let allocated = cloud.ec2("AllocateAddress", &[]);
        let (address, id) = (allocated.first("publicIp").unwrap(), allocated.first("allocationId").unwrap());
        let nat = [("SubnetId", subnet.as_str()), ("AllocationId", &id)];
        let nat = cloud.ec2("CreateNatGateway", &nat).first("natGatewayId").unwrap();
        out(&self.table, ("NatGatewayId", &nat));
        address
    }
}

/// What `brume trace` says of a connection from the instance to S3: whether it reaches it, and all that it passes.
fn trace(lab: &Lab<'_>) -> (bool, String) {
    let address = lab.cloud.output(&lab.instance, "getent ahostsv4 s3.us-east-1.amazonaws.com");
    let address = address.split_whitespace().next().unwrap();
    let mut command = cloud::brume();
    command.args(["trace", &lab.instance.id, address, "--tcp", "443", "--json", "--data-dir"]);
    let told = Finished::new(command.arg(lab.cloud.path()).output().unwrap());
    let report: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(report["reaches"].as_bool().unwrap(), told.code == 0, "{told:?}");
    (told.code == 0, report.to_string())
}

fn url(bucket: &str) -> String {
    format!("https://{bucket}.s3.us-east-1.amazonaws.com/key")
}

/// A policy that lets everybody do everything with one bucket.
fn one_bucket(bucket: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}]}}"#
    )
}

/// Whether nothing answers at S3's address.
fn is_silent(lab: &Lab<'_>) -> bool {
    let asked = lab.curl("--connect-timeout 2", &url(OURS));
    // 28: the time ran out. 6 would be a name that is not there.
    matches!(asked, Err(Finished { code: 28, .. }))
}

#[test]
fn an_endpoint_leads_to_s3_as_far_as_its_policy_lets() {
    on_a_workstation(|| {
        if !has_curl() {
            return skip("there is no curl that signs requests");
        }
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            [OURS, OTHERS].iter().for_each(|bucket| make_bucket(&cloud, bucket));
            let lab = Lab::new(&cloud);
            assert!(is_silent(&lab), "there is no way to S3 yet");
            assert!(!trace(&lab).0, "and a trace says so");
            let endpoint = lab.endpoint(&one_bucket(OURS));
            eventually("the endpoint leads there", || lab.curl("", &url(OURS)).is_ok());

            let (reaches, way) = trace(&lab);
            assert!(reaches && way.contains(&endpoint) && way.contains("Amazon S3 as "), "{way}");
            let answer = lab.as_role(&url(OURS));
            assert_eq!((answer.status, answer.body.as_str()), (200, "of brume-ours"));
            what_the_policy_denies(&lab);
            by_other_names(&lab);
            conditions_of_the_endpoint(&lab, &endpoint);
            what_is_recorded(&lab, &endpoint);

            // The policy that counts is the one of the time of the request.
            cloud.ec2("ModifyVpcEndpoint", &[("VpcEndpointId", &endpoint), ("ResetPolicy", "true")]);
            assert_eq!(lab.as_role(&url(OTHERS)).body, "of brume-others");
            let nobodys = lab.as_role(&url(NOBODYS));
            assert_eq!((nobodys.status, nobodys.error().0.as_str()), (404, "NoSuchBucket"));

            a_bucket_for_one_endpoint(&lab, &endpoint);

            cloud.ec2("DeleteVpcEndpoints", &[("VpcEndpointId.1", &endpoint)]);
            eventually("the endpoint leads nowhere", || is_silent(&lab));
            assert!(!trace(&lab).0);
            over_a_nat_gateway(&lab, &endpoint);
            cloud.finish();
        }
    });
}

/// What the endpoint does not allow is denied whoever asks, before it is looked whether it is there.
fn what_the_policy_denies(lab: &Lab<'_>) {
    for bucket in [OTHERS, NOBODYS] {
        let denied = lab.as_role(&url(bucket));
        let (code, message) = denied.error();
        assert_eq!((denied.status, code.as_str()), (403, "AccessDenied"), "{denied:?}");
        let told = format!(
            "is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::{bucket}/key because no VPC \
             endpoint policy allows the s3:GetObject action"
        );
        let message = message.replace("&quot;", "\"");
        let role = lab.role.rsplit('/').next().unwrap();
        assert!(message.contains(&told) && message.contains(&format!("assumed-role/{role}/")), "{message}");
        assert_eq!(lab.as_root(&url(bucket)).status, 403, "the root user, too");
        let nobody = lab.as_nobody(&url(bucket));
        assert_eq!((nobody.status, nobody.error().1.as_str()), (403, "Access Denied"));
    }
}

/// What else of S3 is there, and of nothing else.
fn by_other_names(lab: &Lab<'_>) {
    let ours = "of brume-ours";
    for url in [
        "https://s3.us-east-1.amazonaws.com/brume-ours/key",
        "https://s3.amazonaws.com/brume-ours/key",
        "https://brume-ours.s3.amazonaws.com/key",
        "https://brume-ours.s3.dualstack.us-east-1.amazonaws.com/key",
        "http://brume-ours.s3.us-east-1.amazonaws.com/key",
    ] {
        assert_eq!(lab.as_role(url).body, ours, "{url}");
    }
    let health = lab.as_nobody("http://s3.us-east-1.amazonaws.com/_brume/health");
    assert!(health.status != 200 && !health.body.contains("running"), "{health:?}");
    let at = "--connect-to ec2.us-east-1.amazonaws.com:443:s3.us-east-1.amazonaws.com:443";
    let other = lab.curl(at, "https://ec2.us-east-1.amazonaws.com/").unwrap_err();
    assert_eq!(other.code, 60, "the certificate is not EC2's: {other:?}");
    let signed = root_user(lab.cloud).replace("us-east-1:s3", "us-east-1:ec2");
    let asked = "https://s3.us-east-1.amazonaws.com/?Action=DescribeVpcs&Version=2016-11-15";
    let refused = lab.curl(&signed, asked).unwrap();
    assert_eq!(refused.error().0, "AuthorizationHeaderMalformed", "{refused:?}");
}

fn check_condition(lab: &Lab<'_>, condition: &str, holds: bool) {
    lab.allow(&format!(r#","Condition":{{{condition}}}"#));
    let answer = lab.as_role(&url(OURS));
    assert_eq!(answer.status == 200, holds, "{condition}: {answer:?}");
}

fn conditions_of_the_endpoint(lab: &Lab<'_>, endpoint: &str) {
    let vpc = &lab.network.vpc;
    check_condition(lab, &format!(r#""StringEquals":{{"aws:SourceVpce":"{endpoint}"}}"#), true);
    check_condition(lab, r#""StringEquals":{"aws:SourceVpce":"vpce-0123456789abcdef0"}"#, false);
    check_condition(lab, &format!(r#""StringEquals":{{"aws:SourceVpc":"{vpc}"}}"#), true);
    let own = format!(r#""IpAddress":{{"aws:VpcSourceIp":"{}/32"}}"#, lab.instance.address);
    check_condition(lab, &own, true);
    check_condition(lab, r#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#, false);
    check_condition(lab, r#""Null":{"aws:SourceIp":"true"}"#, true);
    lab.allow("");
}

/// The events of the account tell by which endpoint a request came.
fn what_is_recorded(lab: &Lab<'_>, endpoint: &str) {
    let put = format!("{} -X PUT", root_user(lab.cloud));
    lab.curl(&put, "https://s3.us-east-1.amazonaws.com/brume-others").unwrap();
    let told = lab.cloud.run("events", &["--json", "--service", "s3"]);
    assert_eq!(told.code, 0, "{told:?}");
    let mut all = told.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let event = all.rfind(|event| event["eventName"] == "CreateBucket").unwrap();
    assert_eq!((&event["errorCode"], &event["vpcEndpointId"]), (&"AccessDenied".into(), &endpoint.into()));
    assert_eq!(event["sourceIPAddress"], *lab.instance.address);
}

/// The bucket's website, which has no HTTPS and which nobody signs for.
const SITE: &str = "http://brume-ours.s3-website-us-east-1.amazonaws.com/key";

/// The bucket's own policy can say by which endpoint one has to come; everybody who does may read it then.
fn a_bucket_for_one_endpoint(lab: &Lab<'_>, endpoint: &str) {
    let statement = |effect: &str, operator: &str| {
        format!(
            r#"{{"Effect":"{effect}","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::{OURS}/*","Condition":{{"{operator}":{{"aws:SourceVpce":"{endpoint}"}}}}}}"#
        )
    };
    let (allow, deny) = (statement("Allow", "StringEquals"), statement("Deny", "StringNotEquals"));
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{allow},{deny}]}}"#);
    put(lab.cloud, &format!("{OURS}?policy="), &policy);
    let website = "<WebsiteConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IndexDocument>\
                   <Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>";
    put(lab.cloud, &format!("{OURS}?website="), website);
    assert_eq!(lab.as_role(&url(OURS)).body, "of brume-ours");
    assert_eq!(lab.as_nobody(&url(OURS)).body, "of brume-ours");
    assert_eq!(lab.as_nobody(SITE).body, "of brume-ours");
    let denied = outside(lab.cloud, "", &format!("{OURS}/key"));
    assert!(denied.code != 0 && denied.stdout.contains("AccessDenied"), "{denied:?}");
}

fn over_a_nat_gateway(lab: &Lab<'_>, endpoint: &str) {
    let public = lab.lead_to_nat_gateway();
    eventually("the NAT gateway leads there", || lab.curl("", &url(OURS)).is_ok());
    let (reaches, way) = trace(lab);
    assert!(reaches && way.contains("nat-") && !way.contains("vpce-"), "{way}");
    assert_eq!(lab.as_role(&url(OTHERS)).body, "of brume-others");
    let denied = lab.as_role(&url(OURS));
    let (code, message) = denied.error();
    assert_eq!((denied.status, code.as_str()), (403, "AccessDenied"), "by another way: {denied:?}");
    assert!(message.ends_with("with an explicit deny in a resource-based policy"), "{message}");
    assert_eq!(lab.as_nobody(SITE).status, 403);
    let removed = outside(lab.cloud, "-X DELETE", &format!("{OURS}?policy="));
    assert_eq!(removed.code, 0, "{removed:?}");
    check_condition(lab, &format!(r#""IpAddress":{{"aws:SourceIp":"{public}/32"}}"#), true);
    check_condition(lab, r#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#, false);
    check_condition(lab, &format!(r#""StringEquals":{{"aws:SourceVpce":"{endpoint}"}}"#), false);
    check_condition(lab, r#""Null":{"aws:SourceVpce":"true","aws:SourceVpc":"true"}"#, true);
}
