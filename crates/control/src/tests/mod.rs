//! The router on real stores in a folder of its own for each test.

mod accounts;
mod audit;
mod auth;
mod bodies;
mod bootstrap;
mod browser;
mod budgets;
mod calls;
mod credits;
mod invites;
mod key_change;
mod keys;
mod lists;
mod management_keys;
mod matrix;
mod member_projects;
mod members;
mod once;
mod people;
mod projects;
mod provider_keys;
mod refusals;
mod sessions;
mod usage;
mod walls;
mod world;
