//! Tools of elevation that a text names, whatever the text means.
//!
//! It is asked about texts that could not be read as a whole. It rather names too many than too few: a name inside
//! a quotation or a file name counts as well. One pass over the text for each way to write a word; it parses nothing.

use std::collections::BTreeSet;

use super::table::wrapper;
use super::word;

/// The tools of elevation among the words of a text, also behind a folder, quotes or backslashes.
pub(super) fn elevation(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    named(text, &mut found);
    // Written in one way only, it is looked for once.
    if !text.contains(['\'', '"', '\\']) {
        return found;
    }
    let joined = text.replace("\\\n", "");
    named(&joined, &mut found);
    named(&joined.replace(['\'', '"', '\\'], ""), &mut found);
    for spelled in joined.split(char::is_whitespace) {
        if let (true, Some(word)) = (spelled.contains("$'"), word::resolve(spelled).0.fixed()) {
            named(word, &mut found);
        }
    }
    found
}

fn named(text: &str, found: &mut BTreeSet<String>) {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_-.+".contains(c);
    let mut left = text;
    while let Some(at) = left.find(inside) {
        let (_, rest) = left.split_at_checked(at).unwrap_or_default();
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or_default();
        left = after;
        // `$(echo su)do`: the end of a longer word is behind the bracket.
        let glued = after
            .strip_prefix([')', '}', '`'])
            .is_some_and(|next| next.starts_with(|c: char| c.is_ascii_alphanumeric()));
        if glued {
            continue;
        }
        // `${x:-sudo}`
        let name = name.trim_start_matches(['-', '+', '.']);
        if let Some(tool) = wrapper(name).filter(|tool| tool.elevates) {
            found.insert(tool.name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_seen_behind_folders_quotes_backslashes_and_control_characters() {
        for text in [
            "sudo",
            "\"sudo",
            "s\\udo",
            "'su'do",
            "su\\\ndo",
            "/usr/bin/sudo",
            "ls;sudo",
            "(sudo)",
            "sudo\r",
            "x\0sudo\0y",
            "{sudo,id}",
            "`sudo`",
            "$(sudo",
            "!sudo",
            "ls\n\tsudo id",
            "x=sudo",
            "${x:-sudo}",
            "$'\\x73udo' id \"",
        ] {
            assert!(elevation(text).contains("sudo"), "{text:?}");
        }
    }

    #[test]
    fn other_words_are_no_tools() {
        for text in [
            "",
            "sudoku",
            "/etc/sudo.conf",
            "pseudo",
            "ls -la",
            "$(echo su)do id",
        ] {
            assert_eq!(elevation(text), BTreeSet::new(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_tool_between_any_texts_is_seen(before: String, after: String) {
            let text = format!("{before} sudo {after}");
            proptest::prop_assert!(elevation(&text).contains("sudo"));
        }
    }
}
