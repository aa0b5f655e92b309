//! Access control lists: grants, grantees, canned lists, and the headers that give grants.
//!
//! Owns what may stand in a list. What a list allows is in `acl_policy`. Refuses to know which accounts there are.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html>

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CanonicalUserId, RuleError};

const GRANTS_MAX: usize = 100;

/// Who is given something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grantee {
    /// An account.
    CanonicalUser(CanonicalUserId),
    /// Many at once.
    Group(Group),
}

/// The groups that AWS has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Group {
    /// Everybody, signed or not.
    AllUsers,
    /// Everybody with an account, whichever.
    AuthenticatedUsers,
    /// Whoever delivers access logs.
    LogDelivery,
}

impl Group {
    const ALL: [Self; 3] = [Self::AllUsers, Self::AuthenticatedUsers, Self::LogDelivery];

    /// How lists name the group.
    pub fn uri(self) -> &'static str {
        match self {
            Self::AllUsers => "http://acs.amazonaws.com/groups/global/AllUsers",
            Self::AuthenticatedUsers => "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
            Self::LogDelivery => "http://acs.amazonaws.com/groups/s3/LogDelivery",
        }
    }

    fn of_uri(uri: &str, name: &'static str) -> Result<Self, RuleError> {
        let found = Self::ALL.into_iter().find(|group| group.uri() == uri);
        found.ok_or_else(|| RuleError::argument("Invalid group uri", name, uri))
    }
}

/// A grantee as a document has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenGrantee<'a> {
    /// `CanonicalUser`, `Group` or `AmazonCustomerByEmail`.
    pub kind: &'a str,
    /// The canonical user id.
    pub id: Option<&'a str>,
    /// The group.
    pub uri: Option<&'a str>,
    /// The address of electronic mail.
    pub email: Option<&'a str>,
}

impl WrittenGrantee<'_> {
    /// Reads the grantee.
    ///
    /// # Errors
    /// [`RuleError::MalformedAcl`] if it has not what its kind needs, [`RuleError::Argument`] for a name that nobody has, and
    /// [`RuleError::EmailGrantee`].
    pub fn grantee(&self) -> Result<Grantee, RuleError> {
        match (self.kind, self.id, self.uri) {
            ("CanonicalUser", Some(id), None) => Ok(Grantee::CanonicalUser(id.parse()?)),
            ("Group", None, Some(uri)) => Ok(Grantee::Group(Group::of_uri(uri, "Group/URI")?)),
            ("AmazonCustomerByEmail", None, None) if self.email.is_some() => Err(RuleError::EmailGrantee),
            _ => Err(RuleError::MalformedAcl),
        }
    }
}

/// What is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Permission {
    /// All of the others.
    FullControl,
    /// To list a bucket, to read an object.
    Read,
    /// To put objects into a bucket; nothing of an object.
    Write,
    /// To read the list itself,
    ReadAcp,
    /// and to write it.
    WriteAcp,
}

impl Permission {
    /// As documents have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullControl => "FULL_CONTROL",
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::ReadAcp => "READ_ACP",
            Self::WriteAcp => "WRITE_ACP",
        }
    }

    /// The header that gives it.
    pub fn header(self) -> &'static str {
        match self {
            Self::FullControl => "x-amz-grant-full-control",
            Self::Read => "x-amz-grant-read",
            Self::Write => "x-amz-grant-write",
            Self::ReadAcp => "x-amz-grant-read-acp",
            Self::WriteAcp => "x-amz-grant-write-acp",
        }
    }

    /// All of them.
    pub const ALL: [Self; 5] = [Self::FullControl, Self::Read, Self::Write, Self::ReadAcp, Self::WriteAcp];
}

impl FromStr for Permission {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let found = Self::ALL.into_iter().find(|permission| permission.as_str() == text);
        found.ok_or(RuleError::MalformedAcl)
    }
}

/// Somebody is given something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// Who.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

impl Grant {
    fn to(account: CanonicalUserId, permission: Permission) -> Self {
        Self { grantee: Grantee::CanonicalUser(account), permission }
    }

    fn to_group(group: Group, permission: Permission) -> Self {
        Self { grantee: Grantee::Group(group), permission }
    }

    /// Whether it is for people whom nobody has named.
    pub fn is_public(&self) -> bool {
        matches!(self.grantee, Grantee::Group(Group::AllUsers | Group::AuthenticatedUsers))
    }
}

/// The list of a bucket or of a version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// Whose the bucket or object is.
    pub owner: CanonicalUserId,
    /// The grants in their order.
    pub grants: Vec<Grant>,
}

impl Acl {
    /// The list that buckets and objects have if none is given: all for the owner.
    pub fn private(owner: CanonicalUserId) -> Self {
        Self { owner, grants: vec![Grant::to(owner, Permission::FullControl)] }
    }

    /// A list from a document. The owner it names has to be the owner there is.
    ///
    /// # Errors
    /// [`RuleError::MalformedAcl`] for more than 100 grants, [`RuleError::AccessDenied`] for another owner.
    pub fn of_document(
        owner: CanonicalUserId,
        written_owner: &str,
        grants: Vec<Grant>,
    ) -> Result<Self, RuleError> {
        if grants.len() > GRANTS_MAX {
            return Err(RuleError::MalformedAcl);
        }
        if written_owner.parse::<CanonicalUserId>()? != owner {
            return Err(RuleError::AccessDenied);
        }
        Ok(Self { owner, grants })
    }

    /// Whether somebody whom nobody named is given something.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(Grant::is_public)
    }

    /// The list as it counts where public grants are ignored.
    pub fn without_public(&self) -> Self {
        let grants = self.grants.iter().filter(|grant| !grant.is_public()).copied().collect();
        Self { owner: self.owner, grants }
    }

    /// Whether it gives all to one account and nothing to anybody else.
    pub fn is_full_control_of(&self, account: CanonicalUserId) -> bool {
        !self.grants.is_empty()
            && self.grants.iter().all(|grant| *grant == Grant::to(account, Permission::FullControl))
    }
}

/// The lists that AWS has names for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannedAcl {
    /// All for the owner, nothing for others.
    Private,
    /// Everybody reads.
    PublicRead,
    /// Everybody reads and writes.
    PublicReadWrite,
    /// Everybody with an account reads.
    AuthenticatedRead,
    /// The owner of the bucket reads the object.
    BucketOwnerRead,
    /// The owner of the bucket has the object, too.
    BucketOwnerFullControl,
    /// Access logs may be put into the bucket.
    LogDeliveryWrite,
}

impl CannedAcl {
    const ALL: [(&'static str, Self); 7] = [
        ("private", Self::Private),
        ("public-read", Self::PublicRead),
        ("public-read-write", Self::PublicReadWrite),
        ("authenticated-read", Self::AuthenticatedRead),
        ("bucket-owner-read", Self::BucketOwnerRead),
        ("bucket-owner-full-control", Self::BucketOwnerFullControl),
        ("log-delivery-write", Self::LogDeliveryWrite),
    ];

    /// The list for something of `owner` in a bucket of `bucket_owner`. Of a bucket, both are the same.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>
    pub fn acl(self, owner: CanonicalUserId, bucket_owner: CanonicalUserId) -> Acl {
        use Permission::{FullControl, Read, ReadAcp, Write};
        let more = match self {
            Self::Private => vec![],
            Self::PublicRead => vec![Grant::to_group(Group::AllUsers, Read)],
            Self::PublicReadWrite => {
                vec![Grant::to_group(Group::AllUsers, Read), Grant::to_group(Group::AllUsers, Write)]
            }
            Self::AuthenticatedRead => vec![Grant::to_group(Group::AuthenticatedUsers, Read)],
            Self::BucketOwnerRead | Self::BucketOwnerFullControl if owner == bucket_owner => vec![],
            Self::BucketOwnerRead => vec![Grant::to(bucket_owner, Read)],
            Self::BucketOwnerFullControl => vec![Grant::to(bucket_owner, FullControl)],
            Self::LogDeliveryWrite => {
                vec![Grant::to_group(Group::LogDelivery, Write), Grant::to_group(Group::LogDelivery, ReadAcp)]
            }
        };
        let mut acl = Acl::private(owner);
        acl.grants.extend(more);
        acl
    }
}

impl FromStr for CannedAcl {
    type Err = RuleError;

    /// `aws-exec-read` is for a service of AWS that Brume does not have, and is refused with the unknown ones. AWS's message is
    /// empty.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, acl)| acl).ok_or_else(|| RuleError::argument("", "x-amz-acl", text))
    }
}

/// The headers of a request that give a list: `x-amz-acl`, and those of [`Permission::header`].
///
/// Gives `None` if there are none of them.
///
/// # Errors
/// [`RuleError::Request`] for both kinds at once, [`RuleError::Argument`] for names that nobody has.
pub fn acl_of_headers<'a>(
    canned: Option<&str>,
    grants: impl IntoIterator<Item = (Permission, &'a str)>,
    owner: CanonicalUserId,
    bucket_owner: CanonicalUserId,
) -> Result<Option<Acl>, RuleError> {
    let mut found = Vec::new();
    let mut has_grants = false;
    for (permission, header) in grants {
        has_grants = true;
        for grantee in grantees_of_header(permission.header(), header)? {
            found.push(Grant { grantee, permission });
        }
    }
    match canned {
        Some(_) if has_grants => {
            Err(RuleError::Request("Specifying both Canned ACLs and Header Grants is not allowed".into()))
        }
        Some(canned) => Ok(Some(canned.parse::<CannedAcl>()?.acl(owner, bucket_owner))),
        None if !has_grants => Ok(None),
        None if found.len() > GRANTS_MAX => Err(RuleError::MalformedAcl),
        None => Ok(Some(Acl { owner, grants: found })),
    }
}

/// Reads `id="…", uri="…"`. The quotes may be missing.
fn grantees_of_header(name: &'static str, header: &str) -> Result<Vec<Grantee>, RuleError> {
    let read = |pair: &str| {
        let refused = || RuleError::argument("Argument format not recognized", name, header);
        let (kind, value) = pair.trim().split_once('=').ok_or_else(refused)?;
        let value = value.trim().trim_matches('"');
        match kind.trim() {
            "id" => {
                let id = value.parse().map_err(|_| RuleError::argument("Invalid id", "id", value))?;
                Ok(Grantee::CanonicalUser(id))
            }
            "uri" => Group::of_uri(value, "uri").map(Grantee::Group),
            "emailAddress" => Err(RuleError::EmailGrantee),
            _ => Err(refused()),
        }
    };
    header.split(',').map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(account: &str) -> CanonicalUserId {
        CanonicalUserId::of(account.parse().unwrap())
    }

    const ANN: &str = "111122223333";
    const BOB: &str = "444455556666";

    #[test]
    fn grantees_of_documents() {
        let ann = id(ANN).to_string();
        let uri = Group::LogDelivery.uri();
        let written = |kind, id, uri, email| WrittenGrantee { kind, id, uri, email };
        assert_eq!(
            written("CanonicalUser", Some(&ann), None, None).grantee(),
            Ok(Grantee::CanonicalUser(id(ANN)))
        );
        assert_eq!(written("Group", None, Some(uri), None).grantee(), Ok(Grantee::Group(Group::LogDelivery)));
        let fake = "http://acs.amazonaws.com/groups/s3/FakeGroup";
        for (grantee, code, name) in [
            (written("CanonicalUser", None, None, None), "MalformedACLError", None),
            (written("CanonicalUser", Some(&ann), Some(uri), None), "MalformedACLError", None),
            (written("Robot", Some(&ann), None, None), "MalformedACLError", None),
            (
                written("CanonicalUser", Some("wrong-id"), None, None),
                "InvalidArgument",
                Some("CanonicalUser/ID"),
            ),
            (written("Group", None, Some(fake), None), "InvalidArgument", Some("Group/URI")),
            (written("AmazonCustomerByEmail", None, None, Some("a@example.org")), "MethodNotAllowed", None),
        ] {
            let error = grantee.grantee().unwrap_err();
            assert_eq!(error.code(), code, "{grantee:?}");
            let details = error.details();
            assert_eq!(details.first().map(|(_, name)| name.as_str()), name, "{grantee:?}");
        }
    }

    #[test]
    fn documents() {
        let (ann, bob) = (id(ANN), id(BOB).to_string());
        let grant = Grant::to(ann, Permission::Read);
        let of = |owner: &str, count| Acl::of_document(ann, owner, vec![grant; count]);
        assert_eq!(of(&ann.to_string(), 100).unwrap().grants.len(), 100);
        assert_eq!(of(&ann.to_string(), 101), Err(RuleError::MalformedAcl));
        assert_eq!(of(&bob, 1), Err(RuleError::AccessDenied));
        assert_eq!("READ_ACP".parse(), Ok(Permission::ReadAcp));
        assert_eq!("read".parse::<Permission>(), Err(RuleError::MalformedAcl));
    }

    #[test]
    fn canned_lists() {
        let (ann, bob) = (id(ANN), id(BOB));
        for (name, more, is_public) in [
            ("private", vec![], false),
            ("public-read", vec![Grant::to_group(Group::AllUsers, Permission::Read)], true),
            (
                "public-read-write",
                vec![
                    Grant::to_group(Group::AllUsers, Permission::Read),
                    Grant::to_group(Group::AllUsers, Permission::Write),
                ],
                true,
            ),
            ("authenticated-read", vec![Grant::to_group(Group::AuthenticatedUsers, Permission::Read)], true),
            ("bucket-owner-read", vec![Grant::to(bob, Permission::Read)], false),
            ("bucket-owner-full-control", vec![Grant::to(bob, Permission::FullControl)], false),
            (
                "log-delivery-write",
                vec![
                    Grant::to_group(Group::LogDelivery, Permission::Write),
                    Grant::to_group(Group::LogDelivery, Permission::ReadAcp),
                ],
                false,
            ),
        ] {
            let acl = acl_of_headers(Some(name), [], ann, bob).unwrap().unwrap();
            assert_eq!(acl.grants[0], Grant::to(ann, Permission::FullControl));
            assert_eq!((&acl.grants[1..], acl.is_public()), (&more[..], is_public), "{name}");
            assert!(!acl.without_public().is_public());
        }
        let own = CannedAcl::BucketOwnerFullControl.acl(ann, ann);
        assert!(own.is_full_control_of(ann) && !own.is_full_control_of(bob));
        let error = "fake-acl".parse::<CannedAcl>().unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("InvalidArgument", ""));
    }

    #[test]
    fn headers_that_give_grants() {
        let (ann, bob) = (id(ANN), id(BOB));
        let header = format!("id=\"{bob}\", uri=\"{}\"", Group::AllUsers.uri());
        let plain = format!("id={ann}");
        let given = [(Permission::Read, header.as_str()), (Permission::FullControl, plain.as_str())];
        let acl = acl_of_headers(None, given, ann, ann).unwrap().unwrap();
        assert_eq!(
            acl.grants,
            [
                Grant::to(bob, Permission::Read),
                Grant::to_group(Group::AllUsers, Permission::Read),
                Grant::to(ann, Permission::FullControl),
            ]
        );
        assert_eq!(acl_of_headers(None, [], ann, ann), Ok(None));
        for (canned, header, code, message) in [
            (
                Some("private"),
                plain.as_str(),
                "InvalidRequest",
                "Specifying both Canned ACLs and Header Grants",
            ),
            (None, "fakekey=\"1234\"", "InvalidArgument", "Argument format not recognized"),
            (None, "1234", "InvalidArgument", "Argument format not recognized"),
            (None, "id=\"wrong-id\"", "InvalidArgument", "Invalid id"),
            (None, "uri=\"http://example.org\"", "InvalidArgument", "Invalid group uri"),
            (None, "emailAddress=\"a@example.org\"", "MethodNotAllowed", "The specified method"),
        ] {
            let error = acl_of_headers(canned, [(Permission::Write, header)], ann, ann).unwrap_err();
            assert_eq!(error.code(), code, "{header}");
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }
}
