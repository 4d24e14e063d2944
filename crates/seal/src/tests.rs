//! What opens, and what does not.

use uuid::Uuid;

use super::*;

fn organization(n: u128) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(n))
}

fn key(n: u8) -> MasterKey {
    MasterKey::new(&[n; KEY_BYTES]).unwrap()
}

fn master(n: u8) -> MasterKeys {
    MasterKeys::of(key(n))
}

/// Opens under the key that the stored one names.
fn opened(master: &MasterKeys, organization: OrganizationId, version: u32, stored: &SealedKey) -> Result<DataKey, SealError> {
    master.data_key_open(organization, version, Some(&stored.master_key.to_string()), &stored.sealed)
}

fn value() -> Secret<String> {
    Secret::new("sk-canary-0123456789".to_owned())
}

#[test]
fn a_value_opens_in_its_own_place_only() {
    let master = master(1);
    let (ours, stored) = master.data_key_new(organization(1), 1, &[7; KEY_BYTES], [1; NONCE_BYTES]).unwrap();
    let sealed = ours.seal("provider_key", "pkey_1", [2; NONCE_BYTES], &value()).unwrap();
    let again = opened(&master, organization(1), 1, &stored).unwrap();
    assert_eq!(again.open("provider_key", "pkey_1", &sealed).unwrap().expose(), value().expose());
    assert_eq!(again.open("provider_key", "pkey_2", &sealed), Err(SealError::Refused), "another row");
    assert_eq!(again.open("provider_keypkey_1", "", &sealed), Err(SealError::Refused), "another table");

    // The same key bytes for another tenant or version: only the place differs.
    let (theirs, _) = master.data_key_new(organization(2), 1, &[7; KEY_BYTES], [3; NONCE_BYTES]).unwrap();
    let (later, _) = master.data_key_new(organization(1), 2, &[7; KEY_BYTES], [4; NONCE_BYTES]).unwrap();
    assert_eq!(theirs.open("provider_key", "pkey_1", &sealed), Err(SealError::Refused), "another tenant");
    assert_eq!(later.open("provider_key", "pkey_1", &sealed), Err(SealError::Refused), "another version");
    for (key, organization, version) in
        [(&master, organization(2), 1), (&master, organization(1), 2), (&super::tests::master(2), organization(1), 1)]
    {
        assert!(opened(key, organization, version, &stored).is_err(), "a data key opened elsewhere");
    }
}

#[test]
fn any_changed_or_missing_byte_is_refused() {
    let (key, _) = master(1).data_key_new(organization(1), 1, &[7; KEY_BYTES], [1; NONCE_BYTES]).unwrap();
    let sealed = key.seal("t", "r", [2; NONCE_BYTES], &value()).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(key.open("t", "r", &changed), Err(SealError::Refused), "byte {at}");
        assert_eq!(key.open("t", "r", &sealed[..at]), Err(SealError::Refused), "cut at {at}");
    }
}

#[test]
fn what_is_sealed_shows_nothing() {
    let (key, stored) = master(1).data_key_new(organization(1), 1, &[7; KEY_BYTES], [1; NONCE_BYTES]).unwrap();
    let sealed = key.seal("t", "r", [2; NONCE_BYTES], &value()).unwrap();
    assert!(!sealed.windows(6).any(|bytes| bytes == b"canary"));
    assert!(!stored.sealed.windows(8).any(|bytes| bytes == [7; 8]));
    for shown in [format!("{:?}", super::tests::key(1)), format!("{:?}{key:?}", master(1))] {
        assert!(!shown.contains("0101") && !shown.contains("0707") && !shown.contains("1, 1"), "{shown}");
    }
}

#[test]
fn a_master_key_is_64_digits() {
    let hex = "0f".repeat(32);
    assert_eq!(MasterKey::from_hex(&hex).unwrap().id(), key(0x0f).id());
    for text in ["", "0f", &"0g".repeat(32), &"0f".repeat(33), &"é".repeat(32)] {
        assert_eq!(MasterKey::from_hex(text).unwrap_err(), SealError::MalformedKey, "{text}");
    }
}

#[test]
fn the_first_seals_and_all_open() {
    let (_, stored) = master(1).data_key_new(organization(1), 1, &[7; KEY_BYTES], [1; NONCE_BYTES]).unwrap();
    assert_eq!(stored.master_key, key(1).id());
    let ring = MasterKeys::new(vec![key(2), key(1)]).unwrap();
    assert_eq!(ring.ids(), [key(2).id(), key(1).id()]);
    let sealed = opened(&ring, organization(1), 1, &stored).unwrap().seal("t", "r", [2; NONCE_BYTES], &value()).unwrap();
    // Without the id, as rows have it that are older than ids.
    assert!(ring.data_key_open(organization(1), 1, None, &stored.sealed).is_ok());
    assert!(matches!(master(2).data_key_open(organization(1), 1, None, &stored.sealed), Err(SealError::Refused)));

    let again = ring.data_key_reseal(organization(1), 1, Some(&stored.master_key.to_string()), &stored.sealed, [3; NONCE_BYTES]).unwrap();
    assert_eq!(again.master_key, key(2).id());
    assert!(matches!(opened(&master(1), organization(1), 1, &again), Err(SealError::UnknownKey)));
    let opened = opened(&master(2), organization(1), 1, &again).unwrap().open("t", "r", &sealed).unwrap();
    assert_eq!(opened.expose(), value().expose(), "the data key is the same one");
    assert!(matches!(ring.data_key_open(organization(1), 1, Some("mk_00"), &again.sealed), Err(SealError::UnknownKey)));
}

#[test]
fn a_ring_is_replaced_while_it_is_used() {
    let ring = master(1);
    assert_eq!((ring.replace(vec![key(1)]), ring.changes()), (Ok(false), 0));
    assert_eq!((ring.replace(vec![key(1), key(2)]), ring.changes()), (Ok(true), 1));
    assert_eq!((ring.replace(vec![key(2), key(1)]), ring.changes()), (Ok(true), 2));
    for wrong in [vec![], vec![key(3), key(3)]] {
        assert_eq!(ring.replace(wrong), Err(SealError::WrongRing));
    }
    assert_eq!(ring.ids(), [key(2).id(), key(1).id()]);
    assert_eq!(key(2).id().to_string().parse(), Ok(key(2).id()));
}

#[test]
fn what_belongs_to_no_organization_is_sealed_under_the_first_key() {
    let old = master(1).seal("totp", "user_1", [1; NONCE_BYTES], &value()).unwrap();
    let ring = MasterKeys::new(vec![key(2), key(1)]).unwrap();
    assert_eq!(ring.open("totp", "user_1", &old).unwrap().expose(), value().expose());
    assert_eq!(ring.open("totp", "user_2", &old), Err(SealError::Refused), "another row");
    assert_eq!(ring.open("cookie", "user_1", &old), Err(SealError::Refused), "another table");
    let new = ring.reseal("totp", "user_1", &old, [2; NONCE_BYTES]).unwrap().unwrap();
    assert_eq!(master(1).open("totp", "user_1", &new), Err(SealError::Refused), "the old key is out");
    assert_eq!(master(2).open("totp", "user_1", &new).unwrap().expose(), value().expose());
    assert_eq!(ring.reseal("totp", "user_1", &new, [3; NONCE_BYTES]), Ok(None));
}
