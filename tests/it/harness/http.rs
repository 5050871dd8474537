//! A small HTTP client: one request, its answer, no redirects followed.

use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use tokio::runtime::{Builder, Runtime};

use super::PATIENCE;

/// An HTTP client that trusts any certificate and follows nothing.
pub(crate) struct Http {
    runtime: Runtime,
    client: Client,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Http {
    pub(crate) fn new() -> Self {
        // Another test may have installed it already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .danger_accept_invalid_certs(true)
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, client }
    }

    /// Sends a request with a body (may be empty) and headers.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = self.runtime.block_on(async {
            let reply = request.send().await?;
            let status = reply.status().as_u16();
            let headers = reply.headers().iter();
            let headers = headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            let body = reply.text().await?;
            Ok::<_, reqwest::Error>(Reply {
                status,
                headers,
                body,
            })
        });
        reply.unwrap_or_else(|error| panic!("{url}: {error:?}"))
    }
}

impl Reply {
    /// A header's first value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }

    /// Where it sends the browser on to.
    pub(crate) fn location(&self) -> &str {
        let location = self.header("location");
        location.unwrap_or_else(|| panic!("no redirect: {self:?}"))
    }
}
