//! One operation of a transfer: what approvers see of it, what policy is told, and which actions it needs.
//!
//! Its text is unambiguous: a verb, then its paths quoted as a shell would need them, then what else is done. That
//! text is what approvals are bound to.

use crate::domain::action::Action;
use crate::domain::command::{Reading, Unknown};
use crate::transfer::path::{Place, place, place_expanded};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Open a file for reading.
    Download,
    /// Open a file for writing.
    Upload,
    /// Open a file for both.
    Update,
    /// Remove a file.
    Remove,
    /// Make a folder.
    MakeFolder,
    /// Remove a folder.
    RemoveFolder,
    /// Give a file another name, or put it into another folder.
    Rename,
    /// Change size, owner, mode or times.
    SetAttributes,
    /// Make a symbolic link.
    Symlink,
    /// Make a hard link.
    Hardlink,
    /// Copy content from one open file to another.
    Copy,
    /// Read a folder.
    List,
    /// Read attributes.
    Stat,
    /// Read where a symbolic link leads.
    ReadLink,
    /// Make a path absolute.
    Resolve,
    /// Make a path absolute that may begin with an account's home, `~` or `~name`.
    Expand,
}

const VERBS: [Verb; 16] = [
    Verb::Download,
    Verb::Upload,
    Verb::Update,
    Verb::Remove,
    Verb::MakeFolder,
    Verb::RemoveFolder,
    Verb::Rename,
    Verb::SetAttributes,
    Verb::Symlink,
    Verb::Hardlink,
    Verb::Copy,
    Verb::List,
    Verb::Stat,
    Verb::ReadLink,
    Verb::Resolve,
    Verb::Expand,
];

impl Verb {
    /// The word that its text begins with.
    pub fn word(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::MakeFolder => "mkdir",
            Self::RemoveFolder => "rmdir",
            Self::Rename => "rename",
            Self::SetAttributes => "setstat",
            Self::Symlink => "symlink",
            Self::Hardlink => "hardlink",
            Self::Copy => "copy",
            Self::List => "list",
            Self::Stat => "stat",
            Self::ReadLink => "readlink",
            Self::Resolve => "realpath",
            Self::Expand => "expand",
        }
    }

    /// Whether it only looks: that needs no approval.
    pub fn looks(self) -> bool {
        match self {
            Self::List | Self::Stat | Self::ReadLink | Self::Resolve | Self::Expand => true,
            Self::Download
            | Self::Upload
            | Self::Update
            | Self::Remove
            | Self::MakeFolder
            | Self::RemoveFolder
            | Self::Rename
            | Self::SetAttributes
            | Self::Symlink
            | Self::Hardlink
            | Self::Copy => false,
        }
    }

    fn actions(self) -> &'static [Action] {
        match self {
            Self::Download => &[Action::Download],
            Self::Upload
            | Self::Remove
            | Self::MakeFolder
            | Self::RemoveFolder
            | Self::Rename
            | Self::SetAttributes
            | Self::Symlink
            | Self::Hardlink
            | Self::Copy => &[Action::Upload],
            Self::Update
            | Self::List
            | Self::Stat
            | Self::ReadLink
            | Self::Resolve
            | Self::Expand => &[Action::Upload, Action::Download],
        }
    }
}

/// The actions that an operation with that text needs, each of which policy must let happen. A text that is none of
/// ours needs all of them.
pub fn actions(text: &[u8]) -> &'static [Action] {
    let word = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    VERBS
        .into_iter()
        .find(|verb| verb.word().as_bytes() == word)
        .unwrap_or(Verb::Update)
        .actions()
}

/// One operation that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    verb: Verb,
    paths: Vec<Vec<u8>>,
    details: Vec<String>,
}

impl Operation {
    pub(super) fn new(verb: Verb, paths: Vec<Vec<u8>>, details: Vec<String>) -> Self {
        Self {
            verb,
            paths,
            details,
        }
    }

    /// What it does.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// Its text: `upload /etc/motd create truncate mode=0644`.
    pub fn text(&self) -> Vec<u8> {
        let mut text = self.verb.word().as_bytes().to_vec();
        for path in &self.paths {
            text.push(b' ');
            // Only a NUL cannot be quoted, and no path of ours holds one.
            let quoted = shlex::bytes::Quoter::new().allow_nul(true).quote(path);
            text.extend_from_slice(&quoted.unwrap_or_default());
        }
        for detail in &self.details {
            text.push(b' ');
            text.extend_from_slice(detail.as_bytes());
        }
        text
    }

    /// Its paths as policy sees them; opaque when one of them is in doubt.
    pub fn reading(&self) -> Reading {
        let place = if self.verb == Verb::Expand {
            place_expanded
        } else {
            place
        };
        let mut places: Vec<Place> = self.paths.iter().map(|path| place(path)).collect();
        if let (Verb::Symlink, [leads_to, _], [first, ..]) =
            (self.verb, self.paths.as_slice(), places.as_mut_slice())
            && !leads_to.starts_with(b"/")
        {
            *first = Place::doubtful(leads_to, "a link whose end depends on where it is");
        }
        reading_of(places)
    }
}

/// The reading of paths alone.
pub(super) fn reading_of(places: Vec<Place>) -> Reading {
    let unknowns = places.iter().filter_map(|place| place.doubt);
    Reading {
        unknowns: unknowns
            .map(|reason| Unknown {
                reason: reason.to_owned(),
                span: None,
            })
            .collect(),
        paths: places.into_iter().map(|place| place.path).collect(),
        ..Reading::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(verb: Verb, paths: &[&str], details: &[&str]) -> Operation {
        let paths = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
        let details = details.iter().map(|detail| (*detail).to_owned()).collect();
        Operation::new(verb, paths, details)
    }

    #[test]
    fn the_text_cannot_be_taken_for_another_operation() {
        let plain = operation(Verb::Upload, &["/etc/motd"], &["create"]);
        assert_eq!(plain.text(), b"upload /etc/motd create");
        let sneaky = operation(Verb::Upload, &["/etc/motd create"], &[]);
        assert_eq!(sneaky.text(), b"upload '/etc/motd create'");
        let two = operation(Verb::Rename, &["a b", "c"], &[]);
        assert_eq!(two.text(), b"rename 'a b' c");
        assert_eq!(operation(Verb::Remove, &[""], &[]).text(), b"remove ''");
    }

    #[test]
    fn each_verb_needs_its_own_actions_and_an_unknown_one_needs_all() {
        assert_eq!(actions(b"download /x"), [Action::Download]);
        assert_eq!(actions(b"setstat /x mode=0600"), [Action::Upload]);
        let both = [Action::Upload, Action::Download];
        assert_eq!(actions(b"update /x"), both);
        assert_eq!(actions(b"whatever"), both);
        assert_eq!(actions(b""), both);
    }

    #[test]
    fn a_relative_end_of_a_link_makes_the_reading_opaque() {
        let link = operation(Verb::Symlink, &["../../etc", "/srv/app/link"], &[]);
        assert!(link.reading().is_opaque());
        let link = operation(Verb::Symlink, &["/srv/a", "/srv/b"], &[]);
        assert_eq!(link.reading().paths, ["/srv/a", "/srv/b"]);
        assert!(!link.reading().is_opaque());
    }
}
