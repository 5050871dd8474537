//! Whether the people who approved one thing would do for another that follows from it.
//!
//! Invariant: each of them is asked about as if they answered the new request now, with its own reading, from where they
//! answered. Of whom that is not known, nothing follows.

use jiff::Timestamp;

use crate::domain::action::{Action, ReasonRule, Requirements, SignatureRule};
use crate::domain::hold::Approval;
use crate::domain::request::ApprovalRequest;
use crate::domain::verdict::{Circumstances, Question, Resource, Verdict};

use super::PolicySet;

impl PolicySet {
    /// Whether approvals that were given for something else meet what is required of a request: there are enough of
    /// them, each with a reason and a signature where one is asked for, of people who may approve exactly this.
    pub fn would_do(
        &self,
        approvals: &[Approval],
        request: &ApprovalRequest,
        requirements: &Requirements,
        now: Timestamp,
    ) -> bool {
        let reasoned = |given: &Approval| match requirements.reason {
            ReasonRule::Required => !given.reason.is_empty(),
            ReasonRule::Optional => true,
        };
        let signed = |given: &Approval| match requirements.signed {
            SignatureRule::Required => given.signed.is_some(),
            SignatureRule::Optional => true,
        };
        approvals.len() >= usize::from(requirements.approvals.get())
            && approvals.iter().all(|given| {
                reasoned(given) && signed(given) && self.may_approve(given, request, now)
            })
    }

    fn may_approve(&self, given: &Approval, request: &ApprovalRequest, now: Timestamp) -> bool {
        let Some(source) = given.source else {
            return false;
        };
        let question = Question {
            principal: &given.approver,
            action: Action::Approve,
            resource: Resource::Hold(request),
            circumstances: Circumstances {
                reason: None,
                source,
                now,
                login: None,
                command: None,
                reading: None,
                forward: None,
            },
        };
        matches!(self.decide(&question), Verdict::Allow(_))
    }
}
