//! `curl`: the part of it that scripts in an instance use most, for plain HTTP. Options, messages and exit codes as
//! curl has them.

mod request;
mod response;
mod url;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::options::{self, Flag, Options, flag, valued};
use request::{Request, exchange};
use url::Url;

const HELP: &str = "usage: curl [options] URL...

A stand-in for curl: plain HTTP only.

  -4, -6                  use IPv4, or IPv6, only
      --connect-timeout S give up connecting after this time
  -d, --data TEXT         send this by POST; @FILE reads a file, @- standard input
  -f, --fail              no output and exit code 22 for responses of 400 and above
  -G, --get               send data in the URL, by GET
  -H, --header LINE       add a header
  -I, --head              only the headers
  -i, --include           headers too
  -L, --location          follow redirects
  -m, --max-time S        give up after this time
  -O, --remote-name       write to a file named as the URL ends
  -o, --output FILE       write to a file
      --retry N           try again so many times when the server is not there or not well
      --retry-connrefused try again also when the connection is refused
      --retry-delay S     time between tries (1)
  -S, --show-error        tell errors even when silent
  -s, --silent            tell no errors
  -v, --verbose           tell what is sent and received
  -w, --write-out FORMAT  after the transfer: %{http_code} %{size_download} %{time_total} %{remote_ip} and others
  -X, --request METHOD    this method
";

/// Short names for options that curl has by their long names only.
const CONNECT_TIMEOUT: char = '\u{1}';
const RETRY: char = '\u{2}';
const RETRY_REFUSED: char = '\u{3}';
const RETRY_DELAY: char = '\u{5}';
const MAX_REDIRECTS: char = '\u{6}';

const FLAGS: [Flag; 27] = [
    flag('4', "ipv4"),
    flag('6', "ipv6"),
    valued(CONNECT_TIMEOUT, "connect-timeout"),
    valued('A', "user-agent"),
    valued('d', "data"),
    flag('f', "fail"),
    flag('G', "get"),
    valued('H', "header"),
    flag('h', "help"),
    flag('I', "head"),
    flag('i', "include"),
    flag('k', "insecure"),
    flag('L', "location"),
    valued(MAX_REDIRECTS, "max-redirs"),
    valued('m', "max-time"),
    flag('N', "no-buffer"),
    flag('O', "remote-name"),
    valued('o', "output"),
    valued(RETRY, "retry"),
    flag(RETRY_REFUSED, "retry-connrefused"),
    valued(RETRY_DELAY, "retry-delay"),
    flag('S', "show-error"),
    flag('s', "silent"),
    flag('v', "verbose"),
    valued('w', "write-out"),
    valued('X', "request"),
    valued('T', "upload-file"),
];

/// Why a transfer failed: curl's exit code, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What a transfer was like, for `--write-out`.
#[derive(Clone, Debug, Default)]
struct Facts {
    status: u16,
    body_bytes: u64,
    remote: Option<(IpAddr, u16)>,
    redirects: u32,
    url: String,
    content_type: String,
    connected_after: Duration,
    total: Duration,
}

pub(crate) fn main(args: &[OsString]) -> ExitCode {
    let options = match options::parse(args, &FLAGS) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("curl: {message}\ncurl: try 'curl --help'");
            return ExitCode::from(2);
        }
    };
    if options.has('h') {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if options.rest.is_empty() {
        eprintln!("curl: no URL specified!\ncurl: try 'curl --help'");
        return ExitCode::from(2);
    }
    let mut code = 0;
    for (index, url) in options.rest.iter().enumerate() {
        code = get(&options, url, index);
    }
    ExitCode::from(code)
}

/// One URL: tries, output, and what is told about it. Gives the exit code.
fn get(options: &Options, url: &str, index: usize) -> u8 {
    let mut facts;
    let mut tries_left: u32 = options.parsed(RETRY).ok().flatten().unwrap_or(0);
    let result = loop {
        let began = Instant::now();
        facts = Facts { url: url.to_owned(), ..Facts::default() };
        let result = transfer(options, url, index, &mut facts);
        facts.total = began.elapsed();
        if tries_left == 0 || !is_worth_another_try(options, &result, facts.status) {
            break result;
        }
        tries_left -= 1;
        let delay = options.seconds(RETRY_DELAY).ok().flatten().unwrap_or(Duration::from_secs(1));
        std::thread::sleep(delay);
    };
    if let Some(format) = options.value('w') {
        print!("{}", write_out(format, &facts));
        let _ = io::stdout().flush();
    }
    let Err(failure) = result else { return 0 };
    if !options.has('s') || options.has('S') {
        eprintln!("curl: ({}) {}", failure.code, failure.message);
    }
    failure.code
}

/// As curl has it: timeouts, names that do not resolve, and servers that say that it is for a while.
fn is_worth_another_try(options: &Options, result: &Result<(), Failure>, status: u16) -> bool {
    let transient = [408, 429, 500, 502, 503, 504].contains(&status);
    match result {
        Ok(()) => transient,
        Err(failure) if failure.code == 22 => transient,
        Err(failure) if failure.code == 7 => options.has(RETRY_REFUSED),
        Err(failure) => [6, 28].contains(&failure.code),
    }
}

fn transfer(options: &Options, url: &str, index: usize, facts: &mut Facts) -> Result<(), Failure> {
    let usage = |message| Failure::new(2, message);
    let began = Instant::now();
    let max_time = options.seconds('m').map_err(usage)?;
    let mut request = Request {
        url: Url::parse(url)?,
        method: "GET".to_owned(),
        headers: options.values('H').map(str::to_owned).collect(),
        body: None,
        user_agent: options.value('A').unwrap_or("curl/8.0-brume").to_owned(),
        only_v4: options.has('4'),
        only_v6: options.has('6'),
        verbose: options.has('v'),
        connect_timeout: options.seconds(CONNECT_TIMEOUT).map_err(usage)?.or(max_time),
        deadline: max_time.map(|time| began + time),
        began,
    };
    set_method_and_body(options, &mut request)?;
    let mut redirects_left: u32 = options.parsed(MAX_REDIRECTS).map_err(usage)?.unwrap_or(50);
    loop {
        let mut response = exchange(&request, facts)?;
        facts.status = response.status;
        facts.content_type = response.header("content-type").unwrap_or_default().to_owned();
        let location = response.header("location").map(str::to_owned);
        if let (true, 300..=399, Some(location)) = (options.has('L'), response.status, location) {
            if redirects_left == 0 {
                return Err(Failure::new(47, "Maximum redirects followed"));
            }
            redirects_left -= 1;
            facts.redirects += 1;
            request.follow(&location, response.status)?;
            facts.url = request.url.to_string();
            continue;
        }
        if options.has('f') && response.status >= 400 {
            return Err(Failure::new(22, format!("The requested URL returned error: {}", response.status)));
        }
        let mut output = open_output(options, &request.url, index)?;
        let cannot_write = |_| Failure::new(23, "Failure writing output to destination");
        if options.has('i') || options.has('I') {
            output.write_all(&response.head).map_err(cannot_write)?;
        }
        if !options.has('I') {
            response.copy_body(&mut output, facts)?;
        }
        return output.flush().map_err(cannot_write);
    }
}

fn set_method_and_body(options: &Options, request: &mut Request) -> Result<(), Failure> {
    let mut data = Vec::new();
    for (number, part) in options.values('d').enumerate() {
        if number > 0 {
            data.push(b'&');
        }
        match part.strip_prefix('@') {
            // Line ends are left out of files, as for forms.
            Some(path) => data.extend(read_file(path)?.into_iter().filter(|byte| !b"\r\n".contains(byte))),
            None => data.extend(part.as_bytes()),
        }
    }
    if let Some(path) = options.value('T') {
        request.method = "PUT".to_owned();
        request.body = Some(read_file(path)?);
    } else if options.has('d') && options.has('G') {
        request.url.add_query(&String::from_utf8_lossy(&data));
    } else if options.has('d') {
        request.method = "POST".to_owned();
        request.body = Some(data);
        if !request.has_header("content-type") {
            request.headers.push("Content-Type: application/x-www-form-urlencoded".to_owned());
        }
    } else if options.has('I') {
        request.method = "HEAD".to_owned();
    }
    if let Some(method) = options.value('X') {
        request.method = method.to_owned();
    }
    Ok(())
}

fn read_file(path: &str) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let read = if path == "-" {
        io::stdin().read_to_end(&mut content).map(drop)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut content)).map(drop)
    };
    read.map_err(|_| Failure::new(26, format!("Failed to open {path}")))?;
    Ok(content)
}

fn open_output(options: &Options, url: &Url, index: usize) -> Result<Box<dyn Write>, Failure> {
    // Each URL has the output option in its place; without one of its own it goes to standard output.
    let path = options.values('o').nth(index).map(str::to_owned);
    let path = path.or_else(|| options.has('O').then(|| url.file_name()));
    match path.as_deref() {
        None | Some("-") => Ok(Box::new(io::stdout())),
        Some("") => Err(Failure::new(23, "Remote file name has no length")),
        Some(path) => match File::create(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(_) => Err(Failure::new(23, format!("Failed to open the file {path}"))),
        },
    }
}

fn write_out(format: &str, facts: &Facts) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((name, after)) = rest.strip_prefix("%{").and_then(|inner| inner.split_once('}')) {
            text.push_str(&variable(name, facts));
            rest = after;
            continue;
        }
        let (replacement, length) = match rest.as_bytes() {
            [b'\\', b'n', ..] => ("\n", 2),
            [b'\\', b't', ..] => ("\t", 2),
            [b'\\', b'r', ..] => ("\r", 2),
            [b'%', b'%', ..] => ("%", 2),
            _ => (&rest[..1], 1),
        };
        text.push_str(replacement);
        rest = &rest[length..];
    }
    text.push_str(rest);
    text
}

fn variable(name: &str, facts: &Facts) -> String {
    let seconds = |time: Duration| format!("{:.6}", time.as_secs_f64());
    match name {
        "http_code" | "response_code" => format!("{:03}", facts.status),
        "size_download" => facts.body_bytes.to_string(),
        "remote_ip" => facts.remote.map(|(ip, _)| ip.to_string()).unwrap_or_default(),
        "remote_port" => facts.remote.map(|(_, port)| port.to_string()).unwrap_or_default(),
        "num_redirects" => facts.redirects.to_string(),
        "url_effective" => facts.url.clone(),
        "content_type" => facts.content_type.clone(),
        "time_connect" => seconds(facts.connected_after),
        "time_total" => seconds(facts.total),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_out_knows_variables_and_escapes() {
        let facts = Facts { status: 200, body_bytes: 5, ..Facts::default() };
        assert_eq!(write_out(r"%{http_code} %{size_download}\n%%%{nothing}.", &facts), "200 5\n%.");
        assert_eq!(write_out(r"100% \x %{open", &facts), r"100% \x %{open");
        assert_eq!(write_out("%{http_code}", &Facts::default()), "000");
    }
}
