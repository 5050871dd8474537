use proptest::prelude::*;
use serde_json::json;

use super::*;

fn rules() -> ClaimRules {
    ClaimRules {
        name_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        groups_prefix: "/".to_owned(),
        verified_email: true,
    }
}

fn vouched() -> Vouched {
    Vouched {
        subject: Subject {
            issuer: "https://id.test".to_owned(),
            subject: "u-1".to_owned(),
        },
        acr: Some("mfa".to_owned()),
        amr: vec!["pwd".to_owned(), "evil\u{1b}".to_owned()],
        authenticated_at: Timestamp::UNIX_EPOCH,
    }
}

fn read(rules: &ClaimRules, claims: Value) -> Result<Principal, IdentityError> {
    rules.principal(&Claims::of(&claims).unwrap(), vouched())
}

fn groups(groups: Value) -> Vec<String> {
    let claims = json!({"email": "a@b.test", "email_verified": true, "groups": groups});
    let principal = read(&rules(), claims).unwrap();
    principal.groups.iter().map(ToString::to_string).collect()
}

#[test]
fn a_person_is_named_by_their_verified_address() {
    let claims = json!({"email": "alice@b.test", "email_verified": true});
    let principal = read(&rules(), claims).unwrap();
    assert_eq!(principal.name.as_str(), "alice@b.test");
    assert_eq!(principal.kind, PrincipalKind::Person);
    assert_eq!(principal.acr.as_deref(), Some("mfa"));
    assert_eq!(principal.amr.iter().collect::<Vec<_>>(), ["pwd"]);
}

#[test]
fn an_address_that_is_not_known_to_be_verified_is_refused() {
    for verified in [json!(false), json!(null), json!("true"), json!(1)] {
        let claims = json!({"email": "a@b.test", "email_verified": verified});
        assert_eq!(read(&rules(), claims), Err(IdentityError::EmailUnverified));
    }
    assert_eq!(
        read(&rules(), json!({"email": "a@b.test"})),
        Err(IdentityError::EmailUnverified)
    );
}

#[test]
fn a_name_that_is_no_address_may_do_without_one() {
    let rules = ClaimRules {
        name_claim: "preferred_username".to_owned(),
        verified_email: false,
        ..rules()
    };
    let principal = read(&rules, json!({"preferred_username": "alice"})).unwrap();
    assert_eq!(principal.name.as_str(), "alice");
    let nameless = read(&rules, json!({"sub": "u-1"}));
    assert_eq!(
        nameless,
        Err(IdentityError::NoName("preferred_username".to_owned()))
    );
    let escape = read(&rules, json!({"preferred_username": "a\u{1b}[2J"})).unwrap_err();
    assert!(
        !escape.to_string().chars().any(char::is_control),
        "{escape}"
    );
}

#[test]
fn groups_come_as_lists_or_text_and_lose_the_prefix() {
    assert_eq!(groups(json!(["/dev", "sre"])), ["dev", "sre"]);
    assert_eq!(groups(json!("dev,sre")), ["dev", "sre"]);
    assert_eq!(groups(json!("dev sre")), ["dev", "sre"]);
    assert_eq!(groups(json!("")), Vec::<String>::new());
}

#[test]
fn groups_that_cannot_be_named_are_left_out() {
    assert_eq!(
        groups(json!(["dev", {"name": "x"}, 7, "bad\nname", ""])),
        ["dev"]
    );
    assert_eq!(groups(json!({"dev": true})), Vec::<String>::new());
}

#[test]
fn too_many_groups_are_a_refusal_not_a_selection() {
    let many: Vec<String> = (0..=MAX_GROUPS).map(|n| format!("g{n}")).collect();
    let claims = json!({"email": "a@b.test", "email_verified": true, "groups": many});
    assert_eq!(
        read(&rules(), claims),
        Err(IdentityError::TooManyGroups(MAX_GROUPS))
    );
}

#[test]
fn groups_that_exist_but_were_not_sent_are_a_refusal() {
    for mark in [json!({"groups": "src1"}), json!({"groups": null})] {
        let claims = json!({"email": "a@b.test", "email_verified": true, "_claim_names": mark});
        assert_eq!(read(&rules(), claims), Err(IdentityError::GroupsWithheld));
    }
    let implicit = json!({"email": "a@b.test", "email_verified": true, "hasgroups": true});
    assert_eq!(read(&rules(), implicit), Err(IdentityError::GroupsWithheld));
}

#[test]
fn userinfo_fills_gaps_and_overrides_nothing() {
    let mut claims = Claims::of(
        &json!({"email": "a@b.test", "email_verified": false, "_claim_names": {"groups": "s"}}),
    )
    .unwrap();
    assert!(rules().needs_userinfo(&claims));
    let more = json!({"email": "root@b.test", "email_verified": true, "groups": ["dev"]});
    claims.complete_from(Claims::of(&more).unwrap(), &rules());
    assert_eq!(claims.text("email"), Some("a@b.test"));
    assert_eq!(
        rules().principal(&claims, vouched()),
        Err(IdentityError::EmailUnverified)
    );
    assert!(claims.has("groups"));
}

#[test]
fn an_address_and_its_verification_come_from_the_same_answer() {
    let mut claims = Claims::of(&json!({"email_verified": true, "groups": []})).unwrap();
    let more = json!({"email": "root@b.test", "email_verified": false});
    claims.complete_from(Claims::of(&more).unwrap(), &rules());
    assert_eq!(
        rules().principal(&claims, vouched()),
        Err(IdentityError::EmailUnverified)
    );
}

proptest! {
    #[test]
    fn no_claim_text_gets_a_control_character_past_us(email in ".*", group in ".*", list in ".*") {
        for groups in [json!([group]), json!(list)] {
            let claims = json!({"email": email, "email_verified": true, "groups": groups});
            if let Ok(principal) = read(&rules(), claims) {
                prop_assert!(!principal.name.as_str().chars().any(char::is_control));
                prop_assert!(principal.groups.iter().all(|g| !g.as_str().chars().any(char::is_control)));
            }
        }
    }
}
