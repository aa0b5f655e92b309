//! The stock Python SDK against the gateway, where it is installed: what it signs, sends and parses.

use std::path::PathBuf;
use std::process::Command;

use crate::cloud::{Cloud, KEY, SECRET};

const SCRIPT: &str = r#"
import ssl, sys, urllib.request, boto3, botocore
from botocore.config import Config
from botocore.exceptions import ClientError

address, ca, key, secret = sys.argv[1:]
config = Config(retries={"total_max_attempts": 1})

def client(service, scheme="http", secret=secret, config=config, **more):
    return boto3.client(service, endpoint_url=f"{scheme}://{address}", region_name="eu-west-1", aws_access_key_id=key,
                        aws_secret_access_key=secret, config=config, verify=ca, **more)

def refused(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("it was not refused")

def equal(found, expect):
    assert found == expect, f"{found} is not {expect}"

for scheme in ["http", "https"]:
    ec2, ssm = client("ec2", scheme), client("ssm", scheme)
    answer = ec2.describe_vpcs(VpcIds=["vpc-1", "vpc-2"])
    equal([vpc["VpcId"] for vpc in answer["Vpcs"]], ["vpc-1", "vpc-2"])
    equal(answer["ResponseMetadata"]["RequestId"], answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"])
    equal(refused(ec2.describe_subnets), ("InvalidSubnetID.NotFound", 400))
    equal(refused(ec2.describe_regions), ("InternalError", 500))
    equal(refused(ec2.describe_images), ("InvalidAction", 400))
    equal(ssm.get_parameter(Name="/ä b/%/+")["Parameter"]["Name"], "/ä b/%/+")
    equal(refused(ssm.get_parameter, Name="/missing"), ("ParameterNotFound", 400))
    equal(refused(client("ec2", scheme, secret="other").describe_vpcs), ("AuthFailure", 401))
    equal(refused(client("ssm", scheme, secret="other").get_parameter, Name="a"), ("InvalidSignatureException", 400))
    equal(refused(client("ec2", scheme, aws_session_token="x").describe_vpcs), ("AuthFailure", 401))
    equal(refused(client("sts", scheme).get_caller_identity), ("InvalidAction", 400))
    # Paths and queries with much to encode still verify, so that what is refused is the operation.
    for path in ["a", "a b", "ä/ö", "%2F", "a+b:c@d*(e)", "~._-"]:
        s3 = client("s3", scheme)
        equal(refused(s3.get_object, Bucket="none", Key=path), ("NoSuchKey", 404))
        for length in [0, 5, 2_000_000]:
            s3.put_object(Bucket="bucket", Key=path, Body=b"x" * length)
            equal(s3.get_object(Bucket="bucket", Key=path)["Body"].read(), b"x" * length)
        equal(refused(s3.list_objects, Bucket="bucket"), ("NotImplemented", 501))
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="bucket").get("Contents", [])]
        assert path in keys, keys
        s3.put_object(Bucket="bucket", Key=path, Body=b"x", Metadata={"a": "b"}, ContentType="text/css", ContentEncoding="gzip")
        found = s3.head_object(Bucket="bucket", Key=path)
        equal((found["ContentLength"], found["ContentType"], found["Metadata"], found["ContentEncoding"]), (1, "text/css", {"a": "b"}, "gzip"))
        equal(refused(s3.get_object, Bucket="bucket", Key=path, IfNoneMatch='"1"'), ("304", 304))
        equal(refused(s3.get_object, Bucket="bucket", Key=path, IfMatch='"2"'), ("PreconditionFailed", 412))
        equal(refused(s3.head_object, Bucket="bucket", Key="none"), ("404", 404))
        v4 = client("s3", scheme, config=config.merge(Config(signature_version="s3v4")))
        url = v4.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": path, "ResponseContentType": "text/x"})
        # Without a proxy and with the authority of the gateway.
        context = ssl.create_default_context(cafile=ca) if scheme == "https" else None
        answer = urllib.request.urlopen(url, context=context)
        equal((answer.read(), answer.headers["content-type"]), (b"x", "text/x"))
        for algorithm in [None, "CRC32", "SHA1", "SHA256"]:
            more = {"ChecksumAlgorithm": algorithm} if algorithm else {}
            deleted = s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": path}]}, **more)
            equal([item["Key"] for item in deleted["Deleted"]], [path])
        code = refused(client("lambda", scheme).invoke, FunctionName=path.replace("/", "."), Payload=b"{}")
        equal(code[1], 501)

# Who does not sign, and what S3 says where.
nobody = boto3.client("s3", endpoint_url=f"http://{address}", region_name="eu-west-1", config=Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}))
s3 = client("s3")
nobody.put_object(Bucket="bucket", Key="open", Body=b"x" * 200_000)
equal(len(nobody.get_object(Bucket="bucket", Key="open")["Body"].read()), 200_000)
equal(refused(nobody.get_object, Bucket="private", Key="open"), ("AccessDenied", 403))
equal(s3.get_bucket_location(Bucket="bucket")["LocationConstraint"], "eu-west-1")
s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})

url = client("ec2").generate_presigned_url("describe_vpcs", Params={"VpcIds": ["vpc-1"]}, HttpMethod="GET")
body = urllib.request.urlopen(url).read().decode()
assert "<vpcId>vpc-1</vpcId>" in body, body
"#;

/// Runs a script, where the SDK is installed, against a gateway that is started for it.
pub(crate) fn run(script: &str, start: impl FnOnce() -> Cloud) {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python");
    let python = std::env::var_os("BRUME_PYTHON").map_or(default, PathBuf::from);
    let installed = Command::new(&python).args(["-c", "import boto3"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("BRUME_REQUIRE_ALL").is_none(),
            "boto3 is not installed for {}",
            python.display()
        );
        eprintln!("SKIPPED: boto3 is not installed for {}", python.display());
        return;
    }
    let cloud = start();
    let output = Command::new(python)
        .args(["-c", script, &format!("localhost:{}", cloud.address.port())])
        .arg(&cloud.ca_path)
        .args([KEY, SECRET])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn boto3_gets_through() {
    run(SCRIPT, Cloud::in_real_time);
}
