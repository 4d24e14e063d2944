//! Letters, the tokens in them, accounts that wait, and people as an operator sees them.

use domain::UnixMicros;
use domain::ids::{InviteId, MailId};
use uuid::Uuid;

use crate::contract::people::{new_session, new_sign_up};
use crate::contract::world::{NOW, author, organization, scope, user};
use crate::{
    Db, MailEnd, MailRow, MailStatus, NewInvite, NewLetterToken, NewMail, Page, PendingSignUpRow, PeopleChange, PeopleUpdate, Role,
    SECRET_MARK, SessionsKept, SignUp, StoreError, TokenPurpose, email_verify, invite_accept, invite_create, invite_revoke,
    letter_token_create, letter_token_person, mail_claim, mail_end, mail_list, mail_send, mail_sweep, mails_due,
    management_caller_by_key_hash, password_reset, pending_sign_up_create, pending_sign_up_get, people_list, people_update, person_get,
    session_caller_by_hash, session_create, sign_up,
};

const END: UnixMicros = NOW.plus_seconds(600);
const KEPT: SessionsKept = SessionsKept { created_after: UnixMicros(0), used_after: UnixMicros(0), count: 50 };

fn mail(n: u8, to: &str) -> NewMail {
    NewMail {
        id: MailId::from_uuid(Uuid::from_u128(n.into())),
        recipient: to.to_owned(),
        subject: "Come".to_owned(),
        body: format!("token {SECRET_MARK}."),
        secret: Some((format!("secret{n}"), END)),
        created_at: NOW,
    }
}

fn token(n: u8, person: u128, purpose: TokenPurpose) -> NewLetterToken {
    NewLetterToken { hash: [n; 32], person: user(person), purpose, expires_at: END, mail: mail(n, "ada@example.com") }
}

async fn letter(db: &Db, n: u8) -> MailRow {
    let rows = mail_list(db, None, 99).await.unwrap();
    rows.into_iter().find(|row| row.id == mail(n, "").id).unwrap()
}

pub async fn a_letter_is_taken_by_one_and_its_end_is_noted(db: Db) {
    for n in [1, 2] {
        mail_send(&db, &mail(n, "ada@example.com")).await.unwrap();
    }
    let due = mails_due(&db, NOW, 9).await.unwrap();
    assert_eq!((due.len(), due[0].text(true), due[0].text(false)), (2, "token secret1.".to_owned(), "token (not shown).".to_owned()));
    let until = NOW.plus_seconds(60);
    assert!(mail_claim(&db, &due[0], until).await.unwrap());
    assert!(!mail_claim(&db, &due[0], until).await.unwrap(), "two took it");
    assert_eq!(mails_due(&db, NOW, 9).await.unwrap(), due[1..]);
    mail_end(&db, due[0].id, &MailEnd::Sent).await.unwrap();
    let sent = letter(&db, 1).await;
    assert_eq!((sent.status, &*sent.body, sent.secret, sent.tries), (MailStatus::Sent, "", None, 1), "what a server took is deleted");
    let later = NOW.plus_seconds(30);
    mail_end(&db, due[1].id, &MailEnd::Again(later, "é".repeat(400))).await.unwrap();
    assert_eq!(mails_due(&db, NOW, 9).await.unwrap(), []);
    let again = mails_due(&db, later, 9).await.unwrap();
    assert_eq!((again[0].status, again[0].error.as_ref().map(|error| error.len())), (MailStatus::Waiting, Some(500)));
    mail_end(&db, again[0].id, &MailEnd::Failed("no".to_owned())).await.unwrap();
    assert_eq!(mails_due(&db, END, 9).await.unwrap(), []);
}

pub async fn a_secret_is_blanked_when_it_opens_nothing_any_more(db: Db) {
    sign_up(&db, &new_sign_up(1), &author(NOW)).await.unwrap();
    sign_up(&db, &new_sign_up(2), &author(NOW)).await.unwrap();
    let invite = |n: u8| NewInvite {
        id: InviteId::from_uuid(Uuid::from_u128(n.into())),
        email: "person2@example.com".to_owned(),
        role: Role::Viewer,
        hash: [n; 32],
        invited_by: user(1),
        expires_at: END,
        mail: mail(n, "person2@example.com"),
    };
    for n in [1, 2, 3] {
        invite_create(&db, &scope(1), &invite(n), &author(NOW)).await.unwrap();
        if n == 2 {
            invite_revoke(&db, &scope(1), invite(2).id, &author(NOW)).await.unwrap();
        }
    }
    assert_eq!((letter(&db, 1).await.secret, letter(&db, 2).await.secret), (None, None), "replaced and revoked");
    mail_end(&db, invite(3).mail.id, &MailEnd::Kept).await.unwrap();
    assert!(letter(&db, 3).await.secret.is_some());
    assert_eq!(person_get(&db, user(2)).await.unwrap().email_verified_at, None);
    invite_accept(&db, invite(3).id, user(2), &author(NOW)).await.unwrap();
    let used = letter(&db, 3).await;
    assert!(used.is_withdrawn() && !used.text(true).contains("secret"));
    assert_eq!(used.status, MailStatus::Waiting, "its file is to be written anew");
    assert_eq!(person_get(&db, user(2)).await.unwrap().email_verified_at, Some(NOW), "an invitation's token proves the address");
    mail_send(&db, &mail(4, "eve@example.com")).await.unwrap();
    assert_eq!(mail_sweep(&db, NOW).await.unwrap(), 0);
    assert_eq!((mail_sweep(&db, END).await.unwrap(), letter(&db, 4).await.secret), (1, None), "expired");
}

pub async fn a_letters_token_works_once_and_in_time(db: Db) {
    for n in [1, 2] {
        sign_up(&db, &new_sign_up(n), &author(NOW)).await.unwrap();
        session_create(&db, &new_session(n, u8::try_from(n).unwrap()), KEPT, &author(NOW)).await.unwrap();
    }
    let (verify, reset) = (TokenPurpose::VerifyEmail, TokenPurpose::ResetPassword);
    letter_token_create(&db, &token(11, 1, verify)).await.unwrap();
    letter_token_create(&db, &token(12, 1, verify)).await.unwrap();
    assert_eq!(letter(&db, 11).await.secret, None, "a later letter replaces it");
    for (hash, at) in [([11; 32], NOW), ([12; 32], END), ([13; 32], NOW)] {
        assert!(matches!(email_verify(&db, &hash, &author(at)).await, Err(StoreError::NotFound { .. })));
    }
    assert!(matches!(password_reset(&db, &[12; 32], "x", &author(NOW)).await, Err(StoreError::NotFound { .. })), "another purpose");
    email_verify(&db, &[12; 32], &author(NOW)).await.unwrap();
    assert!(matches!(email_verify(&db, &[12; 32], &author(NOW)).await, Err(StoreError::NotFound { .. })), "twice");
    assert_eq!(person_get(&db, user(1)).await.unwrap().email_verified_at, Some(NOW));

    letter_token_create(&db, &token(21, 1, reset)).await.unwrap();
    assert_eq!(letter_token_person(&db, &[21; 32], reset, NOW).await.unwrap(), Some(user(1)));
    password_reset(&db, &[21; 32], "new", &author(NOW)).await.unwrap();
    assert_eq!(person_get(&db, user(1)).await.unwrap().password_hash, "new");
    assert_eq!(session_caller_by_hash(&db, &[1; 32]).await.unwrap(), None, "all sessions end");
    assert!(session_caller_by_hash(&db, &[2; 32]).await.unwrap().is_some(), "of that person only");
    assert_eq!((letter_token_person(&db, &[21; 32], reset, NOW).await.unwrap(), letter(&db, 21).await.secret), (None, None));
}

pub async fn an_account_waits_for_its_token(db: Db) {
    let pending = |hash: &str| PendingSignUpRow {
        email: "person1@example.com".to_owned(),
        name: "Ada".to_owned(),
        password_hash: hash.to_owned(),
        expires_at: END,
    };
    for n in 1..=4 {
        let letter = NewMail { created_at: NOW.plus_seconds(n.into()), ..mail(n, "person1@example.com") };
        pending_sign_up_create(&db, &[n; 32], &pending(&format!("hash{n}")), &letter).await.unwrap();
    }
    assert_eq!(pending_sign_up_get(&db, &[1; 32], NOW).await.unwrap(), None, "three wait for one address, the newest");
    assert_eq!(letter(&db, 1).await.secret, None);
    assert_eq!(pending_sign_up_get(&db, &[3; 32], NOW).await.unwrap(), Some(pending("hash3")));
    assert_eq!(pending_sign_up_get(&db, &[3; 32], END).await.unwrap(), None);
    let confirmed = |hash: u8| SignUp { pending: Some([hash; 32]), ..new_sign_up(1) };
    assert!(matches!(sign_up(&db, &confirmed(9), &author(NOW)).await, Err(StoreError::NotFound { .. })));
    sign_up(&db, &confirmed(3), &author(NOW)).await.unwrap();
    for n in 2..=4 {
        assert_eq!((pending_sign_up_get(&db, &[n; 32], NOW).await.unwrap(), letter(&db, n).await.secret), (None, None));
    }
}

pub async fn an_operator_switches_people_off_but_not_the_last_operator(db: Db) {
    for n in [1, 2, 3] {
        sign_up(&db, &new_sign_up(n), &author(NOW)).await.unwrap();
    }
    session_create(&db, &new_session(2, 2), KEPT, &author(NOW)).await.unwrap();
    let (off, on) = (
        PeopleUpdate { disabled: Some(true), ..PeopleUpdate::default() },
        PeopleUpdate { disabled: Some(false), ..PeopleUpdate::default() },
    );
    let operator = |is: bool| PeopleUpdate { is_operator: Some(is), ..PeopleUpdate::default() };
    let update = |n: u128, update: PeopleUpdate| {
        let db = db.clone();
        async move { people_update(&db, user(n), update, organization(1), &author(NOW)).await.unwrap() }
    };
    assert_eq!(update(1, off).await, PeopleChange::LastOperator);
    assert_eq!(update(1, operator(false)).await, PeopleChange::LastOperator);
    letter_token_create(&db, &token(1, 2, TokenPurpose::ResetPassword)).await.unwrap();
    assert_eq!(update(2, off).await, PeopleChange::Done);
    assert_eq!(session_caller_by_hash(&db, &[2; 32]).await.unwrap(), None);
    assert_eq!(letter(&db, 1).await.secret, None);
    assert!(matches!(session_create(&db, &new_session(2, 3), KEPT, &author(NOW)).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(letter_token_create(&db, &token(2, 2, TokenPurpose::ResetPassword)).await, Err(StoreError::NotFound { .. })));
    assert_eq!(update(2, operator(true)).await, PeopleChange::Done);
    assert_eq!(update(1, off).await, PeopleChange::LastOperator, "an operator who cannot log in is none");
    assert_eq!(update(2, on).await, PeopleChange::Done);
    session_create(&db, &new_session(2, 3), KEPT, &author(NOW)).await.unwrap();
    assert_eq!(update(1, off).await, PeopleChange::Done);
    assert!(management_caller_by_key_hash(&db, &[9; 32]).await.unwrap().is_none());

    let emails = |rows: Vec<crate::PeopleRow>| rows.into_iter().map(|row| row.email).collect::<Vec<_>>();
    let all = people_list(&db, None, Page::first(9)).await.unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(emails(people_list(&db, Some("ON2@Example"), Page::first(9)).await.unwrap()), ["person2@example.com"]);
    for nothing in ["%", "_", "\\", "person%", "perso_1", "q"] {
        assert!(people_list(&db, Some(nothing), Page::first(9)).await.unwrap().is_empty(), "{nothing}");
    }
    assert_eq!(people_list(&db, None, Page { after: Some(all[0].id), limit: 1 }).await.unwrap(), all[1..2]);
    assert_eq!((all[2].disabled_at, all[1].is_operator, all[1].organizations), (Some(NOW), true, 1));
}
