"""What a bucket was asked, as boto3 finds it in the bucket's access log.

Takes no arguments: the cloud is the one of the environment. The root user, a user, nobody, and whoever has a presigned address ask; the
target lets logs in by its policy, and then does not any more. Fails with the first thing that is not as expected.
"""

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Without a version, addresses are presigned with the second, which there is none of.
CONFIG = Config(
    retries={"total_max_attempts": 1}, signature_version="s3v4", s3={"addressing_style": "path"}
)
s3 = boto3.client("s3", config=CONFIG)
iam, sts = (boto3.client(name) for name in ("iam", "sts"))
ACCOUNT = sts.get_caller_identity()["Account"]
ENDPOINT = s3.meta.endpoint_url
BUCKET, LOGS = "brume-asked", "brume-access-logs"
# Logs are gathered for five seconds.
LOG_SECS = 30
FIELDS = (
    "owner bucket time ip requester request_id operation key uri status code sent object total turn_around referer agent version "
    "host_id signature cipher authentication host tls access_point acl region"
).split()


def lines(prefix="asked/"):
    """Every line of every log, by its fields."""
    found = []
    for one in s3.list_objects_v2(Bucket=LOGS, Prefix=prefix).get("Contents", []):
        assert re.fullmatch(rf"{prefix}20\d\d(-\d\d){{5}}-[0-9A-F]{{16}}", one["Key"]), one["Key"]
        for line in s3.get_object(Bucket=LOGS, Key=one["Key"])["Body"].read().decode().splitlines():
            fields = [quoted or bracketed or plain for quoted, bracketed, plain in
                      re.findall(r'"([^"]*)"|\[([^\]]*)\]|(\S+)', line)]
            assert len(fields) == len(FIELDS), line
            found.append(dict(zip(FIELDS, fields)))
    return found


def until(wanted, seconds=LOG_SECS):
    end = time.monotonic() + seconds
    while not (found := [line for line in lines() if wanted(line)]):
        assert time.monotonic() < end, lines()
        time.sleep(0.5)
    return found


def expect(line, **fields):
    for name, value in fields.items():
        assert line[name] == str(value), (name, value, line)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["ResponseMetadata"]["RequestId"]
    raise AssertionError(f"not refused with {code}")


def let_logs_in(source=BUCKET):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{LOGS}/asked/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        },
    }
    s3.put_bucket_policy(Bucket=LOGS, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def anonymous(path):
    headers = {"User-Agent": "a browser/1 (of nobody)", "Referer": "http://page.example.com/"}
    request = urllib.request.Request(ENDPOINT + path, headers=headers)
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code


for bucket in (BUCKET, LOGS):
    s3.create_bucket(Bucket=bucket)
let_logs_in()
s3.put_bucket_logging(
    Bucket=BUCKET, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": LOGS, "TargetPrefix": "asked/"}}
)
s3.put_object(Bucket=BUCKET, Key="a b/ü", Body=b"content")
user = iam.create_user(UserName="reader")["User"]["Arn"]
reading = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
policy = json.dumps({"Version": "2012-10-17", "Statement": [reading]})
iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
key = iam.create_access_key(UserName="reader")["AccessKey"]
reader = boto3.client(
    "s3", config=CONFIG, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
)
got = reader.get_object(Bucket=BUCKET, Key="a b/ü")
assert got["Body"].read() == b"content"
missing = refused("NoSuchKey", reader.get_object, Bucket=BUCKET, Key="missing")
denied = refused("AccessDenied", reader.put_object, Bucket=BUCKET, Key="mine", Body=b"x")
assert anonymous(f"/{BUCKET}/secret?versionId=null") == 403
presigned = reader.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a b/ü"})
assert urllib.request.urlopen(presigned).read() == b"content"

until(lambda line: line["authentication"] == "QueryString")
by_id = {line["request_id"]: line for line in lines()}
line = by_id[got["ResponseMetadata"]["RequestId"]]
of_key = {"bucket": BUCKET, "key": "a%20b/%C3%BC"}
expect(line, operation="REST.GET.OBJECT", status=200, code="-", requester=user, sent=7, object=7, **of_key)
expect(line, signature="SigV4", authentication="AuthHeader", version="-", acl="-", tls="-", cipher="-")
expect(line, host=urllib.parse.urlparse(ENDPOINT).netloc, uri=f"GET /{BUCKET}/a%20b/%C3%BC HTTP/1.1")
assert "Boto3/" in line["agent"] and int(line["total"]) >= int(line["turn_around"]) >= 0, line
assert abs(time.time() - time.mktime(time.strptime(line["time"], "%d/%b/%Y:%H:%M:%S +0000")) + time.timezone) < 600
expect(by_id[missing], operation="REST.GET.OBJECT", key="missing", status=404, code="NoSuchKey", requester=user, object="-")
assert int(by_id[missing]["sent"]) > 100, by_id[missing]
expect(by_id[denied], operation="REST.PUT.OBJECT", key="mine", status=403, code="AccessDenied", requester=user)
(line,) = [line for line in by_id.values() if line["key"] == "secret"]
expect(line, operation="REST.GET.OBJECT", status=403, code="AccessDenied", requester="-", signature="-", authentication="-")
expect(line, version="null", agent="a browser/1 (of nobody)", referer="http://page.example.com/")
(line,) = [line for line in by_id.values() if line["authentication"] == "QueryString"]
expect(line, operation="REST.GET.OBJECT", status=200, requester=user, sent=7, **of_key)
(line,) = [line for line in by_id.values() if line["operation"] == "REST.PUT.OBJECT" and line["status"] == "200"]
owner = s3.list_buckets()["Owner"]["ID"]
expect(line, requester=owner, owner=owner, object=7, sent="-", **of_key)
assert {line["bucket"] for line in by_id.values()} == {BUCKET}
print("a bucket's log has what it was asked")

# A target that lets no logs in has none, and the source works on.
for close in (lambda: let_logs_in("brume-another"), lambda: s3.delete_bucket_policy(Bucket=LOGS)):
    close()
    reader.get_object(Bucket=BUCKET, Key="a b/ü", IfMatch=got["ETag"])
    refused("NoSuchKey", reader.get_object, Bucket=BUCKET, Key="while-closed")
    # Longer than lines are gathered.
    time.sleep(7)
let_logs_in()
refused("NoSuchKey", reader.get_object, Bucket=BUCKET, Key="once-more")
until(lambda line: line["key"] == "once-more")
assert not [line for line in lines() if line["key"] == "while-closed"], "it came in without leave"
print("a target that denies has none")
