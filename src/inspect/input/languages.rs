//! Interpreters and clients whose options are known, as data.
//!
//! Invariant: an option that is not listed is not guessed at; with it the program counts as one that runs its input.

/// A program that runs code, with the options of it that are known. With any other its input counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Language {
    /// Its names.
    pub(super) names: &'static str,
    /// Short options that give the text to run.
    pub(super) texts: &'static str,
    /// Short options that name the file to run.
    pub(super) files: &'static str,
    /// Short options with another value.
    pub(super) values: &'static str,
    /// Short options that take the rest of their word.
    pub(super) attached: &'static str,
    /// Short options without a value.
    pub(super) flags: &'static str,
    /// Long options that give the text to run.
    pub(super) long_texts: &'static str,
    /// Long options that name the file to run.
    pub(super) long_files: &'static str,
    /// Long options with another value.
    pub(super) long_values: &'static str,
    /// Long options without a value.
    pub(super) long_flags: &'static str,
    /// Whether its first operand is a script, and ends its options.
    pub(super) script: bool,
    /// Whether a text ends its options.
    pub(super) ends: bool,
    /// After how many operands the next one is a text to run.
    pub(super) queries: Option<usize>,
}

const SCRIPTING: Language = Language {
    names: "",
    texts: "",
    files: "",
    values: "",
    attached: "",
    flags: "",
    long_texts: "",
    long_files: "",
    long_values: "",
    long_flags: "",
    script: true,
    ends: false,
    queries: None,
};

/// Those whose options are known.
pub(super) const LANGUAGES: &[Language] = &[
    Language {
        names: "python",
        texts: "c",
        values: "WX",
        flags: "bBdEIOPqsSuvx",
        ends: true,
        ..SCRIPTING
    },
    Language {
        names: "perl",
        texts: "eE",
        attached: "iMm0F",
        flags: "wWtTXanpl",
        ..SCRIPTING
    },
    Language {
        names: "ruby",
        texts: "e",
        attached: "i0FW",
        flags: "wnpla",
        ..SCRIPTING
    },
    Language {
        names: "node nodejs",
        texts: "ep",
        long_texts: "eval print",
        ..SCRIPTING
    },
    Language {
        names: "php",
        texts: "r",
        files: "f",
        flags: "nqC",
        ..SCRIPTING
    },
    Language {
        names: "psql",
        texts: "c",
        files: "f",
        values: "dhpUvPTRFoL",
        flags: "aAbeEHnqtwWxXz01",
        long_texts: "command",
        long_files: "file",
        long_values: "dbname host port username set variable pset output field-separator record-separator \
            log-file",
        long_flags: "no-psqlrc quiet tuples-only no-align csv html echo-all echo-queries echo-errors \
            single-transaction no-password password expanded",
        script: false,
        ..SCRIPTING
    },
    Language {
        names: "mysql mariadb",
        texts: "e",
        values: "DhPSu",
        attached: "p",
        flags: "ABbCcEfGHNnqrstTvwX",
        long_texts: "execute",
        long_values: "user host port socket database defaults-file defaults-extra-file password",
        long_flags: "batch silent skip-column-names raw table verbose",
        script: false,
        ..SCRIPTING
    },
    Language {
        names: "sqlite3",
        queries: Some(1),
        script: false,
        ..SCRIPTING
    },
];
