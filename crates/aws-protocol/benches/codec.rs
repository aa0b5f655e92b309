//! What reading a request and writing an answer cost.

use std::time::Instant;

use aws_model::{Fields, Value};
use aws_protocol::{Codec, Request};
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue};

fn main() {
    for name in ["ec2", "ssm", "sts", "connect", "s3"] {
        let start = Instant::now();
        let model = aws_model::service(name).expect("the service is built in").model();
        println!(
            "{name}: {} shapes loaded in {:?}, {} KiB resident now",
            model.shapes.len(),
            start.elapsed(),
            resident_kib()
        );
    }
    divan::main();
}

/// The memory that this process has in RAM.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

fn post(headers: &[(&'static str, &'static str)], body: &'static str) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect::<HeaderMap>();
    Request { method: "POST".into(), path: "/".into(), query: String::new(), headers, body: body.into() }
}

/// Routes, decodes and validates.
fn read(bencher: Bencher<'_, '_>, service: &str, request: &Request) {
    let model = aws_model::service(service).expect("the service is built in").model();
    bencher.bench_local(|| {
        let codec = Codec::for_request(model, black_box(request));
        let operation = codec.route(request).expect("it is routed");
        let input = codec.decode(operation, request).expect("it is decoded");
        codec.validate(operation, &input).expect("it is valid");
        input
    });
}

#[divan::bench]
fn read_describe_vpcs(bencher: Bencher<'_, '_>) {
    let body =
        "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=isDefault&Filter.1.Value.1=true&MaxResults=100";
    read(bencher, "ec2", &post(&[], body));
}

#[divan::bench]
fn read_run_instances(bencher: Bencher<'_, '_>) {
    let body = "Action=RunInstances&Version=2016-11-15&ImageId=ami-0abcdef1234567890&InstanceType=t3.micro&MinCount=1\
                &MaxCount=1&SubnetId=subnet-0abcdef1234567890&SecurityGroupId.1=sg-0abcdef1234567890\
                &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name\
                &TagSpecification.1.Tag.1.Value=a&ClientToken=0";
    read(bencher, "ec2", &post(&[], body));
}

#[divan::bench]
fn read_get_parameter(bencher: Bencher<'_, '_>) {
    let request =
        post(&[("x-amz-target", "AmazonSSM.GetParameter")], r#"{"Name":"/a/b","WithDecryption":true}"#);
    read(bencher, "ssm", &request);
}

#[divan::bench(args = [1, 100])]
fn write_describe_vpcs(bencher: Bencher<'_, '_>, vpcs: usize) {
    let model = aws_model::service("ec2").expect("EC2 is built in").model();
    let codec = Codec::new(model, model.metadata.protocols[0]);
    let operation = model.operation("DescribeVpcs").expect("it is in the model");
    let text = |text: &str| Value::String(text.to_owned());
    let vpc = || -> Value {
        Value::Structure(Fields::from_iter([
            ("OwnerId", text("123456789012")),
            ("InstanceTenancy", text("default")),
            (
                "CidrBlockAssociationSet",
                Value::List(vec![Value::Structure(Fields::from_iter([
                    ("AssociationId", text("vpc-cidr-assoc-0abcdef1234567890")),
                    ("CidrBlock", text("10.0.0.0/16")),
                    ("CidrBlockState", Value::Structure(Fields::from_iter([("State", text("associated"))]))),
                ]))]),
            ),
            ("IsDefault", Value::Boolean(false)),
            (
                "Tags",
                Value::List(vec![Value::Structure(Fields::from_iter([
                    ("Key", text("Name")),
                    ("Value", text("a")),
                ]))]),
            ),
            ("VpcId", text("vpc-0abcdef1234567890")),
            ("State", text("available")),
            ("CidrBlock", text("10.0.0.0/16")),
            ("DhcpOptionsId", text("dopt-0abcdef1234567890")),
        ]))
    };
    let output =
        Value::Structure(Fields::from_iter([("Vpcs", Value::List((0..vpcs).map(|_| vpc()).collect()))]));
    bencher
        .bench_local(|| codec.encode(operation, black_box(&output), "4f9f9b6e-4d6a-4b7e-8f4a-0f1f5ad3cf8a"));
}
