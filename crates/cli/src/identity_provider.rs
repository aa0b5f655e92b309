//! `brume identity-provider`.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use node::{IssuerStatus, KEY_SET_BYTES_MAX};

use crate::account::running;
use crate::args::{
    IdentityProviderCommand, IdentityProviderOptions, IssuerKeysOptions, ListIssuersOptions,
    RemoveIssuerOptions,
};

/// Gives, lists or forgets the keys of issuers.
pub(crate) fn run(options: &IdentityProviderOptions) -> anyhow::Result<ExitCode> {
    match &options.what {
        IdentityProviderCommand::Keys(options) => set(options),
        IdentityProviderCommand::List(options) => list(options),
        IdentityProviderCommand::Remove(options) => remove(options),
    }
}

fn set(options: &IssuerKeysOptions) -> anyhow::Result<ExitCode> {
    let key_set = read(&options.file)?;
    let run_dir = running("`brume identity-provider keys`", &options.data_dir)?;
    let issuer = options.issuer.clone();
    let known = IssuerStatus::set(&run_dir, issuer, key_set).context("the keys were not taken")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&known)?);
    } else {
        println!("{} keys of {} are known.", known.keys, known.issuer);
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let limit = KEY_SET_BYTES_MAX as u64 + 1;
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    if text.len() > KEY_SET_BYTES_MAX {
        bail!("{} is larger than {KEY_SET_BYTES_MAX} bytes", path.display());
    }
    Ok(text)
}

fn list(options: &ListIssuersOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume identity-provider list`", &options.data_dir)?;
    let all = IssuerStatus::list(&run_dir).context("the daemon does not answer on its control socket")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        println!("No keys are known. `brume identity-provider keys https://… --file jwks.json` gives some.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<28} {:<6} ISSUER", "GIVEN", "KEYS");
    for known in all {
        println!("{:<28} {:<6} {}", known.given.to_string(), known.keys, known.issuer);
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(options: &RemoveIssuerOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume identity-provider remove`", &options.data_dir)?;
    IssuerStatus::remove(&run_dir, options.issuer.clone()).context("nothing was forgotten")?;
    println!("The keys of {} are forgotten; its tokens are refused.", options.issuer);
    Ok(ExitCode::SUCCESS)
}
