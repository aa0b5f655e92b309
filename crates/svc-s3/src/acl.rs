//! Access control lists of buckets and of versions of objects: asked for with what is made, written and read.
//!
//! Owns that grantees are there, and what block public access says to a new list. What may stand in one is `bucket_rules`'s, and
//! what it comes to for a request is in `resource_side`.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html>

use aws_api::Unit;
use aws_api::s3::{
    AccessControlPolicy, GetBucketAclOutput, GetBucketAclRequest, GetObjectAclOutput, GetObjectAclRequest,
    Grant as ShownGrant, Grantee as ShownGrantee, Owner, PutBucketAclRequest, PutObjectAclOutput,
    PutObjectAclRequest,
};
use aws_types::Partition;
use bucket_rules::{
    Acl, CanonicalUserId, Grant, Grantee, Permission, RuleError, WrittenGrantee, acl_of_headers,
};
use identities::account_is_there;
use service_api::{RequestContext, ServiceError};
use store::Read;

use crate::access::{Blocked, blocked};
use crate::bucket::{self, Bucket};
use crate::error::{self, Failure};
use crate::rows::Version;
use crate::{State, owner, versions};

/// The list that the headers of a request give.
pub(crate) struct Asked<'a> {
    pub(crate) canned: Option<&'a str>,
    pub(crate) grants: Vec<(Permission, &'a str)>,
}

/// The headers of a request about an object.
macro_rules! for_object {
    ($from:expr) => {
        $crate::acl::Asked::of(
            $from.acl.as_deref(),
            [
                (::bucket_rules::Permission::FullControl, $from.grant_full_control.as_deref()),
                (::bucket_rules::Permission::Read, $from.grant_read.as_deref()),
                (::bucket_rules::Permission::ReadAcp, $from.grant_read_acp.as_deref()),
                (::bucket_rules::Permission::WriteAcp, $from.grant_write_acp.as_deref()),
            ],
        )
    };
}

/// The headers of a request about a bucket, or of one that could be.
macro_rules! for_bucket {
    ($from:expr) => {{
        let mut asked = $crate::acl::for_object!($from);
        let write = $from.grant_write.as_deref();
        asked.grants.extend(write.map(|given| (::bucket_rules::Permission::Write, given)));
        asked
    }};
}

pub(crate) use {for_bucket, for_object};

impl<'a> Asked<'a> {
    pub(crate) fn of(
        canned: Option<&'a str>,
        grants: impl IntoIterator<Item = (Permission, Option<&'a str>)>,
    ) -> Self {
        let grants = grants.into_iter().filter_map(|(permission, given)| Some((permission, given?)));
        Self { canned, grants: grants.collect() }
    }

    fn is_none(&self) -> bool {
        self.canned.is_none() && self.grants.is_empty()
    }

    /// The list for something of `owner` in a bucket of `bucket_owner`, if the headers give one.
    ///
    /// # Errors
    /// What the headers can have wrong; `InvalidArgument`, where an account is none.
    pub(crate) fn acl(
        &self,
        reader: &impl Read,
        partition: Partition,
        owner: CanonicalUserId,
        bucket_owner: CanonicalUserId,
    ) -> Result<Option<Acl>, Failure> {
        let acl = acl_of_headers(self.canned, self.grants.iter().copied(), owner, bucket_owner)?;
        if let Some(acl) = &acl {
            check_grantees(reader, partition, &acl.grants, (owner, bucket_owner))?;
        }
        Ok(acl)
    }
}

/// Whether the accounts that are given something are there. Those of the owners are.
fn check_grantees(
    reader: &impl Read,
    partition: Partition,
    grants: &[Grant],
    owners: (CanonicalUserId, CanonicalUserId),
) -> Result<(), ServiceError> {
    for grant in grants {
        let Grantee::CanonicalUser(id) = grant.grantee else { continue };
        let is_owner = id == owners.0 || id == owners.1;
        if !is_owner && !account_is_there(reader, partition, id.account()) {
            return Err(error::invalid_argument("Invalid id", "CanonicalUser/ID", &id.to_string()));
        }
    }
    Ok(())
}

/// The list that a new object gets, and in it whose the object is; `None`: the bucket owner's alone.
///
/// # Errors
/// `AccessControlListNotSupported`; `AccessDenied`, where block public access stands against it; those of headers.
pub(crate) fn of_new_object(
    state: &State,
    context: &RequestContext,
    bucket: &Bucket,
    key: &str,
    asked: &Asked<'_>,
) -> Result<Option<Acl>, Failure> {
    let (writer, owner) = (CanonicalUserId::of(context.account()), bucket.owner_id());
    let given = asked.acl(&state.store.snapshot(), context.partition, writer, owner)?;
    let acl = bucket.access.object_ownership().of_new_object(writer, owner, asked.canned, given)?;
    check_public(context, bucket, &acl, "s3:PutObject", &bucket.object_arn(context.partition, key))?;
    Ok(Some(acl).filter(|acl| *acl != Acl::private(owner)))
}

fn check_public(
    context: &RequestContext,
    bucket: &Bucket,
    acl: &Acl,
    action: &str,
    arn: &str,
) -> Result<(), ServiceError> {
    bucket.access.block().check_acl(acl).map_err(|_| blocked(context, Blocked::Acl, action, arn))
}

/// The list of a version, as it counts.
pub(crate) fn of_version(bucket: &Bucket, version: &Version) -> Acl {
    let held = version.acl.clone().filter(|_| bucket.access.has_lists());
    held.unwrap_or_else(|| Acl::private(bucket.owner_id()))
}

/// Whose a version or an upload is, by the list that it has.
pub(crate) fn owner_of(bucket: &Bucket, acl: Option<&Acl>) -> CanonicalUserId {
    acl.filter(|_| bucket.access.has_lists()).map_or_else(|| bucket.owner_id(), |acl| acl.owner)
}

/// The list that a request about one gives: by headers, or by its document, whose owner has to be the one that there is.
fn written(
    reader: &impl Read,
    partition: Partition,
    (headers, document): (&Asked<'_>, Option<&AccessControlPolicy>),
    owner: CanonicalUserId,
    bucket_owner: CanonicalUserId,
) -> Result<Acl, Failure> {
    match document {
        Some(_) if !headers.is_none() => {
            Err(error::error(400, "UnexpectedContent", "This request does not support content").into())
        }
        None => headers.acl(reader, partition, owner, bucket_owner)?.ok_or_else(|| {
            let message = "Your request was missing a required header";
            let error = error::error(400, "MissingSecurityHeader", message);
            error.with_field("MissingHeaderName", "x-amz-acl").into()
        }),
        Some(document) => {
            let named = document.owner.as_ref().and_then(|owner| owner.id.as_deref());
            let named = named.ok_or(RuleError::MalformedAcl)?;
            let grants = document.grants.iter().flatten().map(grant).collect::<Result<Vec<_>, _>>()?;
            let acl = Acl::of_document(owner, named, grants)?;
            check_grantees(reader, partition, &acl.grants, (owner, bucket_owner))?;
            Ok(acl)
        }
    }
}

fn grant(written: &ShownGrant) -> Result<Grant, RuleError> {
    let grantee = written.grantee.as_ref().ok_or(RuleError::MalformedAcl)?;
    let permission = written.permission.as_deref().ok_or(RuleError::MalformedAcl)?;
    let grantee = WrittenGrantee {
        kind: &grantee.r#type,
        id: grantee.id.as_deref(),
        uri: grantee.uri.as_deref(),
        email: grantee.email_address.as_deref(),
    };
    Ok(Grant { grantee: grantee.grantee()?, permission: permission.parse()? })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html>
pub(crate) fn put_of_bucket(
    state: &State,
    context: &RequestContext,
    request: PutBucketAclRequest,
) -> Result<Unit, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    bucket.access.object_ownership().check_put_bucket_acl()?;
    let (owner, headers) = (bucket.owner_id(), for_bucket!(request));
    let given = (&headers, request.access_control_policy.as_ref());
    let acl = written(&state.store.snapshot(), context.partition, given, owner, owner)?;
    bucket::change(state, context, &bucket, |bucket| {
        let ownership = bucket.access.object_ownership();
        ownership.check_put_bucket_acl()?;
        check_public(context, bucket, &acl, "s3:PutBucketAcl", &bucket.arn(context.partition))?;
        bucket.access.acl = Some(acl).filter(|acl| *acl != Acl::private(owner));
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html>
pub(crate) fn get_of_bucket(
    state: &State,
    context: &RequestContext,
    request: GetBucketAclRequest,
) -> Result<GetBucketAclOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let (owner, grants) = shown(&bucket.acl());
    Ok(GetBucketAclOutput { owner: Some(owner), grants: Some(grants) })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html>
pub(crate) fn put_of_object(
    state: &State,
    context: &RequestContext,
    request: PutObjectAclRequest,
) -> Result<PutObjectAclOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    if !bucket.access.has_lists() {
        return Err(RuleError::AclNotSupported.into());
    }
    let headers = for_bucket!(request);
    let given = (&headers, request.access_control_policy.as_ref());
    let (records, id) = (state.store.snapshot(), request.version_id.as_deref());
    let arn = bucket.object_arn(context.partition, &request.key);
    let scope = bucket::scope(context.partition);
    state.objects.transact(|rows| {
        bucket::check_lives(rows, &bucket)?;
        let bucket = bucket::current(state, &scope, &bucket)?;
        if !bucket.access.has_lists() {
            return Err(RuleError::AclNotSupported.into());
        }
        let found = versions::find(rows, &bucket, &request.key, id)?;
        let owner = owner_of(&bucket, found.version.acl.as_ref());
        let acl = written(&records, context.partition, given, owner, bucket.owner_id())?;
        check_public(context, &bucket, &acl, "s3:PutObjectAcl", &arn)?;
        versions::rewrite(rows, found, |version| {
            version.acl = Some(acl).filter(|acl| *acl != Acl::private(bucket.owner_id()));
            Ok(())
        })
    })?;
    Ok(PutObjectAclOutput::default())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html>
pub(crate) fn get_of_object(
    state: &State,
    context: &RequestContext,
    request: GetObjectAclRequest,
) -> Result<GetObjectAclOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let id = request.version_id.as_deref();
    let found = versions::find(&state.objects.snapshot(), &bucket, &request.key, id)?;
    let (owner, grants) = shown(&of_version(&bucket, &found.version));
    Ok(GetObjectAclOutput { owner: Some(owner), grants: Some(grants), request_charged: None })
}

fn shown(acl: &Acl) -> (Owner, Vec<ShownGrant>) {
    let grantee = |grantee: Grantee| match grantee {
        Grantee::CanonicalUser(id) => ShownGrantee {
            r#type: "CanonicalUser".to_owned(),
            id: Some(id.to_string()),
            ..ShownGrantee::default()
        },
        Grantee::Group(group) => ShownGrantee {
            r#type: "Group".to_owned(),
            uri: Some(group.uri().to_owned()),
            ..ShownGrantee::default()
        },
    };
    let grants = acl.grants.iter().map(|grant| ShownGrant {
        grantee: Some(grantee(grant.grantee)),
        permission: Some(grant.permission.as_str().to_owned()),
    });
    (owner::shown(acl.owner), grants.collect())
}
