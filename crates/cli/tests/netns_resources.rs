//! Every networking resource of EC2 with the stock Python SDK: create, describe with every filter, change, delete.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::path::PathBuf;
use std::process::Command;

use cloud::{Cloud, Mode, on_a_workstation};

#[test]
fn boto3_has_its_way_with_every_resource() {
    on_a_workstation(|| {
        let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python");
        let python = std::env::var_os("BRUME_PYTHON").map_or(default, PathBuf::from);
        let installed = Command::new(&python).args(["-c", "import boto3"]).output();
        if !installed.is_ok_and(|output| output.status.success()) {
            return cloud::skip(&format!("boto3 is not installed for {}", python.display()));
        }
        let cloud = Cloud::up(Mode::FastPath);
        let data_dir = node::DataDir::open(cloud.path()).unwrap();
        let output = Command::new(python)
            .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/every_resource.py"))
            .envs(node::read_profile(&data_dir).unwrap())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        print!("{told}");
        cloud.finish();
    });
}
