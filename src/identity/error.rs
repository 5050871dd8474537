//! What can go wrong with a sign-in, in words for the person in the terminal: what happened and what to do next.
//!
//! No message carries a code, token or secret, nor text that the provider or a browser may choose freely: it goes to a
//! terminal. Details are traced for operators.

use crate::domain::name::NameError;

/// Why a sign-in failed. Nothing was granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The person said no at the provider, or the provider refuses them.
    #[error("the sign-in was denied at the identity provider; connect again if that was a mistake")]
    Denied,
    /// The person pressed “this was not me”.
    #[error(
        "the sign-in was turned away in the browser as “this was not me”; connect again if it was you"
    )]
    NotMe,
    /// Nobody signed in while there was time.
    #[error("nobody signed in in time; connect again for a new code")]
    Expired,
    /// No sign-in waits under that code or state.
    #[error("this sign-in is unknown, finished or has expired; connect again for a new code")]
    UnknownSignIn,
    /// The browser that came back is not the one that confirmed the code.
    #[error(
        "the sign-in came back in another browser than the one that confirmed it; connect again and use one browser, with cookies"
    )]
    OtherBrowser,
    /// The terminal is not there any more.
    #[error("the terminal that asked for this sign-in is gone; connect again")]
    TerminalGone,
    /// The exchange with the provider was cut off.
    #[error("the sign-in was interrupted; connect again")]
    Interrupted,
    /// Too many sign-ins wait already.
    #[error("too many sign-ins are waiting; try again in a minute")]
    TooManyWaiting,
    /// The provider did not answer as it should.
    #[error("{0}; try again, and tell your administrator if it goes on")]
    Provider(#[from] ProviderFault),
    /// The provider refuses us or our request.
    #[error("the identity provider refused the sign-in (`{0}`); tell your administrator")]
    Refused(ErrorCode),
    /// The provider has no device grant.
    #[error(
        "the identity provider offers no device sign-in; tell your administrator to set `method = \"browser\"`"
    )]
    NoDeviceGrant,
    /// The ID token did not pass.
    #[error(
        "the identity provider's token was refused: {0}; connect again, and tell your administrator if it goes on"
    )]
    Token(#[from] TokenFault),
    /// The e-mail address is not verified.
    #[error(
        "your e-mail address is not verified at the identity provider; verify it there, then connect again"
    )]
    EmailUnverified,
    /// The claim that names people is missing.
    #[error("the identity provider did not send your name (`{0}`); tell your administrator")]
    NoName(String),
    /// The claim that names people cannot be a name.
    #[error("{0}; tell your administrator")]
    InvalidName(#[from] NameError),
    /// The provider knows groups but did not send them.
    #[error(
        "the identity provider did not send your groups because they are too many; tell your administrator"
    )]
    GroupsWithheld,
    /// More groups than we take.
    #[error(
        "you are in more than {0} groups; tell your administrator to send only those that matter here"
    )]
    TooManyGroups(usize),
    /// The configuration cannot work.
    #[error("the sign-in is not configured well: {0}")]
    Misconfigured(String),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes; tell your administrator")]
    NoRandomness,
}

/// How the provider failed us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFault {
    /// No connection, or it broke.
    #[error("the identity provider cannot be reached")]
    Unreachable,
    /// An answer that says that it is in trouble.
    #[error("the identity provider is in trouble (it answered with status {0})")]
    Status(u16),
    /// An answer that is not what the protocol says.
    #[error("the identity provider's answer could not be understood")]
    Nonsense,
    /// The discovery document is of another issuer.
    #[error(
        "the identity provider calls itself by another name than `issuer` in our configuration"
    )]
    OtherIssuer,
}

/// What was wrong with an ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// There was none.
    #[error("there is no ID token in the answer")]
    Missing,
    /// The signature is wrong, or missing.
    #[error("its signature is not valid")]
    Signature,
    /// Signed with a key that the provider does not publish.
    #[error("it is signed with a key that the provider does not publish")]
    UnknownKey,
    /// Signed in a way we don't take.
    #[error("it is not signed with an algorithm that proves the provider")]
    Algorithm,
    /// From another issuer.
    #[error("it comes from another issuer")]
    Issuer,
    /// For another application.
    #[error("it was made for another application (wrong audience)")]
    Audience,
    /// Not the answer to this sign-in.
    #[error("it does not belong to this sign-in (wrong nonce)")]
    Nonce,
    /// Too old.
    #[error("it has expired; the clocks may differ")]
    Expired,
    /// Issued in the future.
    #[error("it was issued in the future; the clocks differ")]
    FromTheFuture,
    /// Does not fit the access token that came with it.
    #[error("it does not belong to the access token")]
    AccessToken,
    /// The userinfo answer is about somebody else, or not valid.
    #[error("the userinfo answer is not about the same person")]
    UserInfo,
    /// Anything else.
    #[error("it is malformed")]
    Malformed,
}

/// An OAuth error code (RFC 6749 5.2), cut down to what its grammar allows us to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCode(String);

/// Longest error code that is shown.
const ERROR_CODE_BYTES: usize = 64;

impl ErrorCode {
    pub(super) fn new(text: &str) -> Self {
        let shown = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        Self(text.chars().filter(shown).take(ERROR_CODE_BYTES).collect())
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl IdentityError {
    /// The error that the provider's own error code stands for.
    pub(super) fn from_provider(code: &str) -> Self {
        match code {
            "access_denied" => Self::Denied,
            "expired_token" => Self::Expired,
            "server_error" => ProviderFault::Status(500).into(),
            "temporarily_unavailable" => ProviderFault::Status(503).into(),
            other => Self::Refused(ErrorCode::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_providers_error_codes_become_what_they_mean() {
        assert_eq!(
            IdentityError::from_provider("access_denied"),
            IdentityError::Denied
        );
        assert_eq!(
            IdentityError::from_provider("expired_token"),
            IdentityError::Expired
        );
        let refused = IdentityError::from_provider("invalid_client").to_string();
        assert!(refused.contains("`invalid_client`"), "{refused}");
    }

    proptest! {
        #[test]
        fn no_error_code_can_write_escapes_to_a_terminal(code in ".*") {
            let message = IdentityError::from_provider(&code).to_string();
            prop_assert!(!message.chars().any(char::is_control));
            prop_assert!(message.len() < 300);
        }
    }
}
