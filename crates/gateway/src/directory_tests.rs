//! What a gateway that is cut off still answers, on a clock of the test's own.

use domain::Secret;
use rpc::Remote;

use super::*;

const NOW: UnixMicros = UnixMicros(1_796_083_199_000_000);
const KEY: &str = "sk-of-another-product";

fn hash(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

/// Asks a port where nobody listens.
async fn cut_off() -> Directory {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let remote = Remote::new(&address, &Secret::new("0123456789abcdef0123456789abcdef".to_owned()), None).unwrap();
    Directory::new(Control::Remote(Box::new(remote)), Arc::new(MasterKeys::of(seal::MasterKey::new(&[1; seal::KEY_BYTES]).unwrap())), 1_000)
}

fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

fn row() -> CallerRow {
    CallerRow {
        key: ApiKeyId::from_uuid(uuid(1)),
        organization: OrganizationId::from_uuid(uuid(2)),
        project: ProjectId::from_uuid(uuid(3)),
        key_status: KeyStatus::Active,
        expires_at: None,
        organization_status: OrganizationStatus::Active,
        mode: ProjectMode::Credits,
        cache_enabled: false,
        cache_ttl_seconds: 0,
        project_status: ProjectStatus::Active,
        routing: RoutingStrategy::Smart,
        levels: Vec::new(),
        plan: "free".to_owned(),
        markup_basis_points: 0,
        sub_account: None,
        acts_for_sub_accounts: false,
        budgets: Vec::new(),
        revision: 1,
    }
}

fn news(revision: i64, reset: bool, changes: Vec<ChangeRow>) -> News {
    News { revision, reset, changes }
}

fn know(directory: &Directory) {
    directory.callers.insert(hash(KEY), Arc::new(Caller::proven(row(), hash(KEY)).unwrap()));
}

async fn said(directory: &Directory, key: &str, now: UnixMicros) -> Option<Code> {
    directory.resolve(key, IpAddr::from([192, 0, 2, 1]), now).await.err().map(|fault| fault.code())
}

#[tokio::test]
async fn what_is_known_goes_on_within_its_bounds() {
    let directory = cut_off().await;
    directory.learn(&news(7, true, Vec::new()), NOW);
    know(&directory);
    let credits = |now| directory.credits_are_known(now).err().map(|fault| fault.code());
    for (seconds, key, credit) in [
        (0, None, None),
        (15 * 60 - 1, None, None),
        (15 * 60, None, Some(Code::CreditsUnavailable)),
        (24 * 3_600 - 1, None, Some(Code::CreditsUnavailable)),
        (24 * 3_600, Some(Code::DirectoryUnavailable), Some(Code::CreditsUnavailable)),
    ] {
        let now = NOW.plus_seconds(seconds);
        assert_eq!((said(&directory, KEY, now).await, credits(now)), (key, credit), "after {seconds} s");
    }
    // Any word of control, if only that nothing has changed, starts both bounds again.
    let later = NOW.plus_seconds(25 * 3_600);
    directory.learn(&news(7, false, Vec::new()), later);
    assert_eq!((said(&directory, KEY, later).await, credits(later)), (None, None));
}

#[tokio::test]
async fn an_unknown_key_is_nobodys_only_while_control_is_heard() {
    let directory = cut_off().await;
    directory.learn(&news(7, true, Vec::new()), NOW);
    directory.nobodies.insert(hash(KEY), ());
    assert_eq!(said(&directory, KEY, NOW.plus_seconds(1)).await, Some(Code::InvalidApiKey));
    assert_eq!(said(&directory, KEY, NOW.plus_seconds(6)).await, Some(Code::DirectoryUnavailable), "it may have been made since");
    assert_eq!(said(&directory, "sk-never-seen", NOW.plus_seconds(1)).await, Some(Code::DirectoryUnavailable));
}

#[tokio::test]
async fn a_change_clears_what_it_is_about_and_a_gap_clears_all() {
    let directory = cut_off().await;
    let change = ChangeRow {
        revision: 8,
        organization: OrganizationId::from_uuid(uuid(9)),
        kind: ChangeKind::KeyCreated,
        subject: String::new(),
        key_hash: Some(hash("sk-imported")),
        at: NOW,
    };
    know(&directory);
    directory.nobodies.insert(hash("sk-imported"), ());
    directory.learn(&news(8, false, vec![change]), NOW);
    assert!(directory.nobodies.get(&hash("sk-imported")).is_none() && directory.callers.get(&hash(KEY)).is_some());
    directory.nobodies.insert(hash("sk-other"), ());
    directory.learn(&news(3, true, Vec::new()), NOW);
    assert!(directory.callers.get(&hash(KEY)).is_none() && directory.nobodies.get(&hash("sk-other")).is_none());
    assert_eq!(directory.revision.load(Ordering::Acquire), 3, "an older store counts from where it is");
}
