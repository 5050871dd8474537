//! Substitutions that print a text which stands in the line itself: `"$(cat <<'EOF' … EOF)"`, the way in which messages of
//! several lines are given to a program. Such a word is that text.
//!
//! Invariant: a text is changed only where the quoting of all that stands before is certain, and means the same as before in
//! every shell that knows here-documents. Anything else is left as it is, for the parsers to judge.

/// How such a word begins.
const BEGINS: &str = "\"$(cat <<";
/// How it begins as the value of a variable, where it needs no quotes.
const ASSIGNED: &str = "=$(cat <<";

/// The text with such words in plain quotes, and how many there were; `None` where there is none that is certain.
pub(super) fn unfolded(text: &str) -> Option<(String, usize)> {
    let mut told = String::with_capacity(text.len());
    let (mut left, mut times) = (text, 0);
    (text.contains(BEGINS) || text.contains(ASSIGNED)).then_some(())?;
    while let Some(c) = left.chars().next() {
        let length = match c {
            '=' if left.starts_with(ASSIGNED) && ends_in_name(&told) => {
                let (word, length) = printed(left.strip_prefix(ASSIGNED)?, ")")?;
                told.push('=');
                told.push_str(&word);
                times += 1;
                left = left.get(ASSIGNED.len() + length..)?;
                continue;
            }
            '"' if left.starts_with(BEGINS) => {
                let (word, length) = printed(left.strip_prefix(BEGINS)?, ")\"")?;
                told.push_str(&word);
                times += 1;
                left = left.get(BEGINS.len() + length..)?;
                continue;
            }
            '\\' => 1 + left.chars().nth(1)?.len_utf8(),
            '\'' => 2 + left.get(1..)?.find('\'')?,
            '"' => quoted(left)?,
            '`' | '#' => return None,
            '$' if nests(left) => return None,
            '<' if left.starts_with("<<") => return None,
            plain => plain.len_utf8(),
        };
        told.push_str(left.get(..length)?);
        left = left.get(length..)?;
    }
    (times > 0).then_some((told, times))
}

/// The length of a text in double quotes, where nothing in it nests.
fn quoted(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some(at + 1),
            '\\' => {
                chars.next();
            }
            '`' => return None,
            '$' if nests(text.get(at..)?) => return None,
            _ => {}
        }
    }
    None
}

/// Whether a name stands at the end of a text where a command would begin, so that a value follows.
fn ends_in_name(text: &str) -> bool {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = text.trim_end_matches(named);
    let command = before.trim_end_matches(' ');
    before.len() < text.len() && (command.is_empty() || command.ends_with([';', '&', '\n']))
}

fn nests(text: &str) -> bool {
    ["$(", "${", "$'", "$\"", "$["]
        .iter()
        .any(|opening| text.starts_with(opening))
}

/// The word that is printed, in quotes, and how much of the text behind its beginning it takes.
fn printed(text: &str, end: &str) -> Option<(String, usize)> {
    let (line, rest) = text.split_once('\n')?;
    let tag = line.trim_matches(' ');
    let literal = tag.starts_with(['\'', '"', '\\']);
    let name = match tag.chars().next()? {
        '\\' => tag.get(1..)?,
        quote @ ('\'' | '"') => tag.strip_prefix(quote)?.strip_suffix(quote)?,
        _ => tag,
    };
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(named)).then_some(())?;
    let mut length = 0;
    for line in rest.split_inclusive('\n') {
        // Some shells take a line for the last one that only begins so.
        if line.trim_start_matches([' ', '\t']).starts_with(name) {
            let behind = rest.get(length..)?.strip_prefix(name)?;
            let closed = behind.strip_prefix('\n')?.trim_start_matches(['\n', ' ']);
            let after = closed.strip_prefix(end)?;
            let body = rest.get(..length)?.trim_end_matches('\n');
            let word = if literal || !body.contains(['$', '`', '\\']) {
                format!("'{}'", body.replace('\'', "'\\''"))
            } else {
                expanded(body)?
            };
            return Some((word, text.len() - after.len()));
        }
        length += line.len();
    }
    None
}

/// A text with simple variables and substitutions, in double quotes.
fn expanded(body: &str) -> Option<String> {
    (!body.contains(['`', '\\'])).then_some(())?;
    let simple = |inner: &str, more: &str| {
        !inner.is_empty()
            && inner
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || more.contains(c))
    };
    let mut parts = body.split('$');
    let mut word = format!("\"{}", parts.next()?.replace('"', "\\\""));
    for part in parts {
        let (kept, rest) = if let Some(inner) = part.strip_prefix('(') {
            let (inner, rest) = inner.split_once(')')?;
            simple(inner, " -+%/.:,").then_some((format!("({inner})"), rest))?
        } else if let Some(inner) = part.strip_prefix('{') {
            let (inner, rest) = inner.split_once('}')?;
            simple(inner, "").then_some((format!("{{{inner}}}"), rest))?
        } else {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                .then_some((String::new(), part))?
        };
        word.push('$');
        word.push_str(&kept);
        word.push_str(&rest.replace('"', "\\\""));
    }
    word.push('"');
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_stands_in_the_line_is_that_message() {
        for (text, told) in [
            (
                "git commit -m \"$(cat <<'EOF'\nit's `x`\n\n$(id)\nEOF\n)\" && ls",
                "git commit -m 'it'\\''s `x`\n\n$(id)' && ls",
            ),
            ("x \"$(cat << EOF\na \"b\"\nEOF\n)\"", "x 'a \"b\"'"),
            (
                "x \"$(cat <<EOF\n{\"h\": \"$(hostname)\", $x}\nEOF\n)\"",
                "x \"{\\\"h\\\": \\\"$(hostname)\\\", $x}\"",
            ),
        ] {
            assert_eq!(unfolded(text), Some((told.to_owned(), 1)), "{text}");
        }
    }

    #[test]
    fn what_is_not_certain_stays_as_it_is() {
        for text in [
            "echo '\"$(cat <<'EOF'\n'; sudo id; '\nEOF\n)\"'",
            "x \"$(cat <<'EOF'\nEOF)\"; sudo id; \"\nEOF\n)\"",
            "x \"$(cat <<'EOF'\na\nEOF\nsudo id)\"",
            "x \"$(cat <<'EOF' | sh\nsudo id\nEOF\n)\"",
            "x \"$(cat <<EOF\n$(sudo \"id\")\nEOF\n)\"",
            "x # \"$(cat <<'EOF'\n'\nEOF\n)\"",
            "x \"${y:-\"$(cat <<'EOF'\na\nEOF\n)\"}\"",
        ] {
            assert_eq!(unfolded(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_looked_at_without_panic(before: String, inner: String) {
            let _ = unfolded(&before);
            let _ = unfolded(&format!("{before}\"$(cat <<{inner}\nEOF\n)\"{before}"));
        }
    }
}
