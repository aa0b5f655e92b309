//! One service's messages in one protocol: which operation, what input, what answer.

use aws_model::{Fields, Model, Operation, Routable as _, RouteMatch, Structure, Value, WireProtocol};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::cbor;
use crate::item::{Item, ItemReader};
use crate::json;
use crate::query::{Parameters, QueryReader};
use crate::rest::BindingReader;
use crate::xml::{self, XmlError, XmlReader};
use crate::{ErrorReply, ProtocolError, Request, Response, event_stream, fault, s3, validate};

/// Reads the requests of one service in one protocol, and writes its responses.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    pub(crate) model: &'static Model,
    pub(crate) protocol: WireProtocol,
}

impl Codec {
    /// The codec for a protocol that the service speaks.
    pub fn new(model: &'static Model, protocol: WireProtocol) -> Self {
        Self { model, protocol }
    }

    /// The codec for the protocol that a request is in. A service may speak several: CBOR and JSON, and query from
    /// when it was young.
    pub fn for_request(model: &'static Model, request: &Request) -> Self {
        let protocols = &model.metadata.protocols;
        let speaks = |protocol| protocols.contains(&protocol);
        let content_type = request.header("content-type").unwrap_or_default();
        let protocol = if protocols.len() == 1 {
            protocols[0]
        } else if request.has_header("smithy-protocol") && speaks(WireProtocol::RpcV2Cbor) {
            WireProtocol::RpcV2Cbor
        } else if request.has_header("x-amz-target") && speaks(WireProtocol::AwsJson) {
            WireProtocol::AwsJson
        } else if speaks(WireProtocol::AwsQuery)
            && (content_type.starts_with("application/x-www-form-urlencoded")
                || request.query.contains("Action="))
        {
            WireProtocol::AwsQuery
        } else {
            protocols[0]
        };
        Self { model, protocol }
    }

    /// The service's model.
    pub fn model(&self) -> &'static Model {
        self.model
    }

    /// The protocol.
    pub fn protocol(&self) -> WireProtocol {
        self.protocol
    }

    /// The operation that a request is for.
    ///
    /// # Errors
    /// It names none, or one that the service's model does not have.
    pub fn route(&self, request: &Request) -> Result<&'static Operation, ProtocolError> {
        match self.protocol {
            WireProtocol::Ec2Query | WireProtocol::AwsQuery => {
                let parameters = Parameters::parse(&request.query, self.form_body(request))?;
                let action = parameters.get("Action").ok_or_else(|| {
                    ProtocolError::new("MissingAction", "The request must contain the parameter Action.")
                })?;
                self.model
                    .operation(action)
                    .ok_or_else(|| self.unknown_action(action, parameters.get("Version")))
            }
            WireProtocol::AwsJson => {
                let target = request.header("x-amz-target").unwrap_or_default();
                let name = target.rsplit_once('.').map_or(target, |(_, name)| name);
                self.model.operation(name).ok_or_else(|| unknown_operation(name))
            }
            WireProtocol::RpcV2Cbor => {
                let name = request.path.rsplit_once("/operation/").map_or("", |(_, name)| name);
                self.model.operation(name).ok_or_else(|| unknown_operation(name).with_status(404))
            }
            WireProtocol::RestJson | WireProtocol::RestXml => {
                self.route_match(request).map(|found| &self.model.operations[found.operation])
            }
        }
    }

    fn route_match<'a>(&self, request: &'a Request) -> Result<RouteMatch<'a>, ProtocolError> {
        self.model.router().route(request).ok_or_else(|| {
            if s3::is_of(self.model) {
                let message = "The specified method is not allowed against this resource.";
                return ProtocolError::new("MethodNotAllowed", message).with_status(405);
            }
            unknown_operation(&format!("{} {}", request.method, request.path)).with_status(404)
        })
    }

    /// The names of actions are as in the published API; whoever misspells one should see it.
    fn unknown_action(&self, action: &str, version: Option<&str>) -> ProtocolError {
        if self.protocol == WireProtocol::Ec2Query {
            let message = format!("The action {action} is not valid for this web service.");
            return ProtocolError::new("InvalidAction", message);
        }
        let version = version.unwrap_or(self.model.metadata.api_version);
        ProtocolError::new(
            "InvalidAction",
            format!("Could not find operation {action} for version {version}"),
        )
    }

    /// The answer to an operation that the model has and Brume does not.
    pub fn not_implemented(&self, operation: &Operation) -> ProtocolError {
        let name = operation.name;
        let service = self.model.metadata.service_id;
        match self.protocol {
            WireProtocol::Ec2Query | WireProtocol::AwsQuery => {
                let message = format!(
                    "The action {name} is not valid for this web service. ({service} {name} is not implemented.)"
                );
                ProtocolError::new("InvalidAction", message)
            }
            _ => {
                let message = format!("{service} {name} is not implemented.");
                ProtocolError::new("NotImplemented", message).with_status(501)
            }
        }
    }

    /// Reads an operation's input. Types are checked here; [`Codec::validate`] checks the model's constraints.
    ///
    /// # Errors
    /// The request is malformed, or holds something of another type than the model says.
    pub fn decode(&self, operation: &Operation, request: &Request) -> Result<Value, ProtocolError> {
        let input = operation.input.as_ref().and_then(|input| self.model.structure(input.shape));
        let nothing = Structure::default();
        let structure = input.unwrap_or(&nothing);
        let fields = match self.protocol {
            WireProtocol::Ec2Query | WireProtocol::AwsQuery => {
                let parameters = Parameters::parse(&request.query, self.form_body(request))?;
                QueryReader { model: self.model, protocol: self.protocol, parameters: &parameters }
                    .input(structure)?
            }
            WireProtocol::AwsJson | WireProtocol::RpcV2Cbor => self.read_body(structure, &request.body)?,
            WireProtocol::RestJson | WireProtocol::RestXml => {
                self.decode_rest(operation, structure, request)?
            }
        };
        Ok(Value::Structure(fields))
    }

    /// A form may also be sent as the query of a GET, whose body is then empty. A body of another type is no form.
    fn form_body<'a>(&self, request: &'a Request) -> &'a [u8] {
        let content_type = request.header("content-type").unwrap_or("application/x-www-form-urlencoded");
        let is_form =
            content_type.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded");
        if is_form { &request.body } else { &[] }
    }

    fn item_reader(&self) -> ItemReader<'_> {
        ItemReader { model: self.model, protocol: self.protocol }
    }

    /// Reads a JSON or CBOR body; an empty one counts as an empty structure.
    fn read_item(&self, body: &Bytes) -> Result<Item, ProtocolError> {
        if body.is_empty() {
            return Ok(Item::Map(Vec::new()));
        }
        match self.protocol {
            WireProtocol::RpcV2Cbor => {
                cbor::parse(body).map_err(|error| ProtocolError::malformed(self.protocol, error.to_string()))
            }
            _ => json::parse(body).map_err(|error| {
                ProtocolError::malformed(
                    self.protocol,
                    format!("The request body is not valid JSON: {error}"),
                )
            }),
        }
    }

    fn read_body(&self, structure: &Structure, body: &Bytes) -> Result<Fields, ProtocolError> {
        self.item_reader().structure(structure, self.read_item(body)?, 0)
    }

    fn decode_rest(
        &self,
        operation: &Operation,
        structure: &Structure,
        request: &Request,
    ) -> Result<Fields, ProtocolError> {
        let found = self.route_match(request)?;
        let query = operation.uri.split_once('?').map_or("", |(_, query)| query);
        let literals =
            query.split('&').map(|parameter| parameter.split('=').next().unwrap_or(parameter)).collect();
        let bindings = BindingReader {
            model: self.model,
            protocol: self.protocol,
            request,
            labels: &found.labels,
            literals,
        };
        let mut fields = bindings.read(structure)?;
        match structure.payload_member() {
            Some(member) => match &self.model[member.shape].kind {
                aws_model::ShapeKind::Blob(_) => {
                    if !request.body.is_empty() {
                        fields.push(member.name, Value::Blob(request.body.clone()));
                    }
                }
                aws_model::ShapeKind::String(_) => {
                    let text = String::from_utf8(request.body.to_vec())
                        .map_err(|_| ProtocolError::malformed(self.protocol, "The body is not UTF-8."))?;
                    if !text.is_empty() {
                        fields.push(member.name, Value::String(text));
                    }
                }
                _ if request.body.is_empty() => {}
                aws_model::ShapeKind::Structure(payload) if self.protocol == WireProtocol::RestXml => {
                    let read = self.read_xml(payload, member.wire_name(), &request.body)?;
                    fields.push(member.name, Value::Structure(read));
                }
                _ => {
                    let item = self.read_item(&request.body)?;
                    fields.push(member.name, self.item_reader().value(member.shape, item, 0)?);
                }
            },
            None if request.body.is_empty() => {}
            None => {
                let has_body =
                    structure.members.iter().any(|member| member.location == aws_model::Location::Body);
                if has_body {
                    let body = match self.protocol {
                        WireProtocol::RestXml => {
                            let root = operation.input.as_ref().and_then(|input| input.location_name);
                            self.read_xml(structure, root.unwrap_or_default(), &request.body)?
                        }
                        _ => self.read_body(structure, &request.body)?,
                    };
                    for (name, value) in body {
                        if fields.get(name).is_none() {
                            fields.push(name, value);
                        }
                    }
                }
            }
        }
        Ok(fields)
    }

    /// Reads a document. S3 checks it against a schema, and says no more of it than whether it fits.
    fn read_xml(&self, structure: &Structure, root: &str, body: &[u8]) -> Result<Fields, ProtocolError> {
        let malformed = |problem: XmlError| ProtocolError::malformed(self.protocol, problem.to_string());
        let is_s3 = s3::is_of(self.model);
        let read = xml::parse(body).map_err(malformed).and_then(|document| {
            if is_s3 && !(document.is_named(root) && document.namespace().is_none_or(s3::is_namespace)) {
                return Err(s3::malformed());
            }
            XmlReader { model: self.model, is_strict: is_s3 }.structure(structure, &document)
        });
        if is_s3 { read.map_err(|_| s3::malformed()) } else { read }
    }

    /// Checks an input against the model's constraints.
    ///
    /// # Errors
    /// What AWS says of the first violation, or where its message has room for them, of all.
    pub fn validate(&self, operation: &Operation, input: &Value) -> Result<(), ProtocolError> {
        match &operation.input {
            Some(reference) => validate::check(self.model, self.protocol, reference.shape, input),
            None => Ok(()),
        }
    }

    /// Writes the response to an operation that succeeded.
    pub fn encode(&self, operation: &Operation, output: &Value, request_id: &str) -> Response {
        let nothing = Structure::default();
        let no_fields = Fields::new();
        let structure = operation.output.as_ref().and_then(|output| self.model.structure(output.shape));
        let fields = match output {
            Value::Structure(fields) => fields,
            _ => &no_fields,
        };
        let status = s3::answered_with(self.model, operation).unwrap_or(operation.response_code);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let mut response = self.response(status, request_id);
        let shape = structure.unwrap_or(&nothing);
        match self.protocol {
            WireProtocol::Ec2Query => {
                self.encode_ec2(operation, structure, fields, request_id, &mut response);
            }
            WireProtocol::AwsQuery => {
                self.encode_query(operation, structure, fields, request_id, &mut response);
            }
            WireProtocol::AwsJson | WireProtocol::RpcV2Cbor => {
                let body = self.write_body(shape, fields);
                if let Some((member, stream)) = event_stream::of(self.model, operation) {
                    let mut out = Vec::new();
                    event_stream::write_initial(
                        self.protocol,
                        &self.write_beside(shape, fields, member.name),
                        &mut out,
                    );
                    self.write_events(stream, fields.get(member.name), &mut out);
                    response.body = out.into();
                    response
                        .headers
                        .insert(CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
                } else {
                    response.body = body;
                }
            }
            WireProtocol::RestJson | WireProtocol::RestXml => {
                self.encode_rest(operation, fields, &mut response);
            }
        }
        response
    }

    /// Writes an error in the protocol's shape, with the status that the reply, the model or the protocol gives.
    pub fn encode_error(
        &self,
        operation: Option<&Operation>,
        reply: &ErrorReply<'_>,
        request_id: &str,
    ) -> Response {
        fault::encode(self, operation, reply, request_id)
    }

    /// An empty response with the headers that every one has.
    pub(crate) fn response(&self, status: StatusCode, request_id: &str) -> Response {
        let content_type = match (self.protocol, self.model.metadata.json_version) {
            (WireProtocol::Ec2Query, _) => "text/xml;charset=UTF-8",
            (WireProtocol::AwsQuery, _) => "text/xml",
            (WireProtocol::AwsJson, Some("1.0")) => "application/x-amz-json-1.0",
            (WireProtocol::AwsJson, _) => "application/x-amz-json-1.1",
            (WireProtocol::RestJson, _) => "application/json",
            (WireProtocol::RestXml, _) => "application/xml",
            (WireProtocol::RpcV2Cbor, _) => "application/cbor",
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if self.protocol == WireProtocol::RpcV2Cbor {
            headers
                .insert(HeaderName::from_static("smithy-protocol"), HeaderValue::from_static("rpc-v2-cbor"));
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            if s3::is_of(self.model) {
                headers.insert(HeaderName::from_static("x-amz-id-2"), id.clone());
                headers.insert(HeaderName::from_static("x-amz-request-id"), id);
            } else {
                headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
            }
        }
        Response { status, headers, body: Bytes::new() }
    }
}

fn unknown_operation(name: &str) -> ProtocolError {
    ProtocolError::new("UnknownOperationException", format!("The operation {name} is not known."))
}
