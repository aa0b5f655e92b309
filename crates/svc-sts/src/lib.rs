//! AWS Security Token Service.
//!
//! Owns the operations of the `sts` model. Keeps no state: who the caller is stands in the request's context, where the
//! gateway put it after it had verified the signature.

use aws_api::sts::{GetCallerIdentityRequest, GetCallerIdentityResponse, operation};
use aws_model::Value;
use service_api::{Operations, RequestContext, Service, ServiceError};

/// The service.
pub struct Sts {
    operations: Operations<()>,
}

impl Sts {
    /// A service without state.
    pub fn new() -> Self {
        Self { operations: Operations::new().with::<operation::GetCallerIdentity>(get_caller_identity) }
    }
}

impl Default for Sts {
    fn default() -> Self {
        Self::new()
    }
}

impl Service for Sts {
    fn model(&self) -> &'static str {
        "sts"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&(), context, operation, input)
    }
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
fn get_caller_identity(
    (): &(),
    context: &RequestContext,
    _request: GetCallerIdentityRequest,
) -> Result<GetCallerIdentityResponse, ServiceError> {
    let principal = &context.principal;
    Ok(GetCallerIdentityResponse {
        user_id: Some(principal.user_id.clone()),
        account: Some(principal.account.to_string()),
        arn: Some(principal.arn.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use aws_model::Fields;
    use service_api::{Principal, RequestId};

    use super::*;

    fn context() -> RequestContext {
        RequestContext {
            partition: aws_types::Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal: Principal::root(
                aws_types::Partition::Aws,
                "000123456789".parse().unwrap(),
                "AKIAIOSFODNN7EXAMPLE",
            ),
            request_id: RequestId::from_bits(0),
            now: aws_types::Timestamp::from_unix_secs(0),
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: false,
        }
    }

    #[test]
    fn the_root_user_is_the_account() {
        let answer =
            Sts::new().call(&context(), "GetCallerIdentity", Value::Structure(Fields::new())).unwrap();
        let Value::Structure(answer) = answer else { panic!("{answer:?}") };
        let expected = [
            ("UserId", "000123456789"),
            ("Account", "000123456789"),
            ("Arn", "arn:aws:iam::000123456789:root"),
        ];
        for (member, value) in expected {
            assert_eq!(answer.get(member), Some(&Value::String(value.to_owned())), "{member}");
        }
    }

    #[test]
    fn what_is_not_built_says_so() {
        let sts = Sts::new();
        assert!(sts.implements("GetCallerIdentity") && !sts.implements("AssumeRole"));
        let error = sts.call(&context(), "AssumeRole", Value::Structure(Fields::new())).unwrap_err();
        assert_eq!(error.code, "InvalidAction");
    }
}
