//! What every backend must do. Each test takes an empty, migrated [`Db`](crate::Db); the macro at the end runs all of
//! them on each backend.

mod accounts;
mod audit;
mod budgets;
mod budgets_random;
mod deletion;
mod directory;
mod epochs;
mod idempotency;
mod invites;
mod leases;
mod member_projects;
mod members;
mod money;
mod people;
mod posting;
mod provider_keys;
mod random;
mod second_factors;
mod sub_accounts;
mod world;

macro_rules! contract {
    ($($file:ident: $($test:ident)*;)*) => {
        contract! { @ sqlite $($($file $test)*)* }
        contract! { @ postgres $($($file $test)*)* }
    };
    (@ $backend:ident $($file:ident $test:ident)*) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let world = super::world::$backend().await;
                    Box::pin(super::$file::$test(world.db.clone())).await;
                    world.close().await;
                }
            )*
        }
    };
}

contract! {
    accounts:
        a_letter_is_taken_by_one_and_its_end_is_noted
        a_secret_is_blanked_when_it_opens_nothing_any_more
        a_letters_token_works_once_and_in_time
        an_account_waits_for_its_token
        an_operator_switches_people_off_but_not_the_last_operator;
    audit:
        a_change_leaves_one_line
        a_change_that_fails_leaves_none
        the_log_is_its_organizations
        the_log_is_filtered_and_paged
        nobody_rewrites_the_log;
    directory:
        a_bootstrap_makes_everything_once
        bootstraps_at_once_make_one_instance
        a_key_opens_until_it_is_revoked
        a_project_update_is_told_to_gateways
        an_imported_key_belongs_to_one_organization
        keys_are_listed_by_page
        a_key_changes_where_it_is_told_to
        a_rotated_key_opens_until_its_grace_ends
        nothing_is_seen_through_another_scope
        a_management_key_shows_its_maker
        the_e_mail_has_no_case
        a_closed_database_is_unavailable
        migrating_twice_changes_nothing;
    deletion:
        a_deletion_is_begun_and_taken_back_once
        erasing_leaves_the_books_and_other_organizations
        an_account_ends_but_not_the_last_owners_or_operators;
    people:
        sign_ups_at_once_make_one_operator
        a_closed_instance_takes_one_person
        a_session_opens_until_it_ends
        old_and_surplus_sessions_make_room
        another_password_ends_the_other_sessions
        other_sessions_end_together;
    second_factors:
        a_code_counts_once_however_often_it_comes
        a_second_factor_begins_with_its_first_code_and_ends_with_it
        log_ins_wait_for_a_while;
    idempotency:
        an_answer_is_kept_for_its_caller_and_for_a_while;
    invites:
        an_invitation_waits_for_its_address
        an_invitation_is_accepted_once_and_in_time
        the_invited_sign_up_into_the_organization
        an_invitation_holds_no_more_than_its_maker;
    member_projects:
        a_member_is_limited_to_projects_of_the_organization
        limits_end_with_a_higher_role_and_with_the_membership;
    members:
        an_organization_keeps_an_owner
        two_owners_who_leave_at_once_leave_one
        an_organization_is_given_away
        what_a_former_member_made_ends_as_told
        members_are_not_seen_through_another_scope
        a_person_makes_further_organizations;
    provider_keys:
        a_data_key_is_made_once
        data_keys_are_sealed_anew_one_by_one
        provider_keys_live_in_their_organization
        another_provider_key_forgets_the_tests_of_the_old_one
        a_provider_keys_settings_are_kept
        calls_tell_how_a_provider_key_does
        what_a_provider_key_spends_is_counted_with_its_calls;
    money:
        a_grant_counts_once
        a_correction_needs_words_and_counts_once
        transfers_and_postings_cannot_be_changed
        a_loss_is_ours_and_counts_once
        a_wrong_figure_is_found
        the_debit_itself_refuses_what_is_not_covered;
    leases:
        two_hundred_at_once_fit_exactly
        a_lease_takes_what_is_there_when_it_is_enough
        the_same_ask_gets_the_same_answer
        the_same_ask_at_once_is_granted_once
        an_extension_counts_once
        a_return_counts_once
        a_drained_lease_closes_when_its_events_are_posted
        a_lease_is_not_seen_through_another_scope
        senseless_asks_are_refused;
    posting:
        a_batch_is_posted_once
        a_gap_stops_its_lane_only
        a_lease_never_pays_more_than_is_left
        an_unknown_or_foreign_lease_is_not_touched
        postings_carry_every_class
        own_keys_cost_and_charge_nothing
        invalid_events_stop_the_batch
        offsets_only_grow
        a_large_batch_is_one_transaction;
    epochs:
        leases_of_an_epoch_close_when_all_is_posted
        an_ended_epoch_gets_no_lease
        a_late_event_is_posted_and_flagged
        an_epoch_is_recorded_once;
    budgets:
        budgets_live_in_their_organization
        a_key_finds_its_budgets
        two_hundred_asks_at_once_fit_exactly
        the_same_ask_is_granted_once
        an_ask_takes_less_the_less_there_is
        an_ask_that_gets_nothing_recalls_the_others
        a_lowered_or_deleted_budget_grants_nothing_more
        calls_are_posted_once_and_alert_once
        a_bill_above_its_hold_is_named
        budget_leases_of_an_epoch_close
        a_budget_is_not_touched_through_another_scope;
    sub_accounts:
        sub_accounts_live_in_their_organization
        sub_accounts_are_searched_and_paged
        a_sub_accounts_keys_are_made_together_or_not_at_all
        a_gateway_learns_of_a_keys_sub_account;
    budgets_random:
        any_interleaving_of_gateways_keeps_a_budget;
    random:
        any_sequence_keeps_the_invariants
        everything_at_once_keeps_the_invariants;
}
