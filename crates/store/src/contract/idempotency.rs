//! Kept answers: one for a caller's key, for a while.

use domain::UnixMicros;

use crate::contract::world::{NOW, funded, other_organization, scope};
use crate::{DataKeyRow, Db, IdempotencyKey, NewIdempotency, data_key_create, idempotency_answer, idempotency_begin, idempotency_forget};

fn request(caller: &str, n: u8, now: UnixMicros) -> NewIdempotency {
    let key = IdempotencyKey { caller: caller.to_owned(), hash: [n; 32] };
    NewIdempotency { key, request: vec![n], key_version: 1, now, kept_from: now.plus_seconds(-60) }
}

pub async fn an_answer_is_kept_for_its_caller_and_for_a_while(db: Db) {
    funded(&db, 0).await;
    other_organization(&db, 2, 0).await;
    for n in [1, 2] {
        data_key_create(&db, &scope(n), &DataKeyRow { version: 1, sealed: vec![0], master_key: None }, NOW).await.unwrap();
    }
    let first = request("user_1", 1, NOW);
    assert_eq!(idempotency_begin(&db, &scope(1), &first).await.unwrap(), None);
    let again = idempotency_begin(&db, &scope(1), &NewIdempotency { request: vec![9], ..first.clone() }).await.unwrap().unwrap();
    assert_eq!((again.request, again.answer, again.created_at), (vec![1], None, NOW));
    idempotency_answer(&db, &scope(1), &first.key, &[7]).await.unwrap();
    assert_eq!(idempotency_begin(&db, &scope(1), &first).await.unwrap().unwrap().answer, Some(vec![7]));

    assert_eq!(idempotency_begin(&db, &scope(1), &request("user_2", 1, NOW)).await.unwrap(), None, "another caller");
    assert_eq!(idempotency_begin(&db, &scope(2), &first).await.unwrap(), None, "another organization");
    idempotency_forget(&db, &scope(2), &first.key).await.unwrap();
    assert!(idempotency_begin(&db, &scope(1), &first).await.unwrap().is_some());
    let later = request("user_1", 1, NOW.plus_seconds(61));
    assert_eq!(idempotency_begin(&db, &scope(1), &later).await.unwrap(), None, "it is over");
}
