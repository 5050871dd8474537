//! Our HTTPS pages: where a person confirms in a browser the sign-in that their terminal waits for.
//!
//! Owns the listener with its TLS, the few plain pages (no script, nothing from elsewhere), and the defences of a
//! browser's part: forms that only our own page can send, cookies that tie a sign-in to one browser, limits on
//! guessing. Invariant: a sign-in goes on to the provider only after the page with the terminal's code, address and key
//! was confirmed in that same browser. It verifies no token (`identity` does) and knows nothing of sessions.

mod html;

mod limit;

mod listener;

mod pages;

mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::identity::{CALLBACK_PATH, Identity};

pub use listener::Peer;
pub use tls::{TlsMode, WebError, tls};

use html::Frame;
use listener::WebListener;
use pages::Site;

/// Longest body of a request, in bytes: our forms have one field.
const BODY_BYTES: usize = 4 * 1024;

/// Longest head of a request, in bytes: the provider's answer comes in the address, cookies come from us.
const HEAD_BYTES: usize = 32 * 1024;

/// How long one request may take; a callback asks the provider up to four times.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long requests that are under way may go on after the shutdown began.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// What the pages have to know of the node.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// The address that people's browsers use.
    pub public_url: Url,
    /// The name that SSH clients use.
    pub ssh_host: String,
    /// The port that SSH clients use.
    pub ssh_port: u16,
    /// Shown as a banner on every page.
    pub notice: Option<String>,
}

/// The pages. [`serve`] them: they want to know the [`Peer`].
pub fn router(settings: WebSettings, identity: Identity) -> Router {
    let frame = Frame::new(settings.notice.clone());
    let policy = frame.content_security_policy(&settings.public_url);
    let site = Arc::new(Site::new(settings, identity, frame));
    Router::new()
        .route("/", get(pages::home))
        .route("/healthz", get(pages::health))
        .route("/login", get(pages::enter))
        .route("/login/{code}", get(pages::confirm).post(pages::confirmed))
        .route("/login/{code}/deny", post(pages::denied))
        .route(CALLBACK_PATH, get(pages::callback))
        .fallback(pages::nowhere)
        .with_state(site)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn(bounded))
        .layer(middleware::from_fn_with_state(policy, guarded))
}

/// Serves the pages until `shutdown`, then lets requests that are under way end.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    tls: TlsMode,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Peer>();
    let served = axum::serve(WebListener::new(listener, tls), service)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let too_late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        served = served.into_future() => served,
        () = too_late => Ok(()),
    }
}

/// Bounds what one request may take.
async fn bounded(request: Request, next: Next) -> Response {
    let fields = request.headers().iter();
    let head: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if head + address > HEAD_BYTES {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

/// Every answer, errors included, forbids what our pages never need.
async fn guarded(State(policy): State<HeaderValue>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
