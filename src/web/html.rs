//! The look of every page, and the escaping that all text passes.

use std::fmt::Write;

use aws_lc_rs::digest;
use axum::http::HeaderValue;
use axum::response::Html;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

const STYLE: &str = include_str!("style.css");

/// What surrounds the content of every page.
pub(super) struct Frame {
    notice: Option<String>,
}

impl Frame {
    pub(super) fn new(notice: Option<String>) -> Self {
        Self { notice }
    }

    /// Only our own style sheet, and forms that lead on to a provider: wherever that sends the browser, browsers hold
    /// the redirects after a form to `form-action` too.
    pub(super) fn content_security_policy(&self, public_url: &Url) -> HeaderValue {
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
        // Without TLS of our own the provider is a local one, too.
        let forms = match public_url.scheme() {
            "https" => "'self' https:",
            _ => "'self' https: http:",
        };
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
        );
        // Its parts are fixed and base 64: it is always a header value. If it were not, nothing at all is allowed.
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ))
    }

    /// A page; `body` is HTML already, `title` is text.
    pub(super) fn page(&self, title: &str, body: &str) -> Html<String> {
        let title = escaped(title);
        let notice = self.notice.as_ref().map_or_else(String::new, |notice| {
            format!("<p class=\"notice\" role=\"note\">{}</p>", escaped(notice))
        });
        Html(format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\">\
             <title>{title} · Countersign</title><style>{STYLE}</style></head>\
             <body>{notice}<main><p class=\"brand\">Countersign</p><h1>{title}</h1>\n{body}</main></body></html>\n"
        ))
    }
}

/// The text as HTML shows it, in content and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c.is_control() && c != '\n' => {
                // Control characters have no meaning on a page; writing to a string cannot fail.
                let _written = write!(html, "\u{fffd}");
            }
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_policy_allows_the_style_sheet_and_nothing_else_to_load() {
        let url = Url::parse("https://bastion.test").unwrap();
        let policy = Frame::new(None).content_security_policy(&url);
        let policy = policy.to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains("http:"));
    }

    proptest! {
        #[test]
        fn no_text_becomes_markup(text in ".*") {
            let html = escaped(&text);
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            prop_assert!(!html.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
