//! Sign-ins against a real OpenID Provider: what gets in, and everything that does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod world;

use std::net::TcpListener as StdListener;
use std::time::{Duration, Instant};

use countersign::config::{IdentityConfig, LoginMethod};
use countersign::domain::principal::{Evidence, KeyFingerprint};
use countersign::identity::{Identity, IdentityError, Progress, ProviderFault, TokenFault};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use world::{KEY, Provider, World, config, ended, failed, groups, signed_in, source, word_after};

#[tokio::test]
async fn alice_signs_in_with_her_browser_and_her_key_is_hers_for_hours() {
    let world = World::start(LoginMethod::Auto).await;
    let ((status, page), progress) = world.browse("alice", &["--otp", "000000"]).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("alice@example.test") && page.contains("Go back to your terminal"));
    let identity = signed_in(progress);
    let principal = identity.principal();
    assert_eq!(principal.name.as_str(), "alice@example.test");
    assert_eq!(principal.subject.issuer, world.provider.issuer);
    assert_eq!(principal.subject.subject, "u-1001");
    assert_eq!(groups(&identity), ["dev"]);
    assert_eq!(principal.acr.as_deref(), Some("urn:test:mfa"));
    assert!(principal.amr.contains("otp"));
    assert_eq!(
        (identity.key().as_str(), identity.evidence()),
        (KEY, Evidence::IdToken)
    );
    let hours = identity
        .valid_until()
        .duration_since(Timestamp::now())
        .as_hours();
    assert_eq!(hours, 7, "nearly eight");
}

#[tokio::test]
async fn bob_signs_in_with_the_device_grant_while_the_terminal_waits_in_slices() {
    let world = World::start(LoginMethod::Device).await;
    let mut sign_in = world.begin().await;
    assert!(matches!(
        sign_in.wait(Duration::from_millis(200)).await,
        Progress::Waiting
    ));
    let page = word_after(sign_in.instructions(), "Sign in:");
    let person = world.provider.person(&["--user", "bob", &page]).await;
    assert_eq!(person["outcome"], "device-approved", "{person}");
    let identity = signed_in(ended(&mut sign_in).await);
    assert_eq!(identity.principal().name.as_str(), "bob@example.test");
    assert_eq!(groups(&identity), ["dev", "sre"]);
    assert_eq!(
        failed(sign_in.wait(Duration::ZERO).await),
        IdentityError::Expired
    );
}

#[tokio::test]
async fn who_says_no_at_the_provider_is_not_signed_in() {
    let world = World::start(LoginMethod::Browser).await;
    let ((status, page), progress) = world.browse("alice", &["--deny"]).await;
    assert_eq!(status, 403, "{page}");
    assert_eq!(failed(progress), IdentityError::Denied);
    let world = World::start(LoginMethod::Device).await;
    let mut sign_in = world.begin().await;
    let page = word_after(sign_in.instructions(), "Sign in:");
    world
        .provider
        .person(&["--user", "alice", "--deny", &page])
        .await;
    assert_eq!(failed(ended(&mut sign_in).await), IdentityError::Denied);
}

#[tokio::test]
async fn a_sign_in_that_nobody_finishes_expires() {
    let ttl = Duration::from_secs(2);
    for method in [LoginMethod::Browser, LoginMethod::Device] {
        let config = |issuer: &str| IdentityConfig {
            sign_in_ttl: ttl,
            ..config(issuer, method)
        };
        let world = World::configured(config).await;
        let mut sign_in = world.begin().await;
        let started = Instant::now();
        assert_eq!(failed(ended(&mut sign_in).await), IdentityError::Expired);
        assert!(started.elapsed() < ttl * 3);
    }
    let world = World::start(LoginMethod::Device).await;
    world
        .provider
        .faults(json!({"token_errors": ["expired_token"]}))
        .await;
    let mut sign_in = world.begin().await;
    assert_eq!(failed(ended(&mut sign_in).await), IdentityError::Expired);
}

#[tokio::test]
async fn polling_keeps_the_interval_and_slows_down_by_five_seconds_when_told() {
    let world = World::start(LoginMethod::Device).await;
    world
        .provider
        .faults(json!({"token_errors": ["authorization_pending", "slow_down"]}))
        .await;
    let mut sign_in = world.begin().await;
    let page = word_after(sign_in.instructions(), "Sign in:");
    world.provider.person(&["--user", "alice", &page]).await;
    signed_in(ended(&mut sign_in).await);
    let polls = world.provider.polls().await;
    assert_eq!(polls.len(), 3, "{polls:?}");
    assert!(polls[1] - polls[0] >= 990, "{polls:?}");
    assert!(polls[2] - polls[1] >= 5_990, "{polls:?}");
}

#[tokio::test]
async fn a_provider_that_says_poll_at_once_is_still_polled_slowly() {
    let world = World::start(LoginMethod::Device).await;
    world
        .provider
        .control("config", json!({"enforce_interval": false}))
        .await;
    world
        .provider
        .faults(json!({"device_authorization": {"interval": 0}}))
        .await;
    let mut sign_in = world.begin().await;
    assert!(matches!(
        sign_in.wait(Duration::from_millis(2500)).await,
        Progress::Waiting
    ));
    let polls = world.provider.polls().await;
    assert!((1..=3).contains(&polls.len()), "{polls:?}");
}

#[tokio::test]
async fn forged_and_foreign_tokens_are_refused_with_the_reason() {
    let world = World::start(LoginMethod::Browser).await;
    let claims = |claims: Value| json!({ "claims": claims });
    for (fault, expected) in [
        (claims(json!({"aud": "other-app"})), TokenFault::Audience),
        (claims(json!({"aud": null})), TokenFault::Audience),
        (
            claims(json!({"aud": ["countersign", "other-app"]})),
            TokenFault::Audience,
        ),
        (claims(json!({"azp": "other-app"})), TokenFault::Audience),
        (
            claims(json!({"iss": "https://evil.test"})),
            TokenFault::Issuer,
        ),
        (claims(json!({"nonce": "another"})), TokenFault::Nonce),
        (claims(json!({"nonce": null})), TokenFault::Nonce),
        (claims(json!({"exp": "-1"})), TokenFault::Expired),
        (claims(json!({"iat": "+900"})), TokenFault::FromTheFuture),
        (
            claims(json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})),
            TokenFault::AccessToken,
        ),
        (json!({"bad_signature": true}), TokenFault::Signature),
        (json!({"bad_signature": "foreign"}), TokenFault::Signature),
        (json!({"alg": "none"}), TokenFault::Algorithm),
        (json!({"alg": "HS256"}), TokenFault::Algorithm),
        (
            json!({"alg": "HS256", "hs_secret": "countersign-test-secret"}),
            TokenFault::Algorithm,
        ),
        (json!({"kid": "nobody"}), TokenFault::UnknownKey),
        (json!({"omit": true}), TokenFault::Missing),
    ] {
        world.provider.faults(json!({ "id_token": fault })).await;
        let error = world.refused("alice").await;
        assert_eq!(error, IdentityError::Token(expected), "{fault}");
    }
    world.provider.faults(json!({"id_token": null})).await;
    signed_in(world.browse("alice", &[]).await.1);
}

#[tokio::test]
async fn the_device_grants_tokens_are_verified_as_well() {
    let world = World::start(LoginMethod::Device).await;
    world
        .provider
        .faults(json!({"id_token": {"claims": {"aud": "other-app"}}}))
        .await;
    let mut sign_in = world.begin().await;
    let page = word_after(sign_in.instructions(), "Sign in:");
    world.provider.person(&["--user", "alice", &page]).await;
    let error = failed(ended(&mut sign_in).await);
    assert_eq!(error, IdentityError::Token(TokenFault::Audience));
}

#[tokio::test]
async fn a_token_for_several_audiences_passes_when_it_names_us_as_the_party() {
    let world = World::start(LoginMethod::Browser).await;
    let claims = json!({"aud": ["countersign", "other-app"], "azp": "countersign"});
    world
        .provider
        .faults(json!({"id_token": {"claims": claims}}))
        .await;
    signed_in(world.browse("alice", &[]).await.1);
}

#[tokio::test]
async fn a_sign_in_at_a_future_time_counts_as_now() {
    let world = World::start(LoginMethod::Browser).await;
    world
        .provider
        .faults(json!({"id_token": {"claims": {"auth_time": "+86400"}}}))
        .await;
    let identity = signed_in(world.browse("alice", &[]).await.1);
    assert!(identity.principal().authenticated_at <= Timestamp::now());
}

#[tokio::test]
async fn erin_has_to_verify_her_address_first() {
    let world = World::start(LoginMethod::Browser).await;
    let error = world.refused("erin").await;
    assert_eq!(error, IdentityError::EmailUnverified);
    assert!(error.to_string().contains("verify it there"));
}

#[tokio::test]
async fn groups_are_found_wherever_the_provider_puts_them() {
    let world = World::start(LoginMethod::Browser).await;
    for (fault, expected) in [
        (json!("overage"), vec!["dev", "sre"]),
        (json!("string"), vec!["dev", "sre"]),
        (json!("prefixed"), vec!["dev", "sre"]),
        (json!("nested"), vec![]),
        (json!("missing"), vec![]),
        (json!(["x", "bad\nname"]), vec!["x"]),
    ] {
        world.provider.faults(json!({ "groups": fault })).await;
        let identity = signed_in(world.browse("bob", &[]).await.1);
        assert_eq!(groups(&identity), expected, "{fault}");
    }
}

#[tokio::test]
async fn too_many_or_withheld_groups_are_refused_rather_than_forgotten() {
    let world = World::start(LoginMethod::Browser).await;
    world.provider.faults(json!({"groups": 1000})).await;
    assert_eq!(
        world.refused("bob").await,
        IdentityError::TooManyGroups(1000)
    );
    world
        .provider
        .faults(json!({"groups": "overage", "userinfo": {"groups": null}}))
        .await;
    assert_eq!(world.refused("bob").await, IdentityError::GroupsWithheld);
    let somebody_else = json!({"groups": "overage", "userinfo": {"sub": "u-1003"}});
    world.provider.faults(somebody_else).await;
    let error = world.refused("bob").await;
    assert_eq!(error, IdentityError::Token(TokenFault::UserInfo));
}

#[tokio::test]
async fn new_keys_of_the_provider_are_found_without_a_restart() {
    let world = World::start(LoginMethod::Browser).await;
    signed_in(world.browse("alice", &[]).await.1);
    world.provider.control("rotate-keys", json!({})).await;
    signed_in(world.browse("alice", &[]).await.1);
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_again_when_it_is_back() {
    let reserved = StdListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let pages = Url::parse("http://localhost:1/").unwrap();
    let issuer = format!("http://127.0.0.1:{reserved}");
    let identity = Identity::new(&config(&issuer, LoginMethod::Auto), &pages).unwrap();
    let begin = || {
        let key = KeyFingerprint::new(KEY.to_owned());
        identity.begin(key, source(), Timestamp::now())
    };
    let error = begin().await.err();
    assert_eq!(
        error,
        Some(IdentityError::Provider(ProviderFault::Unreachable))
    );
    let _provider = Provider::start(reserved, "http://localhost:1/oidc/callback").await;
    assert!(begin().await.is_ok());
}

#[tokio::test]
async fn a_provider_in_trouble_grants_nothing_and_says_so() {
    let world = World::start(LoginMethod::Browser).await;
    let token = |fault: Value| json!({ "http": [fault] });
    for (fault, expected) in [
        (
            json!({"path": "/token", "status": 500}),
            ProviderFault::Status(500),
        ),
        (
            json!({"path": "/token", "drop": true, "times": 3}),
            ProviderFault::Unreachable,
        ),
        (
            json!({"path": "/token", "status": 200, "body": "<html>", "content_type": "text/html"}),
            ProviderFault::Nonsense,
        ),
        (
            json!({"path": "/token", "status": 200, "body": "{}", "content_type": "application/json"}),
            ProviderFault::Nonsense,
        ),
        (
            json!({"path": "/token", "status": 302, "headers": {"location": "/elsewhere"}, "body": ""}),
            ProviderFault::Nonsense,
        ),
        (
            json!({"path": "/token", "status": 200, "body": "x".repeat(2_000_000), "content_type": "application/json"}),
            ProviderFault::Nonsense,
        ),
    ] {
        world.provider.faults(token(fault.clone())).await;
        let error = world.refused("alice").await;
        assert_eq!(
            error,
            IdentityError::Provider(expected),
            "{}",
            fault["status"]
        );
    }
}

#[tokio::test]
async fn the_device_grant_outlives_trouble_that_passes() {
    let world = World::start(LoginMethod::Device).await;
    world
        .provider
        .faults(json!({"http": [{"path": "/token", "status": 503, "times": 1}]}))
        .await;
    let mut sign_in = world.begin().await;
    let page = word_after(sign_in.instructions(), "Sign in:");
    world.provider.person(&["--user", "alice", &page]).await;
    signed_in(ended(&mut sign_in).await);
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_refused() {
    let world = World::start(LoginMethod::Auto).await;
    world
        .provider
        .faults(json!({"discovery": {"issuer": "https://evil.test"}}))
        .await;
    let error = world.try_begin().await.err();
    assert_eq!(
        error,
        Some(IdentityError::Provider(ProviderFault::OtherIssuer))
    );
}

#[tokio::test]
async fn the_way_to_sign_in_follows_what_the_provider_offers() {
    let world = World::start(LoginMethod::Device).await;
    world
        .provider
        .faults(json!({"discovery": {"device_authorization_endpoint": null}}))
        .await;
    assert_eq!(
        world.try_begin().await.err(),
        Some(IdentityError::NoDeviceGrant)
    );
    let world = World::start(LoginMethod::Auto).await;
    let only_device = json!(["urn:ietf:params:oauth:grant-type:device_code"]);
    world
        .provider
        .faults(json!({"discovery": {"grant_types_supported": only_device}}))
        .await;
    let sign_in = world.begin().await;
    let page = word_after(sign_in.instructions(), "Sign in:");
    assert!(page.starts_with(&world.provider.issuer), "{page}");
}

#[tokio::test]
async fn a_wrong_client_secret_is_told_as_ours_to_mend() {
    let world = World::configured(|issuer| IdentityConfig {
        client_secret: Some(SecretString::from("wrong")),
        ..config(issuer, LoginMethod::Browser)
    })
    .await;
    let error = world.refused("alice").await;
    let message = error.to_string();
    assert!(message.contains("`invalid_client`"), "{message}");
    assert!(!message.contains("wrong"), "{message}");
}

#[tokio::test]
async fn a_public_client_signs_in_by_pkce_alone() {
    let world = World::configured(|issuer| IdentityConfig {
        client_id: "countersign-public".to_owned(),
        client_secret: None,
        ..config(issuer, LoginMethod::Browser)
    })
    .await;
    signed_in(world.browse("alice", &[]).await.1);
}

#[tokio::test]
async fn another_browser_cannot_finish_what_one_browser_confirmed() {
    let world = World::start(LoginMethod::Browser).await;
    let mut sign_in = world.begin().await;
    let mut other = world.begin().await;
    let (cookie, provider) = world.confirm(&sign_in).await;
    let (foreign_cookie, _) = world.confirm(&other).await;
    let person = world.provider.person(&["--user", "alice", &provider]).await;
    let location = person["location"].as_str().unwrap();
    let (status, page) = world.return_to_us(location, &foreign_cookie).await;
    assert_eq!(status, 403, "{page}");
    let error = failed(sign_in.wait(Duration::from_secs(5)).await);
    assert_eq!(error, IdentityError::OtherBrowser);
    let (status, _) = world.return_to_us(location, &cookie).await;
    assert_eq!(status, 404);
    assert!(matches!(
        other.wait(Duration::ZERO).await,
        Progress::Waiting
    ));
}

#[tokio::test]
async fn an_answer_counts_once_and_only_from_our_provider() {
    let world = World::start(LoginMethod::Browser).await;
    let mut sign_in = world.begin().await;
    let (cookie, provider) = world.confirm(&sign_in).await;
    let person = world.provider.person(&["--user", "alice", &provider]).await;
    let location = person["location"].as_str().unwrap();
    let (first, _) = world.return_to_us(location, &cookie).await;
    let (second, _) = world.return_to_us(location, &cookie).await;
    assert_eq!((first, second), (200, 404));
    signed_in(sign_in.wait(Duration::from_secs(5)).await);

    let mut sign_in = world.begin().await;
    let (cookie, provider) = world.confirm(&sign_in).await;
    let person = world.provider.person(&["--user", "alice", &provider]).await;
    let mut mixed_up = Url::parse(person["location"].as_str().unwrap()).unwrap();
    let kept: Vec<(String, String)> = mixed_up.query_pairs().into_owned().collect();
    mixed_up.query_pairs_mut().clear();
    for (name, value) in kept.iter().filter(|(name, _)| name != "iss") {
        mixed_up.query_pairs_mut().append_pair(name, value);
    }
    mixed_up
        .query_pairs_mut()
        .append_pair("iss", "https://evil.test");
    let (status, _) = world.return_to_us(mixed_up.as_str(), &cookie).await;
    assert_eq!(status, 502);
    let error = failed(sign_in.wait(Duration::from_secs(5)).await);
    assert_eq!(error, IdentityError::Token(TokenFault::Issuer));
}

#[tokio::test]
async fn a_provider_with_a_certificate_of_its_own_is_trusted_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let tls = ["--tls-cert", files[0], "--tls-key", files[1]];
    let provider = Provider::start_with(0, "https://localhost/oidc/callback", &tls).await;
    let issuer = provider.issuer.replace("http:", "https:");
    let begin = async |authorities| {
        let config = IdentityConfig {
            authorities,
            ..config(&issuer, LoginMethod::Browser)
        };
        let identity = Identity::new(&config, &Url::parse("https://localhost").unwrap()).unwrap();
        let key = KeyFingerprint::new(KEY.to_owned());
        identity.begin(key, source(), Timestamp::now()).await.err()
    };
    let unreachable = IdentityError::Provider(ProviderFault::Unreachable);
    assert_eq!(begin(None).await, Some(unreachable));
    assert_eq!(begin(Some(certificate)).await, None);
}
