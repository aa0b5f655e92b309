"""What AWS's services write into buckets, as boto3 finds it there: files of a trail and of a flow log.

Takes no arguments: the cloud is the one of the environment. Fails with the first thing that is not as expected.
"""

import gzip
import json
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(retries={"total_max_attempts": 1})
ec2, s3, trails, sts = (boto3.client(name, config=CONFIG) for name in ("ec2", "s3", "cloudtrail", "sts"))
ACCOUNT = sts.get_caller_identity()["Account"]
REGION = ec2.meta.region_name
BUCKET = "brume-deliveries"
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/main"
# Files of trails are due after ten seconds; windows of flow logs are a minute, and the first is not whole.
TRAIL_SECS = 30
WINDOWS_SECS = 140


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"{found} is not {code}: {error}"
    else:
        raise AssertionError(f"not refused with {code}")


def found(prefix, wanted, seconds):
    """The names and contents of the files below a prefix, once they have what is wanted."""
    until = time.monotonic() + seconds
    while True:
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]
        files = {key: gzip.decompress(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).decode() for key in keys}
        if wanted(files):
            return files
        assert time.monotonic() < until, files
        time.sleep(0.5)


def let_trail_in():
    service = {"Service": "cloudtrail.amazonaws.com"}
    of_trail = {"aws:SourceArn": TRAIL}
    looking = {
        "Effect": "Allow",
        "Principal": service,
        "Action": "s3:GetBucketAcl",
        "Resource": f"arn:aws:s3:::{BUCKET}",
        "Condition": {"StringEquals": of_trail},
    }
    writing = {
        "Effect": "Allow",
        "Principal": service,
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/audit/AWSLogs/{ACCOUNT}/*",
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", **of_trail}},
    }
    policy = {"Version": "2012-10-17", "Statement": [looking, writing]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def trail():
    wanted = {"Name": "main", "S3BucketName": BUCKET, "S3KeyPrefix": "audit"}
    refused("S3BucketDoesNotExistException", trails.create_trail, **wanted)
    s3.create_bucket(Bucket=BUCKET)
    refused("InsufficientS3BucketPolicyException", trails.create_trail, **wanted)
    let_trail_in()
    assert trails.create_trail(**wanted)["TrailARN"] == TRAIL
    objects = {"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{BUCKET}/mine/"]}
    trails.put_event_selectors(TrailName="main", EventSelectors=[{"DataResources": [objects]}])
    trails.start_logging(Name="main")
    s3.put_object(Bucket=BUCKET, Key="mine/1", Body=b"one", ServerSideEncryption="AES256")
    s3.put_object(Bucket=BUCKET, Key="not-selected", Body=b"two")
    vpc = ec2.create_vpc(CidrBlock="10.60.0.0/16")["Vpc"]["VpcId"]

    def events(files):
        told = [event for text in files.values() for event in json.loads(text)["Records"]]
        return {event["eventName"]: event for event in told}

    files = found("audit/AWSLogs/", lambda files: "CreateVpc" in events(files), TRAIL_SECS)
    told = events(files)
    assert told["CreateVpc"]["responseElements"]["vpc"]["vpcId"] == vpc
    put = told["PutObject"]
    assert put["requestParameters"]["key"] == "mine/1", put
    assert put["requestParameters"]["bucketName"] == BUCKET and put["eventCategory"] == "Data", put
    assert "not-selected" not in json.dumps(list(files.values()))
    name = f"audit/AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/20"
    assert all(key.startswith(name) and key.endswith(".json.gz") for key in files), list(files)
    status = trails.get_trail_status(Name="main")
    assert "LatestDeliveryTime" in status and "LatestDeliveryError" not in status, status
    # Bucket-level calls are in the history, and those on objects are not.
    names = {event["EventName"] for event in trails.lookup_events()["Events"]}
    assert "CreateBucket" in names and "PutObject" not in names, names

    s3.delete_bucket_policy(Bucket=BUCKET)
    ec2.delete_vpc(VpcId=vpc)
    until = time.monotonic() + TRAIL_SECS
    while trails.get_trail_status(Name="main").get("LatestDeliveryError") != "AccessDenied":
        assert time.monotonic() < until
        time.sleep(0.5)
    let_trail_in()
    found("audit/AWSLogs/", lambda files: "DeleteVpc" in events(files), TRAIL_SECS)
    trails.stop_logging(Name="main")
    trails.delete_trail(Name="main")


def flow_log():
    vpc = ec2.create_vpc(CidrBlock="10.61.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.61.0.0/24")["Subnet"]["SubnetId"]
    wanted = {
        "ResourceIds": [vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogDestinationType": "s3",
        "LogFormat": "${version} ${interface-id} ${log-status}",
        "MaxAggregationInterval": 60,
        "DestinationOptions": {"FileFormat": "plain-text", "PerHourPartition": True, "HiveCompatiblePartitions": False},
    }
    nobodys = ec2.create_flow_logs(**wanted, LogDestination="arn:aws:s3:::brume-nobodys")
    assert "does not exist" in nobodys["Unsuccessful"][0]["Error"]["Message"], nobodys
    parquet = {**wanted, "DestinationOptions": {**wanted["DestinationOptions"], "FileFormat": "parquet"}}
    refused("UnsupportedOperation", ec2.create_flow_logs, **parquet, LogDestination=f"arn:aws:s3:::{BUCKET}")
    made = ec2.create_flow_logs(**wanted, LogDestination=f"arn:aws:s3:::{BUCKET}/flows")
    assert made["Unsuccessful"] == [], made
    (log,) = made["FlowLogIds"]
    # Its owner may change the bucket's policy, so that it was done.
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    principals = [statement["Principal"]["Service"] for statement in policy["Statement"]]
    assert principals == ["cloudtrail.amazonaws.com"] * 2 + ["delivery.logs.amazonaws.com"] * 2, principals
    name = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"
    image = boto3.client("ssm", config=CONFIG).get_parameter(Name=name)["Parameter"]["Value"]
    launched = ec2.run_instances(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1, SubnetId=subnet)
    (instance,) = launched["Instances"]
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    files = found("flows/", lambda files: any(interface in text for text in files.values()), WINDOWS_SECS)
    for key, text in files.items():
        assert key.startswith(f"flows/AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/20"), key
        assert f"/{ACCOUNT}_vpcflowlogs_{REGION}_{log}_20" in key and key.endswith(".log.gz"), key
        header, *records = text.splitlines()
        assert header == "version interface-id log-status" and records, text
    (told,) = ec2.describe_flow_logs(FlowLogIds=[log])["FlowLogs"]
    assert told["DeliverLogsStatus"] == "SUCCESS" and "DeliverLogsErrorMessage" not in told, told


trail()
print("a trail has its files")
flow_log()
print("a flow log has its files")
