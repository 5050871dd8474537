//! A running provider, a client, and the person who clicks.

use std::time::Duration;

use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
};
use openidconnect::{
    AuthorizationCode, Client, CsrfToken, DeviceAuthorizationUrl, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse,
};
use tokio::task::JoinHandle;

use crate::demo::provider::discovery::Metadata;
use crate::demo::provider::signer::DemoClaims;
use crate::demo::provider::*;

pub(super) type DemoClient = Client<
    DemoClaims,
    openidconnect::core::CoreAuthDisplay,
    CoreGenderClaim,
    openidconnect::core::CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<
        IdTokenFields<
            DemoClaims,
            EmptyExtraTokenFields,
            CoreGenderClaim,
            openidconnect::core::CoreJweContentEncryptionAlgorithm,
            openidconnect::core::CoreJwsSigningAlgorithm,
        >,
        openidconnect::core::CoreTokenType,
    >,
    openidconnect::core::CoreTokenIntrospectionResponse,
    openidconnect::core::CoreRevocableToken,
    openidconnect::core::CoreRevocationErrorResponse,
    EndpointSet,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

pub(super) const CALLBACK: &str = "http://127.0.0.1:1/callback";

pub(super) struct Harness {
    pub(super) issuer: IssuerUrl,
    pub(super) http: reqwest::Client,
    pub(super) shutdown: CancellationToken,
    pub(super) server: JoinHandle<Result<(), ProviderError>>,
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.server.abort();
    }
}

impl Harness {
    pub(super) fn settings(issuer: IssuerUrl) -> ProviderSettings {
        ProviderSettings {
            issuer,
            client_id: ClientId::new("countersign".to_owned()),
            client_secret: ClientSecret::new("s&cret:+ %".to_owned()),
            redirect_urls: vec![RedirectUrl::new(CALLBACK.to_owned()).unwrap()],
            people: DemoPerson::cast().unwrap(),
        }
    }

    pub(super) async fn start() -> Self {
        // An earlier test of this process may have installed it already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = IssuerUrl::new(format!("http://{address}")).unwrap();
        let settings = Self::settings(issuer.clone());
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve(listener, settings, shutdown.clone()));
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        Self {
            issuer,
            http,
            shutdown,
            server,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.as_str().trim_end_matches('/'))
    }

    pub(super) async fn client(&self, secret: &str) -> DemoClient {
        let metadata = Metadata::discover_async(self.issuer.clone(), &self.http)
            .await
            .unwrap();
        let device: DeviceAuthorizationUrl = metadata
            .additional_metadata()
            .device_authorization_endpoint
            .clone();
        let secret = ClientSecret::new(secret.to_owned());
        let id = ClientId::new("countersign".to_owned());
        Client::from_provider_metadata(metadata, id, Some(secret))
            .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap())
            .set_device_authorization_url(device)
    }

    /// Does what a person does in a browser: opens the page, clicks a button, follows the redirect.
    pub(super) async fn click(&self, page: &Url, button: (&str, &str)) -> reqwest::Response {
        let shown = self.http.get(page.clone()).send().await.unwrap();
        assert_eq!(shown.status(), 200);
        assert!(shown.text().await.unwrap().contains(page::BANNER));
        let mut fields: Vec<(String, String)> = page.query_pairs().into_owned().collect();
        fields.push((button.0.to_owned(), button.1.to_owned()));
        let path = self.url(page.path());
        self.http.post(path).form(&fields).send().await.unwrap()
    }
}

pub(super) struct Question {
    pub(super) page: Url,
    pub(super) state: CsrfToken,
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
}

pub(super) fn question(client: &DemoClient) -> Question {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (page, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    Question {
        page,
        state,
        nonce,
        verifier,
    }
}

pub(super) fn answer_of(response: &reqwest::Response) -> Vec<(String, String)> {
    let location = response.headers().get(header::LOCATION).unwrap();
    let location = Url::parse(location.to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(CALLBACK));
    location.query_pairs().into_owned().collect()
}

pub(super) fn value(pairs: &[(String, String)], name: &str) -> Option<String> {
    let found = pairs.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone())
}

pub(super) async fn code_of(
    harness: &Harness,
    question: &Question,
    person: &str,
) -> AuthorizationCode {
    let response = harness.click(&question.page, ("person", person)).await;
    assert_eq!(response.status(), 303);
    let answer = answer_of(&response);
    assert_eq!(
        value(&answer, "state").as_ref(),
        Some(question.state.secret())
    );
    AuthorizationCode::new(value(&answer, "code").unwrap())
}

pub(super) fn refused<T, E: std::error::Error + 'static>(
    result: Result<T, RequestTokenError<E, StandardErrorResponse<CoreErrorResponseType>>>,
    expected: &str,
) {
    match result.err().unwrap() {
        RequestTokenError::ServerResponse(answer) => {
            let error: &CoreErrorResponseType = answer.error();
            assert_eq!(error.as_ref(), expected);
        }
        other => panic!("the provider should have answered: {other:?}"),
    }
}
