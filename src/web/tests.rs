use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_SECURITY_POLICY, LOCATION, RETRY_AFTER, SET_COOKIE};
use serde_json::json;

use super::*;
use crate::config::{IdentityConfig, LoginMethod, WebConfig, WebTls};
use crate::domain::principal::KeyFingerprint;
use crate::identity::{IdentityError, Progress, SignIn};

/// The pages on a port of their own, with a provider that only says where its own pages are.
struct Pages {
    address: SocketAddr,
    identity: Identity,
    browser: reqwest::Client,
    _shutdown: tokio_util::sync::DropGuard,
}

struct Confirming {
    cookie: String,
    confirmation: String,
    html: String,
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn provider() -> String {
    let (listener, address) = listener().await;
    let issuer = format!("http://{address}");
    let discovery = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"), "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    let pages = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(move || async { axum::Json(discovery) }),
        )
        .route("/jwks", get(|| async { axum::Json(json!({"keys": []})) }));
    tokio::spawn(axum::serve(listener, pages).into_future());
    issuer
}

fn config(issuer: String) -> IdentityConfig {
    IdentityConfig {
        issuer,
        client_id: "countersign".to_owned(),
        client_secret: None,
        method: LoginMethod::Auto,
        scopes: vec!["email".to_owned()],
        name_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        groups_prefix: String::new(),
        require_verified_email: true,
        login_ttl: Duration::from_secs(3600),
        sign_in_ttl: Duration::from_secs(300),
        authorities: None,
    }
}

impl Pages {
    async fn start() -> Self {
        let (listener, address) = listener().await;
        let public_url = Url::parse(&format!("http://{address}")).unwrap();
        let identity = Identity::new(&config(provider().await), &public_url).unwrap();
        let settings = WebSettings {
            public_url,
            ssh_host: "bastion.test".to_owned(),
            ssh_port: 2222,
            notice: Some("a demo, <b>not</b> for work".to_owned()),
        };
        let shutdown = CancellationToken::new();
        let pages = router(settings, identity.clone());
        tokio::spawn(serve(listener, TlsMode::Plain, pages, shutdown.clone()));
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            address,
            identity,
            browser: browser.build().unwrap(),
            _shutdown: shutdown.drop_guard(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.browser.get(self.url(path)).send().await.unwrap()
    }

    async fn terminal(&self) -> (SignIn, String) {
        let key = KeyFingerprint::new("SHA256:the+key".to_owned());
        let source = [192, 0, 2, 7].into();
        let sign_in = self
            .identity
            .begin(key, source, Timestamp::now())
            .await
            .unwrap();
        let (_, rest) = sign_in.instructions().split_once("/login/").unwrap();
        let code = rest[..9].to_owned();
        (sign_in, code)
    }

    async fn confirming(&self, code: &str) -> Confirming {
        let page = self.get(&format!("/login/{code}")).await;
        assert_eq!(page.status(), 200);
        let cookie = page.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let html = page.text().await.unwrap();
        let (_, rest) = html.split_once("name=\"confirmation\" value=\"").unwrap();
        let confirmation = rest.split('"').next().unwrap().to_owned();
        Confirming {
            cookie,
            confirmation,
            html,
        }
    }

    fn form(&self, path: &str, confirming: &Confirming) -> reqwest::RequestBuilder {
        let form = [("confirmation", &confirming.confirmation)];
        self.browser
            .post(self.url(path))
            .header("cookie", &confirming.cookie)
            .form(&form)
    }
}

#[tokio::test]
async fn the_page_shows_what_the_terminal_shows_and_continues_at_the_provider() {
    let pages = Pages::start().await;
    let (_terminal, code) = pages.terminal().await;
    let confirming = pages
        .confirming(&code.to_lowercase().replace('-', ""))
        .await;
    for part in [
        code.as_str(),
        "192.0.2.7",
        "SHA256:the+key",
        "a demo, &lt;b&gt;not&lt;/b&gt;",
    ] {
        assert!(
            confirming.html.contains(part),
            "{part} in {}",
            confirming.html
        );
    }
    let sent = pages
        .form(&format!("/login/{code}"), &confirming)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 303);
    let location = sent.headers()[LOCATION].to_str().unwrap();
    for part in [
        "/auth?",
        "code_challenge_method=S256",
        "nonce=",
        "state=",
        "scope=openid+email",
    ] {
        assert!(location.contains(part), "{part} in {location}");
    }
}

#[tokio::test]
async fn a_form_that_another_site_makes_the_browser_send_goes_nowhere() {
    let pages = Pages::start().await;
    let (mut terminal, code) = pages.terminal().await;
    let path = format!("/login/{code}");
    let confirming = pages.confirming(&code).await;
    let foreign = pages.confirming(&code).await;
    let url = pages.url(&path);
    let bare = pages
        .browser
        .post(&url)
        .header("cookie", &confirming.cookie);
    let no_cookie = pages
        .browser
        .post(&url)
        .form(&[("confirmation", &confirming.confirmation)]);
    let mixed = Confirming {
        confirmation: foreign.confirmation,
        ..pages.confirming(&code).await
    };
    let cross = pages
        .form(&path, &confirming)
        .header("sec-fetch-site", "cross-site");
    for request in [bare, no_cookie, pages.form(&path, &mixed), cross] {
        assert_eq!(request.send().await.unwrap().status(), 403);
    }
    let denied = pages
        .form(&format!("{path}/deny"), &mixed)
        .send()
        .await
        .unwrap();
    assert_eq!(denied.status(), 403);
    assert!(matches!(
        terminal.wait(Duration::ZERO).await,
        Progress::Waiting
    ));
}

#[tokio::test]
async fn this_was_not_me_turns_the_terminal_away_and_ends_the_code() {
    let pages = Pages::start().await;
    let (mut terminal, code) = pages.terminal().await;
    let confirming = pages.confirming(&code).await;
    let path = format!("/login/{code}/deny");
    let denied = pages.form(&path, &confirming).send().await.unwrap();
    assert_eq!(denied.status(), 200);
    let heard = terminal.wait(Duration::from_secs(5)).await;
    assert!(
        matches!(heard, Progress::Failed(IdentityError::NotMe)),
        "{heard:?}"
    );
    assert_eq!(pages.get(&format!("/login/{code}")).await.status(), 404);
}

#[tokio::test]
async fn a_terminal_that_left_takes_its_code_with_it() {
    let pages = Pages::start().await;
    let (terminal, code) = pages.terminal().await;
    drop(terminal);
    let page = pages.get(&format!("/login/{code}")).await;
    assert_eq!(page.status(), 404);
    assert!(page.text().await.unwrap().contains("onnect again"));
}

#[tokio::test]
async fn whoever_guesses_codes_has_to_wait() {
    let pages = Pages::start().await;
    let mut statuses = Vec::new();
    for guess in 0..25 {
        let page = pages.get(&format!("/login/AAAA-{:04}", guess + 1000)).await;
        statuses.push((
            page.status().as_u16(),
            page.headers().contains_key(RETRY_AFTER),
        ));
    }
    assert_eq!(statuses[..20], [(404, false); 20]);
    assert_eq!(statuses[20..], [(429, true); 5]);
}

#[tokio::test]
async fn every_answer_forbids_scripts_frames_and_caching() {
    let pages = Pages::start().await;
    for (path, status) in [
        ("/", 200),
        ("/login", 200),
        ("/healthz", 200),
        ("/nowhere", 404),
        ("/oidc/callback", 404),
    ] {
        let page = pages.get(path).await;
        assert_eq!(page.status(), status, "{path}");
        let headers = page.headers();
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(!page.text().await.unwrap().contains("<script"));
    }
}

#[tokio::test]
async fn a_code_typed_by_hand_leads_to_its_page() {
    let pages = Pages::start().await;
    let typed = pages.get("/login?code=qx7k29md").await;
    assert_eq!(typed.headers()[LOCATION], "/login/QX7K-29MD");
    let wrong = pages
        .get("/login?code=%3Cscript%3E")
        .await
        .text()
        .await
        .unwrap();
    assert!(wrong.contains("eight letters") && !wrong.contains("<script"));
}

#[tokio::test]
async fn a_callback_that_nobody_waits_for_is_refused() {
    let pages = Pages::start().await;
    for query in [
        "?state=x&code=y",
        "?state=&error=access_denied",
        "?code=y",
        "?%ff",
    ] {
        let page = pages.get(&format!("/oidc/callback{query}")).await;
        assert!(
            page.status().is_client_error(),
            "{query}: {}",
            page.status()
        );
    }
}

#[tokio::test]
async fn requests_that_are_too_long_are_refused() {
    let pages = Pages::start().await;
    let long = pages
        .get(&format!("/login?code={}", "x".repeat(40_000)))
        .await;
    assert_eq!(long.status(), 431);
}

#[tokio::test]
async fn the_pages_are_served_over_tls_with_the_nodes_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, address) = listener().await;
    let public_url = Url::parse(&format!("https://{address}")).unwrap();
    let web = WebConfig {
        listen: address,
        public_url: public_url.clone(),
        tls: WebTls::SelfSigned,
    };
    let mode = tls(&web, folder.path(), Timestamp::now()).unwrap();
    let identity = Identity::new(&config(provider().await), &public_url).unwrap();
    let settings = WebSettings {
        public_url,
        ssh_host: "b".to_owned(),
        ssh_port: 22,
        notice: None,
    };
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve(
        listener,
        mode,
        router(settings, identity),
        shutdown.clone(),
    ));
    // Somebody who never speaks does not keep the others out.
    let silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let pem = std::fs::read(folder.path().join("web_cert.pem")).unwrap();
    let browser = reqwest::Client::builder()
        .add_root_certificate(reqwest::Certificate::from_pem(&pem).unwrap())
        .build()
        .unwrap();
    let page = browser
        .get(format!("https://{address}/healthz"))
        .send()
        .await
        .unwrap();
    assert_eq!(page.text().await.unwrap(), "ok\n");
    drop(silent);
    shutdown.cancel();
    let ended = tokio::time::timeout(SHUTDOWN_GRACE * 2, served).await;
    assert!(ended.unwrap().unwrap().is_ok());
}
