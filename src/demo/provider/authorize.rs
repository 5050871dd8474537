//! The authorization endpoint: checks the client's question, asks who signs in, and sends the code back.
//!
//! Invariant: nobody is redirected before the client and the redirect address were compared exactly (RFC 9700).

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use openidconnect::{Nonce, RedirectUrl};
use serde::Deserialize;
use tokio::time::Instant;

use crate::demo::provider::signer::SignIn;
use crate::demo::provider::{Provider, discovery, fresh_code, page};

/// The length of a SHA-256 digest in base64url, which is what an S256 challenge is.
const CHALLENGE_LENGTH: usize = 43;

/// What an authorization code stands for.
pub(super) struct CodeGrant {
    pub(super) sign_in: SignIn,
    pub(super) redirect: RedirectUrl,
    pub(super) challenge: String,
}

/// The question as it came, and the answer of the form that repeats it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
    prompt: Option<String>,
    login_hint: Option<String>,
    person: Option<String>,
    cancel: Option<String>,
}

/// Why a question gets no code.
enum Refusal {
    /// The client is not to be trusted with a redirect: the person is told.
    Told(&'static str),
    /// The client is told by redirect (RFC 6749, section 4.1.2.1).
    Returned(Box<RedirectUrl>, &'static str, &'static str),
}

impl Asked {
    /// Compares the question with what the client may ask.
    fn check(&self, provider: &Provider) -> Result<RedirectUrl, Refusal> {
        if self.client_id != provider.settings.client_id.as_str() {
            return Err(Refusal::Told(
                "The application is not known here (client_id).",
            ));
        }
        let mut redirects = provider.settings.redirect_urls.iter();
        let Some(redirect) = redirects.find(|redirect| redirect.as_str() == self.redirect_uri)
        else {
            return Err(Refusal::Told(
                "The application's return address is not known here (redirect_uri).",
            ));
        };
        let refuse = |error, text| Err(Refusal::Returned(Box::new(redirect.clone()), error, text));
        if self.response_type != "code" {
            return refuse(
                "unsupported_response_type",
                "only the code flow is spoken here",
            );
        }
        if !self.scope.split(' ').any(|scope| scope == "openid") {
            return refuse("invalid_scope", "the scope openid is missing");
        }
        if self.code_challenge_method != "S256" || self.code_challenge.len() != CHALLENGE_LENGTH {
            return refuse("invalid_request", "a PKCE challenge with S256 is needed");
        }
        if self.prompt.as_deref() == Some("none") {
            return refuse("login_required", "every sign-in needs a click here");
        }
        Ok(redirect.clone())
    }

    fn hidden(&self) -> page::Hidden<'_> {
        let optional = [("state", &self.state), ("nonce", &self.nonce)];
        let optional = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let required = [
            ("response_type", self.response_type.as_str()),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
        ];
        required.into_iter().chain(optional).collect()
    }
}

pub(super) async fn welcome(State(provider): State<Arc<Provider>>) -> Response {
    page::welcome(&provider.people(None))
}

/// Shows who can sign in.
pub(super) async fn ask(
    State(provider): State<Arc<Provider>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else {
        return unreadable();
    };
    match asked.check(&provider) {
        Ok(_) => page::choose(
            "An application asks who you are. Choose anyone.",
            discovery::AUTHORIZE,
            &asked.hidden(),
            &provider.people(asked.login_hint.as_deref()),
        ),
        Err(refusal) => refuse(refusal, asked.state.as_deref()),
    }
}

/// Takes the click and sends the browser back with a code.
pub(super) async fn answer(
    State(provider): State<Arc<Provider>>,
    asked: Result<Form<Asked>, FormRejection>,
) -> Response {
    let Ok(Form(asked)) = asked else {
        return unreadable();
    };
    let answered = asked
        .check(&provider)
        .and_then(|redirect| grant(&provider, &asked, redirect));
    match answered {
        Ok((redirect, code)) => send_back(&redirect, &[("code", &code)], asked.state.as_deref()),
        Err(refusal) => refuse(refusal, asked.state.as_deref()),
    }
}

fn grant(
    provider: &Provider,
    asked: &Asked,
    redirect: RedirectUrl,
) -> Result<(RedirectUrl, String), Refusal> {
    if asked.cancel.is_some() {
        return Err(Refusal::Returned(
            Box::new(redirect),
            "access_denied",
            "the person cancelled",
        ));
    }
    let Some(person) = asked
        .person
        .as_deref()
        .and_then(|name| provider.person(name))
    else {
        return Err(Refusal::Told("There is nobody of that name in the demo."));
    };
    let Some(code) = fresh_code() else {
        return Err(Refusal::Returned(
            Box::new(redirect),
            "server_error",
            "there is no randomness",
        ));
    };
    let grant = CodeGrant {
        sign_in: SignIn {
            person: person.clone(),
            at: SystemTime::now(),
            nonce: asked.nonce.clone().map(Nonce::new),
        },
        redirect: redirect.clone(),
        challenge: asked.code_challenge.clone(),
    };
    match provider
        .open()
        .codes
        .insert(code.secret().clone(), grant, Instant::now())
    {
        Ok(()) => Ok((redirect, code.secret().clone())),
        Err(_full) => Err(Refusal::Returned(
            Box::new(redirect),
            "temporarily_unavailable",
            "too many sign-ins are under way",
        )),
    }
}

fn refuse(refusal: Refusal, state: Option<&str>) -> Response {
    match refusal {
        Refusal::Told(text) => page::message(StatusCode::BAD_REQUEST, "This did not work", text),
        Refusal::Returned(redirect, error, text) => {
            let answer = [("error", error), ("error_description", text)];
            send_back(&redirect, &answer, state)
        }
    }
}

fn send_back(redirect: &RedirectUrl, answer: &[(&str, &str)], state: Option<&str>) -> Response {
    let mut back = redirect.url().clone();
    back.query_pairs_mut()
        .extend_pairs(answer)
        .extend_pairs(state.map(|state| ("state", state)));
    Redirect::to(back.as_str()).into_response()
}

fn unreadable() -> Response {
    let text = "The question could not be read.";
    page::message(StatusCode::BAD_REQUEST, "This did not work", text)
}
