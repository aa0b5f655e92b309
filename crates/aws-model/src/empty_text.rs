//! What an empty text in a request to EC2 means, which no model says.
//!
//! Owns the members to which it is a value. Refuses to know where a request is from: a form, or one that is kept.

/// The members of EC2's requests to which an empty text is a value: texts that a change can clear, and names and ids that
/// the service itself refuses by an error of their own. Elements of lists, such as the values of filters, are values in any
/// case.
const EMPTY_IS_A_VALUE: [&str; 11] = [
    "Description",
    "GroupName",
    "ImageId",
    "Key",
    "KeyName",
    "Name",
    "NoDevice",
    "SourceDestCheck",
    "UserData",
    "Value",
    "VersionDescription",
];

/// Whether EC2 takes a text of a member of its requests for one that is not given: tools send an empty text where their
/// users gave nothing.
#[must_use]
pub fn is_absent_to_ec2(member: &str, text: &str) -> bool {
    text.is_empty() && !EMPTY_IS_A_VALUE.contains(&member)
}
