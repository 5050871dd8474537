//! Who is at the other end: sign-ins through OpenID Connect, up to the proof that the domain works with.
//!
//! Owns the conversation with the identity provider (discovery, authorization code with PKCE, device grant), the
//! verification of its ID tokens, and the sign-ins that wait for a browser. Invariant: a [`VerifiedIdentity`] leaves
//! here only for an ID token whose signature, issuer, audience, nonce and times were verified, for the key that the
//! terminal proved, and once per sign-in. What fails grants nothing and says why, without a code, token or secret in it.
//!
//! It does not remember whose key is whose (the store does), show pages (`web` does) or decide what people may do.

mod begin;

mod bound;

mod browser;

mod claims;

mod error;

mod http;

mod pending;

mod provider;

mod sign_in;

mod token;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use url::Url;

use crate::config::{IdentityConfig, LoginMethod};
use crate::domain::id::LoginCode;
use crate::domain::name::PrincipalName;
use crate::domain::principal::{Evidence, KeyFingerprint, Principal, VerifiedIdentity};

pub use bound::bound;
pub use browser::{BrowserSecret, Callback};
pub use error::{IdentityError, ProviderFault, TokenFault};
pub use pending::PendingView;
pub(crate) use pending::network;
pub use sign_in::{Progress, SignIn};

use browser::Answer;
use claims::ClaimRules;
use pending::PendingLogins;
use provider::Provider;
use token::ExpectedNonce;

/// The path of the page that the provider sends browsers back to.
pub const CALLBACK_PATH: &str = "/oidc/callback";

/// The sign-ins of a node. Cheap to clone; the clones share the sign-ins that wait.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    provider: Provider,
    rules: ClaimRules,
    method: LoginMethod,
    public_url: Url,
    sign_in_ttl: Duration,
    login_ttl: Duration,
    pending: Mutex<PendingLogins>,
    device_sign_ins: Arc<Semaphore>,
}

impl Identity {
    /// Prepares sign-ins. The provider is asked only when the first person signs in: it may be down at the start.
    ///
    /// # Errors
    /// When the issuer, the public address or the file of authorities cannot be used.
    pub fn new(config: &IdentityConfig, public_url: &Url) -> Result<Self, IdentityError> {
        let redirect = public_url.join(CALLBACK_PATH).map_err(|error| {
            IdentityError::Misconfigured(format!("`{public_url}` is no base address: {error}"))
        })?;
        Ok(Self(Arc::new(Inner {
            provider: Provider::new(config, redirect)?,
            rules: ClaimRules::new(config),
            method: config.method,
            public_url: public_url.clone(),
            sign_in_ttl: config.sign_in_ttl,
            login_ttl: config.login_ttl,
            pending: Mutex::default(),
            device_sign_ins: Arc::new(Semaphore::new(begin::MAX_DEVICE_SIGN_INS)),
        })))
    }

    /// Begins a sign-in for the key that a terminal proved, and says what to show there.
    ///
    /// # Errors
    /// When the provider cannot be asked, does not offer the configured way, or too many sign-ins wait already.
    pub async fn begin(
        &self,
        key: KeyFingerprint,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<SignIn, IdentityError> {
        let found = self.0.provider.discovered().await?;
        match self.0.method {
            LoginMethod::Browser => self.begin_browser(key, source, now),
            LoginMethod::Device => self.begin_device(found, key).await,
            LoginMethod::Auto if found.only_device() => self.begin_device(found, key).await,
            LoginMethod::Auto => self.begin_browser(key, source, now),
        }
    }

    /// The sign-in that waits under this code, for the page that asks the person to confirm it.
    pub fn pending(&self, code: &LoginCode, now: Timestamp) -> Option<PendingView> {
        self.waiting().view(code, now)
    }

    /// The person confirmed the code: the provider's page to send this browser to. Only this browser can finish it.
    ///
    /// # Errors
    /// When nothing waits under the code or the provider cannot be asked.
    pub async fn authorize(
        &self,
        code: &LoginCode,
        browser: &BrowserSecret,
        now: Timestamp,
    ) -> Result<Url, IdentityError> {
        if self.pending(code, now).is_none() {
            return Err(IdentityError::UnknownSignIn);
        }
        let found = self.0.provider.discovered().await?;
        let request = self.0.provider.authorization(&found);
        self.waiting()
            .authorize(code, request.secrets, browser.clone(), now)?;
        Ok(request.url)
    }

    /// The provider sent the browser back: verifies everything and lets the waiting terminal in.
    ///
    /// # Errors
    /// Whatever went wrong; the terminal is told the same.
    pub async fn callback(
        &self,
        callback: Callback,
        browser: Option<&BrowserSecret>,
        now: Timestamp,
    ) -> Result<PrincipalName, IdentityError> {
        let login = self.waiting().take(&callback.state, browser, now)?;
        let outcome = self.answered(&callback, &login, now).await;
        let identity = match outcome {
            Ok(identity) => identity,
            Err(error) => {
                login.fail(error.clone());
                return Err(error);
            }
        };
        let name = identity.principal().name.clone();
        login.complete(identity)?;
        Ok(name)
    }

    /// The person pressed “this was not me”: the waiting terminal is turned away.
    ///
    /// # Errors
    /// When nothing waits under the code.
    pub fn deny(&self, code: &LoginCode, now: Timestamp) -> Result<(), IdentityError> {
        self.waiting().deny(code, now)
    }

    async fn answered(
        &self,
        callback: &Callback,
        login: &pending::Taken,
        now: Timestamp,
    ) -> Result<VerifiedIdentity, IdentityError> {
        if let Some(issuer) = &callback.issuer
            && issuer != self.0.provider.issuer()
        {
            // RFC 9207: the answer of another provider.
            return Err(TokenFault::Issuer.into());
        }
        let code = match &callback.answer {
            Answer::Code(code) => code,
            Answer::Error(error) => return Err(IdentityError::from_provider(error)),
        };
        let found = self.0.provider.discovered().await?;
        let tokens = self
            .0
            .provider
            .exchange(&found, code, &login.secrets)
            .await?;
        let nonce = ExpectedNonce::Exactly(login.secrets.nonce.clone());
        let principal = self
            .0
            .provider
            .identify(found, tokens, &nonce, &self.0.rules, now)
            .await?;
        self.vouch(principal, login.key.clone(), now)
    }

    fn vouch(
        &self,
        principal: Principal,
        key: KeyFingerprint,
        now: Timestamp,
    ) -> Result<VerifiedIdentity, IdentityError> {
        let until = SignedDuration::try_from(self.0.login_ttl)
            .ok()
            .and_then(|ttl| now.checked_add(ttl).ok())
            .ok_or_else(|| IdentityError::Misconfigured("`login_ttl` is too long".to_owned()))?;
        tracing::info!(name = %principal.name, subject = %principal.subject, %key, "signed in");
        Ok(VerifiedIdentity::vouched(
            principal,
            key,
            Evidence::IdToken,
            until,
        ))
    }

    fn waiting(&self) -> MutexGuard<'_, PendingLogins> {
        self.0
            .pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
