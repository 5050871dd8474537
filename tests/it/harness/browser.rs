//! The browser's part of a sign-in: pages with their cookies and forms, ours and then the provider's.

use std::collections::BTreeMap;

use url::Url;

use super::http::{Http, Reply};
use super::idp::Idp;

/// A browser that leaves the provider's pages to the identity provider of the tests.
pub(crate) struct Browser<'a> {
    idp: &'a Idp,
    tab: Tab,
}

/// Where pages are shown: keeps cookies, follows no redirect by itself and runs no script.
pub(crate) struct Tab {
    http: Http,
    cookies: BTreeMap<String, String>,
}

/// A form of a page.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
    button: Option<(String, String)>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(idp: &'a Idp) -> Self {
        let tab = Tab::new();
        Self { idp, tab }
    }

    /// Opens the link of the terminal, confirms, signs in as `user`; gives the last page.
    pub(crate) fn sign_in(&mut self, link: &str, user: &str) -> Reply {
        let provider = self.confirm(link);
        let visit = self.idp.visit(user, &provider, &[]);
        assert_eq!(visit["outcome"], "redirect", "{visit}");
        self.open(visit["location"].as_str().unwrap())
    }

    /// Opens the link of the terminal and confirms; gives the provider's address it sends one to.
    pub(crate) fn confirm(&mut self, link: &str) -> String {
        let page = self.open(link);
        assert_eq!(page.status, 200, "{page:?}");
        let reply = self.tab.submit(link, &page.body);
        let location = reply.location();
        assert!(location.starts_with(self.idp.issuer()), "{location}");
        location.to_owned()
    }

    /// Gets a page.
    pub(crate) fn open(&mut self, url: &str) -> Reply {
        self.tab.open(url)
    }

    /// Submits the first form of the page that came from `url`.
    pub(crate) fn submit(&mut self, url: &str, page: &str) -> Reply {
        self.tab.submit(url, page)
    }
}

impl Tab {
    pub(crate) fn new() -> Self {
        Self {
            http: Http::new(),
            cookies: BTreeMap::new(),
        }
    }

    /// Gets a page.
    pub(crate) fn open(&mut self, url: &str) -> Reply {
        self.send("GET", url, "")
    }

    /// Submits the first form of the page that came from `url`.
    pub(crate) fn submit(&mut self, url: &str, page: &str) -> Reply {
        let form = Form::all(page).into_iter().next();
        self.send_form(url, form.unwrap_or_else(|| panic!("no form: {page}")))
    }

    /// Presses the button of that name and value on the page that came from `url`.
    pub(crate) fn press(&mut self, url: &str, page: &str, name: &str, value: &str) -> Reply {
        let button = Some((name.to_owned(), value.to_owned()));
        let form = Form::all(page)
            .into_iter()
            .find(|form| form.button == button);
        let form = form.unwrap_or_else(|| panic!("no button `{name}={value}`: {page}"));
        self.send_form(url, form)
    }

    fn send_form(&mut self, url: &str, form: Form) -> Reply {
        let action = Url::parse(url).unwrap().join(&form.action).unwrap();
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form.fields.iter().chain(&form.button))
            .finish();
        self.send("POST", action.as_str(), &body)
    }

    fn send(&mut self, method: &str, url: &str, body: &str) -> Reply {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let cookies = cookies.join("; ");
        let origin = Url::parse(url).unwrap().origin().ascii_serialization();
        let mut headers = vec![("cookie", cookies.as_str())];
        if method == "POST" {
            headers.push(("origin", &origin));
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let reply = self.http.send(method, url, &headers, body);
        for (name, value) in &reply.headers {
            if name == "set-cookie"
                && let Some((key, value)) = value.split(';').next().unwrap().split_once('=')
            {
                self.cookies.insert(key.to_owned(), value.to_owned());
            }
        }
        reply
    }
}

impl Form {
    fn all(page: &str) -> Vec<Self> {
        let forms = page.split("<form").skip(1);
        forms.filter_map(Self::read).collect()
    }

    fn read(form: &str) -> Option<Self> {
        let form = &form[..form.find("</form>")?];
        let (head, inside) = form.split_once('>')?;
        let action = attribute(head, "action").unwrap_or_default();
        let tags: Vec<_> = inside
            .split('<')
            .filter_map(|tag| tag.split('>').next())
            .collect();
        let named = |tag: &&str| Some((attribute(tag, "name")?, attribute(tag, "value")?));
        let inputs = tags.iter().filter(|tag| tag.starts_with("input "));
        // A form is sent with the one button that was pressed: the first.
        let mut buttons = tags.iter().filter(|tag| tag.starts_with("button "));
        Some(Self {
            action,
            fields: inputs.filter_map(named).collect(),
            button: buttons.next().and_then(named),
        })
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    Some(value.replace("&amp;", "&"))
}
