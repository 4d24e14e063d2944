//! Compiles the protos without a `protoc` on the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../../proto");
    let files = protox::compile(["llmg/usage/v1/usage.proto"], ["../../proto"])?;
    prost_build::Config::new().compile_fds(files)?;
    let services = protox::compile(["llmg/directory/v1/directory.proto", "llmg/broker/v1/broker.proto"], ["../../proto"])?;
    tonic_prost_build::configure().build_transport(false).compile_fds(services)?;
    Ok(())
}
