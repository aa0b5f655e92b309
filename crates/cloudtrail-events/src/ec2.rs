//! Requests and answers of EC2, which events tell in shapes of their own: a list is `{"items": […]}`, a list of texts is one
//! of objects, and the lists of requests have other names than in the API.
//!
//! Owns those shapes. Refuses to know operations, but for RunInstances, which is told as a set of instances.
//!
//! <https://docs.aws.amazon.com/ec2/latest/devguide/monitor-with-cloudtrail.html>

use aws_model::{Fields, Model, ShapeId, ShapeKind, Structure, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::parameters::member_name;
use crate::secrets;

/// Lists of requests by their names on the wire, with what events call them, and their texts.
const SETS: [(&str, &str, &str); 24] = [
    ("blockDeviceMapping", "blockDeviceMapping", ""),
    ("instanceId", "instancesSet", "instanceId"),
    ("groupId", "securityGroupIdSet", "groupId"),
    ("groupName", "securityGroupSet", "groupName"),
    ("securityGroupId", "groupSet", "groupId"),
    ("securityGroup", "groupSet", "groupName"),
    ("routeTableId", "routeTableIdSet", "routeTableId"),
    ("networkInterfaceId", "networkInterfaceIdSet", "networkInterfaceId"),
    ("internetGatewayId", "internetGatewayIdSet", "internetGatewayId"),
    ("networkAclId", "networkAclIdSet", "networkAclId"),
    ("dhcpOptionsId", "dhcpOptionsSet", "dhcpOptionsId"),
    ("allocationId", "allocationIdsSet", "allocationId"),
    ("publicIp", "publicIpsSet", "publicIp"),
    ("imageId", "imagesSet", "imageId"),
    ("owner", "ownersSet", "owner"),
    ("executableBy", "sharedUsersSet", "user"),
    ("keyName", "keySet", "keyName"),
    ("zoneName", "availabilityZoneSet", "zoneName"),
    ("regionName", "regionSet", "regionName"),
    ("resourceId", "resourcesSet", "resourceId"),
    ("ipPermissions", "ipPermissions", ""),
    ("ipRanges", "ipRanges", "cidrIp"),
    ("ipv6Ranges", "ipv6Ranges", "cidrIpv6"),
    ("prefixListIds", "prefixListIds", "prefixListId"),
];

/// What of a RunInstances request is told of each instance.
const OF_INSTANCES: [&str; 4] = ["imageId", "minCount", "maxCount", "keyName"];

/// What is told of a request.
pub(crate) fn request(model: &Model, operation: &str, shape: ShapeId, input: &Value) -> Option<Json> {
    let mut told = Writer { model, is_request: true }.structure(model.structure(shape), input);
    let members = told.as_object_mut()?;
    if operation == "RunInstances" {
        let held = OF_INSTANCES.iter().filter_map(|name| Some(((*name).to_owned(), members.remove(*name)?)));
        let held: Map<String, Json> = held.collect();
        members.insert("instancesSet".to_owned(), json!({ "items": [held] }));
    }
    (!members.is_empty()).then_some(told)
}

/// What is told of an answer.
pub(crate) fn response(model: &Model, shape: ShapeId, output: &Value, request_id: &str) -> Json {
    let mut told = Writer { model, is_request: false }.structure(model.structure(shape), output);
    if let Some(members) = told.as_object_mut() {
        members.insert("requestId".to_owned(), Json::from(request_id));
        if let Some(value) = members.remove("return") {
            members.insert("_return".to_owned(), value);
        }
    }
    told
}

struct Writer<'a> {
    model: &'a Model,
    is_request: bool,
}

impl Writer<'_> {
    fn structure(&self, structure: Option<&Structure>, value: &Value) -> Json {
        let Value::Structure(fields) = value else { return Json::Null };
        let Some(structure) = structure else { return Json::Null };
        let mut told = Map::new();
        for member in &structure.members {
            let Some(value) = fields.get(member.name) else { continue };
            let shape = self.model.shape(member.shape);
            let wire = member_name(member.wire_name());
            if secrets::is_secret(shape.sensitive, member.name, value) {
                told.extend(
                    secrets::in_its_place(self.model.metadata.name, member.name).map(|word| (wire, word)),
                );
                continue;
            }
            match (&shape.kind, value) {
                (ShapeKind::List(list), Value::List(items)) => {
                    let (name, text) = self.names_of_list(&wire, fields);
                    let items: Vec<Json> =
                        items.iter().map(|item| self.item(list.element, item, &text)).collect();
                    told.insert(name.clone(), self.list(&name, items));
                }
                _ => {
                    told.insert(wire, self.value(member.shape, value));
                }
            }
        }
        Json::Object(told)
    }

    /// What a list is called, and each of its texts; answers have texts as they are.
    fn names_of_list(&self, wire: &str, beside: &Fields) -> (String, String) {
        if !self.is_request {
            return (wire.to_owned(), String::new());
        }
        // The tags of a specification stay a plain list.
        if wire == "tag" && beside.get("ResourceType").is_some() {
            return ("tags".to_owned(), String::new());
        }
        if let Some((_, set, text)) = SETS.iter().find(|(name, _, _)| *name == wire) {
            return ((*set).to_owned(), (*text).to_owned());
        }
        let stem = wire.strip_suffix("Ids").or_else(|| wire.strip_suffix("Id")).unwrap_or(wire);
        let set = if wire.ends_with("Set") { wire.to_owned() } else { format!("{stem}Set") };
        (set, wire.strip_suffix('s').unwrap_or(wire).to_owned())
    }

    fn list(&self, name: &str, items: Vec<Json>) -> Json {
        match (name, items.is_empty()) {
            ("tags", _) if self.is_request => Json::Array(items),
            (_, true) => json!({}),
            (_, false) => json!({ "items": items }),
        }
    }

    fn item(&self, shape: ShapeId, value: &Value, text: &str) -> Json {
        let told = self.value(shape, value);
        if told.is_object() || text.is_empty() { told } else { json!({ text: told }) }
    }

    fn value(&self, shape: ShapeId, value: &Value) -> Json {
        match value {
            Value::Structure(_) => self.structure(self.model.structure(shape), value),
            Value::List(items) => {
                let ShapeKind::List(list) = &self.model.shape(shape).kind else { return Json::Null };
                self.list("", items.iter().map(|item| self.value(list.element, item)).collect())
            }
            Value::Map(pairs) => {
                let ShapeKind::Map(map) = &self.model.shape(shape).kind else { return Json::Null };
                let pairs = pairs.iter().map(|(key, value)| (key.clone(), self.value(map.value, value)));
                Json::Object(pairs.collect())
            }
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::Bool(*value),
            Value::Integer(value) | Value::Timestamp(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::String(text) => Json::from(text.as_str()),
            Value::Blob(bytes) => Json::from(STANDARD.encode(bytes)),
        }
    }
}
