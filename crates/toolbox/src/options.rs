//! Command-line options as `getopt_long` reads them: `-abc`, `-w5`, `-w 5`, `--name`, `--name=value`, `--`.

use std::ffi::OsString;

/// One option that a program takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) short: char,
    /// Empty: it has no long name.
    pub(crate) long: &'static str,
    pub(crate) takes_value: bool,
}

/// What was given: options by their short name in order, and the rest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) given: Vec<(char, String)>,
    pub(crate) rest: Vec<String>,
}

/// An option without a value.
pub(crate) const fn flag(short: char, long: &'static str) -> Flag {
    Flag { short, long, takes_value: false }
}

/// An option with a value.
pub(crate) const fn valued(short: char, long: &'static str) -> Flag {
    Flag { short, long, takes_value: true }
}

/// Reads arguments. `-h` and `--help`, when a program does not give them another meaning, are up to the caller to list.
///
/// # Errors
/// What is wrong, as a sentence for the user.
pub(crate) fn parse(args: &[OsString], flags: &[Flag]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut args = args.iter().map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        if arg == "--" {
            options.rest.extend(args);
            break;
        } else if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let flag = flags
                .iter()
                .find(|flag| !flag.long.is_empty() && flag.long == name)
                .ok_or_else(|| format!("unrecognized option '--{name}'"))?;
            let value = match (flag.takes_value, value) {
                (true, None) => {
                    args.next().ok_or_else(|| format!("option '--{name}' requires an argument"))?
                }
                (false, Some(_)) => return Err(format!("option '--{name}' doesn't allow an argument")),
                (_, value) => value.unwrap_or_default(),
            };
            options.given.push((flag.short, value));
        } else if let Some(cluster) = arg.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
            let mut letters = cluster.chars();
            while let Some(letter) = letters.next() {
                let flag = flags
                    .iter()
                    .find(|flag| flag.short == letter)
                    .ok_or_else(|| format!("invalid option -- '{letter}'"))?;
                let mut value = String::new();
                if flag.takes_value {
                    value = letters.by_ref().collect();
                    if value.is_empty() {
                        value = args
                            .next()
                            .ok_or_else(|| format!("option requires an argument -- '{letter}'"))?;
                    }
                }
                options.given.push((letter, value));
            }
        } else {
            options.rest.push(arg);
        }
    }
    Ok(options)
}

impl Options {
    pub(crate) fn has(&self, short: char) -> bool {
        self.given.iter().any(|(name, _)| *name == short)
    }

    /// The last value given.
    pub(crate) fn value(&self, short: char) -> Option<&str> {
        self.given.iter().rev().find(|(name, _)| *name == short).map(|(_, value)| value.as_str())
    }

    /// All values given, in order.
    pub(crate) fn values(&self, short: char) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(name, _)| *name == short).map(|(_, value)| value.as_str())
    }

    /// The last value given, as a number or the like.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, short: char) -> Result<Option<T>, String> {
        self.value(short)
            .map(|value| value.parse().map_err(|_| format!("invalid value for -{short}: '{value}'")))
            .transpose()
    }

    /// The last value given, as seconds with fractions.
    pub(crate) fn seconds(&self, short: char) -> Result<Option<std::time::Duration>, String> {
        let Some(seconds) = self.parsed::<f64>(short)? else { return Ok(None) };
        std::time::Duration::try_from_secs_f64(seconds)
            .map(Some)
            .map_err(|_| format!("invalid value for -{short}: '{seconds}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: [Flag; 3] = [flag('l', ""), flag('v', "verbose"), valued('w', "wait")];

    /// Options by short name and value, and the rest.
    type Read<'a> = (&'a [(char, &'a str)], &'a [&'a str]);

    fn check(args: &[&str], expected: Result<Read<'_>, &str>) {
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        let expected = expected
            .map(|(given, rest)| Options {
                given: given.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
                rest: rest.iter().map(|text| (*text).to_owned()).collect(),
            })
            .map_err(str::to_owned);
        assert_eq!(parse(&args, &FLAGS), expected, "{args:?}");
    }

    #[test]
    fn options_are_read_as_getopt_does() {
        check(&["-lv", "host"], Ok((&[('l', ""), ('v', "")], &["host"])));
        check(&["-lw5", "x", "-v"], Ok((&[('l', ""), ('w', "5"), ('v', "")], &["x"])));
        check(&["-w", "5"], Ok((&[('w', "5")], &[])));
        check(&["--wait=5", "--verbose"], Ok((&[('w', "5"), ('v', "")], &[])));
        check(&["--wait", "5"], Ok((&[('w', "5")], &[])));
        check(&["--", "-l"], Ok((&[], &["-l"])));
        check(&["-"], Ok((&[], &["-"])));
        check(&["-x"], Err("invalid option -- 'x'"));
        check(&["-w"], Err("option requires an argument -- 'w'"));
        check(&["--nothing"], Err("unrecognized option '--nothing'"));
        check(&["--"], Ok((&[], &[])));
        check(&["--verbose=1"], Err("option '--verbose' doesn't allow an argument"));
    }
}
