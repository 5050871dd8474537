//! Where everything is: the endpoints and the discovery document (OpenID Connect Discovery 1.0).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::url;
use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, DeviceAuthorizationUrl, EndUserVerificationUrl, IssuerUrl,
    JsonWebKeySetUrl, PkceCodeChallengeMethod, ProviderMetadata, ResponseTypes, Scope, TokenUrl,
    UserInfoUrl,
};
use serde::{Deserialize, Serialize};

use crate::demo::provider::{Provider, ProviderError};

pub(super) const METADATA: &str = "/.well-known/openid-configuration";
pub(super) const KEYS: &str = "/keys";
pub(super) const AUTHORIZE: &str = "/authorize";
pub(super) const TOKEN: &str = "/token";
pub(super) const USERINFO: &str = "/userinfo";
pub(super) const DEVICE_START: &str = "/device/authorization";
pub(super) const DEVICE_PAGE: &str = "/device";

/// The endpoints as absolute URLs below the issuer.
pub(super) struct Endpoints {
    authorize: AuthUrl,
    token: TokenUrl,
    userinfo: UserInfoUrl,
    keys: JsonWebKeySetUrl,
    device_start: DeviceAuthorizationUrl,
    pub(super) device_page: EndUserVerificationUrl,
}

impl Endpoints {
    pub(super) fn below(issuer: &IssuerUrl) -> Result<Self, ProviderError> {
        let endpoints = || -> Result<Self, url::ParseError> {
            Ok(Self {
                authorize: AuthUrl::from_url(issuer.url().join(AUTHORIZE)?),
                token: TokenUrl::from_url(issuer.url().join(TOKEN)?),
                userinfo: UserInfoUrl::from_url(issuer.url().join(USERINFO)?),
                keys: JsonWebKeySetUrl::from_url(issuer.url().join(KEYS)?),
                device_start: DeviceAuthorizationUrl::from_url(issuer.url().join(DEVICE_START)?),
                device_page: EndUserVerificationUrl::from_url(issuer.url().join(DEVICE_PAGE)?),
            })
        };
        endpoints().map_err(|source| ProviderError::Issuer {
            issuer: issuer.to_string(),
            source,
        })
    }
}

/// What RFC 8628 and RFC 7636 add to the discovery document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Extensions {
    pub(super) device_authorization_endpoint: DeviceAuthorizationUrl,
    code_challenge_methods_supported: Vec<PkceCodeChallengeMethod>,
}

impl AdditionalProviderMetadata for Extensions {}

/// The discovery document's type, for both ends.
pub(super) type Metadata = ProviderMetadata<
    Extensions,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Writes the discovery document.
pub(super) fn metadata(issuer: &IssuerUrl, ends: &Endpoints) -> Result<String, ProviderError> {
    let scopes = ["openid", "profile", "email", "groups"];
    let claims = [
        "sub",
        "name",
        "preferred_username",
        "email",
        "email_verified",
        "groups",
    ];
    let metadata = Metadata::new(
        issuer.clone(),
        ends.authorize.clone(),
        ends.keys.clone(),
        vec![ResponseTypes::new(vec![CoreResponseType::Code])],
        vec![CoreSubjectIdentifierType::Public],
        vec![CoreJwsSigningAlgorithm::EdDsa],
        Extensions {
            device_authorization_endpoint: ends.device_start.clone(),
            code_challenge_methods_supported: vec![PkceCodeChallengeMethod::new("S256".to_owned())],
        },
    )
    .set_token_endpoint(Some(ends.token.clone()))
    .set_userinfo_endpoint(Some(ends.userinfo.clone()))
    .set_scopes_supported(Some(
        scopes.map(|scope| Scope::new(scope.to_owned())).to_vec(),
    ))
    .set_claims_supported(Some(
        claims
            .map(|claim| CoreClaimName::new(claim.to_owned()))
            .to_vec(),
    ))
    .set_response_modes_supported(Some(vec![CoreResponseMode::Query]))
    .set_grant_types_supported(Some(vec![
        CoreGrantType::AuthorizationCode,
        CoreGrantType::DeviceCode,
    ]))
    .set_token_endpoint_auth_methods_supported(Some(vec![
        CoreClientAuthMethod::ClientSecretBasic,
        CoreClientAuthMethod::ClientSecretPost,
    ]));
    serde_json::to_string(&metadata).map_err(|_| ProviderError::Document("discovery document"))
}

pub(super) async fn metadata_document(State(provider): State<Arc<Provider>>) -> impl IntoResponse {
    json(provider.metadata.clone())
}

pub(super) async fn key_document(State(provider): State<Arc<Provider>>) -> impl IntoResponse {
    json(provider.keys.clone())
}

fn json(text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text)
}
