//! What a target needs: its files with their modes, as a script for root to read and run, or as JSON.
//!
//! Invariant: what stands in the script's files is nothing but our own text, public keys, and checked names; a file that
//! was there before is kept beside the new one. It changes nothing itself.

use std::fmt;

use serde::Serialize;

use crate::authority::Authority;
use crate::config::TargetConfig;
use crate::domain::name::LoginName;
use crate::domain::target::EnforcementLayer;

/// Where a target keeps the user authority's public key.
const USER_CA: &str = "/etc/ssh/countersign_ca.pub";
/// Where a target keeps the public key of the sudo gate.
const GATE_KEY: &str = "/etc/ssh/countersign_sudo_gate.pub";
/// What ends a file in the script; no line of a file is this one.
const END: &str = "COUNTERSIGN";

/// Everything that a target needs.
#[derive(Debug, Serialize)]
pub(super) struct Setup {
    /// The target, where it is for one.
    target: Option<String>,
    /// Debian packages.
    packages: Vec<&'static str>,
    /// Files, in the order in which they are to be put there.
    files: Vec<File>,
    /// Accounts that should have no password, which `su` would ask for.
    without_password: Vec<String>,
}

/// One file of a target.
#[derive(Debug, Serialize)]
struct File {
    path: &'static str,
    /// Its mode; it belongs to root.
    mode: &'static str,
    content: String,
    /// What has to accept it before it is put there, with the file's name behind it.
    check: Option<&'static str>,
}

impl Setup {
    /// What one target needs for its layers, or any target for all of them.
    pub(super) fn new(
        authority: &Authority,
        target: Option<&TargetConfig>,
    ) -> anyhow::Result<Self> {
        let gated =
            target.is_none_or(|target| target.info.layers.contains(&EnforcementLayer::Sudo));
        let logins: Vec<&LoginName> =
            target.map_or_else(Vec::new, |target| target.info.logins.iter().collect());
        let mut files = vec![
            public_key(USER_CA, authority.user_ca().to_openssh()?),
            sshd(&logins, gated),
        ];
        if gated {
            let gate = authority.sudo_gate().to_openssh()?;
            files.extend([
                public_key(GATE_KEY, gate),
                sudoers(&logins),
                pam("/etc/pam.d/sudo", "common-session-noninteractive"),
                pam("/etc/pam.d/sudo-i", "common-session"),
            ]);
        }
        Ok(Self {
            target: target.map(|target| target.info.name.to_string()),
            packages: match gated {
                true => vec!["sudo", "libpam-ssh-agent-auth"],
                false => Vec::new(),
            },
            files,
            without_password: match gated {
                true => others(&logins).map(ToString::to_string).collect(),
                false => Vec::new(),
            },
        })
    }
}

fn public_key(path: &'static str, key: String) -> File {
    File {
        path,
        mode: "0644",
        content: format!("{key}\n"),
        check: None,
    }
}

fn sshd(logins: &[&LoginName], gated: bool) -> File {
    let mut content = format!(
        "# Countersign: sessions come with certificates of the bastion, for one login each.\n\
         TrustedUserCAKeys {USER_CA}\n\
         AuthorizedPrincipalsFile none\n"
    );
    if gated {
        content.push_str(
            "# Each sudo asks the bastion by the agent's channel.\nAllowAgentForwarding yes\n",
        );
    }
    if logins.iter().any(|login| login.as_str() == "root") {
        content.push_str(
            "# With `forced-commands-only` root runs nothing but commands that were approved.\n\
             PermitRootLogin prohibit-password\n",
        );
    }
    if !logins.is_empty() {
        let names: Vec<&str> = logins.iter().map(|login| login.as_str()).collect();
        content.push_str(&format!(
            "# Nobody comes to these logins past the bastion, not even with a key that they put there.\n\
             Match User {}\n    AuthorizedKeysFile none\n    AuthorizedKeysCommand none\n\
             \x20   AuthenticationMethods publickey\n",
            names.join(",")
        ));
    }
    File {
        path: "/etc/ssh/sshd_config.d/10-countersign.conf",
        mode: "0644",
        content,
        check: None,
    }
}

fn sudoers(logins: &[&LoginName]) -> File {
    let mut content = "# Countersign: every sudo is asked about anew, and by nothing but the gate.\n\
        Defaults timestamp_timeout=0, passwd_tries=1, authenticate\n\
        Defaults !rootpw, !targetpw, !runaspw, !exempt_group\n\
        # What was approved is what runs only where root's PATH and variables are not the caller's.\n\
        Defaults env_reset, secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n\
        Defaults env_keep += \"SSH_AUTH_SOCK\"\n\
        # What each login may ask for. The gate holds it; this is what is possible at all. Never with NOPASSWD.\n\
        # Take off the `# ` where no other rule, such as that of the group sudo, lets the login use sudo already.\n"
        .to_owned();
    for login in others(logins) {
        content.push_str(&format!("# {login} ALL=(ALL:ALL) ALL\n"));
    }
    File {
        path: "/etc/sudoers.d/zz-countersign",
        mode: "0440",
        content,
        check: Some("visudo -cqf"),
    }
}

/// Those that need sudo to be root.
fn others<'a>(logins: &'a [&LoginName]) -> impl Iterator<Item = &'a LoginName> {
    let others = logins.iter().filter(|login| login.as_str() != "root");
    others.copied()
}

fn pam(path: &'static str, session: &str) -> File {
    File {
        path,
        mode: "0644",
        content: format!(
            "#%PAM-1.0\n\
             # Countersign: no password opens sudo here, only a signature of the bastion's sudo gate.\n\
             auth       required   pam_ssh_agent_auth.so file={GATE_KEY}\n\
             session    required   pam_limits.so\n\
             @include common-account\n\
             @include {session}\n"
        ),
        check: None,
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.target.as_deref().unwrap_or("any target");
        writeln!(
            f,
            "#!/bin/sh\n# What Countersign needs on {what} (Debian 12 and similar). Read it, then run it there as root."
        )?;
        writeln!(
            f,
            "# Keep a root shell open until `countersign target check` was content."
        )?;
        if !self.packages.is_empty() {
            write!(f, "{EVERYBODY}")?;
        }
        writeln!(f, "set -eu\n\n{INCLUDED}\n\n{PUT}")?;
        if !self.packages.is_empty() {
            writeln!(f, "{PACKAGES}")?;
            writeln!(
                f,
                "present || apt-get install -y {}\n",
                self.packages.join(" ")
            )?;
        }
        for file in &self.files {
            let check = file.check.unwrap_or("true");
            writeln!(
                f,
                "put {} {} '{check}' <<'{END}'\n{}{END}\n",
                file.mode, file.path, file.content
            )?;
        }
        if !self.packages.is_empty() {
            writeln!(f, "{PITFALLS}")?;
        }
        for login in &self.without_password {
            writeln!(f, "has_no_password {login}")?;
        }
        writeln!(
            f,
            "{TRIED}\necho 'Done. Let sshd read it: systemctl reload ssh'"
        )
    }
}

/// What people should know before, and what they can do about it.
const EVERYBODY: &str = "#
# Its /etc/pam.d/sudo and /etc/pam.d/sudo-i are for everybody on the host: no password opens sudo any more, whoever calls
# it, and without the bastion nobody gets further than a login. Keep another way to root, such as a console. To gate some
# logins alone, here deploy and app, put these lines for the one line `auth` of both files below:
#   auth [success=1 default=ignore] pam_succeed_if.so quiet user notin deploy:app
#   auth [success=done default=die] pam_ssh_agent_auth.so file=/etc/ssh/countersign_sudo_gate.pub
#   @include common-auth
";

const PUT: &str = r#"# put MODE FILE CHECK: standard input becomes the file, if the check accepts it. What was there is kept beside it.
put() {
  mkdir -p "${2%/*}"
  new=$(mktemp "${2%/*}/.countersign.XXXXXX")
  cat >"$new"
  $3 "$new" || { rm -f "$new"; echo "$2: not accepted" >&2; exit 1; }
  chown 0:0 "$new"
  chmod "$1" "$new"
  case $2 in
    /etc/sudoers.d/*) ;;
    *) [ ! -e "$2" ] || [ -e "$2.before-countersign" ] || cp -p "$2" "$2.before-countersign" ;;
  esac
  mv -f "$new" "$2"
}
"#;

const PACKAGES: &str = r#"present() {
  command -v visudo >/dev/null && ls /lib/*/security/pam_ssh_agent_auth.so /usr/lib/*/security/pam_ssh_agent_auth.so \
    /lib/security/pam_ssh_agent_auth.so 2>/dev/null | grep -q .
}"#;

const PITFALLS: &str = r#"if grep -rnE '^[^#]*(NOPASSWD|!authenticate)' /etc/sudoers /etc/sudoers.d; then
  echo 'These rules let a sudo run without asking anybody: take NOPASSWD and !authenticate out of them.' >&2
fi
has_no_password() {
  case $(passwd -S "$1" 2>/dev/null) in
    "$1 P "*) echo "$1 has a password, which su takes without asking the gate: usermod -p '*' $1" >&2 ;;
  esac
}"#;

const INCLUDED: &str = r#"grep -qi '^ *include */etc/ssh/sshd_config\.d/\*\.conf' /etc/ssh/sshd_config ||
  {
    echo 'sshd does not read /etc/ssh/sshd_config.d: put Include /etc/ssh/sshd_config.d/*.conf first into sshd_config' >&2
    exit 1
  }"#;

const TRIED: &str = r#"sshd -t || {
  mv -f /etc/ssh/sshd_config.d/10-countersign.conf /etc/ssh/sshd_config.d/10-countersign.refused
  echo 'sshd does not take its new file: it was put aside as 10-countersign.refused, and sshd is as it was' >&2
  exit 1
}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_takes_neither_path_nor_variables_from_its_caller_and_no_rule_is_live() {
        let login: LoginName = "1000".parse().unwrap();
        let file = sudoers(&[&login]);
        assert!(
            file.content
                .contains("Defaults env_reset, secure_path=\"/usr/")
        );
        // `#1000` would be a user's number.
        let mut rules = file.content.lines().filter(|line| line.contains("1000"));
        assert!(rules.all(|line| line.starts_with("# 1000 ")));
    }

    #[test]
    fn no_key_of_a_command_or_a_file_opens_a_login_past_the_bastion() {
        let login: LoginName = "deploy".parse().unwrap();
        let content = sshd(&[&login], true).content;
        let (_, block) = content.split_once("Match User deploy\n").unwrap();
        let expected = [
            "    AuthorizedKeysFile none",
            "    AuthorizedKeysCommand none",
            "    AuthenticationMethods publickey",
        ];
        assert_eq!(block.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_line_of_a_file_ends_it_early() {
        let login: LoginName = "COUNTERSIGN".parse().unwrap();
        for file in [
            public_key(USER_CA, "ssh-ed25519 AAAA".to_owned()),
            sshd(&[&login], true),
            sudoers(&[&login]),
            pam("/etc/pam.d/sudo", "common-session"),
        ] {
            assert!(
                file.content.lines().all(|line| line != END),
                "{}",
                file.path
            );
            assert!(file.content.ends_with('\n'), "{}", file.path);
        }
    }
}
