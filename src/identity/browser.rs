//! The browser's part: the secret that ties a sign-in to one browser, and what comes back through it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::domain::id::LoginCode;
use crate::identity::error::IdentityError;

/// Bytes of a browser's secret.
const SECRET_BYTES: usize = 32;

/// Longest value that is taken from the provider's redirect; Entra ID's codes have about 1.5 KiB.
const PARAMETER_BYTES: usize = 8 * 1024;

/// A random value in one browser's cookie. It confirms forms (they cannot be sent from elsewhere) and callbacks
/// (nobody else can finish a sign-in that this browser confirmed).
#[derive(Clone)]
pub struct BrowserSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl BrowserSecret {
    /// A new secret.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        rand::fill(bytes.as_mut()).map_err(|_| IdentityError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// The cookie's value.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_ref())
    }

    /// What a form for this code has to carry when this browser sends it.
    pub fn confirmation(&self, code: &LoginCode) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_ref());
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, code.to_string().as_bytes()))
    }

    /// Whether the form for this code was made for this browser.
    pub fn confirms(&self, code: &LoginCode, given: &str) -> bool {
        let expected = self.confirmation(code);
        expected.as_bytes().ct_eq(given.as_bytes()).into()
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl FromStr for BrowserSecret {
    type Err = IdentityError;
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        match URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut()) {
            Ok(SECRET_BYTES) => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(IdentityError::OtherBrowser),
        }
    }
}

impl fmt::Debug for BrowserSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserSecret(…)")
    }
}

/// What the provider sent back through the browser.
pub struct Callback {
    pub(super) state: String,
    pub(super) answer: Answer,
    pub(super) issuer: Option<String>,
}

/// The provider's answer.
pub(super) enum Answer {
    /// A code to exchange for tokens.
    Code(Zeroizing<String>),
    /// The provider's error code.
    Error(String),
}

impl Callback {
    /// Reads the parameters of the redirect (RFC 6749 4.1.2, RFC 9207).
    ///
    /// # Errors
    /// When there is no state, or neither a code nor an error, or one of them is too long.
    pub fn new<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, IdentityError> {
        let (mut state, mut code, mut error, mut issuer) = (None, None, None, None);
        for (name, value) in parameters {
            let slot = match name {
                "state" => &mut state,
                "code" => &mut code,
                "error" => &mut error,
                "iss" => &mut issuer,
                _ => continue,
            };
            if value.len() > PARAMETER_BYTES || slot.replace(value).is_some() {
                return Err(IdentityError::UnknownSignIn);
            }
        }
        let answer = match (error, code) {
            (Some(error), _) => Answer::Error(error.to_owned()),
            (None, Some(code)) => Answer::Code(Zeroizing::new(code.to_owned())),
            (None, None) => return Err(IdentityError::UnknownSignIn),
        };
        Ok(Self {
            state: state.ok_or(IdentityError::UnknownSignIn)?.to_owned(),
            answer,
            issuer: issuer.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_made_for_one_browser_and_code_confirms_no_other() {
        let (mine, theirs) = (
            BrowserSecret::random().unwrap(),
            BrowserSecret::random().unwrap(),
        );
        let (code, other) = (LoginCode::new(1), LoginCode::new(2));
        let confirmation = mine.confirmation(&code);
        assert!(mine.confirms(&code, &confirmation));
        assert!(!mine.confirms(&other, &confirmation));
        assert!(!theirs.confirms(&code, &confirmation));
        assert!(!mine.confirms(&code, ""));
    }

    #[test]
    fn a_cookie_reads_back_as_the_same_secret_and_never_shows_in_a_log() {
        let secret = BrowserSecret::random().unwrap();
        assert!(
            secret
                .expose()
                .parse::<BrowserSecret>()
                .unwrap()
                .is(&secret)
        );
        assert!(!format!("{secret:?}").contains(&secret.expose()));
    }

    #[test]
    fn a_callback_needs_a_state_and_one_answer() {
        let read = |parameters: &[(&'static str, &'static str)]| {
            Callback::new(parameters.iter().copied()).is_ok()
        };
        assert!(read(&[("state", "s"), ("code", "c")]));
        assert!(read(&[
            ("state", "s"),
            ("error", "access_denied"),
            ("session_state", "x")
        ]));
        assert!(!read(&[("code", "c")]));
        assert!(!read(&[("state", "s")]));
        assert!(!read(&[("state", "s"), ("state", "t"), ("code", "c")]));
    }

    proptest! {
        #[test]
        fn any_cookie_text_is_a_secret_or_refused(text in ".{0,64}") {
            if let Ok(secret) = text.parse::<BrowserSecret>() {
                prop_assert_eq!(secret.expose(), text);
            }
        }
    }
}
