//! The checks of a target: each tries what a layer promises, as a session would find it, and says what came of it.
//!
//! Invariant: a check passes only when what it is about was seen to hold; what could not be tried has failed. It leaves
//! nothing behind on the target but lines in its logs.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use tokio_util::task::TaskTracker;

use super::probe::{Agent, NotLoggedIn, Prober, Ran, Try};
use crate::audit::Audit;
use crate::authority::Authority;
use crate::config::{Config, TargetConfig};
use crate::domain::command::visible;
use crate::domain::grant::Permissions;
use crate::domain::name::LoginName;
use crate::domain::sudo::SudoRequest;
use crate::domain::target::EnforcementLayer;
use crate::target::TargetError;

/// A login that no target has.
const NOBODY: &str = "countersign-nobody";
/// What a command ends with that is only to show that its status arrives.
const STATUS: u32 = 7;

/// Everything that was tried.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    target: String,
    login: String,
    passed: bool,
    checks: Vec<Check>,
}

/// One thing that was tried.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    passed: bool,
    /// What was seen.
    detail: String,
}

/// What a password would be asked for with.
const PROMPT: &str = "CSPROMPT";
/// What makes a rule or a setting of sudoers free.
const FREE: [&str; 3] = ["NOPASSWD", "!authenticate", "exempt_group="];

type Outcome = Result<String, String>;

/// Tries every layer of a target.
pub(super) async fn run(
    config: &Config,
    (authority, audit): (&Authority, &Audit),
    target: &TargetConfig,
    login: &LoginName,
) -> Report {
    let prober = Prober {
        config,
        target,
        authority,
        audit,
        login,
        tasks: TaskTracker::new(),
    };
    let mut checks = Vec::new();
    let reached = prober.logs_in().await;
    let in_there = reached.is_ok();
    add(&mut checks, "login", reached);
    if in_there {
        add(&mut checks, "other logins", prober.refuses_others().await);
        add(&mut checks, "commands", prober.runs().await);
        add(&mut checks, "force-command", prober.forces().await);
        add(&mut checks, "terminal", prober.gives_terminals().await);
    }
    if in_there && target.info.layers.contains(&EnforcementLayer::Sudo) {
        prober.sudo(&mut checks).await;
    }
    Report {
        target: target.info.name.to_string(),
        login: login.to_string(),
        passed: checks.iter().all(|check| check.passed),
        checks,
    }
}

impl Report {
    /// Whether everything holds.
    pub(super) fn passed(&self) -> bool {
        self.passed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let word = if check.passed { "ok  " } else { "FAIL" };
            writeln!(f, "{word}  {:<14}  {}", check.name, check.detail)?;
        }
        Ok(())
    }
}

fn add(checks: &mut Vec<Check>, name: &'static str, outcome: Outcome) {
    let (passed, detail) = match outcome {
        Ok(detail) => (true, detail),
        Err(detail) => (false, detail),
    };
    checks.push(Check {
        name,
        passed,
        detail,
    });
}

/// A command without anything else.
fn plain(command: &str) -> Try<'_> {
    Try {
        command,
        forced: None,
        terminal: false,
        agent: Agent::None,
    }
}

impl Prober<'_> {
    async fn logs_in(&self) -> Outcome {
        let link = self.log_in(self.login, Permissions::default(), None).await;
        link.map_err(|error| error.to_string())?;
        Ok(format!(
            "its host key is the configured one, and it takes our certificate for `{}`",
            self.login
        ))
    }

    async fn refuses_others(&self) -> Outcome {
        let nobody: LoginName = NOBODY.parse().map_err(|_| "no such name".to_owned())?;
        match self.log_in(&nobody, Permissions::default(), None).await {
            Err(NotLoggedIn::Target(TargetError::LoginRefused { .. })) => {
                Ok("a certificate for another login is refused".to_owned())
            }
            Err(error) => Err(format!("it could not be tried: {error}")),
            Ok(_) => Err(format!(
                "a certificate for `{nobody}` opens `{}` too: set `AuthorizedPrincipalsFile none`",
                self.login
            )),
        }
    }

    async fn runs(&self) -> Outcome {
        let command = format!("printf %s ran; exit {STATUS}");
        let ran = self.run(plain(&command)).await?;
        match (ran.output.as_str(), ran.status) {
            ("ran", Some(STATUS)) => Ok("output and exit status arrive as they are".to_owned()),
            (output, _) => Err(format!(
                "a command's output came as `{}`: something in the login's dotfiles writes or fails",
                visible(output.as_bytes())
            )),
        }
    }

    async fn forces(&self) -> Outcome {
        let ran = self
            .run(Try {
                forced: Some("printf %s forced"),
                ..plain("printf %s asked")
            })
            .await?;
        match ran.output.as_str() {
            "forced" => Ok("what a certificate forces runs, whatever is asked for".to_owned()),
            output => Err(format!(
                "another command ran, and wrote `{}`",
                visible(output.as_bytes())
            )),
        }
    }

    async fn gives_terminals(&self) -> Outcome {
        let ran = self
            .run(Try {
                terminal: true,
                ..plain("tty")
            })
            .await?;
        match ran.output.trim() {
            name if name.starts_with("/dev/") => {
                Ok("one is given where the certificate permits it".to_owned())
            }
            other => Err(format!("none is given: `{}`", visible(other.as_bytes()))),
        }
    }

    /// Everything about the sudo gate.
    async fn sudo(&self, checks: &mut Vec<Check>) {
        if self.login.as_str() == "root" {
            let why = "root needs no sudo: try it as another login".to_owned();
            return add(checks, "sudo asks", Err(why));
        }
        let asked = self.sudo_asks("sudo -k true").await;
        match &asked {
            Ok(request) => {
                add(
                    checks,
                    "sudo asks",
                    Ok("it asks the gate, and fails when that refuses".to_owned()),
                );
                add(checks, "sudo's host", self.is_the_host(request));
                add(checks, "sudo's clock", is_on_time(request));
            }
            Err(why) => add(checks, "sudo asks", Err(why.clone())),
        }
        let login = self.sudo_asks("sudo -i true").await;
        add(
            checks,
            "sudo -i asks",
            login.map(|_| "a login shell asks the gate as well".to_owned()),
        );
        add(checks, "sudo runs", self.sudo_runs().await);
        add(checks, "no agent", self.sudo_needs_the_agent().await);
        let listing = self.sudo_lists().await;
        add(checks, "no NOPASSWD", has_no_free_rules(&listing));
        add(checks, "sudo's PATH", self.sudo_has_its_own_path().await);
        add(checks, "sudo's variables", has_its_own_variables(&listing));
        add(checks, "asks each time", self.sudo_forgets().await);
    }

    /// The request of a sudo that is refused, when it fails by that.
    async fn sudo_asks(&self, command: &str) -> Result<SudoRequest, String> {
        let ran = self
            .run(Try {
                agent: Agent::Refuses,
                ..plain(command)
            })
            .await?;
        if ran.status == Some(0) {
            return Err(format!(
                "`{command}` runs though the gate refuses it: {}",
                where_to_look(&ran)
            ));
        }
        match ran.asked.first() {
            Some(Ok(request)) if request.login() == self.login => Ok(request.clone()),
            Some(Ok(request)) => Err(format!("`{command}` asks as `{}`", request.login())),
            Some(Err(why)) => Err(format!(
                "`{command}` asks for what the gate never signs: {why}"
            )),
            None => Err(format!(
                "`{command}` does not ask the gate: {}",
                where_to_look(&ran)
            )),
        }
    }

    fn is_the_host(&self, request: &SudoRequest) -> Outcome {
        let configured = &self.target.hostname;
        match request.is_from(configured.as_str()) {
            true => Ok(format!(
                "the host calls itself `{configured}`, as it is configured"
            )),
            false => Err(format!(
                "the host calls itself `{}`: write `hostname = \"{}\"` into the target's table",
                request.host(),
                request.host().to_ascii_lowercase()
            )),
        }
    }

    async fn sudo_runs(&self) -> Outcome {
        let ran = self
            .run(Try {
                agent: Agent::Signs,
                ..plain("sudo -k true")
            })
            .await?;
        match ran.status {
            Some(0) => Ok("it runs when the gate signs".to_owned()),
            Some(_) | None => Err(format!(
                "it does not run though the gate signs: {}",
                ran.complaint()
            )),
        }
    }

    async fn sudo_needs_the_agent(&self) -> Outcome {
        let ran = self
            .run(Try {
                agent: Agent::Signs,
                ..plain("env -u SSH_AUTH_SOCK sudo -k true")
            })
            .await?;
        match (ran.status, ran.asked.is_empty()) {
            (Some(0), true) => Err("a sudo runs that cannot reach the gate's agent".to_owned()),
            (Some(0), false) => Err("a sudo finds the agent that it was not told of".to_owned()),
            (Some(_) | None, _) => self.sudo_asks_for_no_password().await,
        }
    }

    /// Nothing else opens sudo: where a password would, it is asked for.
    async fn sudo_asks_for_no_password(&self) -> Outcome {
        for words in ["-k true", "-k -i true"] {
            let command = format!(
                "printf 'x\\n' | env -u SSH_AUTH_SOCK LC_ALL=C sudo -S -p {PROMPT} {words}"
            );
            let ran = self.run(plain(&command)).await?;
            if ran.status == Some(0) {
                return Err(format!("`sudo {words}` runs without the gate's agent"));
            }
            let asks = [PROMPT, "assword:"];
            if asks
                .iter()
                .any(|prompt| ran.errors.contains(prompt) || ran.output.contains(prompt))
            {
                return Err(format!(
                    "`sudo {words}` asks for a password: the gate's line in /etc/pam.d has to be `required`, without \
                     `@include common-auth`"
                ));
            }
        }
        Ok("a sudo that cannot reach the gate fails, and asks for no password".to_owned())
    }

    /// What sudo says that the login may do, in sudo's words.
    async fn sudo_lists(&self) -> Outcome {
        let ran = self
            .run(Try {
                agent: Agent::Signs,
                ..plain("LC_ALL=C sudo -k -l")
            })
            .await?;
        match ran.status {
            Some(0) if !ran.output.is_empty() => Ok(ran.output),
            Some(_) | None => Err(format!("`sudo -l` lists nothing: {}", ran.complaint())),
        }
    }

    async fn sudo_has_its_own_path(&self) -> Outcome {
        let ran = self
            .run(Try {
                agent: Agent::Signs,
                ..plain("PATH=/countersign-nowhere /usr/bin/sudo -k true")
            })
            .await?;
        match ran.status {
            Some(0) => Ok("sudo looks for programs in folders of its own".to_owned()),
            Some(_) | None => Err(format!(
                "sudo looks for programs where its caller says, or does not run: set `secure_path`: {}",
                ran.complaint()
            )),
        }
    }

    async fn sudo_forgets(&self) -> Outcome {
        let ran = self
            .run(Try {
                agent: Agent::Signs,
                ..plain("sudo true && printf first && sudo -n true && printf second")
            })
            .await?;
        match ran.output.as_str() {
            "first" => Ok("a sudo that was signed opens no other".to_owned()),
            "firstsecond" => {
                Err("a second sudo runs unasked: set `timestamp_timeout=0`".to_owned())
            }
            _ => Err(format!("the first does not run: {}", ran.complaint())),
        }
    }
}

/// Whether nothing in what sudo lists runs unasked.
fn has_no_free_rules(listing: &Outcome) -> Outcome {
    let listing = listing.as_ref().map_err(Clone::clone)?;
    let free = |line: &&str| FREE.iter().any(|word| line.contains(word));
    match listing.lines().find(free) {
        Some(rule) => Err(format!(
            "sudoers lets it run without asking: {}",
            visible(rule.trim().as_bytes())
        )),
        None => Ok("sudoers has no rule for it that asks nobody".to_owned()),
    }
}

/// Whether sudo says that it takes no variables from its caller but those that it names.
fn has_its_own_variables(listing: &Outcome) -> Outcome {
    let listing = listing.as_ref().map_err(Clone::clone)?;
    match listing.contains("!env_reset") || !listing.contains("env_reset") {
        true => Err("variables of the caller's reach root: set `env_reset`".to_owned()),
        false => Ok("sudo starts programs with variables of its own".to_owned()),
    }
}

fn is_on_time(request: &SudoRequest) -> Outcome {
    match request.is_recent(Timestamp::now()) {
        true => Ok("the target's clock is about right".to_owned()),
        false => {
            Err("the target's clock is wrong: its requests would be too old or too new".to_owned())
        }
    }
}

fn where_to_look(ran: &Ran) -> String {
    format!(
        "{}; see /etc/pam.d/sudo, /etc/pam.d/sudo-i and `countersign target setup`",
        ran.complaint()
    )
}
