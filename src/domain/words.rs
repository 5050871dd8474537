//! Words and the text that a shell makes the same words of.
//!
//! Invariant: what is taken for words here is read so by every shell that is in use; of a text that may be read otherwise
//! nothing is taken. It expands nothing and knows no programs.

/// Words as a shell would have to be given them.
pub fn quoted(words: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    for word in words {
        if !text.is_empty() {
            text.push(b' ');
        }
        // Only a NUL cannot be quoted, and no argument holds one.
        let quoted = shlex::bytes::try_quote(word);
        text.extend_from_slice(&quoted.unwrap_or_default());
    }
    text
}

/// The words of a text that any shell reads the same: plain characters, and quotes with plain characters and spaces in
/// them. A text with anything else has none.
pub fn plain(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+:,./-".contains(&byte);
    let (mut words, mut word, mut quote) = (Vec::new(), None::<Vec<u8>>, None);
    for &byte in text {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (None, b' ') => words.extend(word.take()),
            (Some(_), b' ') => word.get_or_insert_default().push(byte),
            (_, b'=') if word.is_some() => word.get_or_insert_default().push(byte),
            (_, byte) if harmless(byte) => word.get_or_insert_default().push(byte),
            (Some(_) | None, _) => return None,
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_plain_when_every_shell_reads_them_the_same() {
        let words = |text: &str| {
            let words = super::plain(text.as_bytes())?;
            let text = |word: Vec<u8>| String::from_utf8(word).unwrap();
            Some(words.into_iter().map(text).collect::<Vec<_>>())
        };
        let reads = |text: &str, parts: &[&str]| {
            let parts = parts.iter().map(ToString::to_string).collect();
            assert_eq!(words(text), Some(parts), "{text}");
        };
        reads(
            " sudo  systemctl restart a@b.service ",
            &["sudo", "systemctl", "restart", "a@b.service"],
        );
        reads(
            "sudo a '' \"b c\"'d' e=f",
            &["sudo", "a", "", "b cd", "e=f"],
        );
        for text in [
            "sudo a; b",
            "sudo a\nb",
            "sudo $a",
            "sudo `a`",
            "sudo a*",
            "sudo ~/a",
            "sudo {a,b}",
            "sudo \"$a\"",
            "sudo a\\ b",
            "sudo 'a",
            "sudo a # b",
            "sudo a > b",
            "sudo =ls",
            "sudo a\tb",
            "sudo é",
            "sudo !!",
        ] {
            assert_eq!(words(text), None, "{text}");
        }
    }
}
