//! Elements by their namespaces, and what is in them.

use roxmltree::Node;

use crate::Refusal;

pub(crate) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(crate) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

pub(crate) fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.is_element() && node.tag_name().namespace() == Some(namespace) && node.tag_name().name() == name
}

pub(crate) fn children<'a, 'input: 'a>(
    parent: Node<'a, 'input>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    parent.children().filter(move |node| is(*node, namespace, name))
}

pub(crate) fn child<'a, 'input: 'a>(
    parent: Node<'a, 'input>,
    namespace: &'static str,
    name: &'static str,
) -> Option<Node<'a, 'input>> {
    children(parent, namespace, name).next()
}

/// # Errors
/// When there is none, or another one of that name.
pub(crate) fn only_child<'a, 'input: 'a>(
    parent: Node<'a, 'input>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Node<'a, 'input>, Refusal> {
    let mut all = children(parent, namespace, name);
    let first = all.next().ok_or(Refusal::Malformed("an element is missing that responses have"))?;
    if all.next().is_some() {
        return Err(Refusal::Malformed("an element is there twice that responses have once"));
    }
    Ok(first)
}

/// # Errors
/// When it is missing.
pub(crate) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str, Refusal> {
    node.attribute(name).ok_or(Refusal::Malformed("an attribute is missing that responses have"))
}

/// The text of an element, without the space around it.
///
/// # Errors
/// When it has elements in it: what they would say is not signed as text.
pub(crate) fn text(node: Node<'_, '_>) -> Result<String, Refusal> {
    let mut all = String::new();
    for part in node.children() {
        if !part.is_text() {
            return Err(Refusal::Malformed("an element has elements in it where there is text"));
        }
        all.push_str(part.text().unwrap_or_default());
    }
    Ok(all.trim().to_owned())
}
