//! Whether the people who approved one thing would do for another that follows from it.
//!
//! Invariant: each of them is asked about as if they answered the new request now, with its own reading. Where they
//! answered from is not kept: they are taken to be at no address at all, so that no policy which wants one is met.

use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;

use crate::domain::action::{Action, ReasonRule, Requirements};
use crate::domain::hold::Approval;
use crate::domain::request::ApprovalRequest;
use crate::domain::verdict::{Circumstances, Question, Resource, Verdict};

use super::PolicySet;

const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl PolicySet {
    /// Whether approvals that were given for something else meet what is required of a request: there are enough of
    /// them, each with a reason where one is asked for, of people who may approve exactly this.
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
        approvals.len() >= usize::from(requirements.approvals.get())
            && approvals
                .iter()
                .all(|given| reasoned(given) && self.may_approve(given, request, now))
    }

    fn may_approve(&self, given: &Approval, request: &ApprovalRequest, now: Timestamp) -> bool {
        let question = Question {
            principal: &given.approver,
            action: Action::Approve,
            resource: Resource::Hold(request),
            circumstances: Circumstances {
                source: NOWHERE,
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
