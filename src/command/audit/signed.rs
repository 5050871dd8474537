//! What approvers signed, as files that stock `ssh-keygen -Y verify` checks.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::audit::{Report, Signatures, SignedRecord, Signer};
use crate::domain::id::HoldId;
use crate::signature::NAMESPACE;

/// The file of the keys, as `ssh-keygen -Y verify -f` reads it.
const ALLOWED_SIGNERS: &str = "allowed_signers";
/// Characters with which a name would stand for others in that file (ssh-keygen(1), ALLOWED SIGNERS).
const PATTERNS: [char; 5] = ['*', '?', '!', ',', '#'];

/// A folder of signed answers.
pub(super) struct Folder {
    path: PathBuf,
    hold: Option<HoldId>,
    allowed: BTreeSet<String>,
    unnamed: BTreeSet<String>,
    written: u64,
    last: Option<String>,
}

impl Folder {
    /// An empty folder for the signatures of one request, or of all.
    pub(super) fn make(path: &Path, hold: Option<HoldId>) -> anyhow::Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path).with_context(|| format!("cannot make `{shown}`"))?;
        let mut there = fs::read_dir(path).with_context(|| format!("cannot read `{shown}`"))?;
        anyhow::ensure!(there.next().is_none(), "`{shown}` is not empty");
        Ok(Self {
            path: path.to_owned(),
            hold,
            allowed: BTreeSet::new(),
            unnamed: BTreeSet::new(),
            written: 0,
            last: None,
        })
    }

    /// Writes one. The key of somebody unknown is not among those that are allowed.
    pub(super) fn take(&mut self, signed: &SignedRecord) -> io::Result<()> {
        if self.hold.as_ref().is_some_and(|hold| *hold != signed.hold) {
            return Ok(());
        }
        let name = format!("{}-{}-{}", signed.hold, signed.node, signed.seq);
        self.write(&format!("{name}.txt"), &signed.text)?;
        self.write(&format!("{name}.sig"), &signed.armored)?;
        self.written += 1;
        let person = signed.name.as_str();
        match signed.signer {
            Signer::Unknown => {}
            Signer::Known if person.contains(PATTERNS) => {
                self.unnamed.insert(person.to_owned());
            }
            Signer::Known => {
                let key = signed.key.to_openssh().map_err(io::Error::other)?;
                let line = format!("{person} namespaces=\"{NAMESPACE}\" {key}\n");
                self.allowed.insert(line);
                self.last = Some(format!(
                    "ssh-keygen -Y verify -f {ALLOWED_SIGNERS} -I {person} -n {NAMESPACE} -s {name}.sig < {name}.txt\n"
                ));
            }
        }
        Ok(())
    }

    /// Writes the keys, and says what there is.
    pub(super) fn end(self, report: &Report) -> anyhow::Result<String> {
        let allowed: String = self.allowed.iter().map(String::as_str).collect();
        let written = self.write(ALLOWED_SIGNERS, &allowed);
        written.with_context(|| format!("cannot write `{ALLOWED_SIGNERS}`"))?;
        let (count, folder) = (self.written, self.path.display());
        let mut out = format!("{count} signed answers are in `{folder}`\n");
        for name in &self.unnamed {
            out.push_str(&format!(
                "`{name}` cannot stand in `{ALLOWED_SIGNERS}`: it would be read as a pattern\n"
            ));
        }
        tell(&report.signatures, &mut out);
        if let Some(command) = &self.last {
            out.push_str("check one, in that folder:\n");
            out.push_str(command);
        }
        Ok(out)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = File::create_new(self.path.join(name))?;
        file.write_all(text.as_bytes())
    }
}

/// Says how many signatures hold, and which are by keys that nobody was seen to log in with.
pub(super) fn tell(signatures: &Signatures, out: &mut String) {
    let known = signatures.checked.saturating_sub(signatures.unknown);
    if known > 0 {
        out.push_str(&format!(
            "signed answers: {known}, each by a key that its approver had logged in with\n"
        ));
    }
    for unknown in &signatures.told {
        out.push_str(&format!("{unknown}\n"));
    }
    let more = signatures
        .unknown
        .saturating_sub(signatures.told.len() as u64);
    if more > 0 {
        out.push_str(&format!("and {more} more of those\n"));
    }
}
