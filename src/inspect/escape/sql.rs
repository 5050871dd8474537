//! Clients of databases: whether the texts that they are given can only ask the database.
//!
//! A text with a command of the client itself (`\!`, `.shell`, `system`) or one by which the server runs a program is not
//! harmless, nor is a session without a text, which takes such commands from the keyboard.

use super::super::table::listed;
use super::super::word::Word;

struct Client {
    names: &'static str,
    /// Short options that give a text.
    texts: &'static str,
    long_texts: &'static str,
    /// Short options with another value.
    values: &'static str,
    /// Short options with a value in the same word only.
    attached: &'static str,
    flags: &'static str,
    long: &'static str,
    long_values: &'static str,
    /// Options with which nothing is asked.
    lists: &'static str,
    /// Whether words behind the first operand are texts.
    queries: bool,
}

const CLIENTS: &[Client] = &[
    Client {
        names: "psql",
        texts: "c",
        long_texts: "command",
        values: "dhpUPRFT",
        attached: "",
        flags: "aAbeEHnqStwWxXz01",
        long: "no-psqlrc quiet tuples-only no-align csv html echo-all echo-queries echo-errors single-transaction \
            no-password password expanded",
        long_values: "dbname host port username pset field-separator record-separator",
        lists: "-l --list --version -V --help -?",
        queries: false,
    },
    Client {
        names: "mysql mariadb",
        texts: "e",
        long_texts: "execute",
        values: "DhPSu",
        attached: "p",
        flags: "ABbCcEfGHNnqrstTvwX",
        long: "batch silent skip-column-names raw table verbose vertical ssl compress password",
        long_values: "user host port socket database password ssl-mode ssl-ca protocol \
            default-character-set",
        lists: "--version -V --help -?",
        queries: false,
    },
    Client {
        names: "sqlite3",
        texts: "",
        long_texts: "",
        values: "",
        attached: "",
        flags: "",
        long: "",
        long_values: "",
        lists: "--version -version --help -help",
        queries: true,
    },
    Client {
        names: "clickhouse-client",
        texts: "q",
        long_texts: "query",
        values: "hudf",
        attached: "",
        flags: "mntE",
        long: "multiline multiquery time vertical secure",
        long_values: "host port user password database format",
        lists: "--version -V --help",
        queries: false,
    },
    Client {
        names: "cqlsh",
        texts: "e",
        long_texts: "execute",
        values: "upk",
        attached: "",
        flags: "C",
        long: "ssl no-color",
        long_values: "username password keyspace request-timeout connect-timeout",
        lists: "--version --help",
        queries: false,
    },
    Client {
        names: "sqlcmd",
        texts: "Q",
        long_texts: "",
        values: "SdUPshw",
        attached: "",
        flags: "EWIbC",
        long: "",
        long_values: "",
        lists: "--version -?",
        queries: false,
    },
    Client {
        names: "duckdb",
        texts: "c",
        long_texts: "",
        values: "",
        attached: "",
        flags: "",
        long: "",
        long_values: "",
        lists: "--version -version --help",
        queries: false,
    },
];

/// Options of `sqlite3`, each a word with one dash or two.
const SQLITE_FLAGS: &str = "batch bail column csv header noheader html json line list markdown quote readonly table tabs box";

/// Whether this use only asks the database; `None` for a program that is none of these.
pub(super) fn is_harmless(name: &str, arguments: &[Word]) -> Option<bool> {
    let client = CLIENTS.iter().find(|client| listed(client.names, name))?;
    Some(client.only_asks(arguments))
}

/// [`is_harmless`] for a client that has a text for its input.
pub(super) fn is_asked(name: &str, arguments: &[Word], text: &str) -> bool {
    let Some(client) = CLIENTS.iter().find(|client| listed(client.names, name)) else {
        return false;
    };
    // A command of the client ends with its line, and more may follow.
    if text.trim_start().starts_with(['\\', '.']) && text.trim().contains('\n') {
        return false;
    }
    let option = client
        .texts
        .chars()
        .next()
        .map(|letter| format!("-{letter}"));
    let asked = option.into_iter().chain([text.to_owned()]).map(Word::Fixed);
    let all: Vec<Word> = arguments.iter().cloned().chain(asked).collect();
    client.only_asks(&all)
}

impl Client {
    fn only_asks(&self, arguments: &[Word]) -> bool {
        let (mut texts, mut operands) = (0, 0);
        let mut left = arguments.iter();
        while let Some(word) = left.next() {
            let text = word.shown();
            // A password stands behind its option in one word.
            let password =
                text.starts_with("-p\"$") && self.attached.contains('p') && text.ends_with('"');
            if password && word.is_quoted() {
                continue;
            }
            if word.may_be_option() {
                return false;
            }
            if listed("-v --set", text) && listed("psql", self.names) {
                if !left.next().is_some_and(sets_plainly) {
                    return false;
                }
                continue;
            }
            if listed(self.lists, text) {
                return true;
            }
            if !text.starts_with('-') || text.len() < 2 {
                operands += 1;
                if self.queries && operands > 1 {
                    if !asks(word) {
                        return false;
                    }
                    texts += 1;
                }
                continue;
            }
            match self.option(text) {
                Role::Flag => {}
                Role::Value => {
                    left.next();
                }
                Role::Text(attached) => {
                    let asked = match attached {
                        Some(text) => asks_in(text),
                        None => left.next().is_some_and(asks),
                    };
                    if !asked {
                        return false;
                    }
                    texts += 1;
                }
                Role::Unknown => return false,
            }
        }
        texts > 0
    }

    fn option<'a>(&self, text: &'a str) -> Role<'a> {
        if self.queries {
            let name = text.trim_start_matches('-');
            return if listed(SQLITE_FLAGS, name) {
                Role::Flag
            } else {
                Role::Unknown
            };
        }
        if let Some(long) = text.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some(("defaults-file" | "defaults-extra-file", file)) if is_own(file) => {
                    return Role::Flag;
                }
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            return match value {
                _ if listed(self.long_texts, name) => Role::Text(value),
                Some(_) if listed(self.long_values, name) => Role::Flag,
                None if listed(self.long, name) => Role::Flag,
                None if listed(self.long_values, name) => Role::Value,
                Some(_) | None => Role::Unknown,
            };
        }
        for (at, letter) in text.char_indices().skip(1) {
            let rest = text
                .get(at + letter.len_utf8()..)
                .filter(|rest| !rest.is_empty());
            if self.texts.contains(letter) {
                return Role::Text(rest);
            }
            if self.values.contains(letter) {
                return if rest.is_some() {
                    Role::Flag
                } else {
                    Role::Value
                };
            }
            if self.attached.contains(letter) {
                return Role::Flag;
            }
            if !self.flags.contains(letter) {
                return Role::Unknown;
            }
        }
        Role::Flag
    }
}

enum Role<'a> {
    Flag,
    Value,
    Text(Option<&'a str>),
    Unknown,
}

/// A file of settings that is the person's or the system's own.
fn is_own(file: &str) -> bool {
    (file == "~/.my.cnf" || file.starts_with("/etc/")) && !file.contains("..")
}

/// `-v ON_ERROR_STOP=1`: a value that could be no part of a command.
fn sets_plainly(word: &Word) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let value = word.fixed().and_then(|text| text.split_once('='));
    value.is_some_and(|(name, value)| format!("{name}{value}").chars().all(plain))
}

fn asks(word: &Word) -> bool {
    match word {
        Word::Fixed(text) => asks_in(text),
        Word::Computed { .. } => {
            word.is_one_word()
                && word.is_trusted()
                && !word.begins("\"$")
                && asks_in(word.shown().trim_matches('"'))
        }
    }
}

/// Words by which the client or the server runs something or reads code.
const RUNNING: [&str; 21] = [
    "program",
    "system",
    "source",
    "shell",
    "load",
    "pager",
    "edit",
    "plpython",
    "plpythonu",
    "plperl",
    "plperlu",
    "sys_exec",
    "lo_export",
    "plpython3u",
    "plsh",
    "soname",
    "dumpfile",
    "writefile",
    "executable",
    "xp_cmdshell",
    "install",
];
/// Dot commands of `sqlite3` that only look.
const LOOKING: &str = ".tables .schema .databases .indexes .indices .dump .headers .header .mode .show .stats .width .help .quit";

fn asks_in(text: &str) -> bool {
    let text = text.trim();
    if text.starts_with('.') {
        let first = text.split_whitespace().next().unwrap_or_default();
        return listed(LOOKING, first) && !text.contains('\n') && !text.contains('|');
    }
    // `\dt` and the like only look.
    if let Some(copied) = text.strip_prefix("\\copy ") {
        return !copied.contains(['\\', '|', '`']) && asks_in(copied);
    }
    if let Some(command) = text.strip_prefix('\\') {
        let letters = command
            .split(char::is_whitespace)
            .next()
            .unwrap_or_default();
        let looks = (letters.starts_with(['d', 'l'])
            || matches!(letters, "x" | "timing" | "conninfo" | "encoding"))
            && letters.chars().all(|c| c.is_ascii_alphabetic() || c == '+');
        if command == "pset pager off" {
            return true;
        }
        return looks
            && !matches!(letters, "lo_import" | "lo_export")
            && !command.contains(['\\', '|', '`']);
    }
    // How the clients are told to print down the page, and signs in texts.
    let text = text.strip_suffix("\\gx").unwrap_or(text);
    let text = ["\\n\"", "\\t\"", "\\n'", "\\t'"]
        .iter()
        .fold(text.to_owned(), |text, sign| text.replace(sign, " "));
    let text = text
        .replace("\\G", ";")
        .replace("\\_", "_")
        .replace("\\%", "%");
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    !lower.contains("load_extension")
        && !lower.contains("language c")
        && !text.contains('\\')
        && !text.contains("\n.")
        && !text.contains("!!")
        && !words.any(|word| RUNNING.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harmless(words: &[&str]) -> bool {
        let words: Vec<Word> = words
            .iter()
            .map(|word| Word::Fixed((*word).to_owned()))
            .collect();
        is_harmless(words[0].shown(), &words[1..]).unwrap()
    }

    #[test]
    fn a_question_to_a_database_is_harmless() {
        for words in [
            &["psql", "-c", "select 1"][..],
            &[
                "psql",
                "-h",
                "db1",
                "-U",
                "app",
                "-d",
                "shop",
                "-Atc",
                "select count(*) from users",
            ],
            &["psql", "--command=select 1"],
            &["psql", "-c", "\\dt+"],
            &["psql", "-l"],
            &["mysql", "-uroot", "-psecret", "-e", "show processlist"],
            &["mysql", "-e", "show replica status\\G"],
            &["mysql", "-N", "-B", "shop", "--execute=select 1"],
            &["sqlite3", "x.db", ".tables"],
            &["sqlite3", "-csv", "x.db", "select 1"],
        ] {
            assert!(harmless(words), "{words:?}");
        }
    }

    #[test]
    fn a_session_a_file_and_a_command_of_the_client_are_not() {
        for words in [
            &["psql"][..],
            &["psql", "shop"],
            &["psql", "-f", "x.sql"],
            &["psql", "-c", "\\! id"],
            &["psql", "-c", "select 1 \\! id"],
            &["psql", "-c", "\\dt \\! id"],
            &["psql", "-c", "copy x to program 'id'"],
            &["psql", "-c", "COPY x FROM PROGRAM 'id'"],
            &["mysql", "-e", "system id"],
            &["mysql", "-e", "\\! id"],
            &["mysql", "-e", "select 1; source x"],
            &["mysql", "--pager=sh", "-e", "select 1"],
            &["mysql", "--defaults-file=x", "-e", "select 1"],
            &["sqlite3", "x.db"],
            &["sqlite3", "x.db", ".shell id"],
            &["sqlite3", "x.db", "select 1;\n.system id"],
            &["sqlite3", "-init", "f", "x.db", "select 1"],
            &["sqlite3", "x.db", "select edit('x', 'sh')"],
        ] {
            assert!(!harmless(words), "{words:?}");
        }
    }
}
