//! The pages: plain forms and links, no script, nothing from elsewhere, readable on a phone and in the dark.
//!
//! Invariant: every page carries the banner, and every value passes [`Escaped`] on its way into the text.

use std::fmt::{self, Display, Write};

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::demo::provider::{DemoPerson, discovery};

/// What stands on every page.
pub(super) const BANNER: &str = "Demonstration identity provider: anyone can sign in as anyone";

/// Whether a person is the one the client hinted at; those come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Emphasis {
    /// The `login_hint` means them.
    Hinted,
    /// Like everybody else.
    Plain,
}

/// A form's hidden fields, repeated so that the provider keeps nothing in between.
pub(super) type Hidden<'a> = Vec<(&'static str, &'a str)>;

/// Text that is safe between tags and in quoted attributes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The source expression that lets exactly our style sheet through the content security policy.
pub(super) fn style_digest() -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
    format!("sha256-{}", STANDARD.encode(digest))
}

/// The first page, for somebody who looks what is here.
pub(super) fn welcome(people: &[(&DemoPerson, Emphasis)]) -> Response {
    let people = people.iter().fold(String::new(), |list, (person, _)| {
        let (name, groups) = (person.display_name(), person.groups_text());
        list + &format!("<li>{}, {}</li>", Escaped(&name), Escaped(&groups))
    });
    let code_page = discovery::DEVICE_PAGE;
    let body = format!(
        "<p>These people can sign in, and nobody checks that you are them:</p><ul>{people}</ul>\
         <p>Do you have a code from a terminal? <a href=\"{code_page}\">Enter it here</a>.</p>"
    );
    page(StatusCode::OK, "Who is who", &body)
}

/// Asks who signs in, with one button a person; `path` receives `hidden` and `person` or `cancel`.
pub(super) fn choose(
    lead: &str,
    path: &str,
    hidden: &Hidden<'_>,
    people: &[(&DemoPerson, Emphasis)],
) -> Response {
    let fields = hidden.iter().fold(String::new(), |fields, (name, value)| {
        fields
            + &format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                Escaped(value)
            )
    });
    let buttons = people
        .iter()
        .fold(String::new(), |list, (person, emphasis)| {
            list + &format!("<li>{}</li>", button(path, &fields, person, *emphasis))
        });
    let body = format!(
        "<p>{}</p><ul class=\"people\">{buttons}</ul>\
         <form method=\"post\" action=\"{path}\">{fields}\
         <button class=\"quiet\" name=\"cancel\" value=\"yes\">Cancel</button></form>",
        Escaped(lead)
    );
    page(StatusCode::OK, "Who are you today?", &body)
}

/// Asks for the code that the terminal shows.
pub(super) fn ask_code(complaint: Option<&str>) -> Response {
    let status = match complaint {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    let complaint = match complaint {
        Some(text) => format!("<p role=\"alert\" class=\"alert\">{}</p>", Escaped(text)),
        None => String::new(),
    };
    let path = discovery::DEVICE_PAGE;
    let body = format!(
        "{complaint}<form method=\"get\" action=\"{path}\"><label for=\"code\">The code in your terminal</label>\
         <input id=\"code\" name=\"user_code\" autocomplete=\"off\" autocapitalize=\"characters\" \
         spellcheck=\"false\" placeholder=\"QX7K-29MD\" required autofocus>\
         <button>Continue</button></form>"
    );
    page(status, "Enter your code", &body)
}

/// Says one thing.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    page(status, title, &format!("<p>{}</p>", Escaped(text)))
}

fn button(path: &str, fields: &str, person: &DemoPerson, emphasis: Emphasis) -> String {
    let class = match emphasis {
        Emphasis::Hinted => "hinted",
        Emphasis::Plain => "plain",
    };
    let (name, groups) = (person.display_name(), person.groups_text());
    format!(
        "<form method=\"post\" action=\"{path}\">{fields}\
         <button class=\"{class}\" name=\"person\" value=\"{}\">Sign in as {} \
         <span class=\"groups\">— {}</span></button></form>",
        Escaped(person.name.as_str()),
        Escaped(&name),
        Escaped(&groups),
    )
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = Escaped(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title} · demo sign-in</title><style>{STYLE}</style></head>\
         <body><p class=\"banner\" role=\"note\">{BANNER}</p><main><h1>{title}</h1>{body}</main></body></html>\n"
    );
    (status, Html(html)).into_response()
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#566173;--paper:#f6f7f9;--card:#fff;--line:#d5dae2;\
--act:#1f5fbf;--warn:#7a4b00;--warnpaper:#ffefc9}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf0;--soft:#a4aebd;--paper:#14181f;--card:#1d232d;\
--line:#39424f;--act:#8ab4ff;--warn:#ffdd94;--warnpaper:#3a2c07}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.5 system-ui,sans-serif}\
.banner{margin:0;padding:.75rem 1rem;background:var(--warnpaper);color:var(--warn);text-align:center;font-weight:600}\
main{max-width:30rem;margin:2rem auto;padding:1.5rem;background:var(--card);border:1px solid var(--line);\
border-radius:.75rem}\
@media(max-width:32rem){main{margin:1rem}}\
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}\
.people{list-style:none;margin:1rem 0;padding:0;display:grid;gap:.625rem}\
label{display:block;margin-bottom:.375rem}\
input:not([type=hidden]){width:100%;padding:.75rem;margin-bottom:.75rem;font:inherit;letter-spacing:.1em;\
color:inherit;background:var(--paper);border:1px solid var(--soft);border-radius:.5rem}\
button{width:100%;min-height:3rem;padding:.625rem 1rem;font:inherit;font-weight:600;text-align:left;color:var(--ink);\
background:transparent;border:1px solid var(--soft);border-radius:.5rem;cursor:pointer}\
button:hover{border-color:var(--act);color:var(--act)}\
:focus-visible{outline:3px solid var(--act);outline-offset:2px}\
.hinted{border:2px solid var(--act)}\
.groups{font-weight:400;color:var(--soft)}\
.quiet{border-color:transparent;text-align:center;font-weight:400;color:var(--soft)}\
.alert{padding:.625rem .75rem;border-left:4px solid var(--warn);background:var(--warnpaper);color:var(--warn)}\
a{color:var(--act)}";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_leaves_its_place_in_a_page(text in "\\PC*") {
            let escaped = Escaped(&text).to_string();
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            prop_assert_eq!(back.replace("&#39;", "'").replace("&amp;", "&"), text);
        }
    }
}
