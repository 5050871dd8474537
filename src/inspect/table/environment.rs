//! Variables that change how programs are found or started.

/// Variables that are harmless though their names look like those below.
pub(in crate::inspect) const HARMLESS: &str = "NODE_ENV RAILS_ENV RUST_LOG RUST_BACKTRACE OPTARG";

/// Variables of the shell's own that evaluate what they are given as arithmetic.
pub(in crate::inspect) const COUNTERS: &str = "RANDOM SECONDS OPTIND LINENO FUNCNEST";

/// Variables that change how programs are found or started, or what programs run by themselves.
pub(in crate::inspect) const SENSITIVE: &str = "OLDPWD HOSTFILE READLINE_LINE IFS PS0 PS1 PS2 PS3 PS4 MAGIC MAKE MAKEFILES CC CXX CPP LD AR AS FC F77 LEX YACC PC OBJC CO GET LINT PSQLRC PSQL_PAGER TEX MAKEINFO GLOBIGNORE LESS TMOUT EXECIGNORE \
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

/// Variables that programs look at and that may have been exported before.
pub(in crate::inspect) const EXPORTED: &str = "PATH CDPATH FPATH LOCPATH NLSPATH SHELLOPTS MANPATH MODULE_PATH CLASSPATH SHELL HOME PAGER MANPAGER GIT_PAGER BROWSER \
    TERM TERMINFO TERMCAP TERMINFO_DIRS MAIL MAILPATH MAILCHECK PROMPT PROMPT_COMMAND RPROMPT RPS1 HISTFILE HISTSIZE HISTCONTROL \
    HISTIGNORE HISTTIMEFORMAT HISTFILESIZE COMMAND_MODE JAVA_HOME JAVA_OPTS JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS \
    MAVEN_OPTS GRADLE_OPTS NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS RUSTC_WRAPPER KUBECONFIG KUBE_EDITOR KUBECTL_EXTERNAL_DIFF \
    DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT DOCKER_CERT_PATH SSH_ASKPASS SSH_ASKPASS_REQUIRE SSH_AUTH_SOCK SSH_SK_PROVIDER \
    RSYNC_RSH RSYNC_CONNECT_PROG CVS_RSH SVN_SSH TAR_OPTIONS MAKEFLAGS GNUMAKEFLAGS OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES \
    LESSOPEN LESSCLOSE MANOPT MANLESS MANROFFOPT GROFF_COMMAND_PREFIX RES_OPTIONS LOCALDOMAIN XDG_CONFIG_HOME XDG_CONFIG_DIRS \
    XDG_DATA_DIRS MYSQL_HOME VIMINIT EXINIT VIM VIMRUNTIME ANSIBLE_CONFIG GOFLAGS GOROOT GOPATH CFLAGS LDFLAGS CXXFLAGS \
    CPPFLAGS ARFLAGS GREP_OPTIONS RIPGREP_CONFIG_PATH FZF_DEFAULT_COMMAND FZF_DEFAULT_OPTS COMPOSER_HOME AWS_CONFIG_FILE";

/// Beginnings of such variables' names.
pub(in crate::inspect) const EXPORTED_PREFIXES: &[&str] = &[
    "LD_", "DYLD_", "BASH", "GIT_", "PERL", "PYTHON", "SYSTEMD_", "LUA_", "ZSH", "ZDOT", "LESS",
    "NPM_", "npm_", "RUBY", "GEM_", "CARGO_", "RUST", "GLIBC_", "MALLOC_", "GCONV", "AWK", "PIP_",
    "SUDO_", "COMP_",
];

/// Ends of names that tell what a script keeps for itself.
pub(in crate::inspect) const FREE_SUFFIXES: &[&str] = &[
    "_VERSION", "_SHA", "_BRANCH", "_TAG", "_ID", "_PID", "_REPO", "_URL", "_COMMIT", "_HASH",
    "_REF",
];
