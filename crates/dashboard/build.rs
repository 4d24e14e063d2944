//! The files are read by a macro, which cargo cannot watch; this says when to read them again.

fn main() {
    // While the folder is missing cargo runs this at every build, and so notices when it appears.
    println!("cargo:rerun-if-changed=../../web/dist");
}
