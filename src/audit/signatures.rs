//! The signatures of approvers that stand in the chains: each is checked against the text made from its own record.
//!
//! Invariant: a signature that does not fit its record, or that no key made which the chain knows as that person's, is an
//! error and never passed over. Only where the chain was read from its middle, as in the export of a period, a key may
//! have logged in before: then it is told.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use russh::keys::PublicKey;

use crate::audit::AuditError;
use crate::certificate::fingerprint;
use crate::domain::audit::{AuditEvent, AuditRecord};
use crate::domain::id::HoldId;
use crate::domain::name::{NodeName, PrincipalName};
use crate::domain::principal::{KeyFingerprint, Subject};
use crate::signature::signer;

/// Most keys of people that are remembered of a chain's logins.
const KEYS: usize = 1_000_000;
/// Most signatures by unknown keys that are told one by one.
const TOLD: usize = 100;
/// What stands in every signature: an event that holds it and cannot be read is no event of ours.
const ARMOR: &str = "BEGIN SSH SIGNATURE";

/// A signature that fits its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRecord {
    /// Whose chain.
    pub node: NodeName,
    /// The record.
    pub seq: u64,
    /// The request that was answered.
    pub hold: HoldId,
    /// Who answered, by the name they had.
    pub name: PrincipalName,
    /// What was signed.
    pub text: String,
    /// The signature in its armor.
    pub armored: String,
    /// The key that made it.
    pub key: PublicKey,
    /// Whether the chain knows the key as that person's.
    pub signer: Signer,
}

/// What the chain knows of the key of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// That person logged in with it before.
    Known,
    /// Nobody was seen to: the chain's begin is not there.
    Unknown,
}

/// What was found of signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signatures {
    /// How many fit their record.
    pub checked: u64,
    /// How many of them are by keys that the chain does not know.
    pub unknown: u64,
    /// The first of those.
    pub told: Vec<UnknownSigner>,
}

/// A signature by a key that the chain does not know as that person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSigner {
    /// Whose chain.
    pub node: NodeName,
    /// The record.
    pub seq: u64,
    /// Who is said to have signed.
    pub name: PrincipalName,
    /// With which key.
    pub key: KeyFingerprint,
}

impl fmt::Display for UnknownSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            node,
            seq,
            name,
            key,
        } = self;
        write!(
            f,
            "node {node}: record {seq}: signed by a key that the chain does not know as that of {name}: {key}"
        )
    }
}

/// Whoever is given each signature.
pub(super) type Sink<'a> = &'a mut dyn FnMut(SignedRecord) -> io::Result<()>;

/// Looks at the records of chains in their order.
pub(super) struct Witness<'a> {
    keys: BTreeSet<(NodeName, Subject, KeyFingerprint)>,
    found: Signatures,
    sink: Sink<'a>,
}

impl<'a> Witness<'a> {
    pub(super) fn new(sink: Sink<'a>) -> Self {
        Self {
            keys: BTreeSet::new(),
            found: Signatures::default(),
            sink,
        }
    }

    /// Looks at a record whose place in the chain was checked; `first` is where its chain began to be read.
    pub(super) fn look(&mut self, record: &AuditRecord, first: u64) -> Result<(), AuditError> {
        match serde_json::from_str::<AuditEvent>(&record.event) {
            Ok(AuditEvent::Login { principal, key, .. }) => {
                self.keys
                    .insert((record.node.clone(), principal.subject, key));
                match self.keys.len() > KEYS {
                    true => Err(AuditError::Keys(KEYS)),
                    false => Ok(()),
                }
            }
            Ok(event @ AuditEvent::Answered { .. }) => self.answered(record, event, first),
            Err(error) if record.event.contains(ARMOR) => Err(AuditError::Unreadable {
                node: record.node.clone(),
                seq: record.seq,
                reason: error.to_string(),
            }),
            // Records of other versions may tell of what this one does not know; they hold no signature.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    pub(super) fn found(self) -> Signatures {
        self.found
    }

    fn answered(
        &mut self,
        record: &AuditRecord,
        event: AuditEvent,
        first: u64,
    ) -> Result<(), AuditError> {
        let AuditEvent::Answered {
            hold,
            digest,
            answer,
            by,
        } = event
        else {
            return Ok(());
        };
        let (Some(statement), Some(signed)) =
            (by.statement(&hold, &digest, answer), by.signed.as_ref())
        else {
            return Ok(());
        };
        let (node, seq) = (record.node.clone(), record.seq);
        let key = signer(&statement, &signed.armored).map_err(|reason| AuditError::Signature {
            node: node.clone(),
            seq,
            reason,
        })?;
        let who = (node.clone(), by.approver.subject, fingerprint(&key));
        let signer = match self.keys.contains(&who) {
            true => Signer::Known,
            false => Signer::Unknown,
        };
        let signed = SignedRecord {
            node,
            seq,
            hold,
            name: by.approver.name,
            text: statement.text(),
            armored: signed.armored.clone(),
            key,
            signer,
        };
        self.found.checked += 1;
        match signer {
            Signer::Known => {}
            Signer::Unknown => self.unknown(&signed, first)?,
        }
        (self.sink)(signed).map_err(AuditError::Io)
    }

    /// A key that nobody was seen to log in with is an error in a chain that is there from its begin.
    fn unknown(&mut self, signed: &SignedRecord, first: u64) -> Result<(), AuditError> {
        let unknown = UnknownSigner {
            node: signed.node.clone(),
            seq: signed.seq,
            name: signed.name.clone(),
            key: fingerprint(&signed.key),
        };
        if first <= 1 {
            return Err(AuditError::Signer(unknown));
        }
        self.found.unknown += 1;
        if self.found.told.len() < TOLD {
            self.found.told.push(unknown);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use jiff::Timestamp;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::private::Ed25519Keypair;
    use russh::keys::ssh_key::{HashAlg, LineEnding};

    use super::*;
    use crate::audit::export::line;
    use crate::audit::{Report, signatures_of_export};
    use crate::domain::answer::{Answer, KeptSignature};
    use crate::domain::audit::RecordHash;
    use crate::domain::hold::Approval;
    use crate::domain::principal::{Evidence, Principal, PrincipalKind};
    use crate::signature::NAMESPACE;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn key(seed: u8) -> PrivateKey {
        Ed25519Keypair::from_seed(&[seed; 32]).into()
    }

    fn person(name: &str) -> Principal {
        Principal {
            subject: Subject {
                issuer: "https://id.example.com".to_owned(),
                subject: name.to_owned(),
            },
            name: name.parse().unwrap(),
            kind: PrincipalKind::Person,
            groups: [].into(),
            acr: None,
            amr: [].into(),
            authenticated_at: NOW,
        }
    }

    fn login(name: &str, key: &PrivateKey) -> AuditEvent {
        AuditEvent::Login {
            principal: person(name),
            key: fingerprint(key.public_key()),
            evidence: Evidence::BoundKey,
            source: "192.0.2.7".to_owned(),
            until: NOW,
        }
    }

    /// An approval that its approver's key signed.
    fn approval(name: &str, key: &PrivateKey) -> AuditEvent {
        let (hold, digest) = (
            "h-7f3k9q".parse().unwrap(),
            serde_json::from_str("\"sha256:00\"").unwrap(),
        );
        let mut by = Approval {
            approver: person(name),
            reason: "ok".to_owned(),
            again_for: None,
            at: NOW,
            source: None,
            signed: Some(KeptSignature {
                at: NOW,
                armored: String::new(),
            }),
        };
        let statement = by.statement(&hold, &digest, Answer::Approve).unwrap();
        let signature = key.sign(NAMESPACE, HashAlg::Sha512, statement.text().as_bytes());
        by.signed = Some(KeptSignature {
            at: NOW,
            armored: signature.unwrap().to_pem(LineEnding::LF).unwrap(),
        });
        AuditEvent::Answered {
            hold,
            digest,
            answer: Answer::Approve,
            by,
        }
    }

    /// The export of a chain that holds, with these events from `first` on.
    fn export(first: u64, events: &[String]) -> String {
        let mut previous = RecordHash::genesis();
        let mut text = String::new();
        for (seq, event) in (first..).zip(events) {
            let node = "n1".parse().unwrap();
            let record = AuditRecord::chained(node, seq, NOW, event.clone(), previous);
            text += &line(&record).unwrap();
            previous = record.hash;
        }
        text
    }

    fn verified(first: u64, events: &[String]) -> Result<(Report, Vec<SignedRecord>), AuditError> {
        let mut found = Vec::new();
        let export = export(first, events);
        let report = signatures_of_export(Cursor::new(export), &mut |signed| {
            found.push(signed);
            Ok(())
        })?;
        Ok((report, found))
    }

    fn text(event: &AuditEvent) -> String {
        serde_json::to_string(event).unwrap()
    }

    #[test]
    fn a_signature_by_the_key_that_its_approver_logged_in_with_holds() {
        let events = [login("carol", &key(1)), approval("carol", &key(1))];
        let (report, found) = verified(1, &events.map(|event| text(&event))).unwrap();
        assert_eq!(
            (report.signatures.checked, report.signatures.unknown),
            (1, 0)
        );
        assert_eq!(found[0].signer, Signer::Known);
        assert!(
            found[0].text.contains("\nname carol\n"),
            "{}",
            found[0].text
        );
    }

    #[test]
    fn a_changed_answer_shows_even_where_the_chain_was_made_anew() {
        let signed = text(&approval("carol", &key(1)));
        for (from, to) in [
            ("\"answer\":\"approve\"", "\"answer\":\"refuse\""),
            ("\"reason\":\"ok\"", "\"reason\":\"no\""),
            ("sha256:00", "sha256:01"),
            ("h-7f3k9q", "h-7f3k9r"),
            ("\"subject\":\"carol\"", "\"subject\":\"dave\""),
            ("\"name\":\"carol\"", "\"name\":\"dave\""),
            ("\"signed\":{\"at\":\"1970", "\"signed\":{\"at\":\"1971"),
            ("SSH SIGNATURE-----\\nU", "SSH SIGNATURE-----\\nV"),
        ] {
            let changed = signed.replace(from, to);
            assert_ne!(changed, signed, "{from}");
            let refused = verified(1, &[text(&login("carol", &key(1))), changed]);
            assert!(
                matches!(refused, Err(AuditError::Signature { .. })),
                "{from}"
            );
        }
        let unreadable = signed.replace("\"digest\"", "\"digests\"");
        let refused = verified(1, &[unreadable]);
        assert!(matches!(refused, Err(AuditError::Unreadable { .. })));
    }

    #[test]
    fn a_key_that_its_approver_never_logged_in_with_is_told() {
        let logins = [login("carol", &key(1)), login("dave", &key(2))];
        let [carol, dave] = logins.map(|event| text(&event));
        let forged = text(&approval("carol", &key(2)));
        let refused = verified(1, &[carol, dave, forged.clone()]);
        assert!(matches!(refused, Err(AuditError::Signer(_))));
        // Of a period it is told: they may have logged in before it.
        let (report, found) = verified(7, &[forged]).unwrap();
        assert_eq!(found[0].signer, Signer::Unknown);
        let told = report.signatures.told[0].to_string();
        assert!(
            told.contains("a key that the chain does not know"),
            "{told}"
        );
    }
}
