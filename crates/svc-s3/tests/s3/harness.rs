//! A cloud with S3 alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_api::Operation;
use aws_api::s3::{self as api, operation as op};
use aws_model::Value;
use aws_types::{Partition, Timestamp};
use bytes::Bytes;
use object_store::BlobSecret;
use service_api::{
    IdSource, Payload, Principal, RequestContext, RequestId, Service as _, ServiceError, StreamedValue, Whole,
};
use store::{MemoryBackend, Store};
use svc_s3::S3;
use tempfile::TempDir;

pub const ACCOUNT: &str = "123456789012";
pub const OTHER: &str = "210987654321";
pub const HOME: (&str, &str) = ("us-east-1", ACCOUNT);
const START_MILLIS: i64 = 1_800_000_000_000;

struct Counting(AtomicU64);

impl IdSource for Counting {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) << 64 | 7
    }
}

/// A payload in pieces, which may end in what a client did wrong.
pub struct Pieces {
    length: u64,
    rest: Bytes,
    piece_bytes: usize,
    trailing: Vec<(String, String)>,
    error: Option<ServiceError>,
}

impl Pieces {
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let rest = bytes.into();
        Self { length: rest.len() as u64, rest, piece_bytes: 100_000, trailing: Vec::new(), error: None }
    }

    pub fn with_trailing(self, name: &str, value: &str) -> Self {
        let mut trailing = self.trailing;
        trailing.push((name.to_owned(), value.to_owned()));
        Self { trailing, ..self }
    }

    pub fn broken(self) -> Self {
        Self { error: Some(ServiceError::new("IncompleteBody", "The body is too short.")), ..self }
    }
}

impl Payload for Pieces {
    fn length(&self) -> u64 {
        self.length
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        if self.rest.is_empty() {
            return self.error.take().map_or(Ok(None), Err);
        }
        Ok(Some(self.rest.split_to(self.rest.len().min(self.piece_bytes))))
    }

    fn trailing(&self, name: &str) -> Option<&str> {
        self.trailing.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }
}

/// A payload in whose midst something else is done.
pub struct Meanwhile<'a> {
    pieces: Pieces,
    run: Option<Box<dyn FnOnce() + Send + 'a>>,
}

impl<'a> Meanwhile<'a> {
    pub fn new(bytes: impl Into<Bytes>, run: impl FnOnce() + Send + 'a) -> Self {
        Self { pieces: Pieces::new(bytes), run: Some(Box::new(run)) }
    }
}

impl Payload for Meanwhile<'_> {
    fn length(&self) -> u64 {
        self.pieces.length()
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        if let Some(run) = self.run.take() {
            run();
        }
        self.pieces.next()
    }

    fn trailing(&self, name: &str) -> Option<&str> {
        self.pieces.trailing(name)
    }
}

pub struct Cloud {
    pub store: Store,
    pub service: Option<S3>,
    pub dir: TempDir,
    millis: AtomicI64,
}

impl Cloud {
    pub fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let dir = TempDir::new().unwrap();
        let mut cloud = Self { store, service: None, dir, millis: AtomicI64::new(START_MILLIS) };
        cloud.open();
        cloud
    }

    /// With a bucket.
    pub fn with(bucket: &str) -> Self {
        let cloud = Self::new();
        cloud.make(bucket);
        cloud
    }

    /// Opens the service again, as after a crash.
    pub fn open(&mut self) {
        self.service = None;
        let ids = Arc::new(Counting(AtomicU64::new(self.millis.load(Ordering::Relaxed).unsigned_abs())));
        let secret = BlobSecret::new([9; 32]);
        self.service = Some(S3::open(self.store.clone(), ids, self.dir.path(), secret).unwrap());
    }

    pub fn s3(&self) -> &S3 {
        self.service.as_ref().unwrap()
    }

    pub fn pass(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.millis.load(Ordering::Relaxed))
    }

    pub fn context(&self, (region, account): (&str, &str)) -> RequestContext {
        let principal = Principal::root(Partition::Aws, account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE");
        RequestContext {
            partition: Partition::Aws,
            region: region.parse().unwrap(),
            principal,
            request_id: RequestId::from_bits(0),
            now: self.now(),
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: true,
            way: service_api::Way::default(),
        }
    }

    pub fn stream(
        &self,
        caller: (&str, &str),
        operation: &str,
        input: Value,
        payload: &mut dyn Payload,
    ) -> Result<StreamedValue, ServiceError> {
        self.s3().call_streaming(&self.context(caller), operation, input, payload)
    }

    pub fn call_in<O: Operation>(
        &self,
        caller: (&str, &str),
        input: O::Input,
    ) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let answer = self.stream(caller, O::NAME, input.into(), &mut Whole::default())?;
        assert!(answer.content.is_none(), "{} has content", O::NAME);
        Ok(O::Output::try_from(answer.output).ok().unwrap())
    }

    #[track_caller]
    pub fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.call_in::<O>(HOME, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// The code of the error of a request, which changes nothing.
    #[track_caller]
    pub fn code<O: Operation>(&self, input: O::Input) -> String
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.refused::<O>(HOME, input).code.into_owned()
    }

    #[track_caller]
    pub fn refused<O: Operation>(&self, caller: (&str, &str), input: O::Input) -> ServiceError
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let before = (self.store.snapshot().revision(), self.s3().objects().snapshot().revision());
        let Err(error) = self.call_in::<O>(caller, input) else { panic!("{} did it", O::NAME) };
        assert!(!error.is_fault, "{error}");
        let after = (self.store.snapshot().revision(), self.s3().objects().snapshot().revision());
        assert_eq!(before, after, "{} changed something: {error}", O::NAME);
        error
    }

    pub fn make(&self, bucket: &str) {
        self.ok::<op::CreateBucket>(api::CreateBucketRequest {
            bucket: bucket.to_owned(),
            ..api::CreateBucketRequest::default()
        });
    }

    pub fn set_versioning(&self, bucket: &str, status: &str) {
        self.ok::<op::PutBucketVersioning>(api::PutBucketVersioningRequest {
            bucket: bucket.to_owned(),
            versioning_configuration: api::VersioningConfiguration {
                status: Some(status.to_owned()),
                mfa_delete: None,
            },
            ..api::PutBucketVersioningRequest::default()
        });
    }

    pub fn try_put(
        &self,
        request: api::PutObjectRequest,
        payload: &mut dyn Payload,
    ) -> Result<api::PutObjectOutput, ServiceError> {
        let answer = self.stream(HOME, op::PutObject::NAME, request.into(), payload)?;
        Ok(answer.output.try_into().unwrap())
    }

    pub fn put(&self, bucket: &str, key: &str, content: impl Into<Bytes>) -> api::PutObjectOutput {
        self.try_put(put_request(bucket, key), &mut Pieces::new(content)).unwrap()
    }

    pub fn try_get(
        &self,
        request: api::GetObjectRequest,
    ) -> Result<(api::GetObjectOutput, Vec<u8>), ServiceError> {
        let answer = self.stream(HOME, op::GetObject::NAME, request.into(), &mut Whole::default())?;
        let mut content = answer.content.unwrap();
        let (length, mut bytes) = (content.length(), Vec::new());
        while let Some(piece) = content.next()? {
            assert!(!piece.is_empty());
            bytes.extend_from_slice(&piece);
        }
        assert_eq!(length, bytes.len() as u64);
        let output: api::GetObjectOutput = answer.output.try_into().unwrap();
        assert_eq!(output.content_length, Some(length.cast_signed()));
        Ok((output, bytes))
    }

    #[track_caller]
    pub fn get(&self, bucket: &str, key: &str) -> Vec<u8> {
        self.try_get(get_request(bucket, key)).unwrap().1
    }

    #[track_caller]
    pub fn get_code(&self, request: api::GetObjectRequest) -> String {
        self.try_get(request).map(|_| ()).unwrap_err().code.into_owned()
    }
}

/// Sends one part of an upload, and completes it.
pub fn complete(cloud: &Cloud, bucket: &str, key: &str, upload: &str) -> api::CompleteMultipartUploadOutput {
    let part = api::UploadPartRequest {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        upload_id: upload.to_owned(),
        part_number: 1,
        ..api::UploadPartRequest::default()
    };
    let sent = cloud.stream(HOME, op::UploadPart::NAME, part.into(), &mut Pieces::new("part")).unwrap();
    let sent: api::UploadPartOutput = sent.output.try_into().unwrap();
    let part =
        api::CompletedPart { part_number: Some(1), e_tag: sent.e_tag, ..api::CompletedPart::default() };
    cloud.ok::<op::CompleteMultipartUpload>(api::CompleteMultipartUploadRequest {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        upload_id: upload.to_owned(),
        multipart_upload: Some(api::CompletedMultipartUpload { parts: Some(vec![part]) }),
        ..api::CompleteMultipartUploadRequest::default()
    })
}

pub fn put_request(bucket: &str, key: &str) -> api::PutObjectRequest {
    api::PutObjectRequest {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        ..api::PutObjectRequest::default()
    }
}

pub fn get_request(bucket: &str, key: &str) -> api::GetObjectRequest {
    api::GetObjectRequest {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        ..api::GetObjectRequest::default()
    }
}

pub fn delete_request(bucket: &str, key: &str) -> api::DeleteObjectRequest {
    api::DeleteObjectRequest {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        ..api::DeleteObjectRequest::default()
    }
}

pub fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Bytes of which no two places are alike.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}
