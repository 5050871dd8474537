//! The paths that a file transfer names in its command: `scp`, `rsync --server`, `sftp-server`.

use super::word::Word;

/// Paths that the command would read or write.
pub(super) fn paths(name: &str, words: &[Word]) -> Vec<String> {
    let arguments = words.iter().skip(1).map(Word::shown);
    let is_option = |text: &str| text.starts_with('-') && text.len() > 1;
    match name {
        "scp" if words.iter().any(|w| is_server_flag(w.shown())) => arguments
            .filter(|text| !is_option(text))
            .map(str::to_owned)
            .collect(),
        "rsync" if words.iter().any(|w| w.shown() == "--server") => arguments
            .filter(|text| !is_option(text) && *text != ".")
            .map(str::to_owned)
            .collect(),
        "sftp-server" => arguments
            .skip_while(|text| *text != "-d")
            .nth(1)
            .map(str::to_owned)
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// `-t` (to here) or `-f` (from here), alone or among other letters.
fn is_server_flag(text: &str) -> bool {
    text.starts_with('-') && !text.starts_with("--") && text.contains(['t', 'f'])
}
