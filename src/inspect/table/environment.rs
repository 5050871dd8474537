//! Variables that change how programs are found or started.

/// Variables that are harmless though their names look like those below.
pub(in crate::inspect) const HARMLESS: &str =
    "NODE_ENV RAILS_ENV RUST_LOG RUST_BACKTRACE OPTIND OPTARG";

/// Variables that change how programs are found or started, or what programs run by themselves.
pub(in crate::inspect) const SENSITIVE: &str = "IFS PS0 PS1 PS2 PS3 PS4 MAGIC MAKE CC CXX CPP LD AR AS FC GLOBIGNORE LESS TMOUT EXECIGNORE \
    COLUMNS LINES POSIXLY_CORRECT EDITOR VISUAL FCEDIT HOSTALIASES INPUTRC WGETRC CURLRC SCREENRC READNULLCMD NULLCMD OSH \
    histchars auto_resume path fpath cdpath manpath mailpath module_path prompt fignore";

/// Beginnings of such variables' names.
pub(in crate::inspect) const SENSITIVE_PREFIXES: &[&str] = &[
    "LD_", "DYLD_", "BASH", "GIT_", "PERL", "PYTHON", "SYSTEMD_", "LUA_", "ZSH", "ZDOT", "LESS",
    "MAIL", "TERM", "NODE_", "NPM_", "npm_", "RUBY", "GEM_", "JAVA_", "JDK_", "_JAVA", "DOCKER_",
    "KUBE", "CARGO_", "RUST", "GLIBC_", "MALLOC_", "RES_", "GCONV", "AWK", "PIP_", "MAN", "SUDO_",
    "SSH_", "HIST", "COMP_",
];

/// What the names of such variables contain when they are written in capitals: more than are known by name.
pub(in crate::inspect) const SENSITIVE_PARTS: &[&str] = &[
    "PATH", "SHELL", "PAGER", "EDITOR", "BROWSER", "PROMPT", "COMMAND", "CMD", "EXEC", "WRAPPER",
    "PRELOAD", "LIBRAR", "MODULE", "PLUGIN", "LOADER", "HOOK", "OPT", "FLAGS", "ARGS", "INIT",
    "STARTUP", "ENV", "HOME", "CONF", "ASKPASS", "RSH", "SSH", "TRACE", "TERM", "LESS", "HIST",
];
