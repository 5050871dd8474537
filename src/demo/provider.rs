//! A small OpenID provider where anyone signs in as anyone, with one click, to try the bastion without an account.
//!
//! Owns the people, the signing key (made at start, never stored) and the sign-ins under way: authorization code
//! with PKCE, and the device grant (RFC 8628). Invariant: it speaks the protocol as strictly as a real provider
//! (exact redirect, S256, single-use codes), only the person is not checked; and every page says so. It keeps no
//! browser session, so each sign-in is a fresh one. It does not know the bastion; it is given one client.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use openidconnect::url::{self, Url};
use openidconnect::{AuthorizationCode, EndUserName, SubjectIdentifier};
use openidconnect::{ClientId, ClientSecret, EndUserEmail, IssuerUrl, RedirectUrl};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::demo::provider::authorize::CodeGrant;
use crate::demo::provider::device::DeviceGrants;
use crate::demo::provider::expiring::Expiring;
use crate::demo::provider::signer::Signer;
use crate::domain::name::{GroupName, NameError, PrincipalName};

mod authorize;

mod device;

mod discovery;

mod expiring;

mod page;

mod signer;

mod token;

#[cfg(test)]
mod tests;

/// How long an authorization code may wait for its exchange.
const CODE_LIFETIME: Duration = Duration::from_secs(60);
/// How long an access token opens the userinfo endpoint.
const ACCESS_LIFETIME: Duration = Duration::from_secs(600);
/// How many of each (codes, device codes, access tokens) may be open; more are refused.
const MOST_OPEN: usize = 4096;
/// The largest form that is read.
const LARGEST_BODY: usize = 16 * 1024;
/// How long requests under way may take once the end was asked for.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Somebody the demo knows. Nobody checks that you are them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoPerson {
    /// The `preferred_username`, and what a `login_hint` may say.
    pub name: PrincipalName,
    /// The `sub` claim.
    pub sub: SubjectIdentifier,
    /// The `email` claim, verified.
    pub email: EndUserEmail,
    /// The `groups` claim.
    pub groups: BTreeSet<GroupName>,
}

impl DemoPerson {
    /// A person called `name`, with `name@example.test` as address and `demo-name` as subject.
    pub fn new(name: PrincipalName, groups: BTreeSet<GroupName>) -> Self {
        Self {
            sub: SubjectIdentifier::new(format!("demo-{name}")),
            email: EndUserEmail::new(format!("{name}@example.test")),
            name,
            groups,
        }
    }

    /// The people of the demo: alice (dev), bob (dev, sre), carol (sre-leads) and dave (auditors).
    ///
    /// # Errors
    /// When one of the names is not valid, which a test rules out.
    pub fn cast() -> Result<Vec<Self>, NameError> {
        let cast: [(&str, &[&str]); 4] = [
            ("alice", &["dev"]),
            ("bob", &["dev", "sre"]),
            ("carol", &["sre-leads"]),
            ("dave", &["auditors"]),
        ];
        let person = |(name, groups): (&str, &[&str])| {
            let groups = groups
                .iter()
                .map(|group| group.parse())
                .collect::<Result<_, _>>()?;
            Ok(Self::new(name.parse()?, groups))
        };
        cast.into_iter().map(person).collect()
    }

    /// The name with a capital, as people write it.
    fn display_name(&self) -> EndUserName {
        let mut letters = self.name.as_str().chars();
        let first = letters.next().map(|c| c.to_uppercase().to_string());
        EndUserName::new(first.unwrap_or_default() + letters.as_str())
    }

    fn groups_text(&self) -> String {
        let groups: Vec<&str> = self.groups.iter().map(GroupName::as_str).collect();
        groups.join(", ")
    }

    /// Whether a `login_hint` means this person.
    fn answers_to(&self, hint: &str) -> bool {
        [self.name.as_str(), self.email.as_str(), self.sub.as_str()].contains(&hint)
    }
}

/// What the provider is told at start.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Where it is reached, such as `http://127.0.0.1:8080`; the discovery document lies below.
    pub issuer: IssuerUrl,
    /// The one client.
    pub client_id: ClientId,
    /// The client's secret.
    pub client_secret: ClientSecret,
    /// Where the client may have people sent back to; compared exactly.
    pub redirect_urls: Vec<RedirectUrl>,
    /// Who can sign in.
    pub people: Vec<DemoPerson>,
}

/// Why the provider could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The issuer cannot carry endpoints.
    #[error("`{issuer}` cannot be the demo provider's issuer: {source}")]
    Issuer {
        /// What was configured.
        issuer: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// No signing key could be made.
    #[error("the demo provider cannot make its signing key: {0}")]
    SigningKey(String),
    /// A document could not be written as JSON or as a header.
    #[error("the demo provider cannot write its {0}")]
    Document(&'static str),
    /// Somebody else could reach it, and sign in as anyone.
    #[error("the demo provider listens on loopback only, not on `{0}`")]
    NotLoopback(SocketAddr),
    /// The listener failed.
    #[error("the demo provider cannot listen: {0}")]
    Listen(#[from] io::Error),
}

/// Serves the provider on `listener` until `shutdown`.
///
/// # Errors
/// When the listener is not on loopback or fails, or the issuer or the key is unusable.
pub async fn serve(
    listener: TcpListener,
    settings: ProviderSettings,
    shutdown: CancellationToken,
) -> Result<(), ProviderError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ProviderError::NotLoopback(address));
    }
    let provider = Arc::new(Provider::new(settings)?);
    let end = shutdown.clone().cancelled_owned();
    let server = axum::serve(listener, router(provider)).with_graceful_shutdown(end);
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        ended = server => Ok(ended?),
        () = overdue => Ok(()),
    }
}

/// What every request sees.
struct Provider {
    settings: ProviderSettings,
    endpoints: discovery::Endpoints,
    signer: Signer,
    metadata: String,
    keys: String,
    page_policy: HeaderValue,
    open: Mutex<Open>,
}

/// Everything that waits for its next step.
struct Open {
    codes: Expiring<CodeGrant>,
    devices: DeviceGrants,
    access: Expiring<DemoPerson>,
}

impl Provider {
    fn new(settings: ProviderSettings) -> Result<Self, ProviderError> {
        let endpoints = discovery::Endpoints::below(&settings.issuer)?;
        let signer = Signer::new(settings.issuer.clone(), settings.client_id.clone())?;
        Ok(Self {
            metadata: discovery::metadata(&settings.issuer, &endpoints)?,
            keys: signer.public_keys()?,
            page_policy: page_policy(&settings.redirect_urls)?,
            open: Mutex::new(Open {
                codes: Expiring::new(CODE_LIFETIME, MOST_OPEN),
                devices: DeviceGrants::new(MOST_OPEN),
                access: Expiring::new(ACCESS_LIFETIME, MOST_OPEN),
            }),
            settings,
            endpoints,
            signer,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn person(&self, name: &str) -> Option<&DemoPerson> {
        let mut people = self.settings.people.iter();
        people.find(|person| person.name.as_str() == name)
    }

    /// Everyone, those whom `hint` means first.
    fn people<'a>(&'a self, hint: Option<&'a str>) -> Vec<(&'a DemoPerson, page::Emphasis)> {
        let emphasis = |person: &DemoPerson| match hint {
            Some(hint) if person.answers_to(hint) => page::Emphasis::Hinted,
            Some(_) | None => page::Emphasis::Plain,
        };
        let people = self.settings.people.iter();
        let mut people: Vec<_> = people.map(|person| (person, emphasis(person))).collect();
        people.sort_by_key(|(_, emphasis)| *emphasis);
        people
    }
}

fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/", get(authorize::welcome))
        .route(discovery::METADATA, get(discovery::metadata_document))
        .route(discovery::KEYS, get(discovery::key_document))
        .route(
            discovery::AUTHORIZE,
            get(authorize::ask).post(authorize::answer),
        )
        .route(discovery::TOKEN, post(token::exchange))
        .route(
            discovery::USERINFO,
            get(token::userinfo).post(token::userinfo),
        )
        .route(discovery::DEVICE_START, post(token::start_device))
        .route(
            discovery::DEVICE_PAGE,
            get(device::ask).post(device::answer),
        )
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(
            provider.clone(),
            guard_headers,
        ))
        .with_state(provider)
}

/// Pages may load nothing, be framed nowhere and send forms only here and, by redirect, to the client: browsers
/// hold `form-action` against the redirect that follows a form as well.
fn page_policy(redirect_urls: &[RedirectUrl]) -> Result<HeaderValue, ProviderError> {
    let origins: BTreeSet<String> = redirect_urls
        .iter()
        .map(|redirect| Url::origin(redirect.url()).ascii_serialization())
        .collect();
    let origins: Vec<String> = origins.into_iter().collect();
    let policy = format!(
        "default-src 'none'; style-src '{}'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'",
        page::style_digest(),
        origins.join(" "),
    );
    HeaderValue::from_str(&policy).map_err(|_| ProviderError::Document("content security policy"))
}

async fn guard_headers(
    State(provider): State<Arc<Provider>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        provider.page_policy.clone(),
    );
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A fresh secret of 256 bits for codes and tokens, or `None` when the system has no randomness.
fn fresh_secret() -> Option<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

/// The same, as an authorization code.
fn fresh_code() -> Option<AuthorizationCode> {
    fresh_secret().map(AuthorizationCode::new)
}
