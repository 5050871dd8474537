//! The signing key and what is signed with it: ID tokens. The key is made at start and dies with the process.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreGenderClaim, CoreJsonWebKeySet,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AdditionalClaims, Audience, AuthenticationContextClass,
    AuthenticationMethodReference, ClientId, EndUserUsername, IdToken, IdTokenClaims, IssuerUrl,
    JsonWebKeyId, JsonWebTokenError, LocalizedClaim, Nonce, PrivateSigningKey, StandardClaims,
    UserInfoClaims,
};
use serde::{Deserialize, Serialize};

use crate::demo::provider::{DemoPerson, ProviderError, fresh_secret};
use crate::domain::name::GroupName;

/// How long an ID token may be shown to the client.
const ID_TOKEN_LIFETIME: Duration = Duration::from_secs(600);
/// The `acr` and `amr` of every sign-in: nothing was checked, and policies can see that.
const NOTHING_CHECKED: &str = "demo";

/// The claims beyond the standard ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DemoClaims {
    pub(super) groups: BTreeSet<GroupName>,
}

impl AdditionalClaims for DemoClaims {}

/// An ID token of this provider.
pub(super) type DemoIdToken = IdToken<
    DemoClaims,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// One sign-in: who, when, and the nonce of the client's question.
#[derive(Debug)]
pub(super) struct SignIn {
    pub(super) person: DemoPerson,
    pub(super) at: SystemTime,
    pub(super) nonce: Option<Nonce>,
}

pub(super) struct Signer {
    key: CoreEdDsaPrivateSigningKey,
    issuer: IssuerUrl,
    client_id: ClientId,
}

impl Signer {
    pub(super) fn new(issuer: IssuerUrl, client_id: ClientId) -> Result<Self, ProviderError> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)
            .map_err(|error| ProviderError::SigningKey(error.to_string()))?;
        let id = fresh_secret()
            .ok_or_else(|| ProviderError::SigningKey("there is no randomness".to_owned()))?;
        let id = JsonWebKeyId::new(id);
        let key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pair.serialize_pem(), Some(id))
            .map_err(ProviderError::SigningKey)?;
        Ok(Self {
            key,
            issuer,
            client_id,
        })
    }

    /// The key set document.
    pub(super) fn public_keys(&self) -> Result<String, ProviderError> {
        let keys = CoreJsonWebKeySet::new(vec![self.key.as_verification_key()]);
        serde_json::to_string(&keys).map_err(|_| ProviderError::Document("key set"))
    }

    /// Signs that `sign_in` happened.
    pub(super) fn id_token(
        &self,
        sign_in: &SignIn,
        access_token: &AccessToken,
    ) -> Result<DemoIdToken, JsonWebTokenError> {
        let now = SystemTime::now();
        let claims = IdTokenClaims::new(
            self.issuer.clone(),
            vec![Audience::new(self.client_id.to_string())],
            (now + ID_TOKEN_LIFETIME).into(),
            now.into(),
            standard_claims(&sign_in.person),
            DemoClaims {
                groups: sign_in.person.groups.clone(),
            },
        )
        .set_auth_time(Some(sign_in.at.into()))
        .set_nonce(sign_in.nonce.clone())
        .set_auth_context_ref(Some(AuthenticationContextClass::new(
            NOTHING_CHECKED.to_owned(),
        )))
        .set_auth_method_refs(Some(vec![AuthenticationMethodReference::new(
            NOTHING_CHECKED.to_owned(),
        )]));
        IdToken::new(
            claims,
            &self.key,
            CoreJwsSigningAlgorithm::EdDsa,
            Some(access_token),
            None,
        )
    }
}

/// What the userinfo endpoint tells of a person.
pub(super) fn user_info(person: &DemoPerson) -> UserInfoClaims<DemoClaims, CoreGenderClaim> {
    let groups = person.groups.clone();
    UserInfoClaims::new(standard_claims(person), DemoClaims { groups })
}

fn standard_claims(person: &DemoPerson) -> StandardClaims<CoreGenderClaim> {
    let mut name = LocalizedClaim::new();
    name.insert(None, person.display_name());
    StandardClaims::new(person.sub.clone())
        .set_name(Some(name))
        .set_preferred_username(Some(EndUserUsername::new(person.name.to_string())))
        .set_email(Some(person.email.clone()))
        .set_email_verified(Some(true))
}
