//! The identity provider: what it says of itself (discovered when needed, kept for a while) and what we ask it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType,
    CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AdditionalProviderMetadata, AuthType, AuthorizationCode, Client, ClientId,
    ClientSecret, CsrfToken, DeviceAuthorizationUrl, DiscoveryError, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, ErrorResponseType, IdTokenFields, IssuerUrl,
    Nonce, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, RequestTokenError,
    Scope, StandardErrorResponse, StandardTokenResponse,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::Url;

use crate::config::IdentityConfig;
use crate::identity::error::{IdentityError, ProviderFault};
use crate::identity::http::{Http, HttpError};
use crate::identity::pending::RequestSecrets;

/// How long what the provider says of itself, keys included, is kept.
const DISCOVERY_TTL: Duration = Duration::from_secs(60 * 60);

/// Longest word of an error description that is traced, in bytes; codes and tokens are longer.
const SHOWN_WORD_BYTES: usize = 20;

/// Most words of an error description that are traced.
const SHOWN_WORDS: usize = 40;

/// The claims that the library has no field for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct DeviceEndpoint {
    device_authorization_endpoint: Option<DeviceAuthorizationUrl>,
}

impl AdditionalProviderMetadata for DeviceEndpoint {}

type Metadata = ProviderMetadata<
    DeviceEndpoint,
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

/// The token endpoint's answer.
pub(super) type Tokens = StandardTokenResponse<
    IdTokenFields<
        OtherClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// The client of one provider.
pub(super) type OidcClient<Device = EndpointNotSet> = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    Device,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The provider of our configuration.
pub(super) struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    scopes: Vec<Scope>,
    pub(super) http: Http,
    known: Mutex<Known>,
    /// One discovery at a time; the others wait for what it finds.
    discovering: Semaphore,
}

#[derive(Default)]
struct Known {
    current: Option<Arc<Discovered>>,
    failed: Option<(Instant, IdentityError)>,
}

/// What the provider said of itself.
pub(super) struct Discovered {
    pub(super) client: OidcClient,
    pub(super) algorithms: Vec<CoreJwsSigningAlgorithm>,
    device: Option<DeviceAuthorizationUrl>,
    code_grant: bool,
    at: Instant,
}

/// A page to send a browser to, and what its answer has to fit.
pub(super) struct Authorization {
    pub(super) url: Url,
    pub(super) secrets: RequestSecrets,
}

impl Discovered {
    /// Whether the provider rules out the code grant but has the device grant.
    pub(super) fn only_device(&self) -> bool {
        !self.code_grant && self.device.is_some()
    }

    /// The client for the device grant.
    pub(super) fn device_client(&self) -> Result<OidcClient<EndpointSet>, IdentityError> {
        let url = self.device.clone().ok_or(IdentityError::NoDeviceGrant)?;
        Ok(self.client.clone().set_device_authorization_url(url))
    }
}

impl Provider {
    pub(super) fn new(config: &IdentityConfig, redirect: Url) -> Result<Self, IdentityError> {
        let issuer = IssuerUrl::new(config.issuer.clone())
            .map_err(|error| IdentityError::Misconfigured(format!("`issuer`: {error}")))?;
        let secret = config.client_secret.as_ref();
        Ok(Self {
            issuer,
            client_id: ClientId::new(config.client_id.clone()),
            client_secret: secret.map(|s| ClientSecret::new(s.expose_secret().to_owned())),
            redirect: RedirectUrl::from_url(redirect),
            scopes: config.scopes.iter().cloned().map(Scope::new).collect(),
            http: Http::new(config)?,
            known: Mutex::default(),
            discovering: Semaphore::new(1),
        })
    }

    pub(super) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    pub(super) fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The scopes asked for besides `openid`.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Scope> {
        let asked = self.scopes.iter();
        asked.filter(|scope| scope.as_str() != "openid").cloned()
    }

    /// What the provider says of itself: remembered, or asked anew when that is too old.
    pub(super) async fn discovered(&self) -> Result<Arc<Discovered>, IdentityError> {
        self.discovered_if(|found| found.at.elapsed() < DISCOVERY_TTL)
            .await
    }

    /// The same, but asked after `stale` was: its keys may have changed since.
    pub(super) async fn rediscovered(
        &self,
        stale: &Discovered,
    ) -> Result<Arc<Discovered>, IdentityError> {
        self.discovered_if(|found| found.at > stale.at).await
    }

    async fn discovered_if(
        &self,
        usable: impl Fn(&Discovered) -> bool,
    ) -> Result<Arc<Discovered>, IdentityError> {
        let usable = |found: &&Arc<Discovered>| usable(found);
        if let Some(found) = self.known().current.as_ref().filter(usable) {
            return Ok(Arc::clone(found));
        }
        let asked = Instant::now();
        let turn = self.discovering.acquire().await;
        let _turn = turn.map_err(|_| IdentityError::Interrupted)?;
        {
            let known = self.known();
            if let Some(found) = known.current.as_ref().filter(usable) {
                return Ok(Arc::clone(found));
            }
            // It failed while we waited for our turn: asking again at once would only make a queue.
            if let Some((at, error)) = &known.failed
                && *at >= asked
            {
                return Err(error.clone());
            }
        }
        let found = self.discover().await;
        let mut known = self.known();
        match found {
            Ok(found) => {
                let found = Arc::new(found);
                known.current = Some(Arc::clone(&found));
                known.failed = None;
                Ok(found)
            }
            Err(error) => {
                known.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn discover(&self) -> Result<Discovered, IdentityError> {
        let at = Instant::now();
        let found = Metadata::discover_async(self.issuer.clone(), &self.http).await;
        let metadata = found.map_err(|error| {
            tracing::warn!(issuer = %self.issuer.as_str(), error = &error as &dyn std::error::Error, "discovery failed");
            discovery_fault(&error)
        })?;
        self.expects_tls(metadata.authorization_endpoint().url())?;
        let device = metadata
            .additional_metadata()
            .device_authorization_endpoint
            .clone();
        let grants = metadata.grant_types_supported();
        let code_grant =
            grants.is_none_or(|grants| grants.contains(&CoreGrantType::AuthorizationCode));
        let methods = metadata.token_endpoint_auth_methods_supported();
        let auth_type = client_authentication(methods.map(Vec::as_slice));
        let algorithms = metadata.id_token_signing_alg_values_supported().clone();
        let client = OidcClient::from_provider_metadata(
            metadata,
            self.client_id.clone(),
            self.client_secret.clone(),
        )
        .set_redirect_uri(self.redirect.clone())
        .set_auth_type(auth_type);
        Ok(Discovered {
            client,
            algorithms,
            device,
            code_grant,
            at,
        })
    }

    /// People are not sent to a plain page by a provider that has TLS.
    pub(super) fn expects_tls(&self, page: &Url) -> Result<(), ProviderFault> {
        if self.issuer.url().scheme() == "https" && page.scheme() != "https" {
            tracing::warn!(%page, "the provider names a page without TLS");
            return Err(ProviderFault::Nonsense);
        }
        Ok(())
    }

    /// A fresh authorization request with PKCE.
    pub(super) fn authorization(&self, found: &Discovered) -> Authorization {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let (url, state, nonce) = found
            .client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(self.scopes())
            .set_pkce_challenge(challenge)
            .url();
        Authorization {
            url,
            secrets: RequestSecrets {
                state,
                nonce,
                verifier,
            },
        }
    }

    /// Exchanges the code for tokens.
    pub(super) async fn exchange(
        &self,
        found: &Discovered,
        code: &str,
        secrets: &RequestSecrets,
    ) -> Result<Tokens, IdentityError> {
        let code = AuthorizationCode::new(code.to_owned());
        let verifier = PkceCodeVerifier::new(secrets.verifier.secret().clone());
        let request = found
            .client
            .exchange_code(code)
            .map_err(|_| ProviderFault::Nonsense)?
            .set_pkce_verifier(verifier);
        let tokens = request.request_async(&self.http).await;
        tokens.map_err(|error| token_error(&error))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a token endpoint's error means to the person.
pub(super) fn token_error<Code: ErrorResponseType + std::fmt::Display + 'static>(
    error: &RequestTokenError<HttpError, StandardErrorResponse<Code>>,
) -> IdentityError {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            let code = answer.error().to_string();
            tracing::warn!(?code, description = ?answer.error_description().map(|text| without_secrets(text)), "the token endpoint refused");
            IdentityError::from_provider(&code)
        }
        RequestTokenError::Request(error) => {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the token endpoint did not answer"
            );
            error.fault().into()
        }
        // The parser's own words may quote the answer, which holds tokens: only the place is traced.
        RequestTokenError::Parse(error, _) => {
            tracing::warn!(at = %error.path(), "the token endpoint's answer could not be read");
            ProviderFault::Nonsense.into()
        }
        RequestTokenError::Other(_) => ProviderFault::Nonsense.into(),
    }
}

/// The description with everything left out that may be a code or token.
fn without_secrets(description: &str) -> String {
    let shown = |word| match word {
        word if str::len(word) > SHOWN_WORD_BYTES => "…",
        word => word,
    };
    let words: Vec<&str> = description
        .split_whitespace()
        .take(SHOWN_WORDS)
        .map(shown)
        .collect();
    words.join(" ")
}

fn discovery_fault(error: &DiscoveryError<HttpError>) -> IdentityError {
    match error {
        DiscoveryError::Request(error) => error.fault().into(),
        DiscoveryError::Response(status, _, _) if !status.is_success() => {
            ProviderFault::Status(status.as_u16()).into()
        }
        DiscoveryError::Validation(_) => ProviderFault::OtherIssuer.into(),
        // The library's enum may grow: whatever it adds is an answer we cannot use.
        _ => ProviderFault::Nonsense.into(),
    }
}

/// The secret goes into the header unless the provider takes it only in the body.
fn client_authentication(offered: Option<&[CoreClientAuthMethod]>) -> AuthType {
    let offers = |method| offered.is_some_and(|offered| offered.contains(&method));
    if offers(CoreClientAuthMethod::ClientSecretPost)
        && !offers(CoreClientAuthMethod::ClientSecretBasic)
    {
        AuthType::RequestBody
    } else {
        AuthType::BasicAuth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_traced_without_what_may_be_a_code() {
        let told = without_secrets("the code SplxlOBeZQQYbYS6WxSbIA12 was used\u{1b} before");
        assert_eq!(told, "the code … was used\u{1b} before");
        assert!(without_secrets(&"x ".repeat(9000)).len() < 100);
    }

    #[test]
    fn the_secret_goes_into_the_body_only_where_the_header_is_not_taken() {
        let (basic, post) = (
            CoreClientAuthMethod::ClientSecretBasic,
            CoreClientAuthMethod::ClientSecretPost,
        );
        let in_body = |offered: Option<&[CoreClientAuthMethod]>| {
            matches!(client_authentication(offered), AuthType::RequestBody)
        };
        assert!(!in_body(None));
        assert!(!in_body(Some(&[post.clone(), basic])));
        assert!(in_body(Some(&[post])));
    }
}
