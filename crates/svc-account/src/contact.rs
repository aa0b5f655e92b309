//! How the owner of an account is reached: the primary contact, which an account needs to stand alone, and others.

use aws_api::Unit;
use aws_api::account::{
    self as api, DeleteAlternateContactRequest, GetAlternateContactRequest, GetAlternateContactResponse,
    GetContactInformationRequest, GetContactInformationResponse, PutAlternateContactRequest,
    PutContactInformationRequest,
};
use identities::{Account, ContactInformation};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Record};

use crate::{State, error, target};

/// Somebody else to reach. Kept under the account's global scope, by what for: `BILLING`, `OPERATIONS` or `SECURITY`.
///
/// <https://docs.aws.amazon.com/accounts/latest/reference/API_AlternateContact.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlternateContact {
    /// The name.
    pub name: String,
    /// What the person is.
    pub title: String,
    /// The e-mail address.
    pub email: String,
    /// The phone number.
    pub phone: String,
}

impl Record for AlternateContact {
    const KIND: &'static str = "account.alternate-contact";
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_GetContactInformation.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetContactInformationRequest,
) -> Result<GetContactInformationResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let account = target::account(&snapshot, context, request.account_id.as_deref())?;
    let contact = account
        .contact
        .clone()
        .ok_or_else(|| error::not_found("No contact information was found for the account."))?;
    Ok(GetContactInformationResponse {
        contact_information: Some(api::ContactInformation {
            full_name: contact.full_name,
            address_line1: contact.address_line1,
            address_line2: contact.address_line2,
            address_line3: contact.address_line3,
            city: contact.city,
            state_or_region: contact.state_or_region,
            district_or_county: contact.district_or_county,
            postal_code: contact.postal_code,
            country_code: contact.country_code,
            phone_number: contact.phone_number,
            company_name: contact.company_name,
            website_url: contact.website_url,
        }),
        verification_status: None,
    })
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_PutContactInformation.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutContactInformationRequest,
) -> Result<Unit, ServiceError> {
    let given = request.contact_information;
    let contact = ContactInformation {
        full_name: given.full_name,
        company_name: given.company_name,
        address_line1: given.address_line1,
        address_line2: given.address_line2,
        address_line3: given.address_line3,
        city: given.city,
        district_or_county: given.district_or_county,
        state_or_region: given.state_or_region,
        postal_code: given.postal_code,
        country_code: given.country_code,
        phone_number: given.phone_number,
        website_url: given.website_url,
    };
    state.store.transact(|transaction| {
        let account = target::account(transaction, context, request.account_id.as_deref())?;
        let reached = Account { contact: Some(contact.clone()), ..(*account).clone() };
        target::put(transaction, context, reached);
        Ok(Unit)
    })
}

fn no_such_contact(contact_type: &str) -> ServiceError {
    error::not_found(format!("No contact of the type {contact_type} was found for the account."))
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_GetAlternateContact.html>
pub(crate) fn get_alternate(
    state: &State,
    context: &RequestContext,
    request: GetAlternateContactRequest,
) -> Result<GetAlternateContactResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let account = target::account(&snapshot, context, request.account_id.as_deref())?;
    let contact_type = request.alternate_contact_type;
    let contact = snapshot
        .get::<AlternateContact>(&target::scope(context, &account), &contact_type)
        .ok_or_else(|| no_such_contact(&contact_type))?;
    Ok(GetAlternateContactResponse {
        alternate_contact: Some(api::AlternateContact {
            name: Some(contact.name.clone()),
            title: Some(contact.title.clone()),
            email_address: Some(contact.email.clone()),
            phone_number: Some(contact.phone.clone()),
            alternate_contact_type: Some(contact_type),
        }),
    })
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_PutAlternateContact.html>
pub(crate) fn put_alternate(
    state: &State,
    context: &RequestContext,
    request: PutAlternateContactRequest,
) -> Result<Unit, ServiceError> {
    let contact = AlternateContact {
        name: request.name,
        title: request.title,
        email: request.email_address,
        phone: request.phone_number,
    };
    state.store.transact(|transaction| {
        let account = target::account(transaction, context, request.account_id.as_deref())?;
        let scope = target::scope(context, &account);
        transaction.put(&scope, &request.alternate_contact_type, contact.clone());
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_DeleteAlternateContact.html>
pub(crate) fn delete_alternate(
    state: &State,
    context: &RequestContext,
    request: DeleteAlternateContactRequest,
) -> Result<Unit, ServiceError> {
    let contact_type = &request.alternate_contact_type;
    state.store.transact(|transaction| {
        let account = target::account(transaction, context, request.account_id.as_deref())?;
        let scope = target::scope(context, &account);
        if transaction.delete::<AlternateContact>(&scope, contact_type) {
            Ok(Unit)
        } else {
            Err(no_such_contact(contact_type))
        }
    })
}
