//! The two ways to begin a sign-in: a link to our own page, or the provider's page and code (RFC 8628).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use jiff::{SignedDuration, Timestamp};
use openidconnect::EndpointSet;
use openidconnect::core::CoreDeviceAuthorizationResponse;
use tokio_util::task::AbortOnDropHandle;

use crate::domain::id::LoginCode;
use crate::domain::principal::KeyFingerprint;
use crate::identity::Identity;
use crate::identity::error::{IdentityError, ProviderFault};
use crate::identity::pending::Outcome;
use crate::identity::provider::{Discovered, OidcClient, token_error};
use crate::identity::sign_in::SignIn;
use crate::identity::token::ExpectedNonce;

/// Sign-ins by the device grant that may wait at once.
pub(super) const MAX_DEVICE_SIGN_INS: usize = 256;

/// The device grant is never polled faster than this, even if the provider says so.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// A provider that wants longer intervals than this makes no sense for a terminal.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// How far polling slows down while the provider is in trouble.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);

/// Longest code or link of the provider that a terminal is shown.
const SHOWN_BYTES: usize = 512;

impl Identity {
    pub(super) fn begin_browser(
        &self,
        key: KeyFingerprint,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<SignIn, IdentityError> {
        let mut random = [0; 8];
        rand::fill(&mut random).map_err(|_| IdentityError::NoRandomness)?;
        let code = LoginCode::new(u64::from_ne_bytes(random));
        let ttl = self.0.sign_in_ttl;
        let expires = SignedDuration::try_from(ttl)
            .ok()
            .and_then(|ttl| now.checked_add(ttl).ok())
            .ok_or_else(|| IdentityError::Misconfigured("`sign_in_ttl` is too long".to_owned()))?;
        let link = self
            .0
            .public_url
            .join(&format!("/login/{code}"))
            .map_err(|error| IdentityError::Misconfigured(format!("`public_url`: {error}")))?;
        let instructions = format!(
            "Sign in: {link}\n  The page must show this code, {code}, and your key {key}.\n  The code is valid for {}.",
            spoken(ttl)
        );
        let outcome = self.waiting().open(code, source, key, expires, now)?;
        Ok(SignIn::browser(instructions, outcome, ttl))
    }

    pub(super) async fn begin_device(
        &self,
        found: Arc<Discovered>,
        key: KeyFingerprint,
    ) -> Result<SignIn, IdentityError> {
        let client = found.device_client()?;
        let seats = Arc::clone(&self.0.device_sign_ins);
        let seat = seats
            .try_acquire_owned()
            .map_err(|_| IdentityError::TooManyWaiting)?;
        let provider = &self.0.provider;
        let details: CoreDeviceAuthorizationResponse = client
            .exchange_device_code()
            .add_scopes(provider.scopes())
            .request_async(&provider.http)
            .await
            .map_err(|error| token_error(&error))?;
        if details.interval() > LONGEST_INTERVAL {
            tracing::warn!(interval = ?details.interval(), "the device grant wants to be polled too slowly");
            return Err(ProviderFault::Nonsense.into());
        }
        provider.expects_tls(details.verification_uri().url())?;
        let ttl = self.0.sign_in_ttl.min(details.expires_in());
        let instructions = device_instructions(&details, &key, ttl)?;
        let polling = self.clone().poll(found, client, details, key, ttl);
        let task = tokio::spawn(async move {
            let _seat = seat;
            polling.await
        });
        Ok(SignIn::device(instructions, AbortOnDropHandle::new(task)))
    }

    /// The library's loop keeps the interval, slows down when told so, and backs off when the provider is in trouble.
    async fn poll(
        self,
        found: Arc<Discovered>,
        client: OidcClient<EndpointSet>,
        details: CoreDeviceAuthorizationResponse,
        key: KeyFingerprint,
        ttl: Duration,
    ) -> Outcome {
        let provider = &self.0.provider;
        let pause = |interval: Duration| tokio::time::sleep(interval.max(SHORTEST_INTERVAL));
        let polling = client
            .exchange_device_access_token(&details)
            .map_err(|_| ProviderFault::Nonsense)?
            .set_max_backoff_interval(LONGEST_BACKOFF)
            .request_async(&provider.http, pause, Some(ttl));
        // The library looks at the time only before it asks; a slow answer must not prolong the sign-in.
        let tokens = tokio::time::timeout(ttl, polling)
            .await
            .map_err(|_| IdentityError::Expired)?
            .map_err(|error| token_error(&error))?;
        let now = Timestamp::now();
        let nonce = ExpectedNonce::NoneWasSent;
        let principal = provider
            .identify(found, tokens, &nonce, &self.0.rules, now)
            .await?;
        self.vouch(principal, key, now)
    }
}

fn device_instructions(
    details: &CoreDeviceAuthorizationResponse,
    key: &KeyFingerprint,
    ttl: Duration,
) -> Result<String, IdentityError> {
    let page = details.verification_uri().as_str();
    let link = match details.verification_uri_complete() {
        Some(complete) => complete.secret(),
        None => page,
    };
    let code = details.user_code().secret();
    // They go to a terminal: neither may hold an escape sequence.
    let shown =
        |text: &str| (1..=SHOWN_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    if !shown(link) || !shown(code) {
        return Err(ProviderFault::Nonsense.into());
    }
    Ok(format!(
        "Sign in: {link}\n  The page must show this code: {code}\n  It signs in your key {key} and is valid for {}.",
        spoken(ttl)
    ))
}

fn spoken(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(json: serde_json::Value) -> CoreDeviceAuthorizationResponse {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_terminal_is_told_the_page_the_code_the_key_and_the_time() {
        let key = KeyFingerprint::new("SHA256:abc".to_owned());
        let details = details(serde_json::json!({
            "device_code": "secret", "user_code": "ABCD-EFGH", "expires_in": 600,
            "verification_uri": "https://id.test/device",
        }));
        let text = device_instructions(&details, &key, Duration::from_secs(300)).unwrap();
        for part in [
            "https://id.test/device",
            "ABCD-EFGH",
            "SHA256:abc",
            "5 minutes",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_code_or_link_with_an_escape_sequence_is_not_shown() {
        let key = KeyFingerprint::new("SHA256:abc".to_owned());
        for (code, link) in [
            ("A\u{1b}[2J", "https://id.test/x"),
            ("A", "https://id.test/\u{7}"),
            ("", "https://id.test/"),
        ] {
            let details = details(serde_json::json!({
                "device_code": "d", "user_code": code, "expires_in": 600,
                "verification_uri": "https://id.test/device", "verification_uri_complete": link,
            }));
            let told = device_instructions(&details, &key, Duration::from_secs(300));
            assert_eq!(told, Err(ProviderFault::Nonsense.into()));
        }
    }
}
