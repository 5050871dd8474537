//! The verification of an ID token, and of what userinfo adds to it. Everything that names a person passes here.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{CoreGenderClaim, CoreJsonWebKey, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessTokenHash, ClaimsVerificationError, IdTokenClaims, IdTokenVerifier, Nonce,
    OAuth2TokenResponse, SignatureVerificationError, TokenResponse, UserInfoClaims, UserInfoError,
};
use subtle::ConstantTimeEq;

use crate::domain::principal::{Principal, Subject};
use crate::identity::claims::{ClaimRules, Claims, Vouched};
use crate::identity::error::{IdentityError, ProviderFault, TokenFault};
use crate::identity::http::HttpError;
use crate::identity::provider::{Discovered, OtherClaims, Provider, Tokens};

/// How far ahead of ours the provider's clock may be.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The algorithms that prove the provider: those with a key only it has.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type TokenClaims = IdTokenClaims<OtherClaims, CoreGenderClaim>;

/// The nonce that the ID token has to carry.
pub(super) enum ExpectedNonce {
    /// The one of our authorization request.
    Exactly(Nonce),
    /// The device grant has none.
    NoneWasSent,
}

impl ExpectedNonce {
    fn check(&self, given: Option<&Nonce>) -> Result<(), String> {
        let fits = match (self, given) {
            (Self::NoneWasSent, _) => true,
            (Self::Exactly(_), None) => false,
            (Self::Exactly(expected), Some(given)) => expected
                .secret()
                .as_bytes()
                .ct_eq(given.secret().as_bytes())
                .into(),
        };
        if fits { Ok(()) } else { Err(String::new()) }
    }
}

impl Provider {
    /// Verifies the tokens and reads the person from them.
    pub(super) async fn identify(
        &self,
        found: Arc<Discovered>,
        tokens: Tokens,
        nonce: &ExpectedNonce,
        rules: &ClaimRules,
        now: Timestamp,
    ) -> Result<Principal, IdentityError> {
        let (found, claims) = self.verified(found, &tokens, nonce, now).await?;
        let mut known = Claims::of(claims)?;
        if rules.needs_userinfo(&known)
            && let Some(more) = self.userinfo(&found, &tokens, claims).await?
        {
            known.complete_from(more, rules);
        }
        rules.principal(&known, self.vouched(claims, now)?)
    }

    /// A key that we have not seen may be new: the provider is asked once more before the token is refused.
    async fn verified<'t>(
        &self,
        found: Arc<Discovered>,
        tokens: &'t Tokens,
        nonce: &ExpectedNonce,
        now: Timestamp,
    ) -> Result<(Arc<Discovered>, &'t TokenClaims), IdentityError> {
        match self.verify(&found, tokens, nonce, now) {
            Err(TokenFault::UnknownKey) => {
                let newer = self.rediscovered(&found).await?;
                let claims = self.verify(&newer, tokens, nonce, now)?;
                Ok((newer, claims))
            }
            verified => Ok((found, verified?)),
        }
    }

    fn verify<'t>(
        &self,
        found: &Discovered,
        tokens: &'t Tokens,
        nonce: &ExpectedNonce,
        now: Timestamp,
    ) -> Result<&'t TokenClaims, TokenFault> {
        let token = tokens.id_token().ok_or(TokenFault::Missing)?;
        let verifier = verifier(found);
        let claims = token
            .claims(&verifier, |given: Option<&Nonce>| nonce.check(given))
            .map_err(|error| {
                tracing::warn!(error = ?error, "an ID token was refused");
                token_fault(&error)
            })?;
        if time(claims.issue_time().timestamp())? > now.saturating_add(CLOCK_SKEW).unwrap_or(now) {
            return Err(TokenFault::FromTheFuture);
        }
        let party = claims.authorized_party();
        if party.is_some_and(|party| party != self.client_id())
            || (party.is_none() && claims.audiences().len() > 1)
        {
            return Err(TokenFault::Audience);
        }
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = token.signing_alg().map_err(|e| signature_fault(&e))?;
            let key = token
                .signing_key(&verifier)
                .map_err(|e| signature_fault(&e))?;
            let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)
                .map_err(|_| TokenFault::Algorithm)?;
            if actual != *expected {
                return Err(TokenFault::AccessToken);
            }
        }
        Ok(claims)
    }

    async fn userinfo(
        &self,
        found: &Discovered,
        tokens: &Tokens,
        claims: &TokenClaims,
    ) -> Result<Option<Claims>, IdentityError> {
        let subject = Some(claims.subject().clone());
        let access = tokens.access_token().clone();
        let Ok(request) = found.client.user_info(access, subject) else {
            return Ok(None);
        };
        let answer = request.request_async(&self.http).await;
        let more: UserInfoClaims<OtherClaims, CoreGenderClaim> = answer.map_err(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "userinfo was refused or did not answer"
            );
            userinfo_error(&error)
        })?;
        Claims::of(&more).map(Some)
    }

    fn vouched(&self, claims: &TokenClaims, now: Timestamp) -> Result<Vouched, TokenFault> {
        let proved = claims.auth_time().unwrap_or(claims.issue_time());
        let methods = claims.auth_method_refs().map(Vec::as_slice);
        Ok(Vouched {
            subject: Subject {
                issuer: self.issuer().to_owned(),
                subject: claims.subject().as_str().to_owned(),
            },
            acr: claims.auth_context_ref().map(|acr| acr.as_str().to_owned()),
            amr: methods
                .into_iter()
                .flatten()
                .map(|m| m.as_str().to_owned())
                .collect(),
            // A time in the future would pass as fresh for ever.
            authenticated_at: time(proved.timestamp())?.min(now),
        })
    }
}

fn verifier(found: &Discovered) -> IdTokenVerifier<'_, CoreJsonWebKey> {
    let offered = ALGORITHMS
        .into_iter()
        .filter(|one| found.algorithms.contains(one));
    found
        .client
        .id_token_verifier()
        .set_allowed_algs(offered)
        // Further audiences are allowed by the specification when `azp` names us, which is checked after this.
        .set_other_audience_verifier_fn(|_| true)
}

fn time(seconds: i64) -> Result<Timestamp, TokenFault> {
    Timestamp::from_second(seconds).map_err(|_| TokenFault::Malformed)
}

fn token_fault(error: &ClaimsVerificationError) -> TokenFault {
    match error {
        ClaimsVerificationError::Expired(_) => TokenFault::Expired,
        ClaimsVerificationError::InvalidAudience(_) => TokenFault::Audience,
        ClaimsVerificationError::InvalidIssuer(_) => TokenFault::Issuer,
        ClaimsVerificationError::InvalidNonce(_) => TokenFault::Nonce,
        ClaimsVerificationError::SignatureVerification(error) => signature_fault(error),
        // The library's enum may grow: whatever it adds is a refusal.
        _ => TokenFault::Malformed,
    }
}

fn signature_fault(error: &SignatureVerificationError) -> TokenFault {
    match error {
        SignatureVerificationError::NoMatchingKey => TokenFault::UnknownKey,
        SignatureVerificationError::DisallowedAlg(_)
        | SignatureVerificationError::UnsupportedAlg(_)
        | SignatureVerificationError::NoSignature => TokenFault::Algorithm,
        // The library's enum may grow: whatever it adds is a refusal.
        _ => TokenFault::Signature,
    }
}

fn userinfo_error(error: &UserInfoError<HttpError>) -> IdentityError {
    match error {
        UserInfoError::ClaimsVerification(_) => TokenFault::UserInfo.into(),
        UserInfoError::Request(error) => error.fault().into(),
        UserInfoError::Response(status, _, _) => ProviderFault::Status(status.as_u16()).into(),
        // The library's enum may grow: whatever it adds is an answer we cannot use.
        _ => ProviderFault::Nonsense.into(),
    }
}
