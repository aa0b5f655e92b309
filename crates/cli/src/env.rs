//! `brume env`.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::args::EnvOptions;
use crate::root;

/// Prints one `export` line per variable, quoted for a POSIX shell.
pub(crate) fn run(options: &EnvOptions) -> anyhow::Result<ExitCode> {
    print(options, |_, value| value)
}

/// The same with other values where `replace` has some.
pub(crate) fn print(
    options: &EnvOptions,
    replace: impl Fn(&str, String) -> String,
) -> anyhow::Result<ExitCode> {
    let path = options.data_dir.resolve();
    root::require_to_read("`brume env`", &path)?;
    let data_dir = node::DataDir::open(&path)
        .with_context(|| format!("no cloud in {}; start one with `brume up`", path.display()))?;
    let profile = node::read_profile(&data_dir)
        .with_context(|| format!("cannot read the profile of the cloud in {}", path.display()))?;
    for (name, value) in profile {
        let value = replace(name, value);
        let is_endpoint = name == "AWS_ENDPOINT_URL";
        let value = if is_endpoint && options.tls { value.replacen("http:", "https:", 1) } else { value };
        println!("export {name}={}", quote(&value));
    }
    // It replaces the authorities that clients trust for all of the internet, so it is named only where it is needed.
    if options.tls {
        println!("export AWS_CA_BUNDLE={}", quote(&data_dir.ca_certificate().to_string_lossy()));
        if std::env::var_os("SUDO_UID").is_some() {
            eprintln!(
                "brume: only root can read that certificate; without --tls, clients of all users can connect"
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Wraps a value in single quotes, in which the shell reads nothing but a closing quote.
pub(crate) fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn survives_the_shell() {
        for value in ["plain", "with space", "it's", "$(touch x)", "a\"b\\c`d`"] {
            let script = format!("printf %s {}", quote(value));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }
}
