//! The pages and their forms.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::id::LoginCode;
use crate::identity::{BrowserSecret, Callback, Identity, IdentityError, PendingView};
use crate::web::WebSettings;
use crate::web::html::{Frame, escaped};
use crate::web::limit::Guesses;
use crate::web::listener::Peer;

/// Longest text that is looked at as a code, in bytes.
const CODE_BYTES: usize = 64;

/// What all pages share.
pub(super) struct Site {
    settings: WebSettings,
    identity: Identity,
    frame: Frame,
    guesses: Mutex<Guesses>,
}

type Shared = State<Arc<Site>>;

/// A form that only our own page in the same browser can send.
#[derive(Deserialize)]
pub(super) struct Confirmation {
    confirmation: String,
}

#[derive(Deserialize)]
pub(super) struct Entered {
    code: Option<String>,
}

/// What is this?
pub(super) async fn home(State(site): Shared) -> Response {
    let host = escaped(&site.settings.ssh_host);
    let command = match site.settings.ssh_port {
        22 => format!("ssh {host}"),
        port => format!("ssh -p {port} {host}"),
    };
    let body = format!(
        "<p>This is an SSH bastion. Connect from your terminal; it shows you a link to sign in:</p>\
         <pre>{command}</pre>\
         <p>Your terminal shows a code already? <a href=\"/login\">Enter it here.</a></p>"
    );
    site.frame
        .page("Sign in from your terminal", &body)
        .into_response()
}

/// For load balancers.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Anything else.
pub(super) async fn nowhere(State(site): Shared) -> Response {
    let body = "<p>There is nothing here. <a href=\"/\">What is this?</a></p>";
    (StatusCode::NOT_FOUND, site.frame.page("Not found", body)).into_response()
}

/// Where the code is typed by hand.
pub(super) async fn enter(State(site): Shared, Query(entered): Query<Entered>) -> Response {
    let typed = entered.code.filter(|typed| typed.len() <= CODE_BYTES);
    let again = match typed.map(|typed| typed.trim().parse::<LoginCode>()) {
        Some(Ok(code)) => return Redirect::to(&format!("/login/{code}")).into_response(),
        Some(Err(_)) => {
            "<p class=\"care\" role=\"alert\">A code has eight letters and digits, such as QX7K-29MD.</p>"
        }
        None => "",
    };
    let body = format!(
        "{again}<form method=\"get\" action=\"/login\"><label for=\"code\">The code that your terminal shows</label>\
         <input type=\"text\" id=\"code\" name=\"code\" maxlength=\"16\" autocomplete=\"off\" autocapitalize=\"characters\" \
         spellcheck=\"false\" autofocus required> <button type=\"submit\">Continue</button></form>"
    );
    site.frame.page("Enter your code", &body).into_response()
}

/// Shows what a terminal asks for, and asks the person whether they are the one.
pub(super) async fn confirm(
    State(site): Shared,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Response {
    let view = match site.waiting(&code, peer) {
        Ok(view) => view,
        Err(refused) => return *refused,
    };
    let browser = match site.cookie(&headers).map_or_else(BrowserSecret::random, Ok) {
        Ok(browser) => browser,
        Err(error) => return site.failed(&error),
    };
    let page = site.frame.page("Is this you?", &question(&view, &browser));
    match HeaderValue::from_str(&site.set_cookie(&browser)) {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], page).into_response(),
        Err(_) => site.failed(&IdentityError::Interrupted),
    }
}

/// The person is the one: on to the provider.
pub(super) async fn confirmed(
    State(site): Shared,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(code): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Confirmation>, FormRejection>,
) -> Response {
    let (view, browser) = match site.sent_by_our_page(&code, peer, &headers, form) {
        Ok(sent) => sent,
        Err(refused) => return *refused,
    };
    let now = Timestamp::now();
    match site.identity.authorize(&view.code, &browser, now).await {
        Ok(url) => Redirect::to(url.as_str()).into_response(),
        Err(error) => site.failed(&error),
    }
}

/// The person is not the one.
pub(super) async fn denied(
    State(site): Shared,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(code): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Confirmation>, FormRejection>,
) -> Response {
    let view = match site.sent_by_our_page(&code, peer, &headers, form) {
        Ok((view, _)) => view,
        Err(refused) => return *refused,
    };
    if let Err(error) = site.identity.deny(&view.code, Timestamp::now()) {
        return site.failed(&error);
    }
    let body = "<p>The terminal was turned away and nothing was granted. If somebody sent you the link, \
                tell your security team: they wanted to sign in as you.</p>";
    site.frame.page("Turned away", body).into_response()
}

/// The provider sent the browser back.
pub(super) async fn callback(
    State(site): Shared,
    headers: HeaderMap,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Response {
    let pairs = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let callback = match Callback::new(pairs) {
        Ok(callback) => callback,
        Err(error) => return site.failed(&error),
    };
    let browser = site.cookie(&headers);
    match site
        .identity
        .callback(callback, browser.as_ref(), Timestamp::now())
        .await
    {
        Ok(name) => {
            let body = format!(
                "<p>You are signed in as <strong>{}</strong>. Go back to your terminal; you can close this page.</p>",
                escaped(name.as_str())
            );
            site.frame.page("You are signed in", &body).into_response()
        }
        Err(error) => site.failed(&error),
    }
}

impl Site {
    pub(super) fn new(settings: WebSettings, identity: Identity, frame: Frame) -> Self {
        Self {
            settings,
            identity,
            frame,
            guesses: Mutex::default(),
        }
    }

    /// The sign-in that waits under the code; a wrong code counts as a guess.
    fn waiting(&self, code: &str, peer: Peer) -> Result<PendingView, Box<Response>> {
        let (source, now) = (peer.0.ip(), Instant::now());
        if !self.guesses().may_try(source, now) {
            let body =
                "<p>Too many wrong codes came from your network. Wait a minute and try again.</p>";
            let page = self.frame.page("Please wait", body);
            let wait = [(header::RETRY_AFTER, "60")];
            return Err(Box::new(
                (StatusCode::TOO_MANY_REQUESTS, wait, page).into_response(),
            ));
        }
        let code = Some(code).filter(|code| code.len() <= CODE_BYTES);
        let code = code.and_then(|code| code.parse::<LoginCode>().ok());
        let view = code.and_then(|code| self.identity.pending(&code, Timestamp::now()));
        view.ok_or_else(|| {
            self.guesses().wrong(source, now);
            Box::new(self.failed(&IdentityError::UnknownSignIn))
        })
    }

    /// Refuses forms that another site made the browser send: its person has not seen our question.
    fn sent_by_our_page(
        &self,
        code: &str,
        peer: Peer,
        headers: &HeaderMap,
        form: Result<Form<Confirmation>, FormRejection>,
    ) -> Result<(PendingView, BrowserSecret), Box<Response>> {
        let view = self.waiting(code, peer)?;
        let from = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let ours = from.is_none_or(|from| from == b"same-origin");
        let browser = self.cookie(headers);
        match (form, browser) {
            (Ok(Form(form)), Some(browser))
                if ours && browser.confirms(&view.code, &form.confirmation) =>
            {
                Ok((view, browser))
            }
            (Ok(_) | Err(_), _) => {
                let body = "<p>The form did not come from our page in this browser. Open the link from your terminal \
                            again, and allow cookies for this address.</p>";
                let page = self.frame.page("Please open the link again", body);
                Err(Box::new((StatusCode::FORBIDDEN, page).into_response()))
            }
        }
    }

    /// The page for what went wrong.
    fn failed(&self, error: &IdentityError) -> Response {
        let status = status(error);
        let title = match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => "This code is not valid",
            StatusCode::FORBIDDEN => "Nothing was granted",
            _ => "The sign-in failed",
        };
        let body = format!(
            "<p role=\"alert\">{}.</p>",
            escaped(&sentence(&error.to_string()))
        );
        (status, self.frame.page(title, &body)).into_response()
    }

    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With `__Host-` no other host, not even a sibling, can plant a secret of its own.
    fn cookie_name(&self) -> &'static str {
        match self.settings.public_url.scheme() {
            "https" => "__Host-countersign",
            _ => "countersign",
        }
    }

    fn cookie(&self, headers: &HeaderMap) -> Option<BrowserSecret> {
        let fields = headers.get_all(header::COOKIE).iter();
        let pairs = fields
            .filter_map(|field| field.to_str().ok())
            .flat_map(|field| field.split(';'));
        let mut values = pairs.filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.cookie_name()).then_some(value)
        });
        values.next()?.parse().ok()
    }

    fn set_cookie(&self, browser: &BrowserSecret) -> String {
        let secure = match self.settings.public_url.scheme() {
            "https" => "; Secure",
            _ => "",
        };
        let (name, value) = (self.cookie_name(), browser.expose());
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
    }
}

fn question(view: &PendingView, browser: &BrowserSecret) -> String {
    let (code, source, key) = (&view.code, view.source, escaped(view.key.as_str()));
    let confirmation = browser.confirmation(code);
    let until = view.expires.strftime("%H:%M UTC");
    let form = |action: &str, button: &str| {
        format!(
            "<form method=\"post\" action=\"{action}\"><input type=\"hidden\" name=\"confirmation\" \
             value=\"{confirmation}\">{button}</form>"
        )
    };
    let yes = form(
        &format!("/login/{code}"),
        "<button type=\"submit\">Continue</button>",
    );
    let no = form(
        &format!("/login/{code}/deny"),
        "<button type=\"submit\" class=\"quiet\">This was not me</button>",
    );
    format!(
        "<p>A terminal asks to sign in as you. It shows this code:</p><p class=\"code\">{code}</p>\
         <dl><dt>Connected from</dt><dd>{source}</dd><dt>SSH key</dt><dd>{key}</dd><dt>Valid until</dt><dd>{until}</dd></dl>\
         <p class=\"care\">Only continue if you started this yourself in your own terminal and the code matches. \
         Whoever sees this code in their terminal will act as you.</p>{yes}{no}"
    )
}

/// The status that fits an error; whose fault it is decides.
fn status(error: &IdentityError) -> StatusCode {
    match error {
        IdentityError::UnknownSignIn => StatusCode::NOT_FOUND,
        IdentityError::Expired | IdentityError::TerminalGone => StatusCode::GONE,
        IdentityError::Denied
        | IdentityError::NotMe
        | IdentityError::OtherBrowser
        | IdentityError::EmailUnverified
        | IdentityError::NoName(_)
        | IdentityError::InvalidName(_)
        | IdentityError::GroupsWithheld
        | IdentityError::TooManyGroups(_) => StatusCode::FORBIDDEN,
        IdentityError::TooManyWaiting => StatusCode::SERVICE_UNAVAILABLE,
        IdentityError::Provider(_)
        | IdentityError::Refused(_)
        | IdentityError::NoDeviceGrant
        | IdentityError::Token(_) => StatusCode::BAD_GATEWAY,
        IdentityError::Interrupted
        | IdentityError::Misconfigured(_)
        | IdentityError::NoRandomness => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A message as a page begins it.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
