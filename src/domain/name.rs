//! Checked names: what people, groups, targets and logins may be called.
//!
//! A name is checked once, where it enters, and is safe afterwards to print on a terminal, to put into a
//! certificate, a file or a policy question: none holds a control character, white space or a quote.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text cannot be the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` cannot be a {what}: {rule}")]
pub struct NameError {
    given: String,
    what: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    return Ok(Self(text.to_owned()));
                }
                let given = text.chars().map(|c| if c.is_control() { '?' } else { c }).take(80).collect();
                Err(NameError { given, what: $what, rule: $rule })
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

fn printable(text: &str, longest: usize) -> bool {
    let allowed =
        |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '"' | '\'' | '`' | '\\');
    (1..=longest).contains(&text.len()) && text.chars().all(allowed)
}

fn ascii(text: &str, longest: usize, first: &str, more: &str) -> bool {
    let allowed = |c: char, extra: &str| c.is_ascii_alphanumeric() || extra.contains(c);
    (1..=longest).contains(&text.len())
        && text.chars().next().is_some_and(|c| allowed(c, first))
        && text.chars().all(|c| allowed(c, more))
}

name!(
    /// What a person or workload is called on screens and in the audit: an e-mail address or a user name.
    PrincipalName, "principal's name", "1 to 254 bytes without spaces, quotes or control characters",
    |text| printable(text, 254)
);
name!(
    /// A group as the identity provider names it.
    GroupName, "group", "1 to 256 bytes without quotes or control characters, spaces only between words",
    |text| text.split(' ').all(|word| printable(word, 256)) && text.len() <= 256
);
name!(
    /// An account on a target. SSH certificates call this a principal; only the certificate code says so.
    LoginName, "login", "letters, digits, `_`, `.` and `-`, up to 64, not starting with `-` or `.`",
    |text| ascii(text, 64, "_", "_.-")
);
name!(
    /// A host behind the bastion, as people type it.
    TargetName, "target name", "lower-case letters, digits, `.` and `-`, up to 253, starting with a letter or digit",
    |text| ascii(text, 253, "", ".-") && !text.bytes().any(|b| b.is_ascii_uppercase())
);
name!(
    /// A bastion node, as the audit chain names it.
    NodeName, "node name", "letters, digits, `.` and `-`, up to 63, starting with a letter or digit",
    |text| ascii(text, 63, "", ".-")
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_could_be_read_as_something_else() {
        for bad in ["", "-o", "a b", "a\u{1b}[0m", "a\nb", "root@x", "..", "a/b"] {
            assert!(bad.parse::<LoginName>().is_err(), "{bad:?}");
        }
        for bad in ["", "-x", "DB1", "a b", "a/../b", "a@b"] {
            assert!(bad.parse::<TargetName>().is_err(), "{bad:?}");
        }
        assert!(
            "evil\u{1b}]0;x@example.com"
                .parse::<PrincipalName>()
                .is_err()
        );
    }

    #[test]
    fn ordinary_names_pass() {
        assert!("Domain Admins".parse::<GroupName>().is_ok());
        assert!(" Domain".parse::<GroupName>().is_err());
        assert!("deploy".parse::<LoginName>().is_ok());
        assert!("db1.prod".parse::<TargetName>().is_ok());
        assert!("zoë@example.com".parse::<PrincipalName>().is_ok());
        assert!("/sre-leads".parse::<GroupName>().is_ok());
    }
}
