//! The router on real stores in a folder of its own for each test.

mod bootstrap;
mod calls;
mod credits;
mod keys;
mod projects;
mod refusals;
mod usage;
mod walls;
mod world;
