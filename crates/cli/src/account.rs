//! `brume account`.

use std::process::ExitCode;

use anyhow::Context as _;
use node::{Account, DaemonState, DataDir, NewAccount, RunDir};

use crate::args::{AccountCommand, AccountOptions, CreateAccountOptions, DataDirOption, ListAccountsOptions};
use crate::root;

/// Makes an account, or lists those that are there.
pub(crate) fn run(options: &AccountOptions) -> anyhow::Result<ExitCode> {
    match &options.what {
        AccountCommand::Create(options) => create(options),
        AccountCommand::List(options) => list(options),
    }
}

fn create(options: &CreateAccountOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume account create`", &options.data_dir)?;
    let made = NewAccount::create(&run_dir, options.name.as_deref())
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
    println!("{:<14} {:<28} NAME", "ACCOUNT", "CREATED");
    for account in accounts {
        let name = account.name.as_deref().unwrap_or(if account.is_first { "(first)" } else { "-" });
        println!("{:<14} {:<28} {name}", account.account.to_string(), account.created.to_string());
    }
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
