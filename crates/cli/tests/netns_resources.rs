//! EC2 with the stock Python SDK and the stock command line: every networking resource, what accounts share, the calls of
//! recipes, and what tools for infrastructure read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::path::PathBuf;
use std::process::Command;

use cloud::{Cloud, Mode, on_a_workstation};

/// Runs a script of this directory, which needs such a module, beside a cloud.
fn run(script: &str, module: &str) {
    on_a_workstation(|| {
        let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/python");
        let python = std::env::var_os("BRUME_PYTHON").map_or(default, PathBuf::from);
        let installed = Command::new(&python).args(["-c", &format!("import {module}")]).output();
        if !installed.is_ok_and(|output| output.status.success()) {
            return cloud::skip(&format!("{module} is not installed for {}", python.display()));
        }
        let cloud = Cloud::up(Mode::FastPath);
        let data_dir = node::DataDir::open(cloud.path()).unwrap();
        let output = Command::new(python)
            .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(script))
            .envs(node::read_profile(&data_dir).unwrap())
            .env("BRUME_BIN", env!("CARGO_BIN_EXE_brume"))
            .env("BRUME_DATA_DIR", cloud.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
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

#[test]
fn boto3_has_its_way_with_every_resource() {
    run("every_resource.py", "boto3");
}

#[test]
fn boto3_shares_resources_with_another_account() {
    run("shared_resources.py", "boto3");
}

#[test]
fn boto3_finds_what_services_write_into_buckets() {
    run("deliveries.py", "boto3");
}

#[test]
fn boto3_finds_what_a_bucket_was_asked_in_its_log() {
    run("access_logs.py", "boto3");
}

#[test]
fn the_calls_of_recipes_run_to_their_end() {
    run("recipe_calls", "awscli");
}

#[test]
fn infrastructure_tools_find_what_they_read() {
    run("infrastructure_tools.py", "boto3");
}
