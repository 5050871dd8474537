//! What the client asks by itself: tokens for codes, the start of a device sign-in, and facts about a person.
//!
//! Invariant: no token and no device code without the client's secret; a code is gone after one try, right or wrong.

use std::fmt::Display;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openidconnect::core::{
    CoreErrorResponseType, CoreGenderClaim, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreTokenType,
};
use openidconnect::url::form_urlencoded;
use openidconnect::{
    AccessToken, DeviceCode, DeviceCodeErrorResponse, DeviceCodeErrorResponseType,
    EmptyExtraTokenFields, EndUserVerificationUrl, IdTokenFields, PkceCodeChallenge,
    PkceCodeVerifier, StandardTokenResponse,
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::demo::provider::signer::{self, DemoClaims, SignIn};
use crate::demo::provider::{ACCESS_LIFETIME, Provider, device, fresh_secret};
use crate::domain::id::LoginCode;

/// The lengths RFC 7636, section 4.1, lets a verifier have.
const VERIFIER_LENGTHS: std::ops::RangeInclusive<usize> = 43..=128;

/// The token endpoint's answer.
pub(super) type DemoTokenResponse = StandardTokenResponse<
    IdTokenFields<
        DemoClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// The form of the token and device authorization endpoints.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    device_code: String,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// The device authorization endpoint's answer; the library has no public way to make its own.
#[derive(Serialize)]
struct DeviceStarted {
    device_code: DeviceCode,
    user_code: String,
    verification_uri: EndUserVerificationUrl,
    verification_uri_complete: String,
    expires_in: u64,
    interval: u64,
}

/// Why the client gets nothing.
enum Refusal {
    /// It did not prove to be the client.
    Client,
    /// What RFC 6749, section 5.2, and RFC 8628, section 3.5, have words for.
    Protocol(DeviceCodeErrorResponseType, &'static str),
    /// The provider cannot go on.
    Unable,
}

impl Refusal {
    fn basic(error: CoreErrorResponseType, text: &'static str) -> Self {
        Self::Protocol(DeviceCodeErrorResponseType::Basic(error), text)
    }

    fn grant(text: &'static str) -> Self {
        Self::basic(CoreErrorResponseType::InvalidGrant, text)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let answer = |error, text: &str| {
            Json(DeviceCodeErrorResponse::new(
                error,
                Some(text.to_owned()),
                None,
            ))
        };
        match self {
            Self::Client => {
                let error =
                    DeviceCodeErrorResponseType::Basic(CoreErrorResponseType::InvalidClient);
                let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"demo\"")];
                let answer = answer(error, "the client is unknown or its secret is wrong");
                (StatusCode::UNAUTHORIZED, challenge, answer).into_response()
            }
            Self::Protocol(error, text) => {
                (StatusCode::BAD_REQUEST, answer(error, text)).into_response()
            }
            Self::Unable => {
                let error = CoreErrorResponseType::Extension("server_error".to_owned());
                let answer = answer(DeviceCodeErrorResponseType::Basic(error), "try again later");
                (StatusCode::SERVICE_UNAVAILABLE, answer).into_response()
            }
        }
    }
}

/// Exchanges a code for tokens.
pub(super) async fn exchange(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    asked: Result<Form<Asked>, FormRejection>,
) -> Result<Json<DemoTokenResponse>, impl IntoResponse> {
    let asked = read(&provider, &headers, asked)?;
    let sign_in = match asked.grant_type.as_str() {
        "authorization_code" => by_code(&provider, &asked)?,
        "urn:ietf:params:oauth:grant-type:device_code" => by_device(&provider, &asked)?,
        _ => {
            let error = CoreErrorResponseType::UnsupportedGrantType;
            return Err(Refusal::basic(
                error,
                "code and device_code are spoken here",
            ));
        }
    };
    tokens(&provider, &sign_in).map(Json)
}

/// Starts a device sign-in.
pub(super) async fn start_device(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    asked: Result<Form<Asked>, FormRejection>,
) -> Result<Json<impl Serialize>, impl IntoResponse> {
    read(&provider, &headers, asked)?;
    let device_code = DeviceCode::new(fresh_secret().ok_or(Refusal::Unable)?);
    let mut random = [0; 8];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Refusal::Unable)?;
    let user_code = LoginCode::new(u64::from_be_bytes(random));
    let started = provider
        .open()
        .devices
        .start(&device_code, &user_code, Instant::now());
    started.map_err(|_full| Refusal::Unable)?;
    let verification_uri = provider.endpoints.device_page.clone();
    Ok::<_, Refusal>(Json(DeviceStarted {
        device_code,
        user_code: user_code.to_string(),
        verification_uri_complete: format!("{}?user_code={user_code}", verification_uri.as_str()),
        verification_uri,
        expires_in: device::LIFETIME.as_secs(),
        interval: device::INTERVAL.as_secs(),
    }))
}

/// Tells about the person of an access token.
pub(super) async fn userinfo(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
) -> Response {
    let token = authorization(&headers, "Bearer").unwrap_or_default();
    let person = provider.open().access.find(token, Instant::now()).cloned();
    match person {
        Some(person) => Json(signer::user_info(&person)).into_response(),
        None => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
            (StatusCode::UNAUTHORIZED, challenge).into_response()
        }
    }
}

/// Reads the form and has the client prove itself, by header or by form but not by both.
fn read(
    provider: &Provider,
    headers: &HeaderMap,
    asked: Result<Form<Asked>, FormRejection>,
) -> Result<Asked, Refusal> {
    let unreadable = |_| {
        let error = CoreErrorResponseType::InvalidRequest;
        Refusal::basic(error, "the form could not be read")
    };
    let Form(asked) = asked.map_err(unreadable)?;
    let basic = authorization(headers, "Basic").map(basic_credentials);
    let (id, secret) = match (basic, &asked.client_id, &asked.client_secret) {
        (Some(Some(pair)), _, None) => pair,
        (None, Some(id), Some(secret)) => (id.clone(), secret.clone()),
        (Some(_), _, _) | (None, _, _) => return Err(Refusal::Client),
    };
    let known = &provider.settings;
    let same = id.as_bytes().ct_eq(known.client_id.as_bytes())
        & secret
            .as_bytes()
            .ct_eq(known.client_secret.secret().as_bytes());
    if bool::from(same) {
        Ok(asked)
    } else {
        Err(Refusal::Client)
    }
}

fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, rest) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then_some(rest.trim())
}

/// Reads `id:secret`, each of them form-encoded (RFC 6749, section 2.3.1).
fn basic_credentials(text: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(text: &str) -> Option<String> {
    if text.contains('&') {
        return None;
    }
    let field = format!("={text}");
    let (_, value) = form_urlencoded::parse(field.as_bytes()).next()?;
    Some(value.into_owned())
}

fn by_code(provider: &Provider, asked: &Asked) -> Result<SignIn, Refusal> {
    let taken = provider.open().codes.take(&asked.code, Instant::now());
    let grant = taken.ok_or_else(|| Refusal::grant("the code is unknown, used or too old"))?;
    if grant.redirect.as_str() != asked.redirect_uri {
        return Err(Refusal::grant("the redirect address is not the code's"));
    }
    // The library panics on a verifier of another length.
    if !VERIFIER_LENGTHS.contains(&asked.code_verifier.len()) {
        return Err(Refusal::grant(
            "the code verifier is missing or has a wrong length",
        ));
    }
    let verifier = PkceCodeVerifier::new(asked.code_verifier.clone());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    let same = challenge
        .as_str()
        .as_bytes()
        .ct_eq(grant.challenge.as_bytes());
    if !bool::from(same) {
        return Err(Refusal::grant(
            "the code verifier does not fit the challenge",
        ));
    }
    Ok(grant.sign_in)
}

fn by_device(provider: &Provider, asked: &Asked) -> Result<SignIn, Refusal> {
    use DeviceCodeErrorResponseType as Answer;
    let poll = provider
        .open()
        .devices
        .poll(&asked.device_code, Instant::now());
    let (error, text) = match poll {
        device::Poll::SignedIn(sign_in) => return Ok(sign_in),
        device::Poll::Pending => (Answer::AuthorizationPending, "nobody has signed in yet"),
        device::Poll::SlowDown => (Answer::SlowDown, "ask less often"),
        device::Poll::Denied => (Answer::AccessDenied, "the person cancelled"),
        device::Poll::Expired => (Answer::ExpiredToken, "the code is too old"),
        device::Poll::Unknown => return Err(Refusal::grant("the device code is unknown or used")),
    };
    Err(Refusal::Protocol(error, text))
}

fn tokens(provider: &Provider, sign_in: &SignIn) -> Result<DemoTokenResponse, Refusal> {
    let access_token = AccessToken::new(fresh_secret().ok_or(Refusal::Unable)?);
    let id_token = provider
        .signer
        .id_token(sign_in, &access_token)
        .map_err(unable)?;
    let person = sign_in.person.clone();
    let kept = provider
        .open()
        .access
        .insert(access_token.secret().clone(), person, Instant::now());
    kept.map_err(|_full| Refusal::Unable)?;
    let fields = IdTokenFields::new(Some(id_token), EmptyExtraTokenFields {});
    let mut response = DemoTokenResponse::new(access_token, CoreTokenType::Bearer, fields);
    response.set_expires_in(Some(&ACCESS_LIFETIME));
    Ok(response)
}

fn unable(error: impl Display) -> Refusal {
    tracing::warn!(%error, "the demo provider cannot sign");
    Refusal::Unable
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn credentials_are_form_decoded() {
        let header = STANDARD.encode("a%3Ab:p%26w+d%2B");
        let pair = ("a:b".to_owned(), "p&w d+".to_owned());
        assert_eq!(basic_credentials(&header), Some(pair));
        for bad in ["no-colon", "a:b&c", "a&b:c"] {
            assert_eq!(basic_credentials(&STANDARD.encode(bad)), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let encoded = STANDARD.encode(&bytes);
            if let Some((id, _)) = basic_credentials(&encoded) {
                prop_assert!(bytes.contains(&b':') && id.len() <= 3 * bytes.len());
            }
            basic_credentials(&String::from_utf8_lossy(&bytes));
        }
    }
}
