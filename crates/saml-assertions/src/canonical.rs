//! The exclusive canonical form of an element, without comments.
//!
//! Owns which namespace declarations, attributes and characters are written, and how. Refuses to know what is signed, and
//! assumes of the document that it has neither comments nor processing instructions, and is nested no deeper than is taken.
//!
//! <https://www.w3.org/TR/xml-exc-c14n/>, <https://www.w3.org/TR/xml-c14n/>

use std::collections::BTreeMap;

use roxmltree::{Attribute, Node};

/// What stands in a list of prefixes for none.
const DEFAULT_PREFIX: &str = "#default";

/// What is in force of namespaces where an element is written: prefixes and what they stand for. The empty prefix is the
/// default.
type Written<'a> = BTreeMap<&'a str, &'a str>;

/// The canonical form of an element and what is in it, but for one element. `prefixes` are those whose declarations are
/// written as in the form that is not exclusive.
pub(crate) fn canonical(element: Node<'_, '_>, without: Option<Node<'_, '_>>, prefixes: &[&str]) -> String {
    let inclusive =
        prefixes.iter().map(|prefix| if *prefix == DEFAULT_PREFIX { "" } else { prefix }).collect();
    let mut writer = Writer { without, inclusive, text: String::new() };
    writer.element(element, &Written::new());
    writer.text
}

struct Writer<'a, 'input> {
    without: Option<Node<'a, 'input>>,
    inclusive: Vec<&'a str>,
    text: String,
}

impl<'a> Writer<'a, '_> {
    fn element(&mut self, element: Node<'a, '_>, outside: &Written<'a>) {
        let name = qualified_name(element);
        let mut attributes: Vec<Attribute<'a, '_>> = element.attributes().collect();
        // Those without a namespace come first, as if theirs were the empty one.
        attributes.sort_by_key(|held| (held.namespace().unwrap_or_default(), held.name()));
        let used = std::iter::once(prefix_of(name)).chain(attributes.iter().filter_map(|held| {
            let prefix = prefix_of(attribute_name(element, held));
            (!prefix.is_empty()).then_some(prefix)
        }));
        let written = self.namespaces(element, used, outside);
        self.text.push('<');
        self.text.push_str(name);
        for (prefix, uri) in &written {
            if outside.get(prefix) != Some(uri) {
                self.declare(prefix, uri);
            }
        }
        for held in &attributes {
            self.text.push(' ');
            self.text.push_str(attribute_name(element, held));
            self.text.push_str("=\"");
            self.escape(held.value(), true);
            self.text.push('"');
        }
        self.text.push('>');
        for node in element.children() {
            if node.is_element() && Some(node) != self.without {
                self.element(node, &written);
            } else if node.is_text() {
                self.escape(node.text().unwrap_or_default(), false);
            }
        }
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// What is in force inside an element: what is outside, and the prefixes that it uses itself or that are inclusive.
    fn namespaces(
        &self,
        element: Node<'a, '_>,
        used: impl Iterator<Item = &'a str>,
        outside: &Written<'a>,
    ) -> Written<'a> {
        let mut written = outside.clone();
        let stands_for = |prefix: &str| element.lookup_namespace_uri((!prefix.is_empty()).then_some(prefix));
        for prefix in used.filter(|prefix| *prefix != "xml") {
            let uri = stands_for(prefix).unwrap_or_default();
            // That there is no default namespace has to be said only where there was one.
            if prefix.is_empty() && uri.is_empty() && outside.get("").is_none_or(|uri| uri.is_empty()) {
                continue;
            }
            written.insert(prefix, uri);
        }
        for prefix in self.inclusive.iter().filter(|prefix| **prefix != "xml") {
            match stands_for(prefix) {
                Some(uri) if !uri.is_empty() => {
                    written.insert(prefix, uri);
                }
                _ if prefix.is_empty() && outside.get("").is_some_and(|uri| !uri.is_empty()) => {
                    written.insert("", "");
                }
                _ => {}
            }
        }
        written
    }

    fn declare(&mut self, prefix: &str, uri: &str) {
        self.text.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        self.text.push_str(prefix);
        self.text.push_str("=\"");
        self.escape(uri, true);
        self.text.push('"');
    }

    fn escape(&mut self, text: &str, is_attribute: bool) {
        for character in text.chars() {
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' if !is_attribute => self.text.push_str("&gt;"),
                '"' if is_attribute => self.text.push_str("&quot;"),
                '\t' if is_attribute => self.text.push_str("&#x9;"),
                '\n' if is_attribute => self.text.push_str("&#xA;"),
                '\r' => self.text.push_str("&#xD;"),
                other => self.text.push(other),
            }
        }
    }
}

/// The name of an element as the document has it, with its prefix.
fn qualified_name<'a>(element: Node<'a, '_>) -> &'a str {
    let source = &element.document().input_text()[element.range()];
    let name = source.strip_prefix('<').unwrap_or(source);
    let end = name.find(|character: char| character.is_ascii_whitespace() || matches!(character, '/' | '>'));
    &name[..end.unwrap_or(name.len())]
}

fn attribute_name<'a>(element: Node<'a, '_>, attribute: &Attribute<'a, '_>) -> &'a str {
    &element.document().input_text()[attribute.range_qname()]
}

fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    /// The first element called `it`, or the whole, in its canonical form.
    fn check(document: &str, prefixes: &[&str], expect: &str) {
        let document = Document::parse(document).unwrap();
        let named =
            |name: &'static str| document.descendants().find(move |node| node.tag_name().name() == name);
        let element = named("it").unwrap_or(document.root_element());
        assert_eq!(canonical(element, named("not"), prefixes), expect);
    }

    #[test]
    fn characters_and_attributes() {
        check("<?xml version='1.0'?>\r\n<a/>", &[], "<a></a>");
        check("<a  b = 'x'   a='y'\n></a >", &[], r#"<a a="y" b="x"></a>"#);
        check(
            "<a b='&lt;&gt;&quot;&apos;&amp;&#9;&#10;&#13;\n'>&lt;&gt;\"'&amp;&#13;\r\n\u{e9}</a>",
            &[],
            "<a b=\"&lt;>&quot;'&amp;&#x9;&#xA;&#xD; \">&lt;&gt;\"'&amp;&#xD;\n\u{e9}</a>",
        );
        check(
            r#"<a xmlns:z="urn:a" xmlns:y="urn:b" y:a="1" z:b="2" c="3" xml:lang="de"/>"#,
            &[],
            r#"<a xmlns:y="urn:b" xmlns:z="urn:a" c="3" xml:lang="de" z:b="2" y:a="1"></a>"#,
        );
        check("<a>1<not>2</not>3</a>", &[], "<a>13</a>");
    }

    #[test]
    fn namespaces_are_declared_where_they_are_used() {
        let document = r#"<p:o xmlns:p="urn:p" xmlns:q="urn:q" xmlns="urn:d"><it q:a="1"><p:b/><p:b/><c xmlns=""><d/></c></it></p:o>"#;
        check(
            document,
            &[],
            r#"<it xmlns="urn:d" xmlns:q="urn:q" q:a="1"><p:b xmlns:p="urn:p"></p:b><p:b xmlns:p="urn:p"></p:b><c xmlns=""><d></d></c></it>"#,
        );
        check(
            document,
            &["p"],
            r#"<it xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q" q:a="1"><p:b></p:b><p:b></p:b><c xmlns=""><d></d></c></it>"#,
        );
        let inner = r#"<o xmlns="urn:d" xmlns:p="urn:p"><p:it><p:b xmlns:p="urn:other"/></p:it></o>"#;
        check(inner, &[], r#"<p:it xmlns:p="urn:p"><p:b xmlns:p="urn:other"></p:b></p:it>"#);
        check(
            inner,
            &["#default", "absent"],
            r#"<p:it xmlns="urn:d" xmlns:p="urn:p"><p:b xmlns:p="urn:other"></p:b></p:it>"#,
        );
    }
}
