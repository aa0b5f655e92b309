//! What a request is for and who sent it, before it is carried out.

use aws_protocol::Request;
use aws_types::Region;
use service_api::Principal;
use sigv4::{Flavour, Presented, SignatureError};

use super::Handler;
use crate::authenticate::{Identity, SignedBody, Verifier, signed_headers, signed_parts};
use crate::failure::{Dialect, Failure};
use crate::peer::Peer;
use crate::room::Standing;
use crate::s3::{self, S3};
use crate::target;

/// The region of endpoints that name none.
const GLOBAL_REGION: &str = "us-east-1";

impl Handler {
    pub(super) fn verifier(&self) -> Verifier<'_> {
        Verifier { credentials: &*self.credentials, regions: &self.config.regions, now: self.clock.now() }
    }

    /// What a request without its body presents, and tells of who sent it.
    pub(super) fn standing(
        &self,
        request: &Request,
        host: Option<&str>,
    ) -> (Result<Presented, SignatureError>, Standing) {
        let headers = signed_headers(request, host);
        let signed = signed_parts(request, &headers);
        let presented = Presented::of(&signed);
        let standing = self.verifier().standing(&presented, &signed);
        (presented, standing)
    }

    pub(super) fn authenticate(
        &self,
        request: &Request,
        presented: Result<Presented, SignatureError>,
        host: Option<&str>,
        dialect: Dialect,
        body: SignedBody<'_>,
    ) -> Result<Identity, SignatureError> {
        // What may be done by everybody in S3 the policies of its buckets say.
        let is_for_all = dialect.operation.is_some_and(|operation| operation.anonymous)
            || (dialect.flavour() == Flavour::S3 && self.services.contains_key(S3));
        if presented == Err(SignatureError::Missing) && is_for_all {
            return Ok(self.nobody(host));
        }
        let headers = signed_headers(request, host);
        self.verifier().verify(&presented?, &signed_parts(request, &headers), body, dialect.operation)
    }

    pub(super) fn refuse_signature(
        &self,
        dialect: Dialect,
        error: &SignatureError,
        request: &Request,
        host: Option<&str>,
    ) -> Failure {
        if dialect.flavour() != Flavour::S3 {
            return dialect.signature(error);
        }
        let presented = Presented::of(&signed_parts(request, &signed_headers(request, host))).ok();
        dialect.fail(s3::signature_error(error, request, presented.as_ref(), self.region_of(host)))
    }

    /// The service that a request is for.
    pub(super) fn target(
        &self,
        request: &Request,
        presented: &Result<Presented, SignatureError>,
        host: Option<&str>,
        peer: &Peer,
    ) -> Option<&'static aws_model::Service> {
        let only = peer.only_service();
        only.or_else(|| self.target_by_request(request, presented, host))
    }

    fn target_by_request(
        &self,
        request: &Request,
        presented: &Result<Presented, SignatureError>,
        host: Option<&str>,
    ) -> Option<&'static aws_model::Service> {
        target::service(request, presented.as_ref().ok(), host, self.services.contains_key(S3))
    }

    /// Who calls an operation that needs no signature, in the region of the endpoint's name.
    pub(super) fn nobody(&self, host: Option<&str>) -> Identity {
        let principal = Principal::anonymous(self.config.partition);
        Identity { principal, region: self.region_of(host).clone(), signature: None, chunks: None }
    }

    /// The region of an endpoint.
    pub(super) fn region_of(&self, host: Option<&str>) -> &Region {
        let regions = &self.config.regions;
        let named = host.and_then(|host| target::region(host, regions));
        let default = || regions.iter().find(|region| region.as_str() == GLOBAL_REGION).or(regions.first());
        named.or_else(default).expect("a gateway has regions")
    }
}
