//! Second factors, and the log-ins that wait for them.

use domain::UserId;

use crate::contract::people::{new_session, new_sign_up};
use crate::contract::world::{NOW, author, organization, user};
use crate::{
    Db, FactorUse, PendingLogInRow, SessionProof, SessionsKept, StoreError, pending_log_in_create, pending_log_in_get, pending_log_in_take,
    people_get, person_password_set, recovery_code_is, recovery_codes_count, recovery_codes_replace, second_factor_remove,
    session_caller_by_hash, session_create, sign_up, totp_confirm, totp_create, totp_get, totp_remove, totp_resealed, totps_sealed,
};

const KEPT: SessionsKept = SessionsKept { created_after: domain::UnixMicros(0), used_after: domain::UnixMicros(0), count: 50 };

fn missing<T: std::fmt::Debug>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::NotFound { .. }))
}

/// Two people with a session each; the first has a second factor.
async fn two_people(db: &Db) {
    for n in [1, 2] {
        sign_up(db, &new_sign_up(n), &author(NOW)).await.unwrap();
        session_create(db, &new_session(n, u8::try_from(n).unwrap()), KEPT, &author(NOW)).await.unwrap();
    }
    totp_create(db, user(1), &[2; 40], NOW).await.unwrap();
    totp_confirm(db, user(1), new_session(1, 1).id, 7, &[[1; 32], [2; 32]], &author(NOW)).await.unwrap();
}

async fn waits(db: &Db, hash: u8, person: UserId) {
    let new = PendingLogInRow { person, proof: SessionProof::Password };
    pending_log_in_create(db, &[hash; 32], new, NOW, NOW.plus_seconds(60)).await.unwrap();
}

pub async fn a_code_counts_once_however_often_it_comes(db: Db) {
    two_people(&db).await;
    for used in [FactorUse::Totp { step: 8 }, FactorUse::RecoveryCode { hash: [2; 32] }] {
        for hash in 10..18 {
            waits(&db, hash, user(1)).await;
        }
        let started: Vec<_> = (10..18)
            .map(|hash| {
                let db = db.clone();
                tokio::spawn(async move { pending_log_in_take(&db, &[hash; 32], user(1), used).await.is_ok() })
            })
            .collect();
        let mut taken = 0;
        for one in started {
            taken += u32::from(one.await.unwrap());
        }
        assert_eq!(taken, 1, "{used:?}");
        waits(&db, 30, user(1)).await;
        assert!(missing(pending_log_in_take(&db, &[30; 32], user(1), used).await));
        assert!(pending_log_in_get(&db, &[30; 32], NOW).await.unwrap().is_some(), "a wrong code ends no log-in");
        second_log_ins_end(&db).await;
    }
    assert!(missing(pending_log_in_take(&db, &[30; 32], user(1), FactorUse::Totp { step: 9 }).await), "without a log-in");
    waits(&db, 30, user(2)).await;
    assert!(missing(pending_log_in_take(&db, &[30; 32], user(1), FactorUse::Totp { step: 9 }).await), "another's log-in");
    assert!(missing(pending_log_in_take(&db, &[30; 32], user(2), FactorUse::RecoveryCode { hash: [1; 32] }).await), "another's code");
    waits(&db, 31, user(1)).await;
    for step in [0, 7, 8] {
        assert!(missing(pending_log_in_take(&db, &[31; 32], user(1), FactorUse::Totp { step }).await), "an earlier step");
    }
    pending_log_in_take(&db, &[31; 32], user(1), FactorUse::Totp { step: 9 }).await.unwrap();
}

/// Another password ends what waits.
async fn second_log_ins_end(db: &Db) {
    person_password_set(db, user(1), "other", new_session(1, 1).id, &author(NOW)).await.unwrap();
    assert_eq!(pending_log_in_get(db, &[30; 32], NOW).await.unwrap(), None);
}

pub async fn a_second_factor_begins_with_its_first_code_and_ends_with_it(db: Db) {
    two_people(&db).await;
    let session = |n: u128| new_session(n, u8::try_from(n).unwrap()).id;
    totp_create(&db, user(2), &[4; 40], NOW).await.unwrap();
    totp_create(&db, user(2), &[6; 40], NOW).await.unwrap();
    let row = totp_get(&db, user(2)).await.unwrap().unwrap();
    assert_eq!((row.sealed, row.confirmed_at), (vec![6; 40], None));
    let sealed = totps_sealed(&db, Some(user(1)), 10).await.unwrap();
    assert_eq!(sealed, [(user(2), vec![6; 40])]);
    assert!(!totp_resealed(&db, user(2), &[4; 40], &[7; 40]).await.unwrap(), "it was replaced meanwhile");
    assert!(totp_resealed(&db, user(2), &[6; 40], &[7; 40]).await.unwrap());
    assert_eq!(totps_sealed(&db, Some(user(1)), 10).await.unwrap(), [(user(2), vec![7; 40])]);
    assert_eq!(totps_sealed(&db, Some(user(2)), 10).await.unwrap(), []);
    assert!(missing(totp_remove(&db, user(2), session(2), FactorUse::Totp { step: 1 }, &author(NOW)).await), "before its first code");
    assert!(missing(totp_confirm(&db, user(2), session(1), 1, &[], &author(NOW)).await), "another's session");
    session_create(&db, &new_session(2, 5), KEPT, &author(NOW)).await.unwrap();
    totp_confirm(&db, user(2), session(2), 1, &[[7; 32]], &author(NOW)).await.unwrap();
    assert!(session_caller_by_hash(&db, &[5; 32]).await.unwrap().is_none(), "sessions without it end");
    assert!(session_caller_by_hash(&db, &[2; 32]).await.unwrap().is_some());
    assert!(missing(totp_confirm(&db, user(2), session(2), 2, &[], &author(NOW)).await), "twice");
    let again = totp_create(&db, user(2), &[4; 40], NOW).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "over one that is asked for");
    assert_eq!(people_get(&db, user(2)).await.unwrap().second_factor_at, Some(NOW));

    let hash = [7; 32];
    recovery_codes_replace(&db, user(2), session(2), FactorUse::RecoveryCode { hash }, &[[8; 32], [9; 32]], &author(NOW)).await.unwrap();
    assert!(!recovery_code_is(&db, user(2), &[7; 32]).await.unwrap() && recovery_code_is(&db, user(2), &[8; 32]).await.unwrap());
    assert!(!recovery_code_is(&db, user(1), &[8; 32]).await.unwrap());
    totp_remove(&db, user(2), session(2), FactorUse::RecoveryCode { hash: [8; 32] }, &author(NOW)).await.unwrap();
    assert_eq!((totp_get(&db, user(2)).await.unwrap(), recovery_codes_count(&db, user(2)).await.unwrap()), (None, 0));

    second_factor_remove(&db, user(1), organization(2), &author(NOW)).await.unwrap();
    assert_eq!((totp_get(&db, user(1)).await.unwrap(), recovery_codes_count(&db, user(1)).await.unwrap()), (None, 0));
    assert!(missing(second_factor_remove(&db, user(9), organization(2), &author(NOW)).await));
}

pub async fn log_ins_wait_for_a_while(db: Db) {
    two_people(&db).await;
    waits(&db, 1, user(2)).await;
    let row = PendingLogInRow { person: user(2), proof: SessionProof::Password };
    assert_eq!(pending_log_in_get(&db, &[1; 32], NOW.plus_seconds(59)).await.unwrap(), Some(row));
    assert_eq!(pending_log_in_get(&db, &[1; 32], NOW.plus_seconds(60)).await.unwrap(), None);
    for hash in 10..110 {
        let at = NOW.plus_seconds(i64::from(hash));
        pending_log_in_create(&db, &[hash; 32], PendingLogInRow { person: user(1), ..row }, at, at.plus_seconds(600)).await.unwrap();
    }
    assert_eq!(pending_log_in_get(&db, &[1; 32], NOW).await.unwrap(), None, "it is forgotten when its time is over");
    assert!(pending_log_in_get(&db, &[10; 32], NOW).await.unwrap().is_some());
    let at = NOW.plus_seconds(110);
    pending_log_in_create(&db, &[110; 32], PendingLogInRow { person: user(1), ..row }, at, at.plus_seconds(600)).await.unwrap();
    assert_eq!(pending_log_in_get(&db, &[10; 32], NOW).await.unwrap(), None, "the oldest makes room");
    assert!(pending_log_in_get(&db, &[11; 32], NOW).await.unwrap().is_some());
}
