//! The grammar of `brume account`, and what the names and addresses of accounts look like.

use aws_types::{AccountId, ParseAccountIdError};
use clap::{Args, Subcommand};

use super::{DataDirOption, EnvOptions};

#[derive(Debug, Args)]
pub(crate) struct AccountOptions {
    #[command(subcommand)]
    pub(crate) what: AccountCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account, and print an access key of its root user; the secret is not shown again
    Create(CreateAccountOptions),
    /// Show the accounts of a cloud, the one that `brume env` is about first
    List(ListAccountsOptions),
    /// Print what AWS clients need to act as the root user of an account, as `brume env` does for the first one
    Env(AccountEnvOptions),
    /// Close an account: its calls are refused, its instances stop, and it can be reopened for 90 days
    Close(OneAccountOptions),
    /// Open a closed account again, as AWS's support would
    Reopen(OneAccountOptions),
}

#[derive(Debug, Args)]
pub(crate) struct AccountEnvOptions {
    #[command(flatten)]
    pub(crate) env: EnvOptions,
    /// The account's number
    pub(crate) account: AccountId,
}

#[derive(Debug, Args)]
pub(crate) struct OneAccountOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// The account's number
    pub(crate) account: AccountId,
}

#[derive(Debug, Args)]
pub(crate) struct CreateAccountOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// What to call it, in 1 to 50 characters
    #[arg(long, value_parser = account_name)]
    pub(crate) name: Option<String>,
    /// The e-mail address of its root user, which no other account has
    #[arg(long, value_parser = email)]
    pub(crate) email: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListAccountsOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn account_id(text: &str) -> Result<AccountId, String> {
    let account: AccountId = text.parse().map_err(|error: ParseAccountIdError| error.to_string())?;
    if account.is_reserved() { Err("no account has this number".to_owned()) } else { Ok(account) }
}

pub(super) fn account_name(text: &str) -> Result<String, String> {
    let valid =
        (1..=node::MAX_NAME_CHARS).contains(&text.chars().count()) && !text.contains(char::is_control);
    if valid {
        Ok(text.to_owned())
    } else {
        Err(format!("a name has 1 to {} characters and no control characters", node::MAX_NAME_CHARS))
    }
}

pub(super) fn email(text: &str) -> Result<String, String> {
    let is_valid = text.split_once('@').is_some_and(|(name, domain)| {
        let has_other = |text: &str| text.contains(|one: char| one.is_whitespace() || one == '@');
        !name.is_empty() && domain.contains('.') && !has_other(name) && !has_other(domain)
    });
    if is_valid { Ok(text.to_owned()) } else { Err("it is an address such as ann@example.com".to_owned()) }
}
