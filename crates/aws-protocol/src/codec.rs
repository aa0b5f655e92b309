//! One service's messages in one protocol: which operation, what input, what answer.

use aws_model::{Fields, Model, Operation, Routable as _, RouteMatch, Structure, Value, WireProtocol};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::cbor::{self, CborSink};
use crate::item::{self, Item, ItemReader};
use crate::json::{self, JsonSink};
use crate::query::{Parameters, QueryReader};
use crate::rest::{self, BindingReader};
use crate::xml::{self, XmlReader, XmlStyle, XmlWriter, text_of};
use crate::{ErrorReply, ProtocolError, Request, Response, event_stream, fault, validate};

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
            if self.model.metadata.name == "s3" {
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
            WireProtocol::RestJson | WireProtocol::RestXml => self.decode_rest(structure, request)?,
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

    fn decode_rest(&self, structure: &Structure, request: &Request) -> Result<Fields, ProtocolError> {
        let found = self.route_match(request)?;
        let bindings =
            BindingReader { model: self.model, protocol: self.protocol, request, labels: &found.labels };
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
                    fields.push(member.name, Value::Structure(self.read_xml(payload, &request.body)?));
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
                        WireProtocol::RestXml => self.read_xml(structure, &request.body)?,
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

    fn read_xml(&self, structure: &Structure, body: &[u8]) -> Result<Fields, ProtocolError> {
        let malformed = |problem: String| ProtocolError::malformed(self.protocol, problem);
        let root = xml::parse(body).map_err(malformed)?;
        XmlReader { model: self.model }.structure(structure, &root)
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
        let status = StatusCode::from_u16(operation.response_code).unwrap_or(StatusCode::OK);
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
            WireProtocol::RestJson | WireProtocol::RestXml => self.encode_rest(shape, fields, &mut response),
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
            if self.model.metadata.name == "s3" {
                headers.insert(HeaderName::from_static("x-amz-id-2"), id.clone());
                headers.insert(HeaderName::from_static("x-amz-request-id"), id);
            } else {
                headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
            }
        }
        Response { status, headers, body: Bytes::new() }
    }

    /// A JSON or CBOR body.
    fn write_body(&self, structure: &Structure, fields: &Fields) -> Bytes {
        if self.protocol == WireProtocol::RpcV2Cbor {
            let mut sink = CborSink::default();
            item::write_structure(self.model, structure, fields, &[], &mut sink);
            sink.finish().into()
        } else {
            let mut sink = JsonSink::default();
            item::write_structure(self.model, structure, fields, &[], &mut sink);
            sink.finish().into()
        }
    }

    /// The body of the message before an event stream.
    fn write_beside(&self, structure: &Structure, fields: &Fields, stream: &str) -> Bytes {
        let mut beside = fields.clone();
        beside.take(stream);
        self.write_body(structure, &beside)
    }

    fn write_events(&self, stream: &Structure, events: Option<&Value>, out: &mut Vec<u8>) {
        if let Some(Value::List(events)) = events {
            event_stream::write(self.model, self.protocol, stream, events, out);
        }
    }

    fn encode_ec2(
        &self,
        operation: &Operation,
        structure: Option<&Structure>,
        fields: &Fields,
        request_id: &str,
        response: &mut Response,
    ) {
        let root = format!("{}Response", operation.name);
        let mut writer = XmlWriter::document();
        // The model's namespace lacks the slash that EC2 prints.
        let namespace =
            format!("{}/", self.model.metadata.xml_namespace.unwrap_or_default().trim_end_matches('/'));
        writer.start_with(&root, std::iter::once(("xmlns".into(), namespace.as_str())));
        writer.leaf("requestId", request_id);
        match structure {
            Some(structure) => {
                writer.members(self.model, structure, fields, &XmlStyle { always_millis: true });
            }
            None => writer.leaf("return", "true"),
        }
        writer.end(&root);
        response.body = writer.finish().into();
    }

    fn encode_query(
        &self,
        operation: &Operation,
        structure: Option<&Structure>,
        fields: &Fields,
        request_id: &str,
        response: &mut Response,
    ) {
        let root = format!("{}Response", operation.name);
        let mut writer = XmlWriter::document();
        let namespace = self.model.metadata.xml_namespace.unwrap_or_default();
        writer.start_with(&root, std::iter::once(("xmlns".into(), namespace)));
        if let Some(structure) = structure {
            let wrapper =
                operation.result_wrapper.map_or_else(|| format!("{}Result", operation.name), str::to_owned);
            writer.start(&wrapper);
            writer.members(self.model, structure, fields, &XmlStyle { always_millis: false });
            writer.end(&wrapper);
        }
        writer.start("ResponseMetadata");
        writer.leaf("RequestId", request_id);
        writer.end("ResponseMetadata");
        writer.end(&root);
        response.body = writer.finish().into();
    }

    fn encode_rest(&self, structure: &Structure, fields: &Fields, response: &mut Response) {
        rest::write_headers(self.model, structure, fields, &mut response.headers);
        let status =
            structure.members.iter().find(|member| member.location == aws_model::Location::StatusCode);
        if let Some(Value::Integer(status)) = status.and_then(|member| fields.get(member.name)) {
            let status = u16::try_from(*status).ok().and_then(|status| StatusCode::from_u16(status).ok());
            response.status = status.unwrap_or(response.status);
        }
        match structure.payload_member() {
            Some(member) => self.encode_payload(structure, member, fields.get(member.name), response),
            None if self.protocol == WireProtocol::RestJson => {
                response.body = self.write_body(structure, fields);
            }
            None => {
                let has_body =
                    structure.members.iter().any(|member| member.location == aws_model::Location::Body);
                if !has_body {
                    response.headers.remove(CONTENT_TYPE);
                    return;
                }
                let mut writer = XmlWriter::document();
                let root = self.xml_root(structure);
                let namespace = self.model.metadata.xml_namespace;
                writer.start_with(&root, namespace.into_iter().map(|uri| ("xmlns".into(), uri)));
                writer.members(self.model, structure, fields, &XmlStyle { always_millis: false });
                writer.end(&root);
                response.body = writer.finish().into();
            }
        }
    }

    /// The root element of an output without a payload member is named after its shape.
    fn xml_root(&self, structure: &Structure) -> String {
        let shape = self.model.shapes.iter().find(|shape| match &shape.kind {
            aws_model::ShapeKind::Structure(candidate) => std::ptr::eq(candidate, structure),
            _ => false,
        });
        let name = shape.map_or("Result", |shape| shape.name);
        // S3 names its results so, whatever the model calls the output.
        name.strip_suffix("Output").map_or_else(|| name.to_owned(), |name| format!("{name}Result"))
    }

    fn encode_payload(
        &self,
        structure: &Structure,
        member: &aws_model::Member,
        value: Option<&Value>,
        response: &mut Response,
    ) {
        let streaming = match &self.model[member.shape].kind {
            aws_model::ShapeKind::Structure(stream) if stream.event_stream => Some(stream),
            _ => None,
        };
        if let Some(stream) = streaming {
            let mut out = Vec::new();
            self.write_events(stream, value, &mut out);
            response.body = out.into();
            response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
            return;
        }
        let has_own_type = structure.members.iter().any(|member| {
            member.location == aws_model::Location::Header && member.wire_name() == "Content-Type"
        });
        match value {
            None => {
                if !has_own_type {
                    response.headers.remove(CONTENT_TYPE);
                }
            }
            Some(Value::Blob(bytes)) => {
                self.opaque(has_own_type, response);
                response.body = bytes.clone();
            }
            Some(value @ Value::String(_)) => {
                self.opaque(has_own_type, response);
                response.body = text_of(value).into_owned().into();
            }
            Some(value) if self.protocol == WireProtocol::RestXml => {
                let mut writer = XmlWriter::document();
                writer.member(self.model, member, value, &XmlStyle { always_millis: false });
                response.body = writer.finish().into();
            }
            Some(value) => {
                let mut sink = JsonSink::default();
                item::write(self.model, Some(member.shape), value, &mut sink);
                response.body = sink.finish().into();
            }
        }
    }

    /// Bytes have the type that the output says, or none that is known.
    fn opaque(&self, has_own_type: bool, response: &mut Response) {
        let is_default = response
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value == "application/xml" || value == "application/json");
        if is_default && !has_own_type {
            response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        }
    }
}

fn unknown_operation(name: &str) -> ProtocolError {
    ProtocolError::new("UnknownOperationException", format!("The operation {name} is not known."))
}
