//! A small signed AWS client over plain HTTP, for the commands that drive their own cloud.
//!
//! Owns just enough of the Query, JSON and S3 protocols to play a recipe. Refuses to be an SDK.

#[path = "client/s3.rs"]
mod s3;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use sigv4::{Payload, Request, Signer, SigningTime};

#[allow(unused_imports, reason = "tests share this file, and some have no objects")]
pub(crate) use s3::{S3Answer, S3Request};

/// How long one answer may take.
const ANSWER_TIMEOUT_SECS: u64 = 60;

/// A cloud's endpoint and a key for it.
pub(crate) struct Client {
    address: SocketAddr,
    access_key_id: String,
    secret_access_key: String,
    region: String,
    ask_first: fn() -> anyhow::Result<()>,
}

impl Client {
    /// A client for what `brume env` prints.
    ///
    /// # Errors
    /// When a variable is missing or the endpoint is not a plain HTTP address.
    pub(crate) fn from_environment(environment: &[(&str, String)]) -> anyhow::Result<Self> {
        let value = |name: &str| {
            environment
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.clone())
                .with_context(|| format!("{name} is missing in the cloud's environment"))
        };
        let endpoint = value("AWS_ENDPOINT_URL")?;
        let address = endpoint.strip_prefix("http://").context("the endpoint is not plain HTTP")?.parse()?;
        Ok(Self {
            address,
            access_key_id: value("AWS_ACCESS_KEY_ID")?,
            secret_access_key: value("AWS_SECRET_ACCESS_KEY")?,
            region: value("AWS_REGION")?,
            ask_first: || Ok(()),
        })
    }

    /// The same client, which asks before every request whether to go on.
    pub(crate) fn asking_first(self, ask_first: fn() -> anyhow::Result<()>) -> Self {
        Self { ask_first, ..self }
    }

    /// Calls an EC2 action with these parameters and returns its XML answer.
    ///
    /// # Errors
    /// When the cloud cannot be reached or answers with an error.
    pub(crate) fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Xml> {
        self.query("ec2", EC2_VERSION, action, parameters)
    }

    /// A connection that stays for many requests.
    ///
    /// # Errors
    /// When the cloud cannot be reached.
    pub(crate) fn connect(&self) -> anyhow::Result<Connection<'_>> {
        let stream = TcpStream::connect(self.address).context("the cloud does not answer")?;
        stream.set_read_timeout(Some(Duration::from_secs(ANSWER_TIMEOUT_SECS)))?;
        stream.set_nodelay(true)?;
        Ok(Connection { client: self, stream: BufReader::new(stream) })
    }

    /// Calls an action of a service that speaks the Query protocol, and returns its XML answer.
    ///
    /// # Errors
    /// As [`Client::ec2`].
    pub(crate) fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Xml> {
        answer_of(action, self.post(service, &[FORM], &form(action, version, parameters))?)
    }

    /// Calls an SSM operation and returns its JSON answer.
    ///
    /// # Errors
    /// When the cloud cannot be reached or answers with an error.
    pub(crate) fn ssm(
        &self,
        operation: &str,
        input: &serde_json::Value,
    ) -> anyhow::Result<serde_json::Value> {
        let target = format!("AmazonSSM.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let answer = self.post("ssm", &headers, &input.to_string())?;
        if answer.status != 200 {
            bail!("{operation}: {}", answer.body);
        }
        serde_json::from_str(&answer.body).with_context(|| format!("{operation} did not answer JSON"))
    }

    /// The image that the public parameter names, as the recipes find it.
    ///
    /// # Errors
    /// When the parameter cannot be read.
    pub(crate) fn public_image(&self) -> anyhow::Result<String> {
        let name = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2";
        let answer = self.ssm("GetParameter", &serde_json::json!({ "Name": name }))?;
        answer["Parameter"]["Value"].as_str().map(str::to_owned).context("the parameter has no value")
    }

    /// Launches so many instances of the smallest kind into a subnet, with this user data unless it is empty.
    ///
    /// # Errors
    /// When the cloud refuses, or answers with another number of instances.
    pub(crate) fn run_instances(
        &self,
        image: &str,
        subnet: &str,
        count: usize,
        user_data: &str,
    ) -> anyhow::Result<Vec<Instance>> {
        let user_data = base64::engine::general_purpose::STANDARD.encode(user_data);
        let number = count.to_string();
        let mut parameters = vec![
            ("ImageId", image),
            ("InstanceType", "t3.nano"),
            ("MinCount", &number),
            ("MaxCount", &number),
            ("SubnetId", subnet),
        ];
        if !user_data.is_empty() {
            parameters.push(("UserData", &user_data));
        }
        let answer = self.ec2("RunInstances", &parameters)?;
        let read = |item: &Xml| {
            Some(Instance { id: item.first("instanceId")?, address: item.first("privateIpAddress")? })
        };
        let sets = answer.all("instancesSet");
        let instances: Vec<Instance> =
            sets.iter().flat_map(|set| Xml::new(set).items()).filter_map(|item| read(&item)).collect();
        if instances.len() == count {
            Ok(instances)
        } else {
            bail!("{} instances instead of {count}", instances.len())
        }
    }

    fn post(&self, service: &str, headers: &[(&str, &str)], body: &str) -> anyhow::Result<Answer> {
        let mut connection = self.connect()?;
        connection.post(service, &[headers, &[("connection", "close")]].concat(), body)
    }

    /// The text of a signed request.
    fn request(&self, service: &str, headers: &[(&str, &str)], body: &str) -> String {
        let host = self.address.to_string();
        let mut all: Vec<(String, String)> = vec![("host".to_owned(), host)];
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let signed = self.sign(service, &all, body.as_bytes());
        let mut request = String::from("POST / HTTP/1.1\r\n");
        for (name, value) in &all {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in &signed {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        request
    }
}

/// The one header of the Query protocol.
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

/// The version of EC2's API.
const EC2_VERSION: &str = "2016-11-15";

/// An action with its parameters, as the Query protocol has it.
fn form(action: &str, version: &str, parameters: &[(&str, &str)]) -> String {
    let mut body = format!("Action={action}&Version={version}");
    for (name, value) in parameters {
        body.push_str(&format!("&{name}={}", percent_encode(value)));
    }
    body
}

fn answer_of(action: &str, answer: Answer) -> anyhow::Result<Xml> {
    let xml = Xml(answer.body);
    if answer.status != 200 {
        bail!(
            "{action}: {}: {}",
            xml.first("Code").unwrap_or_default(),
            xml.first("Message").unwrap_or_default()
        );
    }
    Ok(xml)
}

/// A client's connection, for one request after the other.
pub(crate) struct Connection<'a> {
    client: &'a Client,
    stream: BufReader<TcpStream>,
}

impl Connection<'_> {
    /// As [`Client::ec2`].
    ///
    /// # Errors
    /// When the connection breaks or the cloud answers with an error.
    pub(crate) fn ec2(&mut self, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Xml> {
        answer_of(action, self.post("ec2", &[FORM], &form(action, EC2_VERSION, parameters))?)
    }

    fn post(&mut self, service: &str, headers: &[(&str, &str)], body: &str) -> anyhow::Result<Answer> {
        (self.client.ask_first)()?;
        let request = self.client.request(service, headers, body);
        self.stream.get_mut().write_all(request.as_bytes())?;
        Answer::read(&mut self.stream)
    }
}

/// An instance on record.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    /// Its primary private address.
    pub(crate) address: String,
}

impl Client {
    /// The headers that a signature adds.
    fn sign(&self, service: &str, headers: &[(String, String)], body: &[u8]) -> Vec<(&'static str, String)> {
        let signer = Signer {
            access_key_id: &self.access_key_id,
            secret: &self.secret_access_key,
            session_token: None,
            region: &self.region,
            service,
        };
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let request = Request { method: "POST", path: "/", query: "", headers: &headers };
        let now = SigningTime::from_unix_secs(jiff::Timestamp::now().as_second())
            .expect("the clock is before the year 9999");
        signer.sign(&request, &Payload::of(body), now)
    }
}

struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn read(reader: &mut impl BufRead) -> anyhow::Result<Self> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status =
            line.split(' ').nth(1).and_then(|code| code.parse().ok()).context("not an HTTP answer")?;
        let mut length = None;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<u64>().ok();
            }
        }
        let mut body = String::new();
        reader.take(length.context("an answer without a length")?).read_to_string(&mut body)?;
        Ok(Self { status, body })
    }
}

/// An XML answer.
#[derive(Debug)]
pub(crate) struct Xml(String);

impl Xml {
    /// A piece of a document, such as the inside of an element.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The elements named `item` at the top of this piece, each as a piece of its own.
    pub(crate) fn items(&self) -> Vec<Self> {
        self.all("item").into_iter().map(Self).collect()
    }

    /// The text of the first element of that name, at any depth.
    pub(crate) fn first(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// The texts of all elements of that name, in the order of the document.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let mut reader = quick_xml::Reader::from_str(&self.0);
        let mut texts = Vec::new();
        while let Ok(event) = reader.read_event() {
            match event {
                quick_xml::events::Event::Start(start) if start.local_name().as_ref() == name => {
                    let text = reader.read_text(start.name());
                    texts.push(text.map(|text| text.into_owned().to_string()).unwrap_or_default());
                }
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        texts
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
