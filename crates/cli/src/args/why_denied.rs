//! The grammar of `brume why-denied`.

use aws_types::AccountId;
use clap::Args;

use super::DataDirOption;

pub(super) const EXAMPLES: &str = "\
Examples:
  brume why-denied                        the latest denial
  brume why-denied --account 111122223333 the latest of an account
  brume why-denied 7d4c1c1e-…             of the request with this id, which answers and `brume events` have

Exit codes: 0 it is told, 3 no such denial is remembered (the newest 1,000 since the daemon started are), 1 it cannot be told.";

#[derive(Debug, Args)]
pub(crate) struct WhyDeniedOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// The id of the request; the latest denial if not given
    #[arg(value_name = "REQUEST-ID")]
    pub(crate) request_id: Option<String>,
    /// The latest denial, which is what is told without a request's id
    #[arg(long, conflicts_with = "request_id")]
    pub(crate) last: bool,
    /// Only denials of this account's requests
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "request_id")]
    pub(crate) account: Option<AccountId>,
    /// Also statements that are about other actions, and the condition keys of the request
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON, with everything
    #[arg(long, conflicts_with = "all")]
    pub(crate) json: bool,
}
