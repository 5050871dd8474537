//! Paths as policy sees them: absolute and lexically plain, or below the login's home, or in doubt.
//!
//! A policy that tests the folder of a path must not be fooled by its spelling. What the spelling does not tell is in
//! doubt, and the reading that holds it is opaque. Symbolic links on the target are not seen.

use crate::domain::command::visible;

/// Longest path that a request may name, in bytes (`PATH_MAX` of Linux).
pub(super) const PATH_BYTES: usize = 4096;

/// A path for policy, and why it is in doubt, where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) doubt: Option<&'static str>,
}

impl Place {
    fn certain(path: String) -> Self {
        Self { path, doubt: None }
    }

    pub(super) fn doubtful(path: &[u8], why: &'static str) -> Self {
        Self {
            path: visible(path),
            doubt: Some(why),
        }
    }
}

/// The place of a path in an SFTP request. What does not begin with `/` is relative to where the target's server
/// starts, the login's home, and stands as `~/path`.
pub(super) fn place(path: &[u8]) -> Place {
    let Ok(text) = std::str::from_utf8(path) else {
        return Place::doubtful(path, "a path that is not UTF-8");
    };
    if climbs(text) {
        return Place::doubtful(
            path,
            "a path that climbs out of a folder, which may be a link",
        );
    }
    match text.strip_prefix('/') {
        Some(below) => Place::certain(format!("/{}", plain(below).parts.join("/"))),
        None => below_home(text),
    }
}

/// The place of a path in a command, whose shell expands `~` and patterns.
pub(super) fn place_in_command(word: &str) -> Place {
    let pattern = |part: &str| part.starts_with('.') && part.contains(['*', '?', '[']);
    if word.contains('{') || word.split('/').any(pattern) {
        return Place::doubtful(word.as_bytes(), "a path that the shell expands");
    }
    place_expanded(word.as_bytes())
}

/// The place of a path that may begin with an account's home, `~` or `~name`.
pub(super) fn place_expanded(path: &[u8]) -> Place {
    let below = std::str::from_utf8(path)
        .ok()
        .and_then(|text| text.strip_prefix('~'));
    match below {
        Some("") => below_home(""),
        Some(below) if below.starts_with('/') => below_home(below.trim_start_matches('/')),
        Some(_) => Place::doubtful(path, "the home folder of another account"),
        None => place(path),
    }
}

/// Whether `..` stands behind a named part: where that leads is the target's to say.
fn climbs(text: &str) -> bool {
    let mut named = false;
    text.split('/').any(|part| match part {
        "" | "." => false,
        ".." => named,
        _ => {
            named = true;
            false
        }
    })
}

fn below_home(text: &str) -> Place {
    let Plain { parts, above } = plain(text);
    if above {
        return Place::doubtful(
            format!("~/{text}").as_bytes(),
            "a path above the home folder",
        );
    }
    let mut path = "~".to_owned();
    for part in parts {
        path.push('/');
        path.push_str(part);
    }
    Place::certain(path)
}

struct Plain<'a> {
    parts: Vec<&'a str>,
    /// It left the folder that it starts from.
    above: bool,
}

/// The parts of a path without empty ones, `.` and `..`.
fn plain(below: &str) -> Plain<'_> {
    let mut parts = Vec::new();
    let mut above = false;
    for part in below.split('/') {
        match part {
            "" | "." => {}
            ".." => above |= parts.pop().is_none(),
            part => parts.push(part),
        }
    }
    Plain { parts, above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certain(path: &str) -> String {
        let place = place(path.as_bytes());
        assert_eq!(place.doubt, None, "{path}");
        place.path
    }

    #[test]
    fn a_path_is_shown_without_detours() {
        for (sent, seen) in [
            ("/etc/motd", "/etc/motd"),
            ("/etc//./motd/", "/etc/motd"),
            ("/../..", "/"),
            ("/", "/"),
            ("", "~"),
            (".", "~"),
            ("./notes//todo", "~/notes/todo"),
            ("~/x", "~/~/x"),
        ] {
            assert_eq!(certain(sent), seen, "{sent}");
        }
    }

    #[test]
    fn what_the_spelling_does_not_tell_is_in_doubt() {
        for sent in [&b"../etc"[..], b"a/../b", b"/srv/app/../x", b"/srv/\xff"] {
            assert!(place(sent).doubt.is_some(), "{sent:?}");
        }
        for word in ["~root/x", "/srv/app/.*/x", "/srv/{app,../etc}/x"] {
            assert!(place_in_command(word).doubt.is_some(), "{word}");
        }
        assert_eq!(place_in_command("~/x"), place(b"x"));
        assert_eq!(place_in_command("/srv/*.log").path, "/srv/*.log");
    }

    proptest! {
        #[test]
        fn a_certain_path_holds_no_detour(bytes in prop::collection::vec(
            prop_oneof![Just(b'/'), Just(b'.'), Just(b'a'), any::<u8>()], 0..40)
        ) {
            let place = place(&bytes);
            if place.doubt.is_none() {
                let mut parts = place.path.split('/');
                prop_assert!(matches!(parts.next(), Some("" | "~")));
                prop_assert!(place.path == "/" || parts.all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
