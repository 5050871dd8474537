//! The device grant (RFC 8628): codes that wait for a click, how often they may be asked for, and the page.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use openidconnect::DeviceCode;
use serde::Deserialize;
use tokio::time::Instant;

use crate::demo::provider::expiring::{Expiring, Full};
use crate::demo::provider::signer::SignIn;
use crate::demo::provider::{DemoPerson, Provider, discovery, page};
use crate::domain::id::LoginCode;

/// How long a device code waits for its person.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);
/// How long it is remembered after that, so that the client hears `expired_token`.
const MEMORY: Duration = Duration::from_secs(600);
/// How often the client may ask; short, because the demo should feel quick.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// What RFC 8628, section 3.5, has added to the interval by each `slow_down`.
const SLOWER: Duration = Duration::from_secs(5);

/// What the client's question for a token meets.
#[derive(Debug)]
pub(super) enum Poll {
    /// Nobody has clicked yet.
    Pending,
    /// It asks too often.
    SlowDown,
    /// The person cancelled.
    Denied,
    /// The code's time is over.
    Expired,
    /// There is no such code, or it was used.
    Unknown,
    /// The person signed in.
    SignedIn(SignIn),
}

/// How the person answered.
enum Answer {
    Waiting,
    Denied,
    SignedIn(Box<DemoPerson>, SystemTime),
}

struct DeviceGrant {
    ends: Instant,
    interval: Duration,
    last_asked: Option<Instant>,
    answer: Answer,
}

/// The device codes that wait.
pub(super) struct DeviceGrants {
    grants: Expiring<DeviceGrant>,
    codes: Expiring<DeviceCode>,
}

impl DeviceGrants {
    pub(super) fn new(most: usize) -> Self {
        Self {
            grants: Expiring::new(LIFETIME + MEMORY, most),
            codes: Expiring::new(LIFETIME, most),
        }
    }

    /// Lets `device` wait for the person who enters `user`.
    pub(super) fn start(
        &mut self,
        device: &DeviceCode,
        user: &LoginCode,
        now: Instant,
    ) -> Result<(), Full> {
        let grant = DeviceGrant {
            ends: now + LIFETIME,
            interval: INTERVAL,
            last_asked: None,
            answer: Answer::Waiting,
        };
        self.codes.insert(user.to_string(), device.clone(), now)?;
        self.grants.insert(device.secret().clone(), grant, now)
    }

    /// Whether `user` is a code that waits.
    fn waits(&mut self, user: &LoginCode, now: Instant) -> bool {
        self.codes.find(&user.to_string(), now).is_some()
    }

    /// Records the person's answer; a code is answered once.
    fn answer(&mut self, user: &LoginCode, answer: Answer, now: Instant) -> Result<(), Unanswered> {
        let device = self.codes.take(&user.to_string(), now).ok_or(Unanswered)?;
        let grant = self.grants.find(device.secret(), now).ok_or(Unanswered)?;
        grant.answer = answer;
        Ok(())
    }

    /// The client asks whether the person has answered; a final answer is given once.
    pub(super) fn poll(&mut self, device: &str, now: Instant) -> Poll {
        let Some(grant) = self.grants.find(device, now) else {
            return Poll::Unknown;
        };
        if now >= grant.ends {
            return Poll::Expired;
        }
        let too_soon = grant
            .last_asked
            .is_some_and(|last| now < last + grant.interval);
        grant.last_asked = Some(now);
        if too_soon {
            grant.interval = grant.interval.saturating_add(SLOWER).min(LIFETIME);
            return Poll::SlowDown;
        }
        if let Answer::Waiting = grant.answer {
            return Poll::Pending;
        }
        match self.grants.take(device, now).map(|grant| grant.answer) {
            Some(Answer::SignedIn(person, at)) => Poll::SignedIn(SignIn {
                person: *person,
                at,
                nonce: None,
            }),
            Some(Answer::Denied) => Poll::Denied,
            Some(Answer::Waiting) | None => Poll::Unknown,
        }
    }
}

/// The code is not one that waits.
#[derive(Debug)]
struct Unanswered;

/// What the page receives.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entered {
    user_code: Option<String>,
    login_hint: Option<String>,
    person: Option<String>,
    cancel: Option<String>,
}

/// Asks for the code, or, where it came with the link, who signs in.
pub(super) async fn ask(
    State(provider): State<Arc<Provider>>,
    entered: Result<Query<Entered>, QueryRejection>,
) -> Response {
    let Query(entered) = entered.unwrap_or_default();
    let Some(text) = entered.user_code.as_deref() else {
        return page::ask_code(None);
    };
    let code = match text.trim().parse::<LoginCode>() {
        Ok(code) if provider.open().devices.waits(&code, Instant::now()) => code,
        Ok(_) | Err(_) => return page::ask_code(Some(UNKNOWN_CODE)),
    };
    let code = code.to_string();
    page::choose(
        &format!("A terminal that shows the code {code} asks who you are. Choose anyone."),
        discovery::DEVICE_PAGE,
        &vec![("user_code", code.as_str())],
        &provider.people(entered.login_hint.as_deref()),
    )
}

/// Takes the click.
pub(super) async fn answer(
    State(provider): State<Arc<Provider>>,
    entered: Result<Form<Entered>, FormRejection>,
) -> Response {
    let Form(entered) = entered.unwrap_or_default();
    let code = entered.user_code.as_deref().unwrap_or_default();
    let Ok(code) = code.trim().parse::<LoginCode>() else {
        return page::ask_code(Some(UNKNOWN_CODE));
    };
    let person = entered
        .person
        .as_deref()
        .and_then(|name| provider.person(name));
    let (answer, title, text) = match (person, entered.cancel) {
        (_, Some(_)) => {
            let text =
                "The terminal is told that you cancelled. You can close this page.".to_owned();
            (Answer::Denied, "Cancelled", text)
        }
        (Some(person), None) => {
            let text = format!(
                "You are {} now. Go back to your terminal.",
                *person.display_name()
            );
            (
                Answer::SignedIn(Box::new(person.clone()), SystemTime::now()),
                "Signed in",
                text,
            )
        }
        (None, None) => {
            let text = "There is nobody of that name in the demo.";
            return page::message(StatusCode::BAD_REQUEST, "This did not work", text);
        }
    };
    match provider
        .open()
        .devices
        .answer(&code, answer, Instant::now())
    {
        Ok(()) => page::message(StatusCode::OK, title, &text),
        Err(Unanswered) => page::ask_code(Some(UNKNOWN_CODE)),
    }
}

const UNKNOWN_CODE: &str =
    "That code is not known, was used or is too old. Look at your terminal and try again.";

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(now: Instant) -> (DeviceGrants, LoginCode) {
        let mut grants = DeviceGrants::new(8);
        let user = LoginCode::new(7);
        let device = DeviceCode::new("device".to_owned());
        grants.start(&device, &user, now).unwrap();
        (grants, user)
    }

    fn alice() -> Answer {
        let alice = DemoPerson::cast().unwrap().swap_remove(0);
        Answer::SignedIn(Box::new(alice), SystemTime::now())
    }

    #[test]
    fn a_client_that_asks_too_often_is_slowed_down() {
        let now = Instant::now();
        let (mut grants, _) = waiting(now);
        assert!(matches!(grants.poll("device", now), Poll::Pending));
        assert!(matches!(grants.poll("device", now), Poll::SlowDown));
        assert!(matches!(
            grants.poll("device", now + INTERVAL),
            Poll::SlowDown
        ));
        let patient = now + INTERVAL + INTERVAL + SLOWER + SLOWER;
        assert!(matches!(grants.poll("device", patient), Poll::Pending));
    }

    #[test]
    fn a_sign_in_is_told_once() {
        let now = Instant::now();
        let (mut grants, user) = waiting(now);
        grants.answer(&user, alice(), now).unwrap();
        assert!(grants.answer(&user, Answer::Denied, now).is_err());
        let Poll::SignedIn(sign_in) = grants.poll("device", now) else {
            panic!("alice signed in");
        };
        assert_eq!(sign_in.person.name.as_str(), "alice");
        assert!(matches!(
            grants.poll("device", now + INTERVAL),
            Poll::Unknown
        ));
    }

    #[test]
    fn a_cancelled_sign_in_is_denied_and_an_old_one_has_expired() {
        let now = Instant::now();
        let (mut grants, user) = waiting(now);
        grants.answer(&user, Answer::Denied, now).unwrap();
        assert!(matches!(grants.poll("device", now), Poll::Denied));
        let (mut grants, user) = waiting(now);
        assert!(grants.answer(&user, alice(), now + LIFETIME).is_err());
        assert!(matches!(
            grants.poll("device", now + LIFETIME),
            Poll::Expired
        ));
        assert!(matches!(grants.poll("other", now), Poll::Unknown));
    }
}
