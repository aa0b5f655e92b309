//! The stock Python SDK and what it makes for browsers: presigned requests, forms, websites, rules for other origins.

use std::sync::Arc;

use gateway::SystemClock;

use crate::boto3::run;
use crate::cloud::Cloud;

const SCRIPT: &str = r#"
import sys, time, urllib3, boto3
import xml.etree.ElementTree as ET
from botocore.config import Config
from botocore.exceptions import ClientError

address, ca, key, secret = sys.argv[1:]
http = urllib3.PoolManager(retries=False)
config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})

def client(region="us-east-1", key=key, **more):
    return boto3.client("s3", endpoint_url=f"http://{address}", region_name=region, aws_access_key_id=key,
                        aws_secret_access_key=secret, config=config, **more)

def refused(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("it was not refused")

def equal(found, expect):
    assert found == expect, f"{found} is not {expect}"

s3 = client()
s3.create_bucket(Bucket="web")
s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
s3.put_object(Bucket="web", Key="a b", Body=b"content")

# What every answer has.
found = s3.get_object(Bucket="web", Key="a b", Range="bytes=1-3")
equal((found["ResponseMetadata"]["HTTPStatusCode"], found["ContentRange"], found["Body"].read()), (206, "bytes 1-3/7", b"ont"))
equal((found["AcceptRanges"], found["ContentType"]), ("bytes", "binary/octet-stream"))
headers = found["ResponseMetadata"]["HTTPHeaders"]
assert headers["server"] == "AmazonS3" and "date" in headers and "x-amz-id-2" in headers, headers
equal(s3.head_object(Bucket="web", Key="a b")["ContentLength"], 7)
equal(s3.head_bucket(Bucket="web")["BucketRegion"], "us-east-1")
equal(refused(s3.get_object, Bucket="web", Key="a b", IfNoneMatch=found["ETag"]), ("304", 304))

# A client that was given another region finds the bucket's.
far = client("eu-west-1")
far.put_object(Bucket="far", Key="k", Body=b"far")
equal(client().get_object(Bucket="far", Key="k")["Body"].read(), b"far")
equal(client().head_object(Bucket="far", Key="k")["ContentLength"], 3)
far.put_object(Bucket="web", Key="from-afar", Body=b"near")

# Presigned requests.
def presigned(method, client=s3, expires=60, **params):
    return client.generate_presigned_url(method, Params={"Bucket": "web", **params}, ExpiresIn=expires)

def fetch(method, url, **more):
    answer = http.request(method, url, **more)
    return answer.status, answer.data, answer.headers

def error(method, url, **more):
    status, data, _ = fetch(method, url, **more)
    document = ET.fromstring(data)
    return status, document.findtext("Code"), document

equal(fetch("GET", presigned("get_object", Key="a b"))[:2], (200, b"content"))
equal(fetch("HEAD", presigned("head_object", Key="a b"))[2]["content-length"], "7")
equal(fetch("PUT", presigned("put_object", Key="put"), body=b"x" * 300_000)[0], 200)
equal(len(fetch("GET", presigned("get_object", Key="put"))[1]), 300_000)
typed = presigned("put_object", Key="typed", ContentType="text/css", Metadata={"colour": "red"})
equal(error("PUT", typed, body=b"x")[:2], (403, "SignatureDoesNotMatch"))
equal(fetch("PUT", typed, body=b"x", headers={"content-type": "text/css", "x-amz-meta-colour": "red"})[0], 200)
found = s3.head_object(Bucket="web", Key="typed")
equal((found["ContentType"], found["Metadata"]), ("text/css", {"colour": "red"}))
attached = presigned("get_object", Key="typed", ResponseContentType="text/x", ResponseContentDisposition="attachment")
headers = fetch("GET", attached)[2]
equal((headers["content-type"], headers["content-disposition"]), ("text/x", "attachment"))
equal(fetch("GET", presigned("get_object", Key="a b"), headers={"range": "bytes=0-0"})[:2], (206, b"c"))

# With a key of the customer's, which is not in the address.
secret_key = "k" * 32
sse = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": secret_key}
put = presigned("put_object", Key="sealed", **sse)
assert "customer-key=" not in put.lower(), put
import base64, hashlib
headers = {"x-amz-server-side-encryption-customer-algorithm": "AES256",
           "x-amz-server-side-encryption-customer-key": base64.b64encode(secret_key.encode()).decode(),
           "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(hashlib.md5(secret_key.encode()).digest()).decode()}
equal(fetch("PUT", put, body=b"sealed", headers=headers)[0], 200)
equal(fetch("GET", presigned("get_object", Key="sealed", **sse), headers=headers)[:2], (200, b"sealed"))
equal(fetch("GET", presigned("get_object", Key="sealed"))[0], 400)

# That has ended, or never held.
short = presigned("get_object", Key="a b", expires=1)
time.sleep(2.1)
status, code, document = error("GET", short)
equal((status, code, document.findtext("Message")), (403, "AccessDenied", "Request has expired"))
equal(document.findtext("X-Amz-Expires"), "1")
assert document.findtext("Expires") < document.findtext("ServerTime"), ET.tostring(document)
equal(error("GET", presigned("get_object", Key="a b", expires=604_801))[:2], (400, "AuthorizationQueryParametersError"))
equal(error("GET", presigned("get_object", Key="a b", expires=0))[:2], (400, "AuthorizationQueryParametersError"))
equal(error("GET", presigned("get_object", Key="a b") + "x")[:2], (403, "SignatureDoesNotMatch"))
temporary = client(key="ASIATEMPORARY", aws_session_token="token")
equal(fetch("GET", presigned("get_object", client=temporary, Key="a b"))[1], b"content")

# Forms.
def post(form, file=("name.txt", b"file"), **fields):
    answer = http.request("POST", form["url"], fields={**form["fields"], **fields, "file": file}, redirect=False)
    return answer.status, answer.data, answer.headers

form = s3.generate_presigned_post("web", "up/${filename}", Fields={"Content-Type": "text/plain", "success_action_status": "201"},
    Conditions=[["starts-with", "$Content-Type", "text/"], {"success_action_status": "201"}, ["content-length-range", 1, 100]])
status, data, headers = post(form)
equal((status, ET.fromstring(data).findtext("Key")), (201, "up/name.txt"))
found = s3.get_object(Bucket="web", Key="up/name.txt")
equal((found["Body"].read(), found["ContentType"], found["ETag"]), (b"file", "text/plain", headers["etag"]))
equal(ET.fromstring(post(form, file=("b", b"x" * 101))[1]).findtext("Code"), "EntityTooLarge")
equal(ET.fromstring(post(form, file=("b", b""))[1]).findtext("Code"), "EntityTooSmall")
equal(ET.fromstring(post(form, acl="private")[1]).findtext("Message"), "Invalid according to Policy: Extra input fields: acl")
form = temporary.generate_presigned_post("web", "big", ExpiresIn=60)
equal(post(form, file=("big", b"y" * 3_000_000))[0], 204)
equal(s3.head_object(Bucket="web", Key="big")["ContentLength"], 3_000_000)
form["fields"]["x-amz-security-token"] = "old"
equal(ET.fromstring(post(form)[1]).findtext("Code"), "ExpiredToken")
ended = s3.generate_presigned_post("web", "ended", ExpiresIn=-1)
equal(ET.fromstring(post(ended)[1]).findtext("Message"), "Invalid according to Policy: Policy expired.")
older = boto3.client("s3", endpoint_url=f"http://{address}", region_name="us-east-1", aws_access_key_id=key,
    aws_secret_access_key=secret, config=config.merge(Config(signature_version="s3"))).generate_presigned_post("web", "old")
equal(ET.fromstring(post(older)[1]).findtext("Code"), "InvalidRequest")

# Rules for other origins.
rules = {"CORSRules": [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://*.app"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 5}]}
equal(refused(s3.get_bucket_cors, Bucket="web"), ("NoSuchCORSConfiguration", 404))
s3.put_bucket_cors(Bucket="web", CORSConfiguration=rules)
equal(s3.get_bucket_cors(Bucket="web")["CORSRules"], rules["CORSRules"])
asks = {"origin": "http://my.app", "access-control-request-method": "PUT", "access-control-request-headers": "content-type"}
status, _, headers = fetch("OPTIONS", presigned("put_object", Key="x"), headers=asks)
equal((status, headers["access-control-allow-origin"], headers["access-control-allow-methods"]), (200, "http://my.app", "GET, PUT"))
equal(fetch("GET", presigned("get_object", Key="a b"), headers={"origin": "http://my.app"})[2]["access-control-max-age"], "5")
s3.delete_bucket_cors(Bucket="web")
equal(fetch("OPTIONS", presigned("put_object", Key="x"), headers=asks)[0], 403)

# A website.
site = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"},
    "RoutingRules": [{"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}}]}
equal(refused(s3.get_bucket_website, Bucket="web"), ("NoSuchWebsiteConfiguration", 404))
s3.put_bucket_website(Bucket="web", WebsiteConfiguration=site)
found = s3.get_bucket_website(Bucket="web")
equal({name: found[name] for name in site}, site)
s3.put_object(Bucket="web", Key="index.html", Body=b"home", ContentType="text/html")
def visit(path):
    answer = http.request("GET", f"http://{address}{path}", headers={"host": "web.s3-website.localhost"}, redirect=False)
    return answer.status, answer.headers.get("location") or answer.data
equal(visit("/"), (200, b"home"))
equal(visit("/old/x"), (301, "http://web.s3-website.localhost/new/x"))
equal(visit("/none")[0], 404)
s3.delete_bucket_website(Bucket="web")
assert b"NoSuchWebsiteConfiguration" in visit("/")[1]
"#;

#[test]
fn boto3_makes_what_browsers_use() {
    run(SCRIPT, || Cloud::with_s3(Some(Arc::new(SystemClock))));
}
