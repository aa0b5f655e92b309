//! `brume account`.

use std::process::ExitCode;

use anyhow::Context as _;
use node::{Account, DaemonState, DataDir, NewAccount, RunDir};

use crate::args::{
    AccountCommand, AccountEnvOptions, AccountOptions, CreateAccountOptions, DataDirOption,
    ListAccountsOptions, OneAccountOptions,
};
use crate::{env, root};

/// Makes an account, lists those that are there, or does something about one.
pub(crate) fn run(options: &AccountOptions) -> anyhow::Result<ExitCode> {
    match &options.what {
        AccountCommand::Create(options) => create(options),
        AccountCommand::List(options) => list(options),
        AccountCommand::Env(options) => print_env(options),
        AccountCommand::Close(options) => close(options),
        AccountCommand::Reopen(options) => reopen(options),
    }
}

fn create(options: &CreateAccountOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume account create`", &options.data_dir)?;
    let made = NewAccount::create(&run_dir, options.name.as_deref(), options.email.as_deref())
        .context("the daemon made no account that it told of")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&made)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("account            {}", made.account);
    if let Some(name) = &made.name {
        println!("name               {name}");
    }
    println!("access key id      {}", made.access_key_id);
    println!("secret access key  {}", made.secret_access_key);
    Ok(ExitCode::SUCCESS)
}

fn list(options: &ListAccountsOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume account list`", &options.data_dir)?;
    let accounts = Account::list(&run_dir).context("the daemon does not answer on its control socket")?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&accounts)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{:<14} {:<28} {:<8} {:<14} {:<24} NAME",
        "ACCOUNT", "CREATED", "STATE", "ORGANIZATION", "EMAIL"
    );
    for account in accounts {
        let name = account.name.as_deref().unwrap_or(if account.is_first { "(first)" } else { "-" });
        let state = if account.closed.is_some() { "closed" } else { "active" };
        println!(
            "{:<14} {:<28} {state:<8} {:<14} {:<24} {name}",
            account.account.to_string(),
            account.created.to_string(),
            account.organization.as_deref().unwrap_or("-"),
            account.email.as_deref().unwrap_or("-"),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The same as `brume env`, with the key of another account.
fn print_env(options: &AccountEnvOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume account env`", &options.env.data_dir)?;
    let key = Account::root_key(&run_dir, options.account)
        .with_context(|| format!("no key of account {}", options.account))?;
    env::print(&options.env, |name, value| match name {
        "AWS_ACCESS_KEY_ID" => key.access_key_id.clone(),
        "AWS_SECRET_ACCESS_KEY" => key.secret_access_key.clone(),
        _ => value,
    })
}

fn close(options: &OneAccountOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume account close`", &options.data_dir)?;
    Account::close(&run_dir, options.account)
        .with_context(|| format!("account {} is not closed by this", options.account))?;
    println!("closed account {}; it can be reopened for 90 days", options.account);
    Ok(ExitCode::SUCCESS)
}

fn reopen(options: &OneAccountOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume account reopen`", &options.data_dir)?;
    Account::reopen(&run_dir, options.account)
        .with_context(|| format!("account {} is not reopened by this", options.account))?;
    println!("reopened account {}", options.account);
    Ok(ExitCode::SUCCESS)
}

/// The run directory of the cloud, which must be up.
pub(crate) fn running(what: &str, data_dir: &DataDirOption) -> anyhow::Result<RunDir> {
    let path = data_dir.resolve();
    root::require_to_read(what, &path)?;
    let run_dir = DataDir::open(&path).ok().map(|data_dir| data_dir.run_dir());
    run_dir
        .filter(|run_dir| DaemonState::read_running(run_dir).is_some())
        .with_context(|| format!("no cloud runs from {}; start one with `brume up`", path.display()))
}
