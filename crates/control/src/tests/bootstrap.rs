use domain::{Code, Fault, NanoUsd, Secret};
use store::{Page, api_key_list, balance, caller_by_key_hash, project_list};

use crate::app::auth::Visitor;
use crate::app::bootstrap::BootstrapAsk;
use crate::tests::world::{empty, hash};
use crate::{Bootstrapped, Control, Settings};

fn ask(email: &str, password: &str) -> BootstrapAsk {
    BootstrapAsk::new(email, Secret::new(password.to_owned()), NanoUsd::from_usd(3))
}

fn refused(made: Result<Bootstrapped, Fault>, code: Code, param: &str) {
    let fault = made.unwrap_err();
    assert_eq!((fault.code(), fault.wrong_param()), (code, Some(param)), "{}", fault.say());
}

#[tokio::test]
async fn a_first_start_may_be_repeated() {
    let (db, analytics, _url, _folder) = empty().await;
    let control = Control::new(db.clone(), analytics, Settings::default());
    let first = control.bootstrap(&ask("Ada@Example.com", "correct horse")).await.unwrap();
    assert!(!first.existed);
    let caller = caller_by_key_hash(&db, &hash(first.api_key.expose())).await.unwrap().unwrap();
    assert_eq!((caller.organization, caller.project), (first.organization_id, first.project_id));
    let who = control.management(first.management_key.expose(), Visitor::default()).await.unwrap();
    assert_eq!((who.user(), who.scope().organization()), (first.user_id, first.organization_id));

    let again = control.bootstrap(&ask(" ada@example.COM ", "correct horse")).await.unwrap();
    assert!(again.existed);
    assert_eq!((again.organization_id, again.project_id, again.user_id), (first.organization_id, first.project_id, first.user_id));
    assert_ne!(again.api_key.expose(), first.api_key.expose());
    assert_ne!(again.management_key.expose(), first.management_key.expose());
    for key in [first.management_key, again.management_key] {
        let who = control.management(key.expose(), Visitor::default()).await.unwrap();
        assert!(crate::Operator::try_from(who).is_ok());
    }
    assert_eq!(balance(&db, who.scope()).await.unwrap().credits, NanoUsd::from_usd(3));
    assert_eq!(project_list(&db, who.scope(), None, Page::first(10)).await.unwrap().len(), 1);
    let keys = api_key_list(&db, who.scope(), Page::first(10)).await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys[1].name.starts_with("bootstrap, repeated 20"), "{}", keys[1].name);

    refused(control.bootstrap(&ask("ada@example.com", "wrong horse")).await, Code::PermissionDenied, "password");
    refused(control.bootstrap(&ask("bob@example.com", "correct horse")).await, Code::Conflict, "email");
}

#[tokio::test]
async fn senseless_asks_are_refused() {
    let (db, analytics, _url, _folder) = empty().await;
    let control = Control::new(db, analytics, Settings::default());
    refused(control.bootstrap(&ask("ada", "correct horse")).await, Code::InvalidRequest, "email");
    refused(control.bootstrap(&ask("ada@example.com", "1234567")).await, Code::InvalidRequest, "password");
    let poor = BootstrapAsk { credits: NanoUsd(-1), ..ask("ada@example.com", "correct horse") };
    refused(control.bootstrap(&poor).await, Code::InvalidRequest, "credits");
    let nameless = BootstrapAsk { organization_name: " ".to_owned(), ..ask("ada@example.com", "correct horse") };
    refused(control.bootstrap(&nameless).await, Code::InvalidRequest, "organization_name");
}
