//! The provider as a real OpenID client meets it.

use openidconnect::core::{
    CoreAuthenticationFlow, CoreDeviceAuthorizationResponse, CoreGenderClaim,
};
use openidconnect::{
    AccessToken, AuthType, CsrfToken, DeviceCodeErrorResponseType, LoginHint, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, RequestTokenError, Scope, TokenResponse,
    UserInfoClaims,
};

use crate::demo::provider::signer::DemoClaims;
use crate::demo::provider::tests::harness::{
    Harness, answer_of, code_of, question, refused, value,
};
use crate::demo::provider::*;

mod harness;

#[tokio::test]
async fn a_client_discovers_signs_somebody_in_and_verifies_the_token() {
    let harness = Harness::start().await;
    for auth in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = harness.client("s&cret:+ %").await.set_auth_type(auth);
        let question = question(&client);
        let code = code_of(&harness, &question, "bob").await;
        let exchange = client
            .exchange_code(code)
            .unwrap()
            .set_pkce_verifier(question.verifier);
        let response = exchange.request_async(&harness.http).await.unwrap();
        let verifier = client.id_token_verifier();
        let id_token = response.id_token().unwrap();
        let claims = id_token.claims(&verifier, &question.nonce).unwrap();
        assert_eq!(claims.subject().as_str(), "demo-bob");
        assert_eq!(claims.email().unwrap().as_str(), "bob@example.test");
        assert_eq!(claims.email_verified(), Some(true));
        assert_eq!(claims.preferred_username().unwrap().as_str(), "bob");
        assert_eq!(claims.auth_context_ref().unwrap().as_str(), "demo");
        assert!(claims.auth_time().is_some());
        let groups: Vec<&str> = claims
            .additional_claims()
            .groups
            .iter()
            .map(GroupName::as_str)
            .collect();
        assert_eq!(groups, ["dev", "sre"]);
        let other = Nonce::new_random();
        assert!(id_token.claims(&verifier, &other).is_err());

        let token = response.access_token().clone();
        let subject = Some(claims.subject().clone());
        let info: UserInfoClaims<DemoClaims, CoreGenderClaim> = client
            .user_info(token, subject)
            .unwrap()
            .request_async(&harness.http)
            .await
            .unwrap();
        assert_eq!(info.additional_claims().groups.len(), 2);
    }
}

#[tokio::test]
async fn a_terminal_signs_somebody_in_with_a_code_on_another_screen() {
    let harness = Harness::start().await;
    let client = harness.client("s&cret:+ %").await;
    let details: CoreDeviceAuthorizationResponse = client
        .exchange_device_code()
        .add_scope(Scope::new("email".to_owned()))
        .request_async(&harness.http)
        .await
        .unwrap();
    assert!(details.verification_uri().as_str().ends_with("/device"));
    let page = Url::parse(details.verification_uri_complete().unwrap().secret()).unwrap();
    let clicked = std::sync::atomic::AtomicBool::new(false);
    let (harness, clicked, page) = (&harness, &clicked, &page);
    let response = client
        .exchange_device_access_token(&details)
        .unwrap()
        .request_async(
            &harness.http,
            async move |interval| {
                if !clicked.swap(true, std::sync::atomic::Ordering::SeqCst) {
                    let done = harness.click(page, ("person", "carol")).await;
                    assert_eq!(done.status(), 200);
                }
                tokio::time::sleep(interval).await;
            },
            None,
        )
        .await
        .unwrap();
    assert!(
        clicked.load(std::sync::atomic::Ordering::SeqCst),
        "it waited for the click"
    );
    let nobody_asked = |nonce: Option<&Nonce>| match nonce {
        None => Ok(()),
        Some(_) => Err("there should be no nonce".to_owned()),
    };
    let id_token = response.extra_fields().id_token().unwrap();
    let claims = id_token
        .claims(&client.id_token_verifier(), nobody_asked)
        .unwrap();
    assert_eq!(claims.subject().as_str(), "demo-carol");
}

#[tokio::test]
async fn a_cancelled_terminal_sign_in_is_denied() {
    let harness = Harness::start().await;
    let client = harness.client("s&cret:+ %").await;
    let details: CoreDeviceAuthorizationResponse = client
        .exchange_device_code()
        .request_async(&harness.http)
        .await
        .unwrap();
    let page = Url::parse(details.verification_uri_complete().unwrap().secret()).unwrap();
    let done = harness.click(&page, ("cancel", "yes")).await;
    assert_eq!(done.status(), 200);
    let asked = client.exchange_device_access_token(&details).unwrap();
    let error = asked
        .request_async(&harness.http, tokio::time::sleep, None)
        .await
        .unwrap_err();
    let RequestTokenError::ServerResponse(answer) = error else {
        panic!("the provider answered: {error}");
    };
    assert_eq!(*answer.error(), DeviceCodeErrorResponseType::AccessDenied);
}

#[tokio::test]
async fn a_code_works_once_and_only_with_its_verifier_and_the_secret() {
    let harness = Harness::start().await;
    let client = harness.client("s&cret:+ %").await;
    let first = question(&client);
    let code = code_of(&harness, &first, "alice").await;
    let other = question(&client);
    let wrong = client
        .exchange_code(code.clone())
        .unwrap()
        .set_pkce_verifier(other.verifier);
    refused(wrong.request_async(&harness.http).await, "invalid_grant");
    let again = client
        .exchange_code(code)
        .unwrap()
        .set_pkce_verifier(first.verifier);
    refused(again.request_async(&harness.http).await, "invalid_grant");

    let second = question(&client);
    let code = code_of(&harness, &second, "alice").await;
    let none = client.exchange_code(code).unwrap();
    refused(none.request_async(&harness.http).await, "invalid_grant");

    let third = question(&client);
    let code = code_of(&harness, &third, "alice").await;
    let stranger = harness.client("guess").await;
    let asked = stranger
        .exchange_code(code)
        .unwrap()
        .set_pkce_verifier(third.verifier);
    refused(asked.request_async(&harness.http).await, "invalid_client");
    let device = stranger.exchange_device_code();
    let device: Result<CoreDeviceAuthorizationResponse, _> =
        device.request_async(&harness.http).await;
    refused(device, "invalid_client");
}

#[tokio::test]
async fn a_question_that_is_not_exactly_right_gets_no_code() {
    let harness = Harness::start().await;
    let client = harness.client("s&cret:+ %").await;
    let page = question(&client).page;
    let with = |name: &str, value: &str| {
        let mut changed = page.clone();
        let kept = page
            .query_pairs()
            .into_owned()
            .filter(|(key, _)| key != name);
        changed
            .query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .append_pair(name, value);
        changed
    };
    for (name, value) in [
        ("client_id", "somebody"),
        ("redirect_uri", "http://127.0.0.1:1/callback/"),
        ("redirect_uri", "http://evil.test/callback"),
    ] {
        let response = harness.http.get(with(name, value)).send().await.unwrap();
        assert_eq!(response.status(), 400, "{name}={value}");
        assert!(response.headers().get(header::LOCATION).is_none());
    }
    for (name, given, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("scope", "email", "invalid_scope"),
        ("prompt", "none", "login_required"),
    ] {
        let response = harness.http.get(with(name, given)).send().await.unwrap();
        let answer = answer_of(&response);
        assert_eq!(
            value(&answer, "error").as_deref(),
            Some(error),
            "{name}={given}"
        );
        assert_eq!(value(&answer, "code"), None);
    }
    let cancelled = answer_of(&harness.click(&page, ("cancel", "yes")).await);
    assert_eq!(value(&cancelled, "error").as_deref(), Some("access_denied"));
    let nobody = harness.click(&page, ("person", "mallory")).await;
    assert_eq!(nobody.status(), 400);
}

#[tokio::test]
async fn a_hint_puts_the_person_first_and_pages_escape_what_they_repeat() {
    let harness = Harness::start().await;
    let client = harness.client("s&cret:+ %").await;
    let state = || CsrfToken::new("\"><script>alert(1)</script>".to_owned());
    let (challenge, _) = PkceCodeChallenge::new_random_sha256();
    let (page, _, _) = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            state,
            Nonce::new_random,
        )
        .set_login_hint(LoginHint::new("dave@example.test".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let response = harness.http.get(page).send().await.unwrap();
    let policy = response
        .headers()
        .get(header::CONTENT_SECURITY_POLICY)
        .unwrap();
    let policy = policy.to_str().unwrap().to_owned();
    assert!(
        policy.contains("default-src 'none'")
            && policy.contains("form-action 'self' http://127.0.0.1:1;")
    );
    let text = response.text().await.unwrap();
    assert!(!text.contains("<script"));
    let place = |what: &str| text.find(what).unwrap();
    assert!(place("Sign in as Dave") < place("Sign in as Alice"));
    assert!(place("class=\"hinted\"") < place("Sign in as Dave"));
}

#[tokio::test]
async fn every_page_says_what_it_is() {
    let harness = Harness::start().await;
    for path in [
        "/",
        "/device",
        "/device?user_code=AAAA-BBBB",
        "/authorize",
        "/authorize?scope=%ff",
    ] {
        let text = harness
            .http
            .get(harness.url(path))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(text.contains(page::BANNER), "{path}");
    }
    let wrong = harness
        .http
        .get(harness.url("/userinfo"))
        .bearer_auth(AccessToken::new("x".into()).secret());
    assert_eq!(wrong.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_provider_ends_when_it_is_told() {
    let mut harness = Harness::start().await;
    let url = harness.url("/");
    assert_eq!(harness.http.get(&url).send().await.unwrap().status(), 200);
    harness.shutdown.cancel();
    let ended = tokio::time::timeout(SHUTDOWN_GRACE * 2, &mut harness.server).await;
    assert!(ended.unwrap().unwrap().is_ok());
}

#[tokio::test]
async fn the_provider_refuses_to_be_reached_from_elsewhere() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let issuer = IssuerUrl::new("http://192.0.2.1".to_owned()).unwrap();
    let refused = serve(
        listener,
        Harness::settings(issuer),
        CancellationToken::new(),
    )
    .await;
    assert!(matches!(refused, Err(ProviderError::NotLoopback(_))));
}
