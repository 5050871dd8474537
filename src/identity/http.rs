//! The HTTP client for the provider: TLS by rustls, no redirects, every wait and every answer bounded.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::Certificate;

use crate::config::IdentityConfig;
use crate::identity::error::{IdentityError, ProviderFault};

/// How long one request to the provider may take, all in all.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a connection to the provider may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer that is read, in bytes; key sets and tokens with many groups stay far below.
const ANSWER_BYTES: usize = 1024 * 1024;

/// Why a request got no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("status {0}")]
    Status(u16),
    #[error("the answer is longer than {ANSWER_BYTES} bytes")]
    TooLong,
    #[error("the answer could not be put together")]
    Assembly(#[from] openidconnect::http::Error),
}

impl HttpError {
    pub(super) fn fault(&self) -> ProviderFault {
        match self {
            Self::Request(_) => ProviderFault::Unreachable,
            Self::Status(status) => ProviderFault::Status(*status),
            Self::TooLong | Self::Assembly(_) => ProviderFault::Nonsense,
        }
    }
}

/// The client.
#[derive(Debug, Clone)]
pub(super) struct Http(reqwest::Client);

impl Http {
    pub(super) fn new(config: &IdentityConfig) -> Result<Self, IdentityError> {
        // The first provider stays; another part of the process may have installed the same one before.
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // A discovery document must not lead codes and secrets to plain HTTP.
            .https_only(config.issuer.starts_with("https://"))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        for authority in authorities(config)? {
            builder = builder.add_root_certificate(authority);
        }
        builder.build().map(Self).map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "no HTTP client");
            IdentityError::Misconfigured(
                "the system's certificate authorities cannot be used".to_owned(),
            )
        })
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = request.try_into().map_err(reqwest::Error::without_url)?;
        let sent = self.0.execute(request).await;
        let mut response = sent.map_err(reqwest::Error::without_url)?;
        if response.status().is_server_error() {
            // Trouble that may pass: the device grant goes on polling after it, more slowly.
            return Err(HttpError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(reqwest::Error::without_url)?
        {
            if body.len() + chunk.len() > ANSWER_BYTES {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = openidconnect::http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        Ok(answer.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.answer(request))
    }
}

fn authorities(config: &IdentityConfig) -> Result<Vec<Certificate>, IdentityError> {
    let Some(file) = &config.authorities else {
        return Ok(Vec::new());
    };
    let wrong = |why: String| {
        IdentityError::Misconfigured(format!("`authorities`: `{}`: {why}", file.display()))
    };
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem)
        .map_err(|_| wrong("holds something that is not a certificate".to_owned()))?;
    if found.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    Ok(found)
}
