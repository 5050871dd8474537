//! What the architecture promises, held against the source: the import order of `lib.rs`, a domain without
//! input or output, and proofs that are made only where something was proved.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at its first surprise"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the domain must not name: the time is an argument, and effects are data.
const IO: [&str; 17] = [
    "tokio",
    "tracing",
    "sqlx",
    "reqwest",
    "russh",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
];

/// Who may make which proof.
const PROOFS: [(&str, &[&str]); 5] = [
    ("VerifiedIdentity::vouched", &["identity", "authority"]),
    ("Verdict::allow", &["policy"]),
    ("LiveRecording::started", &["record"]),
    ("Clearance::of_sftp", &["relay"]),
    ("SignedAnswer::vouched", &["signature"]),
];

/// The files of the binary: they stand above every module of the library.
const BINARY: [&str; 3] = ["main", "cli", "command"];

#[test]
fn files_import_only_modules_declared_above_their_own() {
    let order = declared("src/lib.rs");
    let mut offences = Vec::new();
    for file in sources().iter().filter(|file| !file.is("lib.rs")) {
        let top = file.module(0);
        if BINARY.contains(&top.as_str()) && !order.contains(&top) {
            continue;
        }
        let Some(place) = position(&order, &top) else {
            offences.push(format!("{}: `{top}` is not in src/lib.rs", file.name));
            continue;
        };
        for (line, name) in file.references("crate::") {
            let known = position(&order, &name);
            if known.is_none_or(|known| known > place) {
                offences.push(format!(
                    "{}:{line}: uses `crate::{name}`, which src/lib.rs does not declare above `{top}`",
                    file.name
                ));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn the_domain_follows_the_order_of_its_own_list() {
    let order = declared("src/domain.rs");
    let mut offences = Vec::new();
    for file in sources().iter().filter(|file| file.is_under("domain/")) {
        let own = file.module(1);
        let place = position(&order, &own);
        for (line, name) in file.references("crate::domain::") {
            let above = position(&order, &name).is_some_and(|known| Some(known) <= place);
            if !above {
                offences.push(format!(
                    "{}:{line}: uses `{name}`, which src/domain.rs does not declare above `{own}`",
                    file.name
                ));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn the_domain_has_no_input_output_or_clock() {
    let mut offences = Vec::new();
    for file in sources().iter().filter(|file| file.is_under("domain")) {
        for (line, code) in file.code() {
            for word in IO.iter().filter(|word| names(&code, word)) {
                offences.push(format!("{}:{line}: names `{word}`", file.name));
            }
        }
    }
    assert_none(&offences);
}

#[test]
fn proofs_are_made_only_where_something_was_proved() {
    let mut offences = Vec::new();
    for (constructor, makers) in PROOFS {
        let mut made = 0;
        for file in &sources() {
            let calls = file.code().filter(|(_, code)| names(code, constructor));
            for (line, _) in calls {
                made += 1;
                if !makers.contains(&file.module(0).as_str()) {
                    offences.push(format!(
                        "{}:{line}: calls `{constructor}`; only {makers:?} may",
                        file.name
                    ));
                }
            }
        }
        if made == 0 {
            offences.push(format!("nobody calls `{constructor}`: was it renamed?"));
        }
    }
    assert_none(&offences);
}

#[test]
fn modules_are_files_beside_their_folders() {
    let offences: Vec<_> = sources()
        .iter()
        .filter(|file| file.name.ends_with("/mod.rs"))
        .map(|file| format!("{}: call it by the folder's name, one level up", file.name))
        .collect();
    assert_none(&offences);
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    let text = "//! crate::doc\nuse crate::{\n    a::B,\n    c,\n};\nfn f() { crate::d::g(\"crate::e\") }\n\
                use crate::h::{I, J};\n#[cfg(test)]\nmod tests {\n    use crate::k;\n}\n";
    let file = Source::new("src/x.rs".to_owned(), text);
    let found: Vec<_> = file.references("crate::").into_iter().collect();
    let expected = [(2, "a"), (2, "c"), (6, "d"), (7, "h")];
    assert_eq!(found, expected.map(|(line, name)| (line, name.to_owned())));
    assert!(names("use std::time::Instant;", "Instant"));
    assert!(!names("an Instantiation", "Instant"));
}

/// One file of `src`, without comments, texts and unit tests (which may use anything).
struct Source {
    name: String,
    lines: Vec<String>,
}

impl Source {
    fn new(name: String, text: &str) -> Self {
        let end = text.find("\n#[cfg(test)]\nmod ").unwrap_or(text.len());
        let lines = text[..end].lines();
        let lines = lines.map(without_comment_and_texts).collect();
        Self { name, lines }
    }

    fn is(&self, path: &str) -> bool {
        self.name == format!("src/{path}")
    }

    fn is_under(&self, prefix: &str) -> bool {
        self.name.starts_with(&format!("src/{prefix}"))
    }

    /// The name of the module at a depth: `src/config/raw.rs` is `config` at 0 and `raw` at 1.
    fn module(&self, depth: usize) -> String {
        let parts = self.name.trim_end_matches(".rs").split('/');
        parts.skip(1).nth(depth).unwrap().to_owned()
    }

    fn code(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        let numbered = self.lines.iter().enumerate();
        numbered.map(|(index, line)| (index + 1, line.clone()))
    }

    /// The modules that come directly after `prefix`, with the line of the path; also those in braces.
    fn references(&self, prefix: &str) -> BTreeSet<(usize, String)> {
        let text = self.lines.join("\n");
        let mut found = BTreeSet::new();
        for (at, _) in text.match_indices(prefix) {
            if text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '$')) {
                continue;
            }
            let line = text[..at].matches('\n').count() + 1;
            let rest = &text[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(list) => found.extend(heads(list).into_iter().map(|name| (line, name))),
                None => found.extend(head(rest).map(|name| (line, name))),
            }
        }
        found
    }
}

/// The first names of the paths in a list of imports, up to its closing brace.
fn heads(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.extend(head(list[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

/// The name that a text begins with, if it is a module's (types and constants have capitals).
fn head(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &text[..end.unwrap_or(text.len())];
    name.starts_with(|c: char| c.is_ascii_lowercase())
        .then(|| name.to_owned())
}

/// A line without its comment and with its quoted texts emptied.
fn without_comment_and_texts(line: &str) -> String {
    let mut code = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => {
                chars.next();
            }
            '"' => {
                quoted = !quoted;
                code.push(c);
            }
            '/' if !quoted && chars.peek() == Some(&'/') => break,
            _ if quoted => {}
            _ => code.push(c),
        }
    }
    code
}

/// Whether code holds a path or name as a whole.
fn names(code: &str, path: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(path).any(|(at, _)| {
        let before = code[..at].ends_with(part);
        let after = code[at + path.len()..].starts_with(part);
        !before && !after
    })
}

/// The modules that a file declares, in its order.
fn declared(file: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let lines = text.lines().filter_map(|line| {
        let rest = line
            .strip_prefix("pub mod ")
            .or(line.strip_prefix("mod "))?;
        rest.strip_suffix(';').map(str::to_owned)
    });
    let modules: Vec<_> = lines.collect();
    assert!(!modules.is_empty(), "{file} declares no modules");
    modules
}

fn position(order: &[String], name: &str) -> Option<usize> {
    order.iter().position(|known| known == name)
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") && !is_test(&path) {
                let text = fs::read_to_string(&path).unwrap();
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push(Source::new(name, &text));
            }
        }
    }
    assert!(!found.is_empty());
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Unit tests in a file of their own.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        let part = Path::new(part.as_os_str()).file_stem();
        part.is_some_and(|name| name == "tests")
    })
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn assert_none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}
