//! The grammar of `brume identity-provider`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use node::IssuerUrl;

use super::DataDirOption;

pub(super) const EXAMPLES: &str = "\
AWS fetches the keys that tokens are verified with from their issuer. This cloud reaches nothing outside itself: give it the
issuer's JSON Web Key Set, whose address is `jwks_uri` in ISSUER/.well-known/openid-configuration, and anew when the issuer
changes its keys. They are the issuer's in all accounts that have an OpenID Connect provider for it.

Examples:
  brume identity-provider keys https://id.example.com/realm --file jwks.json
  brume identity-provider list";

#[derive(Debug, Args)]
pub(crate) struct IdentityProviderOptions {
    #[command(subcommand)]
    pub(crate) what: IdentityProviderCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityProviderCommand {
    /// Give the keys of an issuer, in place of those given before
    Keys(IssuerKeysOptions),
    /// Show the issuers whose keys are known
    List(ListIssuersOptions),
    /// Forget the keys of an issuer: its tokens are refused from then on
    Remove(RemoveIssuerOptions),
}

#[derive(Debug, Args)]
pub(crate) struct IssuerKeysOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// The issuer: what its tokens have in `iss`
    #[arg(value_name = "URL")]
    pub(crate) issuer: IssuerUrl,
    /// Its key set, in JSON; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListIssuersOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveIssuerOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// The issuer
    #[arg(value_name = "URL")]
    pub(crate) issuer: IssuerUrl,
}
