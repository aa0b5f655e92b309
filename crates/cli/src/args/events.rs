//! The grammar of `brume events`.

use aws_types::AccountId;
use clap::Args;

use super::DataDirOption;

pub(super) const EXAMPLES: &str = "\
Examples:
  brume events                              the last 50 calls
  brume events --follow --errors            calls that fail, as they come
  brume events --service iam --json -n 1    the last call of IAM as CloudTrail tells it

Every call is there that was authenticated, refused ones too, for 90 days or 256 MiB. `aws cloudtrail lookup-events` tells
an account the same of itself, but for calls on the content of resources.";

#[derive(Debug, Args)]
pub(crate) struct EventsOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// How many, the newest; at most 1000
    #[arg(short = 'n', long = "last", value_name = "COUNT", default_value_t = 50)]
    pub(crate) last: usize,
    /// Go on with those that come, until it is interrupted
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only of this account
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Only of this service: ec2, iam, sts, …
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Option<String>,
    /// Only calls that were refused or failed
    #[arg(long)]
    pub(crate) errors: bool,
    /// Print each as CloudTrail's JSON, a line each
    #[arg(long)]
    pub(crate) json: bool,
}
